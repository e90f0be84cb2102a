/* Claims: locked files that record which sequence numbers are used. */
#include "datapath/claim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/crypto.h"
#include "wire/rd.h"
#include "wire/wr.h"

#define ROOT_DIR	"/var/lib/sapipe"
#define KEY_FILE	"claim.key"
#define KEY_LEN		32
#define SUFFIX		".claim"
#define KEEP		86400	/* seconds that a claim outlives its SA: clocks may be set back */
#define TRIES		20
#define SYNC_ONE_BY_ONE	16	/* files; with more, asking for the whole filesystem is faster */

/* magic | out | in | expires | check: 8 bytes each. */
#define FILE_LEN	40
#define MAGIC		UINT64_C(0x736170636c6d3031)	/* "sapclm01" */

#define OUT_BLOCK	(UINT64_C(1) << 16)
#define IN_BLOCK	UINT64_C(8)
#define BLOCK_MAX_OUT	(UINT64_C(1) << 22)
#define BLOCK_MAX_IN	(UINT64_C(1) << 20)

static uint64_t
mono_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

static uint64_t
boot_epoch(void)
{
	struct timespec now, up;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0 ||
	    now.tv_sec < up.tv_sec)
		return (0);
	return ((uint64_t)(now.tv_sec - up.tv_sec));
}

/* ---- the directory */

