/* The IKEv1 machines against replays, restarts, collisions and peers that refuse some of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "forge.h"
#include "ike/engine_priv.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1/phase1.h"
#include "ike/v1/quick.h"
#include "sim.h"
#include "wire/isakmp.h"

#define KEPT_MAX	64

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
	/* Everything that left sent, for replays. */
	size_t			n_kept;
	struct { uint8_t *p; size_t len; } kept[KEPT_MAX];
};

static bool
keep_left(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;

	if (from == 0 && p->n_kept < KEPT_MAX) {
		assert_non_null(p->kept[p->n_kept].p = malloc(len));
		memcpy(p->kept[p->n_kept].p, data, len);
		p->kept[p->n_kept++].len = len;
	}
	return (true);
}

static struct pair *
pair_new(uint64_t seed)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256", seed);
	p->sim.tap = keep_left;
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_pair_free(&p->sim, &p->left, &p->right);
	while (p->n_kept > 0)
		free(p->kept[--p->n_kept].p);
	free(p);
}

static void
up(struct pair *p)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(p->sim.end[0].n_children, p->left.n_remote_ts);
	assert_true(sim_children_agree(&p->sim));
}

/* All that left ever sent comes again, from somewhere else. */
static void
replay(struct pair *p)
{
	const struct endpoint elsewhere = { { 4, { 203, 0, 113, 66 }, 0 }, 500 };
	size_t i, n = p->n_kept;

	for (i = 0; i < n; i++) {
		struct ike_outbox out = {0};

		ike_engine_datagram(p->sim.end[1].engine, p->sim.now, &sim_right, &elsewhere,
		    span_of(p->kept[i].p, p->kept[i].len), &out);
		sim_flush(&p->sim, 1, &out);
	}
}

static void
replayed_messages_change_nothing(void **state)
{
	struct pair *p = pair_new(1);
	struct ike_outbox out = {0};
	struct ike_out *item;
	size_t records = 0;

	(void)state;
	p->left.dpd_seconds = 10;
	up(p);
	sim_run(&p->sim, 70000, NULL);	/* questions were asked; what is finished is forgotten */
	replay(p);
	assert_int_equal(p->sim.end[1].n_children, 1);
	assert_int_equal(p->sim.end[1].n_ike, 1);
	/* Messages of this end still go to the peer's address. */
	ike_engine_shutdown(p->sim.end[1].engine, p->sim.now, &out);
	while ((item = outbox_take(&out)) != NULL) {
		records += item->kind == IKE_OUT_RECORD;
		if (item->kind == IKE_OUT_DATAGRAM)
			assert_true(endpoint_eq(&item->dgram.remote, &sim_left));
		ike_out_free(item);
	}
	assert_int_equal(records, 2);
	pair_free(p);
}

/* What this end has said proves nothing when it comes back, though both directions are under the same keys. */
static void
reflected_messages_change_nothing(void **state)
{
	const struct endpoint elsewhere = { { 4, { 203, 0, 113, 66 }, 0 }, 500 };
	struct pair *p = pair_new(1);
	size_t i, n, answers = 0;

	(void)state;
	p->left.dpd_seconds = 10;
	/* The same at both ends, so that it could be taken for an offer of the peer's. */
	p->left.local_ts[0] = p->right.local_ts[0] = p->left.remote_ts[0] = p->right.remote_ts[0];
	up(p);
	sim_run(&p->sim, 70000, NULL);
	for (i = 0, n = p->n_kept; i < n; i++) {
		struct ike_outbox out = {0};
		struct ike_out *item;

		/* A first message of phase 1 may come from anybody. */
		if (get_be32(p->kept[i].p + 20) == 0)
			continue;
		ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &elsewhere,
		    span_of(p->kept[i].p, p->kept[i].len), &out);
		while ((item = outbox_take(&out)) != NULL) {
			answers += item->kind != IKE_OUT_NOTE;
			ike_out_free(item);
		}
	}
	assert_int_equal(answers, 0);
	assert_true(endpoint_eq(&p->sim.end[0].engine->sas->remote.at, &sim_right));
	pair_free(p);
}

