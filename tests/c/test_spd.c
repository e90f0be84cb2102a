/* The policy table: the hash finds what a walk over all entries finds, and compares few of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "esp/sadb.h"
#include "esp/spd.h"

#define SAS	300

static struct esp_pair pairs[SAS];
static struct spd_way *ways[SAS * 6];	/* of the table, in the order of the look-up */
static size_t n_ways;
static uint32_t seed;

static unsigned
chance(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return (seed % n);
}

/* Few distinct bits, so that nets overlap and packets hit. */
static struct addr
address(uint8_t family)
{
	struct addr a = { .family = family };

	for (size_t i = 0; i < addr_len(&a); i++)
		a.b[i] = i % 2 == 0 ? 10 : (uint8_t)(chance(4) * 64 + chance(2));
	return (a);
}

static struct selector
selector(uint8_t family)
{
	struct selector s = { .first = address(family) };
	unsigned bits = (unsigned)(8 * addr_len(&s.first)), prefix = chance(bits + 1);

	s.last = s.first;
	if (chance(4) == 0) {		/* a range that is no net */
		s.last.b[1] |= 0x3f;
		s.last.b[3] |= 7;
		return (s);
	}
	for (unsigned b = prefix; b < bits; b++) {
		s.first.b[b / 8] &= (uint8_t)~(0x80 >> b % 8);
		s.last.b[b / 8] |= (uint8_t)(0x80 >> b % 8);
	}
	if (chance(4) == 0)
		s.proto = 17;
	if (s.proto != 0 && chance(2) == 0)
		s.port = s.port_end = (uint16_t)(chance(3) + 1);
	return (s);
}

/* Narrowest first, then newest. */
static int
way_cmp(const void *a, const void *b)
{
	const struct spd_way *x = *(struct spd_way *const *)a, *y = *(struct spd_way *const *)b;
	const struct esp_pair *s = x->sa->pair, *t = y->sa->pair;

	if (x->narrow != y->narrow)
		return (x->narrow > y->narrow ? -1 : 1);
	if (s->established_ms != t->established_ms)
		return (s->established_ms > t->established_ms ? -1 : 1);
	if (s->end.serial != t->end.serial)
		return (s->end.serial > t->end.serial ? -1 : 1);
	return (x < y ? -1 : x > y);
}

static void
sort(size_t n)
{
	n_ways = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < esp_sa_ways_in(&pairs[i].out); k++)
			ways[n_ways++] = &esp_sa_ways(&pairs[i].out)[k];
	if (n_ways > 0)
		qsort(ways, n_ways, sizeof(ways[0]), way_cmp);
}

/* The reference: every way, each time. The first of the order is the best that fits. */
static const struct spd_way *
slow(const struct inner *in, unsigned nth)
{
	for (size_t i = 0; i < n_ways; i++)
		if (inner_matches(in, spd_local(ways[i]), spd_remote(ways[i])) && nth-- == 0)
			return (ways[i]);
	return (NULL);
}

/* Packets of all kinds find the same entries in the same order. Returns how many. */
static unsigned
compare(const struct spd *d)
{
	unsigned hits = 0;

	for (int k = 0; k < 250; k++) {
		uint8_t family = chance(2) != 0 ? 4 : 6;
		struct inner in = { .src = address(family), .dst = address(family),
		    .proto = chance(2) != 0 ? 17 : 6, .has_ports = chance(2) != 0 };
		struct spd_walk at = {0};
		struct spd_way *w;
		unsigned nth = 0;

		in.sport = (uint16_t)(chance(3) + 1);
		in.dport = (uint16_t)(chance(3) + 1);
		while ((w = spd_next(d, &in, &at)) != NULL)
			if (inner_matches(&in, spd_local(w), spd_remote(w)))
				assert_ptr_equal(w, slow(&in, nth++));
		assert_null(slow(&in, nth));
		hits += nth;
	}
	return (hits);
}

