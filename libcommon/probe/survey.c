/* The survey as a machine: which question comes next, and which shot an answer belongs to. */
#include "probe/survey_priv.h"

#include <stdlib.h>

#define ICMP_MS		300	/* the timeout after an ICMP error, which anybody may have sent */

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
		survey_shot_clear(&s->shot[i]);
	free(s->find.all);
	free(s);
}

static bool
tracks_over(const struct ike_survey *s)
{
	return (s->track[SURVEY_500].over && s->track[SURVEY_4500].over);
}

/* After the tracks: the other port, the search, message 4 with the transform that it found. */
static void
advance(struct ike_survey *s, struct now now, struct ike_outbox *out)
{
	struct ike_survey_result *r = &s->r;
	enum survey_port port = r->port[SURVEY_500].answered ? SURVEY_500 : SURVEY_4500;
	struct probe_offer o = { .n = 1 };

	if (!r->port[port].answered || r->other_version != 0) {
		s->over = true;
		return;
	}
	if (!s->track[port].wants_key) {	/* no answer on 500 */
		/* Offers without an answer on the first port are skipped: start with the one that was answered. */
		s->track[port] = (struct track){
		    .wants_key = true, .aggressive = s->track[port].aggressive };
		return;
	}
	if (s->conf.sizes && s->sizes < SURVEY_SIZES && r->n_found > 0 && !r->found[0].aggressive) {
		survey_size_next(s, r->port[SURVEY_4500].answered ? SURVEY_4500 : port, now, out);
		return;
	}
	if (s->conf.sizes && r->n_found > 0 && !r->found[0].aggressive &&
	    survey_path_next(s, r->port[SURVEY_4500].answered ? SURVEY_4500 : port, now, out))
		return;
	if (s->conf.transforms && !s->find.on) {
		survey_find_begin(s, port, now);
		return;
	}
	if (s->find.on && !s->find.over) {
		survey_find_next(s, now, out);
		return;
	}
	if (!r->natd_done && !s->late_key && s->find.on && r->n_found > 0 &&
	    !r->found[0].aggressive) {
		s->late_key = true;
		s->track[port] = (struct track){ .wants_key = true, .row = SIZE_MAX };
		o.t[0] = r->found[0].t;
		survey_shoot(s, port, &o, false, s->conf.timeout_ms, now, out);
		return;
	}
	s->over = true;
}

static void
ended(struct ike_survey *s, enum survey_port port, enum shot_end end,
    const struct probe_answer *a, struct now now, struct ike_outbox *out)
{
	s->shot[port].live = false;
	if (s->on_path)
		survey_path_ended(s, end);
	else if (s->sizing)
		survey_size_ended(s, port, end, a, now, out);
	else if (s->find.on && !s->find.over)
		survey_find_ended(s, end, a, now);
	else
		survey_track_ended(s, port, end, a, now, out);
}

/* Until something is out, or the end. */
static void
move_on(struct ike_survey *s, struct now now, struct ike_outbox *out)
{
	enum survey_port i;

	for (i = 0; i < SURVEY_PORTS; i++)
		if (!s->track[i].over && !s->shot[i].live && (now.ms >= s->pace_ms || !s->begun))
			survey_track_next(s, i, now, out);
	s->begun = true;
	while (!s->over && tracks_over(s) && !s->shot[0].live && !s->shot[1].live &&
	    now.ms >= s->pace_ms)
		advance(s, now, out);
}

static void
survey_timeout(void *machine, struct now now, struct ike_outbox *out)
{
	struct ike_survey *s = machine;
	enum survey_port i;
	struct shot *shot;

	for (i = 0; i < SURVEY_PORTS && !s->over; i++) {
		shot = &s->shot[i];
		if (!shot->live)
			continue;
		if (retry_is_over(&shot->retry, now)) {
			if (shot->sys != 0 && s->r.port[i].sys == 0)
				s->r.port[i].sys = shot->sys;
			ended(s, i, SHOT_SILENCE, NULL, now, out);
		} else if (retry_is_due(&shot->retry, now))
			survey_shot_resend(s, i, now, out);
	}
	if (!s->over)
		move_on(s, now, out);
}

