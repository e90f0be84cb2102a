/* The measurement: lanes become idle, and afterwards NAT-D shows the port that the peer sees. */
#include "probe/mapping_priv.h"

#include <stdlib.h>

#define RESEND_MS	500	/* first wait for an answer; doubles */
#define WARM_STEPS	2	/* packets until then: a NAT may drop a young flow soon, and this end may be late */
#define REST_MS		8000	/* for a peer that has had enough; doubles ... */
#define RESTS_MAX	3	/* ... this often in a row, on every lane */

struct ike_mapping *
ike_mapping_new(const struct ike_mapping_conf *conf, struct fault *f)
{
	struct ike_mapping *m = calloc(1, sizeof(*m));
	size_t i;

	if (m == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the measurement");
		return (NULL);
	}
	m->conf = *conf;
	m->natt = natt_choose(NATT_ALL, conf->natt);
	m->r.n = conf->n;
	for (i = 0; i < conf->n; i++)
		m->r.seen[i].inside = conf->local[i];
	return (m);
}

void
ike_mapping_free(struct ike_mapping *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < MAPPING_LANES; i++)
		retry_free(&m->lane[i].retry);
	free(m);
}

/* --- sending --- */

static void
transmit(struct ike_mapping *m, struct lane *l, struct ike_outbox *out)
{
	uint64_t gap = l->last_ms != 0 ? m->now.ms - l->last_ms : 0;

	l->gap_ms = gap > l->gap_ms ? gap : l->gap_ms;
	l->last_ms = m->now.ms;
	outbox_datagram(out, &l->key.local, &l->key.remote, bytes_span(&l->retry.msg));
	m->r.sent++;
}

/* A message that cannot be built (memory, randomness) counts as unanswered. */
static void
fire(struct ike_mapping *m, struct lane *l, struct span msg, struct ike_outbox *out)
{
	if (retry_begin(&l->retry, msg, RESEND_MS, m->conf.timeout_ms, m->now))
		transmit(m, l, out);
}

static void
ask(struct ike_mapping *m, struct lane *l, struct ike_outbox *out)
{
	struct probe_offer o = { .n = 1 };
	uint8_t buf[PROBE_MSG_MAX];

	o.t[0] = m->conf.offer;
	l->state = LANE_CHOICE;
	l->key.local = m->conf.local[l - m->lane];
	l->key.remote = m->conf.remote;
	l->key.natt = m->natt;
	m->pace_ms = m->now.ms + m->conf.gap_ms;
	fire(m, l, ask_main1(buf, &m->conf.rand, l->key.cky_i, &o, PROBE_VIDS), out);
}

/* The peer may just have too many of us half open. */
static void
rest(struct ike_mapping *m, struct lane *l)
{
	m->r.refused++;
	l->state = LANE_REST;
	l->known = false;
	l->due_ms = m->now.ms + ((uint64_t)REST_MS << l->rests);
	l->rests++;
}

/* --- results of an idle period --- */

/* Ends idle periods whose result is already known; their lanes try other periods. */
static void
reconsider(struct ike_mapping *m)
{
	uint64_t low = mapping_low_ms(m), high = m->r.at_most_ms;
	size_t i;

	for (i = 0; i < m->conf.n; i++) {
		struct lane *l = &m->lane[i];

		if (l->state != LANE_SILENT ||
		    (l->quiet_ms > low && (high == 0 || l->quiet_ms < high)))
			continue;
		l->quiet_ms = 0;
		l->state = LANE_IDLE;
		l->due_ms = m->now.ms;
	}
}

/* The peer's NAT-D of us has come. */
static void
judge(struct ike_mapping *m, struct lane *l, struct span natd)
{
	size_t i = (size_t)(l - m->lane);
	struct endpoint now_at;
	bool known = ask_seen(&now_at, &l->key, natd, m->conf.outside, m->conf.n_outside,
	    l->known ? l->outside.port : l->key.local.port);

	m->heard = m->heard || natd.len > 0;
	if (known && l->known) {
		m->r.samples++;
		/* The round trip time counts too: the idle period ends when the answer passes the NAT. */
		if (endpoint_eq(&now_at, &l->outside))
			mapping_outlived(m, l->gap_ms, false);
		else
			mapping_dropped(m, l->gap_ms + (m->now.ms - l->last_ms));
	}
	m->r.seen[i].known = l->known = known;
	if (known)
		m->r.seen[i].outside = l->outside = now_at;
	l->gap_ms = 0;
	l->rests = 0;
	l->quiet_ms = 0;
	l->warmed = 0;
	l->state = LANE_YOUNG;
	l->due_ms = m->now.ms + MAPPING_WARM_MS / WARM_STEPS;
	reconsider(m);
}

/* --- time and datagrams --- */

static void
be_silent(struct ike_mapping *m, struct lane *l)
{
	l->quiet_ms = l->quiet_ms != 0 ? l->quiet_ms : mapping_pick(m, l);
	l->state = l->quiet_ms != 0 ? LANE_SILENT : LANE_DONE;
	l->due_ms = l->last_ms + l->quiet_ms;
}

