/* The file of leases. */
#include "tool/lease_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/state_dir.h"

#define SLOTS_MAX	((size_t)4 * POOL_MAX)	/* lines of a file */
#define NAME		"leases"

struct lease_store {
	int		 fd;
	struct pool	**pools;
	size_t		 n_pools;
	size_t		 n_slots;	/* lines behind the head */
	bool		*used;		/* by slot: a lease has it; room for SLOTS_MAX */
	size_t		 next;		/* all slots before this one are used */
};

/* A line that was read. */
struct entry {
	struct addr	addr;
	uint64_t	used;
	uint32_t	slot;
	char		owner[SA_TEXT];
};

/* --- a line: "ADDRESS SECONDS SUM OWNER", padded with blanks --- */

/* FNV-1a: finds lines of which a crash left a half. */
static uint32_t
sum_of(const char *address, uint64_t used, const char *owner)
{
	char text[ADDR_TEXT + 32 + LEASE_LINE];
	uint32_t h = 2166136261U;
	const char *p;

	(void)snprintf(text, sizeof(text), "%s %" PRIu64 " %s", address, used, owner);
	for (p = text; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619U;
	return (h);
}

/* ${owner} without blanks and control bytes, each as "%XX". False: it is too long. */
static bool
encode(char *out, size_t cap, const char *owner)
{
	size_t n = 0;

	for (; *owner != '\0'; owner++) {
		const uint8_t c = (uint8_t)*owner;
		const bool plain = c > ' ' && c < 0x7f && c != '%';

		if (n + 4 > cap)
			return (false);
		n += (size_t)snprintf(out + n, cap - n, plain ? "%c" : "%%%02X", c);
	}
	out[n] = '\0';
	return (n > 0);
}

static int
digit(char c)
{
	return (c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

static bool
decode(char *out, size_t cap, const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++, n++) {
		if (n + 1 >= cap)
			return (false);
		out[n] = *text;
		if (*text != '%')
			continue;
		if (digit(text[1]) < 0 || digit(text[2]) < 0)
			return (false);
		out[n] = (char)(digit(text[1]) * 16 + digit(text[2]));
		if (out[n] == '\0')
			return (false);
		text += 2;
	}
	out[n] = '\0';
	return (n > 0);
}

static bool
is_blank(const char *line)
{
	return (strspn(line, " ") == LEASE_LINE - 1 && line[LEASE_LINE - 1] == '\n');
}

static bool
parse(struct entry *e, const char line[LEASE_LINE])
{
	char text[LEASE_LINE], address[ADDR_TEXT], owner[LEASE_LINE];
	unsigned sum;
	int end = 0;
	size_t n;

	if (line[LEASE_LINE - 1] != '\n' || memchr(line, '\0', LEASE_LINE) != NULL)
		return (false);
	memcpy(text, line, LEASE_LINE - 1);
	for (n = LEASE_LINE - 1; n > 0 && text[n - 1] == ' '; n--)
		;
	text[n] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): a number that is none gives another sum */
	if (sscanf(text, "%63s %" SCNu64 " %8x %511s%n", address, &e->used, &sum, owner, &end) != 4 ||
	    text[end] != '\0' ||
	    addr_parse(&e->addr, address) != 0 || e->addr.scope != 0)
		return (false);
	return (sum == sum_of(address, e->used, owner) && decode(e->owner, sizeof(e->owner), owner));
}

/* False: the owner's name is too long. */
static bool
format(char line[LEASE_LINE], const struct pool_entry *e)
{
	char address[ADDR_TEXT], owner[LEASE_LINE - ADDR_TEXT - 32], text[LEASE_LINE];

	if (!encode(owner, sizeof(owner), e->owner))
		return (false);
	(void)addr_text(address, &e->addr);
	(void)snprintf(text, sizeof(text), "%s %" PRIu64 " %08x %s", address, e->used, sum_of(address, e->used, owner), owner);
	memset(line, ' ', LEASE_LINE - 1);
	memcpy(line, text, strlen(text));
	line[LEASE_LINE - 1] = '\n';
	return (true);
}

/* --- the file --- */

static int
open_dir(const char *path, char name[STATE_DIR_PATH], struct fault *f)
{
	const int dir = state_dir_open(path, name);
	struct stat st;

	if (dir == -1 || fstat(dir, &st) != 0) {
		(void)fault_because(f, CAUSE_STATE_DIR, fault_sys(f, errno == EACCES || errno == EPERM ? FAULT_PERMISSION : FAULT_SYSTEM,
		    "%.200s cannot be opened", name));
		if (dir != -1)
			(void)close(dir);
		return (-1);
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		(void)close(dir);
		return (fault(f, FAULT_CONFIG, "others may write to the state directory %.200s", name));
	}
	return (dir);
}

/* Its descriptor, locked, and the name of its directory; -1 with a fault. */
static int
open_file(const char *where, char path[STATE_DIR_PATH], struct fault *f)
{
	const int dir = open_dir(where, path, f);
	struct stat st;
	int fd;

	if (dir == -1)
		return (-1);
	fd = openat(dir, NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd == -1)
		(void)fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM, "%.200s/" NAME " cannot be opened", path);
	(void)close(dir);
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		(void)fault(f, FAULT_MALFORMED, "%.200s/" NAME " is no regular file", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		(void)fault(f, FAULT_CLAIMED, "another process uses the leases in %.200s", path);
	else
		return (fd);
	(void)close(fd);
	return (-1);
}

/* Writes the head of a file that is empty, or checks it. */
static int
check_head(int fd, const char *path, struct fault *f)
{
	char line[LEASE_LINE];
	ssize_t n = pread(fd, line, sizeof(line), 0);

	if (n == 0) {
		memset(line, ' ', sizeof(line));
		memcpy(line, LEASE_HEAD, sizeof(LEASE_HEAD) - 1);
		line[sizeof(line) - 1] = '\n';
		return (pwrite(fd, line, sizeof(line), 0) == sizeof(line) ? 0 :
		    fault_sys(f, FAULT_SYSTEM, "%.200s/" NAME " cannot be written", path));
	}
	if (n != sizeof(line) || line[n - 1] != '\n' || memcmp(line, LEASE_HEAD " ", sizeof(LEASE_HEAD)) != 0)
		return (fault(f, FAULT_MALFORMED, "%.200s/" NAME " is no file of leases", path));
	return (0);
}

/* --- its leases --- */

static int
by_address(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const int c = addr_cmp(&x->addr, &y->addr);

	return (c != 0 ? c : (x->used > y->used) - (x->used < y->used));
}

static int
by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return ((x->used > y->used) - (x->used < y->used));
}

