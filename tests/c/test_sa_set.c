/* SA state as a log: what replaces, what deletes, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sa/set.h"
#include "sa_sample.h"

/* What the set told since the last look. */
static struct told {
	unsigned	 n;
	enum sa_change	 change;
	unsigned	 source;
	enum sa_type	 type;
	enum sa_use	 use, was;
	enum sa_reason	 reason;
	uint8_t		 spi_in[4];
} told;

static void
tell(void *ctx, enum sa_change change, const struct sa_rec *now, const struct sa_rec *was,
    unsigned source, enum sa_reason reason)
{
	assert_ptr_equal(ctx, &told);
	told.n++;
	told.change = change;
	told.source = source;
	told.type = now->type;
	told.use = now->child.use;
	memcpy(told.spi_in, now->child.spi_in, 4);
	told.reason = reason;
	assert_int_equal(was != NULL, change == SA_REPLACED);
	if (was != NULL) {
		told.was = was->child.use;
		/* The secrets of both are complete during the callback. */
		assert_true(sa_same_keys(now, was));
	}
}

static struct sa_set *set;
static struct fault f;

static int
setup(void **state)
{
	(void)state;
	set = sa_set_new();
	told = (struct told){0};
	return (set == NULL);
}

static int
teardown(void **state)
{
	(void)state;
	sa_set_free(set);
	return (0);
}

static size_t
count(enum sa_type type)
{
	const struct sa_rec *r;
	size_t at = 0, n = 0;

	while ((r = sa_set_next(set, &at, NULL)) != NULL)
		n += r->type == type;
	return (n);
}

static enum sa_verdict
apply(unsigned source, struct sa_rec *r)
{
	enum sa_verdict v = sa_set_apply(set, source, r, tell, &told, &f);

	sa_rec_wipe(r);
	return (v);
}

static struct sa_rec
child(const char *local, uint32_t spi_in)
{
	struct sa_rec r;

	sample_child(&r, false);
	assert_int_equal(addr_parse(&r.child.local.at.addr, local), 0);
	put_be32(r.child.spi_in, spi_in);
	return (r);
}

static struct sa_rec
delete_in(uint32_t spi_in)
{
	struct sa_rec r;

	sample_delete(&r, false);
	r.del.has_spi_in = true;
	put_be32(r.del.spi_in, spi_in);
	r.del.reason = SA_REASON_DELETED;
	return (r);
}

static void
test_add_replace_delete(void **state)
{
	struct sa_rec r = child("192.0.2.1", 1000);

	(void)state;
	r.child.use = SA_USE_IN;
	assert_int_equal(apply(3, &r), SA_DONE);
	assert_int_equal(told.change, SA_ADDED);
	assert_int_equal(told.source, 3);
	r = child("192.0.2.1", 1000);
	assert_int_equal(apply(3, &r), SA_DONE);
	assert_int_equal(told.change, SA_REPLACED);
	assert_int_equal(told.was, SA_USE_IN);
	assert_int_equal(told.use, SA_USE_BOTH);
	assert_int_equal(count(SA_CHILD), 1);
	r = delete_in(1001);
	assert_int_equal(apply(3, &r), SA_NOTHING);
	r = delete_in(1000);
	assert_int_equal(apply(3, &r), SA_DONE);
	assert_int_equal(told.change, SA_REMOVED);
	assert_int_equal(told.reason, SA_REASON_DELETED);
	assert_int_equal(count(SA_CHILD), 0);
	assert_int_equal(told.n, 3);
	/* And it may come again. */
	r = child("192.0.2.1", 1000);
	assert_int_equal(apply(4, &r), SA_DONE);
	assert_int_equal(told.change, SA_ADDED);
}

static void
test_identity(void **state)
{
	struct sa_rec r;

	(void)state;
	r = child("192.0.2.1", 1000);
	assert_int_equal(apply(0, &r), SA_DONE);
	r = child("192.0.2.7", 1000);
	assert_int_equal(apply(0, &r), SA_DONE);
	assert_int_equal(told.change, SA_ADDED);
	r = child("192.0.2.1", 1000);
	r.child.protocol = SA_AH;
	assert_int_equal(apply(0, &r), SA_DONE);
	assert_int_equal(told.change, SA_ADDED);
	/* The peer's address and both ports are not part of it: NAT moves them. */
	r = child("192.0.2.1", 1000);
	r.child.local.at.port = 77;
	assert_int_equal(addr_parse(&r.child.remote.at.addr, "203.0.113.1"), 0);
	assert_int_equal(apply(0, &r), SA_DONE);
	assert_int_equal(told.change, SA_REPLACED);
	assert_int_equal(count(SA_CHILD), 3);
}

