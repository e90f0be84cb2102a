/*
 * How a responder repeats itself: an answer that stays unanswered is sent again by some, so often
 * and at such intervals as their makers chose. Three answers are left alone at once: messages 2 and
 * 4 of main mode and message 2 of aggressive mode.
 *
 * A machine without I/O, as the survey: datagrams and the time go in, datagrams come out.
 */
#ifndef SAPIPE_PROBE_PATTERN_H
#define SAPIPE_PROBE_PATTERN_H

#include "ike/outbox.h"
#include "probe/probe.h"

enum pattern_of { PATTERN_MAIN_2, PATTERN_MAIN_4, PATTERN_AGGRESSIVE_2, PATTERN_ANSWERS };

#define PATTERN_MAX	12	/* repetitions that are noted */

struct ike_pattern_conf {
	struct rand	rand;
	struct endpoint	local, remote;
	struct probe_transform offer;	/* one that the peer takes */
	bool		no_main;	/* ... in aggressive mode alone */
	struct id	id;		/* to call ourselves in aggressive mode */
	uint32_t	natt;		/* versions that the peer announces */
	uint32_t	timeout_ms;	/* for a first answer */
	uint32_t	quiet_ms;	/* after which no repetition is awaited any more, at least */
	uint32_t	limit_ms;	/* of it all */
};

struct ike_pattern_result {
	struct {
		bool		asked, answered;
		bool		ended;		/* it was quiet long enough to be the end */
		size_t		n;		/* repetitions */
		uint32_t	after_ms[PATTERN_MAX];	/* from the one before */
	} of[PATTERN_ANSWERS];
	uint32_t	sent;
	uint64_t	elapsed_ms;
};

struct ike_pattern;

struct ike_pattern *ike_pattern_new(const struct ike_pattern_conf *conf, struct fault *f);
void ike_pattern_free(struct ike_pattern *p);	/* NULL is fine */

/* The first call begins. UINT64_MAX: over. */
void ike_pattern_timeout(struct ike_pattern *p, uint64_t now_ms, struct ike_outbox *out);
uint64_t ike_pattern_deadline(const struct ike_pattern *p);
void ike_pattern_datagram(struct ike_pattern *p, uint64_t now_ms, struct span data,
    struct ike_outbox *out);

/* The initiator cookies to be served now, one by one: false after the last. */
bool ike_pattern_cookie(const struct ike_pattern *p, size_t i, uint8_t cky_i[COOKIE_LEN]);
bool ike_pattern_over(const struct ike_pattern *p);
const struct ike_pattern_result *ike_pattern_result(const struct ike_pattern *p);

/*
 * Whose habit it is, among those that were measured: a name, NULL where it is nobody's or where
 * nothing was repeated, which many do and points to none.
 */
const char *ike_pattern_like(const struct ike_pattern_result *r);

#endif
