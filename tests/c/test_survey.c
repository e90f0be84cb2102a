/* natd-probe's machine against an engine in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "survey_net.h"
#include "wire/fragment.h"
#include "wire/vid.h"

static void
nat_is_found_where_it_is(void **state)
{
	static const enum survey_nat expected[4] = {
		SURVEY_NAT_NONE, SURVEY_NAT_LOCAL, SURVEY_NAT_REMOTE, SURVEY_NAT_BOTH,
	};
	static const char *const hashes[] = { "md5", "sha1", "sha256" };
	const struct ike_survey_result *r;
	char ike[64];
	struct net n;
	int i;
	size_t h;

	(void)state;
	for (h = 0; h < 3; h++)
		for (i = 0; i < 4; i++) {
			(void)snprintf(ike, sizeof(ike), "aes128-%s-modp1024", hashes[h]);
			net_init(&n, ike, SA_MAIN);
			n.nat_us = i & 1;
			n.nat_peer = i & 2;
			r = net_run(&n, 20000);
			assert_true(machine_over(ike_survey_machine(n.survey)));
			assert_int_equal(r->nat, expected[i]);
			assert_true(r->port[0].answered && r->port[1].answered);
			assert_int_equal(r->port[0].rtt_ms, LATENCY_MS);
			assert_true(endpoint_eq(&r->port[0].from, &survey_peer));
			assert_string_equal(r->natd_version, "rfc3947");
			assert_string_equal(r->natd_hash, hashes[h]);
			assert_true(r->n_natd >= 2);
			assert_int_equal(r->own[0].matches, !n.nat_us);
			assert_int_equal(r->peer.matches, !n.nat_peer);
			assert_int_equal(r->n_found, 1);
			assert_int_equal(r->life_s, 28800);
			assert_true(r->nonce_len >= 16);
			assert_int_equal(r->peer_id.type, 0);
			assert_false(r->found[0].stuck);
			net_free(&n);
		}
}

/* The kernel chose another address than the one that was asked from: it counts as ours. */
static void
any_local_address_counts_as_ours(void **state)
{
	const struct ike_survey_result *r;
	struct net n;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.nat_us = true;
	n.conf.n_own = 2;
	n.conf.own[0] = addr_make(4, (const uint8_t[]){ 10, 0, 0, 1 });
	n.conf.own[1] = survey_us_outside.addr;
	n.conf.local[0].port = 20500;		/* what the NAT makes of it below */
	n.conf.local[0].port = 500;
	r = net_run(&n, 20000);
	/* The address is ours, the port is not: that is a NAT all the same. */
	assert_int_equal(r->nat, SURVEY_NAT_LOCAL);
	assert_int_equal(r->n_own, 3);
	net_free(&n);
}

static void
other_versions_of_natt(void **state)
{
	static const struct { enum vid_kind kind; const char *word; } versions[] = {
		{ VID_NATT_DRAFT_03, "draft-03" }, { VID_NATT_DRAFT_02_N, "draft-02" },
		{ VID_NATT_DRAFT_00, "draft-00" },
	};
	const struct ike_survey_result *r;
	struct net n;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
		n.policy.natt_versions = 1U << versions[i].kind;
		n.nat_us = true;
		r = net_run(&n, 20000);
		assert_string_equal(r->natd_version, versions[i].word);
		assert_int_equal(r->nat, SURVEY_NAT_LOCAL);
		net_free(&n);
	}
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.policy.natt = NATT_OFF;
	r = net_run(&n, 20000);
	assert_true(r->natd_done);
	assert_null(r->natd_version);
	assert_int_equal(r->nat, SURVEY_NAT_UNKNOWN);
	assert_int_equal(r->natt, 0);
	net_free(&n);
}

