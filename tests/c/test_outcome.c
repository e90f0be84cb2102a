/* Every way in which a negotiator ends, and its exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tool/outcome.h"

struct event {
	enum ike_verdict	what;
	uint32_t		mid;
	enum fault_code		why;
	size_t			running;	/* exchanges still under way */
};
#define UP			{ IKE_UP, 0, FAULT_NONE, 0 }
#define CHILD			{ IKE_CHILD_UP, 1, FAULT_NONE, 0 }
#define FAILED(mid, why)	{ IKE_FAILED, mid, FAULT_##why, 0 }
#define REFUSED(mid, why, n)	{ IKE_REFUSED, mid, FAULT_##why, n }
#define GONE			{ IKE_GONE, 0, FAULT_PEER_NOTIFY, 0 }
#define NEVER	EXIT_UNDECIDED

static const struct way {
	const char		*name;
	struct outcome		 asked;
	size_t			 n;
	struct event		 ev[4];
	enum outcome_end	 end;		/* after the last event, END_NOT after those before */
	enum exit_status	 status;	/* then; NEVER: it runs on */
	enum exit_status	 stopped;	/* if a signal comes instead; NEVER: not looked at */
} ways[] = {
	{ "phase1, signal first", { .goal = GOAL_IKE }, 0, { UP }, END_NOT, NEVER, EXIT_NO },
	{ "phase1, wrong secret", { .goal = GOAL_IKE }, 1, { FAILED(0, WRONG_PSK) }, END_DELETE, EXIT_NO, NEVER },
	{ "phase1, no memory", { .goal = GOAL_IKE }, 1, { FAILED(0, MEMORY) }, END_DELETE, EXIT_MACHINE, NEVER },
	{ "phase1, up", { .goal = GOAL_IKE }, 1, { UP }, END_LINGER, EXIT_DONE, NEVER },
	{ "phase1 kept, wrong secret", { .goal = GOAL_IKE, .keep = true }, 1, { FAILED(0, WRONG_PSK) },
	    END_DELETE, EXIT_NO, NEVER },
	{ "phase1 kept, up, stopped", { .goal = GOAL_IKE, .keep = true }, 1, { UP }, END_NOT, NEVER, EXIT_DONE },
	{ "phase1 kept, a later one fails", { .goal = GOAL_IKE, .keep = true }, 3, { UP, GONE, FAILED(0, NO_REPLY) },
	    END_NOT, NEVER, EXIT_DONE },

	{ "one-shot, signal first", { .goal = GOAL_CHILDREN, .wanted = 1 }, 0, { UP }, END_NOT, NEVER, EXIT_NO },
	{ "one-shot, signal between the phases", { .goal = GOAL_CHILDREN, .wanted = 1 }, 1, { UP }, END_NOT, NEVER,
	    EXIT_NO },
	{ "one-shot, no answer", { .goal = GOAL_CHILDREN, .wanted = 2 }, 1, { FAILED(0, NO_REPLY) }, END_DELETE,
	    EXIT_NO, NEVER },
	{ "one-shot, refused in phase 2", { .goal = GOAL_CHILDREN, .wanted = 1 }, 2,
	    { UP, FAILED(7, NO_PROPOSAL) }, END_DELETE, EXIT_NO, NEVER },
	{ "one-shot, all up", { .goal = GOAL_CHILDREN, .wanted = 2 }, 3, { UP, CHILD, CHILD }, END_LINGER, EXIT_DONE,
	    NEVER },
	{ "one-shot, one of two refused", { .goal = GOAL_CHILDREN, .wanted = 2 }, 3,
	    { UP, FAILED(7, TS_MISMATCH), CHILD }, END_LINGER, EXIT_NO, NEVER },
	{ "one-shot, deleted between the phases", { .goal = GOAL_CHILDREN, .wanted = 1 }, 2, { UP, GONE },
	    END_AT_ONCE, EXIT_NO, NEVER },
	{ "one-shot, the peer's own attempt fails", { .goal = GOAL_CHILDREN, .wanted = 1 }, 2,
	    { UP, REFUSED(9, NO_PROPOSAL, 0) }, END_NOT, NEVER, EXIT_NO },

	{ "keep, signal first", { .goal = GOAL_CHILDREN, .keep = true, .wanted = 1 }, 0, { UP }, END_NOT, NEVER,
	    EXIT_NO },
	{ "keep, wrong secret", { .goal = GOAL_CHILDREN, .keep = true, .wanted = 1 }, 1, { FAILED(0, WRONG_PSK) },
	    END_DELETE, EXIT_NO, NEVER },
	{ "keep, deleted before the first child SA", { .goal = GOAL_CHILDREN, .keep = true, .wanted = 1 }, 2,
	    { UP, GONE }, END_AT_ONCE, EXIT_NO, NEVER },
	{ "keep, up and lost", { .goal = GOAL_CHILDREN, .keep = true, .wanted = 1 }, 4,
	    { UP, CHILD, GONE, FAILED(0, NO_REPLY) }, END_NOT, NEVER, EXIT_DONE },
	{ "keep, its IKE SA is of a file and lost",
	    { .goal = GOAL_CHILDREN, .keep = true, .no_renewal = true, .wanted = 1 }, 2, { CHILD, GONE },
	    END_AT_ONCE, EXIT_NO, NEVER },

	{ "serve, stopped", { .goal = GOAL_SERVE }, 0, { UP }, END_NOT, NEVER, EXIT_DONE },
	{ "serve, a peer fails", { .goal = GOAL_SERVE }, 1, { REFUSED(0, WRONG_PSK, 0) }, END_NOT, NEVER, EXIT_DONE },
	{ "once, signal first", { .goal = GOAL_SERVE_ONE }, 0, { UP }, END_NOT, NEVER, EXIT_NO },
	{ "once, wrong secret", { .goal = GOAL_SERVE_ONE }, 1, { REFUSED(0, WRONG_PSK, 0) }, END_LINGER, EXIT_NO,
	    NEVER },
	{ "once, a stranger fails beside the peer", { .goal = GOAL_SERVE_ONE }, 2,
	    { REFUSED(0, NO_REPLY, 1), CHILD }, END_LINGER, EXIT_DONE, NEVER },
	{ "once, phase 2 refused", { .goal = GOAL_SERVE_ONE }, 2, { UP, REFUSED(7, TS_MISMATCH, 0) }, END_DELETE,
	    EXIT_NO, NEVER },
	{ "once, the peer deletes before a child SA", { .goal = GOAL_SERVE_ONE }, 2, { UP, GONE }, END_AT_ONCE,
	    EXIT_NO, NEVER },
};

