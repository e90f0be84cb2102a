/*
 * The interface of a version of IKE to the engine: one row for each. The engine owns the parts common to all
 * versions (the table of SAs, timers, connections, children, limits) and calls the row for the rest.
 */
#ifndef SAPIPE_IKE_VERSION_H
#define SAPIPE_IKE_VERSION_H

#include "ike/answer.h"
#include "ike/child.h"
#include "wire/isakmp.h"

enum ike_begin {		/* why this end begins an IKE SA */
	IKE_BEGIN_FIRST,	/* this process knows of no earlier one with the peer */
	IKE_BEGIN_AGAIN,	/* the one before has ended */
	IKE_BEGIN_REKEY,	/* the one before ends soon; the peer may be known by its ID alone */
};

struct ike_version {
	uint8_t	major;			/* of the header's version */
	/* Whether a message with this header can be the first of an SA that a peer begins. */
	bool	(*begins)(const struct isakmp_hdr *h);
	/* Such a message of a peer of which there is no SA: makes one and links it, or drops it. */
	void	(*accept)(struct ike_engine *e, struct now now, const struct endpoint *local,
		    const struct endpoint *remote, const struct isakmp_hdr *h, struct span data,
		    struct ike_outbox *out);
	/*
	 * A message from ${remote} under SPIs that are not those of an SA here. Where an answer is due, it goes
	 * to ${out}; true if one did. ${out} NULL: none is sent, only whether one is due.
	 */
	bool	(*unknown)(struct ike_engine *e, const struct endpoint *local, const struct endpoint *remote,
		    const struct isakmp_hdr *h, struct ike_outbox *out);
	/* A message under the SPIs of ${sa}, received from ${sa}->from_remote. */
	void	(*datagram)(struct ike_sa *sa, struct now now, const struct isakmp_hdr *h,
		    struct span data, struct ike_outbox *out);
	/* The answer that the exchange ${mid} of ${sa} asked for. False: it does not wait for one. */
	bool	(*answer)(struct ike_sa *sa, struct now now, uint32_t mid,
		    const struct ike_answer *answer, struct ike_outbox *out);
	/* The login that the exchange ${mid} of ${sa} waits for. False: it waits for none. */
	bool	(*question)(const struct ike_sa *sa, uint32_t mid, struct ike_question *q);
	/* Whether ${policy} has the credentials to start one. */
	bool	(*can_begin)(const struct ike_policy *policy);
	/* An SA that this end begins, linked; its first message is in ${out}. NULL: see ${f}. */
	struct ike_sa *(*begin)(struct ike_engine *e, struct now now, struct ike_policy *policy,
		    const struct endpoint *local, const struct endpoint *remote, enum ike_begin why,
		    struct ike_outbox *out, struct fault *f);
	/* An SA from its record, linked and established. NULL: see ${f}. */
	struct ike_sa *(*adopt)(struct ike_engine *e, struct now now, const struct sa_ike *s,
		    struct ike_policy *policy, struct fault *f);
	/* Begins to negotiate a child SA; ${replaces}, the SPI of another, may be NULL. 0 or -1. */
	int	(*child_begin)(struct ike_sa *sa, struct now now, struct ike_policy *policy,
		    const struct selector *local_ts, const struct selector *remote_ts,
		    const uint8_t *replaces, struct ike_outbox *out, struct fault *f);
	/* Whether a successor of the child ${spi_in} is being negotiated. */
	bool	(*child_under_way)(const struct ike_sa *sa, const uint8_t spi_in[4]);
	/* Ends the negotiation of that successor if the peer has answered nothing: another one takes its place. */
	void	(*child_forsake)(struct ike_sa *sa, const uint8_t spi_in[4], struct now now);
	/* Notifies the peer that ${c}, or ${sa} itself where ${c} is NULL, is deleted. */
	void	(*send_delete)(struct ike_sa *sa, const struct ike_child *c, struct ike_outbox *out);
	void	(*record)(const struct ike_sa *sa, struct ike_outbox *out);
	/* The SA is established, with engine->conf.keep: liveness checks begin; and end. */
	void	(*watch)(struct ike_sa *sa, struct now now);
	void	(*unwatch)(struct ike_sa *sa);
	/* The SA, adopted, was another machine's: the numbers of liveness checks go above those that it may have used. */
	void	(*taken_over)(struct ike_sa *sa, struct now now);
	/* Timers of exchanges; of liveness checks. */
	void	(*timeout)(struct ike_sa *sa, struct now now, struct ike_outbox *out);
	/*
	 * Whether the peer is dead: ${*reason} is then the reason, and after ${*call_ms} the engine
	 * reconnects.
	 */
	bool	(*dead)(struct ike_sa *sa, struct now now, enum sa_reason *reason, uint64_t *call_ms,
		    struct ike_outbox *out);
	uint64_t (*deadline_ms)(const struct ike_sa *sa);
	/* Fails the exchanges of an SA that ends, and reports it. */
	void	(*abandon)(struct ike_sa *sa, struct now now, const struct fault *why,
		    struct ike_outbox *out);
	/* The peer of an SA that is not established cannot be reached: ${sys}, an errno, is that of the ICMP error or TCP connection. */
	void	(*unreachable)(struct ike_sa *sa, struct now now, int sys, struct ike_outbox *out);
	/* The peer of an SA that is not established sent a message of another ${version}. Anyone can: it is a hint. */
	void	(*other_version)(struct ike_sa *sa, struct now now, uint8_t version, struct ike_outbox *out);
	/* Whether ${policy} allows the exchange, authentication and proposal that ${sa}, which is established, was negotiated with. */
	bool	(*allowed)(const struct ike_sa *sa, const struct ike_policy *policy);
	/*
	 * Whether the certificate by which the peer of ${sa}, which is established, proved its identity is not revoked by the lists of
	 * ${policy} at ${epoch}. 0, also if it proved it without one; -1 with a fault: it is revoked, or not known.
	 */
	int	(*unrevoked)(const struct ike_sa *sa, const struct ike_policy *policy, uint64_t epoch, struct fault *f);
	/*
	 * The exchanges of ${sa} go on under the policies that ${after} gives for theirs. Those fail whose child SA ${stays} does not
	 * allow; NULL: the child of an exchange that has none yet.
	 */
	void	(*rebind)(struct ike_sa *sa, struct now now, struct ike_policy *(*after)(void *ctx, const struct ike_policy *p),
		    bool (*stays)(void *ctx, const struct ike_sa *sa, const struct ike_child *c), void *ctx, struct ike_outbox *out);
	size_t	(*running)(const struct ike_sa *sa);	/* exchanges in progress */
	void	(*free)(struct ike_sa *sa);		/* releases all of it; sends nothing */
};

/* The row for a major version; NULL: not supported. */
const struct ike_version *ike_version_find(uint8_t major);
/* The version that this end begins an SA with. */
const struct ike_version *ike_version_for(const struct ike_policy *policy);

/* The rows; each is defined in the room of its version. */
extern const struct ike_version ike_version_1;

#endif
