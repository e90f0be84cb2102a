/* Claims on disk, the keeper that holds them, and the blocks of a route. */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hex.h"
#include "cli/helper.h"
#include "claim/claim_keeper.h"
#include "net/route.h"
#include "wire/wr.h"

static char dir[] = "/tmp/claimXXXXXX";
static uint64_t now;
static uint8_t digest[CLAIM_DIGEST];

static int
setup(void **state)
{
	(void)state;
	memcpy(dir, "/tmp/claimXXXXXX", sizeof(dir));
	now = (uint64_t)time(NULL);
	memset(digest, 7, sizeof(digest));
	return (mkdtemp(dir) != NULL ? 0 : -1);
}

static int
teardown(void **state)
{
	char cmd[64];

	(void)state;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd));
}

static struct claim *
take(struct claims *c, struct fault *f)
{
	return (claim_take(c, digest, now, now + 3600, now, f));
}

static void
release(struct claim *cl, uint64_t out, uint64_t in)
{
	claim_release(cl, out, in);
	assert_int_equal(claims_sync(cl->c, NULL), 0);
	claim_free(cl);
}

static void
test_blocks_and_restart(void **state)
{
	struct claims c;
	struct claim *cl;
	struct fault f;
	uint64_t end;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	assert_int_equal(cl->out_next, 1);
	assert_int_equal(cl->in_right, 0);
	assert_true(cl->out_end > 1 && cl->in_end > 1);
	assert_false(cl->owed);		/* should the machine fail now, the SA is refused */
	/* After an orderly end it continues exactly there. */
	release(cl, 1234, 77);
	assert_non_null(cl = take(&c, &f));
	assert_int_equal(cl->out_next, 1234);
	assert_int_equal(cl->in_right, 77);
	assert_true(cl->owed);
	assert_int_equal(claims_sync(&c, &f), 0);
	assert_false(cl->owed);
	/* Ended badly: behind what was reserved, both ways. */
	assert_int_equal(claim_reserve_out(cl, 500000, &f), 0);
	assert_int_equal(claim_reserve_in(cl, 900, &f), 0);
	assert_true(cl->out_end > 500000 && cl->in_end > 900);
	end = cl->out_end;
	claim_unlock(cl);
	struct claim *dead = cl;
	assert_non_null(cl = take(&c, &f));
	assert_true(cl->out_next == end && cl->in_right == dead->in_end - 1);
	claim_free(dead);
	/* Quiet: what was reserved inbound is given back, what was sent never. */
	for (int i = 0; i < 6; i++)
		assert_int_equal(claim_reserve_in(cl, cl->in_end, &f), 0);
	end = cl->out_end;
	assert_int_equal(claim_settle_in(cl, 950, &f), 0);
	assert_true(cl->in_end > 950 && cl->in_end < 1000 && cl->out_end == end);
	release(cl, cl->out_next, 950);
	claims_close(&c);
}

