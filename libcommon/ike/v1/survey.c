#include "ike/v1/survey.h"

#include <stdlib.h>

#define RESEND_MS	500	/* first wait for an answer; doubles */
#define RESEND_MAX_MS	4000
#define ICMP_MS		300	/* waiting on after an ICMP error, that anybody may have sent */
#define SILENT_ROWS_MAX	3	/* unanswered offers in a row that prove the point */
#define SILENT_MAIN	2	/* ... where nothing was ever answered: then aggressive mode */
#define NONCE_BYTES	32
#define LINK_MTU	1500	/* bytes of an IP packet on the commonest links */
#define IPV4_HDR	20
#define IPV6_HDR	40
#define UDP_HDR		8
#define MARKER_LEN	4	/* RFC 3948, before IKE on port 4500 */

/* --- shots --- */

static void
shot_clear(struct shot *shot)
{
	dh_free(shot->dh);
	bytes_free(&shot->sent);
	*shot = (struct shot){0};
}

/* Sends ${msg}, and waits ${patience_ms} for what comes. */
static void
fire(struct ike_survey *s, enum survey_port port, struct span msg, uint32_t patience_ms,
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

static bool
draw(struct ike_survey *s, uint8_t *p, size_t n)
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

	shot_clear(shot);
	shot->offer = *o;
	shot->aggressive = aggressive;
	s->pace_ms = now_ms + s->conf.gap_ms;
	if (!draw(s, shot->cky_i, COOKIE_LEN))
		;
	else if (!aggressive)
		msg = probe_main1(buf, shot->cky_i, o, true);
	else if (draw(s, nonce, sizeof(nonce)) &&
	    (shot->dh = dh_new(o->t[0].p.group, &s->conf.rand, NULL)) != NULL)
		msg = probe_aggressive1(buf, shot->cky_i, o, dh_public(shot->dh),
		    SPAN_ARRAY(nonce), &s->conf.id);
	fire(s, port, msg, patience_ms, now_ms, out);
}

/* What NAT-D depends on is known with the choice. */
static void
agree(const struct ike_survey *s, struct shot *shot, const struct probe_answer *a)
{
	memcpy(shot->cky_r, a->hdr.cky_r, COOKIE_LEN);
	shot->hash = a->choice.p.hash;
	shot->natt = natt_choose(NATT_ALL, s->r.natt);
}

/* Message 3 on the choice that ${a} made. False: it cannot be made. */
static bool
share(struct ike_survey *s, enum survey_port port, const struct probe_answer *a,
    uint64_t now_ms, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[PROBE_MSG_MAX], nonce[NONCE_BYTES], hash[2][HASH_MAX];
	struct span natd[2];
	const struct endpoint *ends[2] = { &s->conf.remote[port], &s->conf.local[port] };
	int i;

	if (!a->chosen || !draw(s, nonce, sizeof(nonce)) ||
	    (shot->dh = dh_new(a->choice.p.group, &s->conf.rand, NULL)) == NULL)
		return (false);
	agree(s, shot, a);
	for (i = 0; i < 2; i++) {
		if (natd_hash(shot->hash, shot->cky_i, shot->cky_r, ends[i], hash[i], NULL) != 0)
			return (false);
		natd[i] = span_of(hash[i], shot->hash->len);
	}
	shot->sharing = true;
	fire(s, port, probe_main3(buf, shot->cky_i, shot->cky_r, dh_public(shot->dh),
	    SPAN_ARRAY(nonce), shot->natt != NULL ? shot->natt->natd : 0, natd, 2),
	    s->conf.timeout_ms, now_ms, out);
	return (true);
}

/* --- what answers tell --- */

static void
take_vids(struct ike_survey *s, const struct probe_answer *a)
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
	if (natd_hash(shot->hash, shot->cky_i, shot->cky_r, of, h->b, NULL) != 0)
		return (false);
	for (i = from; i < to && i < r->n_natd; i++)
		h->matches = h->matches || (r->natd[i].len == shot->hash->len &&
		    memcmp(r->natd[i].b, h->b, shot->hash->len) == 0);
	return (h->matches);
}

/* Message 4, or 2 of aggressive mode: the first NAT-D is of us as the peer sees us, the others
 * are of itself. */