static uint64_t
survey_deadline_us(const void *machine)
{
	const struct ike_survey *s = machine;
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
			if (retry_deadline_ms(&s->shot[i].retry) < d)
				d = retry_deadline_ms(&s->shot[i].retry);
		} else if (!s->track[i].over && s->pace_ms < d)
			d = s->pace_ms;
	return (retry_us(!live && s->pace_ms < d ? s->pace_ms : d));
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

/* Records other properties of the peer; the first answer counts. */
static void
take_rest(struct ike_survey_result *r, const struct probe_answer *a)
{
	struct id id;

	if (r->life_s == 0)
		r->life_s = a->life_s;
	if (r->nonce_len == 0)
		r->nonce_len = a->nonce_b.len;
	if (r->peer_id.type == 0 && a->id_b.len > 0 && id_get(&id, a->id_b, NULL) == 0)
		r->peer_id = id;
}

static void
survey_datagram(void *machine, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	struct ike_survey *s = machine;
	struct ike_survey_result *r = &s->r;
	struct probe_answer a;
	struct shot *shot;
	enum survey_port i;

	(void)local;
	for (i = 0; i < SURVEY_PORTS && !s->over; i++) {
		shot = &s->shot[i];
		if (!shot->live)
			continue;
		probe_answer_get(&a, shot->key.cky_i, data);
		if (a.kind == PROBE_NO_ANSWER || retry_is_own(&shot->retry, data))
			continue;
		/* A repeated message 2 is no answer to message 3. */
		if (shot->sharing && (a.kind == PROBE_CHOICE || a.kind == PROBE_OTHER))
			continue;
		if (!shot->sharing && a.kind == PROBE_KEY)
			continue;
		if (!r->port[i].answered) {
			r->port[i].answered = true;
			r->port[i].from = *remote;
			r->port[i].rtt_ms = (uint32_t)(now.ms - shot->retry.sent_ms);
			r->port[i].notify = a.notify;
			r->port[i].sys = 0;
		}
		if (a.kind == PROBE_VERSION)
			r->other_version = a.hdr.version;
		/* Where fragments are announced there is one vendor ID more: not the usual order. */
		if (!s->sizing)
			survey_take_vids(s, &a);
		take_rest(r, &a);
		ended(s, i, end_of(&a), &a, now, out);
		move_on(s, now, out);
		return;
	}
}

static void
survey_unreachable(void *machine, struct now now, const struct endpoint *remote, int sys,
    struct ike_outbox *out)
{
	struct ike_survey *s = machine;
	int i;

	(void)out;
	for (i = 0; i < SURVEY_PORTS; i++) {
		struct shot *shot = &s->shot[i];

		if (!shot->live || !endpoint_eq(remote, &s->conf.remote[i]))
			continue;
		shot->sys = sys;
		if (shot->retry.give_up_ms > now.ms + ICMP_MS)
			shot->retry.give_up_ms = now.ms + ICMP_MS;
	}
}

static void
survey_ids(const void *machine, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	const struct ike_survey *s = machine;
	int i;

	for (i = 0; i < SURVEY_PORTS; i++)
		ask_id(&s->shot[i].key, each, ctx);
}

static bool
survey_over(const void *machine)
{
	return (((const struct ike_survey *)machine)->over);
}

struct ike_machine
ike_survey_machine(struct ike_survey *s)
{
	static const struct ike_machine_ops ops = {
		.timeout = survey_timeout, .datagram = survey_datagram,
		.unreachable = survey_unreachable, .deadline_us = survey_deadline_us,
		.over = survey_over, .ids = survey_ids,
	};

	return ((struct ike_machine){ &ops, s });
}

const struct ike_survey_result *
ike_survey_result(const struct ike_survey *s)
{
	return (&s->r);
}
