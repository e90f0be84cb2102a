/* Slots of claims: a file of records of fixed size, an index of it in memory. */
#include "claim/claim_slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "wire/rd.h"
#include "wire/wr.h"

/*
 * The header has the size of a slot: magic | generation | slots | doubt | damaged | 0 (16 bytes) | check; 8 bytes each. A slot:
 * magic | key (16 bytes) | out | in | expires | 0 | check. A free slot is all zero. No slot crosses the border of a disk sector.
 */
#define HEAD_MAGIC	UINT64_C(0x736170736c743031)	/* "sapslt01" */
#define SLOT_MAGIC	UINT64_C(0x736170736c743032)
#define CHECK_AT	(SLOT_LEN - 8)
#define KEY_LEN		(CLAIM_HEX / 2)
#define KEY_AT		8
#define OUT_AT		24
#define GROW		256		/* slots */
#define LOCK_MS		5000
#define LOOKS		5		/* reads of a slot that another process may be writing */

static const uint8_t zeros[SLOT_LEN];

static off_t
at_of(uint32_t slot)
{
	return (((off_t)slot + 1) * SLOT_LEN);
}

static bool
is_whole(const uint8_t *p, uint64_t magic)
{
	uint8_t sum[8];

	return (get_be64(p) == magic && claim_check(p, CHECK_AT, sum) == 0 && span_eq(SPAN_ARRAY(sum), span_of(p + CHECK_AT, 8)));
}

static bool
is_free(const uint8_t *p)
{
	return (memcmp(p, zeros, SLOT_LEN) == 0);
}

static struct claim_numbers
numbers_of(const uint8_t *p)
{
	return ((struct claim_numbers){ get_be64(p + OUT_AT), get_be64(p + OUT_AT + 8), get_be64(p + OUT_AT + 16) });
}

void
slots_init(struct slots *s)
{
	*s = (struct slots){ .fd = -1 };
}

void
slots_close(struct slots *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	table_free(&s->index);
	free(s->entries);
	free(s->raw);
	slots_init(s);
}

uint64_t
slots_doubt(const struct slots *s)
{
	return (s->doubt);
}

static uint8_t *
raw_of(const struct slots *s, uint32_t slot)
{
	return (s->raw + (size_t)slot * SLOT_LEN);
}

static int
bad(struct fault *f, const char *what)
{
	return (fault_because(f, CAUSE_STATE_DIR, fault_sys(f, errno == EACCES || errno == EPERM ? FAULT_PERMISSION : FAULT_SYSTEM,
	    "cannot %s " SLOTS_FILE " in the state directory", what)));
}

/* ---- the header */

static bool
head_put(const struct slots *s, int fd)
{
	uint8_t b[SLOT_LEN] = {0};

	put_be64(b, HEAD_MAGIC);
	put_be64(b + 8, s->generation);
	put_be64(b + 16, s->n);
	put_be64(b + 24, s->doubt);
	put_be64(b + 32, s->n_damaged);
	return (claim_check(b, CHECK_AT, b + CHECK_AT) == 0 && pwrite(fd, b, SLOT_LEN, 0) == SLOT_LEN);
}

/* Makes other processes read the file again. Called before a change, in case this process ends in the middle of it. */
static bool
announce(struct slots *s)
{
	s->generation++;
	return (head_put(s, s->fd));
}

bool
slots_fresh(const struct slots *s)
{
	uint8_t b[16];

	return (s->fd != -1 && pread(s->fd, b, sizeof(b), 0) == sizeof(b) && get_be64(b) == HEAD_MAGIC &&
	    get_be64(b + 8) == s->generation);
}

/* ---- the file */

static int
sync_dir(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd == -1)
		return (-1);
	rc = fsync(fd);
	(void)close(fd);
	return (rc);
}

/* Appends ${n} slots of zeros after the ${from} present ones. False with errno. */
static bool
grow(int fd, uint32_t from, uint32_t n)
{
	static const uint8_t none[GROW * SLOT_LEN];

	return (n <= GROW && pwrite(fd, none, (size_t)n * SLOT_LEN, at_of(from)) == (ssize_t)((size_t)n * SLOT_LEN) && fsync(fd) == 0);
}

/*
 * Makes the file with its header and some slots, so a file without them has lost them. If another process makes it at the
 * same time, one of the two files gets the name.
 */