/* One network of three is refused: the other two tunnels come up, whichever it is. */
static void
one_refusal_of_several(void **state)
{
	static const char *const nets[] = { "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24" };
	struct pair *p;
	size_t refused, i, n;
	struct fault f = {0};

	(void)state;
	for (refused = 0; refused < 3; refused++) {
		p = pair_new(2 + refused);
		p->left.n_remote_ts = 3;
		for (i = n = 0; i < 3; i++) {
			assert_int_equal(selector_parse(&p->left.remote_ts[i], nets[i]), 0);
			if (i != refused)
				p->right.local_ts[n++] = p->left.remote_ts[i];
		}
		p->right.n_local_ts = n;
		assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
		sim_run(&p->sim, 8000, NULL);
		if (p->sim.end[0].n_children != 2 || p->sim.end[0].n_failed < 1)
			fail_msg("network %zu refused: %zu children, %d failed\n%s", refused,
			    p->sim.end[0].n_children, p->sim.end[0].n_failed, p->sim.end[0].notes);
		assert_int_equal(p->sim.end[0].why.code, FAULT_TS_MISMATCH);
		/* It is asked for again, less and less often. */
		sim_run(&p->sim, 120000, NULL);
		assert_in_range(p->sim.end[0].n_failed, 4, 10);
		assert_int_equal(p->sim.end[0].n_children, 2);
		assert_true(sim_children_agree(&p->sim));
		pair_free(p);
	}
}

/* Both ends rekey the same child at one moment: traffic has a child all the time. */
static void
rekey_collision(void **state)
{
	struct pair *p;
	struct sa_event ev = { .what = SA_EVENT_SOFT, .has_spi_in = true };
	uint64_t seed;
	int i, k;

	(void)state;
	for (seed = 10; seed < 30; seed++) {
		p = pair_new(seed);
		up(p);
		for (i = 0; i < 2; i++) {
			struct ike_outbox out = {0};

			memcpy(ev.spi_in, p->sim.end[i].children[0].spi_in, 4);
			ike_engine_event(p->sim.end[i].engine, p->sim.now, &ev, &out);
			sim_flush(&p->sim, i, &out);
		}
		for (k = 0; k < 100; k++) {
			sim_run(&p->sim, 100, NULL);
			assert_true(p->sim.end[0].n_children >= 1);
			assert_true(p->sim.end[1].n_children >= 1);
		}
		assert_true(sim_children_agree(&p->sim));
		assert_int_equal(p->sim.end[0].n_failed + p->sim.end[1].n_failed, 0);
		/* Two of one purpose, until the next rekey, well before they expire. */
		assert_int_equal(p->sim.end[0].n_children, 2);
		sim_run(&p->sim, 3500000, NULL);
		assert_int_equal(p->sim.end[0].n_children, 1);
		assert_int_equal(p->sim.end[1].n_children, 1);
		assert_true(sim_children_agree(&p->sim));
		pair_free(p);
	}
}

/* Sends ${what} of the first child to end 0. */
static void
happens(struct pair *p, enum sa_event_kind what)
{
	struct sa_event ev = { .what = what, .has_spi_in = true };
	struct ike_outbox out = {0};

	memcpy(ev.spi_in, p->sim.end[0].children[0].spi_in, 4);
	ike_engine_event(p->sim.end[0].engine, p->sim.now, &ev, &out);
	sim_flush(&p->sim, 0, &out);
}

