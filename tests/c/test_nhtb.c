/* Longest match, the table of routes, and the binding of next hops to peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prefix.h"
#include "esp/sadb_priv.h"
#include "nhtb/nhtb_priv.h"

#define NOW	1000000u
#define MANY	2000

static struct addr
ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return (a);
}

/* ---- networks */

struct net { struct prefix at; bool in; };

static bool
contains(const struct prefix *p, const struct addr *a)
{
	struct addr net = prefix_net(a, p->bits);

	return (addr_cmp(&net, &p->net) == 0);
}

/* Random networks that overlap much, against a search of all. */
static void
longest_match(void **state)
{
	static struct net nets[600];
	struct prefixes t = { .salt = 7 };
	unsigned seed = 1;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < 600; i++) {
		struct prefix *p = &nets[i].at;
		uint8_t family = i % 2 == 0 ? 4 : 6;

		a = (struct addr){ .family = family };
		for (size_t j = 0; j < addr_len(&a); j++)
			a.b[j] = (uint8_t)(rand_r(&seed) % 3);
		p->bits = (uint8_t)((unsigned)rand_r(&seed) % (8 * addr_len(&a) + 1));
		p->net = prefix_net(&a, p->bits);
		if (prefixes_same(&t, &p->net, p->bits) == NULL) {
			assert_int_equal(prefixes_put(&t, p), 0);
			nets[i].in = true;
		}
	}
	for (size_t i = 0; i < 5000; i++) {
		const struct prefix *best = NULL;

		a = (struct addr){ .family = i % 2 == 0 ? 4 : 6 };
		for (size_t j = 0; j < addr_len(&a); j++)
			a.b[j] = (uint8_t)(rand_r(&seed) % 3);
		for (size_t k = 0; k < 600; k++)
			if (nets[k].in && nets[k].at.net.family == a.family && contains(&nets[k].at, &a) &&
			    (best == NULL || nets[k].at.bits > best->bits))
				best = &nets[k].at;
		assert_ptr_equal(prefixes_find(&t, &a), best);
	}
	prefixes_free(&t);
	assert_null(prefixes_find(&t, &a));
}

static void
route(struct route_table *t, const char *net, unsigned prefix, bool main, uint32_t metric, const char *hop)
{
	struct routewatch_route r = { .at = { .net = ip(net), .bits = (uint8_t)prefix }, .main = main, .metric = metric, .n_hops = 1,
	    .hops = { { .weight = 1 } } };

	if (hop != NULL)
		r.hops[0].at = ip(hop);
	route_table_put(t, &r);
}

static bool
leads(struct route_table *t, const char *to, const char *hop, size_t n_hops)
{
	struct addr a = ip(to), want = ip(hop);
	const struct routewatch_route *r = route_table_find(t, &a);

	return (r != NULL && r->n_hops == n_hops && addr_cmp(&r->hops[0].at, &want) == 0);
}

static void
routes_of_one_network(void **state)
{
	struct route_table t = {0};
	struct addr a = ip("192.0.2.1");

	(void)state;
	route(&t, "10.1.0.0", 16, true, 200, "10.255.0.9");
	route(&t, "10.1.0.0", 16, true, 100, "10.255.0.2");
	route(&t, "10.1.0.0", 16, false, 1, "10.255.0.8");
	route(&t, "10.1.2.0", 24, false, 1, "10.255.0.3");
	assert_true(leads(&t, "10.1.0.1", "10.255.0.2", 1));
	assert_true(leads(&t, "10.1.2.1", "10.255.0.3", 1));
	assert_null(route_table_find(&t, &a));
	/* IPv6 has a message for each next hop. */
	route(&t, "2001:db8::", 32, true, 1024, "fe80::1");
	route(&t, "2001:db8::", 32, true, 1024, "fe80::2");
	assert_true(leads(&t, "2001:db8::5", "fe80::1", 2));
	assert_int_equal(t.n, 3);
	route_table_free(&t);
}

/* ---- peers */

struct world { struct sadb *db; struct nhtb *t; struct nhtb_node *node[NHTB_GONE_MAX + 10]; uint32_t n; };

