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
#include "os/route.h"
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
	assert_int_equal(claim_sync(cl, NULL), 0);
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

static void
test_stale_and_damaged(void **state)
{
	char path[128];
	struct claims c;
	struct claim *cl;
	struct fault f;
	int fd;

	(void)state;
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_null(claim_take(&c, digest, 1000, now + 60, now, &f));
	assert_int_equal(f.code, FAULT_STALE_SA);
	assert_non_null(cl = take(&c, &f));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, cl->name);
	release(cl, 10, 0);
	/* With a claim, its age does not matter. */
	assert_non_null(cl = claim_take(&c, digest, 1000, now + 60, now, &f));
	assert_int_equal(cl->out_next, 10);
	release(cl, 10, 0);
	/* Each byte counts. */
	for (off_t at = 0; at < 40; at++) {
		uint8_t b;

		assert_true((fd = open(path, O_RDWR)) != -1);
		assert_int_equal(pread(fd, &b, 1, at), 1);
		b ^= 4;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
		assert_null(take(&c, &f));
		assert_int_equal(f.code, FAULT_MALFORMED);
		b ^= 4;
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
		(void)close(fd);
	}
	for (off_t len = 41; len >= 0; len--) {
		if (len == 40)
			continue;
		assert_int_equal(truncate(path, len), 0);
		assert_null(take(&c, &f));
		assert_int_equal(f.code, FAULT_MALFORMED);
		assert_int_equal(f.cause, CAUSE_CLAIM);
	}
	assert_non_null(strstr(f.what, "it has 0 bytes"));
	/* A link in place of a claim is not followed. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_null(take(&c, &f));
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

static void
test_prune(void **state)
{
	char path[128];
	struct claims c;
	struct claim *cl;

	(void)state;
	assert_int_equal(claims_open(&c, dir, NULL), 0);
	assert_non_null(cl = take(&c, NULL));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, cl->name);
	claims_prune(&c, now + 1000000);
	assert_int_equal(access(path, F_OK), 0);	/* held */
	release(cl, 1, 0);
	claims_prune(&c, now + 3600 + 86400);
	assert_int_equal(access(path, F_OK), 0);
	claims_prune(&c, now + 3600 + 86401);
	assert_int_equal(access(path, F_OK), -1);
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
	char key[128], path[128], text[32];
	struct claims c;
	struct claim *cl;
	struct fault f;

	(void)state;
	(void)snprintf(key, sizeof(key), "%s/claim.key", dir);
	assert_int_equal(claims_open(&c, dir, &f), 0);
	assert_non_null(cl = take(&c, &f));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, cl->name);
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
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(claims_open(&c, dir, &f), -1);
	assert_int_equal(unlink(path), 0);
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

/* What a crash leaves between the making of a file and its name is removed, and is no claim. */
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

	assert_int_equal(poll(&p, 1, 5000), 1);
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
	assert_int_equal(poll(&p, 1, 5000), 1);
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
		T(test_prune),
		T(test_directory), T(test_key_beside_claims), T(test_many), T(test_half_made), T(test_keeper),
		T(test_keeper_never_blocks), cmocka_unit_test(test_route_blocks),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