/* The volume is used up while the new child is being made: the peer may send with the old one until it has the new one. */
static void
volume_ends_in_a_rekey(void **state)
{
	struct pair *p = pair_new(36);
	uint8_t was[4];

	(void)state;
	up(p);
	memcpy(was, p->sim.end[0].children[0].spi_in, 4);
	happens(p, SA_EVENT_SOFT);
	happens(p, SA_EVENT_HARD);
	for (int i = 0; i < 100; i++) {
		assert_true(p->sim.end[0].n_children >= 1);
		assert_true(p->sim.end[1].n_children >= 1);
		sim_run(&p->sim, 100, NULL);
	}
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_memory_not_equal(was, p->sim.end[0].children[0].spi_in, 4);
	assert_true(sim_children_agree(&p->sim));
	/* Where no new one comes, it does not stay. */
	p->sim.cut = true;
	happens(p, SA_EVENT_SOFT);
	happens(p, SA_EVENT_HARD);
	sim_run(&p->sim, 4000, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(p->sim.end[0].n_children, 0);
	assert_non_null(strstr(p->sim.end[0].notes, sa_reason_text(SA_REASON_VOLUME)));
	pair_free(p);
	/* Nor where none is being made. */
	p = pair_new(37);
	up(p);
	happens(p, SA_EVENT_HARD);
	assert_int_equal(p->sim.end[0].n_children, 0);
	pair_free(p);
}

/* The end that answered phase 1 begins a quick mode of its own: the other answers it. */
static void
responder_rekeys(void **state)
{
	struct pair *p = pair_new(35);
	struct sa_event ev = { .what = SA_EVENT_SOFT, .has_spi_in = true };
	struct ike_outbox out = {0};
	uint8_t was[4];

	(void)state;
	up(p);
	memcpy(was, p->sim.end[0].children[0].spi_in, 4);
	memcpy(ev.spi_in, p->sim.end[1].children[0].spi_in, 4);
	ike_engine_event(p->sim.end[1].engine, p->sim.now, &ev, &out);
	sim_flush(&p->sim, 1, &out);
	sim_run(&p->sim, 10000, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_int_equal(p->sim.end[1].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	assert_memory_not_equal(was, p->sim.end[0].children[0].spi_in, 4);
	assert_memory_equal(was, p->sim.end[0].children[0].replaces, 4);
	assert_false(p->sim.end[0].children[0].initiator);
	pair_free(p);
}

/* esp-tun cannot carry it: both ends forget the child SA, and neither the IKE SA. */
static void
refused_child_is_deleted(void **state)
{
	struct sa_event ev = { .what = SA_EVENT_REFUSED, .has_spi_in = true, .source = "esp-tun",
	    .text = "no memory for an SA" };
	struct pair *p = pair_new(37);
	struct ike_outbox out = {0};

	(void)state;
	up(p);
	/* Not one that this end does not have. */
	memcpy(ev.spi_in, p->sim.end[0].children[0].spi_in, 4);
	ike_engine_event(p->sim.end[1].engine, p->sim.now, &ev, &out);
	assert_null(out.first);
	memcpy(ev.spi_in, p->sim.end[1].children[0].spi_in, 4);
	ike_engine_event(p->sim.end[1].engine, p->sim.now, &ev, &out);
	sim_flush(&p->sim, 1, &out);
	assert_int_equal(p->sim.end[1].n_children, 0);
	sim_run(&p->sim, 10000, NULL);
	/* The initiator keeps its connection up: there is another one. */
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	assert_memory_not_equal(ev.spi_in, p->sim.end[1].children[0].spi_in, 4);
	assert_int_equal(ike_engine_count_ike(p->sim.end[0].engine), 1);
	assert_int_equal(ike_engine_count_ike(p->sim.end[1].engine), 1);
	pair_free(p);
}

/* Messages in clear, or of an unknown SA, end no established SA. */
static void
deletes_in_clear_end_nothing(void **state)
{
	struct pair *p = pair_new(36);
	uint8_t buf[128];
	struct isakmp_builder b;
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO, .mid = 77 };
	struct isakmp_delete d = { .doi = DOI_IPSEC, .proto = PROTO_ESP, .spi_len = 4, .n = 1 };
	struct ike_outbox out = {0};
	int i;

	(void)state;
	up(p);
	for (i = 0; i < 2; i++) {
		uint8_t id[16];

		memcpy(h.cky_i, p->sim.end[0].ike.spi_i, 8);
		memcpy(h.cky_r, p->sim.end[0].ike.spi_r, 8);
		memcpy(id, h.cky_i, 8);
		memcpy(id + 8, h.cky_r, 8);
		d.spis = span_of(p->sim.end[1].children[0].spi_out, 4);
		if (i == 1)
			d = (struct isakmp_delete){ DOI_IPSEC, PROTO_ISAKMP, 16, 1, SPAN_ARRAY(id) };
		isakmp_begin(&b, buf, sizeof(buf), &h);
		isakmp_payload_begin(&b, PAYLOAD_D);
		isakmp_delete_put(&b.w, &d);
		isakmp_payload_end(&b);
		ike_engine_datagram(p->sim.end[1].engine, p->sim.now, &sim_right, &sim_left,
		    isakmp_end(&b), &out);
		sim_flush(&p->sim, 1, &out);
	}
	assert_int_equal(p->sim.end[1].n_children, 1);
	assert_int_equal(ike_engine_count_ike(p->sim.end[1].engine), 1);
	assert_non_null(strstr(p->sim.end[1].notes, "a delete in clear is not obeyed"));
	pair_free(p);
}

/* The initiator loses all memory: INITIAL-CONTACT clears what it left behind at the peer. */
static void
restart_clears_the_past(void **state)
{
	struct pair *p = pair_new(40);
	struct ike_conf conf = {
		.policies = &p->left, .n_policies = 1, .respond = true, .keep = true,
	};

	(void)state;
	up(p);
	ike_engine_free(p->sim.end[0].engine);
	while (p->sim.end[0].n_children > 0)
		sa_child_wipe(&p->sim.end[0].children[--p->sim.end[0].n_children]);
	conf.rand = rand_seeded(&p->sim.end[0].seed, span_str("another life"));
	p->sim.end[0].engine = ike_engine_new(&conf, NULL);
	up(p);
	assert_int_equal(p->sim.end[1].n_children, 1);
	assert_int_equal(ike_engine_count_ike(p->sim.end[1].engine), 1);
	pair_free(p);
}

/* The responder announces a shorter lifetime in a message of its own: both ends obey it. */
static void
responder_lifetime(void **state)
{
	struct pair *p = pair_new(50);

	(void)state;
	p->right.esp_seconds = 1200;
	p->right.esp_kilobytes = 5000;
	up(p);
	assert_int_equal(p->sim.end[1].children[0].lifetime.seconds, 1200);
	assert_int_equal(p->sim.end[0].children[0].lifetime.seconds, 1200);
	assert_int_equal(p->sim.end[0].children[0].lifetime.kilobytes, 5000);
	pair_free(p);
}

/* A borrowed IKE SA is used for a child SA and is not deleted. */
static void
borrowed_sa_is_not_deleted(void **state)
{
	struct pair *p = pair_new(60);
	struct ike_conf conf = { .policies = &p->left, .n_policies = 1, .borrowed = true };
	struct ike_outbox out = {0};
	struct sa_rec rec = { .type = SA_IKE };
	struct fault f = {0};
	uint8_t id[16];

	(void)state;
	assert_int_equal(sim_connect(&p->sim, &p->left, false, &f), 0);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(sa_ike_copy(&rec.ike, &p->sim.end[0].ike), 0);
	ike_engine_free(p->sim.end[0].engine);
	conf.rand = rand_seeded(&p->sim.end[0].seed, span_str("phase 2"));
	p->sim.end[0].engine = ike_engine_new(&conf, NULL);
	assert_int_equal(ike_engine_adopt(p->sim.end[0].engine, p->sim.now, &rec, &p->left, &f), 0);
	memcpy(id, rec.ike.spi_i, 8);
	memcpy(id + 8, rec.ike.spi_r, 8);
	assert_int_equal(ike_engine_children(p->sim.end[0].engine, p->sim.now, id, &out, &f), 0);
	sim_flush(&p->sim, 0, &out);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	ike_engine_shutdown(p->sim.end[0].engine, p->sim.now, &out);
	sim_flush(&p->sim, 0, &out);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(p->sim.end[1].n_children, 0);
	assert_int_equal(p->sim.end[1].n_gone, 0);
	assert_int_equal(ike_engine_count_ike(p->sim.end[1].engine), 1);
	sa_rec_wipe(&rec);
	pair_free(p);
}

/* Each kind of exchange has a part of its own; asking for that of another kind gives NULL. */
static void
parts_are_of_their_kind(void **state)
{
	struct pair *p = pair_new(1);
	const struct v1_exchange *x;
	size_t quick = 0, phase1 = 0;

	(void)state;
	up(p);
	for (x = v1_sa_of(p->sim.end[1].engine->sas)->exchanges; x != NULL; x = x->next) {
		assert_true((v1_phase1_of(x) == NULL) != (v1_quick_of(x) == NULL));
		phase1 += v1_phase1_of(x) != NULL;
		quick += v1_quick_of(x) != NULL;
	}
	assert_int_equal(phase1, 1);
	assert_int_equal(quick, 1);
	pair_free(p);
}

/* Message ID 0 is phase 1's: a quick mode message with it is dropped. */
static bool
zero_quick_mid(struct sim *s, int from, uint8_t *data, size_t len)
{
	(void)s;
	(void)from;
	if (len > 24 && data[18] == EXCHANGE_QUICK)
		put_be32(data + 20, 0);
	return (true);
}

static void
quick_mode_under_message_id_0_is_dropped(void **state)
{
	struct pair *p = pair_new(1);
	struct fault f = {0};
	const struct v1_sa *sa;

	(void)state;
	p->sim.tap = zero_quick_mid;
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 2000, NULL);
	assert_int_equal(p->sim.end[1].n_ike, 1);
	sa = v1_sa_of(p->sim.end[1].engine->sas);
	assert_non_null(sa);
	assert_null(sa->exchanges->next);
	assert_non_null(v1_phase1_of(sa->exchanges));
	assert_int_equal(sa->exchanges->dropped, 0);
	assert_int_equal(p->sim.end[1].n_children, 0);
	pair_free(p);
}

/* The offers that the peer takes none of are named by the option that made them. */
static void
refused_offers_are_named_by_their_option(void **state)
{
	static const struct { enum sa_proto proto; const char *left, *right, *says; } t[] = {
		{ SA_ESP, "aes128-sha256", "aes256-sha256", "none of these: --esp aes128-sha256" },
		{ SA_AH, "sha256", "sha1", "none of these: --ah sha256" },
	};
	struct fault f = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pair *p = pair_new(1);

		p->left.proto = p->right.proto = t[i].proto;
		assert_int_equal((t[i].proto == SA_AH ? ah_proposals_parse : esp_proposals_parse)(
		    &p->left.esp, t[i].left, &f), 0);
		assert_int_equal((t[i].proto == SA_AH ? ah_proposals_parse : esp_proposals_parse)(
		    &p->right.esp, t[i].right, &f), 0);
		assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
		sim_run(&p->sim, 5000, NULL);
		if (strstr(p->sim.end[0].notes, t[i].says) == NULL)
			fail_msg("%s: %s", t[i].says, p->sim.end[0].notes);
		pair_free(p);
	}
}

