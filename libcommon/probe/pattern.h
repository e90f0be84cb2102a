/*
 * Fingerprints a responder by its retransmissions: some retransmit an unanswered answer, as often
 * and at such intervals as the implementation chose. Three answers are left unanswered at the same
 * time: messages 2 and 4 of main mode and message 2 of aggressive mode.
 *
 * A machine without I/O (ike/machine.h); it ignores ICMP errors.
 */
#ifndef SAPIPE_PROBE_PATTERN_H
#define SAPIPE_PROBE_PATTERN_H

#include "ike/machine.h"
#include "probe/probe.h"

enum pattern_of { PATTERN_MAIN_2, PATTERN_MAIN_4, PATTERN_AGGRESSIVE_2, PATTERN_ANSWERS };

#define PATTERN_MAX	12	/* retransmissions that are noted */

struct ike_pattern_conf {
	struct rand	rand;
	struct endpoint	local, remote;
	struct probe_transform offer;	/* one that the peer accepts */
	bool		no_main;	/* ... in aggressive mode only */
	struct id	id;		/* our ID in aggressive mode */
	uint32_t	natt;		/* versions that the peer announces */
	uint32_t	timeout_ms;	/* for a first answer */
	uint32_t	quiet_ms;	/* at least; the retransmissions have ended when so long none came */
	uint32_t	limit_ms;	/* of the whole run */
};

struct ike_pattern_result {
	struct {
		bool		asked, answered;
		bool		ended;		/* no further retransmission came in time */
		size_t		n;		/* retransmissions */
		uint32_t	after_ms[PATTERN_MAX];	/* since the previous one */
	} of[PATTERN_ANSWERS];
	uint32_t	sent;
	uint64_t	elapsed_ms;
};

struct ike_pattern;

struct ike_pattern *ike_pattern_new(const struct ike_pattern_conf *conf, struct fault *f);
void ike_pattern_free(struct ike_pattern *p);	/* NULL is fine */

struct ike_machine ike_pattern_machine(struct ike_pattern *p);
/* The result so far; may be called at any time. */
const struct ike_pattern_result *ike_pattern_result(const struct ike_pattern *p);

/*
 * The implementation whose measured retransmissions match. NULL: none matches, or the peer retransmitted
 * nothing, which fits many implementations.
 */
const char *ike_pattern_like(const struct ike_pattern_result *r);

#endif
