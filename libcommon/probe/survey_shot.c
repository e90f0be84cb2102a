/* The survey's messages: made, sent, and sent again until something comes. */
#include "probe/survey_priv.h"
#include "wire/fragment.h"

#define RESEND_MS	500	/* first wait for an answer; doubles */
#define RESEND_MAX_MS	4000

void
survey_shot_clear(struct shot *shot)
{
	retry_free(&shot->retry);
	*shot = (struct shot){0};
}

static void
transmit(struct ike_survey *s, enum survey_port port, struct ike_outbox *out)
{
	const struct shot *shot = &s->shot[port];
	struct span msg = bytes_span(&shot->retry.msg), one = msg;
	uint8_t buf[PROBE_MSG_MAX];
	size_t i = 0;

	if (shot->part != 0)
		one = frag_put(buf, sizeof(buf), msg, shot->part, i);
	while (one.len > 0) {
		outbox_datagram(out, shot->whole ? &s->conf.whole[port] : &s->conf.local[port], &s->conf.remote[port], one);
		s->r.sent++;
		one = shot->part != 0 ? frag_put(buf, sizeof(buf), msg, shot->part, ++i) : SPAN_NONE;
	}
}

void
survey_fire(struct ike_survey *s, enum survey_port port, struct span msg, uint32_t timeout_ms,
    struct now now, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];

	shot->live = true;
	shot->sys = 0;
	if (retry_begin(&shot->retry, msg, RESEND_MS, timeout_ms, now))
		transmit(s, port, out);
	else
		retry_listen(&shot->retry, 0, now);
}

void
survey_shoot(struct ike_survey *s, enum survey_port port, const struct probe_offer *o,
    bool aggressive, uint32_t timeout_ms, struct now now, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[PROBE_MSG_MAX];

	survey_shot_clear(shot);
	shot->offer = *o;
	shot->aggressive = aggressive;
	s->pace_ms = now.ms + s->conf.gap_ms;
	survey_fire(s, port, aggressive ?
	    ask_aggressive1(buf, &s->conf.rand, shot->key.cky_i, o, &s->conf.id) :
	    ask_main1(buf, &s->conf.rand, shot->key.cky_i, o, PROBE_VIDS), timeout_ms, now, out);
}

void
survey_shoot_v2(struct ike_survey *s, enum survey_port port, uint32_t timeout_ms, struct now now, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[PROBE_MSG_MAX];

	survey_shot_clear(shot);
	s->pace_ms = now.ms + s->conf.gap_ms;
	survey_fire(s, port, ask_v2_init(buf, &s->conf.rand, shot->key.cky_i, NULL, NULL), timeout_ms, now, out);
}

void
survey_agree(const struct ike_survey *s, enum survey_port port, struct shot *shot,
    const struct probe_answer *a)
{
	memcpy(shot->key.cky_r, a->hdr.cky_r, COOKIE_LEN);
	shot->key.choice = a->choice.p;
	shot->key.natt = natt_choose(NATT_ALL, s->r.natt);
	shot->key.local = s->conf.local[port];
	shot->key.remote = s->conf.remote[port];
}

bool
survey_share(struct ike_survey *s, enum survey_port port, const struct probe_answer *a,
    struct now now, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[PROBE_MSG_MAX];
	struct span msg;

	if (!a->chosen)
		return (false);
	survey_agree(s, port, shot, a);
	msg = ask_main3(buf, sizeof(buf), &s->conf.rand, &shot->key, 0);
	if (msg.len == 0)
		return (false);
	shot->sharing = true;
	survey_fire(s, port, msg, s->conf.timeout_ms, now, out);
	return (true);
}

void
survey_shot_resend(struct ike_survey *s, enum survey_port port, struct now now,
    struct ike_outbox *out)
{
	transmit(s, port, out);
	retry_again(&s->shot[port].retry, RESEND_MAX_MS, now);
}
