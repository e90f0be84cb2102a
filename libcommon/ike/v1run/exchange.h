/*
 * IKEv1 exchanges: how one is described (a table with a row for each message)
 * and its state. The tables read like RFC 2409 section 5; see ike/v1/phase1.c and ike/v1/quick.c.
 * runner.h runs any of them, and knows nothing of what a payload means.
 */
#ifndef SAPIPE_IKE_V1RUN_EXCHANGE_H
#define SAPIPE_IKE_V1RUN_EXCHANGE_H

#include "base/bytes.h"
#include "ike/answer.h"
#include "ike/ike.h"
#include "wire/isakmp.h"

struct v1_sa;
struct v1_exchange;

#define V1_CARRIES_MAX	8	/* kinds of payload in one row */
#define V1_SEND_MAX	16384	/* bytes of a message that we build */
#define MID_PHASE1	0	/* the message ID of phase 1 */
#define V1_NOTHING	0	/* ends a row's list of payloads */
/* In rows and in the table of payloads: the proof, whose type the authentication method decides. */
#define V1_AUTH		255

enum v1_cover { V1_CLEAR, V1_SECRET, V1_EITHER };

/*
 * One message of an exchange, for its sender and its receiver alike. The handlers here and in the
 * tables below return 0, -1 or, except verify and seal, IKE_LATER (ike/answer.h). When the answer
 * arrives, all handlers of the message run again, so the handlers before the one that asked must
 * give the same result again.
 */
struct v1_message {
	uint8_t		from;			/* enum sa_role */
	enum v1_cover	cover;
	uint8_t		must[V1_CARRIES_MAX];	/* payload types, in the order sent */
	uint8_t		may[V1_CARRIES_MAX];	/* optional, sent after the payloads above */
	/* The sender's work before it writes its payloads, the receiver's after it has parsed
	 * all payloads; either may be NULL. */
	int		(*before)(struct v1_exchange *, struct ike_outbox *, struct fault *);
	int		(*after)(struct v1_exchange *, struct ike_outbox *, struct fault *);
	const char	*story;			/* the sender's action: for notes and faults */
};

/* How to write and parse a payload in one kind of exchange. */
struct v1_payload {
	uint8_t		type;
	uint8_t		max;	/* how many a message may carry */
	int		(*put)(struct v1_exchange *, struct isakmp_builder *, struct fault *);
	/* Once for each payload of the type, in the order of this table. */
	int		(*take)(struct v1_exchange *, const struct isakmp_payload *, struct fault *);
};

/* A kind of exchange. */
struct v1_kind {
	const char		*name;		/* "phase 1", "quick mode" */
	enum fault_phase	 phase;		/* the same, in faults */
	uint8_t			 number;	/* enum isakmp_exchange */
	const struct v1_message	*rows;
	size_t			 n_rows;
	const struct v1_payload	*payloads;	/* ends with type V1_NOTHING */
	/*
	 * The responder retransmits its first message unasked. In phase 1 it does so only once the initiator has sent
	 * its cookie back: before that nothing shows that the initiator's address is real.
	 */
	bool			 unasked;
	/* Authenticates a decrypted message before its payloads are parsed
	 * (HASH(1) to HASH(3)); NULL where the proof is a payload like others. */
	int	(*verify)(struct v1_exchange *, const struct isakmp_msg *, struct fault *);
	/* Fills in the payloads that depend on the whole message (the same hashes). */
	int	(*seal)(struct v1_exchange *, struct isakmp_builder *, struct fault *);
	/* The payload type of V1_AUTH; V1_NOTHING: not known until the SA payload in ${m} is
	 * parsed (${m} NULL: it has been). NULL: no row has V1_AUTH. */
	uint8_t	(*proof)(const struct v1_exchange *, const struct isakmp_msg *m);
	/* Keys for encryption are at hand, or are made so. NULL: always at hand. */
	int	(*keys)(struct v1_exchange *, struct fault *);
	/* A message did not decrypt properly, as ${f} reports: replaces ${f} with the likely cause. May be NULL. */
	void	(*nonsense)(const struct v1_exchange *, struct fault *f);
	/* Discards the values of the current message: it was dropped, or is handled again later. */
	void	(*forget)(struct v1_exchange *);
	/* A message of the peer was dropped for ${why}: the place to notify it. May be NULL. */
	void	(*refused)(struct v1_exchange *, const struct fault *why, struct ike_outbox *);
	/* This end sent a message V1_SILENT times more, or for the last time, and got no answer: the place to ask why. May be NULL. */
	void	(*silent)(struct v1_exchange *, struct ike_outbox *);
	/* The time for an answer is over. True: the exchange is complete without it, and has finished. May be NULL. */
	bool	(*late)(struct v1_exchange *, struct ike_outbox *);
	/* The exchange gives up, ${f} says that no answer came: adds what silent() found out. May be NULL. */
	void	(*unanswered)(const struct v1_exchange *, struct fault *f);
	void	(*free)(struct v1_exchange *);	/* frees ${x}->part, which may be NULL */
};

/* A step that waits for an answer from outside. */
struct v1_wait {
	struct bytes	dgram;		/* the message to be handled again; empty: one to be sent */
	uint8_t		digest[HASH_MAX];	/* of that message */
	struct endpoint	local, remote;	/* its destination and source */
	char		question[128];
	bool		answered;	/* with no: ${digest} is still known */
};

