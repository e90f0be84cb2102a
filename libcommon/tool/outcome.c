/* The one place that decides when a negotiator ends, and with which exit status. */
#include "tool/outcome.h"

static void
failure(struct outcome *o, const struct fault *why)
{
	enum exit_status status = fault_exit(why->code);

	if (status == EXIT_DONE)	/* without a reason: the answer is still no */
		status = EXIT_NO;
	if (status > o->worst)
		o->worst = status;
}

/* All exchanges that were asked for have ended, at least one of them well if ${reached}. */
static void
settle(const struct outcome *o, struct outcome_step *s)
{
	s->commit = o->reached;
	s->status = o->worst;
	if (!o->reached)
		s->end = END_DELETE;	/* an IKE SA without a child SA was not asked for */
	else if (!o->keep)
		s->end = END_LINGER;
}

static bool
serves(const struct outcome *o)
{
	return (o->goal == GOAL_SERVE || o->goal == GOAL_SERVE_ONE);
}

static void
child_up(struct outcome *o, struct outcome_step *s)
{
	o->up++;
	if (o->goal == GOAL_CHILDREN) {
		o->reached = true;
		if (o->up + o->failed == o->wanted)
			settle(o, s);
	} else if (serves(o)) {
		o->reached = true;
		s->commit = true;
		if (o->goal == GOAL_SERVE_ONE) {
			s->end = END_LINGER;
			s->status = EXIT_DONE;
		}
	}
}

/*
 * A negotiation of this end failed. Once the goal was reached, --keep tries again; a responder began it
 * only because the peer had not.
 */
static void
failed(struct outcome *o, uint32_t mid, const struct fault *why, struct outcome_step *s)
{
	if (serves(o) || (o->keep && o->reached)) {
		s->say = SAY_NOTE;
		return;
	}
	s->say = SAY_ERROR;
	failure(o, why);
	o->failed = ike_event_is_phase1(mid) ? o->wanted : o->failed + 1;
	if (ike_event_is_phase1(mid) || o->up + o->failed >= o->wanted)
		settle(o, s);
}

/*
 * A negotiation of the peer failed. A responder serves the next one; with --once it ends, unless another
 * negotiation is under way, so that a stranger's failure does not turn away the peer.
 */
static void
refused(const struct outcome *o, uint32_t mid, const struct fault *why, size_t running,
    struct outcome_step *s)
{
	s->say = serves(o) ? SAY_ERROR : SAY_NOTE;
	s->rationed = true;
	if (o->goal != GOAL_SERVE_ONE || running > 0)
		return;
	s->rationed = false;
	s->end = ike_event_is_phase1(mid) ? END_LINGER : END_DELETE;
	s->status = why->code != FAULT_NONE ? fault_exit(why->code) : EXIT_NO;
}

/* An IKE SA ended. */
static void
gone(const struct outcome *o, const struct fault *why, size_t running, struct outcome_step *s)
{
	bool ends;

	switch (o->goal) {
	case GOAL_SERVE_ONE:
		ends = running == 0;
		break;
	case GOAL_CHILDREN:
		ends = o->keep ? o->no_renewal || !o->reached : o->up < o->wanted;
		break;
	case GOAL_IKE:
		ends = o->keep && o->no_renewal;
		break;
	case GOAL_SERVE:
	default:
		ends = false;
		break;
	}
	if (!ends)
		return;
	s->say = SAY_ERROR;
	s->end = END_AT_ONCE;
	s->status = why->code != FAULT_NONE ? fault_exit(why->code) : EXIT_NO;
}

struct outcome_step
outcome_verdict(struct outcome *o, enum ike_verdict what, uint32_t mid, const struct fault *why,
    size_t running)
{
	struct outcome_step s = { .say = SAY_NOTHING, .end = END_NOT, .status = EXIT_DONE };

	switch (what) {
	case IKE_UP:
		if (o->goal == GOAL_IKE) {
			o->reached = true;
			settle(o, &s);
		}
		break;
	case IKE_CHILD_UP:
		child_up(o, &s);
		break;
	case IKE_FAILED:
		failed(o, mid, why, &s);
		break;
	case IKE_REFUSED:
		refused(o, mid, why, running, &s);
		break;
	case IKE_TURNED_AWAY:	/* it is no peer: the run goes on */
		s.say = serves(o) ? SAY_ERROR : SAY_NOTE;
		s.rationed = true;
		break;
	case IKE_GONE:
		gone(o, why, running, &s);
		break;
	case IKE_ASKS:		/* a pre-shared key is here already */
		break;
	}
	return (s);
}

enum exit_status
outcome_stopped(const struct outcome *o)
{
	if (o->goal == GOAL_SERVE || o->reached)
		return (EXIT_DONE);
	return (o->worst != EXIT_DONE ? o->worst : EXIT_NO);
}
