/*
 * A protocol machine without I/O, run by host/. The host passes in datagrams, the time and
 * ICMP errors; the machine puts its actions into an outbox (ike/outbox.h), and the host
 * performs them in order when the call returns. The engine (ike/ike.h) and the machines of probe/
 * are machines. A machine is used by one thread at a time.
 */
#ifndef SAPIPE_IKE_MACHINE_H
#define SAPIPE_IKE_MACHINE_H

#include "base/addr.h"
#include "base/now.h"
#include "ike/outbox.h"

struct ike_machine_ops {
	/* Runs the timers that are due at ${now}. The first call starts a machine that sends first. */
	void	 (*timeout)(void *m, struct now now, struct ike_outbox *out);
	/*
	 * One datagram without its non-ESP marker, received on ${local} from ${remote}. ${data} is
	 * valid during the call. Never fails: a machine drops what it cannot use.
	 */
	void	 (*datagram)(void *m, struct now now, const struct endpoint *local,
		    const struct endpoint *remote, struct span data, struct ike_outbox *out);
	/* An ICMP error about ${remote}, errno ${sys}. Anybody can send one: a hint only. */
	void	 (*unreachable)(void *m, struct now now, const struct endpoint *remote, int sys,
		    struct ike_outbox *out);
	/* Monotonic microseconds of the next timeout; UINT64_MAX: nothing is due. */
	uint64_t (*deadline_us)(const void *m);
	/* Whether the machine has finished; it then ignores all calls. NULL: it never finishes. */
	bool	 (*over)(const void *m);
	/*
	 * Hands each pair of cookies (CKY-I | CKY-R, CKY-R zero: any) that the machine serves now to
	 * ${each}: the ports deliver datagrams that carry one of them.
	 */
	void	 (*ids)(const void *m, void (*each)(void *ctx, const uint8_t id[16]), void *ctx);
	/* A number that changes when the result of ids() changes; cheap. NULL: call ids() at each step. */
	uint64_t (*ids_mark)(const void *m);
};

struct ike_machine {
	const struct ike_machine_ops *ops;
	void			*self;		/* the first argument of each call */
};

static inline void
machine_timeout(struct ike_machine m, struct now now, struct ike_outbox *out)
{
	m.ops->timeout(m.self, now, out);
}

static inline void
machine_datagram(struct ike_machine m, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	m.ops->datagram(m.self, now, local, remote, data, out);
}

static inline void
machine_unreachable(struct ike_machine m, struct now now, const struct endpoint *remote, int sys,
    struct ike_outbox *out)
{
	m.ops->unreachable(m.self, now, remote, sys, out);
}

/* ${unreachable} of a machine for which ICMP errors mean nothing. */
static inline void
machine_ignores(void *m, struct now now, const struct endpoint *remote, int sys,
    struct ike_outbox *out)
{
	(void)m, (void)now, (void)remote, (void)sys, (void)out;
}

static inline uint64_t
machine_deadline_us(struct ike_machine m)
{
	return (m.ops->deadline_us(m.self));
}

static inline bool
machine_over(struct ike_machine m)
{
	return (m.ops->over != NULL && m.ops->over(m.self));
}

#endif
