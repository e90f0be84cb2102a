/*
 * The state directory of claims, damaged: what claim.key, claim.slots and the file of a claim of an earlier version hold comes
 * from the input. Whatever that is, no number that was reserved is used again: a claim is refused, or goes on behind it. Byte 0
 * picks what is damaged, and how: the file or (bit 7) the slots; raw, or numbers with a good checksum of which a byte may be
 * changed or the end cut; byte 1 the length of claim.key, 255: none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/span.h"
#include "claim/claim.h"
#include "claim/claim_file.h"
#include "must.h"

#define KEY_LEN		32
#define FILE_LEN	40
#define KEY_NONE	255

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/dev/shm/fuzz-claim.XXXXXX";
static char name[CLAIM_NAME];		/* of the claim under the key of zeros */
static const uint8_t key[KEY_LEN], digest[CLAIM_DIGEST];
static int dir = -1;
static uint64_t began;		/* the SAs are no younger than damage that was seen first */

static uint64_t
now(void)
{
	return ((uint64_t)time(NULL));
}

static void
put_file(const char *file, struct span what)
{
	int fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd != -1 && write(fd, what.p, what.len) == (ssize_t)what.len);
	(void)close(fd);
}

static void
clean_up(void)
{
	static const char *const files[] = { "claim.key", "claim.lock", SLOTS_FILE };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlinkat(dir, files[i], 0);
	(void)unlinkat(dir, name, 0);
	(void)rmdir(path);
}

static struct claim *
take(struct claims *c, struct fault *f)
{
	return (claim_take(c, digest, began, now() + 3600, now(), f));
}

