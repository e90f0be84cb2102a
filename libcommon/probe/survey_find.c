/*
 * Searches for the transforms that the peer accepts. A message offers as many transforms as fit. The
 * peer chooses one; the search removes it and offers the rest again until the peer rejects
 * it. Each accepted offer leaves a half-open exchange at the peer, which may limit their number. When
 * the peer stops answering, the search offers a transform that was accepted before: without an answer
 * the limit is reached, and the search waits.
 */
#include <stdlib.h>

#include "probe/survey_priv.h"

#define BATCH		24	/* transforms in a message */
#define TRANSFORM_LEN	36	/* bytes of one, at most */
#define OTHERS_LEN	300	/* bytes of header, SA, nonce, ID and vendor IDs, at most */
#define ANSWER_MIN_MS	1500	/* at least, for an answer */
#define WAIT_MS		5000	/* when the peer has had enough; doubles */
#define WAITS_MAX	4

static const uint16_t methods[] = {
	AUTH_PSK, AUTH_RSA_SIG, AUTH_XAUTH_INIT_PSK, AUTH_XAUTH_INIT_RSA, AUTH_HYBRID_INIT_RSA,
	AUTH_ECDSA_256,
};
#define METHODS	(sizeof(methods) / sizeof(methods[0]))

/* Jobs, in this order: all algorithms with each method until a transform is accepted; the accepted
 * ones with each other method; the same in aggressive mode. */
enum { JOB_ALL = 0, JOB_METHOD = JOB_ALL + METHODS, JOB_AGGRESSIVE = JOB_METHOD + METHODS, JOBS };

static void
add(struct find *f, const struct ike_proposal *p, uint16_t auth, bool aggressive)
{
	struct find_one *more;

	if (f->n == f->cap) {
		more = realloc(f->all, (2 * f->cap + 64) * sizeof(*more));
		if (more == NULL)
			return;
		f->all = more;
		f->cap = 2 * f->cap + 64;
	}
	f->all[f->n++] = (struct find_one){ { *p, auth }, aggressive, FIND_UNTRIED };
}

static void
add_all(struct find *f, uint16_t auth)
{
	struct ike_proposal p;
	size_t e, h, g;

	for (g = 0; (p.group = alg_group_row(g)) != NULL; g++)
		for (e = 0; (p.enc = alg_enc_row(e)) != NULL; e++)
			for (h = 0; (p.hash = alg_hash_row(h)) != NULL; h++)
				if (p.enc->ike != 0)
					add(f, &p, auth, f->aggressive);
}

/* Transforms accepted in main mode, each once regardless of the method. */
static void
add_found(struct ike_survey *s, uint16_t auth, bool aggressive)
{
	const struct ike_survey_result *r = &s->r;
	size_t i, j;

	for (i = 0; i < r->n_found; i++) {
		for (j = 0; j < i; j++)
			if (memcmp(&r->found[i].t.p, &r->found[j].t.p, sizeof(r->found[i].t.p)) == 0)
				break;
		if (j == i && !r->found[i].aggressive)
			add(&s->find, &r->found[i].t.p, auth, aggressive);
	}
}

static bool
found_with(const struct ike_survey *s, uint16_t auth)
{
	size_t i;

	for (i = 0; i < s->r.n_found; i++)
		if (s->r.found[i].t.auth == auth)
			return (true);
	return (false);
}

/* The method to search with: one that is known to lead on. */
static uint16_t
base_method(const struct ike_survey_result *r)
{
	size_t i;

	for (i = 0; i < r->n_found; i++)
		if (!r->found[i].stuck)
			return (r->found[i].t.auth);
	return (r->n_found > 0 ? r->found[0].t.auth : methods[0]);
}