/* The lines of the file into ${*out}, to be freed; their number, or -1: no memory. */
static ssize_t
read_entries(struct lease_store *s, uint64_t epoch, struct entry **out, size_t *damaged)
{
	char line[LEASE_LINE];
	struct entry e, *more;
	size_t n = 0, cap = 0;
	ssize_t got;

	*out = NULL;
	for (s->n_slots = 0; s->n_slots < SLOTS_MAX; s->n_slots++) {
		got = pread(s->fd, line, sizeof(line), (off_t)((s->n_slots + 1) * LEASE_LINE));
		if (got != sizeof(line)) {
			*damaged += got > 0;
			break;
		}
		if (is_blank(line))
			continue;
		if (!parse(&e, line)) {
			(*damaged)++;
			continue;
		}
		e.slot = (uint32_t)s->n_slots + 1;
		if (e.used > epoch)	/* the clock was set back */
			e.used = epoch;
		if (n == cap) {
			cap = cap > 0 ? 2 * cap : 64;
			if ((more = realloc(*out, cap * sizeof(*more))) == NULL)
				return (-1);
			*out = more;
		}
		(*out)[n++] = e;
	}
	return ((ssize_t)n);
}

/* Gives ${e} to its pool. 0, or -1: no memory. A lease of no pool keeps its line until it expires. */
static int
restore(struct lease_store *s, const struct entry *e, uint64_t epoch)
{
	size_t i;
	int rc;

	for (i = 0; i < s->n_pools; i++) {
		if (!selector_has_addr(pool_range(s->pools[i]), &e->addr))
			continue;
		if (e->used + pool_lease_time(s->pools[i]) < epoch)
			return (0);
		if ((rc = pool_restore(s->pools[i], &e->addr, e->owner, e->used, e->slot)) < 0)
			return (-1);
		s->used[e->slot - 1] = rc == 0;
		return (0);
	}
	s->used[e->slot - 1] = e->used + POOL_LEASE_S >= epoch;
	return (0);
}

