/* Many hosts asked whether they speak IKE: who answers, who is silent, and who only claims something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "probe/sweep.h"

#define HOSTS	300

struct world {
	struct sweep_host	 hosts[HOSTS];
	struct ike_sweep	*sweep;
	struct ike_machine	 m;
	struct now		 now;
	unsigned		 found[HOSTS], sent[HOSTS], v1, v2, silent, unreachable;
	uint64_t		 last_begun_ms;
	/* What a host does with a message; NULL: nothing. */
	void			(*answer)(struct world *w, size_t host, struct span msg);
};

static void
on_found(void *ctx, const struct sweep_found *what)
{
	struct world *w = ctx;
	size_t i = (size_t)(what->host - w->hosts);

	w->found[i]++;
	assert_int_equal(what->sent, w->sent[i]);
	switch (what->what) {
	case SWEEP_IKEV1:
		w->v1++;
		break;
	case SWEEP_IKEV2:
		w->v2++;
		break;
	case SWEEP_SILENT:
		w->silent++;
		break;
	case SWEEP_UNREACHABLE:
		assert_int_equal(what->sys, 111);
		w->unreachable++;
		break;
	}
}

static size_t
host_of(const struct endpoint *e)
{
	return ((size_t)get_be16(e->addr.b + 2));
}

static void
deliver(struct world *w, struct ike_outbox *out)
{
	struct ike_out *item;
	size_t i;

	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM) {
			i = host_of(&item->dgram.remote);
			if (w->sent[i]++ == 0) {
				/* The rate: a new host 20 ms after the last one. */
				assert_true(i == 0 || w->now.ms >= w->last_begun_ms + 20);
				w->last_begun_ms = w->now.ms;
			}
			if (w->answer != NULL)
				w->answer(w, i, span_of(item->dgram.data, item->dgram.len));
		}
		ike_out_free(item);
	}
}

static void
run(struct world *w, bool v2_only)
{
	struct ike_sweep_conf c = {
		.rand = rand_system, .n = HOSTS, .hosts = w->hosts, .gap_ms = 20, .timeout_ms = 4000, .v2_only = v2_only,
		.found = on_found, .ctx = w,
	};
	struct ike_outbox out = {0};
	uint64_t next;
	size_t i;

	for (i = 0; i < HOSTS; i++) {
		w->hosts[i] = (struct sweep_host){ { { .family = 4, .b = { 192, 0, 2, 1 } }, 500 },
		    { { .family = 4, .b = { 10, 0 } }, 500 } };
		put_be16(w->hosts[i].remote.addr.b + 2, (uint16_t)i);
	}
	w->now.ms = 5000;
	assert_non_null(w->sweep = ike_sweep_new(&c, NULL));
	w->m = ike_sweep_machine(w->sweep);
	while (!machine_over(w->m)) {
		machine_timeout(w->m, w->now, &out);
		deliver(w, &out);
		next = machine_deadline_us(w->m);
		if (next != UINT64_MAX && next / 1000 > w->now.ms)
			w->now.ms = next / 1000;
		assert_true(w->now.ms < 5000 + HOSTS * 20 + 10000);
	}
	for (i = 0; i < HOSTS; i++)
		assert_int_equal(w->found[i], 1);
	ike_sweep_free(w->sweep);
}

static void
receive(struct world *w, const struct endpoint *from, struct span msg)
{
	machine_datagram(w->m, w->now, &w->hosts[0].local, from, msg, NULL);
}

/* A notify in clear: what gateways say that accept nothing. */
static size_t
refusal(uint8_t buf[64], struct span msg, uint8_t version)
{
	bool v2 = version >> 4 == 2;

	memset(buf, 0, 64);
	memcpy(buf, msg.p, COOKIE_LEN);
	memset(buf + COOKIE_LEN, 7, COOKIE_LEN);
	buf[16] = v2 ? 41 : 11;
	buf[17] = version;
	buf[18] = v2 ? 34 : 5;
	buf[19] = v2 ? 0x20 : 0;
	put_be16(buf + 30, v2 ? 8 : 12);
	if (v2)
		put_be16(buf + 34, 14);
	else {
		put_be32(buf + 32, 1);
		buf[36] = 1;
		put_be16(buf + 38, 14);
	}
	put_be32(buf + 24, v2 ? 36 : 40);
	return (v2 ? 36 : 40);
}

/* Every third host speaks IKEv1, the next only IKEv2, the next nothing. */
static void
by_thirds(struct world *w, size_t host, struct span msg)
{
	uint8_t buf[64];
	bool v2 = msg.p[17] >> 4 == 2;

	if (host % 3 == 2 || v2 != (host % 3 == 1))
		return;
	receive(w, &w->hosts[host].remote, span_of(buf, refusal(buf, msg, msg.p[17])));
}

static void
each_host_is_asked_by_both_versions(void **state)
{
	struct world w = { .answer = by_thirds };
	size_t i;

	(void)state;
	run(&w, false);
	assert_int_equal(w.v1, 100);
	assert_int_equal(w.v2, 100);
	assert_int_equal(w.silent, 100);
	for (i = 0; i < HOSTS; i++)
		assert_in_range(w.sent[i], i % 3 == 0 ? 1 : 3, i % 3 == 0 ? 1 : 4);
}