/* A change of anything that the counters hang on is an error, and changes nothing. */
static void
test_other_keys(void **state)
{
	struct sa_rec r = child("192.0.2.1", 1000);
	size_t at = 0;
	int i;

	(void)state;
	assert_int_equal(apply(0, &r), SA_DONE);
	for (i = 0; i < 8; i++) {
		r = child("192.0.2.1", 1000);
		switch (i) {
		case 0:
			r.child.enc_in.p[19] ^= 1;
			break;
		case 1:
			r.child.enc_out.p[0] ^= 1;
			break;
		case 2:
			sample_secret(&r.child.auth_in, 20, 1);
			break;
		case 3:
			sample_secret(&r.child.auth_out, 20, 1);
			break;
		case 4:
			r.child.spi_out[3] ^= 1;
			break;
		case 5:
			r.child.esn = true;
			break;
		case 6:
			strcpy(r.child.encryption, "aes-gcm-8");
			break;
		case 7:
			r.child.key_bits = 256;
			break;
		}
		r.child.use = SA_USE_IN;
		assert_int_equal(apply(0, &r), SA_BAD);
		assert_int_equal(f.code, FAULT_BAD_RECORD);
	}
	assert_int_equal(told.n, 1);
	assert_int_equal(sa_set_next(set, &at, NULL)->child.use, SA_USE_BOTH);
	sample_ike(&r, false);
	assert_int_equal(apply(0, &r), SA_DONE);
	sample_ike(&r, false);
	r.ike.skeyid_d.p[0] ^= 1;
	assert_int_equal(apply(0, &r), SA_BAD);
	sample_ike(&r, false);
	r.ike.role = SA_INITIATOR;	/* its own other end, on one machine */
	assert_int_equal(apply(0, &r), SA_DONE);
	assert_int_equal(told.change, SA_ADDED);
	sample_ike(&r, false);
	r.ike.iv[0] ^= 1;
	r.ike.has_dpd_seq = true;
	assert_int_equal(apply(0, &r), SA_DONE);
	assert_int_equal(told.change, SA_REPLACED);
}

static void
test_foreign(void **state)
{
	struct sa_rec r = child("192.0.2.1", 1000);

	(void)state;
	assert_int_equal(apply(1, &r), SA_DONE);
	r = delete_in(1000);
	assert_int_equal(apply(2, &r), SA_FOREIGN);
	r = child("192.0.2.1", 1000);
	r.child.use = SA_USE_IN;
	assert_int_equal(apply(2, &r), SA_FOREIGN);
	r = child("192.0.2.1", 1000);
	r.child.enc_in.p[0] ^= 1;
	assert_int_equal(apply(2, &r), SA_FOREIGN);
	assert_int_equal(told.n, 1);
	/* A delete that means SAs of both takes its own. */
	r = child("192.0.2.9", 1000);
	assert_int_equal(apply(2, &r), SA_DONE);
	r = delete_in(1000);
	assert_int_equal(apply(2, &r), SA_DONE);
	assert_int_equal(count(SA_CHILD), 1);
}

static void
test_delete_ike_leaves_children(void **state)
{
	struct sa_rec r;

	(void)state;
	sample_ike(&r, true);
	assert_int_equal(apply(0, &r), SA_DONE);
	r = child("192.0.2.1", 1000);
	assert_int_equal(apply(0, &r), SA_DONE);
	sample_delete(&r, false);
	r.del.has_ike = true;
	memcpy(r.del.ike, "\x01\x02\x03\x04\x05\x06\x07\x08\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8", 16);
	assert_non_null(sa_set_ike(set, r.del.ike));
	assert_int_equal(apply(0, &r), SA_DONE);
	assert_int_equal(told.type, SA_IKE);
	assert_int_equal(count(SA_IKE), 0);
	assert_int_equal(count(SA_CHILD), 1);
	assert_null(sa_set_ike(set, (const uint8_t *)
	    "\x01\x02\x03\x04\x05\x06\x07\x08\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8"));
	/* A delete that names nothing deletes nothing. */
	sample_delete(&r, false);
	assert_int_equal(apply(0, &r), SA_NOTHING);
	r = (struct sa_rec){ .type = SA_DELETE, .del = { .has_protocol = true } };
	assert_int_equal(apply(0, &r), SA_NOTHING);
}

static void
test_delete_names_all(void **state)
{
	struct sa_rec r = child("192.0.2.1", 1000);

	(void)state;
	assert_int_equal(apply(0, &r), SA_DONE);
	r = delete_in(1000);
	r.del.has_protocol = true;
	r.del.protocol = SA_AH;
	assert_int_equal(apply(0, &r), SA_NOTHING);
	r = delete_in(1000);
	r.del.has_spi_out = true;
	assert_int_equal(apply(0, &r), SA_NOTHING);
	r = delete_in(1000);
	r.del.has_ike = true;
	assert_int_equal(apply(0, &r), SA_NOTHING);
	sample_delete(&r, false);
	r.del.has_spi_out = true;
	put_be32(r.del.spi_out, 256);
	assert_int_equal(apply(0, &r), SA_DONE);
	assert_int_equal(told.change, SA_REMOVED);
}

static void
test_expire(void **state)
{
	struct sa_rec r;
	uint32_t i;

	(void)state;
	for (i = 1; i <= 3; i++) {
		r = child("192.0.2.1", 1000 + i);
		r.child.lifetime.expires = 5000 + i;
		assert_int_equal(apply(0, &r), SA_DONE);
	}
	assert_int_equal(sa_set_expire(set, 5000, tell, &told), 0);
	assert_int_equal(sa_set_expire(set, 5002, tell, &told), 2);
	assert_int_equal(told.reason, SA_REASON_EXPIRED);
	assert_int_equal(count(SA_CHILD), 1);
}

