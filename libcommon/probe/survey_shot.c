/* The survey's messages: made, sent, and sent again until something comes. */
#include "probe/survey_priv.h"

#define RESEND_MS	500	/* first wait for an answer; doubles */
#define RESEND_MAX_MS	4000

void
survey_shot_clear(struct shot *shot)
{
	bytes_free(&shot->sent);
	*shot = (struct shot){0};
}

static void
transmit(struct ike_survey *s, enum survey_port port, struct ike_outbox *out)
{
	const struct shot *shot = &s->shot[port];
	struct span msg = bytes_span(&shot->sent), one = msg;
	uint8_t buf[PROBE_MSG_MAX];
	size_t i = 0;

	if (shot->part != 0)
		one = probe_fragment(buf, msg, shot->part, i);
	while (one.len > 0) {
		outbox_datagram(out, &s->conf.local[port], &s->conf.remote[port], one);
		s->r.sent++;
		one = shot->part != 0 ? probe_fragment(buf, msg, shot->part, ++i) : SPAN_NONE;
	}
}

void
survey_fire(struct ike_survey *s, enum survey_port port, struct span msg, uint32_t patience_ms,
    uint64_t now_ms, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];

	shot->live = true;
	shot->sys = 0;
	shot->resends = 0;
	shot->sent_ms = now_ms;
	shot->resend_ms = now_ms + RESEND_MS;
	shot->give_up_ms = now_ms + patience_ms;
	if (msg.len == 0 || bytes_set(&shot->sent, msg) != 0) {
		shot->give_up_ms = now_ms;
		return;
	}
	transmit(s, port, out);
}

void
survey_shoot(struct ike_survey *s, enum survey_port port, const struct probe_offer *o,
    bool aggressive, uint32_t patience_ms, uint64_t now_ms, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[PROBE_MSG_MAX];

	survey_shot_clear(shot);
	shot->offer = *o;
	shot->aggressive = aggressive;
	s->pace_ms = now_ms + s->conf.gap_ms;
	survey_fire(s, port, aggressive ?
	    ask_aggressive1(buf, &s->conf.rand, shot->key.cky_i, o, &s->conf.id) :
	    ask_main1(buf, &s->conf.rand, shot->key.cky_i, o, PROBE_VIDS), patience_ms, now_ms, out);
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
    uint64_t now_ms, struct ike_outbox *out)
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
	survey_fire(s, port, msg, s->conf.timeout_ms, now_ms, out);
	return (true);
}

void
survey_shot_resend(struct ike_survey *s, enum survey_port port, uint64_t now_ms,
    struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint64_t wait = (uint64_t)RESEND_MS << ++shot->resends;

	transmit(s, port, out);
	shot->sent_ms = now_ms;
	shot->resend_ms = now_ms + (wait < RESEND_MAX_MS ? wait : RESEND_MAX_MS);
}
