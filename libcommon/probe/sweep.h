/*
 * Asks many hosts whether they speak IKE: message 1 of main mode, then IKE_SA_INIT of IKEv2, to each, at a bounded rate. It
 * needs no credentials and establishes no SA. A machine without I/O (ike/machine.h).
 */
#ifndef SAPIPE_PROBE_SWEEP_H
#define SAPIPE_PROBE_SWEEP_H

#include "ike/machine.h"
#include "probe/probe.h"
#include "probe/v2_answer.h"

#define SWEEP_MAX		65536	/* hosts */
#define SWEEP_RATE_MAX		50	/* new hosts per second */

struct sweep_host {
	struct endpoint	local, remote;
};

/* The result for one host. Spans are valid during the call. */
struct sweep_found {
	const struct sweep_host		*host;
	enum { SWEEP_SILENT, SWEEP_UNREACHABLE, SWEEP_IKEV1, SWEEP_IKEV2 } what;
	uint32_t			 rtt_us;	/* from the last message to the answer */
	unsigned			 sent;		/* messages to it */
	int				 sys;		/* of SWEEP_UNREACHABLE: errno of an ICMP error */
	const struct probe_answer	*v1;		/* of SWEEP_IKEV1 */
	const struct v2_answer		*v2;		/* of SWEEP_IKEV2; NULL: the answer could not be parsed */
};

struct ike_sweep_conf {
	struct rand		 rand;
	size_t			 n;		/* 1 to SWEEP_MAX */
	const struct sweep_host	*hosts;		/* the caller's; must outlive the machine; asked in this order */
	uint32_t		 gap_ms;	/* between new hosts, at least 1000 / SWEEP_RATE_MAX */
	uint32_t		 timeout_ms;	/* for an answer, retransmissions included */
	bool			 v2_only;	/* only IKE_SA_INIT */
	/* Once for each host, when it has answered or the timeout has passed. */
	void			(*found)(void *ctx, const struct sweep_found *what);
	void			*ctx;
};

struct ike_sweep;

/* NULL with FAULT_MEMORY. */
struct ike_sweep *ike_sweep_new(const struct ike_sweep_conf *conf, struct fault *f);
void ike_sweep_free(struct ike_sweep *s);	/* NULL is fine */

/* ${s} as a machine. An ICMP error ends the probe of that host after ICMP_WAIT_MS, since anybody can send one. */
struct ike_machine ike_sweep_machine(struct ike_sweep *s);
/* The number of hosts with a result so far. */
size_t ike_sweep_done(const struct ike_sweep *s);

#endif