/* Adds the transforms of the job; none if the job does not apply. */
static void
add_job(struct ike_survey *s, size_t job)
{
	const struct ike_survey_result *r = &s->r;
	uint16_t base = base_method(r);
	struct probe_offer o;
	size_t i, j;

	s->find.any_of_job = false;
	if (job == JOB_ALL) {
		add_all(&s->find, base);
	} else if (s->find.aggressive) {
		return;			/* the other jobs begin with main mode */
	} else if (job < JOB_METHOD) {
		if (r->n_found == 0)
			add_all(&s->find, methods[job - JOB_ALL]);
	} else if (job < JOB_AGGRESSIVE) {
		s->find.any_of_job = true;
		if (!found_with(s, methods[job - JOB_METHOD]))
			add_found(s, methods[job - JOB_METHOD], false);
	} else if (r->n_found > 0) {
		add_found(s, base, true);
	} else {
		for (j = 0; survey_aggressive_offer(&o, j); j++)
			for (i = 0; i < o.n; i++)
				add(&s->find, &o.t[i].p, o.t[i].auth, true);
	}
}

static void
count(struct ike_survey *s)
{
	size_t i;

	s->r.to_try = (uint32_t)s->find.n;
	s->r.tried = 0;
	for (i = 0; i < s->find.n; i++)
		s->r.tried += s->find.all[i].state >= FIND_YES;
}

static int
distance(const struct ike_proposal *a, const struct ike_proposal *b)
{
	return ((a->enc != b->enc) + (a->hash != b->hash) + (a->group != b->group));
}

/*
 * Transforms that differ from ${p} in one algorithm come before those that differ in two: a search that
 * ends early has then tried all ciphers, hashes and groups.
 */
static void
near_first(struct find *f, const struct ike_proposal *p)
{
	struct find_one *sorted = calloc(f->n, sizeof(*sorted));
	size_t i, n = 0;
	int d;

	if (sorted == NULL)
		return;			/* then in the order of the registry */
	for (d = 0; d <= 3; d++)
		for (i = 0; i < f->n; i++)
			if (distance(&f->all[i].t.p, p) == d)
				sorted[n++] = f->all[i];
	free(f->all);
	f->all = sorted;
	f->cap = f->n;
}

void
survey_find_begin(struct ike_survey *s, enum survey_port port, struct now now)
{
	size_t i, j;

	s->find.on = s->r.searched = true;
	s->find.port = port;
	s->find.aggressive = s->r.n_found > 0 && s->r.found[0].aggressive;
	s->find.begun_ms = now.ms;
	s->find.limit_ms = now.ms + s->conf.limit_ms;
	add_job(s, JOB_ALL);
	if (s->r.n_found > 0)
		near_first(&s->find, &s->r.found[0].t.p);
	/* The results of the exchange up to message 4. */
	for (i = 0; i < s->r.n_found; i++)
		for (j = 0; j < s->find.n; j++)
			if (memcmp(&s->find.all[j].t.p, &s->r.found[i].t.p,
			    sizeof(s->r.found[i].t.p)) == 0 &&
			    s->find.all[j].t.auth == s->r.found[i].t.auth &&
			    s->find.all[j].aggressive == s->r.found[i].aggressive)
				s->find.all[j].state = FIND_YES;
	count(s);
}

static uint32_t
answer_timeout(const struct ike_survey *s)
{
	uint32_t ms = s->r.port[s->find.port].rtt_ms * 8;

	if (ms < ANSWER_MIN_MS)
		ms = ANSWER_MIN_MS;
	return (ms < s->conf.timeout_ms ? ms : s->conf.timeout_ms);
}

/* How many transforms fit into a message: a KE of modp8192 leaves little room. */
static size_t
room_beside(const struct find_one *one)
{
	size_t left = PROBE_MSG_MAX - OTHERS_LEN, n;

	if (one->aggressive)
		left -= one->t.p.group->pub_len;
	n = left / TRANSFORM_LEN;
	return (n < BATCH ? n : BATCH);
}