/* Thousands come and go: the order holds, gaps are closed, the limit is kept. */
static void
test_many(void **state)
{
	struct sa_rec r;
	const struct sa_rec *p;
	uint32_t i, last = 0;
	size_t at = 0, n = 0, removed = 0;

	(void)state;
	for (i = 1; i <= 3000; i++) {
		r = child("192.0.2.1", i);
		assert_int_equal(apply(0, &r), SA_DONE);
		if (i > 100) {
			r = delete_in(i - 100 + (i % 3));
			removed += apply(0, &r) == SA_DONE;
		}
	}
	while ((p = sa_set_next(set, &at, NULL)) != NULL) {
		assert_true(get_be32(p->child.spi_in) > last);
		last = get_be32(p->child.spi_in);
		n++;
	}
	assert_true(removed > 2000);
	assert_int_equal(n, 3000 - removed);
	assert_int_equal(last, 3000);
	r = (struct sa_rec){ .type = SA_CHILD };
	for (i = 0; i < SA_SET_MAX - n; i++) {
		put_be32(r.child.spi_in, 100000 + i);
		assert_int_equal(sa_set_apply(set, 0, &r, NULL, NULL, &f), SA_DONE);
	}
	put_be32(r.child.spi_in, 99999);
	assert_int_equal(sa_set_apply(set, 0, &r, NULL, NULL, &f), SA_BAD);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
}

static void
test_events_do_not_count(void **state)
{
	struct sa_rec r;

	(void)state;
	sample_event(&r, true);
	assert_int_equal(apply(0, &r), SA_NOTHING);
	r = (struct sa_rec){ .type = SA_NONE };
	assert_int_equal(apply(0, &r), SA_NOTHING);
	assert_int_equal(told.n, 0);
}

static void
add(uint8_t spi)
{
	struct sa_rec r;

	sample_child(&r, false);
	r.child.spi_in[3] = spi;
	assert_int_equal(apply(0, &r), SA_DONE);
}

/* What a new round does not list goes, wherever it is in the order. */
static void
test_sweep(void **state)
{
	(void)state;
	for (uint8_t spi = 1; spi <= 5; spi++)
		add(spi);
	sa_set_round(set);
	add(4);
	add(2);
	add(6);
	assert_int_equal(count(SA_CHILD), 6);
	told = (struct told){0};
	assert_int_equal(sa_set_sweep(set, tell, &told), 3);
	assert_true(told.n == 3 && told.change == SA_REMOVED && told.reason == SA_REASON_OTHER && told.spi_in[3] == 5);
	assert_int_equal(count(SA_CHILD), 3);
	assert_int_equal(sa_set_sweep(set, tell, &told), 0);
}

/* In parts, from any place, with gaps. */
static void
test_after(void **state)
{
	struct sa_rec r;
	const struct sa_rec *next;
	uint64_t at;

	(void)state;
	for (uint8_t spi = 1; spi <= 40; spi++)
		add(spi);
	sa_set_round(set);
	for (uint8_t spi = 3; spi <= 40; spi = (uint8_t)(spi + 3))
		add(spi);
	(void)sa_set_sweep(set, NULL, NULL);
	for (uint8_t from = 1; from <= 40; from++) {
		at = from;
		next = sa_set_after(set, &at);
		if (from >= 39) {
			assert_null(next);
			continue;
		}
		assert_non_null(next);
		assert_int_equal(next->child.spi_in[3], from / 3 * 3 + 3);
		assert_true(at == sa_set_serial(set, next));
	}
	sample_child(&r, false);
	r.child.spi_in[3] = 40;
	assert_true(sa_set_serial(set, &r) == 0);
	sa_rec_wipe(&r);
}

static void
test_remap(void **state)
{
	struct sa_event ev = { .has_spi_in = true, .has_remote = true };
	const struct sa_rec *r;
	size_t at = 0;

	(void)state;
	for (uint8_t spi = 1; spi <= 3; spi++)
		add(spi);
	assert_int_equal(addr_parse(&ev.remote.addr, "192.0.2.77"), 0);
	ev.remote.port = 4501;
	memcpy(ev.spi_in, "\xc0\x00\x00\x09", 4);
	told = (struct told){0};
	sa_set_remap(set, &ev, tell, &told);
	assert_int_equal(told.n, 0);
	ev.spi_in[3] = 2;
	sa_set_remap(set, &ev, tell, &told);
	assert_true(told.n == 3 && told.change == SA_REPLACED);
	while ((r = sa_set_next(set, &at, NULL)) != NULL)
		assert_true(endpoint_eq(&r->child.remote.at, &ev.remote));
	sa_set_remap(set, &ev, tell, &told);
	assert_int_equal(told.n, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_replace_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_ike_leaves_children, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_names_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expire, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_do_not_count, setup, teardown),
	};

	(void)secret_init();
	return (cmocka_run_group_tests_name("sa set", tests, NULL, NULL));
}
