/* The engine with many SAs: what one costs in memory, and that looking one up does not grow with their number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "allocated.h"
#include "ike/engine_priv.h"
#include "many.h"

/* Asks under one SA after the other; how many entries and timers the engine touched. */
static uint64_t
work(struct many *m)
{
	struct ike_out *ask;
	uint64_t before, after;
	size_t i;

	before = m->engine->by_spi.looked_at + m->engine->sa_timers.moved;
	for (i = 0; i < 10 * MANY_PEERS; i++) {
		assert_non_null(ask = many_ask(m, i % MANY_PEERS));
		assert_true(many_answer(m, i % MANY_PEERS, ask));
		ike_out_free(ask);
	}
	after = m->engine->by_spi.looked_at + m->engine->sa_timers.moved;
	return (after - before);
}

static void
an_idle_sa_with_a_child_is_small(void **state)
{
	static struct many few, many;
	size_t before, after, n = 500;

	(void)state;
	assert_int_equal(many_init(&few, MANY_PEERS), 0);	/* what is made once is made */
	before = allocated();
	assert_int_equal(many_init(&many, n), 0);
	after = allocated();
	/* The kept initiators are in there as well. */
	print_message("%zu bytes for an idle IKE SA with one child\n", (after - before) / n);
	if (!SANITIZED) {
		assert_true(after > before);
		assert_in_range((after - before) / n, 500, 4095);
	}
	assert_in_range(sizeof(struct ike_sa) + sizeof(struct ike_out), 0, 1024);
	many_free(&few);
	many_free(&many);
}

static void
an_item_costs_what_its_kind_needs(void **state)
{
	struct ike_outbox out = {0};
	struct endpoint at = { { 4, { 192, 0, 2, 1 }, 0 }, 500 };
	size_t before, i, n = 100;
	struct ike_out *item;

	(void)state;
	before = allocated();
	for (i = 0; i < n; i++)
		outbox_note(&out, NOTE_INFO, "a note of %s", "25 bytes...");
	if (!SANITIZED)
		assert_in_range((allocated() - before) / n, 25, 199);
	before = allocated();
	for (i = 0; i < n; i++)
		outbox_datagram(&out, &at, &at, span_str("28 bytes, as short as can be"));
	if (!SANITIZED)
		assert_in_range((allocated() - before) / n, 28, 28 + 199);
	for (i = 0; i < n && (item = outbox_take(&out)) != NULL; i++) {
		assert_int_equal(item->kind, IKE_OUT_NOTE);
		assert_string_equal(item->note.text, "a note of 25 bytes...");
		ike_out_free(item);
	}
	assert_int_equal(out.first->dgram.len, 28);
	outbox_free(&out);
}

static void
a_datagram_costs_the_same_with_many_sas(void **state)
{
	static struct many few, many;
	uint64_t a, b;

	(void)state;
	assert_int_equal(many_init(&few, MANY_PEERS), 0);
	assert_int_equal(many_init(&many, 400), 0);
	a = work(&few);
	b = work(&many);
	/* Chains of a hash table with as many buckets as entries vary: a walk would be 40 times as long. */
	assert_true(a >= 100);
	assert_in_range(b, 0, 4 * a);
	many_free(&few);
	many_free(&many);
}

static void
half_open_exchanges_are_counted(void **state)
{
	static struct many m;

	(void)state;
	assert_int_equal(many_init(&m, 20), 0);
	assert_int_equal(m.engine->fresh.n, 0);
	assert_int_equal(m.engine->returned.n, 0);
	assert_int_equal(m.engine->n_established, 20);
	assert_int_equal(m.engine->by_spi.n, 20);
	assert_int_equal(m.engine->by_peer_spi.n, 20);
	assert_int_equal(m.engine->by_child_spi.n, 20);
	assert_int_equal(m.engine->sas_by_peer.n, 20);
	assert_int_equal(m.engine->children_by_peer.n, 20);
	assert_int_equal(m.engine->half_open_by_addr.n, 0);
	many_free(&m);
}

static void
the_heap_gives_the_earliest_and_of_equals_the_youngest(void **state)
{
	static struct timer t[64];
	struct heap h = {0};
	struct timer *one;
	uint64_t last = 0;
	size_t i, n = 0;

	(void)state;
	assert_int_equal(heap_reserve(&h, 64), 0);
	for (i = 0; i < 64; i++) {
		t[i].serial = i + 1;
		heap_set(&h, &t[i], 1000 + i * 37 % 64);
	}
	heap_set(&h, &t[5], UINT64_MAX);		/* taken out */
	heap_set(&h, &t[6], 10);			/* moved to the front */
	heap_set(&h, &t[7], 5000);			/* and to the end, with an elder */
	heap_set(&h, &t[4], 5000);
	assert_int_equal(heap_deadline_ms(&h), 10);
	assert_null(heap_due(&h, 9));
	assert_ptr_equal(heap_due(&h, 10), &t[6]);
	while ((one = heap_due(&h, 4999)) != NULL) {
		assert_true(one->at_ms >= last);
		last = one->at_ms;
		n++;
	}
	assert_int_equal(n, 60);
	assert_ptr_equal(heap_due(&h, 5000), &t[7]);
	assert_ptr_equal(heap_due(&h, 5000), &t[4]);
	assert_int_equal(heap_deadline_ms(&h), UINT64_MAX);
	heap_free(&h);
}

static void
the_table_finds_what_is_in_it(void **state)
{
	static struct table_node n[1000];
	struct table t = {0};
	size_t i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_int_equal(table_put(&t, &n[i], hash_bytes(&i, sizeof(i), 1)), 0);
	for (i = 0; i < 1000; i += 2)
		table_remove(&t, &n[i]);
	table_remove(&t, &n[0]);			/* twice is fine */
	assert_int_equal(t.n, 500);
	for (i = 0; i < 1000; i++)
		assert_ptr_equal(table_first(&t, hash_bytes(&i, sizeof(i), 1)),
		    i % 2 == 0 ? NULL : &n[i]);
	/* The last one put under a key comes first, also once the table has grown. */
	assert_int_equal(table_put(&t, &n[0], n[1].hash), 0);
	for (i = 2; i < 1000; i += 2)
		assert_int_equal(table_put(&t, &n[i], hash_bytes(&i, sizeof(i), 0x1234567)), 0);
	assert_ptr_equal(table_first(&t, n[1].hash), &n[0]);
	assert_ptr_equal(table_next(&t, &n[0]), &n[1]);
	assert_null(table_next(&t, &n[1]));
	table_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_heap_gives_the_earliest_and_of_equals_the_youngest),
		cmocka_unit_test(the_table_finds_what_is_in_it),
		cmocka_unit_test(an_item_costs_what_its_kind_needs),
		cmocka_unit_test(an_idle_sa_with_a_child_is_small),
		cmocka_unit_test(a_datagram_costs_the_same_with_many_sas),
		cmocka_unit_test(half_open_exchanges_are_counted),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
