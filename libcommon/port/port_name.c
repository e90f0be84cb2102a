/* The name of a port, the lock of its owner, and which users are trusted. */
#include "port/port_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#define OVERFLOW_UID	65534
#define VERSION		3	/* of the messages: tools of different versions do not find each other */

/*
 * Version, role, family, address and port. Directories and abstract names alike belong to one network
 * namespace, as UDP ports do. No text of the user's: an address has many spellings.
 */
socklen_t
port_name(struct sockaddr_un *un, const struct port *p, const struct endpoint *at)
{
	const struct ports *set = p->set;
	char addr[ADDR_TEXT], name[sizeof(un->sun_path) - 1];
	int n;

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(name, sizeof(name), "%s%s%d-%s-%u-%s-%u",
	    set->dir != -1 ? set->dir_path : "sapipe", set->dir != -1 ? "/" : "-", VERSION,
	    p->role == PORT_TCP ? "tcp" : p->role == PORT_NATT ? "natt" : "ike", at->addr.family, addr_text(addr, &at->addr), at->port);
	/* An abstract name begins with a zero byte and has none at its end. */
	memcpy(un->sun_path + (set->dir != -1 ? 0 : 1), name, (size_t)n);
	return ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
}

bool
port_trusts(const struct ports *set, uid_t uid)
{
	/* In a user namespace every uid that is not mapped looks like OVERFLOW_UID. */
	return (uid == 0 || (uid == set->euid &&
	    (uid != OVERFLOW_UID || set->own_is_clear)));
}

int
port_lock_make(void)
{
	return (memfd_create("sapipe-owner", MFD_CLOEXEC));
}

bool
port_take_lock(struct port *p)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	/* Not one of the descriptor (F_OFD_SETLK, flock()): all holders have the same one. */
	p->owner = fcntl(p->lock, F_SETLK, &whole) == 0;
	return (p->owner);
}

void
port_drop_lock(struct port *p)
{
	struct flock whole = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (p->owner)
		(void)fcntl(p->lock, F_SETLK, &whole);
	p->owner = false;
}
