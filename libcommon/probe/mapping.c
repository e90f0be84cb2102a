/* The measurement: lanes become idle, and afterwards NAT-D shows the port that the peer sees. */
#include "probe/mapping.h"

#include <math.h>
#include <stdlib.h>

#include "probe/probe_msg.h"
#include "probe/retry.h"

#define RESEND_MS	500	/* first wait for an answer; doubles */
#define WARM_MS		2500	/* a flow this old is one that lasts, to Linux after two seconds */
#define WARM_STEPS	2	/* packets until then: a NAT may drop a young flow soon, and this end may be late */
#define WARM_WAIT_MS	1000	/* for message 4 once more; not every peer repeats it */
#define REST_MS		8000	/* for a peer that has had enough; doubles ... */
#define RESTS_MAX	3	/* ... this often in a row, on every lane */
#define FIRST_MS	3000	/* shortest silence worth a try */
#define NEAR_MS		1000	/* the search ends when the bounds are this close, or within a tenth */
#define TRIED_PART	0.6	/* of the limit: the longest silence */

enum lane_state {
	LANE_IDLE,		/* to ask, before a silence */
	LANE_CHOICE,		/* message 1 is out */
	LANE_KEY,		/* message 3 is out */
	LANE_YOUNG,		/* a silence would be a young flow's */
	LANE_WARM,		/* message 3 is out again, for both directions to be seen */
	LANE_SILENT,
	LANE_REST,		/* the peer is left in peace, then from the start */
	LANE_DONE,		/* no silence is left that would fit into the time */
};

struct lane {
	enum lane_state	 state;
	struct ask_key	 key;
	struct retry	 retry;		/* of message 1 or 3 */
	uint64_t	 last_ms;	/* time of the last datagram in either direction */
	uint64_t	 gap_ms;	/* the longest silence since the port outside was seen */
	uint64_t	 due_ms;	/* the next step, while no answer is awaited */
	uint64_t	 quiet_ms;	/* the silence to try */
	uint32_t	 rests;
	uint32_t	 warmed;	/* packets since the flow was young */
	bool		 known;		/* ${outside} is where the peer saw us last */
	struct endpoint	 outside;
};

struct ike_mapping {
	struct ike_mapping_conf	  conf;
	struct ike_mapping_result r;
	const struct natt_version *natt;
	bool			  begun, over;
	bool			  heard;	/* NAT-D has come */
	bool			  changed;	/* a new port for a new mapping was seen */
	struct now		  now;
	uint64_t		  begun_ms, pace_ms;
	uint64_t		  same_ms;	/* the longest silence after which the port was the same */
	struct lane		  lane[MAPPING_LANES];
};

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

/* --- which silence next --- */

static uint64_t
end_ms(const struct ike_mapping *m)
{
	return (m->begun_ms + m->conf.limit_ms);
}

/* The longest idle period that the remaining time allows, its traffic and check included. */
static uint64_t
room_ms(const struct ike_mapping *m)
{
	uint64_t need = m->now.ms + WARM_MS + WARM_WAIT_MS;

	return (end_ms(m) > need ? end_ms(m) - need : 0);
}

/* The longest idle period that a mapping survived, by any evidence. */
static uint64_t
low_ms(const struct ike_mapping *m)
{
	return (m->same_ms > m->r.arrived_ms ? m->same_ms : m->r.arrived_ms);
}

/* The longest silence of all. */
static uint64_t
top_ms(const struct ike_mapping *m)
{
	return ((uint64_t)(m->conf.limit_ms * TRIED_PART));
}

/* There is nothing more to learn. */
static bool
near_enough(const struct ike_mapping *m)
{
	uint64_t low = low_ms(m), high = m->r.at_most_ms;

	if (high == 0)
		return (low >= top_ms(m));
	return (high <= low || high - low <= NEAR_MS || high - low <= high / 10 ||
	    high <= FIRST_MS);
}

static bool
being_tried(const struct ike_mapping *m, const struct lane *but, uint64_t after, uint64_t *next)
{
	bool found = false;
	size_t i;

	for (i = 0; i < m->conf.n; i++) {
		const struct lane *l = &m->lane[i];

		if (l == but || l->quiet_ms <= after || (found && l->quiet_ms >= *next))
			continue;
		*next = l->quiet_ms;
		found = true;
	}
	return (found);
}

/*
 * The middle of the widest range between the known bounds and the periods of other lanes. The first
 * period, before an upper bound is known, is the longest one. 0: no period is left to try.
 */