static int
setup(void **state)
{
	static struct world w;
	struct sadb_config c = { .sa = { .backends = esp_backends, .rand = rand_system, .replay = 64 } };

	w = (struct world){ .db = sadb_new(&c, NULL), .t = nhtb_new(99) };
	*state = &w;
	return (w.db == NULL || w.t == NULL);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < w->n; i++)
		nhtb_remove(w->t, w->node[i]);
	assert_null(w->t->whole);
	assert_int_equal(w->t->words.n + w->t->peers.n, w->t->n_static);
	nhtb_free(w->t);
	sadb_free(w->db);
	return (0);
}

static void
key(struct secret *s, size_t n)
{
	uint8_t *p = secret_make(s, n);

	assert_non_null(p);
	memset(p, 7, n);
}

/* An SA to a peer of this name and ID, with selectors ${rts}, and of all addresses. ${*taken} as nhtb_add(). */
static struct esp_pair *
peer(struct world *w, const char *name, const char *id, const char *rts, struct addr *taken)
{
	struct sa_child c = { .use = SA_USE_BOTH, .key_bits = 128, .n_local_ts = 1, .n_remote_ts = 1, .established = NOW,
	    .lifetime.expires = NOW + 3600, .encryption = "aes-cbc", .integrity = "hmac-sha1-96" };
	struct now now = { .ms = 1000, .epoch = NOW };
	struct esp_pair *pair;
	struct fault f;
	struct addr t;
	bool old;

	(void)snprintf(c.name, sizeof(c.name), "%s", name);
	if (*id != '\0')
		assert_int_equal(id_parse(&c.remote.id, id, &f), 0);
	put_be32(c.spi_in, 0x10000u + w->n);
	put_be32(c.spi_out, 0x20000u + w->n);
	c.local.at.addr = ip("192.0.2.1");
	c.remote.at.addr = ip("198.18.0.0");
	put_be16(c.remote.at.addr.b + 2, (uint16_t)w->n);
	key(&c.enc_in, 16), key(&c.enc_out, 16), key(&c.auth_in, 20), key(&c.auth_out, 20);
	assert_int_equal(selector_parse(&c.local_ts[0], "0.0.0.0/0"), 0);
	assert_int_equal(selector_parse(&c.remote_ts[0], rts), 0);
	pair = sadb_add(w->db, &c, 1, now, &old, &f);
	assert_non_null(pair);
	w->node[w->n] = nhtb_add(w->t, pair, &c, taken != NULL ? taken : &t);
	assert_non_null(w->node[w->n++]);
	sa_child_wipe(&c);
	return (pair);
}

static void
leave(struct world *w, uint32_t i)
{
	struct esp_pair *pair = w->node[i]->pair;

	nhtb_remove(w->t, w->node[i]);
	w->node[i] = NULL;
	sadb_remove(w->db, pair);
}

static void
bind(struct world *w, const char *hop, const char *name)
{
	struct addr a = ip(hop);

	assert_int_equal(nhtb_bind(w->t, &a, name, NULL), 0);
}

/* The pair for a packet to ${dst} whose route has next hop ${hop} (NULL: it is on the link). */
static struct esp_pair *
to(struct world *w, const char *dst, const char *hop, enum esp_verdict *why)
{
	struct routewatch_route r = { .n_hops = 1, .hops = { { .weight = 1 } } };
	struct inner in = { .src = ip("10.0.0.1"), .dst = ip(dst), .len = 100, .l4 = 20, .proto = 1 };
	struct esp_sa *sa;

	if (hop != NULL)
		r.hops[0].at = ip(hop);
	sa = nhtb_find(w->t, &r, &in, why);
	return (sa != NULL ? sa->pair : NULL);
}

