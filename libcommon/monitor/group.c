/* The election of the member that carries the routes. */
#include "monitor/group.h"

/* 2: UP, or counts as UP; 1: unknown; 0: unusable. */
static int
fitness(const struct group_member *m)
{
	if (!m->present || m->state == MONITOR_DOWN)
		return (0);
	return (m->state == MONITOR_UP || m->waiting ? 2 : 1);
}

size_t
group_elect(const struct group_member *m, size_t n, size_t now)
{
	bool held = now < n && fitness(&m[now]) == 2 && m[now].state == MONITOR_UP;
	size_t best = GROUP_NONE, i;
	int most = 0, fit;

	for (i = 0; i < n; i++) {
		fit = fitness(&m[i]);
		/* Without preempt it does not take the routes over from a member that is UP. */
		if (fit == 0 || (held && i != now && !m[i].preempt))
			continue;
		/* Nor does a member that is only READY. */
		if (held && i != now && m[i].state != MONITOR_UP)
			continue;
		if (fit > most || (fit == most && m[i].priority < m[best].priority)) {
			best = i;
			most = fit;
		}
	}
	return (best);
}
