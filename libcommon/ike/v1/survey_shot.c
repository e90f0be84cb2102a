/* The survey's messages: made, sent, and sent again until something comes. */
#include "ike/v1/survey.h"

#define RESEND_MS	500	/* first wait for an answer; doubles */
#define RESEND_MAX_MS	4000
#define NONCE_BYTES	32

void
survey_shot_clear(struct shot *shot)
{
	dh_free(shot->dh);
	bytes_free(&shot->sent);
	*shot = (struct shot){0};
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
	outbox_datagram(out, &s->conf.local[port], &s->conf.remote[port], msg);
	s->r.sent++;
}

bool
survey_draw(struct ike_survey *s, uint8_t *p, size_t n)
{
	return (s->conf.rand.fill(s->conf.rand.state, p, n) == 0);
}

void
survey_shoot(struct ike_survey *s, enum survey_port port, const struct probe_offer *o,
    bool aggressive, uint32_t patience_ms, uint64_t now_ms, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[PROBE_MSG_MAX], nonce[NONCE_BYTES];
	struct span msg = SPAN_NONE;

	survey_shot_clear(shot);
	shot->offer = *o;
	shot->aggressive = aggressive;
	s->pace_ms = now_ms + s->conf.gap_ms;
	if (!survey_draw(s, shot->cky_i, COOKIE_LEN))
		;
	else if (!aggressive)
		msg = probe_main1(buf, shot->cky_i, o, true);
	else if (survey_draw(s, nonce, sizeof(nonce)) &&
	    (shot->dh = dh_new(o->t[0].p.group, &s->conf.rand, NULL)) != NULL)
		msg = probe_aggressive1(buf, shot->cky_i, o, dh_public(shot->dh),
		    SPAN_ARRAY(nonce), &s->conf.id);
	survey_fire(s, port, msg, patience_ms, now_ms, out);
}

void
survey_agree(const struct ike_survey *s, struct shot *shot, const struct probe_answer *a)
{
	memcpy(shot->cky_r, a->hdr.cky_r, COOKIE_LEN);
	shot->hash = a->choice.p.hash;
	shot->natt = natt_choose(NATT_ALL, s->r.natt);
}

bool
survey_share(struct ike_survey *s, enum survey_port port, const struct probe_answer *a,
    uint64_t now_ms, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[PROBE_MSG_MAX], nonce[NONCE_BYTES], hash[2][HASH_MAX];
	struct span natd[2];
	const struct endpoint *ends[2] = { &s->conf.remote[port], &s->conf.local[port] };
	int i;

	if (!a->chosen || !survey_draw(s, nonce, sizeof(nonce)) ||
	    (shot->dh = dh_new(a->choice.p.group, &s->conf.rand, NULL)) == NULL)
		return (false);
	survey_agree(s, shot, a);
	for (i = 0; i < 2; i++) {
		if (natd_hash(shot->hash, shot->cky_i, shot->cky_r, ends[i], hash[i], NULL) != 0)
			return (false);
		natd[i] = span_of(hash[i], shot->hash->len);
	}
	shot->sharing = true;
	survey_fire(s, port, probe_main3(buf, shot->cky_i, shot->cky_r, dh_public(shot->dh),
	    SPAN_ARRAY(nonce), shot->natt != NULL ? shot->natt->natd : 0, natd, 2),
	    s->conf.timeout_ms, now_ms, out);
	return (true);
}

void
survey_shot_resend(struct ike_survey *s, enum survey_port port, uint64_t now_ms,
    struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint64_t wait = (uint64_t)RESEND_MS << ++shot->resends;

	outbox_datagram(out, &s->conf.local[port], &s->conf.remote[port],
	    bytes_span(&shot->sent));
	s->r.sent++;
	shot->sent_ms = now_ms;
	shot->resend_ms = now_ms + (wait < RESEND_MAX_MS ? wait : RESEND_MAX_MS);
}
