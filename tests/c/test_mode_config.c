/* Mode config: hostile values; pull and push between two engines; a pool without addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "ike/child.h"
#include "ike/engine_priv.h"
#include "ike/sa_life.h"
#include "ike/v1/mode_config.h"
#include "ike/v1run/mode_config_give.h"
#include "ike/v1run/mode_config_take.h"
#include "two.h"

static struct pool *
pool_of(const char *net)
{
	struct selector range;
	struct pool *p;

	assert_int_equal(selector_parse(&range, net), 0);
	p = pool_new(&range, NULL);
	assert_non_null(p);
	return (p);
}

/* A client, left, and a gateway with ${pool} and ${pool6} (NULL: none), not connected yet. */
static struct two *
two_new(const char *pool, const char *pool6)
{
	struct two *t = two_alloc(5);

	t->left.n_local_ts = t->left.n_remote_ts = t->right.n_remote_ts = 0;
	t->left.mode_config = true;
	if (pool != NULL)
		t->right.pool = pool_of(pool);
	if (pool6 != NULL)
		t->right.pool6 = pool_of(pool6);
	t->right.give = ike_settings_new();
	assert_non_null(t->right.give);
	return (t);
}

static uint32_t
in_use(const struct pool *p)
{
	uint32_t n, all;

	pool_count(p, &n, &all);
	return (n);
}

/* --- values of a gateway --- */

/* One attribute with the bytes ${hex} in a SET; whether the client accepts it. */
static bool
takes(struct v1_sa *sa, uint16_t type, const char *hex)
{
	uint8_t b[512], value[256], acked[64];
	struct wr w = wr_of(b, sizeof(b)), ack = wr_of(acked, sizeof(acked));
	struct ike_outbox out = {0};
	struct fault f = {0};
	struct config c;
	long n = hex_get(value, sizeof(value), hex);

	assert_true(n >= 0);
	config_begin(&w, CONFIG_SET, 1);
	isakmp_attr_put_bytes(&w, type, span_of(value, (size_t)n));
	assert_int_equal(config_get(&c, wr_span(&w), &f), 0);
	assert_int_equal(v1_config_take(sa, &c, &ack, &out, &f), 0);
	outbox_free(&out);
	assert_true(ack.len == 0 || (ack.len == 4 && get_be16(acked) == type && get_be16(acked + 2) == 0));
	return (ack.len > 0);
}