static void
static_and_automatic(void **state)
{
	struct world *w = *state;
	struct esp_pair *a, *b, *again;
	enum esp_verdict why;
	struct addr taken;

	assert_true(nhtb_idle(w->t));
	a = peer(w, "a", "10.255.0.2", "0.0.0.0/0", NULL);
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.2", &why), a);
	/* One peer with selectors of all addresses: what has no next hop may go there. */
	assert_null(to(w, "10.1.0.1", NULL, &why));
	assert_int_equal(why, ESP_OK);
	b = peer(w, "b", "b.example", "0.0.0.0/0", NULL);
	assert_null(to(w, "10.1.0.1", NULL, &why));
	assert_int_equal(why, ESP_NO_HOP);
	bind(w, "10.255.0.3", "b");
	bind(w, "10.255.0.4", "b.example");
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.3", &why), b);
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.4", &why), b);
	assert_ptr_equal(to(w, "10.255.0.4", NULL, &why), b);
	/* Of a peer the newest SA, if it may send. */
	again = peer(w, "b", "b.example", "0.0.0.0/0", NULL);
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.3", &why), again);
	again->may_send = false;
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.3", &why), b);
	leave(w, 1);
	assert_null(to(w, "10.1.0.1", "10.255.0.3", &why));
	assert_int_equal(why, ESP_NO_SA);
	/* A static binding comes before an automatic one. */
	again->may_send = true;
	bind(w, "10.255.0.2", "b");
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.2", &why), again);
	bind(w, "10.255.0.2", NULL);
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.2", &why), a);
	/* The address of a peer that is there is not another's; that of one that has gone may be. */
	(void)peer(w, "c", "10.255.0.2", "0.0.0.0/0", &taken);
	assert_int_equal(taken.family, 4);
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.2", &why), a);
	leave(w, 0);
	assert_null(to(w, "10.1.0.1", "10.255.0.2", &why));
	assert_int_equal(why, ESP_NO_SA);
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.2", &why), NULL);
	a = peer(w, "d", "10.255.0.2", "0.0.0.0/0", &taken);
	assert_int_equal(taken.family, 0);
	assert_ptr_equal(to(w, "10.1.0.1", "10.255.0.2", &why), a);
}

static void
selectors_count(void **state)
{
	struct world *w = *state;
	struct esp_pair *wide, *narrow;
	enum esp_verdict why;

	bind(w, "10.255.0.2", "a");
	wide = peer(w, "a", "", "10.1.0.0/16", NULL);
	narrow = peer(w, "a", "", "10.1.2.0/24", NULL);
	(void)peer(w, "a", "", "10.255.0.7/32", NULL);
	assert_ptr_equal(to(w, "10.1.2.1", "10.255.0.2", &why), narrow);
	assert_ptr_equal(to(w, "10.1.3.1", "10.255.0.2", &why), wide);
	assert_null(to(w, "10.9.0.1", "10.255.0.2", &why));
	assert_int_equal(why, ESP_POLICY);
	/* A selector of one address is a next hop to all that the peer has. */
	assert_ptr_equal(to(w, "10.1.3.1", "10.255.0.7", &why), wide);
	/* An unbound next hop changes nothing. */
	assert_null(to(w, "10.1.3.1", "10.255.0.9", &why));
	assert_int_equal(why, ESP_OK);
}

/* A look-up compares as many entries with thousands of peers as with one. */
static void
flat(void **state)
{
	struct world *w = *state;
	enum esp_verdict why;
	char name[16], hop[32];
	uint64_t seen;
	struct nhtb_view v;
	size_t n = 0;

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(hop, sizeof(hop), "10.255.%u.%u", i / 250, i % 250 + 1);
		(void)peer(w, name, hop, "0.0.0.0/0", NULL);
	}
	assert_int_equal(nhtb_peers(w->t), MANY);
	seen = w->t->hops.looked_at;
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(hop, sizeof(hop), "10.255.%u.%u", i / 250, i % 250 + 1);
		assert_string_equal(to(w, "10.1.0.1", hop, &why)->name, name);
	}
	assert_true(w->t->hops.looked_at - seen < 4 * MANY);
	for (v.serial = 0; nhtb_after(w->t, v.serial, &v); n++) {
		assert_int_equal(v.state, NHTB_UP);
		assert_false(v.is_static);
	}
	assert_int_equal(n, MANY);
}