static void
test_same_as_slow(void **state)
{
	struct spd d = {0};
	unsigned hits = 0;

	(void)state;
	seed = 12345;
	for (int round = 0; round < 20; round++) {
		size_t n = round == 0 ? 0 : 1 + chance(SAS);

		for (size_t i = 0; i < n; i++) {
			struct esp_sa *out = &pairs[i].out;
			uint8_t family = chance(2) != 0 ? 4 : 6;

			pairs[i].end.serial = i + 1;
			pairs[i].established_ms = chance(3);
			*out = (struct esp_sa){ .pair = &pairs[i] };
			assert_int_equal(esp_sa_selectors(out, 1 + chance(2), 1 + chance(3)), 0);
			for (size_t k = 0; k < out->n_src_ts; k++)
				out->src_ts[k] = selector(family);
			for (size_t k = 0; k < out->n_dst_ts; k++)
				out->dst_ts[k] = selector(family);
		}
		/* All enter; then some leave, and some come back, the youngest first. */
		for (size_t i = 0; i < n; i++)
			assert_int_equal(spd_add(&d, &pairs[i].out), 0);
		sort(n);
		hits += compare(&d);
		for (size_t i = 0; i < n; i++)
			if (chance(2) != 0)
				spd_remove(&d, &pairs[i].out);
		sort(n);
		assert_int_equal(d.n_ways, n_ways);
		hits += compare(&d);
		for (size_t i = n; i-- > 0; )
			if (!pairs[i].out.listed && chance(2) != 0)
				assert_int_equal(spd_add(&d, &pairs[i].out), 0);
		sort(n);
		hits += compare(&d);
		for (size_t i = 0; i < n; i++) {
			spd_remove(&d, &pairs[i].out);
			esp_sa_no_selectors(&pairs[i].out);
		}
		assert_int_equal(d.n_ways + d.n_groups, 0);
	}
	assert_true(hits > 5000);	/* or nothing was tested */
	spd_free(&d);
}

static void
test_looks_at_few(void **state)
{
	enum { MANY = 4000 };
	struct esp_pair *many = calloc(MANY, sizeof(*many)), **all = calloc(MANY, sizeof(struct esp_pair *));
	struct spd d = {0};
	unsigned looked = 0;

	(void)state;
	for (unsigned i = 0; many != NULL && all != NULL && i < MANY; i++) {
		struct esp_sa *out = &many[i].out;
		char net[32];

		all[i] = &many[i];
		*out = (struct esp_sa){ .pair = &many[i] };
		assert_int_equal(esp_sa_selectors(out, 1, 1), 0);
		(void)snprintf(net, sizeof(net), i % 2 == 0 ? "10.%u.%u.0/24" : "172.%u.%u.7/32", i / 250, i % 250);
		assert_int_equal(selector_parse(out->src_ts, "10.1.0.0/16"), 0);
		assert_int_equal(selector_parse(out->dst_ts, net), 0);
	}
	for (unsigned i = 0; all != NULL && i < MANY; i++)
		assert_int_equal(spd_add(&d, &all[i]->out), 0);
	assert_int_equal(d.n_groups, 2);
	for (unsigned i = 0; all != NULL && i < MANY; i++) {
		struct inner in = { .src = addr_make(4, (const uint8_t[]){ 10, 1, 2, 3 }),
		    .dst = all[i]->out.dst_ts[0].last };
		struct spd_walk at = {0};
		struct spd_way *w;

		while ((w = spd_next(&d, &in, &at)) != NULL && w->sa != &all[i]->out)
			looked++;
		assert_non_null(w);
	}
	assert_true(looked < 4 * MANY);
	for (unsigned i = 0; all != NULL && i < MANY; i++) {
		spd_remove(&d, &all[i]->out);
		esp_sa_no_selectors(&all[i]->out);
	}
	spd_free(&d);
	free(many);
	free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_slow), cmocka_unit_test(test_looks_at_few),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
