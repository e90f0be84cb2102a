/*
 * Hostile peers before natd-probe's and dpd-ping's machines: datagrams of any kind in any
 * order. Cookies are put right, so that they are looked at; nothing may be believed that is not proven, and
 * the survey must come to an end.
 */

#include "ike/heartbeat.h"
#include "probe/mapping.h"
#include "probe/pattern.h"
#include "probe/ping.h"
#include "probe/survey.h"
#include "wire/vid.h"
#include "probe_step.h"

static void
on_event(void *ctx, const struct ike_ping_event *ev)
{
	(void)ctx;
	must(ev->what != IKE_PING_DELETED);	/* nobody here has the keys */
}

static void
survey(struct span in, bool transforms)
{
	static uint8_t buf[4096];
	struct ike_survey_conf conf = {
		.local = { { { 4, { 192, 0, 2, 1 }, 0 }, 500 }, { { 4, { 192, 0, 2, 1 }, 0 }, 4500 } },
		.remote = { { { 4, { 192, 0, 2, 2 }, 0 }, 500 }, { { 4, { 192, 0, 2, 2 }, 0 }, 4500 } },
		.transforms = transforms, .sizes = transforms, .timeout_ms = 2000, .gap_ms = 1, .limit_ms = 20000,
	};
	struct rand_seed seed;
	struct ike_survey *s;
	char name[SURVEY_TEXT], evidence[SURVEY_TEXT], list[SURVEY_IKE];
	uint64_t now = 0, next_ms;
	unsigned steps;

	conf.rand = rand_seeded(&seed, span_str("fuzz"));
	conf.id = id_from_addr(&conf.local[0].addr);
	s = ike_survey_new(&conf, NULL);
	must(s != NULL);
	for (steps = 0; !machine_over(ike_survey_machine(s)); steps++) {
		must(steps < 5000);
		step(ike_survey_machine(s), now, &conf.remote[in.len & 1], in.len & 1, &in, buf, sizeof(buf));
		next_ms = deadline_ms(ike_survey_machine(s));
		now = next_ms > now ? next_ms : now + 1;
		/* Groups cost time; one step in many is enough of them. */
		if (in.len < 2 && steps > 64)
			break;
	}
	(void)ike_survey_guess(ike_survey_result(s), name, evidence);
	(void)ike_survey_proposals(list, ike_survey_result(s));
	ike_survey_free(s);
}

static void
mapping(struct span in)
{
	static uint8_t buf[4096];
	struct ike_mapping_conf conf = { .n = MAPPING_LANES, .local = { us, us, us }, .remote = peer,
	    .offer = offer(), .natt = 1U << VID_NATT_RFC3947, .n_outside = 1, .outside = { us.addr },
	    .timeout_ms = 2000, .gap_ms = 1, .limit_ms = 60000 };
	const struct ike_mapping_result *r;
	struct rand_seed seed;
	struct ike_mapping *m;
	uint64_t now = 1, next_ms;
	unsigned steps;

	conf.rand = rand_seeded(&seed, span_str("fuzz"));
	must((m = ike_mapping_new(&conf, NULL)) != NULL);
	for (steps = 0; !machine_over(ike_mapping_machine(m)); steps++) {
		must(steps < 5000);
		step(ike_mapping_machine(m), now, &conf.remote, in.len % MAPPING_LANES, &in, buf, sizeof(buf));
		next_ms = deadline_ms(ike_mapping_machine(m));
		must(machine_over(ike_mapping_machine(m)) || next_ms <= 1 + conf.limit_ms);
		now = in.len >= 2 ? now + 1 : next_ms > now ? next_ms : now + 1;
	}
	r = ike_mapping_result(m);
	must(r->at_most_ms == 0 || r->at_least_ms < r->at_most_ms);
	ike_mapping_free(m);
}

