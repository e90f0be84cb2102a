/* The state directory of claims, and the key of their names. */
#include "claim/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "claim/claim_file.h"
#include "os/state_dir.h"

#define KEY_FILE	"claim.key"
#define KEY_LEN		32
#define TRIES		20

/* Whether a claim in the directory may still be needed: one that has not expired, or that cannot be read. */
static bool
has_live_claim(const struct claims *c)
{
	struct timespec t = {0};
	struct dirent *e;
	bool live = false;
	DIR *d = claim_list(c->dir);

	(void)clock_gettime(CLOCK_REALTIME, &t);
	live = slots_are_live(c->dir, (uint64_t)t.tv_sec);
	while (d != NULL && !live && (e = readdir(d)) != NULL)
		live = claim_is_name(e->d_name) && !claim_is_over(c->dir, e->d_name, (uint64_t)t.tv_sec);
	if (d != NULL)
		(void)closedir(d);
	return (live);
}

/* Writes a new key to a temporary file and links it, so that no reader sees a part. False with errno. */
static bool
key_make(const struct claims *c, const uint8_t *p)
{
	char temp[32];
	bool linked;
	int fd, why;

	(void)snprintf(temp, sizeof(temp), "%s.%ld", KEY_FILE, (long)getpid());
	fd = openat(c->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return (false);
	linked = write(fd, p, KEY_LEN) == KEY_LEN && fsync(fd) == 0 &&
	    (linkat(c->dir, temp, c->dir, KEY_FILE, 0) == 0 || errno == EEXIST);
	why = errno;
	(void)close(fd);
	(void)unlinkat(c->dir, temp, 0);
	errno = why;
	return (linked);
}

/*
 * Reads the directory's key, or makes one where there are no claims: under another key they would not
 * be found, and their SAs would start over with number 1.
 */
static int
key_load(struct claims *c, struct fault *f)
{
	bool orphans = false;
	int fd, i;
	ssize_t n = 0;
	uint8_t *p = secret_make(&c->key, KEY_LEN);

	if (p == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the key of claims"));
	for (i = 0; i < TRIES; i++) {
		fd = openat(c->dir, KEY_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd != -1) {
			n = read(fd, p, KEY_LEN);
			(void)close(fd);
			return (n == KEY_LEN ? 0 : fault_because(f, CAUSE_CLAIM, fault(f, FAULT_MALFORMED,
			    "%s is damaged: it has %zd of %d bytes", KEY_FILE, n, KEY_LEN)));
		}
		if (errno != ENOENT)
			break;
		if (orphans)
			return (fault_because(f, CAUSE_CLAIM, fault(f, FAULT_MALFORMED, "there are claims "
			    "but no %s: the SAs of these claims cannot be told from new ones", KEY_FILE)));
		/* Another process may have made the key and a claim since: look again. */
		if ((orphans = has_live_claim(c)))
			continue;
		if (rand_system.fill(rand_system.state, p, KEY_LEN) != 0)
			return (fault(f, FAULT_CRYPTO, "no random bytes"));
		if (!key_make(c, p))
			break;
	}
	return (fault_because(f, CAUSE_STATE_DIR,
	    fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
	    "cannot keep %s in the state directory", KEY_FILE)));
}

int
claims_open(struct claims *c, const char *path, struct fault *f)
{
	char buf[STATE_DIR_PATH];
	struct stat st;

	*c = (struct claims){ .dir = -1, .lock = -1 };
	slots_init(&c->slots);
	c->dir = state_dir_open(path, buf);
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
	if (c->lock != -1)
		(void)close(c->lock);
	c->dir = c->lock = -1;
	slots_close(&c->slots);
	secret_free(&c->key);
}