/* libreswan pads what it sends in clear to a multiple of 4 bytes. */
static void
messages_in_clear_may_be_padded(void **state)
{
	struct lone end[2];
	struct ike_policy left, right;
	uint8_t msg[FORGE_MAX + 2];
	unsigned turn, up[2], padded, aggressive;
	size_t len;

	(void)state;
	for (aggressive = 0; aggressive < 2; aggressive++) {
		sim_policies(&left, &right, "aes128-sha256-modp1024", "aes128-sha256");
		left.exchange = right.exchange = aggressive != 0 ? SA_AGGRESSIVE : SA_MAIN;
		lone_init(&end[0], &left, &sim_left, false);
		lone_init(&end[1], &right, &sim_right, true);
		lone_connect(&end[0], &sim_right);
		up[0] = up[1] = padded = 0;
		for (turn = 0; turn < 6 && (len = end[turn % 2].did.last_len) > 0; turn++) {
			memcpy(msg, end[turn % 2].did.last, len);
			if ((msg[19] & ISAKMP_FLAG_ENCRYPTED) == 0) {
				memset(msg + len, 0, 2);
				put_be32(msg + 24, (uint32_t)(len += 2));
				padded++;
			}
			lone_put(&end[(turn + 1) % 2], &end[turn % 2].at, span_of(msg, len));
			up[(turn + 1) % 2] += end[(turn + 1) % 2].did.up;
		}
		assert_true(padded >= (aggressive ? 2 : 4));
		assert_int_equal(up[0], 1);
		/* Only the last datagram of a step is kept: behind message 3 of aggressive mode quick mode begins. */
		if (aggressive == 0)
			assert_int_equal(up[1], 1);
		lone_free(&end[0]);
		lone_free(&end[1]);
	}
}