static void
test_ways(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct way *w = &ways[i];
		struct outcome_step s = { .end = END_NOT, .status = NEVER };
		struct outcome o = w->asked;
		struct fault why;

		for (j = 0; j < w->n; j++) {
			if (s.end != END_NOT)
				fail_msg("%s: ended before event %zu", w->name, j);
			(void)fault(&why, w->ev[j].why, "why");
			s = outcome_verdict(&o, w->ev[j].what, w->ev[j].mid, &why, w->ev[j].running);
		}
		if (s.end != w->end)
			fail_msg("%s: end %d, wanted %d", w->name, (int)s.end, (int)w->end);
		if (w->end != END_NOT && s.status != w->status)
			fail_msg("%s: status %d, wanted %d", w->name, (int)s.status, (int)w->status);
		if (w->stopped != NEVER && outcome_stopped(&o) != w->stopped)
			fail_msg("%s: stopped with %d, wanted %d", w->name, (int)outcome_stopped(&o), (int)w->stopped);
	}
}

/* A failure without a reason is no success. */
static void
test_no_reason(void **state)
{
	struct outcome o = { .goal = GOAL_IKE };
	struct outcome_step s;

	(void)state;
	s = outcome_verdict(&o, IKE_FAILED, 0, &(struct fault){0}, 0);
	assert_int_equal(s.status, EXIT_NO);
	o = (struct outcome){ .goal = GOAL_SERVE_ONE };
	s = outcome_verdict(&o, IKE_REFUSED, 0, &(struct fault){0}, 0);
	assert_int_equal(s.status, EXIT_NO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_no_reason),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