static void
values_that_are_none_are_refused(void **state)
{
	static const struct { uint16_t type; const char *hex; bool ok; } t[] = {
		{ CONFIG_IP4_ADDRESS, "0a030102", true }, { CONFIG_IP4_ADDRESS, "", false },
		{ CONFIG_IP4_ADDRESS, "0a0301", false }, { CONFIG_IP4_ADDRESS, "0a03010203", false },
		{ CONFIG_IP4_ADDRESS, "00000000", false }, { CONFIG_IP4_ADDRESS, "e0000001", false },
		{ CONFIG_IP4_ADDRESS, "7f000001", false }, { CONFIG_IP4_ADDRESS, "ffffffff", false },
		{ CONFIG_IP6_ADDRESS, "20010db8000300000000000000000001", true },
		{ CONFIG_IP6_ADDRESS, "20010db800030000000000000000000140", true },	/* and a prefix */
		{ CONFIG_IP6_ADDRESS, "20010db80003000000000000000000014000", false },
		{ CONFIG_IP6_ADDRESS, "20010db80003000000000000000000", false },
		{ CONFIG_IP6_ADDRESS, "00000000000000000000000000000000", false },
		{ CONFIG_IP6_ADDRESS, "ff020000000000000000000000000001", false },
		{ CONFIG_IP4_DNS, "0a020035", true }, { CONFIG_IP4_DNS, "", false }, { CONFIG_IP4_DNS, "0a0200350a020036", false },
		{ CONFIG_IP6_DNS, "0a020035", false }, { CONFIG_IP4_NETMASK, "ffffff", false },
		{ CONFIG_UNITY_SPLIT_INCLUDE, "0a020000ffff0000", true },		/* 8 bytes */
		{ CONFIG_UNITY_SPLIT_INCLUDE, "0a020000ffff0000000000000000", true },	/* 14 */
		{ CONFIG_UNITY_SPLIT_INCLUDE, "0a020000ffff00000a030000ffff0000", true },	/* 2 x 8 */
		{ CONFIG_UNITY_SPLIT_INCLUDE, "0a020000ffff00", false },
		{ CONFIG_UNITY_SPLIT_INCLUDE, "0a020000ffff000000", false },
		{ CONFIG_UNITY_SPLIT_INCLUDE, "0a020000ffff00000000000000", false },
		{ CONFIG_UNITY_SPLIT_INCLUDE, "0a020000ffff000000000000000000", false },
		{ CONFIG_UNITY_SPLIT_INCLUDE, "", false },
		{ CONFIG_UNITY_LOCAL_LAN, "c0a80000ffff0000", true },
		{ CONFIG_IP6_SUBNET, "20010db800020000000000000000000040", true },
		{ CONFIG_IP6_SUBNET, "20010db800020000000000000000000081", false },	/* /129 */
		{ CONFIG_IP6_SUBNET, "20010db8000200000000000000000000", false },
		{ CONFIG_UNITY_DEF_DOMAIN, "", false }, { CONFIG_APPLICATION_VERSION, "61", true },
		{ CONFIG_IP4_DHCP, "0a020001", false }, { 0x7fff, "00", false }, { 0, "", false },	/* unknown here */
	};
	struct two *two = two_new("10.3.0.0/29", NULL);
	size_t i;

	(void)state;
	two_connect(two, 5000);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (takes(two_sa(two, 0), t[i].type, t[i].hex) != t[i].ok)
			fail_msg("attribute %u: %s", t[i].type, t[i].hex);
	two_free(two);
}

/* The type and length of an attribute change no other one; basic attributes are no addresses. */
static void
basic_attributes_are_no_values(void **state)
{
	struct two *two = two_new("10.3.0.0/29", NULL);
	uint8_t b[64], acked[64];
	struct wr w = wr_of(b, sizeof(b)), ack = wr_of(acked, sizeof(acked));
	struct ike_outbox out = {0};
	struct fault f = {0};
	struct config c;
	uint16_t type;

	(void)state;
	two_connect(two, 5000);
	config_begin(&w, CONFIG_SET, 1);
	for (type = 1; type < 12; type++)
		isakmp_attr_put(&w, type, 0x0a03);
	assert_int_equal(config_get(&c, wr_span(&w), &f), 0);
	assert_int_equal(v1_config_take(two_sa(two, 0), &c, &ack, &out, &f), 0);
	assert_int_equal(ack.len, 0);
	outbox_free(&out);
	two_free(two);
}

static void
long_lists_and_texts_are_cut(void **state)
{
	static uint8_t b[16384], banner[6000], nets[60 * CONFIG_UNITY_NET_LEN];
	struct two *two = two_new("10.3.0.0/29", NULL);
	struct wr w = wr_of(b, sizeof(b));
	struct ike_outbox out = {0};
	const struct ike_settings *s;
	struct fault f = {0};
	struct config c;
	uint8_t dns[4] = { 10, 2, 0, 1 };
	size_t i;

	(void)state;
	two_connect(two, 5000);
	for (i = 0; i < sizeof(banner); i++)
		banner[i] = (uint8_t)(i * 7);
	for (i = 0; i < sizeof(nets); i += CONFIG_UNITY_NET_LEN) {
		put_be32(nets + i, 0x0b000000 + (uint32_t)(i << 16));
		put_be32(nets + i + 4, 0xffff0000);
	}
	config_begin(&w, CONFIG_REPLY, 1);
	isakmp_attr_put_bytes(&w, CONFIG_UNITY_BANNER, SPAN_ARRAY(banner));
	isakmp_attr_put_bytes(&w, CONFIG_UNITY_DEF_DOMAIN, span_of(banner, 1000));
	isakmp_attr_put_bytes(&w, CONFIG_UNITY_SPLIT_INCLUDE, SPAN_ARRAY(nets));
	for (i = 0; i < 40; i++, dns[3]++)
		isakmp_attr_put_bytes(&w, CONFIG_IP4_DNS, SPAN_ARRAY(dns));
	assert_int_equal(config_get(&c, wr_span(&w), &f), 0);
	assert_int_equal(v1_config_take(two_sa(two, 0), &c, NULL, &out, &f), 0);
	s = two_sa(two, 0)->ike.config->settings;
	assert_int_equal(strlen(s->banner), SA_BANNER - 1);
	assert_int_equal(strlen(s->domain), SA_TEXT - 1);
	for (i = 0; i < SA_BANNER - 1; i++)
		assert_true((uint8_t)s->banner[i] >= ' ' || s->banner[i] == '\n');
	assert_int_equal(s->n_split, SA_NETS_MAX);
	assert_int_equal(s->n_dns, SA_LIST_MAX);
	outbox_free(&out);
	two_free(two);
}