/* A group of the peer's own is refused by a notify: once, and only to the peer itself. */
static void
new_group_mode_is_refused(void **state)
{
	static uint8_t buf[FORGE_MAX];
	static const uint8_t sa_b[] = { 0, 0, 0, 1, 0, 0, 0, 1 };
	const struct forged list[] = { { PAYLOAD_SA, SPAN_ARRAY(sa_b) }, { 0, SPAN_NONE } };
	struct pair *p = pair_new(31);
	const struct sa_ike *ike = &p->sim.end[1].ike;
	int i;

	(void)state;
	up(p);
	for (i = 0; i < 4; i++) {
		struct ike_outbox out = {0};
		int sent = p->sim.end[1].n_sent;

		/* with a wrong hash; in clear; right; the same again */
		ike_engine_datagram(p->sim.end[1].engine, p->sim.now, &sim_right, &sim_left, i == 1 ?
		    forge_clear(buf, ike->spi_i, ike->spi_r, EXCHANGE_NEW_GROUP, 77, list) :
		    forge_keyed(buf, ike, EXCHANGE_NEW_GROUP, i == 0 ? 76 : 77, list, i == 0), &out);
		sim_flush(&p->sim, 1, &out);
		assert_int_equal(p->sim.end[1].n_sent - sent, i == 2);
	}
	sim_run(&p->sim, 100, NULL);
	assert_non_null(strstr(p->sim.end[0].notes, "ATTRIBUTES-NOT-SUPPORTED"));
	assert_int_equal(p->sim.end[0].n_children, 1);
	pair_free(p);
}