static void
take_natd(struct ike_survey *s, enum survey_port port, const struct probe_answer *a)
{
	const struct shot *shot = &s->shot[port];
	struct ike_survey_result *r = &s->r;
	struct endpoint own = s->conf.local[port];
	bool us = false, them;
	size_t i;

	r->natd_done = true;
	r->natd_port = port;
	r->natd_version = shot->natt != NULL ? shot->natt->word : NULL;
	r->natd_hash = shot->hash->word;
	r->natd_len = shot->hash->len;
	memcpy(r->cky_i, shot->cky_i, COOKIE_LEN);
	memcpy(r->cky_r, shot->cky_r, COOKIE_LEN);
	for (i = 0; i < a->n_natd && i < SURVEY_NATD_MAX; i++) {
		r->natd[i].len = (uint8_t)(a->natd[i].len < HASH_MAX ? a->natd[i].len : HASH_MAX);
		memcpy(r->natd[i].b, a->natd[i].p, r->natd[i].len);
		r->n_natd++;
	}
	if (shot->natt == NULL || r->n_natd < 2)
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
}

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

/* --- the way to message 4 --- */

/* Common algorithms with the group that goes along; in aggressive mode there is but one. */
static bool
aggressive_offer(struct probe_offer *o, size_t i)
{
	static const char *const groups[] = { "modp2048", "modp1024" };
	size_t j, n = 0;

	if (i >= sizeof(groups) / sizeof(groups[0]) || !probe_offer_broad(o, 0))
		return (false);
	for (j = 0; j < o->n; j++)
		if (o->t[j].p.group == alg_group_word(groups[i]))
			o->t[n++] = o->t[j];
	o->n = n;
	return (true);
}

/* The next offer of a track, past those of a method that led to no message 4. */
static void
track_next(struct ike_survey *s, enum survey_port port, uint64_t now_ms, struct ike_outbox *out)
{
	struct track *t = &s->track[port];
	struct probe_offer o = { .n = 0 };

	if (!t->aggressive && !s->r.port[port].answered && t->silent >= SILENT_MAIN) {
		t->aggressive = true;
		t->row = 0;
	}
	if ((s->shot[port].sys != 0 && t->silent > 0) ||
	    (!t->aggressive && t->silent >= SILENT_ROWS_MAX) ||
	    !(t->aggressive ? aggressive_offer : probe_offer_broad)(&o, t->row)) {
		t->over = true;
		return;
	}
	t->row++;
	survey_shoot(s, port, &o, t->aggressive, s->conf.timeout_ms, now_ms, out);
}

/* What was taken with a method that leads no further. */
static void
mark_stuck(struct ike_survey *s, uint16_t auth)
{
	size_t i;

	for (i = 0; i < s->r.n_found; i++)
		s->r.found[i].stuck = s->r.found[i].stuck || s->r.found[i].t.auth == auth;
}

/* Rows of the same authentication method end in the same way. */
static void
skip_method(struct track *t, uint16_t auth)
{
	struct probe_offer o;

	while (probe_offer_broad(&o, t->row) && o.t[0].auth == auth)
		t->row++;
}

static void
track_ended(struct ike_survey *s, enum survey_port port, enum shot_end end,
    const struct probe_answer *a, uint64_t now_ms, struct ike_outbox *out)
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
			take_natd(s, port, a);
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
		agree(s, shot, a);
		take_natd(s, port, a);
		t->over = true;
	} else if (!t->wants_key || a->kind == PROBE_VERSION)
		t->over = true;		/* somebody is there: that was the question */
	else if (end == SHOT_CHOICE && !shot->aggressive && !share(s, port, a, now_ms, out))
		skip_method(t, auth);
}

/* --- the whole --- */

struct ike_survey *
ike_survey_new(const struct ike_survey_conf *conf, struct fault *f)
{
	struct ike_survey *s = calloc(1, sizeof(*s));
	int i;

	if (s == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the survey");
		return (NULL);
	}
	s->conf = *conf;
	for (i = 0; i < SURVEY_PORTS; i++)
		s->track[i].over = conf->local[i].port == 0;
	s->track[SURVEY_500].wants_key = true;
	s->track[SURVEY_4500].wants_key = s->track[SURVEY_500].over;
	return (s);
}

void
ike_survey_free(struct ike_survey *s)
{
	int i;

	if (s == NULL)
		return;
	for (i = 0; i < SURVEY_PORTS; i++)
		shot_clear(&s->shot[i]);
	free(s->find.all);
	free(s);
}

