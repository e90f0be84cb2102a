/*
 * Asks a peer whether it is alive, one question at a time: an R-U-THERE (RFC 3706) under an
 * IKE SA that stands, or, with no SA, a first message of phase 1, which whoever speaks IKE answers
 * in some way. A machine without I/O: datagrams and the time go in, datagrams and
 * events come out. It changes nothing of the SA and obeys nothing that it hears.
 */
#ifndef SAPIPE_PROBE_PING_H
#define SAPIPE_PROBE_PING_H

#include "base/now.h"
#include "crypto/crypto.h"
#include "ike/outbox.h"

enum ike_ping_what {
	IKE_PING_ANSWERED,
	IKE_PING_LATE,		/* answered after it had been given up: counts as answered */
	IKE_PING_SILENCE,	/* no answer in time */
	IKE_PING_UNREACHABLE,	/* an ICMP error in place of an answer; ${sys} is its errno */
	IKE_PING_UNKNOWN_SA,	/* the peer says INVALID-COOKIE, in clear: anybody can */
	IKE_PING_NOTIFY,	/* it says something else, proven to be its word; the wait goes on */
	IKE_PING_DELETED,	/* it deletes the IKE SA, proven: over */
	IKE_PING_EXPIRED,	/* the IKE SA's life ended: over */
	/* Where hellos are listened for; the others but the first three may come as well. */
	IKE_PING_HELLO,		/* one came */
	IKE_PING_LOST,		/* one was due and did not come in half an interval more */
	IKE_PING_DEAD,		/* that was the threshold's: a resident tool gives up here */
	IKE_PING_REPLAY,	/* its number is not above the last one's: it proves nothing */
};

struct ike_ping_event {
	enum ike_ping_what	what;
	uint32_t		count;	/* which question, from 1 */
	uint32_t		seq;	/* its number under DPD, else ${count} */
	uint64_t		rtt_us;	/* of an answer */
	uint16_t		notify;	/* type of a notify, also where that is the answer; 0: none */
	uint8_t			version;	/* of the answer to a question without an SA: 0x10 is IKEv1 */
	int			sys;
	/* Of hellos: ${count} is how many were due, ${seq} its number (of a lost one, the likely
	 * one, or 0), ${rtt_us} the time since the one before, 0 if that was not the one right before. */
	uint32_t		interval_ms;	/* that the peer says: the next is due then */
	uint32_t		heard;		/* our end's number that the peer has heard; 0: none */
	uint32_t		lost;		/* one after another, up to now; before this hello */
};

struct ike_ping_conf {
	struct rand	rand;
	uint32_t	count;		/* questions; 0: no end */
	uint32_t	interval_ms;	/* from one to the next, which waits for the outcome as well */
	uint32_t	wait_ms;	/* for an answer */
	uint32_t	hello_ms;	/* listening: say hello as well, this often; 0: don't */
	uint32_t	threshold;	/* listening: lost ones until IKE_PING_DEAD */
	void		(*tell)(void *ctx, const struct ike_ping_event *ev);
	void		*ctx;
};

struct ike_ping_stats {
	uint32_t	sent, answered;	/* of hellos: due, heard */
	uint32_t	measured;	/* values in what follows: times to answers, or between hellos */
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
 * Listens for the peer's hellos (ike/heartbeat.h) and asks nothing; ${conf}->count is then of hellos that
 * were due. The same, or NULL with FAULT_PROTOCOL: the peer has not announced any.
 */
struct ike_ping *ike_ping_heartbeats(const struct sa_ike *s, const struct ike_ping_conf *conf,
    struct now now, struct fault *f);
/* With no SA, from ${local} to ${remote}. NULL with FAULT_MEMORY or FAULT_CRYPTO. */
struct ike_ping *ike_ping_peer(const struct endpoint *local, const struct endpoint *remote,
    const struct ike_ping_conf *conf, struct fault *f);
void ike_ping_free(struct ike_ping *p);		/* wipes; NULL is fine */

/* The first call sends the first question. UINT64_MAX: nothing is due any more. */
void ike_ping_timeout(struct ike_ping *p, struct now now, struct ike_outbox *out);
uint64_t ike_ping_deadline_us(const struct ike_ping *p);
/* A datagram of IKE; what is not an answer is ignored. */
void ike_ping_datagram(struct ike_ping *p, struct now now, struct span data);
/* An ICMP error, errno ${sys}, about something sent to ${remote}. */
void ike_ping_unreachable(struct ike_ping *p, struct now now,
    const struct endpoint *remote, int sys);

/* The cookies to be served now, responder's zero: any. They may change with each timeout. */
void ike_ping_id(const struct ike_ping *p, uint8_t id[16]);
bool ike_ping_over(const struct ike_ping *p);
const struct ike_ping_stats *ike_ping_stats(const struct ike_ping *p);

#endif