/* Puts untried transforms into an offer; in aggressive mode, which sends a KE, all of one group. */
static void
gather(struct find *f, struct probe_offer *o)
{
	const struct find_one *first = NULL;
	size_t i, room = BATCH;

	o->n = f->n_batch = 0;
	for (i = 0; i < f->n && o->n < room; i++) {
		struct find_one *one = &f->all[i];

		if (one->state != FIND_UNTRIED)
			continue;
		if (first == NULL) {
			first = one;
			room = room_beside(one);
		}
		if (one->aggressive != first->aggressive ||
		    (one->aggressive && one->t.p.group != first->t.p.group))
			continue;
		one->state = FIND_IN_BATCH;
		f->batch[f->n_batch++] = i;
		o->t[o->n++] = one->t;
	}
}

void
survey_find_next(struct ike_survey *s, struct now now, struct ike_outbox *out)
{
	struct find *f = &s->find;
	struct probe_offer o = { .n = 0 };

	s->r.waiting_ms = 0;
	if (now.ms >= f->limit_ms || s->r.n_found == SURVEY_FOUND_MAX || f->waits > WAITS_MAX) {
		f->over = true;
		return;
	}
	if (f->canary) {
		o.t[o.n++] = s->r.found[0].t;
		survey_shoot(s, f->port, &o, s->r.found[0].aggressive, answer_timeout(s), now, out);
		return;
	}
	for (;;) {
		gather(f, &o);
		count(s);
		if (o.n > 0)
			break;
		if (++f->job == JOBS) {
			f->over = s->r.complete = true;
			return;
		}
		add_job(s, f->job);
	}
	survey_shoot(s, f->port, &o, f->all[f->batch[0]].aggressive, answer_timeout(s), now, out);
}

/* The result of the batch: transforms that are not ${yes} become ${rest}. */
static void
settle(struct find *f, const struct find_one *yes, enum find_state rest)
{
	size_t i;

	for (i = 0; i < f->n_batch; i++)
		if (&f->all[f->batch[i]] != yes)
			f->all[f->batch[i]].state = rest;
	f->n_batch = 0;
}

static void
take_choice(struct ike_survey *s, const struct probe_answer *a)
{
	struct find *f = &s->find;
	struct find_one *one = NULL;
	size_t i;

	for (i = 0; i < f->n_batch && one == NULL; i++)
		if (a->chosen && f->all[f->batch[i]].t.auth == a->choice.auth &&
		    memcmp(&f->all[f->batch[i]].t.p, &a->choice.p, sizeof(a->choice.p)) == 0)
			one = &f->all[f->batch[i]];
	if (one == NULL) {		/* not an offered transform: another offer could loop forever */
		settle(f, NULL, FIND_NO);
		return;
	}
	one->state = FIND_YES;
	survey_found(s, &one->t, one->aggressive);
	settle(f, one, FIND_UNTRIED);
	for (i = 0; i < f->n && f->any_of_job; i++)
		if (f->all[i].state == FIND_UNTRIED)
			f->all[i].state = FIND_NO;
}

void
survey_find_ended(struct ike_survey *s, enum shot_end end, const struct probe_answer *a,
    struct now now)
{
	struct find *f = &s->find;
	uint64_t wait;

	if (f->canary && end != SHOT_SILENCE) {
		f->canary = false;
		/* The peer's limit was reached and it has recovered: repeat the batch. Else it rejects silently. */
		settle(f, NULL, f->waits > 0 ? FIND_UNTRIED : FIND_NO);
		f->waits = 0;
	} else if (f->canary) {
		wait = (uint64_t)WAIT_MS << f->waits++;
		s->pace_ms = now.ms + wait;
		s->r.waiting_ms = wait;
	} else if (end == SHOT_CHOICE) {
		take_choice(s, a);
	} else if (end == SHOT_SILENCE && s->r.n_found > 0) {
		f->canary = true;
	} else {
		if (end == SHOT_NOTIFY && f->n_batch > 0 && f->all[f->batch[0]].aggressive)
			s->r.aggressive_notify = a->notify;
		settle(f, NULL, FIND_NO);
	}
	count(s);
}
