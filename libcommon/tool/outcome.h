/*
 * How a negotiator ends: what each verdict of the engine, and a signal to stop, means for what the
 * run was asked to do. Only this file decides the exit status of such a run.
 */
#ifndef SAPIPE_TOOL_OUTCOME_H
#define SAPIPE_TOOL_OUTCOME_H

#include "ike/outbox.h"

enum outcome_goal {
	GOAL_SERVE,		/* answer peers until stopped */
	GOAL_SERVE_ONE,		/* answer until one peer has a child SA, or has failed */
	GOAL_IKE,		/* negotiate an IKE SA */
	GOAL_CHILDREN,		/* negotiate ${wanted} child SAs */
};

struct outcome {
	enum outcome_goal goal;
	bool		 keep;		/* continue once the goal is reached */
	bool		 no_renewal;	/* an IKE SA that ends cannot be negotiated again */
	size_t		 wanted;
	/* Filled by outcome_verdict(); all zero at the start: */
	size_t		 up, failed;	/* child SAs */
	bool		 reached;	/* the goal, or a part of it, was reached once */
	enum exit_status worst;		/* of the failures so far */
};

enum outcome_say { SAY_NOTHING, SAY_NOTE, SAY_ERROR };
enum outcome_end {
	END_NOT,
	END_AT_ONCE,		/* and the SAs stay */
	END_LINGER,		/* after answering retransmissions for a while */
	END_DELETE,		/* send deletes, end at once */
};

/* What to do about a verdict. */
struct outcome_step {
	enum outcome_say say;		/* print the verdict's fault */
	bool		 rationed;	/* a peer may cause many: report_allow() decides */
	bool		 commit;	/* the records so far are of use */
	enum outcome_end end;
	enum exit_status status;	/* if it ends */
};

/* ${running}: exchanges that are still under way, the one of this verdict not among them. */
struct outcome_step outcome_verdict(struct outcome *o, enum ike_verdict what, uint32_t mid,
    const struct fault *why, size_t running);

/*
 * The status when a signal ends the run: EXIT_DONE if what was asked for had been established, or if
 * the run serves until it is stopped; EXIT_NO if not.
 */
enum exit_status outcome_stopped(const struct outcome *o);

#endif