static int
create(int dir, struct fault *f)
{
	struct timespec t = {0};
	struct slots s = { .n = GROW };
	char temp[sizeof(SLOTS_FILE) + 24];
	bool ok;
	int fd, keep;

	(void)snprintf(temp, sizeof(temp), SLOTS_FILE ".%ld", (long)getpid());
	(void)unlinkat(dir, temp, 0);
	fd = openat(dir, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* No generation of a file that was there before is this one. */
	(void)clock_gettime(CLOCK_REALTIME, &t);
	s.generation = (uint64_t)t.tv_sec << 30 | (uint64_t)t.tv_nsec;
	ok = fd != -1 && head_put(&s, fd) && grow(fd, 0, GROW) && (linkat(dir, temp, dir, SLOTS_FILE, 0) == 0 || errno == EEXIST) &&
	    sync_dir(dir) == 0;
	keep = errno;
	if (fd != -1)
		(void)close(fd);
	(void)unlinkat(dir, temp, 0);
	errno = keep;
	return (ok ? 0 : bad(f, "make"));
}

static int
ready(struct slots *s, int dir, struct fault *f)
{
	struct stat st;

	if (s->fd == -1)
		s->fd = openat(dir, SLOTS_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd == -1 && errno != ENOENT)
		return (bad(f, "open"));
	if (s->fd == -1) {
		if (create(dir, f) != 0)
			return (-1);
		if ((s->fd = openat(dir, SLOTS_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC)) == -1)
			return (bad(f, "open"));
	}
	if (fstat(s->fd, &st) != 0)
		return (bad(f, "read"));
	if (!S_ISREG(st.st_mode) || st.st_nlink == 0)
		return (fault_because(f, CAUSE_STATE_DIR, fault(f, FAULT_SYSTEM, SLOTS_FILE " in the state directory %s",
		    S_ISREG(st.st_mode) ? "was removed" : "is no file")));
	return (0);
}

static int
set_lock(const struct slots *s, short type)
{
	struct flock head = { .l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = SLOT_LEN };

	return (fcntl(s->fd, F_OFD_SETLK, &head));
}

int
slots_lock(struct slots *s, int dir, struct fault *f)
{
	const struct timespec moment = { 0, 1000 * 1000 };

	if (ready(s, dir, f) != 0)
		return (-1);
	for (int i = 0; i < LOCK_MS; i++) {
		if (set_lock(s, F_WRLCK) == 0)
			return (0);
		if (errno != EAGAIN && errno != EACCES)
			return (bad(f, "lock"));
		(void)nanosleep(&moment, NULL);
	}
	return (fault(f, FAULT_SYSTEM, "another esp-tun does not unlock " SLOTS_FILE " in the state directory"));
}

void
slots_unlock(struct slots *s)
{
	if (s->fd != -1)	/* else its end has released it */
		(void)set_lock(s, F_UNLCK);
}

/* ---- the index */

static uint64_t
hash_of(const uint8_t *key)
{
	return (get_be64(key));	/* of a keyed fingerprint */
}

static int
room(struct slots *s, uint32_t n, struct fault *f)
{
	struct slot_entry *e;
	uint8_t *raw;

	if (n <= s->n)
		return (0);
	table_free(&s->index);	/* entries move: all are entered again */
	if ((raw = realloc(s->raw, (size_t)n * SLOT_LEN)) != NULL)
		s->raw = raw;
	if ((e = realloc(s->entries, n * sizeof(*e))) != NULL)
		s->entries = e;
	if (raw == NULL || e == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for claims"));
	memset(raw_of(s, s->n), 0, (size_t)(n - s->n) * SLOT_LEN);
	memset(&s->entries[s->n], 0, (n - s->n) * sizeof(*e));
	for (uint32_t i = 0; i < s->n; i++)
		s->entries[i].node = (struct table_node){0};
	s->n = n;
	for (uint32_t i = 0; i < n; i++)
		if (!is_free(raw_of(s, i)) && table_put(&s->index, &s->entries[i].node, hash_of(raw_of(s, i) + KEY_AT)) != 0)
			return (fault(f, FAULT_MEMORY, "no memory for claims"));
	return (0);
}

/* Slot ${i} has the bytes ${p} now. */
static int
enter(struct slots *s, uint32_t i, const uint8_t *p, struct fault *f)
{
	struct slot_entry *e = &s->entries[i];

	table_remove(&s->index, &e->node);
	memcpy(raw_of(s, i), p, SLOT_LEN);
	e->damaged = !is_free(p) && !is_whole(p, SLOT_MAGIC);
	if (is_free(p) && i < s->next_free)
		s->next_free = i;
	/* Also a damaged one: its key may be intact, so that it is found. */
	if (!is_free(p) && table_put(&s->index, &e->node, hash_of(p + KEY_AT)) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for claims"));
	return (0);
}

/* Another process may be in the middle of a write: a slot counts as damaged only if it stays so. */
static bool
look_again(const struct slots *s, uint32_t i, uint8_t *p)
{
	const struct timespec moment = { 0, 2 * 1000 * 1000 };

	for (int k = 0; k < LOOKS; k++) {
		if (is_free(p) || is_whole(p, SLOT_MAGIC))
			return (true);
		(void)nanosleep(&moment, NULL);
		if (pread(s->fd, p, SLOT_LEN, at_of(i)) != SLOT_LEN)
			return (false);
	}
	return (true);
}

static int
read_slots(struct slots *s, uint32_t n, struct fault *f)
{
	uint8_t b[GROW * SLOT_LEN];
	ssize_t got;

	for (uint32_t i = 0; i < n; i += GROW) {
		uint32_t m = n - i < GROW ? n - i : GROW;

		got = pread(s->fd, b, (size_t)m * SLOT_LEN, at_of(i));
		if (got != (ssize_t)((size_t)m * SLOT_LEN))
			return (bad(f, "read"));
		for (uint32_t k = 0; k < m; k++) {
			if (memcmp(raw_of(s, i + k), b + (size_t)k * SLOT_LEN, SLOT_LEN) == 0)
				continue;
			if (!look_again(s, i + k, b + (size_t)k * SLOT_LEN))
				return (bad(f, "read"));
			if (enter(s, i + k, b + (size_t)k * SLOT_LEN, f) != 0)
				return (-1);
		}
	}
	return (0);
}

static int
refresh(struct slots *s, uint64_t now, struct fault *f)
{
	uint8_t b[SLOT_LEN] = {0};
	uint64_t n, doubt, known, found = 0;
	struct stat st;
	bool whole, cut;

	if (slots_fresh(s) && s->doubt <= now)
		return (0);
	if (pread(s->fd, b, SLOT_LEN, 0) == -1 || fstat(s->fd, &st) != 0)
		return (bad(f, "read"));
	whole = is_whole(b, HEAD_MAGIC) && get_be64(b + 16) <= SLOTS_MAX;
	n = st.st_size > SLOT_LEN ? ((uint64_t)st.st_size - SLOT_LEN) / SLOT_LEN : 0;
	cut = !whole || n < get_be64(b + 16);
	n = whole && !cut ? get_be64(b + 16) : n < SLOTS_MAX ? n : SLOTS_MAX;
	doubt = whole ? get_be64(b + 24) : 0;
	known = whole ? get_be64(b + 32) : 0;
	/* Slots that the file no longer has are not in the index. */
	for (uint32_t i = (uint32_t)n; i < s->n; i++)
		if (enter(s, i, zeros, f) != 0)
			return (-1);
	s->next_free = 0;
	if (room(s, (uint32_t)n, f) != 0)
		return (-1);
	s->n = (uint32_t)n;
	if (read_slots(s, (uint32_t)n, f) != 0)
		return (-1);
	for (uint32_t i = 0; i < s->n; i++)
		found += s->entries[i].damaged;
	s->generation = whole ? get_be64(b + 8) : s->generation + ((uint64_t)now << 30);
	s->doubt = cut || found > known || doubt > now ? now : doubt;	/* not in the future, in case the clock was set back */
	s->n_damaged = found;
	if ((cut || found != known || s->doubt != doubt) && (!announce(s) || fsync(s->fd) != 0))
		return (bad(f, "write"));
	return (0);
}

int
slots_refresh(struct slots *s, uint64_t now, struct fault *f)
{
	if (refresh(s, now, f) == 0)
		return (0);
	slots_close(s);		/* with a part of the index some claims would look new */
	return (-1);
}

/* ---- slots */

static void
key_of(const char *name, uint8_t key[KEY_LEN])
{
	char text[CLAIM_HEX + 1];

	(void)snprintf(text, sizeof(text), "%.*s", CLAIM_HEX, name);
	(void)hex_get(key, KEY_LEN, text);
}

int
slots_find(struct slots *s, const char *name, uint32_t *slot, struct claim_numbers *n, struct fault *f)
{
	uint8_t key[KEY_LEN], p[SLOT_LEN];
	struct table_node *t;

	*slot = SLOT_NONE;
	key_of(name, key);
	for (t = table_first(&s->index, hash_of(key)); t != NULL; t = table_next(&s->index, t)) {
		uint32_t i = (uint32_t)(ENTRY_OF(t, struct slot_entry, node) - s->entries);

		if (memcmp(raw_of(s, i) + KEY_AT, key, KEY_LEN) != 0)
			continue;
		if (pread(s->fd, p, SLOT_LEN, at_of(i)) != SLOT_LEN)
			return (bad(f, "read"));
		if (!is_whole(p, SLOT_MAGIC) || memcmp(p + KEY_AT, key, KEY_LEN) != 0)
			return (fault_because(f, CAUSE_CLAIM, fault(f, FAULT_MALFORMED, "claim %.*s is damaged: its "
			    "checksum is wrong; the numbers that were used are not known", CLAIM_HEX, name)));
		memcpy(raw_of(s, i), p, SLOT_LEN);
		*n = numbers_of(p);
		*slot = i;
		return (1);
	}
	return (0);
}

static bool
write_slot(struct slots *s, uint32_t slot, const char *name, const struct claim_numbers *n)
{
	uint8_t b[SLOT_LEN] = {0};

	put_be64(b, SLOT_MAGIC);
	key_of(name, b + KEY_AT);
	put_be64(b + OUT_AT, n->out);
	put_be64(b + OUT_AT + 8, n->in);
	put_be64(b + OUT_AT + 16, n->expires);
	/* 64 bytes within one sector are written atomically; the checksum detects all other damage. */
	if (claim_check(b, CHECK_AT, b + CHECK_AT) != 0 || pwrite(s->fd, b, SLOT_LEN, at_of(slot)) != SLOT_LEN)
		return (false);
	memcpy(raw_of(s, slot), b, SLOT_LEN);
	return (true);
}

int
slots_put(struct slots *s, uint32_t slot, const char *name, const struct claim_numbers *n, struct fault *f)
{
	struct stat st;

	if (slot >= s->n)
		return (fault(f, FAULT_SYSTEM, "claim %.*s has no slot any more", CLAIM_HEX, name));
	if (fstat(s->fd, &st) == 0 && st.st_nlink == 0)
		return (fault_because(f, CAUSE_STATE_DIR, fault(f, FAULT_SYSTEM, SLOTS_FILE " in the state directory was removed")));
	return (write_slot(s, slot, name, n) ? 0 : bad(f, "write"));
}

int
slots_new(struct slots *s, uint32_t *slot, const char *name, const struct claim_numbers *n, struct fault *f)
{
	uint32_t i = s->next_free;

	while (i < s->n && !is_free(raw_of(s, i)))
		i++;
	s->next_free = i;
	if (i == s->n) {
		if (i + GROW > SLOTS_MAX)
			return (fault(f, FAULT_TOO_LARGE, "more than %u claims in one state directory", SLOTS_MAX));
		/* Zeros first, and on the disk: a file that is shorter than its header says has lost claims. */
		if (!grow(s->fd, i, GROW))
			return (bad(f, "write"));
		if (room(s, i + GROW, f) != 0) {
			slots_close(s);
			return (-1);
		}
	}
	if (!announce(s) || !write_slot(s, i, name, n))
		return (bad(f, "write"));
	*slot = i;
	s->next_free = i + 1;
	if (table_put(&s->index, &s->entries[i].node, hash_of(raw_of(s, i) + KEY_AT)) == 0)
		return (0);
	slots_close(s);
	return (fault(f, FAULT_MEMORY, "no memory for claims"));
}

int
slots_sync(struct slots *s, struct fault *f)
{
	return (s->fd == -1 || fdatasync(s->fd) == 0 ? 0 : bad(f, "write"));
}

/* ---- expired ones */

static bool
is_over(const uint8_t *p, uint64_t now)
{
	struct claim_numbers n = numbers_of(p);

	return (claim_numbers_over(&n, now));
}

void
slots_prune(struct slots *s, uint64_t now, bool (*take)(void *ctx, const char *name),
    void (*give)(void *ctx, const char *name), void *ctx)
{
	char name[CLAIM_NAME_LEN + 1];
	bool told = false;

	for (uint32_t i = 0; i < s->n; i++) {
		/* Damaged ones stay: they block SAs with unknown sequence numbers. */
		if (is_free(raw_of(s, i)) || s->entries[i].damaged || !is_over(raw_of(s, i), now))
			continue;
		(void)hex_put(name, CLAIM_HEX + 1, span_of(raw_of(s, i) + KEY_AT, KEY_LEN));
		(void)strcat(name, CLAIM_SUFFIX);
		if (!take(ctx, name))
			continue;
		/* Its holder may have written it since it was read here. */
		if (pread(s->fd, raw_of(s, i), SLOT_LEN, at_of(i)) == SLOT_LEN && is_whole(raw_of(s, i), SLOT_MAGIC) &&
		    is_over(raw_of(s, i), now) && (told || (told = announce(s))) && pwrite(s->fd, zeros, SLOT_LEN, at_of(i)) == SLOT_LEN)
			(void)enter(s, i, zeros, NULL);
		give(ctx, name);
	}
}

bool
slots_are_live(int dir, uint64_t now)
{
	uint8_t b[SLOT_LEN];
	int fd = openat(dir, SLOTS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool live;
	off_t at;

	if (fd == -1)
		return (errno != ENOENT);
	live = pread(fd, b, SLOT_LEN, 0) != SLOT_LEN || !is_whole(b, HEAD_MAGIC);
	for (at = SLOT_LEN; !live && pread(fd, b, SLOT_LEN, at) == SLOT_LEN; at += SLOT_LEN)
		live = !is_free(b) && (!is_whole(b, SLOT_MAGIC) || !is_over(b, now));
	(void)close(fd);
	return (live);
}
