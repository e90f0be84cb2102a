/* Inside mapping.h: the lanes (mapping.c), and what is known and worth a try (mapping_bounds.c). */
#ifndef SAPIPE_PROBE_MAPPING_PRIV_H
#define SAPIPE_PROBE_MAPPING_PRIV_H

#include "probe/mapping.h"
#include "probe/probe_msg.h"
#include "probe/retry.h"

#define MAPPING_WARM_MS		2500	/* a flow this old is one that lasts, to Linux after two seconds */
#define MAPPING_WARM_WAIT_MS	1000	/* for message 4 once more; not every peer repeats it */
#define MAPPING_FIRST_MS	3000	/* shortest silence worth a try */

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

/* --- mapping_bounds.c --- */

/* When the measurement ends, and the longest idle period that the remaining time allows, its traffic and check included. */
uint64_t mapping_end_ms(const struct ike_mapping *m);
uint64_t mapping_room_ms(const struct ike_mapping *m);
/* The longest idle period that a mapping survived, by any evidence. */
uint64_t mapping_low_ms(const struct ike_mapping *m);
/* There is nothing more to learn. */
bool mapping_near_enough(const struct ike_mapping *m);
/* The silence that ${lane} tries next; 0: no period is left to try. */
uint64_t mapping_pick(const struct ike_mapping *m, const struct lane *lane);
/* A mapping survived ${ms} without traffic; ${arrived}: the peer's own datagram came in. */
void mapping_outlived(struct ike_mapping *m, uint64_t ms, bool arrived);
/* A mapping was gone after ${ms}. */
void mapping_dropped(struct ike_mapping *m, uint64_t ms);

#endif
