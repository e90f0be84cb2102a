/*
 * Monitors whether a tunnel forwards traffic. A machine without I/O or clock: the caller hands in the
 * time, the answers to probes and the device's count of received packets; the machine returns what to do.
 */
#ifndef SAPIPE_MONITOR_MONITOR_H
#define SAPIPE_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/now.h"

#define MONITOR_RING	64u		/* the last probes: for late answers and the loss */
#define MONITOR_NEVER	UINT64_MAX
#define MONITOR_REKEY_MAX_US (600 * UINT64_C(1000000))	/* between two rekeys, at most (or the first pause) */

enum monitor_state {
	MONITOR_READY,		/* unknown yet */
	MONITOR_UP,
	MONITOR_DOWN,
};

enum monitor_why {
	MONITOR_STARTED,
	MONITOR_ANSWERED,	/* a probe */
	MONITOR_TRAFFIC,	/* optimized: the device received packets */
	MONITOR_SILENCE,	/* ${threshold} probes in a row */
	MONITOR_UNSENT,		/* ... none of which could be sent: see ${sys} */
};

struct monitor_conf {
	uint64_t	interval_us;	/* from one turn to the next, > 0 */
	uint32_t	threshold;	/* consecutive probes without an answer until DOWN, > 0 */
	bool		optimized;	/* traffic counts as an answer and replaces a probe */
	bool		rekey;		/* there is a rekey command; probing continues while DOWN */
	bool		persist;	/* probing continues while DOWN, also without one */
};

/* Actions after a call. */
struct monitor_do {
	bool		changed;	/* the state has changed */
	bool		probe;		/* send one with number ${seq}; if that fails: monitor_unsent() */
	uint16_t	seq;
	bool		rekey;		/* run the command */
};

struct monitor {
	struct monitor_conf conf;
	enum monitor_state state;
	enum monitor_why why;		/* the reason of the last change */
	int		sys;		/* MONITOR_UNSENT: errno of the last */
	uint64_t	since_us;
	uint64_t	deadline_us;	/* of the next monitor_turn(), or MONITOR_NEVER */
	uint64_t	sent, answered, changes;	/* probes, in all */
	uint64_t	rtt_us;		/* of the last answer, if ${answered} > 0 */
	/* internal: */
	uint32_t	misses, unsent, grace, heard;	/* ${heard}: answers since the last turn */
	bool		out;		/* the newest probe has no answer yet */
	uint64_t	rekey_us, rekey_wait_us, rx;
	bool		rx_known;
	struct { uint64_t us; bool out; } ring[MONITOR_RING];	/* when it was sent; if answered: the round-trip time */
};

/* READY, with its first turn at ${now}. */
void monitor_start(struct monitor *m, const struct monitor_conf *conf, struct now now);

/*
 * Call it at the deadline. ${rx}: packets that the device has received so far; NULL: not known or not
 * wanted. A device that was replaced may count from 0 again.
 *
 * A probe counts as missed at the next turn, so a tunnel that never answers is DOWN after
 * interval x threshold.
 */
struct monitor_do monitor_turn(struct monitor *m, struct now now, const uint64_t *rx);

/* The answer to probe ${seq}. Ignored if that was never sent, was answered before, or is too old. */
struct monitor_do monitor_answer(struct monitor *m, struct now now, uint16_t seq);

/* The probe of the last turn could not be sent, with errno ${sys}. It counts as missed. */
void monitor_unsent(struct monitor *m, int sys);

/* The user expects it to be up again: if DOWN, ${threshold} more probes, the first one at once. */
void monitor_nudge(struct monitor *m, struct now now);

/* Percent of the last MONITOR_RING probes without an answer, except the pending one; 0 if there are none. */
double monitor_loss(const struct monitor *m);

/* The outcome of the probe ${ago} (1: the last), at most MONITOR_RING and the number sent. MONITOR_HEARD sets ${*rtt_us}. */
enum monitor_fate { MONITOR_HEARD, MONITOR_LOST, MONITOR_WAITING };
enum monitor_fate monitor_probe(const struct monitor *m, uint64_t ago, uint64_t *rtt_us);

/* "ready"; "answered". Stable words, for --json. */
const char *monitor_state_name(enum monitor_state s);
const char *monitor_why_name(enum monitor_why w);

#endif
