/* The names of a port and of its lock, and which users are trusted. */
#include "port/port_name.h"

#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hex.h"

#define OVERFLOW_UID	65534

/*
 * Version, role, family, address and port. Abstract names belong to the network
 * namespace, as UDP ports do. No address text: it has many spellings.
 */
socklen_t
port_name(struct sockaddr_un *un, const struct port *p, const struct endpoint *at)
{
	char addr[ADDR_TEXT];
	int n;

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "sapipe/1/%s/%u/%s/%u",
	    p->role == PORT_NATT ? "natt" : "ike", at->addr.family,
	    addr_text(addr, &at->addr), at->port);
	return ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
}

bool
port_trusts(const struct ports *set, uid_t uid)
{
	/* In a user namespace every uid that is not mapped looks like OVERFLOW_UID. */
	return (uid == 0 || (uid == set->euid &&
	    (uid != OVERFLOW_UID || set->own_is_clear)));
}

bool
port_take_lock(struct port *p)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char hex[2 * PORT_LOCK + 1];
	int fd, n;

	n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "sapipe/1/owner/%s",
	    hex_put(hex, sizeof(hex), SPAN_ARRAY(p->lock_id)));
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) == -1)
		return (false);
	if (bind(fd, (struct sockaddr *)&un,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) != 0) {
		(void)close(fd);
		return (false);
	}
	p->lock = fd;
	return (true);
}
