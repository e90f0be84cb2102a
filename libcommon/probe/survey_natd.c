/* Reads NAT traversal from answers: the vendor IDs, and NAT-D compared with the known addresses. */
#include "probe/survey_priv.h"

void
survey_take_vids(struct ike_survey *s, const struct probe_answer *a)
{
	struct ike_survey_result *r = &s->r;
	const struct vid *v;
	size_t i, j, len;

	for (i = 0; i < a->n_vids; i++) {
		len = a->vids[i].len < SURVEY_VID_LEN ? a->vids[i].len : SURVEY_VID_LEN;
		for (j = 0; j < r->n_vids; j++)
			if (r->vids[j].len == len &&
			    (len == 0 || memcmp(r->vids[j].b, a->vids[i].p, len) == 0))
				break;
		if (j < r->n_vids || r->n_vids == PROBE_VIDS_MAX)
			continue;
		if (len > 0)
			memcpy(r->vids[j].b, a->vids[i].p, len);
		r->vids[j].len = (uint8_t)len;
		r->n_vids++;
		v = vid_find(a->vids[i]);
		if (v != NULL && v->kind >= VID_NATT_RFC3947 && v->kind <= VID_NATT_DRAFT_00)
			r->natt |= 1U << v->kind;
	}
}

/* Hashes one end as the peer should have, and looks for it among ${from} to ${to} of its own. */
static bool
matches(struct ike_survey *s, const struct shot *shot, struct survey_hash *h,
    const struct endpoint *of, size_t from, size_t to)
{
	const struct ike_survey_result *r = &s->r;
	size_t i;

	*h = (struct survey_hash){ .of = *of };
	if (natd_hash(shot->key.choice.hash, shot->key.cky_i, shot->key.cky_r, of, h->b, NULL) != 0)
		return (false);
	for (i = from; i < to && i < r->n_natd; i++)
		h->matches = h->matches || (r->natd[i].len == shot->key.choice.hash->len &&
		    memcmp(r->natd[i].b, h->b, shot->key.choice.hash->len) == 0);
	return (h->matches);
}

/* There is a NAT in front of us: find the address and port that it maps us to. */
static void
find_seen(struct ike_survey *s, const struct shot *shot)
{
	struct ike_survey_result *r = &s->r;
	struct addr at[2] = { shot->key.local.addr, s->conf.outside };

	r->seen_known = ask_seen(&r->seen, &shot->key, span_of(r->natd[0].b, r->natd[0].len), at,
	    s->conf.outside.family != 0 ? 2 : 1, shot->key.local.port);
}

/* The first NAT-D is of us as the peer sees us, the others are of itself. */
void
survey_take_natd(struct ike_survey *s, enum survey_port port, const struct probe_answer *a)
{
	const struct shot *shot = &s->shot[port];
	struct ike_survey_result *r = &s->r;
	struct endpoint own = s->conf.local[port];
	bool us = false, them;
	size_t i;

	r->natd_done = true;
	r->natd_port = port;
	r->natd_version = shot->key.natt != NULL ? shot->key.natt->word : NULL;
	r->natd_hash = shot->key.choice.hash->word;
	r->natd_len = shot->key.choice.hash->len;
	memcpy(r->cky_i, shot->key.cky_i, COOKIE_LEN);
	memcpy(r->cky_r, shot->key.cky_r, COOKIE_LEN);
	for (i = 0; i < a->n_natd && i < SURVEY_NATD_MAX; i++) {
		r->natd[i].len = (uint8_t)(a->natd[i].len < HASH_MAX ? a->natd[i].len : HASH_MAX);
		memcpy(r->natd[i].b, a->natd[i].p, r->natd[i].len);
		r->n_natd++;
	}
	if (shot->key.natt == NULL || r->n_natd < 2)
		return;
	us = matches(s, shot, &r->own[r->n_own++], &own, 0, 1);
	for (i = 0; i < s->conf.n_own && r->n_own < SURVEY_OWN_MAX; i++) {
		own.addr = s->conf.own[i];
		if (own.addr.family == s->conf.local[port].addr.family &&
		    addr_cmp(&own.addr, &s->conf.local[port].addr) != 0)
			us = matches(s, shot, &r->own[r->n_own++], &own, 0, 1) || us;
	}
	them = matches(s, shot, &r->peer, &s->conf.remote[port], 1, r->n_natd);
	r->nat = us ? (them ? SURVEY_NAT_NONE : SURVEY_NAT_REMOTE) :
	    (them ? SURVEY_NAT_LOCAL : SURVEY_NAT_BOTH);
	if (!us)
		find_seen(s, shot);
}
