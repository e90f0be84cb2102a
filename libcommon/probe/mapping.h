/*
 * How long the NAT in front of us keeps the mapping of a UDP flow that has fallen silent.
 *
 * IKE responders speak only when spoken to, and a question makes the mapping anew. What tells is the
 * peer's NAT-D hash (RFC 3947 section 3.2), made of the address and port that it sees: where
 * that is another port after a silence than before, the mapping was dropped in between. The port
 * is found by hashing all there are, so the address outside has to be known. Where it is the same
 * port the mapping has lived, if this is a NAT that gives new mappings new ports: one
 * that keeps the port of this end, or moves all by one distance, gives no evidence that way.
 * What the peer sends of itself into the silence (its answer, again) proves a living
 * mapping with any NAT.
 *
 * Several own ports (lanes) are silent at once, each for a time of its own, and what one shows
 * narrows the range for all. Each silence follows a flow that has gone both ways for some seconds, as many NATs
 * keep such a one longer than a single question with its answer.
 *
 * A machine without I/O, as the survey: datagrams and the time go in, datagrams come out.
 */
#ifndef SAPIPE_PROBE_MAPPING_H
#define SAPIPE_PROBE_MAPPING_H

#include "ike/outbox.h"
#include "probe/probe.h"

#define MAPPING_LANES		3	/* a peer may allow five half-open exchanges in half a minute */
#define MAPPING_OUTSIDE_MAX	16

struct ike_mapping_conf {
	struct rand	rand;
	size_t		n;		/* lanes, up to MAPPING_LANES */
	struct endpoint	local[MAPPING_LANES], remote;
	struct probe_transform offer;	/* one with which the peer goes on to message 4 of main mode */
	uint32_t	natt;		/* versions that the peer announces: bits 1 << enum vid_kind */
	size_t		n_outside;	/* addresses that we may be seen at from outside */
	struct addr	outside[MAPPING_OUTSIDE_MAX];
	uint32_t	timeout_ms;	/* for an answer to a message */
	uint32_t	gap_ms;		/* between first messages */
	uint32_t	limit_ms;	/* of it all; silences of up to 3/5 of it are tried */
};

enum mapping_ports {
	MAPPING_PORTS_UNKNOWN,		/* none seen: see ${why} */
	MAPPING_PORTS_KEPT,		/* outside as inside */
	MAPPING_PORTS_SHIFTED,		/* all by the same distance */
	MAPPING_PORTS_CHOSEN,		/* the NAT's own choice */
};

enum mapping_why {			/* there is no more to tell */
	MAPPING_FINE,
	MAPPING_SILENT,			/* the peer did not answer, or not with NAT-D */
	MAPPING_ADDRESS,		/* not seen at any of ${outside} */
	MAPPING_SAME_PORT,		/* a mapping made anew would look the same */
	MAPPING_SHORT,			/* no silence ended within the limit */
};

struct ike_mapping_result {
	/*
	 * The longest silence that a mapping outlived and the shortest that one did not, 0: none. Where
	 * both are there the timeout is in between.
	 */
	uint32_t	at_least_ms, at_most_ms;
	uint32_t	arrived_ms;	/* the longest silence that the peer ended, of itself; 0: none */
	uint32_t	unsteady_ms;	/* a silence longer than ${at_most_ms} was outlived; 0: none */
	enum mapping_ports ports;
	enum mapping_why why;		/* both are 0 then */
	size_t		n;
	struct { struct endpoint inside, outside; bool known; } seen[MAPPING_LANES]; /* the last */
	uint32_t	samples;	/* silences that told something */
	uint32_t	refused;	/* times that the peer did not answer, and was given a rest */
	uint32_t	sent;
	uint64_t	elapsed_ms;
};

struct ike_mapping;

struct ike_mapping *ike_mapping_new(const struct ike_mapping_conf *conf, struct fault *f);
void ike_mapping_free(struct ike_mapping *m);	/* NULL is fine */

/* The first call begins. UINT64_MAX: over. */
void ike_mapping_timeout(struct ike_mapping *m, uint64_t now_ms, struct ike_outbox *out);
uint64_t ike_mapping_deadline(const struct ike_mapping *m);
void ike_mapping_datagram(struct ike_mapping *m, uint64_t now_ms, struct span data,
    struct ike_outbox *out);

/* The initiator cookies to be served now, one by one: false after the last. */
bool ike_mapping_cookie(const struct ike_mapping *m, size_t i, uint8_t cky_i[COOKIE_LEN]);
bool ike_mapping_over(const struct ike_mapping *m);
/* At any time, of what is known so far. */
const struct ike_mapping_result *ike_mapping_result(struct ike_mapping *m);

#endif
