/*
 * Internals of the survey: survey.c runs the steps in order, survey_shot.c sends, survey_natd.c
 * reads NAT-D, survey_track.c runs the exchange up to message 4, survey_size.c sends large messages, survey_path.c
 * searches the path MTU,
 * survey_find.c searches for accepted transforms.
 */
#ifndef SAPIPE_PROBE_SURVEY_PRIV_H
#define SAPIPE_PROBE_SURVEY_PRIV_H

#include "probe/survey.h"
#include "probe/probe_msg.h"
#include "probe/retry.h"

/* One message that waits for its answer. */
struct shot {
	bool			live;
	bool			sharing;	/* message 3: KE and NAT-D */
	bool			aggressive;
	bool			whole;		/* not in IP fragments: from ${conf.whole} */
	struct ask_key		key;		/* ${cky_i} from the start, the rest with the choice */
	struct probe_offer	offer;
	struct retry		retry;
	size_t			part;		/* in IKE fragments of so much each; 0: whole */
	int			sys;		/* of an ICMP error */
};

/* A broad offer after the other, on one port. */
struct track {
	bool	over, wants_key;
	bool	aggressive;		/* main mode got not a word */
	bool	asked_v2;		/* IKE_SA_INIT was sent: nothing else got an answer */
	size_t	row;			/* next offer; in aggressive mode a count of its own */
	size_t	silent;			/* rows without an answer */
};

enum find_state { FIND_UNTRIED, FIND_IN_BATCH, FIND_YES, FIND_NO };

struct find_one {
	struct probe_transform	t;
	bool			aggressive;
	enum find_state		state;
};

struct find {
	bool			on, over;
	enum survey_port	port;
	uint64_t		begun_ms, limit_ms;
	size_t			n, cap;
	struct find_one		*all;
	size_t			n_batch, batch[PROBE_OFFER_MAX];
	size_t			job;
	bool			aggressive;	/* the peer knows no main mode */
	bool			any_of_job;	/* of this job one is enough */
	bool			canary;		/* a transform that was accepted before is being offered */
	uint32_t		waits;		/* times that the canary was not heard */
};

struct ike_survey {
	struct ike_survey_conf	 conf;
	struct ike_survey_result r;
	bool			 begun, over;
	struct shot		 shot[SURVEY_PORTS];
	struct track		 track[SURVEY_PORTS];
	size_t			 sizes;		/* asked so far */
	bool			 sizing;	/* one of them is out, */
	bool			 on_path;	/* and for the path MTU */
	bool			 late_key;	/* message 4 was tried after the search */
	struct find		 find;
	uint64_t		 pace_ms;	/* nothing new before that */
};

enum shot_end { SHOT_CHOICE, SHOT_NOTIFY, SHOT_KEY, SHOT_OTHER, SHOT_SILENCE };

/*
 * Sends a first message with ${o} from ${port}; ${aggressive} with the group of the first transform.
 * Each port has at most one open message. A message that cannot be built (memory, randomness) times
 * out.
 */
void survey_shoot(struct ike_survey *s, enum survey_port port, const struct probe_offer *o,
    bool aggressive, uint32_t timeout_ms, struct now now, struct ike_outbox *out);
/* The same with IKE_SA_INIT of IKEv2. */
void survey_shoot_v2(struct ike_survey *s, enum survey_port port, uint32_t timeout_ms, struct now now,
    struct ike_outbox *out);
/* Offer ${i} of aggressive mode; false: there is none. */
bool survey_aggressive_offer(struct probe_offer *o, size_t i);
/* Message 3 on the choice that ${a} made. False: it cannot be made. */
bool survey_share(struct ike_survey *s, enum survey_port port, const struct probe_answer *a,
    struct now now, struct ike_outbox *out);
/* Sends ${msg}, and waits ${timeout_ms} for an answer; sets the last fields of ${port}'s shot. */
void survey_fire(struct ike_survey *s, enum survey_port port, struct span msg,
    uint32_t timeout_ms, struct now now, struct ike_outbox *out);
void survey_shot_resend(struct ike_survey *s, enum survey_port port, struct now now,
    struct ike_outbox *out);
void survey_shot_clear(struct shot *shot);
/* The chosen transform decides the NAT-D hash. */
void survey_agree(const struct ike_survey *s, enum survey_port port, struct shot *shot,
    const struct probe_answer *a);

void survey_take_vids(struct ike_survey *s, const struct probe_answer *a);
/* From message 4, or 2 of aggressive mode. */
void survey_take_natd(struct ike_survey *s, enum survey_port port, const struct probe_answer *a);

/* The next question of --sizes, and how one ended; the last has two parts. */
void survey_size_next(struct ike_survey *s, enum survey_port port, struct now now,
    struct ike_outbox *out);
void survey_size_ended(struct ike_survey *s, enum survey_port port, enum shot_end end,
    const struct probe_answer *a, struct now now, struct ike_outbox *out);

/* Bytes of IKE in ${n} IP packets of ${mtu}, of which the first has all headers. */
size_t survey_room(const struct ike_survey *s, enum survey_port port, size_t mtu, size_t n);
/* The next packet of the search for the path MTU; false: the search is over, or cannot be made. How one ended. */
bool survey_path_next(struct ike_survey *s, enum survey_port port, struct now now, struct ike_outbox *out);
void survey_path_ended(struct ike_survey *s, enum shot_end end);

/* The next offer of a track; skips methods that led to no message 4. */
void survey_track_next(struct ike_survey *s, enum survey_port port, struct now now,
    struct ike_outbox *out);
void survey_track_ended(struct ike_survey *s, enum survey_port port, enum shot_end end,
    const struct probe_answer *a, struct now now, struct ike_outbox *out);
/* Puts an accepted transform among the findings, unless it is there. */
void survey_found(struct ike_survey *s, const struct probe_transform *t, bool aggressive);

/* The search: start it; next step when no message is open; result of the last message. */
void survey_find_begin(struct ike_survey *s, enum survey_port port, struct now now);
void survey_find_next(struct ike_survey *s, struct now now, struct ike_outbox *out);
void survey_find_ended(struct ike_survey *s, enum shot_end end, const struct probe_answer *a,
    struct now now);

#endif