static void
with_ikev2_only_nothing_of_ikev1_is_sent(void **state)
{
	struct world w = { .answer = by_thirds };

	(void)state;
	run(&w, true);
	assert_int_equal(w.v1, 0);
	assert_int_equal(w.v2, 100);
	assert_int_equal(w.silent, 200);
}

/* Answers that prove nothing: from another host, of another cookie, and the message itself. */
static void
claims(struct world *w, size_t host, struct span msg)
{
	uint8_t buf[64], own[PROBE_MSG_MAX];
	size_t len = refusal(buf, msg, msg.p[17]);

	memcpy(own, msg.p, msg.len);
	receive(w, &w->hosts[(host + 1) % HOSTS].remote, span_of(buf, len));
	receive(w, &w->hosts[host].remote, span_of(own, msg.len));
	buf[0] ^= 1;
	receive(w, &w->hosts[host].remote, span_of(buf, len));
	receive(w, &w->hosts[host].remote, span_of(buf, 7));
}

static void
what_proves_nothing_is_no_answer(void **state)
{
	struct world w = { .answer = claims };

	(void)state;
	run(&w, false);
	assert_int_equal(w.silent, HOSTS);
}

/* Anybody can send an ICMP error: a host that answers all the same has answered. */
static void
icmp(struct world *w, size_t host, struct span msg)
{
	uint8_t buf[64];

	w->m.ops->unreachable(w->m.self, w->now, &w->hosts[host].remote, 111, NULL);
	if (host % 2 == 0)
		receive(w, &w->hosts[host].remote, span_of(buf, refusal(buf, msg, msg.p[17])));
}

static void
an_icmp_error_only_shortens_the_wait(void **state)
{
	struct world w = { .answer = icmp };
	size_t i;

	(void)state;
	run(&w, false);
	assert_int_equal(w.v1, HOSTS / 2);
	assert_int_equal(w.unreachable, HOSTS / 2);
	for (i = 0; i < HOSTS; i++)
		assert_int_equal(w.sent[i], 1);
}

/* A chosen proposal, and lengths that reach too far. */
static void
v2_answers_are_bounded(void **state)
{
	static const uint8_t cky[COOKIE_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const struct endpoint ends[2];
	uint8_t m[84] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9, 33, 0x20, 34, 0x20, 0, 0, 0, 0, 0, 0, 0, 84,
		41, 0, 0, 44, 0, 0, 0, 40, 1, 1, 0, 3,
		3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 1, 0, 3, 0, 0, 8, 2, 0, 0, 5, 0, 0, 0, 12, 4, 0, 0, 14, 0, 0, 0, 0,
		0, 0, 0, 10, 0, 0, 0, 17, 0, 14, 0, 0,
	};
	struct v2_answer a;
	char text[V2_TRANSFORM_TEXT];
	size_t i;
	uint8_t was;

	(void)state;
	put_be32(m + 24, 82);
	assert_true(v2_answer_get(&a, cky, &ends[0], &ends[1], span_of(m, 82)));
	assert_true(a.chosen);
	assert_int_equal(a.n_transforms, 3);
	assert_string_equal(v2_transform_text(&a.transforms[0], text), "aes-cbc-256");
	assert_string_equal(v2_transform_text(&a.transforms[2], text), "modp2048");
	assert_string_equal(v2_transform_text(&(struct v2_transform){ .type = 4, .id = 31 }, text), "x25519");
	assert_string_equal(v2_transform_text(&(struct v2_transform){ .type = 4, .id = 19 }, text), "ecp256");
	assert_string_equal(v2_transform_text(&(struct v2_transform){ .type = 4, .id = 18 }, text), "modp8192");
	assert_string_equal(v2_transform_text(&(struct v2_transform){ .type = 4, .id = 99 }, text), "group-99");
	assert_int_equal(a.notify, V2_INVALID_KE_PAYLOAD);
	assert_int_equal(a.wanted_group, 14);
	/* Each length field in turn says more than there is. */
	for (i = 28; i < 82; i++)
		if (i == 31 || i == 35 || i == 43 || i == 55 || i == 63 || i == 75) {
			was = m[i];
			m[i] = 200;
			assert_false(v2_answer_get(&a, cky, &ends[0], &ends[1], span_of(m, 82)));
			m[i] = 0;
			assert_false(v2_answer_get(&a, cky, &ends[0], &ends[1], span_of(m, 82)));
			m[i] = was;
		}
	m[19] = 0x28;		/* as the initiator's own message would be */
	assert_false(v2_answer_get(&a, cky, &ends[0], &ends[1], span_of(m, 82)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_host_is_asked_by_both_versions),
		cmocka_unit_test(with_ikev2_only_nothing_of_ikev1_is_sent),
		cmocka_unit_test(what_proves_nothing_is_no_answer),
		cmocka_unit_test(an_icmp_error_only_shortens_the_wait),
		cmocka_unit_test(v2_answers_are_bounded),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