/* mkdir -p, each part 0700. */
static int
make_dirs(const char *path)
{
	char part[4096];
	size_t i, n = strlen(path);

	if (n == 0 || n >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	for (i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return (-1);
	}
	return (0);
}

static int
open_dir(const char *path)
{
	if (make_dirs(path) != 0)
		return (-1);
	return (open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* The default state directory; -1 with errno. */
static int
open_default(char *path, size_t cap)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int fd;

	(void)snprintf(path, cap, "%s", ROOT_DIR);
	if (geteuid() == 0) {
		if ((fd = open_dir(path)) != -1 && faccessat(fd, ".", W_OK, AT_EACCESS) == 0)
			return (fd);
		if (fd != -1) {
			(void)close(fd);
			errno = EACCES;
		}
		/* Root of a user namespace has no /var/lib of its own. */
		if (errno != EACCES && errno != EPERM && errno != EROFS)
			return (-1);
	}
	if (xdg != NULL && xdg[0] == '/')
		(void)snprintf(path, cap, "%s/sapipe", xdg);
	else if (home != NULL && home[0] == '/')
		(void)snprintf(path, cap, "%s/.local/state/sapipe", home);
	else {
		errno = ENOENT;
		return (-1);
	}
	return (open_dir(path));
}

/* Reads the directory's key, or creates it: writes a temporary file and links it, so that no reader sees a part. */
static int
key_load(struct claims *c, struct fault *f)
{
	char temp[32];
	int fd, i, why;
	bool linked;
	ssize_t n = 0;
	uint8_t *p = secret_make(&c->key, KEY_LEN);

	if (p == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the key of claims"));
	for (i = 0; i < TRIES; i++) {
		fd = openat(c->dir, KEY_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd != -1) {
			n = read(fd, p, KEY_LEN);
			(void)close(fd);
			return (n == KEY_LEN ? 0 : fault(f, FAULT_MALFORMED, "%s in the state directory "
			    "is cut off", KEY_FILE));
		}
		if (errno != ENOENT)
			break;
		if (rand_system.fill(rand_system.state, p, KEY_LEN) != 0)
			return (fault(f, FAULT_CRYPTO, "no random bytes"));
		(void)snprintf(temp, sizeof(temp), "%s.%ld", KEY_FILE, (long)getpid());
		fd = openat(c->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1)
			break;
		n = write(fd, p, KEY_LEN);
		linked = n == KEY_LEN && fsync(fd) == 0 &&
		    (linkat(c->dir, temp, c->dir, KEY_FILE, 0) == 0 || errno == EEXIST);
		why = errno;
		(void)close(fd);
		(void)unlinkat(c->dir, temp, 0);
		errno = why;
		if (!linked)
			break;
	}
	return (fault_because(f, CAUSE_STATE_DIR,
	    fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
	    "cannot keep %s in the state directory", KEY_FILE)));
}

static bool
is_claim(const char *name)
{
	size_t n = strlen(name);

	return (n == CLAIM_NAME - 2 && strcmp(name + n - strlen(SUFFIX), SUFFIX) == 0);
}

static DIR *
list(const struct claims *c)
{
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;

	if (d == NULL && fd != -1)
		(void)close(fd);
	return (d);
}

int
claims_open(struct claims *c, const char *path, struct fault *f)
{
	char buf[4096];
	struct stat st;

	*c = (struct claims){ .dir = -1, .boot = boot_epoch() };
	if (path != NULL) {
		(void)snprintf(buf, sizeof(buf), "%s", path);
		c->dir = open_dir(path);
	} else
		c->dir = open_default(buf, sizeof(buf));
	if (c->dir == -1 || fstat(c->dir, &st) != 0) {
		(void)fault_because(f, CAUSE_STATE_DIR,
		    fault_sys(f, errno == EACCES || errno == EPERM ? FAULT_PERMISSION : FAULT_SYSTEM,
		    "cannot open state directory %s", buf));
		goto bad;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		(void)fault(f, FAULT_CONFIG, "state directory %s may be written by others (mode %04o)",
		    buf, (unsigned)(st.st_mode & 07777));
		goto bad;
	}
	if (key_load(c, f) != 0) {
		fault_where(f, "%.60s", buf);
		goto bad;
	}
	return (0);
bad:
	claims_close(c);
	return (-1);
}

void
claims_close(struct claims *c)
{
	if (c->dir != -1)
		(void)close(c->dir);
	c->dir = -1;
	secret_free(&c->key);
}

/* ---- the file */

static int
check_sum(const uint8_t *p, uint8_t out[8])
{
	const struct alg_hash *h = alg_hash_word("sha256");
	struct span part = span_of(p, FILE_LEN - 8);
	uint8_t sum[HASH_MAX];

	if (hash_parts(h, sum, &part, 1, NULL) != 0)
		return (-1);
	memcpy(out, sum, 8);
	return (0);
}

int
claim_sync(struct claim *cl, struct fault *f)
{
	if (!cl->dirty)
		return (0);
	cl->dirty = cl->owed = false;
	if (fdatasync(cl->fd) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot write claim %s", cl->name));
	return (0);
}

int
claims_sync(const struct claims *c, struct claim *const *list, size_t n, struct fault *f)
{
	size_t i, dirty = 0;
	int rc = 0;

	for (i = 0; i < n; i++)
		dirty += list[i] != NULL && list[i]->dirty;
	if (dirty > SYNC_ONE_BY_ONE && syncfs(c->dir) == 0) {
		for (i = 0; i < n; i++)
			if (list[i] != NULL)
				list[i]->dirty = list[i]->owed = false;
		return (0);
	}
	for (i = 0; i < n; i++)
		if (list[i] != NULL && claim_sync(list[i], f) != 0)
			rc = -1;
	return (rc);
}

/* ${owed}: reserved numbers must not be used before they are on disk. */
static int
store(struct claim *cl, uint64_t out, uint64_t in, bool owed, struct fault *f)
{
	uint8_t b[FILE_LEN];

	put_be64(b, MAGIC);
	put_be64(b + 8, out);
	put_be64(b + 16, in);
	put_be64(b + 24, cl->expires);
	/* 40 bytes within one sector are written atomically; the checksum detects all other damage. */
	if (check_sum(b, b + 32) != 0 || pwrite(cl->fd, b, FILE_LEN, 0) != FILE_LEN)
		return (fault_sys(f, FAULT_SYSTEM, "cannot write claim %s", cl->name));
	cl->dirty = true;
	cl->owed = cl->owed || owed;
	return (0);
}

/* 1: read; 0: empty; -1: damaged. */
static int
load(int fd, uint64_t *out, uint64_t *in, uint64_t *expires)
{
	uint8_t b[FILE_LEN], sum[8];
	ssize_t n = pread(fd, b, FILE_LEN, 0);

	if (n == 0)
		return (0);
	if (n != FILE_LEN || get_be64(b) != MAGIC || check_sum(b, sum) != 0 ||
	    !span_eq(SPAN_ARRAY(sum), span_of(b + 32, 8)))
		return (-1);
	*out = get_be64(b + 8);
	*in = get_be64(b + 16);
	*expires = get_be64(b + 24);
	return (1);
}

/* The keys decide, not the SPI: the same keys under another name are the same trap. */
int
claim_digest(const struct sa_child *rec, uint8_t digest[CLAIM_DIGEST], struct fault *f)
{
	struct span parts[] = {
		span_str("sapipe claim 1"), span_str(rec->encryption), span_of("\0", 1),
		span_str(rec->integrity), span_of("\0", 1),
		secret_span(&rec->enc_out), secret_span(&rec->auth_out),
	};
	uint8_t sum[HASH_MAX];

	if (hash_parts(alg_hash_word("sha256"), sum, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	memcpy(digest, sum, CLAIM_DIGEST);
	wipe(sum, sizeof(sum));
	return (0);
}

static int
fingerprint(const struct claims *c, const uint8_t digest[CLAIM_DIGEST], char name[CLAIM_NAME],
    struct fault *f)
{
	struct span part = span_of(digest, CLAIM_DIGEST);
	struct secret mac = {0};

	if (prf_parts(alg_hash_word("sha256"), secret_span(&c->key), &mac, &part, 1, f) != 0)
		return (-1);
	(void)hex_put(name, 33, span_of(mac.p, 16));
	(void)strcat(name, SUFFIX);
	secret_free(&mac);
	return (0);
}

/* Opens and locks; again if it was pruned in between. */
static int
open_locked(struct claims *c, const char *name, struct fault *f)
{
	const struct timespec moment = { 0, 50 * 1000 * 1000 };
	struct stat st;
	bool taken;
	int fd, i;

	for (i = 0; i < TRIES; i++) {
		fd = openat(c->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1)
			return (fault_because(f, CAUSE_STATE_DIR,
			    fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
			    "cannot open claim %s", name)));
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			taken = errno == EWOULDBLOCK;
			(void)close(fd);
			if (taken && i + 1 < TRIES) {
				(void)nanosleep(&moment, NULL);
				continue;
			}
			if (taken)
				return (fault(f, FAULT_CLAIMED, "another esp-tun sends with the keys of this SA "
				    "(claim %s)", name));
			return (fault_sys(f, FAULT_SYSTEM, "cannot lock claim %s", name));
		}
		if (fstat(fd, &st) == 0 && st.st_nlink > 0)
			return (fd);
		(void)close(fd);
	}
	return (fault(f, FAULT_CLAIMED, "claim %s does not hold still", name));
}

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return (a > UINT64_MAX - b ? UINT64_MAX : a + b);
}

struct claim *
claim_take(struct claims *c, const uint8_t digest[CLAIM_DIGEST], uint64_t established,
    uint64_t expires, uint64_t now, struct fault *f)
{
	struct claim *cl = calloc(1, sizeof(*cl));
	uint64_t old;
	int rc;

	if (cl == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a claim");
		return (NULL);
	}
	cl->dir = c->dir;
	cl->fd = -1;
	if (fingerprint(c, digest, cl->name, f) != 0 || (cl->fd = open_locked(c, cl->name, f)) == -1) {
		free(cl);
		return (NULL);
	}
	rc = load(cl->fd, &cl->out_next, &cl->in_right, &old);
	if (rc == -1) {
		(void)fault(f, FAULT_MALFORMED, "claim %s is damaged; the numbers it held are not known",
		    cl->name);
		goto bad;
	}
	if (rc == 0) {
		cl->out_next = 1;
		if (established < c->boot) {
			(void)fault(f, FAULT_STALE_SA, "the SA was established %lu s before this machine started, "
			    "and no claim records the sequence numbers sent with it",
			    (unsigned long)(c->boot - established));
			(void)unlinkat(c->dir, cl->name, 0);
			goto bad;
		}
	}
	cl->expires = expires > now ? expires : now;
	cl->out_end = plus(cl->out_next, OUT_BLOCK);
	cl->in_end = plus(cl->in_right + 1, IN_BLOCK);
	/*
	 * Used numbers must not be used again, so an existing claim must be on disk. A new claim
	 * need not be: after a crash of the machine it does not exist, and the SA is rejected.
	 */
	if (store(cl, cl->out_end, cl->in_end - 1, rc == 1, f) != 0)
		goto bad;
	return (cl);
bad:
	(void)close(cl->fd);
	free(cl);
	return (NULL);
}

/* Blocks grow while they last less than a second, so that the disk is asked about once a second. */
static uint64_t
next_block(uint64_t *block, uint64_t *at, uint64_t least, uint64_t most)
{
	uint64_t now = mono_ms();

	if (*block == 0)
		*block = least;
	else if (now - *at < 1000)
		*block = *block * 4 < most ? *block * 4 : most;
	else if (now - *at > 4000 && *block > least)
		*block /= 2;
	*at = now;
	return (*block);
}

int
claim_reserve_out(struct claim *cl, uint64_t seq, struct fault *f)
{
	uint64_t end = plus(seq, next_block(&cl->out_block, &cl->out_ms, OUT_BLOCK, BLOCK_MAX_OUT));

	if (store(cl, end, cl->in_end - 1, true, f) != 0)
		return (-1);
	cl->out_end = end;
	return (0);
}

int
claim_reserve_in(struct claim *cl, uint64_t seq, struct fault *f)
{
	uint64_t end = plus(seq, next_block(&cl->in_block, &cl->in_ms, IN_BLOCK, BLOCK_MAX_IN));

	if (store(cl, cl->out_end, end - 1, false, f) != 0)
		return (-1);
	cl->in_end = end;
	return (0);
}

bool
claim_unsettled(uint64_t in_end, uint64_t right)
{
	return (in_end > plus(right, 2 * IN_BLOCK));
}

int
claim_settle_in(struct claim *cl, uint64_t right, struct fault *f)
{
	uint64_t end = plus(right, IN_BLOCK);

	if (!claim_unsettled(cl->in_end, right))
		return (0);
	cl->in_block = IN_BLOCK;
	if (store(cl, cl->out_end, end - 1, false, f) != 0)
		return (-1);
	cl->in_end = end;
	return (0);
}

void
claim_release(struct claim *cl, uint64_t out_next, uint64_t in_right)
{
	(void)store(cl, out_next, in_right, false, NULL);
	(void)flock(cl->fd, LOCK_UN);
}

void
claim_free(struct claim *cl)
{
	if (cl == NULL)
		return;
	(void)close(cl->fd);
	wipe(cl, sizeof(*cl));
	free(cl);
}

void
claims_prune(struct claims *c, uint64_t now)
{
	uint64_t out, in, expires;
	struct dirent *e;
	DIR *d = list(c);
	int fd;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!is_claim(e->d_name))
			continue;
		fd = openat(c->dir, e->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			continue;
		/* Damaged claims stay: they block SAs with unknown sequence numbers. */
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && load(fd, &out, &in, &expires) == 1 &&
		    plus(expires, KEEP) < now)
			(void)unlinkat(c->dir, e->d_name, 0);
		(void)close(fd);
	}
	if (d != NULL)
		(void)closedir(d);
}