/* --- pull --- */

static void
a_client_gets_addresses_of_both_families(void **state)
{
	struct two *t = two_new("10.3.0.0/29", "2001:db8:3::/64");

	(void)state;
	sim_networks(&t->right, &t->left, "10.2.0.0/24", "10.1.0.0/24");
	t->left.n_local_ts = t->left.n_remote_ts = t->right.n_remote_ts = 0;
	assert_int_equal(selector_parse(&t->right.local_ts[1], "2001:db8:2::/64"), 0);
	t->right.n_local_ts = 2;
	(void)snprintf(t->right.give->domain, sizeof(t->right.give->domain), "corp.example");
	two_connect(t, 5000);
	assert_int_equal(t->sim.end[0].n_children, 2);
	assert_true(sim_children_agree(&t->sim));
	assert_string_equal(t->sim.end[0].ike.address, "10.3.0.1");
	assert_string_equal(t->sim.end[0].ike.address6, "2001:db8:3::1");
	assert_string_equal(t->sim.end[0].ike.domain, "corp.example");
	assert_int_equal(in_use(t->right.pool), 1);
	assert_int_equal(in_use(t->right.pool6), 1);
	two_free(t);
}

/* The IKE SA ends at the gateway; the child SA, and with it the address, live on. */
static void
a_child_keeps_the_lease(void **state)
{
	struct two *t = two_new("10.3.0.0/29", NULL);
	struct ike_outbox out = {0};
	struct ike_engine *e;
	struct addr a;

	(void)state;
	two_connect(t, 5000);
	e = t->sim.end[1].engine;
	assert_int_equal(t->sim.end[1].n_children, 1);
	ike_sa_end(e->sas, t->sim.now, SA_REASON_EXPIRED, false, &out);
	ike_engine_settle(e);
	outbox_free(&out);
	assert_int_equal(e->n_sas, 0);
	assert_int_equal(in_use(t->right.pool), 1);
	ike_child_remove(e, e->children);
	assert_int_equal(in_use(t->right.pool), 0);
	assert_int_equal(addr_parse(&a, "10.3.0.1"), 0);
	assert_false(pool_keep(t->right.pool, &a));
	two_free(t);
}

