/*
 * Checks whether a peer is alive, one question at a time: R-U-THERE (RFC 3706) under an established
 * IKE SA or, without an SA, a first message of phase 1, which every IKE responder answers in some way.
 * A machine without I/O (ike/machine.h) that also reports events. It never changes the SA, and never acts
 * on a received notify or delete.
 */
#ifndef SAPIPE_PROBE_PING_H
#define SAPIPE_PROBE_PING_H

#include "crypto/crypto.h"
#include "ike/machine.h"

enum ike_ping_what {
	IKE_PING_ANSWERED,
	IKE_PING_LATE,		/* answered after the timeout: counts as answered */
	IKE_PING_SILENCE,	/* no answer in time */
	IKE_PING_ODD,		/* nor this, but an R-U-THERE-ACK that answers another number: see ${odd} */
	IKE_PING_UNREACHABLE,	/* an ICMP error in place of an answer; ${sys} is its errno */
	IKE_PING_UNKNOWN_SA,	/* INVALID-COOKIE in clear, which anybody can send */
	IKE_PING_NOTIFY,	/* another authenticated notify; the wait goes on */
	IKE_PING_DELETED,	/* an authenticated delete of the IKE SA: over */
	IKE_PING_EXPIRED,	/* the IKE SA expired: over */
	/* While listening for hellos; of the events above all but the first three may occur too. */
	IKE_PING_HELLO,		/* one was received */
	IKE_PING_LOST,		/* one was due and did not arrive within another half interval */
	IKE_PING_DEAD,		/* the threshold is reached: a resident tool gives up here */
	IKE_PING_REPLAY,	/* its number is not above the last: it proves nothing */
};

struct ike_ping_event {
	enum ike_ping_what	what;
	uint32_t		count;	/* which question, from 1 */
	uint32_t		seq;	/* its number under DPD, else ${count} */
	uint64_t		rtt_us;	/* of an answer */
	uint16_t		notify;	/* type of a notify, also where that is the answer; 0: none */
	uint8_t			version;	/* of the answer to a question without an SA: 0x10 is IKEv1 */
	int			sys;
	const char		*odd;	/* "with number 7 where 123 was asked" */
	/* Of hellos: ${count} is how many were due, ${seq} its number (of a missed one, the expected
	 * number, or 0), ${rtt_us} the time since the previous hello, 0 if one was missed in between. */
	uint32_t		interval_ms;	/* as announced by the peer: the next is due then */
	uint32_t		heard;		/* our last number that the peer has received; 0: none */
	uint32_t		lost;		/* consecutive, up to now; before this hello */
};

struct ike_ping_conf {
	struct rand	rand;
	uint32_t	count;		/* questions; 0: no end */
	uint32_t	interval_ms;	/* from one to the next; the next also waits for the outcome */
	uint32_t	wait_ms;	/* for an answer */
	uint32_t	hello_ms;	/* listening: send hellos too, this often; 0: none */
	uint32_t	threshold;	/* listening: missed hellos until IKE_PING_DEAD */
	void		(*tell)(void *ctx, const struct ike_ping_event *ev);
	void		*ctx;
};

struct ike_ping_stats {
	uint32_t	sent, answered;	/* of hellos: due, received */
	uint32_t	odd;		/* IKE_PING_ODD */
	uint32_t	measured;	/* number of values in the statistics below: round trip times, or times between hellos */
	uint64_t	min_us, max_us, sum_us;
	double		sum_us2;	/* of the squares */
};

struct ike_ping;

/*
 * Under the IKE SA ${s}, which is copied. NULL with FAULT_BAD_RECORD (algorithms and keys that do
 * not go together), FAULT_NO_IKE_SA (expired), FAULT_MEMORY.
 */
struct ike_ping *ike_ping_sa(const struct sa_ike *s, const struct ike_ping_conf *conf,
    struct now now, struct fault *f);
/*
 * Listens for the peer's hellos (ike/heartbeat.h) and asks nothing; ${conf}->count then counts hellos that
 * were due. NULL with FAULT_PROTOCOL if the peer has not announced hellos, or as above.
 */
struct ike_ping *ike_ping_heartbeats(const struct sa_ike *s, const struct ike_ping_conf *conf,
    struct now now, struct fault *f);
/* With no SA, from ${local} to ${remote}. NULL with FAULT_MEMORY or FAULT_CRYPTO. */
struct ike_ping *ike_ping_peer(const struct endpoint *local, const struct endpoint *remote,
    const struct ike_ping_conf *conf, struct fault *f);
void ike_ping_free(struct ike_ping *p);		/* wipes; NULL is fine */

struct ike_machine ike_ping_machine(struct ike_ping *p);
/* The cookies that it serves now, responder's zero: any. They may change with each timeout. */
void ike_ping_id(const struct ike_ping *p, uint8_t id[16]);
const struct ike_ping_stats *ike_ping_stats(const struct ike_ping *p);

#endif
