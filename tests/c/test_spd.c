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

static struct esp_pair pairs[SAS], *list[SAS];
static struct selector ts[SAS][2][3];	/* of each: local, remote */
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

/* The reference: every way, each time. The first of the order is the best that fits. */
static const struct spd_way *
slow(const struct spd *d, const struct inner *in, unsigned nth)
{
	for (size_t i = 0; i < d->n_ways; i++)
		if (inner_matches(in, &d->ways[i].local, &d->ways[i].remote) && nth-- == 0)
			return (&d->ways[i]);
	return (NULL);
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

			list[i] = &pairs[i];
			pairs[i].serial = i + 1;
			pairs[i].established_ms = chance(3);
			*out = (struct esp_sa){ .pair = &pairs[i], .src_ts = ts[i][0], .dst_ts = ts[i][1] };
			out->n_src_ts = 1 + chance(2);
			out->n_dst_ts = 1 + chance(3);
			for (size_t k = 0; k < out->n_src_ts; k++)
				out->src_ts[k] = selector(family);
			for (size_t k = 0; k < out->n_dst_ts; k++)
				out->dst_ts[k] = selector(family);
		}
		assert_int_equal(spd_make(&d, list, n), 0);
		for (size_t i = 1; i < d.n_ways; i++)
			assert_true(d.ways[i - 1].narrow >= d.ways[i].narrow);
		for (int k = 0; k < 500; k++) {
			uint8_t family = chance(2) != 0 ? 4 : 6;
			struct inner in = { .src = address(family), .dst = address(family),
			    .proto = chance(2) != 0 ? 17 : 6, .has_ports = chance(2) != 0 };
			struct spd_walk at = {0};
			struct spd_way *w;
			unsigned nth = 0;

			in.sport = (uint16_t)(chance(3) + 1);
			in.dport = (uint16_t)(chance(3) + 1);
			while ((w = spd_next(&d, &in, &at)) != NULL)
				if (inner_matches(&in, &w->local, &w->remote))
					assert_ptr_equal(w, slow(&d, &in, nth++));
			assert_null(slow(&d, &in, nth));
			hits += nth;
		}
	}
	assert_true(hits > 5000);	/* or nothing was tested */
	spd_free(&d);
}

static void
test_looks_at_few(void **state)
{
	enum { MANY = 4000 };
	struct esp_pair *many = calloc(MANY, sizeof(*many)), **all = calloc(MANY, sizeof(struct esp_pair *));
	static struct selector nets[MANY][2];
	struct spd d = {0};
	unsigned looked = 0;

	(void)state;
	for (unsigned i = 0; many != NULL && all != NULL && i < MANY; i++) {
		struct esp_sa *out = &many[i].out;
		char net[32];

		all[i] = &many[i];
		*out = (struct esp_sa){ .pair = &many[i], .n_src_ts = 1, .n_dst_ts = 1, .src_ts = &nets[i][0],
		    .dst_ts = &nets[i][1] };
		(void)snprintf(net, sizeof(net), i % 2 == 0 ? "10.%u.%u.0/24" : "172.%u.%u.7/32", i / 250, i % 250);
		assert_int_equal(selector_parse(out->src_ts, "10.1.0.0/16"), 0);
		assert_int_equal(selector_parse(out->dst_ts, net), 0);
	}
	assert_int_equal(spd_make(&d, all, MANY), 0);
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
