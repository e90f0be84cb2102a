/* Events and statistics of a ping, for questions and hellos alike. */
#include "probe/ping_priv.h"

static struct ike_ping_event
event_of(const struct ike_ping *p, enum ike_ping_what what)
{
	const struct asked *a = &p->asked[p->stats.sent % ASKED_MAX];

	return ((struct ike_ping_event){ .what = what, .count = a->count, .seq = a->seq });
}

void
ping_tell(struct ike_ping *p, enum ike_ping_what what, uint16_t notify, int sys)
{
	struct ike_ping_event ev = event_of(p, what);

	ev.notify = notify;
	ev.sys = sys;
	ev.odd = p->odd;
	p->conf.tell(p->conf.ctx, &ev);
}

bool
ping_expired(struct ike_ping *p, struct now now)
{
	if (p->sa == NULL || now.ms < p->sa->ike.hard_ms)
		return (false);
	ping_tell(p, IKE_PING_EXPIRED, 0, 0);
	p->over = true;
	return (true);
}

void
ping_measured(struct ike_ping_stats *st, uint64_t us)
{
	st->measured++;
	st->sum_us += us;
	st->sum_us2 += (double)us * (double)us;
	if (us < st->min_us)
		st->min_us = us;
	if (us > st->max_us)
		st->max_us = us;
}
