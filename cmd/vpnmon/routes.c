/* Routes over a tunnel: withdrawn while it is down; in a group, only one member carries them. */
#include "routes.h"

static void
withdraw(struct tunnel *t)
{
	unsigned ifindex = if_nametoindex(t->tun);
	struct fault f;
	size_t n, was = ifindex == t->routes.ifindex ? t->routes.n : 0;

	if (t->how.routes != ROUTES_MARK || ifindex == 0)
		return;
	if (linkroute_take(&t->routes, ifindex, &n, &f) != 0)
		report_note(&f);
	if (n > 0 && was > 0 && !t->again) {
		report_say(0, "%s: %zu routes were added while it is out of use, by another program: withdrawn again", t->tun, n);
		t->again = true;
	} else if (n > 0)
		report_say(1, "%zu routes over %s withdrawn", n, t->tun);
}

static void
put_back(struct tunnel *t)
{
	struct fault f;
	size_t n;

	if (t->how.routes != ROUTES_MARK)
		return;
	t->again = false;
	if (linkroute_put(&t->routes, if_nametoindex(t->tun), &n, &f) != 0)
		report_note(&f);
	if (n > 0)
		report_say(1, "%zu routes over %s restored", n, t->tun);
}

static struct group_member
member_of(const struct tunnel *t)
{
	const struct monitor *m = &t->mon;

	return ((struct group_member){ .state = m->state, .priority = t->how.priority,
	    .present = if_nametoindex(t->tun) != 0, .preempt = t->how.preempt,
	    .waiting = m->state == MONITOR_READY && m->misses == 0 && m->unsent == 0 });
}

bool
group_settle(struct group *g, size_t *before)
{
	struct group_member m[TUNNELS_MAX];
	size_t i;

	for (i = 0; i < g->n; i++)
		m[i] = member_of(g->m[i]);
	*before = g->carrier;
	g->carrier = group_elect(m, g->n, g->carrier);
	if (g->carrier == *before)
		return (false);
	g->switches += g->carrier != GROUP_NONE && *before != GROUP_NONE;
	/* First add, then withdraw: at each moment packets find a route. */
	if (g->carrier != GROUP_NONE)
		put_back(g->m[g->carrier]);
	for (i = 0; i < g->n; i++)
		if (i != g->carrier)
			withdraw(g->m[i]);
	return (true);
}

const char *
group_why(const struct group *g, size_t before)
{
	struct group_member was;

	if (before == GROUP_NONE)
		return (g->m[g->carrier]->mon.state == MONITOR_UP ? "up" : "started");
	was = member_of(g->m[before]);
	if (!was.present)
		return ("no-device");
	if (was.state == MONITOR_DOWN)
		return ("down");
	return (was.state == MONITOR_UP ? "preempted" : "no-answer");
}

bool
routes_settle(struct tunnel *t, bool changed, size_t *before)
{
	bool moved;

	if (t->group == NULL) {
		if (t->mon.state == MONITOR_DOWN)
			withdraw(t);
		else if (changed)
			put_back(t);
		return (false);
	}
	moved = group_settle(t->group, before);
	/* Routes that were added since, or with a new device. */
	if (t->group->carrier == GROUP_NONE || t->group->m[t->group->carrier] != t)
		withdraw(t);
	return (moved);
}