static bool
tracks_over(const struct ike_survey *s)
{
	return (s->track[SURVEY_500].over && s->track[SURVEY_4500].over);
}

/* Asks with a message that makes IP packets of full size, or of more than one packet. */
static void
ask_long(struct ike_survey *s, enum survey_port port, uint64_t now_ms, struct ike_outbox *out)
{
	static const size_t packets[] = { [SURVEY_WHOLE] = 1, [SURVEY_FRAGMENTS] = 2 };
	struct shot *shot = &s->shot[port];
	struct probe_offer o = { .n = 1 };
	size_t size = s->sizes++, len = packets[size] * LINK_MTU - UDP_HDR;
	uint8_t buf[2 * LINK_MTU];

	len -= s->conf.remote[port].addr.family == 4 ? IPV4_HDR : IPV6_HDR;
	len -= port == SURVEY_4500 ? MARKER_LEN : 0;
	o.t[0] = s->r.found[0].t;
	s->r.size[size].asked = s->sizing = true;
	s->r.size[size].len = len;
	shot_clear(shot);
	shot->offer = o;
	s->pace_ms = now_ms + s->conf.gap_ms;
	fire(s, port, draw(s, shot->cky_i, COOKIE_LEN) ?
	    probe_main1_long(buf, sizeof(buf), shot->cky_i, &o, len) : SPAN_NONE,
	    s->conf.timeout_ms, now_ms, out);
}

/* What comes after the tracks: the other port, the search, message 4 with what it found. */
static void
advance(struct ike_survey *s, uint64_t now_ms, struct ike_outbox *out)
{
	struct ike_survey_result *r = &s->r;
	enum survey_port port = r->port[SURVEY_500].answered ? SURVEY_500 : SURVEY_4500;
	struct probe_offer o = { .n = 1 };

	if (!r->port[port].answered || r->other_version != 0) {
		s->over = true;
		return;
	}
	if (!s->track[port].wants_key) {	/* nobody on 500 */
		/* What was silent there before is so again: begin where it answered. */
		s->track[port] = (struct track){
		    .wants_key = true, .aggressive = s->track[port].aggressive };
		return;
	}
	if (s->conf.sizes && s->sizes < SURVEY_SIZES && r->n_found > 0 && !r->found[0].aggressive) {
		ask_long(s, port, now_ms, out);
		return;
	}
	if (s->conf.transforms && !s->find.on) {
		survey_find_begin(s, port, now_ms);
		return;
	}
	if (s->find.on && !s->find.over) {
		survey_find_next(s, now_ms, out);
		return;
	}
	if (!r->natd_done && !s->late_key && s->find.on && r->n_found > 0 &&
	    !r->found[0].aggressive) {
		s->late_key = true;
		s->track[port] = (struct track){ .wants_key = true, .row = SIZE_MAX };
		o.t[0] = r->found[0].t;
		survey_shoot(s, port, &o, false, s->conf.timeout_ms, now_ms, out);
		return;
	}
	s->over = true;
}

static void
ended(struct ike_survey *s, enum survey_port port, enum shot_end end,
    const struct probe_answer *a, uint64_t now_ms, struct ike_outbox *out)
{
	s->shot[port].live = false;
	if (s->sizing) {
		s->r.size[s->sizes - 1].answered = end != SHOT_SILENCE;
		s->sizing = false;
	} else if (s->find.on && !s->find.over)
		survey_find_ended(s, end, a, now_ms);
	else
		track_ended(s, port, end, a, now_ms, out);
}

/* Until something is out, or the end. */
static void
move_on(struct ike_survey *s, uint64_t now_ms, struct ike_outbox *out)
{
	enum survey_port i;

	for (i = 0; i < SURVEY_PORTS; i++)
		if (!s->track[i].over && !s->shot[i].live && (now_ms >= s->pace_ms || !s->begun))
			track_next(s, i, now_ms, out);
	s->begun = true;
	while (!s->over && tracks_over(s) && !s->shot[0].live && !s->shot[1].live &&
	    now_ms >= s->pace_ms)
		advance(s, now_ms, out);
}