static void
one_port_may_be_filtered(void **state)
{
	const struct ike_survey_result *r;
	struct net n;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.mute[SURVEY_500] = true;
	r = net_run(&n, 60000);
	assert_true(machine_over(ike_survey_machine(n.survey)));
	assert_false(r->port[0].answered);
	assert_true(r->port[1].answered);
	assert_int_equal(r->nat, SURVEY_NAT_NONE);
	assert_int_equal(r->natd_port, SURVEY_4500);
	net_free(&n);

	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.mute[SURVEY_4500] = true;
	r = net_run(&n, 60000);
	assert_true(r->port[0].answered && !r->port[1].answered);
	assert_int_equal(r->nat, SURVEY_NAT_NONE);
	net_free(&n);
}

static void
a_silent_peer_ends_the_survey(void **state)
{
	const struct ike_survey_result *r;
	struct net n;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
		n.conf.transforms = i;
		n.mute[0] = n.mute[1] = true;
		r = net_run(&n, 20000);
		assert_true(machine_over(ike_survey_machine(n.survey)));
		assert_true(net_deadline_ms(ike_survey_machine(n.survey)) == UINT64_MAX);
		assert_false(r->port[0].answered || r->port[1].answered);
		assert_true(r->sent >= 6);
		net_free(&n);
	}
}

/* A gateway by hand: what it does with a datagram. Its answer in ${buf}, or 0. */
typedef size_t gateway(const uint8_t *data, size_t len, uint8_t *buf);

static const struct ike_survey_result *
ask_gateway(struct net *n, gateway *answer)
{
	struct ike_outbox out = {0};
	uint8_t buf[PROBE_MSG_MAX];
	struct ike_out *item;
	struct endpoint to;
	size_t len;

	assert_non_null(n->survey = ike_survey_new(&n->conf, NULL));
	while (!machine_over(ike_survey_machine(n->survey))) {
		machine_timeout(ike_survey_machine(n->survey), n->now, &out);
		while ((item = outbox_take(&out)) != NULL) {
			to = item->dgram.remote;
			if ((len = answer(item->dgram.data, item->dgram.len, buf)) > 0)
				machine_datagram(ike_survey_machine(n->survey), net_later(n), &item->dgram.local, &to,
				    span_of(buf, len), &out);
			ike_out_free(item);
		}
		n->now.ms = net_deadline_ms(ike_survey_machine(n->survey));
	}
	return (ike_survey_result(n->survey));
}

/* INVALID_KE_PAYLOAD to IKE_SA_INIT; nothing to IKEv1. */
static size_t
ikev2_alone(const uint8_t *data, size_t len, uint8_t *buf)
{
	if (data[17] >> 4 != 2)
		return (0);
	/* The lengths of a well-formed message: header, SA, KE, nonce. */
	assert_int_equal(get_be32(data + 24), len);
	assert_int_equal(28U + get_be16(data + 30) + 264U + 36U, len);
	memcpy(buf, data, ISAKMP_HDR_LEN);
	memset(buf + 8, 7, COOKIE_LEN);
	buf[16] = 41;
	buf[19] = 0x20;
	memcpy(buf + ISAKMP_HDR_LEN, "\0\0\0\12\0\0\0\21\0\23", 10);
	put_be32(buf + 24, ISAKMP_HDR_LEN + 10);
	return (ISAKMP_HDR_LEN + 10);
}

static size_t
echo(const uint8_t *data, size_t len, uint8_t *buf)
{
	memcpy(buf, data, len);
	return (data[17] >> 4 == 2 ? len : 0);
}

static void
ikev2_alone_is_no_silence(void **state)
{
	const struct ike_survey_result *r;
	struct net n;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	r = ask_gateway(&n, ikev2_alone);
	assert_true(r->port[0].answered);
	assert_int_equal(r->other_version >> 4, 2);
	assert_true(n.now.ms < 16000 || n.now.ms == UINT64_MAX);
	net_free(&n);
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	r = ask_gateway(&n, echo);
	assert_false(r->port[0].answered || r->port[1].answered);
	net_free(&n);
}