/* Golden texts of both ends. */
static void
an_exhausted_pool_is_named_at_both_ends(void **state)
{
	struct two *t = two_new("10.3.0.0/29", NULL);
	const struct addr none = {0};
	struct addr a;
	char owner[8];
	int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		(void)snprintf(owner, sizeof(owner), "user%d", i);
		assert_int_equal(pool_lease(t->right.pool, 1, owner, "elsewhere", &none, &a, NULL), 0);
	}
	two_connect(t, 5000);
	assert_string_equal(t->sim.end[1].why.where, "192.0.2.1:500, mode config, message 2 (answers)");
	assert_string_equal(t->sim.end[1].why.what,
	    "left.example gets no address: all 6 addresses of the pool 10.3.0.0/29 are in use");
	assert_int_equal(t->sim.end[1].why.cause, CAUSE_POOL);
	assert_string_equal(t->sim.end[0].why.where, "192.0.2.2:500, mode config, message 2 (answers)");
	assert_string_equal(t->sim.end[0].why.what,
	    "the gateway assigns no address: all 6 addresses of the pool 10.3.0.0/29 are in use");
	assert_int_equal(t->sim.end[0].why.cause, CAUSE_NO_ADDRESS);
	assert_int_equal(t->sim.end[0].n_children + t->sim.end[1].n_children, 0);
	assert_int_equal(t->sim.end[1].engine->n_sas, 0);
	assert_int_equal(in_use(t->right.pool), 6);
	two_free(t);
}

static void
a_gateway_without_a_pool_says_so(void **state)
{
	struct two *t = two_new(NULL, NULL);

	(void)state;
	two_connect(t, 5000);
	assert_string_equal(t->sim.end[0].why.what, "the gateway assigns no address: there is no pool of IPv4 addresses");
	assert_int_equal(t->sim.end[0].n_ike, 0);
	two_free(t);
}

/* --- push --- */

static void
a_gateway_pushes(void **state)
{
	struct two *t = two_new("10.3.0.0/29", NULL);

	(void)state;
	t->left.mode_config_push = t->right.mode_config_push = true;
	(void)snprintf(t->right.give->banner, sizeof(t->right.give->banner), "welcome");
	two_connect(t, 5000);
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&t->sim));
	assert_string_equal(t->sim.end[0].ike.address, "10.3.0.1");
	assert_string_equal(t->sim.end[0].ike.banner, "welcome");
	assert_null(strstr(t->sim.end[1].notes, "refuses"));
	assert_false(two_sa(t, 0)->login.asked);
	two_free(t);
}

/* Each end begins: there is one lease, and both go on. */
static void
push_and_pull_may_cross(void **state)
{
	struct two *t = two_new("10.3.0.0/29", NULL);

	(void)state;
	t->right.mode_config_push = true;
	two_connect(t, 5000);
	assert_int_equal(t->sim.end[0].n_children, 1);
	assert_string_equal(t->sim.end[0].ike.address, "10.3.0.1");
	assert_int_equal(in_use(t->right.pool), 1);
	two_free(t);
}

/* A client that is not to be configured: the ACK has no attributes, and the lease is free again. */
static void
a_client_may_refuse_what_is_pushed(void **state)
{
	struct two *t = two_new("10.3.0.0/29", NULL);

	(void)state;
	t->left.mode_config = false;
	t->right.mode_config_push = true;
	sim_networks(&t->left, &t->right, "10.1.0.0/24", "10.2.0.0/24");
	two_connect(t, 5000);
	assert_non_null(strstr(t->sim.end[1].notes, "the client refuses INTERNAL_IP4_ADDRESS"));
	assert_non_null(strstr(t->sim.end[1].notes, "the client refuses the address 10.3.0.1"));
	assert_non_null(strstr(t->sim.end[0].notes, "refused without --mode-config"));
	assert_int_equal(in_use(t->right.pool), 0);
	assert_int_equal(t->sim.end[1].n_ike, 1);
	two_free(t);
}

static int
setup(void **state)
{
	(void)state;
	return (secret_init());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_that_are_none_are_refused),
		cmocka_unit_test(basic_attributes_are_no_values),
		cmocka_unit_test(long_lists_and_texts_are_cut),
		cmocka_unit_test(a_client_gets_addresses_of_both_families),
		cmocka_unit_test(a_child_keeps_the_lease),
		cmocka_unit_test(an_exhausted_pool_is_named_at_both_ends),
		cmocka_unit_test(a_gateway_without_a_pool_says_so),
		cmocka_unit_test(a_gateway_pushes),
		cmocka_unit_test(push_and_pull_may_cross),
		cmocka_unit_test(a_client_may_refuse_what_is_pushed),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
