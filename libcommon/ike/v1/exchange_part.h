/* What phase 1 and quick mode keep beside the common state of an exchange, in its ${part}. */
#ifndef SAPIPE_IKE_V1_EXCHANGE_PART_H
#define SAPIPE_IKE_V1_EXCHANGE_PART_H

#include "base/bytes.h"
#include "crypto/cert.h"
#include "crypto/dh.h"
#include "ike/policy.h"
#include "ike/version.h"
#include "ike/v1base/sa_payload_p2.h"

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
	bool		 cert_asked;		/* the peer sent a CERTREQ */
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
	uint8_t			 spi_in[4];
	struct bytes		 offer, reply;	/* bodies of the SA payloads, at the responder */
	struct dh		*dh;		/* with PFS */
	struct bytes		 gx_peer;
	struct bytes		 ni_b, nr_b;
	struct bytes		 idci, idcr;	/* bodies as received or sent */
	bool			 has_ids;
	uint8_t			 n_ids;		/* parsed in the current message */
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

#endif