static uint64_t
pick(const struct ike_mapping *m, const struct lane *lane)
{
	uint64_t low = low_ms(m), top = top_ms(m);
	uint64_t at, next = 0, from = 0, to = 0, room = room_ms(m);
	bool last;

	low = low > FIRST_MS ? low : FIRST_MS;
	if (m->r.at_most_ms != 0)
		top = m->r.at_most_ms;
	else if (!being_tried(m, lane, top - 1, &next) && low < top && top <= room)
		return (top);
	for (at = low; at < top; at = next) {
		last = !being_tried(m, lane, at, &next) || next >= top;
		next = last ? top : next;
		if (to == 0 || (double)next / (double)at > (double)to / (double)from) {
			from = at;
			to = next;
		}
	}
	if (to == 0)
		return (0);
	/* Below that nothing is known yet: it is worth a try itself. */
	at = from == FIRST_MS && low_ms(m) < FIRST_MS &&
	    (!being_tried(m, lane, FIRST_MS - 1, &next) || next != FIRST_MS) ?
	    FIRST_MS : (uint64_t)sqrt((double)from * (double)to);
	return (at <= room ? at : room > low + NEAR_MS ? room : 0);
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
	uint64_t low = low_ms(m), high = m->r.at_most_ms;
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

static void
outlived(struct ike_mapping *m, uint64_t ms, bool arrived)
{
	if (m->r.at_most_ms != 0 && ms >= m->r.at_most_ms) {
		if (ms > m->r.unsteady_ms)
			m->r.unsteady_ms = (uint32_t)ms;
		return;
	}
	if (arrived && ms > m->r.arrived_ms)
		m->r.arrived_ms = (uint32_t)ms;
	if (!arrived && ms > m->same_ms)
		m->same_ms = ms;
}

static void
dropped(struct ike_mapping *m, uint64_t ms)
{
	m->changed = true;
	if (m->r.at_most_ms != 0 && ms >= m->r.at_most_ms)
		return;
	m->r.at_most_ms = (uint32_t)ms;
	/* A port may be the same by chance, or the NAT have moods. */
	if (m->same_ms >= ms) {
		m->r.unsteady_ms = (uint32_t)m->same_ms;
		m->same_ms = 0;
	}
	if (m->r.arrived_ms >= ms) {
		m->r.unsteady_ms = m->r.arrived_ms;
		m->r.arrived_ms = 0;
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
			outlived(m, l->gap_ms, false);
		else
			dropped(m, l->gap_ms + (m->now.ms - l->last_ms));
	}
	m->r.seen[i].known = l->known = known;
	if (known)
		m->r.seen[i].outside = l->outside = now_at;
	l->gap_ms = 0;
	l->rests = 0;
	l->quiet_ms = 0;
	l->warmed = 0;
	l->state = LANE_YOUNG;
	l->due_ms = m->now.ms + WARM_MS / WARM_STEPS;
	reconsider(m);
}

/* --- time and datagrams --- */

static void
be_silent(struct ike_mapping *m, struct lane *l)
{
	l->quiet_ms = l->quiet_ms != 0 ? l->quiet_ms : pick(m, l);
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
		if (room_ms(m) < FIRST_MS)
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
		l->due_ms = m->now.ms + (l->state == LANE_YOUNG ? WARM_MS / WARM_STEPS : WARM_WAIT_MS);
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
	m->over = m->over || m->now.ms >= end_ms(m) || near_enough(m) || all(m, is_done) ||
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
	uint64_t d = m->begun ? end_ms(m) : 0, due;
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
		outlived(m, m->now.ms - l->last_ms, true);
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

/* --- the result --- */

static enum mapping_ports
ports_of(const struct ike_mapping_result *r)
{
	size_t i, n = 0;
	int by = 0, first = 0;
	bool same = true;

	for (i = 0; i < r->n; i++) {
		if (!r->seen[i].known)
			continue;
		by = r->seen[i].outside.port - r->seen[i].inside.port;
		first = n++ == 0 ? by : first;
		same = same && by == first;
	}
	if (n == 0)
		return (MAPPING_PORTS_UNKNOWN);
	if (!same)
		return (MAPPING_PORTS_CHOSEN);
	/* A single one might be anything but kept. */
	return (first == 0 ? MAPPING_PORTS_KEPT : MAPPING_PORTS_SHIFTED);
}

const struct ike_mapping_result *
ike_mapping_result(struct ike_mapping *m)
{
	struct ike_mapping_result *r = &m->r;

	r->ports = m->changed ? MAPPING_PORTS_CHOSEN : ports_of(r);
	r->at_least_ms = r->arrived_ms;
	if (r->ports == MAPPING_PORTS_CHOSEN && m->same_ms > r->at_least_ms)
		r->at_least_ms = (uint32_t)m->same_ms;
	r->elapsed_ms = m->begun ? m->now.ms - m->begun_ms : 0;
	r->why = r->at_least_ms != 0 || r->at_most_ms != 0 ? MAPPING_FINE :
	    r->samples > 0 ? MAPPING_SAME_PORT :
	    r->ports != MAPPING_PORTS_UNKNOWN ? MAPPING_SHORT :
	    m->heard ? MAPPING_ADDRESS : MAPPING_SILENT;
	return (r);
}