static bool
drop_informational(struct sim *s, int from, uint8_t *data, size_t len)
{
	(void)s;
	(void)len;
	return (from == 0 || data[18] != EXCHANGE_INFO);
}

/* ATTRIBUTES-NOT-SUPPORTED instead of the NO-PROPOSAL-CHOSEN that was dropped, as the peer ${p}->right sends it. */
static void
refuse_attributes(struct pair *p)
{
	static uint8_t buf[FORGE_MAX], body[16];
	const struct isakmp_notify n = {
		.doi = DOI_IPSEC, .proto = PROTO_ESP, .type = NOTIFY_ATTRIBUTES_NOT_SUPPORTED,
	};
	struct wr w = wr_of(body, sizeof(body));
	struct ike_outbox out = {0};

	isakmp_notify_put(&w, &n);
	const struct forged list[] = { { PAYLOAD_N, wr_span(&w) }, { 0, SPAN_NONE } };

	ike_engine_datagram(p->sim.end[0].engine, p->sim.now, &sim_left, &sim_right,
	    forge_keyed(buf, &p->sim.end[0].ike, EXCHANGE_INFO, 4711, list, false), &out);
	sim_flush(&p->sim, 0, &out);
}

/* A peer that does not support PFS: with --pfs-fallback this end goes on without and says so; else it fails. */
static void
goes_on_without_pfs(void **state)
{
	struct sa_event ev = { .what = SA_EVENT_SOFT, .has_spi_in = true };
	struct ike_outbox out = {0};
	struct fault f = {0};
	struct pair *p;
	int allowed;

	(void)state;
	for (allowed = 0; allowed < 2; allowed++) {
		p = pair_new(40);
		assert_int_equal(esp_proposals_parse(&p->left.esp, "aes128-sha256-modp1024,aes256-sha256-modp1024", &f), 0);
		p->left.pfs_fallback = allowed == 1;
		p->sim.tap = drop_informational;
		assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
		sim_run(&p->sim, 200, NULL);
		assert_int_equal(p->sim.end[0].n_ike, 1);
		assert_int_equal(p->sim.end[0].n_children, 0);
		refuse_attributes(p);
		sim_run(&p->sim, 200, NULL);
		assert_int_equal(p->sim.end[0].n_children, allowed);
		assert_int_equal(p->sim.end[0].n_failed, !allowed);
		assert_int_equal(strstr(p->sim.end[0].notes, "going on without it") != NULL, allowed);
		if (allowed == 1) {
			assert_true(sim_children_agree(&p->sim));
			assert_string_equal(p->sim.end[0].children[0].group, "");
			/* its successor, too */
			memcpy(ev.spi_in, p->sim.end[0].children[0].spi_in, 4);
			ike_engine_event(p->sim.end[0].engine, p->sim.now, &ev, &out);
			sim_flush(&p->sim, 0, &out);
			sim_run(&p->sim, 200, NULL);
			assert_int_equal(p->sim.end[0].n_children, 2);
			assert_true(sim_children_agree(&p->sim));
		}
		pair_free(p);
	}
}

