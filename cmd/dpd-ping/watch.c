/* The live row of --watch. */
#include "watch.h"

#include <stdio.h>
#include <string.h>

#define STATE_W		7
#define AGE_W		8
#define LOSS_W		6
#define TIME_W		10

static void
add_outcome(struct watch *w, bool heard, uint64_t us)
{
	w->ring[w->n % WATCH_RING].heard = heard;
	w->ring[w->n % WATCH_RING].us = us;
	w->n++;
	if (heard)
		w->last_us = us;
	else
		w->lost++;
}

bool
watch_event(struct watch *w, const struct ike_ping_event *ev, struct now now)
{
	const char *state = w->state;
	bool usual = true;
	unsigned i;

	switch (ev->what) {
	case IKE_PING_ANSWERED:
		add_outcome(w, true, ev->rtt_us);
		state = "ALIVE";
		break;
	case IKE_PING_HELLO:
		/* The first hello has no interval. The value is the difference from the announced interval. */
		if (ev->rtt_us != 0)
			add_outcome(w, true, ev->rtt_us > ev->interval_ms * UINT64_C(1000) ?
			    ev->rtt_us - ev->interval_ms * UINT64_C(1000) : ev->interval_ms * UINT64_C(1000) - ev->rtt_us);
		state = "ALIVE";
		break;
	case IKE_PING_SILENCE:
		add_outcome(w, false, 0);
		state = "SILENT";
		break;
	case IKE_PING_UNREACHABLE:	/* counts as no answer; an answer that comes later counts, too */
		add_outcome(w, false, 0);
		state = "UNREACH";
		break;
	case IKE_PING_LOST:
		for (i = 0; i < ev->lost && i < WATCH_RING; i++)
			add_outcome(w, false, 0);
		state = "SILENT";
		break;
	case IKE_PING_DEAD:
		state = "DEAD";
		break;
	case IKE_PING_UNKNOWN_SA:
		state = "NO SA";
		break;
	default:
		usual = false;
	}
	if (state == w->state)
		return (!usual);
	w->state = state;
	w->since_us = now_us(now);
	return (true);
}

void
watch_clear(struct watch *w)
{
	term_table_clear(&w->table);
}

static void
add_sparks(struct watch *w, struct term_line *x)
{
	size_t room = x->most - x->cols, n = w->n < WATCH_RING ? w->n : WATCH_RING, i, k;
	uint64_t most = 1;

	n = n < room ? n : room;
	for (i = n; i > 0; i--) {
		k = (w->n - i) % WATCH_RING;
		if (w->ring[k].heard && w->ring[k].us > most)
			most = w->ring[k].us;
	}
	for (i = n; i > 0; i--) {
		k = (w->n - i) % WATCH_RING;
		if (w->ring[k].heard)
			term_add_bar(&w->table, x, w->ring[k].us, most);
		else
			term_add(x, "x");
	}
}

void
watch_draw(struct watch *w, const struct say *s, struct now now)
{
	const char *label = s->hellos ? "JITTER MS" : "RTT MS", *colour = w->state == NULL ? "\x1b[33m" :
	    strcmp(w->state, "ALIVE") == 0 ? "\x1b[32m" : "\x1b[31m";
	size_t width, height, peer;
	struct term_line x;
	char to[ENDPOINT_TEXT];

	if (!w->table.on)
		return;
	watch_clear(w);
	term_table_size(&width, &height);
	peer = strlen(endpoint_text(to, &s->remote));
	x = (struct term_line){ .most = width > 0 ? width - 1 : 0 };
	if (height > 1) {
		term_table_begin(&w->table);
		term_add(&x, "%-*s %-*s %-*s %*s %*s  %s", (int)peer, "PEER", STATE_W, "STATE", AGE_W, "FOR", LOSS_W, "LOSS", TIME_W,
		    label, s->hellos ? "LAST HELLOS" : "LAST QUESTIONS");
		term_table_end(&w->table, x.cols);
		x.cols = 0;
	}
	term_table_begin(&w->table);
	term_add(&x, "%s ", to);
	term_add_colour(&w->table, colour);
	term_add(&x, "%-*s", STATE_W, w->state != NULL ? w->state : "-");
	term_add_colour(&w->table, "\x1b[0m");
	if (w->state != NULL)
		term_add_age(&x, (unsigned long long)(now_us(now) - w->since_us) / 1000000, AGE_W);
	else
		term_add(&x, " %-*s", AGE_W, "");
	/* Only probes with an outcome count: one that waits for an answer is not lost. */
	term_add(&x, " %5.1f%%", w->n == 0 ? 0 : 100.0 * w->lost / w->n);
	if (w->last_us != 0)
		term_add(&x, " %*.3f  ", TIME_W, (double)w->last_us / 1000);
	else
		term_add(&x, " %*s  ", TIME_W, "-");
	add_sparks(w, &x);
	term_table_end(&w->table, x.cols);
	(void)fflush(stdout);
}
