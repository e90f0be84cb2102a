/* The exchange up to message 4: broad offers one by one, then a KE for the first accepted one. */
#include "probe/survey_priv.h"

#define SILENT_ROWS_MAX	3	/* unanswered offers in a row that prove the point */
#define SILENT_MS	2000	/* for an answer to the next ones */
#define SILENT_MAIN	2	/* ... where nothing was ever answered: then aggressive mode */

void
survey_found(struct ike_survey *s, const struct probe_transform *t, bool aggressive)
{
	struct ike_survey_result *r = &s->r;
	size_t i;

	for (i = 0; i < r->n_found; i++)
		if (memcmp(&r->found[i].t.p, &t->p, sizeof(t->p)) == 0 &&
		    r->found[i].t.auth == t->auth && r->found[i].aggressive == aggressive)
			return;
	if (r->n_found < SURVEY_FOUND_MAX)
		r->found[r->n_found++] = (struct survey_found){ *t, aggressive, false };
}

/*
 * Common algorithms with the group that goes along; in aggressive mode there is but one. A gateway of XAuth users
 * answers nothing but XAuth or hybrid (methods from 64221 on), so all methods that need no certificate of ours go
 * into one SA payload, as vpnc has them.
 */
bool
survey_aggressive_offer(struct probe_offer *o, size_t i)
{
	static const char *const groups[] = { "modp2048", "modp1024" };
	static const uint16_t auths[] = { AUTH_PSK, AUTH_XAUTH_INIT_PSK, AUTH_HYBRID_INIT_RSA };
	const struct alg_enc *des3 = alg_enc_word("3des"), *aes = alg_enc_word("aes256");
	const struct alg_hash *sha2 = alg_hash_word("sha256"), *md5 = alg_hash_word("md5");
	const struct alg_group *group;
	struct probe_offer all;
	size_t j, k;

	o->n = 0;
	if (i >= sizeof(groups) / sizeof(groups[0]) || !probe_offer_broad(&all, 0))
		return (false);
	group = alg_group_word(groups[i]);
	for (k = 0; k < sizeof(auths) / sizeof(auths[0]); k++)
		for (j = 0; j < all.n; j++) {
			const struct ike_proposal *p = &all.t[j].p;

			/* Pairs that nobody configures would make the message too long. */
			if (p->group != group || (p->enc == des3 && p->hash == sha2) ||
			    (p->enc == aes && p->hash == md5))
				continue;
			o->t[o->n] = all.t[j];
			o->t[o->n++].auth = auths[k];
		}
	return (true);
}

void
survey_track_next(struct ike_survey *s, enum survey_port port, struct now now, struct ike_outbox *out)
{
	struct track *t = &s->track[port];
	struct probe_offer o = { .n = 0 };
	/* Who was silent once answers the right offer quickly, or never. */
	uint32_t wait = t->silent == 0 || s->conf.timeout_ms < SILENT_MS ? s->conf.timeout_ms : SILENT_MS;

	if (!t->aggressive && !s->r.port[port].answered && t->silent >= SILENT_MAIN) {
		t->aggressive = true;
		t->row = 0;
	}
	if ((s->shot[port].sys != 0 && t->silent > 0) ||
	    (!t->aggressive && t->silent >= SILENT_ROWS_MAX) ||
	    !(t->aggressive ? survey_aggressive_offer : probe_offer_broad)(&o, t->row)) {
		t->over = t->asked_v2 || s->r.port[port].answered || s->shot[port].sys != 0;
		t->asked_v2 = true;
		if (!t->over)
			survey_shoot_v2(s, port, wait, now, out);
		return;
	}
	t->row++;
	survey_shoot(s, port, &o, t->aggressive, wait, now, out);
}

/* Accepted with a method that cannot continue to message 4. */
static void
mark_stuck(struct ike_survey *s, uint16_t auth)
{
	size_t i;

	for (i = 0; i < s->r.n_found; i++)
		s->r.found[i].stuck = s->r.found[i].stuck || s->r.found[i].t.auth == auth;
}

/* Offers of the same authentication method end with the same result. */
static void
skip_method(struct track *t, uint16_t auth)
{
	struct probe_offer o;

	while (probe_offer_broad(&o, t->row) && o.t[0].auth == auth)
		t->row++;
}

void
survey_track_ended(struct ike_survey *s, enum survey_port port, enum shot_end end,
    const struct probe_answer *a, struct now now, struct ike_outbox *out)
{
	struct track *t = &s->track[port];
	struct shot *shot = &s->shot[port];
	uint16_t auth = shot->offer.t[0].auth;

	if (end == SHOT_SILENCE)
		t->silent += !shot->sharing;
	else
		t->silent = 0;
	if (shot->sharing) {
		if (end == SHOT_KEY) {
			survey_take_natd(s, port, a);
			t->over = true;
		} else {
			mark_stuck(s, auth);
			skip_method(t, auth);
		}
		return;
	}
	if (end == SHOT_CHOICE && a->chosen)
		survey_found(s, &a->choice, shot->aggressive);
	if (end == SHOT_SILENCE)
		return;
	if (shot->aggressive && end == SHOT_CHOICE && a->chosen && t->wants_key) {
		survey_agree(s, port, shot, a);
		survey_take_natd(s, port, a);
		t->over = true;
	} else if (!t->wants_key || a->kind == PROBE_VERSION)
		t->over = true;		/* somebody is there: that was the question */
	else if (end == SHOT_CHOICE && !shot->aggressive && !survey_share(s, port, a, now, out))
		skip_method(t, auth);
}