static size_t
count_text(const char *in, const char *what)
{
	size_t n = 0;

	while ((in = strstr(in, what)) != NULL) {
		n++;
		in += strlen(what);
	}
	return (n);
}

/* One quick mode offers one group: the next group of the list gets a quick mode of its own, and later ones begin with it. */
static void
each_pfs_group_has_its_quick_mode(void **state)
{
	static const struct { const char *left, *right, *group; size_t refused; int loss; } rows[] = {
		{ "aes128-sha256-modp768,aes128-sha256-modp1024", "aes128-sha256-modp1024", "modp1024", 1, 0 },
		{ "aes128-sha256-modp768,aes128-sha256-modp1024", "aes128-sha256-modp1024", "modp1024", 1, 20 },
		{ "aes128-sha256-modp768,aes256-sha256-modp768,aes128-sha256-modp1024,aes128-sha256", "aes128-sha256", "", 2, 0 },
		{ "aes128-sha256,aes128-sha256-modp768", "aes128-sha256-modp768", "modp768", 1, 20 },
	};
	struct sa_event ev = { .what = SA_EVENT_SOFT, .has_spi_in = true };
	struct ike_outbox out = {0};
	struct fault f = {0};
	struct pair *p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = pair_new(60 + i);
		assert_int_equal(esp_proposals_parse(&p->left.esp, rows[i].left, &f), 0);
		assert_int_equal(esp_proposals_parse(&p->right.esp, rows[i].right, &f), 0);
		assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
		p->sim.loss = (unsigned)rows[i].loss;
		sim_run(&p->sim, 30000, NULL);
		p->sim.loss = 0;
		sim_run(&p->sim, 30000, NULL);
		assert_int_equal(p->sim.end[0].n_children, 1);
		assert_true(sim_children_agree(&p->sim));
		assert_string_equal(p->sim.end[0].children[0].group, rows[i].group);
		assert_int_equal(p->sim.end[0].n_failed, 0);
		assert_int_equal(count_text(p->sim.end[0].notes, "the peer refuses the proposals"), rows[i].refused);
		memcpy(ev.spi_in, p->sim.end[0].children[0].spi_in, 4);
		ike_engine_event(p->sim.end[0].engine, p->sim.now, &ev, &out);
		sim_flush(&p->sim, 0, &out);
		sim_run(&p->sim, 200, NULL);
		assert_int_equal(p->sim.end[0].n_children, 2);
		assert_true(sim_children_agree(&p->sim));
		assert_int_equal(count_text(p->sim.end[0].notes, "the peer refuses the proposals"), rows[i].refused);
		pair_free(p);
	}
	/* None fits: after the last group it fails, once, for that of the last. */
	p = pair_new(70);
	assert_int_equal(esp_proposals_parse(&p->left.esp, "aes128-sha256-modp768,aes128-sha256-modp1536", &f), 0);
	assert_int_equal(esp_proposals_parse(&p->right.esp, "aes128-sha256-modp1024", &f), 0);
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 500, NULL);
	assert_int_equal(p->sim.end[0].n_failed, 1);
	assert_int_equal(p->sim.end[0].n_children, 0);
	assert_string_equal(p->sim.end[0].why.what, "the peer does not accept PFS with group modp1536 (ATTRIBUTES-NOT-SUPPORTED)");
	pair_free(p);
	/* A responder of ours without PFS, and --pfs-fallback: the notify that it sends is the one that lets us go on. */
	p = pair_new(71);
	assert_int_equal(esp_proposals_parse(&p->left.esp, "aes128-sha256-modp768", &f), 0);
	p->left.pfs_fallback = true;
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 500, NULL);
	assert_int_equal(p->sim.end[0].n_children, 1);
	assert_true(sim_children_agree(&p->sim));
	assert_non_null(strstr(p->sim.end[0].notes, "going on without it"));
	pair_free(p);
}