/* Aggressive mode with method 65001 only: it chooses that transform of several, and rejects nothing aloud. */
static size_t
xauth_alone(const uint8_t *data, size_t len, uint8_t *buf)
{
	static const uint8_t method[] = { 0x80, IKE_ATTR_AUTH, AUTH_XAUTH_INIT_PSK >> 8, AUTH_XAUTH_INIT_PSK & 0xff };
	static struct isakmp_msg m;
	struct isakmp_builder b;
	struct isakmp_hdr h;
	struct isakmp_sa sa;
	size_t i;

	if (data[18] != EXCHANGE_AGGRESSIVE || isakmp_msg_get(&m, span_of(data, len), NULL) != 0 ||
	    isakmp_sa_get(&sa, isakmp_find(&m, PAYLOAD_SA, NULL)->body, NULL) != 0)
		return (0);
	for (i = 0; i < sa.nt && memmem(sa.t[i].attrs.p, sa.t[i].attrs.len, method, sizeof(method)) == NULL; i++)
		;
	if (i == sa.nt)
		return (0);
	sa.t[0] = sa.t[i];
	sa.nt = 1;
	sa.p[0].n = 1;
	h = m.hdr;
	memset(h.cky_r, 9, COOKIE_LEN);
	isakmp_begin(&b, buf, PROBE_MSG_MAX, &h);
	isakmp_payload_begin(&b, PAYLOAD_SA);
	isakmp_sa_put(&b.w, &sa);
	isakmp_payload_end(&b);
	return (isakmp_end(&b).len);
}

static void
xauth_alone_is_found(void **state)
{
	const struct ike_survey_result *r;
	struct net n;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	r = ask_gateway(&n, xauth_alone);
	assert_true(r->n_found > 0);
	assert_int_equal(r->found[0].t.auth, AUTH_XAUTH_INIT_PSK);
	assert_true(r->found[0].aggressive);
	net_free(&n);
}

static void
lost_datagrams_are_sent_again(void **state)
{
	const struct ike_survey_result *r;
	struct net n;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.mute_first = 3;
	r = net_run(&n, 20000);
	assert_true(r->port[0].answered && r->port[1].answered);
	assert_int_equal(r->nat, SURVEY_NAT_NONE);
	net_free(&n);
}

/* The path MTU: to 8 bytes, with packets from a port of its own; the NAT-T port has a marker of 4 bytes. */
static void
the_path_mtu_is_found(void **state)
{
	static const size_t most[] = { 0, 1400, 1000, 300 };	/* bytes of IKE that pass */
	const struct ike_survey_result *r;
	struct net n;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
		n.conf.sizes = true;
		n.conf.path_max = SURVEY_LINK_MTU;
		n.conf.whole[SURVEY_500] = n.conf.whole[SURVEY_4500] = survey_us;
		n.conf.whole[SURVEY_500].port = 40500;
		n.conf.whole[SURVEY_4500].port = 44500;
		n.whole_max = most[i];
		r = net_run(&n, 200000);
		assert_true(machine_over(ike_survey_machine(n.survey)));
		assert_int_equal(r->path.port, SURVEY_4500);
		if (i == 0) {
			assert_int_equal(r->path.passes, 1500);
			assert_int_equal(r->path.fails, 0);
		} else if (i == 3) {
			assert_int_equal(r->path.passes, 0);
			assert_int_equal(r->path.fails, 576);
		} else {
			assert_in_range(r->path.passes, most[i] + 32 - 8, most[i] + 32);
			assert_in_range(r->path.fails, most[i] + 33, most[i] + 32 + 8);
		}
		/* large messages that may be fragmented pass all the same */
		assert_true(r->size[SURVEY_WHOLE].answered && r->size[SURVEY_FRAGMENTS].answered);
		net_free(&n);
	}
}