static void
run_lane(struct ike_mapping *m, struct lane *l, struct ike_outbox *out)
{
	switch (l->state) {
	case LANE_IDLE:
	case LANE_REST:
		if (m->now.ms < l->due_ms)
			break;
		if (mapping_room_ms(m) < MAPPING_FIRST_MS)
			l->state = LANE_DONE;
		else if (m->now.ms < m->pace_ms)
			l->due_ms = m->pace_ms;
		else
			ask(m, l, out);
		break;
	case LANE_CHOICE:
	case LANE_KEY:
		if (retry_is_over(&l->retry, m->now))
			rest(m, l);
		else if (retry_is_due(&l->retry, m->now)) {
			transmit(m, l, out);
			retry_again(&l->retry, UINT32_MAX, m->now);
		}
		break;
	case LANE_YOUNG:
		if (m->now.ms < l->due_ms)
			break;
		transmit(m, l, out);
		l->state = ++l->warmed < WARM_STEPS ? LANE_YOUNG : LANE_WARM;
		l->due_ms = m->now.ms + (l->state == LANE_YOUNG ? MAPPING_WARM_MS / WARM_STEPS : MAPPING_WARM_WAIT_MS);
		break;
	case LANE_WARM:
		if (m->now.ms >= l->due_ms)
			be_silent(m, l);
		break;
	case LANE_SILENT:
		if (m->now.ms >= l->due_ms)
			ask(m, l, out);
		break;
	case LANE_DONE:
		break;
	}
}

static bool
all(const struct ike_mapping *m, bool (*is)(const struct lane *))
{
	size_t i;

	for (i = 0; i < m->conf.n; i++)
		if (!is(&m->lane[i]))
			return (false);
	return (true);
}

static bool
is_done(const struct lane *l)
{
	return (l->state == LANE_DONE);
}

static bool
is_refused(const struct lane *l)
{
	return (l->rests > RESTS_MAX);
}

static bool
is_strange(const struct lane *l)
{
	return (l->state > LANE_KEY && l->state != LANE_REST && !l->known);
}

static void
settle(struct ike_mapping *m)
{
	/* The NAT-D hash matches none of the addresses: an idle period would give no result. */
	m->over = m->over || m->now.ms >= mapping_end_ms(m) || mapping_near_enough(m) || all(m, is_done) ||
	    all(m, is_refused) || all(m, is_strange);
}

static void
mapping_timeout(void *machine, struct now now, struct ike_outbox *out)
{
	struct ike_mapping *m = machine;
	size_t i;

	if (m->over)
		return;
	m->now = now;
	if (!m->begun)
		m->begun_ms = m->pace_ms = now.ms;
	m->begun = true;
	for (i = 0; i < m->conf.n; i++)
		run_lane(m, &m->lane[i], out);
	settle(m);
}

static uint64_t
mapping_deadline_us(const void *machine)
{
	const struct ike_mapping *m = machine;
	uint64_t d = m->begun ? mapping_end_ms(m) : 0, due;
	size_t i;

	if (m->over)
		return (UINT64_MAX);
	for (i = 0; i < m->conf.n; i++) {
		const struct lane *l = &m->lane[i];

		due = l->state == LANE_CHOICE || l->state == LANE_KEY ?
		    retry_deadline_ms(&l->retry) : l->due_ms;
		if (l->state != LANE_DONE && due < d)
			d = due;
	}
	return (retry_us(d));
}

/* A datagram for ${l}: an answer before message 4, or sent by the peer on its own. */
static void
take(struct ike_mapping *m, struct lane *l, const struct probe_answer *a, struct ike_outbox *out)
{
	uint8_t buf[PROBE_MSG_MAX];

	if (l->state == LANE_CHOICE && a->kind == PROBE_CHOICE && a->chosen) {
		memcpy(l->key.cky_r, a->hdr.cky_r, COOKIE_LEN);
		l->key.choice = a->choice.p;
		l->last_ms = m->now.ms;
		l->state = LANE_KEY;
		fire(m, l, ask_main3(buf, sizeof(buf), &m->conf.rand, &l->key, 0), out);
	} else if (l->state == LANE_KEY && a->kind == PROBE_KEY) {
		judge(m, l, a->n_natd > 0 ? a->natd[0] : SPAN_NONE);
		l->last_ms = m->now.ms;
	} else if (l->state == LANE_WARM) {
		l->last_ms = m->now.ms;
		be_silent(m, l);
	} else if (l->state == LANE_SILENT) {
		/* During the idle period: the mapping is alive, and its timer may restart. */
		mapping_outlived(m, m->now.ms - l->last_ms, true);
		l->last_ms = m->now.ms;
		l->due_ms = l->last_ms + l->quiet_ms;
		reconsider(m);
	} else if (l->state == LANE_YOUNG)
		l->last_ms = m->now.ms;
}

static void
mapping_datagram(void *machine, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	struct ike_mapping *m = machine;
	struct probe_answer a;
	size_t i;

	(void)local;
	(void)remote;		/* the cookies identify the lane */
	m->now = now;
	for (i = 0; i < m->conf.n && !m->over; i++) {
		struct lane *l = &m->lane[i];

		probe_answer_get(&a, l->key.cky_i, data);
		if (a.kind == PROBE_NO_ANSWER || retry_is_own(&l->retry, data))
			continue;
		take(m, l, &a, out);
		run_lane(m, l, out);
		settle(m);
		return;
	}
}

static void
mapping_ids(const void *machine, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	const struct ike_mapping *m = machine;
	size_t i;

	for (i = 0; i < m->conf.n; i++)
		ask_id(&m->lane[i].key, each, ctx);
}

static bool
mapping_over(const void *machine)
{
	return (((const struct ike_mapping *)machine)->over);
}

struct ike_machine
ike_mapping_machine(struct ike_mapping *m)
{
	static const struct ike_machine_ops ops = {
		.timeout = mapping_timeout, .datagram = mapping_datagram,
		.unreachable = machine_ignores, .deadline_us = mapping_deadline_us,
		.over = mapping_over, .ids = mapping_ids,
	};

	return ((struct ike_machine){ &ops, m });
}