void
ike_survey_timeout(struct ike_survey *s, uint64_t now_ms, struct ike_outbox *out)
{
	enum survey_port i;
	struct shot *shot;
	uint64_t wait;

	for (i = 0; i < SURVEY_PORTS && !s->over; i++) {
		shot = &s->shot[i];
		if (!shot->live)
			continue;
		if (now_ms >= shot->give_up_ms) {
			if (shot->sys != 0 && s->r.port[i].sys == 0)
				s->r.port[i].sys = shot->sys;
			ended(s, i, SHOT_SILENCE, NULL, now_ms, out);
		} else if (now_ms >= shot->resend_ms) {
			outbox_datagram(out, &s->conf.local[i], &s->conf.remote[i],
			    bytes_span(&shot->sent));
			s->r.sent++;
			shot->sent_ms = now_ms;
			wait = (uint64_t)RESEND_MS << ++shot->resends;
			shot->resend_ms = now_ms + (wait < RESEND_MAX_MS ? wait : RESEND_MAX_MS);
		}
	}
	if (!s->over)
		move_on(s, now_ms, out);
}

uint64_t
ike_survey_deadline(const struct ike_survey *s)
{
	uint64_t d = UINT64_MAX;
	bool live = false;
	int i;

	if (s->over)
		return (UINT64_MAX);
	if (!s->begun)
		return (0);
	for (i = 0; i < SURVEY_PORTS; i++)
		if (s->shot[i].live) {
			live = true;
			d = s->shot[i].resend_ms < d ? s->shot[i].resend_ms : d;
			d = s->shot[i].give_up_ms < d ? s->shot[i].give_up_ms : d;
		} else if (!s->track[i].over && s->pace_ms < d)
			d = s->pace_ms;
	return (!live && s->pace_ms < d ? s->pace_ms : d);
}

static enum shot_end
end_of(const struct probe_answer *a)
{
	switch (a->kind) {
	case PROBE_CHOICE:
		return (SHOT_CHOICE);
	case PROBE_NOTIFY:
		return (SHOT_NOTIFY);
	case PROBE_KEY:
		return (SHOT_KEY);
	default:
		return (SHOT_OTHER);
	}
}

void
ike_survey_datagram(struct ike_survey *s, uint64_t now_ms, const struct endpoint *remote,
    struct span data, struct ike_outbox *out)
{
	struct ike_survey_result *r = &s->r;
	struct probe_answer a;
	struct shot *shot;
	enum survey_port i;

	for (i = 0; i < SURVEY_PORTS && !s->over; i++) {
		shot = &s->shot[i];
		if (!shot->live)
			continue;
		probe_answer_get(&a, shot->cky_i, data);
		if (a.kind == PROBE_NO_ANSWER || span_eq(data, bytes_span(&shot->sent)))
			continue;
		/* What answers message 3 is no repetition of message 2. */
		if (shot->sharing && (a.kind == PROBE_CHOICE || a.kind == PROBE_OTHER))
			continue;
		if (!shot->sharing && a.kind == PROBE_KEY)
			continue;
		if (!r->port[i].answered) {
			r->port[i].answered = true;
			r->port[i].from = *remote;
			r->port[i].rtt_ms = (uint32_t)(now_ms - shot->sent_ms);
			r->port[i].notify = a.notify;
			r->port[i].sys = 0;
		}
		if (a.kind == PROBE_VERSION)
			r->other_version = a.hdr.version;
		take_vids(s, &a);
		ended(s, i, end_of(&a), &a, now_ms, out);
		move_on(s, now_ms, out);
		return;
	}
}

void
ike_survey_unreachable(struct ike_survey *s, uint64_t now_ms, const struct endpoint *remote,
    int sys)
{
	int i;

	for (i = 0; i < SURVEY_PORTS; i++) {
		struct shot *shot = &s->shot[i];

		if (!shot->live || !endpoint_eq(remote, &s->conf.remote[i]))
			continue;
		shot->sys = sys;
		if (shot->give_up_ms > now_ms + ICMP_MS)
			shot->give_up_ms = now_ms + ICMP_MS;
	}
}

bool
ike_survey_cookie(const struct ike_survey *s, size_t i, uint8_t cky_i[COOKIE_LEN])
{
	if (i >= SURVEY_PORTS)
		return (false);
	memcpy(cky_i, s->shot[i].cky_i, COOKIE_LEN);
	return (true);
}

bool
ike_survey_over(const struct ike_survey *s)
{
	return (s->over);
}

const struct ike_survey_result *
ike_survey_result(const struct ike_survey *s)
{
	return (&s->r);
}
