/* The live table of --watch: a row for each tunnel, redrawn in place; events scroll by above it. */
#include <stdio.h>
#include <string.h>

#include "cli/term.h"
#include "os/clock.h"
#include "output.h"
#include "watch.h"

_Static_assert(TUNNELS_MAX + 2 <= TERM_ROWS, "the heading, each tunnel, and \"... more\"");

#define NAME_MIN	3	/* "TUN" */
#define SPARKS_MIN	8	/* narrower sparklines make room for the time of an answer */
#define STATE_W		5	/* "READY" */
#define STATE_GATEWAY_W	8	/* "INACTIVE" */
#define AGE_W		8
#define LOSS_W		6
#define RTT_W		9

static struct term_table s;

/* The part of the table that fits. */
struct layout { size_t width, name, state, sparks; bool marks, age, loss, rtt; };

/* Reserves ${n} columns and the blanks before them, if there is room. */
static bool
take(size_t *left, size_t n)
{
	if (*left < n)
		return (false);
	*left -= n;
	return (true);
}

static struct layout
lay_out(const struct tool *w, size_t width)
{
	struct layout l = { .width = width, .name = NAME_MIN, .marks = w->n_groups > 0,
	    .state = w->gateway.fd == -1 ? STATE_W : STATE_GATEWAY_W };
	size_t left, i;

	for (i = 0; i < w->n; i++)
		if (strlen(w->t[i].tun) > l.name)
			l.name = strlen(w->t[i].tun);
	left = l.width > 0 ? l.width - 1 : 0;	/* a full line would move to the next */
	if (!take(&left, l.marks + l.name + 1 + l.state))
		return (l);
	l.age = take(&left, 1 + AGE_W);
	l.loss = l.age && take(&left, 1 + LOSS_W);
	if (l.loss && left >= 1 + RTT_W + 2 + SPARKS_MIN)
		l.rtt = take(&left, 1 + RTT_W);
	l.sparks = l.loss && left > 2 ? left - 2 : 0;
	if (l.sparks > MONITOR_RING)
		l.sparks = MONITOR_RING;
	return (l);
}

/* The last probes from old to new, by the longest time among them; 'x' got no answer, '.' may still. */
static void
add_sparks(struct term_line *x, const struct monitor *m, size_t room)
{
	uint64_t n = m->sent < room ? m->sent : room, rtt, most = 1, i;

	for (i = n; i > 0; i--)
		if (monitor_probe(m, i, &rtt) == MONITOR_HEARD && rtt > most)
			most = rtt;
	for (i = n; i > 0; i--)
		switch (monitor_probe(m, i, &rtt)) {
		case MONITOR_HEARD:
			term_add_bar(&s, x, rtt, most);
			break;
		case MONITOR_LOST:
			term_add(x, "x");
			break;
		case MONITOR_WAITING:
			term_add(x, ".");
			break;
		}
}

static size_t
draw_heading(const struct layout *l)
{
	struct term_line x = { .most = l->width - 1 };

	term_add(&x, "%s%-*s %-*s", l->marks ? " " : "", (int)l->name, "TUN", (int)l->state, "STATE");
	if (l->age)
		term_add(&x, " %-*s", AGE_W, "FOR");
	if (l->loss)
		term_add(&x, " %*s", LOSS_W, "LOSS");
	if (l->rtt)
		term_add(&x, " %*s", RTT_W, "RTT MS");
	if (l->sparks > 0)
		term_add(&x, "  %.*s", (int)l->sparks, "LAST QUESTIONS");
	return (x.cols);
}

static size_t
draw_row(const struct layout *l, const struct tunnel *t, uint64_t now_us)
{
	static const char *const colours[] = { [MONITOR_READY] = "\x1b[33m", [MONITOR_UP] = "\x1b[32m",
	    [MONITOR_DOWN] = "\x1b[31m" };
	static const char *const words[] = { [MONITOR_READY] = "READY", [MONITOR_UP] = "UP",
	    [MONITOR_DOWN] = "DOWN" };
	const struct group *g = t->group;
	const struct monitor *m = &t->mon;
	struct term_line x = { .most = l->width - 1 };

	if (l->marks)
		term_add(&x, "%s", g != NULL && g->carrier != GROUP_NONE && g->m[g->carrier] == t ? "*" : " ");
	term_add(&x, "%-*s ", (int)l->name, t->tun);
	if (!gateway_is_active(t->tool)) {
		term_add(&x, "%-*s", (int)l->state, t->tool->gateway.state == GATEWAY_READY ? "READY" : "INACTIVE");
		return (x.cols);
	}
	term_add_colour(&s, colours[m->state]);
	term_add(&x, "%-*s", (int)l->state, words[m->state]);
	term_add_colour(&s, "\x1b[0m");
	if (l->age)
		term_add_age(&x, (unsigned long long)(now_us - m->since_us) / 1000000, AGE_W);
	if (l->loss)
		term_add(&x, " %5.1f%%", monitor_loss(m));
	if (l->rtt && m->answered > 0)
		term_add(&x, " %*.3f", RTT_W, (double)m->rtt_us / 1000);
	else if (l->rtt)
		term_add(&x, " %*s", RTT_W, "-");
	if (l->sparks > 0) {
		term_add(&x, "  ");
		add_sparks(&x, m, l->sparks);
	}
	return (x.cols);
}

/* If not all fit: DOWN tunnels first, then those in an unknown state. */
static size_t
pick(const struct tool *w, const struct tunnel *out[TUNNELS_MAX], bool all)
{
	static const enum monitor_state order[] = { MONITOR_DOWN, MONITOR_READY, MONITOR_UP };
	size_t n = 0, i, k;

	for (k = 0; k < 3; k++)
		for (i = 0; i < w->n && (!all || k == 0); i++)
			if (all || w->t[i].mon.state == order[k])
				out[n++] = &w->t[i];
	return (n);
}

void
watch_clear(struct tool *w)
{
	(void)w;
	term_table_clear(&s);
}

void
watch_draw(struct tool *w)
{
	const struct tunnel *list[TUNNELS_MAX];
	size_t width, height, n, i, shown = w->n;
	struct layout l;
	uint64_t now = now_us(clock_now(NULL));

	if (!s.on || w->gone)
		return;
	watch_clear(w);
	term_table_size(&width, &height);
	l = lay_out(w, width);
	if (shown + 1 > height)
		shown = height > 2 ? height - 2 : 1;
	n = pick(w, list, shown == w->n);
	term_table_begin(&s);
	term_table_end(&s, draw_heading(&l));
	for (i = 0; i < shown && i < n; i++) {
		term_table_begin(&s);
		term_table_end(&s, draw_row(&l, list[i], now));
	}
	if (shown < w->n && height > 2) {
		struct term_line x = { .most = width - 1 };

		term_table_begin(&s);
		term_add(&x, "... and %zu more", w->n - shown);
		term_table_end(&s, x.cols);
	}
	output_flush(w);
}

void
watch_open(struct tool *w)
{
	if (w->o->watch)
		(void)term_table_open(&s);
}

void
watch_end(struct tool *w)
{
	watch_draw(w);
	if (s.rows > 0 && putchar('\n') != EOF)
		output_flush(w);
	s.rows = 0;
}