static void
long_messages_are_distinguished_from_short_ones(void **state)
{
	static const size_t max[] = { 0, 2000, 1400 };
	const struct ike_survey_result *r;
	struct net n;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
		n.conf.sizes = true;
		n.len_max = max[i];
		r = net_run(&n, 60000);
		assert_true(machine_over(ike_survey_machine(n.survey)));
		assert_int_equal(r->size[SURVEY_WHOLE].len, 1468);
		assert_int_equal(r->size[SURVEY_FRAGMENTS].len, 2968);
		assert_int_equal(r->size[SURVEY_WHOLE].answered, i < 2);
		assert_int_equal(r->size[SURVEY_FRAGMENTS].answered, i < 1);
		/* the engine announces IKE fragments, and puts together what the probe cut */
		assert_true(r->size[SURVEY_IKE_FRAGMENTS].asked && r->fragments_announced);
		assert_true(r->size[SURVEY_IKE_FRAGMENTS].answered);
		assert_int_equal(r->nat, SURVEY_NAT_NONE);
		assert_int_equal(r->port[0].rtt_ms, LATENCY_MS);
		net_free(&n);
	}
}

static void
fragments_are_put_together(void **state)
{
	static const uint8_t cky[COOKIE_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t msg_buf[3000], buf[PROBE_MSG_MAX], all[3000];
	struct probe_offer o;
	struct isakmp_hdr h;
	struct span msg, one;
	size_t i, len = 0;

	(void)state;
	assert_true(probe_offer_broad(&o, 0));
	msg = probe_main1_long(msg_buf, sizeof(msg_buf), cky, &o, 2100);
	assert_int_equal(msg.len, 2100);
	for (i = 0; (one = frag_put(buf, sizeof(buf), msg, 700, i)).len > 0; i++) {
		assert_int_equal(isakmp_hdr_get(&h, one, NULL), 0);
		assert_memory_equal(h.cky_i, cky, COOKIE_LEN);
		assert_int_equal(h.next, PAYLOAD_FRAG);
		assert_int_equal(h.exchange, EXCHANGE_MAIN);
		assert_int_equal(one.p[ISAKMP_HDR_LEN + 6], i + 1);
		assert_int_equal(one.p[ISAKMP_HDR_LEN + 7], i == 2);
		assert_int_equal(get_be16(one.p + ISAKMP_HDR_LEN + 2), 708);
		memcpy(all + len, one.p + FRAG_HDR_LEN, one.len - FRAG_HDR_LEN);
		len += one.len - FRAG_HDR_LEN;
	}
	assert_int_equal(i, 3);
	assert_int_equal(len, msg.len);
	assert_memory_equal(all, msg.p, len);
	assert_int_equal(frag_put(buf, sizeof(buf), msg, 2000, 0).len, 0);	/* no room for it */
}

static bool
has(const struct ike_survey_result *r, const char *text, bool aggressive)
{
	char one[PROPOSAL_TEXT];
	size_t i;

	for (i = 0; i < r->n_found; i++)
		if (strcmp(ike_proposal_text(one, &r->found[i].t.p), text) == 0 &&
		    r->found[i].t.auth == AUTH_PSK && r->found[i].aggressive == aggressive)
			return (true);
	return (false);
}

static void
all_transforms_are_found_and_no_other(void **state)
{
	static const char *const taken[] = {
		"aes256-sha512-modp3072", "aes128-sha1-modp1024", "3des-md5-modp768",
		"aes192-sha384-ecp384", "des-sha1-modp1536",
	};
	const struct ike_survey_result *r;
	char list[SURVEY_IKE];
	struct net n;
	size_t i;
	int quiet;

	(void)state;
	for (quiet = 0; quiet < 2; quiet++) {
		net_init(&n, "aes256-sha512-modp3072,aes128-sha1-modp1024,3des-md5-modp768,"
		    "aes192-sha384-ecp384,des-sha1-modp1536", SA_MAIN);
		n.conf.transforms = true;
		n.no_refusals = quiet;
		r = net_run(&n, 600000);
		assert_true(machine_over(ike_survey_machine(n.survey)));
		assert_true(r->complete);
		for (i = 0; i < 5; i++)
			if (!has(r, taken[i], false))
				fail_msg("%s was not found", taken[i]);
		assert_int_equal(r->n_found, 5);
		assert_int_equal(r->tried, r->to_try);
		assert_int_equal(r->nat, SURVEY_NAT_NONE);
		ike_survey_proposals(list, r);
		assert_string_equal(list, "aes192-sha384-ecp384,aes256-sha512-modp3072");
		net_free(&n);
	}
}

/* None of the common ones: the way to message 4 leads over what the search finds. */
static void
uncommon_transforms_lead_to_natd_as_well(void **state)
{
	const struct ike_survey_result *r;
	struct net n;

	(void)state;
	net_init(&n, "aes192-sha512-modp1024", SA_MAIN);
	r = net_run(&n, 20000);
	assert_true(machine_over(ike_survey_machine(n.survey)));
	assert_true(r->port[0].answered);
	assert_int_equal(r->n_found, 0);
	assert_int_equal(r->nat, SURVEY_NAT_UNKNOWN);
	net_free(&n);

	net_init(&n, "aes192-sha512-modp1024", SA_MAIN);
	n.conf.transforms = true;
	n.nat_peer = true;
	r = net_run(&n, 600000);
	assert_true(r->complete);
	assert_int_equal(r->n_found, 1);
	assert_int_equal(r->nat, SURVEY_NAT_REMOTE);
	net_free(&n);
}

static void
aggressive_mode_is_found(void **state)
{
	const struct ike_survey_result *r;
	struct net n;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024,3des-md5-modp1536", SA_AGGRESSIVE);
	n.conf.transforms = true;
	n.no_refusals = true;
	r = net_run(&n, 1200000);
	assert_true(machine_over(ike_survey_machine(n.survey)));
	/* Main mode is not for this peer, and gets not a word. */
	assert_true(r->port[0].answered && r->port[1].answered);
	assert_true(r->complete);
	assert_int_equal(r->n_found, 2);
	assert_true(has(r, "aes128-sha1-modp1024", true) && has(r, "3des-md5-modp1536", true));
	assert_int_equal(r->nat, SURVEY_NAT_NONE);
	net_free(&n);

	net_init(&n, "aes128-sha1-modp1024", SA_AGGRESSIVE);
	n.nat_us = n.nat_peer = true;
	n.mute[SURVEY_500] = true;
	r = net_run(&n, 60000);
	assert_true(machine_over(ike_survey_machine(n.survey)));
	assert_true(!r->port[0].answered && r->port[1].answered);
	assert_int_equal(r->nat, SURVEY_NAT_BOTH);
	net_free(&n);
}

/* A peer that takes all, and allows few half-open exchanges: the search waits for it. */
static void
the_survey_waits_for_a_peer_that_limits_its_answers(void **state)
{
	const struct ike_survey_result *r;
	struct net n;
	bool waited = false;
	int i;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.policy.accept_all = true;
	n.conf.transforms = true;
	n.conf.limit_ms = 1200000;
	n.half_open_max = 20;
	for (i = 0; i < 4000; i++) {
		r = net_run(&n, 500);
		waited = waited || r->waiting_ms > 0;
		if (machine_over(ike_survey_machine(n.survey)))
			break;
	}
	assert_true(waited);
	assert_int_equal(r->n_found, SURVEY_FOUND_MAX);
	assert_false(r->complete);
	/* What differs in one thing came first: every cipher is among them. */
	assert_true(has(r, "aes256-sha256-modp8192", false) || has(r, "aes256-sha1-modp8192", false) ||
	    has(r, "aes256-sha256-modp2048", false));
	net_free(&n);
}

/* The own words come back, from a loop or from asking oneself: no answer. */
static void
an_echo_is_no_answer(void **state)
{
	struct ike_outbox out = {0}, more = {0};
	struct ike_out *item;
	struct net n;

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.survey = ike_survey_new(&n.conf, NULL);
	assert_non_null(n.survey);
	machine_timeout(ike_survey_machine(n.survey), n.now, &out);
	while ((item = outbox_take(&out)) != NULL) {
		machine_datagram(ike_survey_machine(n.survey), n.now, &item->dgram.local, &item->dgram.remote,
		    span_of(item->dgram.data, item->dgram.len), &more);
		ike_out_free(item);
	}
	assert_null(more.first);
	assert_false(ike_survey_result(n.survey)->port[0].answered);
	net_free(&n);
}

static void
icmp_errors_shorten_the_wait(void **state)
{
	struct net n;
	const struct ike_survey_result *r;
	struct ike_outbox out = {0};

	(void)state;
	net_init(&n, "aes128-sha1-modp1024", SA_MAIN);
	n.mute[0] = n.mute[1] = true;
	n.survey = ike_survey_new(&n.conf, NULL);
	machine_timeout(ike_survey_machine(n.survey), n.now, &out);
	outbox_free(&out);
	machine_unreachable(ike_survey_machine(n.survey), n.now, &n.conf.remote[0], 111, NULL);
	machine_unreachable(ike_survey_machine(n.survey), n.now, &n.conf.remote[1], 111, NULL);
	r = net_run(&n, 1000);
	assert_true(machine_over(ike_survey_machine(n.survey)));
	assert_int_equal(r->port[0].sys, 111);
	net_free(&n);
}

static void
implementations_are_known_by_their_vendor_ids(void **state)
{
	struct ike_survey_result r = {0};
	char name[SURVEY_TEXT], evidence[SURVEY_TEXT];
	const enum vid_kind order[] = { VID_XAUTH, VID_DPD, VID_NATT_RFC3947 };
	size_t i;

	(void)state;
	assert_false(ike_survey_guess(&r, name, evidence));
	for (i = 0; i < 3; i++) {
		r.vids[i].len = (uint8_t)vid_of(order[i])->bytes.len;
		memcpy(r.vids[i].b, vid_of(order[i])->bytes.p, r.vids[i].len);
	}
	r.n_vids = 3;
	assert_true(ike_survey_guess(&r, name, evidence));
	assert_string_equal(name, "strongSwan 5");
	assert_non_null(strstr(evidence, "XAuth, DPD"));
	r.n_vids = 2;
	assert_false(ike_survey_guess(&r, name, evidence));
	r.vids[2].len = 20;
	memcpy(r.vids[2].b, "OE-Libreswan-4.9.123", 20);
	r.n_vids = 3;
	assert_true(ike_survey_guess(&r, name, evidence));
	assert_string_equal(name, "Libreswan");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nat_is_found_where_it_is),
		cmocka_unit_test(any_local_address_counts_as_ours),
		cmocka_unit_test(other_versions_of_natt),
		cmocka_unit_test(one_port_may_be_filtered),
		cmocka_unit_test(a_silent_peer_ends_the_survey),
		cmocka_unit_test(ikev2_alone_is_no_silence),
		cmocka_unit_test(xauth_alone_is_found),
		cmocka_unit_test(lost_datagrams_are_sent_again),
		cmocka_unit_test(long_messages_are_distinguished_from_short_ones),
		cmocka_unit_test(the_path_mtu_is_found),
		cmocka_unit_test(fragments_are_put_together),
		cmocka_unit_test(all_transforms_are_found_and_no_other),
		cmocka_unit_test(uncommon_transforms_lead_to_natd_as_well),
		cmocka_unit_test(aggressive_mode_is_found),
		cmocka_unit_test(the_survey_waits_for_a_peer_that_limits_its_answers),
		cmocka_unit_test(an_echo_is_no_answer),
		cmocka_unit_test(icmp_errors_shorten_the_wait),
		cmocka_unit_test(implementations_are_known_by_their_vendor_ids),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
