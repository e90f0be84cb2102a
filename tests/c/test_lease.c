/* Leases of inner addresses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sa/lease.h"

static uint64_t now = 1000;	/* epoch seconds */

static struct pool *
pool_of(const char *text)
{
	struct selector range;
	struct pool *p;

	assert_int_equal(selector_parse(&range, text), 0);
	p = pool_new(&range, NULL);
	assert_non_null(p);
	return (p);
}

/* The address that ${owner} at ${peer} gets, which wants ${wanted} ("": none). */
static const char *
lease(struct pool *p, const char *owner, const char *peer, const char *wanted)
{
	static char text[ADDR_TEXT];
	struct addr want = {0}, got;
	struct fault f = {0};

	if (wanted[0] != '\0')
		assert_int_equal(addr_parse(&want, wanted), 0);
	if (pool_lease(p, now, owner, peer, &want, &got, &f) != 0) {
		assert_int_equal(f.code, FAULT_PROTOCOL);
		return ("none");
	}
	return (addr_text(text, &got));
}

static void
release(struct pool *p, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	pool_release(p, now, &a);
}

static void
an_owner_keeps_its_address(void **state)
{
	struct pool *p = pool_of("10.3.0.0/29");

	(void)state;
	assert_string_equal(lease(p, "alice", "a", ""), "10.3.0.1");
	assert_string_equal(lease(p, "bob", "b", "10.3.0.5"), "10.3.0.5");
	release(p, "10.3.0.1");
	assert_string_equal(lease(p, "carol", "c", "10.3.0.1"), "10.3.0.2");	/* there are others */
	assert_string_equal(lease(p, "alice", "elsewhere", ""), "10.3.0.1");
	assert_string_equal(lease(p, "dave", "d", "192.0.2.1"), "10.3.0.3");	/* not of the pool */
	pool_free(p);
}

static void
an_address_in_use_is_shared_by_the_same_peer_only(void **state)
{
	struct pool *p = pool_of("10.3.0.0/29");

	(void)state;
	assert_string_equal(lease(p, "alice", "a", ""), "10.3.0.1");
	assert_string_equal(lease(p, "alice", "a", ""), "10.3.0.1");	/* its next IKE SA */
	assert_string_equal(lease(p, "alice", "b", ""), "10.3.0.2");	/* her second device */
	release(p, "10.3.0.1");
	assert_string_equal(lease(p, "alice", "c", ""), "10.3.0.3");	/* still in use once */
	pool_free(p);
}

static void
an_exhausted_pool_gives_the_oldest_free_lease_or_none(void **state)
{
	struct pool *p = pool_of("10.3.0.8-10.3.0.9");

	(void)state;
	assert_string_equal(lease(p, "a", "a", ""), "10.3.0.8");
	assert_string_equal(lease(p, "b", "b", ""), "10.3.0.9");
	assert_string_equal(lease(p, "c", "c", ""), "none");
	release(p, "10.3.0.9");
	release(p, "10.3.0.8");
	release(p, "10.3.0.8");		/* once too often */
	assert_string_equal(lease(p, "c", "c", ""), "10.3.0.9");
	assert_string_equal(lease(p, "d", "d", ""), "10.3.0.8");
	assert_string_equal(lease(p, "e", "e", ""), "none");
	pool_free(p);
}

static void
a_wish_is_granted_if_nobody_has_the_address(void **state)
{
	struct pool *p = pool_of("10.3.0.0/29");

	(void)state;
	pool_set_lease_time(p, 100);
	assert_string_equal(lease(p, "alice", "a", ""), "10.3.0.1");
	assert_string_equal(lease(p, "alice", "b", "10.3.0.5"), "10.3.0.5");	/* her second device */
	release(p, "10.3.0.1");
	release(p, "10.3.0.5");
	assert_string_equal(lease(p, "alice", "c", "10.3.0.1"), "10.3.0.1");	/* not the one of last */
	release(p, "10.3.0.1");
	now += 100;
	assert_string_equal(lease(p, "bob", "d", "10.3.0.5"), "10.3.0.2");	/* alice's lease has not expired */
	now++;
	assert_string_equal(lease(p, "carol", "e", "10.3.0.5"), "10.3.0.5");	/* now it has */
	assert_string_equal(lease(p, "dave", "f", "10.3.0.5"), "10.3.0.3");	/* in use */
	assert_string_equal(lease(p, "alice", "c", "10.3.0.7"), "10.3.0.1");	/* broadcast: no address */
	pool_free(p);
}