/* The directory, and the name that the claim has there. */
static void
setup(void)
{
	struct claims c;
	struct claim *cl = NULL;

	began = now();
	(void)secret_init();
	must(mkdtemp(path) != NULL && (dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1);
	put_file("claim.key", SPAN_ARRAY(key));
	must(claims_open(&c, path, NULL) == 0 && (cl = take(&c, NULL)) != NULL);
	memcpy(name, cl->name, sizeof(name));
	must(claim_is_name(name));
	claim_free(cl);
	claims_close(&c);
	must(unlinkat(dir, SLOTS_FILE, 0) == 0);
	(void)atexit(clean_up);
}

/* Writes the claim as ${how} and ${in} say. */
static void
damage(uint8_t how, struct span in)
{
	struct claim_numbers n;
	uint8_t b[FILE_LEN + 8] = {0};
	size_t len = FILE_LEN;
	int fd;

	if (how % 4 == 0 || in.len < 26) {
		put_file(name, in);
		return;
	}
	n = (struct claim_numbers){ get_be64(in.p), get_be64(in.p + 8), get_be64(in.p + 16) };
	put_file(name, SPAN_NONE);
	fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	must(fd != -1 && claim_put(fd, &n) && pread(fd, b, FILE_LEN, 0) == FILE_LEN);
	(void)close(fd);
	if (how % 4 == 2)
		b[in.p[24] % FILE_LEN] ^= in.p[25];
	if (how % 4 == 3)
		len = in.p[24] % sizeof(b);
	put_file(name, span_of(b, len));
}

/* What the file says; 1 only where it is what claim_put() makes of these numbers. */
static int
read_back(struct claim_numbers *n)
{
	uint8_t a[FILE_LEN + 1], b[FILE_LEN + 1];
	struct fault f = {0};
	int fd, rc = claim_load(dir, name, n, &f);

	must(rc == 1 || (rc == -1 && f.code == FAULT_MALFORMED && f.what[0] != '\0'));
	if (rc == -1)
		return (-1);
	fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	must(fd != -1 && pread(fd, a, sizeof(a), 0) == FILE_LEN && claim_put(fd, n) &&
	    pread(fd, b, sizeof(b), 0) == FILE_LEN && memcmp(a, b, FILE_LEN) == 0);
	(void)close(fd);
	return (1);
}

/* Takes the claim, whose file had ${n} if ${rc} is 1, and again as after the death of its holder. */
static void
try_take(struct claims *c, int rc, const struct claim_numbers *n)
{
	struct fault f = {0};
	struct claim *cl = take(c, &f);
	uint64_t out, in;

	must((cl != NULL) == (rc == 1));
	if (cl == NULL) {
		must(f.code == FAULT_MALFORMED);
		return;
	}
	must(cl->out_next >= n->out && cl->in_right >= n->in);
	/* There is no number above the last one that could be reserved. */
	must(cl->out_end >= cl->out_next && (cl->in_end > cl->in_right || cl->in_end == UINT64_MAX));
	out = cl->out_end;
	in = cl->in_end - 1;
	claim_unlock(cl);
	claim_free(cl);
	must((cl = take(c, &f)) != NULL);
	must(cl->out_next >= out && cl->in_right >= in);
	claim_free(cl);
}

/* ---- slots */

/* An SA of another name, so that its slot is none of the claim. */
static struct claim *
take_other(struct claims *c, struct fault *f)
{
	static const uint8_t another[CLAIM_DIGEST] = { 1 };

	return (claim_take(c, another, began, now() + 3600, now(), f));
}

/* Makes slots: of ${n}, and one more. They are as the claims write them. */
static void
make_slots(const struct claim_numbers *n)
{
	struct claim *cl = NULL, *other = NULL;
	struct claims c;

	must(claims_open(&c, path, NULL) == 0 && (other = take_other(&c, NULL)) != NULL && (cl = take(&c, NULL)) != NULL);
	claim_release(cl, n->out, n->in);
	claim_release(other, 1, 0);
	claim_free(cl);
	claim_free(other);
	claims_close(&c);
}

/* The slots are damaged as ${how} and ${in} say. */
static void
try_slots(uint8_t how, struct span in)
{
	struct claim_numbers n = { 1, 0, 0 };
	struct fault f = {0};
	struct claim *cl;
	struct claims c;
	uint8_t b;
	int fd;

	(void)unlinkat(dir, name, 0);
	(void)unlinkat(dir, SLOTS_FILE, 0);
	put_file("claim.key", SPAN_ARRAY(key));
	if (how % 4 == 0 || in.len < 22) {
		put_file(SLOTS_FILE, in);	/* nobody has made a good one by chance: no number is known */
		n.out = UINT64_MAX;
	} else {
		n = (struct claim_numbers){ get_be64(in.p), get_be64(in.p + 8), 0 };
		make_slots(&n);
		fd = openat(dir, SLOTS_FILE, O_RDWR | O_CLOEXEC);
		must(fd != -1);
		for (size_t i = 16; how % 4 >= 2 && i + 3 <= in.len && i < 40; i += 3) {
			off_t at = get_be16(in.p + i) % (4 * SLOT_LEN);

			must(pread(fd, &b, 1, at) == 1);
			b ^= in.p[i + 2];
			must(pwrite(fd, &b, 1, at) == 1);
		}
		if (how % 4 == 3)
			must(ftruncate(fd, get_be16(in.p + in.len - 2) % (6 * SLOT_LEN)) == 0);
		(void)close(fd);
	}
	must(claims_open(&c, path, NULL) == 0);
	for (int i = 0; i < 2; i++) {
		if ((cl = take(&c, &f)) == NULL)
			must(f.code == FAULT_MALFORMED && f.what[0] != '\0');
		else {
			must(cl->out_next >= n.out && cl->in_right >= n.in && cl->out_end >= cl->out_next);
			n.out = cl->out_end;
			n.in = cl->in_end - 1;
			claim_unlock(cl);
			claim_free(cl);
		}
		claims_prune(&c, now());
	}
	claims_close(&c);
	(void)unlinkat(dir, SLOTS_FILE, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct claim_numbers n = {0};
	struct claims c;
	struct fault f = {0};
	int rc;
	bool opened;

	if (dir == -1)
		setup();
	if (size < 2)
		return (0);
	if ((data[0] & 0x80) != 0) {
		try_slots(data[0], span_of(data + 2, size - 2));
		return (0);
	}
	(void)unlinkat(dir, SLOTS_FILE, 0);
	damage(data[0], span_of(data + 2, size - 2));
	rc = read_back(&n);
	if (data[1] == KEY_NONE)
		(void)unlinkat(dir, "claim.key", 0);
	else
		put_file("claim.key", span_of(key, data[1] < KEY_LEN ? data[1] : KEY_LEN));
	opened = claims_open(&c, path, &f) == 0;
	if (data[1] == KEY_NONE)	/* a new key only where no claim is needed under the old one */
		must(opened == claim_is_over(dir, name, now()));
	else
		must(opened == (data[1] >= KEY_LEN));
	if (!opened) {
		must(f.code == FAULT_MALFORMED && f.what[0] != '\0');
		return (0);
	}
	if (data[1] != KEY_NONE)
		try_take(&c, rc, &n);
	claims_prune(&c, now());
	must(rc == 1 || faccessat(dir, name, F_OK, 0) == 0);
	claims_close(&c);
	return (0);
}