static void
pattern(struct span in)
{
	static uint8_t buf[4096];
	struct ike_pattern_conf conf = { .local = us, .remote = peer, .offer = offer(), .id = id_from_addr(&us.addr),
	    .natt = 1U << VID_NATT_RFC3947, .timeout_ms = 2000, .quiet_ms = 1000, .limit_ms = 20000 };
	struct rand_seed seed;
	struct ike_pattern *p;
	uint64_t now = 1, next_ms;
	unsigned steps;

	conf.rand = rand_seeded(&seed, span_str("fuzz"));
	must((p = ike_pattern_new(&conf, NULL)) != NULL);
	for (steps = 0; !machine_over(ike_pattern_machine(p)); steps++) {
		must(steps < 5000);
		step(ike_pattern_machine(p), now, &conf.remote, in.len % PATTERN_ANSWERS, &in, buf, sizeof(buf));
		next_ms = deadline_ms(ike_pattern_machine(p));
		now = in.len >= 2 ? now + 1 : next_ms > now ? next_ms : now + 1;
	}
	(void)ike_pattern_like(ike_pattern_result(p));
	ike_pattern_free(p);
}

enum asks { STRANGER, WITH_SA, LISTENS };

static void
ping(struct span in, enum asks how)
{
	static uint8_t buf[4096];
	const struct endpoint a = { { 4, { 192, 0, 2, 1 }, 0 }, 500 }, b = { { 4, { 192, 0, 2, 2 }, 0 }, 500 };
	struct ike_ping_conf conf = { .interval_ms = 10, .wait_ms = 10, .count = 100,
	    .hello_ms = 100, .threshold = 5, .tell = on_event };
	struct now now = { .ms = 1000, .epoch = 1700000000 };
	struct ike_outbox out = {0};
	struct rand_seed seed;
	struct sa_ike s = { .encryption = "aes-cbc", .key_bits = 128, .hash = "sha256",
	    .group = "modp2048", .iv_len = 16, .spi_i = "initiat", .spi_r = "respond" };
	struct ike_ping *p;
	uint8_t id[16];
	uint8_t key[32] = "not known to the one who fuzzes";

	conf.rand = rand_seeded(&seed, span_str("fuzz"));
	s.local.at = a;
	s.remote.at = b;
	s.lifetime.expires = 1800000000;
	must(secret_set(&s.cipher, span_of(key, 16)) == 0 &&
	    secret_set(&s.skeyid_a, SPAN_ARRAY(key)) == 0 &&
	    secret_set(&s.skeyid_d, SPAN_ARRAY(key)) == 0);
	s.n_vids = 1;
	s.vids[0].len = HEARTBEAT_VID_LEN;
	memcpy(s.vids[0].b, vid_of(VID_HEARTBEAT)->bytes.p, vid_of(VID_HEARTBEAT)->bytes.len);
	put_be32(s.vids[0].b + HEARTBEAT_VID_LEN - 4, 100);
	p = how == LISTENS ? ike_ping_heartbeats(&s, &conf, now, NULL) :
	    how == WITH_SA ? ike_ping_sa(&s, &conf, now, NULL) : ike_ping_peer(&a, &b, &conf, NULL);
	must(p != NULL);
	while (in.len >= 2 && !machine_over(ike_ping_machine(p))) {
		machine_timeout(ike_ping_machine(p), now, &out);
		outbox_free(&out);
		ike_ping_id(p, id);
		machine_datagram(ike_ping_machine(p), now, &a, &b,
		    next(&in, buf, sizeof(buf), id, how != STRANGER ? id + 8 : NULL), &out);
		outbox_free(&out);
		now.ms += 5;
	}
	if (how != STRANGER)
		must(ike_ping_stats(p)->answered == 0);
	ike_ping_free(p);
	sa_ike_wipe(&s);
}

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in;

	if (size < 1)
		return (0);
	(void)secret_init();
	in = span_of(data + 1, size - 1);
	switch (data[0] % 7) {
	case 0:
		survey(in, false);
		break;
	case 1:
		survey(in, true);
		break;
	case 2:
		mapping(in);
		break;
	case 3:
		pattern(in);
		break;
	case 4:
		ping(in, STRANGER);
		break;
	case 5:
		ping(in, WITH_SA);
		break;
	case 6:
		ping(in, LISTENS);
		break;
	}
	return (0);
}