static int
load(struct lease_store *s, uint64_t epoch, size_t *damaged)
{
	struct entry *e;
	ssize_t n = read_entries(s, epoch, &e, damaged);
	size_t i, kept = 0;
	int rc = n < 0 ? -1 : 0;

	if (n > 0) {
		/* Of two lines with one address the later counts. The pool gets them in the order of their use. */
		qsort(e, (size_t)n, sizeof(*e), by_address);
		for (i = 0; i < (size_t)n; i++)
			if (i + 1 == (size_t)n || addr_cmp(&e[i].addr, &e[i + 1].addr) != 0)
				e[kept++] = e[i];
		qsort(e, kept, sizeof(*e), by_time);
		for (i = 0; i < kept && rc == 0; i++)
			rc = restore(s, &e[i], epoch);
	}
	free(e);
	return (rc);
}

/* --- pools --- */

static void
add_pool(struct lease_store *s, struct pool *p)
{
	size_t i;

	for (i = 0; i < s->n_pools && s->pools[i] != p; i++)
		;
	if (p != NULL && i == s->n_pools)
		s->pools[s->n_pools++] = pool_ref(p);
}

static void
add_pools(struct lease_store *s, const struct ike_policy *p)
{
	add_pool(s, p->pool);
	add_pool(s, p->pool6);
}

static int
no_memory(struct fault *f)
{
	return (fault(f, FAULT_MEMORY, "no memory for leases"));
}

int
lease_store_add(struct lease_store *s, const struct ike_conf *conf, struct fault *f)
{
	struct pool **more = realloc(s->pools, (s->n_pools + 2 * (conf->n_policies + conf->n_groups) + 1) * sizeof(*more));
	size_t i;

	if (more == NULL)
		return (no_memory(f));
	s->pools = more;
	for (i = 0; i < conf->n_policies; i++)
		add_pools(s, &conf->policies[i]);
	for (i = 0; i < conf->n_groups; i++)
		add_pools(s, &conf->groups[i]);
	return (0);
}

static int
fill(struct lease_store *s, const char *dir, const struct ike_conf *conf, uint64_t epoch, size_t *damaged,
    struct fault *f)
{
	char name[STATE_DIR_PATH];

	if (lease_store_add(s, conf, f) != 0 || (s->used = calloc(SLOTS_MAX, sizeof(*s->used))) == NULL)
		return (no_memory(f));
	if ((s->fd = open_file(dir, name, f)) == -1 || check_head(s->fd, name, f) != 0)
		return (-1);
	return (load(s, epoch, damaged) != 0 ? no_memory(f) : 0);
}

struct lease_store *
lease_store_open(const char *dir, const struct ike_conf *conf, uint64_t epoch, size_t *damaged, struct fault *f)
{
	struct lease_store *s = calloc(1, sizeof(*s));

	*damaged = 0;
	if (s == NULL) {
		(void)no_memory(f);
		return (NULL);
	}
	s->fd = -1;
	if (fill(s, dir, conf, epoch, damaged, f) == 0)
		return (s);
	lease_store_close(s);
	return (NULL);
}

/* A line for a lease that has none. 0: the file is full. */
static uint32_t
new_slot(struct lease_store *s)
{
	while (s->next < SLOTS_MAX && s->used[s->next])
		s->next++;
	if (s->next == SLOTS_MAX)
		return (0);
	s->used[s->next] = true;
	return ((uint32_t)s->next + 1);
}

int
lease_store_sync(struct lease_store *s, struct fault *f)
{
	char line[LEASE_LINE];
	struct pool_entry e;
	size_t i;
	int rc = 0;

	for (i = 0; i < s->n_pools; i++)
		while (pool_changed(s->pools[i], &e)) {
			if (!format(line, &e))
				continue;	/* its owner's name is too long to be kept */
			if (*e.slot == 0)
				*e.slot = new_slot(s);
			if (*e.slot == 0)
				rc = fault(f, FAULT_SYSTEM, "there are more leases than the file can have");
			else if (pwrite(s->fd, line, sizeof(line), (off_t)*e.slot * LEASE_LINE) != sizeof(line))
				rc = fault_sys(f, FAULT_SYSTEM, "a lease is not written: it is lost at a restart");
		}
	return (rc);
}

void
lease_store_close(struct lease_store *s)
{
	struct fault f;
	size_t i;

	if (s == NULL)
		return;
	if (s->fd != -1) {
		(void)lease_store_sync(s, &f);
		(void)close(s->fd);
	}
	for (i = 0; i < s->n_pools; i++)
		pool_free(s->pools[i]);
	free(s->pools);
	free(s->used);
	free(s);
}