static void
a_pool_has_ipv6_addresses(void **state)
{
	struct pool *p = pool_of("2001:db8:3::/64");
	struct selector one = {0};
	struct addr a;
	uint32_t in_use, all;

	(void)state;
	assert_string_equal(lease(p, "alice", "a", ""), "2001:db8:3::1");
	assert_string_equal(lease(p, "bob", "b", "2001:db8:3::ffff"), "2001:db8:3::ffff");
	assert_string_equal(lease(p, "carol", "c", "2001:db8:3::1:0000"), "2001:db8:3::1:0");	/* the last */
	assert_string_equal(lease(p, "dave", "d", "2001:db8:3::1:0001"), "2001:db8:3::2");
	assert_string_equal(lease(p, "erin", "e", "2001:db8:3:8000::1"), "2001:db8:3::3");
	assert_string_equal(lease(p, "frank", "f", "10.0.0.1"), "2001:db8:3::4");
	pool_count(p, &in_use, &all);
	assert_int_equal(in_use, 6);
	assert_int_equal(all, POOL_MAX);
	pool_free(p);
	p = pool_of("2001:db8::fffe-2001:db8::1:1");	/* across a carry */
	assert_string_equal(lease(p, "a", "a", ""), "2001:db8::fffe");
	assert_string_equal(lease(p, "b", "b", ""), "2001:db8::ffff");
	assert_string_equal(lease(p, "c", "c", ""), "2001:db8::1:0");
	assert_string_equal(lease(p, "d", "d", ""), "2001:db8::1:1");
	assert_string_equal(lease(p, "e", "e", ""), "none");
	assert_int_equal(addr_parse(&a, "2001:db8::1:0"), 0);
	assert_true(pool_keep(p, &a));
	release(p, "2001:db8::1:0");
	assert_string_equal(lease(p, "e", "e", ""), "none");	/* a child SA has it still */
	release(p, "2001:db8::1:0");
	assert_false(pool_keep(p, &a));
	assert_string_equal(lease(p, "e", "e", ""), "2001:db8::1:0");
	pool_free(p);
	one.first = one.last = a;
	p = pool_new(&one, NULL);
	assert_non_null(p);
	assert_string_equal(lease(p, "a", "a", ""), "2001:db8::1:0");
	pool_free(p);
}

/* What a store sees of the pool, in the order of the changes. */
static void
changes_are_told_once_and_restored(void **state)
{
	struct pool *p = pool_of("10.3.0.0/29"), *q = pool_of("10.3.0.0/30");
	struct pool_entry e;
	struct addr a;
	char text[ADDR_TEXT];

	(void)state;
	assert_false(pool_changed(p, &e));
	(void)lease(p, "alice", "a", "");
	(void)lease(p, "bob", "b", "");
	(void)lease(p, "alice", "a", "");
	assert_true(pool_changed(p, &e));
	assert_string_equal(addr_text(text, &e.addr), "10.3.0.1");
	assert_string_equal(e.owner, "alice");
	assert_int_equal(e.used, now);
	assert_int_equal(*e.slot, 0);
	*e.slot = 7;
	assert_true(pool_changed(p, &e));
	assert_string_equal(e.owner, "bob");
	assert_false(pool_changed(p, &e));
	now += 50;
	release(p, "10.3.0.1");
	assert_false(pool_changed(p, &e));	/* in use once more */
	release(p, "10.3.0.1");
	assert_true(pool_changed(p, &e));
	assert_int_equal(e.used, now);
	assert_int_equal(*e.slot, 7);
	assert_false(pool_changed(p, &e));
	/* into another process's pool, which has become smaller */
	assert_int_equal(pool_restore(q, &e.addr, e.owner, e.used, 7), 0);
	assert_int_equal(pool_restore(q, &e.addr, "mallory", e.used, 8), 1);
	assert_int_equal(addr_parse(&a, "10.3.0.5"), 0);
	assert_int_equal(pool_restore(q, &a, "erin", e.used, 9), 1);
	assert_false(pool_changed(q, &e));
	assert_string_equal(lease(q, "bob", "b", ""), "10.3.0.2");
	assert_string_equal(lease(q, "alice", "elsewhere", ""), "10.3.0.1");
	assert_true(pool_changed(q, &e) && pool_changed(q, &e));
	assert_int_equal(*e.slot, 7);
	pool_free(p);
	pool_free(q);
}

static void
a_range_that_is_no_pool_is_rejected(void **state)
{
	struct selector range;
	struct fault f = {0};

	(void)state;
	assert_int_equal(selector_parse(&range, "10.0.0.0/8"), 0);
	assert_null(pool_new(&range, &f));
	assert_int_equal(f.code, FAULT_CONFIG);
	pool_free(pool_of("10.3.0.7"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owner_keeps_its_address),
		cmocka_unit_test(an_address_in_use_is_shared_by_the_same_peer_only),
		cmocka_unit_test(an_exhausted_pool_gives_the_oldest_free_lease_or_none),
		cmocka_unit_test(a_wish_is_granted_if_nobody_has_the_address),
		cmocka_unit_test(a_pool_has_ipv6_addresses),
		cmocka_unit_test(changes_are_told_once_and_restored),
		cmocka_unit_test(a_range_that_is_no_pool_is_rejected),
	};

	return (cmocka_run_group_tests_name("lease", tests, NULL, NULL));
}
