/* Leases of inner addresses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sa/lease.h"

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
	if (pool_lease(p, owner, peer, &want, &got, &f) != 0) {
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
	pool_release(p, &a);
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
	assert_string_equal(lease(p, "c", "c", ""), "10.3.0.8");
	assert_string_equal(lease(p, "d", "d", ""), "10.3.0.9");
	assert_string_equal(lease(p, "e", "e", ""), "none");
	pool_free(p);
}

static void
a_range_that_is_no_pool_is_rejected(void **state)
{
	struct selector range;
	struct fault f = {0};

	(void)state;
	assert_int_equal(selector_parse(&range, "2001:db8::/120"), 0);
	assert_null(pool_new(&range, &f));
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
		cmocka_unit_test(a_range_that_is_no_pool_is_rejected),
	};

	return (cmocka_run_group_tests_name("lease", tests, NULL, NULL));
}