static void
test_one_holder(void **state)
{
	struct claims c, d;
	struct claim *cl;
	struct fault f;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_int_equal(claims_open(&d, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	assert_null(take(&d, &f));
	assert_int_equal(f.code, FAULT_CLAIMED);
	assert_null(take(&c, &f));			/* nor the same process twice */
	assert_int_equal(f.code, FAULT_CLAIMED);
	digest[0]++;					/* other keys: another claim */
	struct claim *other = take(&d, &f);
	assert_non_null(other);
	release(other, 1, 0);
	digest[0]--;
	release(cl, 5, 0);
	assert_non_null(cl = take(&d, &f));
	assert_int_equal(cl->out_next, 5);
	release(cl, 5, 0);
	claims_close(&c);
	claims_close(&d);
}

/* Somebody sets the clock back by years while the data path runs: SAs made after that are no older than the machine. */
static void
test_clock_set_back(void **state)
{
	uint64_t back = now - UINT64_C(10) * 365 * 86400;
	struct claims c;
	struct claim *cl;
	struct fault f;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	claim_free(cl);
	digest[0]++;
	assert_non_null(cl = claim_take(&c, digest, back, back + 3600, back, &f));
	claim_free(cl);
	/* One from before the machine started is rejected, by the new time too. */
	digest[0]++;
	assert_null(claim_take(&c, digest, 1000, back + 3600, back, &f));
	assert_int_equal(f.code, FAULT_STALE_SA);
	claims_close(&c);
}

/* The path of ${name} in the directory. */
static const char *
in_dir(const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return (path);
}

/* Changes the byte at ${at} of the file of slots; twice: it is as before. */
static void
flip(off_t at)
{
	int fd = open(in_dir(SLOTS_FILE), O_RDWR);
	uint8_t b = 0;

	assert_true(fd != -1 && pread(fd, &b, 1, at) == 1);
	b ^= 4;
	assert_int_equal(pwrite(fd, &b, 1, at), 1);
	(void)close(fd);
}

static off_t
slot_at(const struct claim *cl)
{
	return (((off_t)cl->slot + 1) * SLOT_LEN);
}

/* What a process that starts now finds of ${digest}, of an SA established at ${established}. */
static enum fault_code
found(uint64_t established, uint64_t *out)
{
	struct claims c;
	struct claim *cl;
	struct fault f = {0};

	assert_int_equal(claims_open(&c, dir, &f), 0);
	f.code = FAULT_NONE;
	if ((cl = claim_take(&c, digest, established, now + 3600, now, &f)) != NULL) {
		*out = cl->out_next;
		release(cl, cl->out_next, cl->in_right);
	} else
		assert_true(f.code != FAULT_MALFORMED || f.cause == CAUSE_CLAIM);
	claims_close(&c);
	return (f.code);
}

static void
test_stale_and_damaged(void **state)
{
	struct claims c;
	struct claim *cl;
	struct fault f;
	struct stat st;
	static const off_t lens[] = { 257 * SLOT_LEN - 1, 100 * SLOT_LEN, 100 * SLOT_LEN - 1, 3 * SLOT_LEN, 3 * SLOT_LEN - 1,
	    2 * SLOT_LEN + 1, 2 * SLOT_LEN, SLOT_LEN + 1, SLOT_LEN, SLOT_LEN - 1, 1, 0 };
	uint64_t out = 0;
	off_t at;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_null(claim_take(&c, digest, 1000, now + 60, now, &f));
	assert_int_equal(f.code, FAULT_STALE_SA);
	assert_non_null(cl = take(&c, &f));
	at = slot_at(cl);
	release(cl, 10, 0);
	/* With a claim, its age does not matter. */
	assert_non_null(cl = claim_take(&c, digest, 1000, now + 60, now, &f));
	assert_int_equal(cl->out_next, 10);
	release(cl, 10, 0);
	claims_close(&c);
	/* Each byte counts. Where it was the key that changed, nobody knows whose slot that is: no SA from before is new. */
	for (int i = 0; i < SLOT_LEN; i++) {
		flip(at + i);
		assert_int_equal(found(now, &out), FAULT_MALFORMED);
		flip(at + i);
		assert_int_equal(found(now, &out), FAULT_NONE);
		assert_int_equal(out, 10);
	}
	/* The header may be made again: the slots are whole. What has no slot may have had one. */
	for (int i = 0; i < SLOT_LEN; i++) {
		flip(i);
		assert_int_equal(found(now, &out), FAULT_NONE);
		assert_int_equal(out, 10);
	}
	digest[0]++;
	assert_int_equal(found(now, &out), FAULT_MALFORMED);
	assert_int_equal(found(now + 1, &out), FAULT_NONE);
	assert_int_equal(out, 1);
	digest[0]--;
	/* Cut off, wherever. */
	assert_int_equal(stat(in_dir(SLOTS_FILE), &st), 0);
	digest[0] += 2;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_true(lens[i] < st.st_size);
		assert_int_equal(truncate(in_dir(SLOTS_FILE), lens[i]), 0);
		assert_int_equal(found(now, &out), FAULT_MALFORMED);
	}
	digest[0] -= 2;
	assert_int_equal(found(now, &out), FAULT_MALFORMED);
	/* A link in place of the file is not followed. */
	assert_int_equal(unlink(in_dir(SLOTS_FILE)), 0);
	assert_int_equal(symlink("/etc/passwd", in_dir(SLOTS_FILE)), 0);
	assert_int_equal(found(now, &out), FAULT_SYSTEM);
}

/* Damage that is a second old says nothing of SAs that are younger, whatever the clock is set to later. */
static void
test_doubt(void **state)
{
	struct claims c;
	struct claim *cl;
	uint64_t out, back = now - UINT64_C(10) * 365 * 86400;

	(void)state;
	assert_int_equal(claims_open(&c, dir, NULL), 0);
	assert_non_null(cl = take(&c, NULL));
	flip(slot_at(cl) + 9);		/* its key */
	claim_free(cl);
	claims_close(&c);
	digest[0]++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(found(now, &out), FAULT_MALFORMED);
	/* It is remembered when it was seen, not looked at as if it were new each time. */
	now += 1000;
	assert_int_equal(found(now - 1000, &out), FAULT_MALFORMED);
	assert_int_equal(found(now - 999, &out), FAULT_NONE);
	digest[0]++;
	now = back;
	assert_int_equal(found(back, &out), FAULT_MALFORMED);
	assert_int_equal(found(back + 1, &out), FAULT_NONE);
}

/* A claim of an earlier version: a file of its own. It is honoured, and behind it all is as with a slot. */
static void
test_old_file(void **state)
{
	struct claim_numbers n = { 5000, 77, now + 3600 };
	char name[CLAIM_NAME];
	struct claims c;
	struct claim *cl;
	struct fault f;
	uint64_t out = 0;
	int fd;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	memcpy(name, cl->name, sizeof(name));
	claim_free(cl);
	claims_close(&c);
	assert_int_equal(unlink(in_dir(SLOTS_FILE)), 0);
	assert_true((fd = open(in_dir(name), O_RDWR | O_CREAT | O_EXCL, 0600)) != -1);
	assert_true(claim_put(fd, &n));
	assert_int_equal(claims_open(&c, dir, &f), 0);
	/* Also of an SA from before the start of the machine. */
	assert_non_null(cl = claim_take(&c, digest, 1000, now + 60, now, &f));
	assert_int_equal(cl->out_next, 5000);
	assert_int_equal(cl->in_right, 77);
	assert_true(cl->owed);
	assert_int_equal(claims_sync(&c, &f), 0);
	release(cl, 6000, 80);
	claims_close(&c);
	assert_int_equal(found(now, &out), FAULT_NONE);
	assert_int_equal(out, 6000);
	/* That version again, and this one: whichever is higher. */
	n.out = 7000;
	assert_true(claim_put(fd, &n));
	assert_int_equal(found(now, &out), FAULT_NONE);
	assert_int_equal(out, 7000);
	/* Damaged, it blocks its SA. */
	assert_int_equal(ftruncate(fd, 0), 0);
	(void)close(fd);
	assert_int_equal(found(now, &out), FAULT_MALFORMED);
	assert_int_equal(claims_open(&c, dir, &f), 0);
	claims_prune(&c, now + 1000000);
	assert_int_equal(access(in_dir(name), F_OK), 0);
	claims_close(&c);
}

/* Two processes with one directory make slots, and take those of one another, in turn. */
static void
test_two_writers(void **state)
{
	enum { EACH = 700 };
	static struct claim *cl[EACH];
	struct claims c[2];
	struct fault f;
	uint32_t most = 0;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(claims_open(&c[i], dir, &f), 0);
	for (uint32_t i = 0; i < EACH; i++) {
		put_be32(digest, i);
		if ((cl[i] = claim_take(&c[i % 2], digest, now, now + (i % 3 == 0 ? 1 : 200000), now, &f)) == NULL)
			fail_msg("claim %u: %s", i, f.what);
		for (uint32_t k = 0; k < i; k++)
			assert_true(cl[k]->slot != cl[i]->slot);
		most = cl[i]->slot > most ? cl[i]->slot : most;
	}
	assert_int_equal(most, EACH - 1);
	for (uint32_t i = 0; i < EACH; i++)
		release(cl[i], 1000 + i, i);
	/* One removes what is over, the other reuses just those slots. */
	claims_prune(&c[0], now + 100000);
	for (uint32_t i = 0; i < EACH; i++) {
		put_be32(digest, i);
		assert_non_null(cl[i] = claim_take(&c[1 - i % 2], digest, now, now + 200000, now, &f));
		assert_int_equal(cl[i]->out_next, i % 3 == 0 ? 1 : 1000 + i);
		most = cl[i]->slot > most ? cl[i]->slot : most;
	}
	assert_int_equal(most, EACH - 1);
	for (uint32_t i = 0; i < EACH; i++)
		claim_free(cl[i]);
	for (int i = 0; i < 2; i++)
		claims_close(&c[i]);
}

/* The file is removed while claims are held: what is written to it would be lost. */
static void
test_removed(void **state)
{
	struct claims c;
	struct claim *cl;
	struct fault f;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	assert_int_equal(unlink(in_dir(SLOTS_FILE)), 0);
	assert_int_equal(claim_reserve_out(cl, cl->out_end, &f), -1);
	assert_int_equal(f.code, FAULT_SYSTEM);
	digest[0]++;
	claim_free(cl);
	claims_close(&c);
}

/* A file says that the last number of all was received: none is free again after it. */
static void
test_last_number(void **state)
{
	struct claims c;
	struct claim *cl;

	(void)state;
	assert_int_equal(claims_open(&c, dir, NULL), 0);
	assert_non_null(cl = take(&c, NULL));
	release(cl, UINT64_MAX, UINT64_MAX);
	for (int i = 0; i < 2; i++) {
		assert_non_null(cl = take(&c, NULL));
		assert_true(cl->out_next == UINT64_MAX && cl->out_end == UINT64_MAX);
		assert_true(cl->in_right >= UINT64_MAX - 1 && cl->in_end == UINT64_MAX);
		claim_unlock(cl);
		claim_free(cl);
	}
	claims_close(&c);
}

/* How many slots of the file are in use. */
static int
slots_used(void)
{
	static const uint8_t none[SLOT_LEN];
	uint8_t b[SLOT_LEN];
	int fd = open(in_dir(SLOTS_FILE), O_RDONLY), n = 0;

	assert_true(fd != -1);
	for (off_t at = SLOT_LEN; pread(fd, b, SLOT_LEN, at) == SLOT_LEN; at += SLOT_LEN)
		n += memcmp(b, none, SLOT_LEN) != 0;
	(void)close(fd);
	return (n);
}

static void
test_prune(void **state)
{
	struct claims c;
	struct claim *cl;

	(void)state;
	assert_int_equal(claims_open(&c, dir, NULL), 0);
	assert_non_null(cl = take(&c, NULL));
	claims_prune(&c, now + 1000000);
	assert_int_equal(slots_used(), 1);	/* held */
	release(cl, 1, 0);
	claims_prune(&c, now + 3600 + 86400);
	assert_int_equal(slots_used(), 1);
	claims_prune(&c, now + 3600 + 86401);
	assert_int_equal(slots_used(), 0);
	claims_close(&c);
}

static void
test_directory(void **state)
{
	char path[128];
	struct claims c;
	struct fault f;
	struct stat st;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(claims_open(&c, path, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	claims_close(&c);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(claims_open(&c, path, &f), -1);
	assert_int_equal(f.code, FAULT_CONFIG);
	(void)snprintf(path, sizeof(path), "%s/a/b/c/claim.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* Without their key claims are not found: a sender would start over with number 1. */
static void
test_key_beside_claims(void **state)
{
	char key[128], text[32];
	struct claims c;
	struct claim *cl;
	struct fault f;

	(void)state;
	(void)snprintf(key, sizeof(key), "%s/claim.key", dir);
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	release(cl, 10, 0);
	claims_close(&c);
	for (off_t len = 31; len >= 0; len -= 31) {
		assert_int_equal(truncate(key, len), 0);
		assert_int_equal(claims_open(&c, dir, &f), -1);
		assert_int_equal(f.code, FAULT_MALFORMED);
		(void)snprintf(text, sizeof(text), "it has %d of 32 bytes", (int)len);
		assert_non_null(strstr(f.what, text));
	}
	assert_int_equal(unlink(key), 0);
	assert_int_equal(claims_open(&c, dir, &f), -1);
	assert_int_equal(f.code, FAULT_MALFORMED);
	assert_int_equal(f.cause, CAUSE_CLAIM);
	assert_int_equal(access(key, F_OK), -1);
	/* One that cannot be read counts, too; one that has expired long ago does not. */
	flip(SLOT_LEN + 10);
	assert_int_equal(claims_open(&c, dir, &f), -1);
	assert_int_equal(truncate(in_dir(SLOTS_FILE), 0), 0);
	assert_int_equal(claims_open(&c, dir, &f), -1);
	assert_int_equal(unlink(in_dir(SLOTS_FILE)), 0);
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = claim_take(&c, digest, now, 1000, 1000, &f));
	release(cl, 10, 0);
	claims_close(&c);
	assert_int_equal(unlink(key), 0);
	assert_int_equal(claims_open(&c, dir, &f), 0);
	claims_close(&c);
}

/* Claims cost no descriptor: far more of them than a process may open files. */
static void
test_many(void **state)
{
	enum { MANY = 12000 };
	static struct claim *cl[MANY];
	struct rlimit old, few = { 64, 64 };
	struct claims c, d;
	struct fault f;
	int i;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_int_equal(claims_open(&d, dir, &f), 0);
	for (i = 0; i < MANY; i++) {
		put_be32(digest, (uint32_t)i);
		if ((cl[i] = take(&c, &f)) == NULL)
			fail_msg("claim %d: %s", i, f.what);
		assert_int_equal(claim_reserve_out(cl[i], 100000, &f), 0);
		if (i % 3000 == 0)
			assert_int_equal(claims_sync(&c, &f), 0);
	}
	assert_int_equal(claims_sync(&c, &f), 0);
	put_be32(digest, MANY / 2);
	assert_null(take(&d, &f));
	assert_int_equal(f.code, FAULT_CLAIMED);
	for (i = 0; i < MANY; i++) {
		claim_release(cl[i], 200000 + (uint64_t)i, 7);
		claim_free(cl[i]);
	}
	for (i = 0; i < MANY; i += 1000) {
		put_be32(digest, (uint32_t)i);
		assert_non_null(cl[i] = take(&d, &f));
		assert_int_equal(cl[i]->out_next, 200000 + i);
		release(cl[i], 1, 1);
	}
	claims_close(&c);
	claims_close(&d);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* What a crash of an earlier version left between the making of a file and its name is removed, and is no claim. */
static void
test_half_made(void **state)
{
	char path[160];
	struct claims c;
	struct claim *cl;
	struct fault f;
	int fd;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	(void)snprintf(path, sizeof(path), "%s/%s.new", dir, cl->name);
	assert_true((fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600)) != -1);
	(void)close(fd);
	claims_prune(&c, now);
	assert_int_equal(access(path, F_OK), 0);	/* held */
	release(cl, 3, 0);
	claims_prune(&c, now);
	assert_int_equal(access(path, F_OK), -1);
	assert_non_null(cl = take(&c, &f));
	assert_int_equal(cl->out_next, 3);
	release(cl, 3, 0);
	claims_close(&c);
}

static void
answer(struct keeper *k, struct keeper_answer *a)
{
	struct pollfd p = { .fd = k->fd, .events = POLLIN };
	struct fault f;

	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_int_equal(keeper_answer(k, a, &f), 1);
}

static void
test_keeper(void **state)
{
	struct keeper_ask q = { .op = KEEPER_TAKE, .id = 3, .a = now, .b = now + 60 };
	struct keeper_answer a;
	struct helper h, h2;
	struct keeper k, k2;
	struct claims c;
	struct fault f;

	(void)state;
	memcpy(q.digest, digest, sizeof(digest));
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_int_equal(helper_fork(&h, keeper_serve, &c, c.dir, false, &f), 0);
	assert_int_equal(helper_fork(&h2, keeper_serve, &c, c.dir, false, &f), 0);
	claims_close(&c);
	keeper_init(&k, h.fd);
	keeper_init(&k2, h2.fd);
	assert_int_equal(keeper_answer(&k, &a, &f), 0);	/* nothing asked */
	assert_int_equal(keeper_ask(&k, &q, &f), 0);
	answer(&k, &a);
	assert_true(a.fault.code == FAULT_NONE && a.id == 3 && a.out_next == 1 && a.out_end > 1);
	assert_int_equal(keeper_ask(&k, &q, &f), 0);		/* the same id again */
	answer(&k, &a);
	assert_int_equal(a.fault.code, FAULT_SYSTEM);
	assert_int_equal(keeper_ask(&k2, &q, &f), 0);		/* another process */
	answer(&k2, &a);
	assert_int_equal(a.fault.code, FAULT_CLAIMED);
	q = (struct keeper_ask){ .op = KEEPER_OUT, .id = 3, .a = 1000000 };
	assert_int_equal(keeper_ask(&k, &q, &f), 0);
	answer(&k, &a);
	assert_true(a.op == KEEPER_OUT && a.out_end > 1000000);
	q = (struct keeper_ask){ .op = KEEPER_IN, .id = 4, .a = 1 };	/* not held */
	assert_int_equal(keeper_ask(&k, &q, &f), 0);
	answer(&k, &a);
	assert_int_equal(a.fault.code, FAULT_SYSTEM);
	q = (struct keeper_ask){ .op = KEEPER_RELEASE, .id = 3, .a = 42, .b = 6 };
	assert_int_equal(keeper_ask(&k, &q, &f), 0);
	helper_close(&h, 5000);
	q = (struct keeper_ask){ .op = KEEPER_TAKE, .id = 0, .a = now, .b = now + 60 };
	memcpy(q.digest, digest, sizeof(digest));
	assert_int_equal(keeper_ask(&k2, &q, &f), 0);
	answer(&k2, &a);
	assert_true(a.fault.code == FAULT_NONE && a.out_next == 42 && a.in_right == 6);
	/* Words it does not know end it. */
	q.op = 99;
	assert_int_equal(keeper_ask(&k2, &q, &f), 0);
	struct pollfd p = { .fd = h2.fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_int_equal(keeper_answer(&k2, &a, &f), -1);
	helper_close(&h2, 5000);
}

/*
 * Thousands of requests before one answer is read: neither end may wait for the other, no request may be
 * lost, and the answers come in order.
 */
static void
test_keeper_never_blocks(void **state)
{
	enum { MANY = 500 };
	struct keeper_ask q;
	struct keeper_answer a;
	struct helper h;
	struct keeper k;
	struct claims c;
	struct fault f;
	struct pollfd p;
	size_t i, got;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_int_equal(helper_fork(&h, keeper_serve, &c, c.dir, false, &f), 0);
	claims_close(&c);
	keeper_init(&k, h.fd);
	for (i = 0; i < MANY; i++) {
		q = (struct keeper_ask){ .op = KEEPER_TAKE, .id = (uint32_t)i, .a = now, .b = now + 60 };
		memcpy(q.digest, digest, sizeof(digest));
		put_be32(q.digest, (uint32_t)i);
		assert_int_equal(keeper_ask(&k, &q, &f), 0);
		q = (struct keeper_ask){ .op = KEEPER_OUT, .id = (uint32_t)i, .a = 100000 + i };
		assert_int_equal(keeper_ask(&k, &q, &f), 0);
	}
	assert_true(keeper_waits(&k));
	p = (struct pollfd){ .fd = k.fd };
	for (got = 0; got < (size_t)2 * MANY; ) {
		p.events = (short)(POLLIN | (keeper_waits(&k) ? POLLOUT : 0));
		assert_int_equal(poll(&p, 1, 20000), 1);
		assert_int_equal(keeper_flush(&k, &f), 0);
		for (; keeper_answer(&k, &a, &f) == 1; got++) {
			assert_int_equal(a.fault.code, FAULT_NONE);
			assert_int_equal(a.id, got / 2);
			assert_int_equal(a.op, got % 2 == 0 ? KEEPER_TAKE : KEEPER_OUT);
			assert_true(a.op == KEEPER_TAKE || a.out_end > 100000 + got / 2);
		}
	}
	/* At the end none is read any more, and all releases get there. */
	for (i = 0; i < MANY; i++) {
		q = (struct keeper_ask){ .op = KEEPER_IN, .id = (uint32_t)i, .a = 5 };
		assert_int_equal(keeper_ask(&k, &q, &f), 0);
		q = (struct keeper_ask){ .op = KEEPER_RELEASE, .id = (uint32_t)i, .a = 7000 + i, .b = 9 };
		assert_int_equal(keeper_ask(&k, &q, &f), 0);
	}
	keeper_finish(&k, 20000);
	assert_false(keeper_waits(&k));
	keeper_free(&k);
	helper_close(&h, 20000);
	assert_int_equal(claims_open(&c, dir, &f), 0);
	for (i = 0; i < MANY; i += 97) {
		struct claim *cl;
		uint8_t d[CLAIM_DIGEST];

		memcpy(d, digest, sizeof(d));
		put_be32(d, (uint32_t)i);
		assert_non_null(cl = claim_take(&c, d, now, now + 60, now, &f));
		assert_int_equal(cl->out_next, 7000 + i);
		assert_int_equal(cl->in_right, 9);
		release(cl, 1, 1);
	}
	claims_close(&c);
}

static void
test_route_blocks(void **state)
{
	static const struct { const char *range, *want; } cases[] = {
		{ "10.2.0.0/24", "10.2.0.0/24" }, { "10.0.0.1", "10.0.0.1/32" }, { "0.0.0.0/0", "0.0.0.0/0" },
		{ "::/0", "::/0" },
		{ "10.0.0.1-10.0.0.6", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32" },
		{ "10.0.0.255-10.0.1.0", "10.0.0.255/32 10.0.1.0/32" },
		{ "255.255.255.254-255.255.255.255", "255.255.255.254/31" },
		{ "0.0.0.0-255.255.255.254", NULL },
		{ "2001:db8::ffff-2001:db8::1:0", "2001:db8::ffff/128 2001:db8::1:0/128" },
	};
	struct route r[256];
	struct selector s;
	char text[1024], a[ADDR_TEXT];
	size_t n, len;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(selector_parse(&s, cases[i].range), 0);
		n = route_blocks(&s, r, 256);
		len = 0;
		text[0] = '\0';
		for (size_t k = 0; k < n && cases[i].want != NULL; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s/%u", k > 0 ? " " : "",
			    addr_text(a, &r[k].net), r[k].prefix);
		if (cases[i].want != NULL)
			assert_string_equal(text, cases[i].want);
		else
			assert_int_equal(n, 32);
	}
	assert_int_equal(selector_parse(&s, "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), 0);
	assert_int_equal(route_blocks(&s, r, 256), 254);
	assert_int_equal(route_blocks(&s, r, 3), 3);
}

int
main(void)
{
#define T(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_blocks_and_restart), T(test_one_holder), T(test_stale_and_damaged), T(test_clock_set_back), T(test_last_number),
		T(test_prune), T(test_doubt), T(test_old_file), T(test_two_writers), T(test_removed),
		T(test_directory), T(test_key_beside_claims), T(test_many), T(test_half_made), T(test_keeper),
		T(test_keeper_never_blocks), cmocka_unit_test(test_route_blocks),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