struct v1_exchange {
	struct v1_exchange	*next;
	struct v1_sa		*sa;
	const struct v1_kind	*kind;
	enum sa_role		 role;		/* in this exchange */
	uint32_t		 mid;
	size_t			 at;		/* the row that comes next */
	uint8_t			 flags;		/* ISAKMP_FLAG_COMMIT, or none, in each message of this end */
	uint8_t			 flags_in;	/* of the message at hand, which nothing authenticates */
	bool			 over;		/* no row is left, or it has failed */
	bool			 failed;
	bool			 reported;	/* v1_sa_report() has seen its end */
	bool			 told;		/* the peer, that its message was refused */
	uint8_t			 iv[BLOCK_MAX];	/* last cipher block, in either direction */
	bool			 has_iv;
	struct bytes		 sent;		/* the last message, as it went out */
	uint8_t			 got[32];	/* SHA-256 of the last accepted message */
	bool			 has_got;
	bool			 answered;	/* ${sent} went out after ${got} came in */
	uint8_t			 iv_refused[BLOCK_MAX];	/* of a message that was not accepted:
							   the peer's IV has advanced anyway */
	bool			 has_iv_refused;
	struct v1_wait		*wait;		/* NULL: no step waits */
	bool			 proven;	/* the message at hand proves to be the peer's */
	const struct ike_answer	*answer;	/* for the step in hand, or NULL */
	struct now		 now;		/* of the step in hand */
	uint64_t		 sent_ms;	/* when ${sent} went out last */
	uint64_t		 begun_ms, resend_ms, give_up_ms, forget_ms;
	uint32_t		 resends;	/* of ${sent} */
	uint32_t		 dropped;	/* datagrams that did not fit */
	uint32_t		 invalid;	/* of them since the last good one */
	struct fault		 why;		/* the best reason known so far */
	/* The state of this kind of exchange: see v1_phase1_of(), v1_quick_of(). */
	void			*part;
};

static inline enum sa_role
v1_exchange_peer(const struct v1_exchange *x)
{
	return (x->role == SA_INITIATOR ? SA_RESPONDER : SA_INITIATOR);
}

/*
 * A new exchange of ${sa}, not linked to it; ${mid} 0 in phase 1. NULL: no memory.
 */
struct v1_exchange *v1_exchange_new(struct v1_sa *sa, const struct v1_kind *kind,
    enum sa_role role, uint32_t mid, struct now now);
void v1_exchange_free(struct v1_exchange *x);

/* Whether a step of ${x} waits for an answer. */
bool v1_exchange_waits(const struct v1_exchange *x);

/* Resends, gives up. The next time that is due; UINT64_MAX: none. */
void v1_exchange_timeout(struct v1_exchange *x, struct now now, struct ike_outbox *out);
uint64_t v1_exchange_deadline(const struct v1_exchange *x);
/* Schedules the next retransmission after ${now}, if this end may send again unasked. */
void v1_exchange_resend_later(struct v1_exchange *x, struct now now);
/*
 * The peer shows that it did not receive ${sent}: sends it again, to the endpoint that it was for, unless that was less
 * than V1_AGAIN_MS ago.
 */
void v1_exchange_again(struct v1_exchange *x, struct now now, struct ike_outbox *out);
/* No row is left: ${x} answers duplicates for a while and is then forgotten. */
void v1_exchange_finish(struct v1_exchange *x, struct now now);

/*
 * The step in hand returned IKE_LATER with its question in ${f}: ${dgram}, if it has one, is
 * kept, and nothing is sent or resent until there is an answer. 0, or -1: no memory.
 */
int v1_exchange_wait(struct v1_exchange *x, struct now now, struct span dgram, const uint8_t *digest,
    struct ike_outbox *out, struct fault *f);
void v1_exchange_wait_end(struct v1_exchange *x);

/*
 * Handles an unauthenticated or ambiguous error (a notify in clear, an answer that does
 * not decrypt properly). It is remembered as the reason and shortens the timeout; the
 * exchange continues to wait.
 */
void v1_exchange_hint(struct v1_exchange *x, struct now now, const struct fault *why,
    struct ike_outbox *out);

/* Ends it as failed for ${why}; v1_sa_report() handles the failure. */
void v1_exchange_fail(struct v1_exchange *x, struct now now, const struct fault *why);
/* Ends it without a report: another exchange takes its place, and has the result. */
void v1_exchange_forsake(struct v1_exchange *x, struct now now);

/* Whether this end has sent a message of ${x}; whether that was so of one with a ${type} payload. */
bool v1_exchange_has_sent(const struct v1_exchange *x);
bool v1_exchange_has_sent_type(const struct v1_exchange *x, uint8_t type);

/* Whether ${list}, of a row, has ${type}. */
bool v1_listed(const uint8_t list[V1_CARRIES_MAX], uint8_t type);

/* Adds the exchange and its message, that of row ${at}, to a fault. */
void v1_exchange_where(const struct v1_exchange *x, size_t at, struct fault *f);
/* Likewise that of the row before the current one: what came is about it. */
void v1_exchange_where_before(const struct v1_exchange *x, struct fault *f);

/* The exchange of ${sa} under ${mid}; NULL: none. */
struct v1_exchange *v1_sa_exchange(struct v1_sa *sa, uint32_t mid);
/* IV of the first message under ${mid}, from phase 1's last block. */
int v1_sa_message_iv(const struct v1_sa *sa, uint32_t mid, uint8_t iv[BLOCK_MAX],
    struct fault *f);
/* The same into ${x}, which comes after phase 1, unless it has an IV already. 0, or -1. */
int v1_exchange_iv(struct v1_exchange *x, struct fault *f);

#define V1_RESEND_MS		500	/* first wait for an answer; doubles each time */
#define V1_AGAIN_MS		450	/* a little less, as the net delays not all messages alike */
#define V1_RESEND_MAX_MS	8000
#define V1_SILENT		3	/* retransmissions without an answer, before more is asked */
#define V1_HINT_WAIT_MS	2500	/* waiting on after a sign of failure */
#define V1_LINGER_MS		60000	/* finished exchanges answer duplicates as long */

#endif