/* ... and so does a delete: thousands of peers have the same selectors. */
static void
flat_delete(void **state)
{
	struct world *w = *state;
	struct sa_del d = { .has_spi_in = true };
	struct now now = { .ms = 1000, .epoch = NOW };

	for (unsigned i = 0; i < MANY - 1; i++)
		(void)peer(w, "p", "", "0.0.0.0/0", NULL);
	for (unsigned i = 0; i < MANY - 1; i += 10) {
		nhtb_remove(w->t, w->node[i]);
		w->node[i] = NULL;
		put_be32(d.spi_in, 0x10000u + i);
		assert_int_equal(sadb_delete(w->db, &d, 1, now), 1);
	}
	assert_true(w->db->heirs.looked_at < 4 * MANY);
	assert_int_equal(sadb_count(w->db), MANY - 1 - (MANY - 1 + 9) / 10);
}

/* Of too many peers that have gone the one that went first is forgotten; one that came back is not among them. */
static void
forgotten(void **state)
{
	struct world *w = *state;
	struct nhtb_view v = {0};
	enum esp_verdict why;
	char hop[32];

	for (unsigned i = 0; i < NHTB_GONE_MAX + 2; i++) {
		(void)snprintf(hop, sizeof(hop), "10.%u.%u.1", i / 250, i % 250 + 1);
		(void)peer(w, "p", hop, "0.0.0.0/0", NULL);
	}
	leave(w, 2);
	leave(w, 1);
	leave(w, 0);
	(void)peer(w, "again", "10.0.3.1", "0.0.0.0/0", NULL);
	for (uint32_t i = 3; i < NHTB_GONE_MAX + 2; i++)
		leave(w, i);
	assert_int_equal(w->t->n_gone, NHTB_GONE_MAX);
	/* Nobody's: the selectors decide. */
	assert_null(to(w, "10.1.0.1", "10.0.2.1", &why));
	assert_int_equal(why, ESP_OK);
	assert_null(to(w, "10.1.0.1", "10.0.1.1", &why));
	assert_int_equal(why, ESP_NO_SA);
	assert_string_equal(to(w, "10.1.0.1", "10.0.3.1", &why)->name, "again");
	for (size_t n = 0; n <= NHTB_GONE_MAX; n++)
		assert_true(nhtb_after(w->t, v.serial, &v));
	assert_false(nhtb_after(w->t, v.serial, &v));
}

/* The flows of a route with several next hops go by weight, and past a peer that is not there. */
static void
several_hops(void **state)
{
	struct world *w = *state;
	struct routewatch_route r = { .n_hops = 3, .hops = { { ip("10.255.0.1"), 1 }, { ip("10.255.0.2"), 3 },
	    { ip("10.255.0.3"), 1 } } };
	struct inner in = { .src = ip("10.0.0.1"), .dst = ip("10.1.0.1"), .proto = 17, .has_ports = true };
	struct esp_pair *a, *b;
	struct esp_sa *sa, *same;
	enum esp_verdict why;
	unsigned to_a = 0;

	a = peer(w, "a", "10.255.0.1", "0.0.0.0/0", NULL);
	b = peer(w, "b", "10.255.0.2", "0.0.0.0/0", NULL);
	bind(w, "10.255.0.3", "nobody");
	for (uint16_t port = 1; port <= 1000; port++) {
		in.dport = port;
		sa = nhtb_find(w->t, &r, &in, &why);
		same = nhtb_find(w->t, &r, &in, &why);
		assert_ptr_equal(sa, same);
		assert_true(sa->pair == a || sa->pair == b);
		to_a += sa->pair == a;
	}
	/* a has its own share and that of the third one. */
	assert_in_range(to_a, 320, 480);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_match),
		cmocka_unit_test(routes_of_one_network),
		cmocka_unit_test_setup_teardown(static_and_automatic, setup, teardown),
		cmocka_unit_test_setup_teardown(selectors_count, setup, teardown),
		cmocka_unit_test_setup_teardown(flat, setup, teardown),
		cmocka_unit_test_setup_teardown(flat_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(several_hops, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
