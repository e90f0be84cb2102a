/*
 * Whether a tunnel carries traffic, as a machine without I/O or clock: it is told what time it
 * is, which probes were answered and how many packets the device took in, and says what to do.
 */
#ifndef SAPIPE_MONITOR_MONITOR_H
#define SAPIPE_MONITOR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#define MONITOR_RING	64u		/* the last probes: for late answers and the loss */
#define MONITOR_NEVER	UINT64_MAX
#define MONITOR_REKEY_MAX_US (600 * UINT64_C(1000000))	/* between two rekeys, at most (or the first pause) */

enum monitor_state {
	MONITOR_READY,		/* nothing known yet */
	MONITOR_UP,
	MONITOR_DOWN,
};

enum monitor_why {
	MONITOR_STARTED,
	MONITOR_ANSWERED,	/* a probe */
	MONITOR_TRAFFIC,	/* optimized: the device took packets in */
	MONITOR_SILENCE,	/* ${threshold} probes in a row */
	MONITOR_UNSENT,		/* ... none of which could be sent: see ${sys} */
};

struct monitor_conf {
	uint64_t	interval_us;	/* from one turn to the next, > 0 */
	uint32_t	threshold;	/* DOWN after so many probes without an answer, > 0 */
	bool		optimized;	/* traffic counts as an answer and takes the place of a probe */
	bool		rekey;		/* there is a command to bring it back; probing goes on while DOWN */
	bool		persist;	/* probing goes on while DOWN, also without one */
};

/* What to do after a call. */
struct monitor_do {
	bool		changed;	/* the state: see there */
	bool		probe;		/* send one with number ${seq}; if that fails: monitor_unsent() */
	uint16_t	seq;
	bool		rekey;		/* run the command */
};

struct monitor {
	struct monitor_conf conf;
	enum monitor_state state;
	enum monitor_why why;		/* ... it is that */
	int		sys;		/* MONITOR_UNSENT: errno of the last */
	uint64_t	since_us;
	uint64_t	deadline_us;	/* of the next monitor_turn(), or MONITOR_NEVER */
	uint64_t	sent, answered, changes;	/* probes, in all */
	uint64_t	rtt_us;		/* of the last answer, if ${answered} > 0 */
	/* within: */
	uint32_t	misses, unsent, grace, heard;	/* ${heard}: answers since the last turn */
	bool		out;		/* the newest probe has no answer yet */
	uint64_t	rekey_us, rekey_wait_us, rx;
	bool		rx_known;
	struct { uint64_t us; bool out; } ring[MONITOR_RING];	/* when it was sent; answered: how long that took */
};

/* READY, with its first turn at ${now_us}. */
void monitor_start(struct monitor *m, const struct monitor_conf *conf, uint64_t now_us);

/*
 * At the deadline. ${rx}: packets that the device has taken in so far; NULL where that is not known or
 * not wanted. A device that was replaced may count from 0 again.
 *
 * A probe counts as missed when the turn after it comes, thus silence from the start is DOWN after
 * interval x threshold.
 */
struct monitor_do monitor_turn(struct monitor *m, uint64_t now_us, const uint64_t *rx);

/* The answer to probe ${seq}. One that was never sent, was answered before, or is too old is ignored. */
struct monitor_do monitor_answer(struct monitor *m, uint64_t now_us, uint16_t seq);

/* The probe of the last turn could not be sent: ${sys} is errno. It remains a miss. */
void monitor_unsent(struct monitor *m, int sys);

/* Somebody expects it to be back: if DOWN, ${threshold} more probes, the first one at once. */
void monitor_nudge(struct monitor *m, uint64_t now_us);

/* Percent of the last MONITOR_RING probes that have no answer, the one under way left out; 0 without any. */
double monitor_loss(const struct monitor *m);

/* How the probe ${ago} fared, 1: the last one; not beyond those sent nor MONITOR_RING. MONITOR_HEARD: ${*rtt_us}. */
enum monitor_fate { MONITOR_HEARD, MONITOR_LOST, MONITOR_WAITING };
enum monitor_fate monitor_probe(const struct monitor *m, uint64_t ago, uint64_t *rtt_us);

/* "ready"; "answered". Stable words, for --json. */
const char *monitor_state_name(enum monitor_state s);
const char *monitor_why_name(enum monitor_why w);

#endif
