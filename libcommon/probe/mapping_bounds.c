/* The bounds of the mapping's timeout so far, the silence to try next, and the result. */
#include "probe/mapping_priv.h"

#include <math.h>

#define NEAR_MS		1000	/* the search ends when the bounds are this close, or within a tenth */
#define TRIED_PART	0.6	/* of the limit: the longest silence */

/* --- which silence next --- */

uint64_t
mapping_end_ms(const struct ike_mapping *m)
{
	return (m->begun_ms + m->conf.limit_ms);
}

uint64_t
mapping_room_ms(const struct ike_mapping *m)
{
	uint64_t need = m->now.ms + MAPPING_WARM_MS + MAPPING_WARM_WAIT_MS;

	return (mapping_end_ms(m) > need ? mapping_end_ms(m) - need : 0);
}

uint64_t
mapping_low_ms(const struct ike_mapping *m)
{
	return (m->same_ms > m->r.arrived_ms ? m->same_ms : m->r.arrived_ms);
}

/* The longest silence of all. */
static uint64_t
top_ms(const struct ike_mapping *m)
{
	return ((uint64_t)(m->conf.limit_ms * TRIED_PART));
}

bool
mapping_near_enough(const struct ike_mapping *m)
{
	uint64_t low = mapping_low_ms(m), high = m->r.at_most_ms;

	if (high == 0)
		return (low >= top_ms(m));
	return (high <= low || high - low <= NEAR_MS || high - low <= high / 10 ||
	    high <= MAPPING_FIRST_MS);
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
uint64_t
mapping_pick(const struct ike_mapping *m, const struct lane *lane)
{
	uint64_t low = mapping_low_ms(m), top = top_ms(m);
	uint64_t at, next = 0, from = 0, to = 0, room = mapping_room_ms(m);
	bool last;

	low = low > MAPPING_FIRST_MS ? low : MAPPING_FIRST_MS;
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
	at = from == MAPPING_FIRST_MS && mapping_low_ms(m) < MAPPING_FIRST_MS &&
	    (!being_tried(m, lane, MAPPING_FIRST_MS - 1, &next) || next != MAPPING_FIRST_MS) ?
	    MAPPING_FIRST_MS : (uint64_t)sqrt((double)from * (double)to);
	return (at <= room ? at : room > low + NEAR_MS ? room : 0);
}

/* --- results of an idle period --- */

void
mapping_outlived(struct ike_mapping *m, uint64_t ms, bool arrived)
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

void
mapping_dropped(struct ike_mapping *m, uint64_t ms)
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
