/* What phase 1 and quick mode keep beside the common state of an exchange, in its ${part}. */
#ifndef SAPIPE_IKE_V1_EXCHANGE_PART_H
#define SAPIPE_IKE_V1_EXCHANGE_PART_H

#include "base/bytes.h"
#include "crypto/cert.h"
#include "crypto/dh.h"
#include "ike/policy.h"
#include "ike/v1base/sa_payload_p2.h"
#include "ike/v1run/exchange.h"
#include "ike/v1run/ike_sa.h"
#include "ike/version.h"

struct ike_child;

#define NATD_SEEN_MAX	16

/* The state of phase 1, freed when it ends. */
struct v1_phase1 {
	struct dh	*dh;
	struct bytes	 sai_b, sar_b;		/* bodies of the SA payloads */
	struct bytes	 gx_peer;		/* of the KE payload received */
	struct bytes	 ni_b, nr_b;
	struct bytes	 idii_b, idir_b;
	size_t		 n_natd;
	struct { uint8_t len, b[HASH_MAX]; } natd[NATD_SEEN_MAX];
	uint32_t	 natt_seen;		/* bit 1 << enum vid_kind of the peer's VIDs */
	struct fault	*wrong_id;		/* why the peer's ID is not accepted, or NULL: no reason */
	struct certs	 certs;			/* of the peer's message at hand */
	/* Of the peer's CERTREQs: one of any CA; the CAs of the others, each a 16-bit length and DER. */
	bool		 any_cert_asked;
	struct bytes	 cert_cas;
	bool		 has_keys;
	bool		 initial_contact;	/* the peer sent INITIAL-CONTACT */
	enum ike_begin	 begin;			/* why this end begins it */
	bool		 shorter_life;		/* responder: our own, which the peer does not know */
	uint64_t	 responder_seconds;	/* initiator: of a RESPONDER-LIFETIME notify, or 0 */
};

/* The state of quick mode, freed when it ends. */
struct v1_quick {
	struct ike_policy	*policy;
	struct selector		 local_ts, remote_ts;
	struct p2_choice	 choice;
	uint8_t			 spi_in[8];	/* 4 bytes; of a bundle, AH's behind ESP's */
	struct bytes		 offer, reply;	/* bodies of the SA payloads, at the responder */
	struct dh		*dh;		/* with PFS */
	struct bytes		 gx_peer;
	struct bytes		 ni_b, nr_b;
	struct bytes		 idci, idcr;	/* bodies as received or sent */
	bool			 has_ids;
	uint8_t			 n_ids, n_oas;	/* parsed in the current message */
	struct addr		 oa_local, oa_remote;	/* NAT-OA: this end's address as the peer knows it, and the peer's own */
	const struct alg_group	*pfs;
	uint8_t			 replaces[4];	/* spi-in of the child to be rekeyed, or zero */
	uint64_t		 responder_seconds;	/* of a RESPONDER-LIFETIME notify, or 0 */
	uint64_t		 responder_kilobytes;
	uint8_t			 replay[4];	/* data of a REPLAY-STATUS notify (RFC 2407, 4.6.3.2) */
	bool			 has_replay;
	struct ike_child	*child;		/* once its keys are made */
};

static inline int
v1_quick_no_memory(struct fault *f)
{
	return (fault(f, FAULT_MEMORY, "no memory for quick mode"));
}

static inline struct ike_sa *
ike(const struct v1_exchange *x)
{
	return (&x->sa->ike);
}

static inline struct v1_phase1 *
phase1_of(const struct v1_exchange *x)
{
	return (x->part);
}

static inline struct v1_quick *
quick_of(const struct v1_exchange *x)
{
	return (x->part);
}

/* -1 with the fault. */
static inline int
phase1_no_memory(struct fault *f)
{
	return (fault(f, FAULT_MEMORY, "no memory for phase 1"));
}

#endif
