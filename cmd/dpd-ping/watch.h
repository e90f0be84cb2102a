/* The live row of --watch: whether the peer answers, since when, and its last answers. Other lines scroll by above it. */
#ifndef SAPIPE_DPD_PING_WATCH_H
#define SAPIPE_DPD_PING_WATCH_H

#include "cli/term.h"
#include "dpd_ping.h"

#define WATCH_RING	64

struct watch {			/* zero it */
	struct term_table	table;
	const char		*state;		/* in a word; NULL: nothing is known yet */
	uint64_t		since_us, last_us;	/* of the state; of the last answer: its time */
	unsigned		n, lost;	/* outcomes so far; the last WATCH_RING are: */
	struct { bool heard; uint64_t us; } ring[WATCH_RING];
};

/* Handles ${ev}. True: it changes the state or is unusual, so that it needs a line of its own. */
bool watch_event(struct watch *w, const struct ike_ping_event *ev, struct now now);
void watch_clear(struct watch *w);
/* Draws the row, if the terminal has tables. */
void watch_draw(struct watch *w, const struct say *s, struct now now);

#endif