/* Several quick modes at once, of which one is refused: the notify names its SPI, and the others go on. */
static void
a_refusal_names_its_quick_mode(void **state)
{
	struct fault f = {0};
	struct pair *p;
	unsigned seed;

	(void)state;
	for (seed = 0; seed < 8; seed++) {
		p = pair_new(80 + seed);
		p->left.n_local_ts = 3;
		assert_int_equal(selector_parse(&p->left.local_ts[1], "10.8.0.0/24"), 0);	/* not at right */
		assert_int_equal(selector_parse(&p->left.local_ts[2], "10.9.0.0/24"), 0);
		p->right.n_remote_ts = 2;
		p->right.remote_ts[1] = p->left.local_ts[2];
		p->sim.reorder = seed > 0 ? 60 : 0;
		p->sim.loss = seed % 2 * 15;
		assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
		/* Without the SPI it could only be a hint, which waits for V1_HINT_WAIT_MS. */
		sim_run(&p->sim, seed > 0 ? 25000 : 400, NULL);
		if (p->sim.end[0].n_children != 2 || p->sim.end[0].n_failed < 1)
			fail_msg("seed %u: %zu children, %d failed\n%s", seed, p->sim.end[0].n_children, p->sim.end[0].n_failed,
			    p->sim.end[0].notes);
		assert_int_equal(p->sim.end[0].why.code, FAULT_TS_MISMATCH);
		assert_non_null(strstr(p->sim.end[0].why.what, "10.8.0.0/24"));
		pair_free(p);
	}
}

/* AH through a NAT: the initiator does not offer it, and a responder rejects it; both say why. */
static void
ah_behind_a_nat_is_refused(void **state)
{
	struct ike_outbox out = {0};
	struct fault f = {0};
	struct pair *p = pair_new(50);
	uint8_t id[16];

	(void)state;
	p->left.proto = p->right.proto = SA_AH;
	assert_int_equal(ah_proposals_parse(&p->left.esp, "sha256", &f), 0);
	assert_int_equal(ah_proposals_parse(&p->right.esp, "sha256", &f), 0);
	p->sim.nat = true;
	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 500, NULL);
	assert_int_equal(p->sim.end[0].n_ike, 1);
	assert_int_equal(p->sim.end[0].n_children + p->sim.end[1].n_children, 0);
	assert_int_equal(p->sim.end[0].n_failed, 1);
	assert_int_equal(p->sim.end[0].why.cause, CAUSE_AH_NAT);
	assert_string_equal(p->sim.end[0].why.what, "AH cannot pass the NAT in front of this end: it authenticates the "
	    "addresses that a NAT changes");
	assert_int_equal(p->sim.end[1].n_failed, 0);
	/* an initiator that does not know of the NAT */
	p->sim.end[0].engine->sas->natt.local_nat = false;
	ike_sa_id(p->sim.end[0].engine->sas, id);
	assert_int_equal(ike_engine_children(p->sim.end[0].engine, p->sim.now, id, &out, &f), 0);
	sim_flush(&p->sim, 0, &out);
	sim_run(&p->sim, 500, NULL);
	assert_int_equal(p->sim.end[0].n_children + p->sim.end[1].n_children, 0);
	assert_int_equal(p->sim.end[1].n_failed, 1);
	assert_int_equal(p->sim.end[1].why.cause, CAUSE_AH_NAT);
	assert_string_equal(p->sim.end[1].why.what, "AH cannot pass the NAT in front of the peer: it authenticates the "
	    "addresses that a NAT changes");
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replayed_messages_change_nothing),
		cmocka_unit_test(reflected_messages_change_nothing),
		cmocka_unit_test(one_refusal_of_several),
		cmocka_unit_test(rekey_collision),
		cmocka_unit_test(volume_ends_in_a_rekey),
		cmocka_unit_test(responder_rekeys),
		cmocka_unit_test(refused_child_is_deleted),
		cmocka_unit_test(deletes_in_clear_end_nothing),
		cmocka_unit_test(restart_clears_the_past),
		cmocka_unit_test(responder_lifetime),
		cmocka_unit_test(borrowed_sa_is_not_deleted),
		cmocka_unit_test(parts_are_of_their_kind),
		cmocka_unit_test(quick_mode_under_message_id_0_is_dropped),
		cmocka_unit_test(refused_offers_are_named_by_their_option),
		cmocka_unit_test(messages_in_clear_may_be_padded),
		cmocka_unit_test(new_group_mode_is_refused),
		cmocka_unit_test(goes_on_without_pfs),
		cmocka_unit_test(each_pfs_group_has_its_quick_mode),
		cmocka_unit_test(a_refusal_names_its_quick_mode),
		cmocka_unit_test(ah_behind_a_nat_is_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
