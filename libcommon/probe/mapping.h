/*
 * Measures how long the NAT in front of us keeps the mapping of an idle UDP flow.
 *
 * An IKE responder sends only when it is asked, and a question renews the mapping. The evidence is the
 * peer's NAT-D hash (RFC 3947 section 3.2) of the address and port that it sees: if the port has
 * changed after an idle period, the NAT dropped the mapping in between. The machine finds the port by hashing
 * all 65536, so it has to know the outside address. An unchanged port proves a living mapping only
 * if the NAT chooses a new port for each new mapping; a NAT that keeps or shifts the port gives no
 * evidence in this way. A datagram that the peer sends on its own during the idle period (a
 * retransmission) proves a living mapping with any NAT.
 *
 * Several local ports (lanes) are idle at the same time, each for a different period, and each result narrows
 * the range for all. Each idle period follows some seconds of traffic in both directions,
 * because many NATs keep such a flow longer than a single question with its answer.
 *
 * A machine without I/O (ike/machine.h); it ignores ICMP errors.
 */
#ifndef SAPIPE_PROBE_MAPPING_H
#define SAPIPE_PROBE_MAPPING_H

#include "ike/machine.h"
#include "probe/probe.h"

#define MAPPING_LANES		3	/* a peer may allow only five half-open exchanges in half a minute */
#define MAPPING_OUTSIDE_MAX	16

struct ike_mapping_conf {
	struct rand	rand;
	size_t		n;		/* lanes, up to MAPPING_LANES */
	struct endpoint	local[MAPPING_LANES], remote;
	struct probe_transform offer;	/* one that the peer accepts up to message 4 of main mode */
	uint32_t	natt;		/* versions that the peer announces: bits 1 << enum vid_kind */
	size_t		n_outside;	/* possible outside addresses of this end */
	struct addr	outside[MAPPING_OUTSIDE_MAX];
	uint32_t	timeout_ms;	/* for an answer to a message */
	uint32_t	gap_ms;		/* between first messages */
	uint32_t	limit_ms;	/* of the whole run; idle periods up to 3/5 of it are tried */
};

enum mapping_ports {
	MAPPING_PORTS_UNKNOWN,		/* none seen: see ${why} */
	MAPPING_PORTS_KEPT,		/* the outside port is the inside port */
	MAPPING_PORTS_SHIFTED,		/* all differ by the same number */
	MAPPING_PORTS_CHOSEN,		/* chosen by the NAT */
};

enum mapping_why {			/* why there is no result */
	MAPPING_FINE,
	MAPPING_SILENT,			/* the peer did not answer, or not with NAT-D */
	MAPPING_ADDRESS,		/* not seen at any of ${outside} */
	MAPPING_SAME_PORT,		/* a new mapping has the same port as the old one */
	MAPPING_SHORT,			/* no idle period ended within the limit */
};

struct ike_mapping_result {
	/*
	 * The longest idle period that a mapping survived and the shortest that one did not; 0: none. If
	 * both are known the timeout is in between.
	 */
	uint32_t	at_least_ms, at_most_ms;
	uint32_t	arrived_ms;	/* the longest idle period that a datagram of the peer ended; 0: none */
	uint32_t	unsteady_ms;	/* an idle period above ${at_most_ms} was survived; 0: none */
	enum mapping_ports ports;
	enum mapping_why why;		/* both are 0 then */
	size_t		n;
	struct { struct endpoint inside, outside; bool known; } seen[MAPPING_LANES]; /* the last */
	uint32_t	samples;	/* idle periods with a result */
	uint32_t	refused;	/* how often the peer did not answer, and the lane paused */
	uint32_t	sent;
	uint64_t	elapsed_ms;
};

struct ike_mapping;

struct ike_mapping *ike_mapping_new(const struct ike_mapping_conf *conf, struct fault *f);
void ike_mapping_free(struct ike_mapping *m);	/* NULL is fine */

struct ike_machine ike_mapping_machine(struct ike_mapping *m);
/* The result so far; may be called at any time. */
const struct ike_mapping_result *ike_mapping_result(struct ike_mapping *m);

#endif
