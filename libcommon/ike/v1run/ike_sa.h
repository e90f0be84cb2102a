/* An IKEv1 SA: its exchanges, keys and shared state. */
#ifndef SAPIPE_IKE_V1RUN_IKE_SA_H
#define SAPIPE_IKE_V1RUN_IKE_SA_H

#include "ike/engine_priv.h"
#include "ike/sa.h"
#include "ike/v1base/auth.h"
#include "ike/v1base/keys.h"
#include "ike/v1base/message.h"
#include "ike/v1base/natd.h"
#include "ike/v1base/vids.h"

#define V1_SEEN_MAX	16384	/* message IDs remembered: a question and its answer each 10 s for 22 hours */
/* Quick modes of one IKE SA: finished ones kept for retransmissions, and those of the peer that it has not finished. */
#define V1_QUICK_KEPT_MAX	32
#define V1_QUICK_RUNNING_MAX	256

struct v1_exchange;
struct v1_xauth;

struct v1_sa {
	struct ike_sa		 ike;		/* first: the engine's part */
	enum sa_exchange	 exchange;
	bool			 keys_shown;	/* IKE_OUT_KEYS was put */
	/* Quick modes of this end begin with the group ${pfs}, NULL: without, as the peer refused others before it. */
	bool			 pfs_chosen;
	bool			 no_pfs;	/* it does not support PFS: see policy->pfs_fallback */
	const struct alg_group	*pfs;
	struct ike_proposal	 proposal;	/* the negotiated proposal */
	const struct v1_auth	*auth;		/* NULL until the SA payload is parsed, or adopted */
	const struct natt_version *natt;	/* NULL: none agreed on */
	struct v1_keys		 keys;
	/* The certificates that the peer proved its identity with, in DER, behind the length of each in 4 bytes; empty: none. */
	struct bytes		 certs;
	uint8_t			 iv[BLOCK_MAX];	/* the last cipher block of phase 1 */
	struct v1_exchange	*exchanges;	/* phase 1 and quick modes, newest first */
	struct v1_vids		 vids;		/* of the peer, in the order received */
	/* Phase 1.5: see xauth.h and mode_config.h. */
	struct {
		bool		asked;		/* mode config: our REQUEST or SET was sent */
		bool		configured;	/* and answered, or the peer's SET was */
		bool		waited;		/* the gateway was expected to ask for a login, and did not */
		uint8_t		redirects;	/* sent to the client, which gets nothing else; 0: it is served here */
		bool		held;		/* it asked when quick modes had begun: they begin again after the login */
		struct v1_xauth	*xauth;		/* NULL: nothing was asked yet */
		void		(*free)(struct v1_xauth *);	/* set with it */
	} login;
	uint64_t		 acked_ms;	/* when an acknowledged informational exchange was answered last */
	/* Message IDs under which the peer has begun something: a second time is a replay. */
	struct { uint32_t *mid; size_t n, cap, at; } seen;
	struct {
		bool		peer_can;	/* it announced DPD */
		bool		has_seq_out;
		uint32_t	seq_out;	/* last R-U-THERE of this end */
		uint64_t	at_ms;		/* next action */
		uint32_t	tries;		/* unanswered so far */
		uint32_t	first;		/* number of the first of them */
		uint32_t	seq_in;		/* last R-U-THERE of the peer */
		bool		has_seq_in;
		uint32_t	odd;		/* ACKs since the first of ${tries} that are none of RFC 3706, */
		char		odd_why[96];	/* what was wrong with the last, */
		bool		odd_said;	/* reported */
		/* One R-U-THERE for an exchange that gets no answer: */
		bool		checking, alive;	/* it was sent; its answer came */
		uint32_t	check;			/* its number */
		uint64_t	check_ms;		/* when it was sent */
	} dpd;
	struct {
		uint32_t	own_ms;		/* between our hellos, as announced; 0: not announced */
		uint32_t	peer_ms;	/* between the peer's */
		uint32_t	seq_out, seq_in;	/* last numbers; 0: none */
		uint32_t	lost;		/* of the peer's, one after another */
		uint64_t	send_ms;	/* of the next hello; UINT64_MAX: never */
		uint64_t	late_ms;	/* when the next hello counts as missed */
	} hb;
};

/* The IKEv1 SA that ${sa}, one of version 1, is the first part of; NULL for NULL. */
static inline struct v1_sa *
v1_sa_of(struct ike_sa *sa)
{
	return ((struct v1_sa *)(void *)sa);
}

static inline void
v1_sa_id(const struct v1_sa *sa, uint8_t id[16])
{
	ike_sa_id(&sa->ike, id);
}

/* Sends ${message}: in fragments where it is longer than the policy's ${fragment_size} and the peer can have them. */
void v1_sa_send(struct v1_sa *sa, struct span message, struct ike_outbox *out);
/* Whether the peer announced that it puts fragments together. */
bool v1_sa_peer_defragments(const struct v1_sa *sa);

/* ${version}: the row of IKEv1. NULL: no memory. */
struct v1_sa *v1_sa_new(const struct ike_version *version, struct ike_engine *e, struct ike_policy *policy,
    enum sa_role role, const struct endpoint *local, const struct endpoint *remote);
/* Wipes and releases ${sa}, whose exchanges are released already. */
void v1_sa_free(struct v1_sa *sa);
/* Puts its record into ${out}. */
void v1_sa_record(const struct v1_sa *sa, struct ike_outbox *out);
/* The same of an SA with keys that is not established, as an item of ${kind}; ${iv} is the last of phase 1. */
void v1_sa_record_keys(const struct v1_sa *sa, enum ike_out_kind kind, const uint8_t *iv, struct now now,
    struct ike_outbox *out);
bool v1_sa_natt_in_use(const struct v1_sa *sa);
/*
 * Adds to ${f}, about a peer that is silent, that it answered before IKE moved to its port for NAT traversal,
 * if the port that the user named was not the usual one.
 */
void v1_sa_blame_float(const struct v1_sa *sa, struct fault *f);
uint8_t v1_proto_number(enum sa_proto proto);
/* The protection of ${sa}'s messages; borrowed from it. */
struct v1_message_keys v1_sa_message_keys(const struct v1_sa *sa);
/* Whether either end has begun an exchange under ${mid} before; remembers that it has now. */
bool v1_sa_seen(const struct v1_sa *sa, uint32_t mid);
void v1_sa_saw(struct v1_sa *sa, uint32_t mid);

#endif
