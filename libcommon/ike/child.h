/* A child SA as the engine keeps it. Its record has the keys; the engine does not need them once it is established. */
#ifndef SAPIPE_IKE_CHILD_H
#define SAPIPE_IKE_CHILD_H

#include "crypto/proposal.h"
#include "ike/sa.h"

struct ike_child {
	struct ike_child	*next, **at;	/* the engine's list, and the pointer to this entry */
	struct table_node	 by_spi, by_peer;
	struct timer		 timer;
	struct ike_policy	*policy;
	char			*name;		/* NULL: none */
	uint8_t			 ike[16];	/* SPIs of the IKE SA that made it */
	uint8_t			 spi_in[4], spi_out[4], replaces[4];
	bool			 initiator;
	enum sa_proto		 protocol;
	enum sa_mode		 mode;
	enum sa_encap		 encap;
	struct ike_end		 local, remote;
	struct selector		 local_ts, remote_ts;	/* as negotiated */
	struct selector		 local_seen, remote_seen;	/* as packets have them: differ in transport mode behind a NAT */
	struct addr		 oa_local, oa_remote;	/* of NAT-OA; family 0: none */
	struct esp_proposal	 proposal;
	struct secret		 enc_in, auth_in, enc_out, auth_out;
	/* Of a bundle: AH around the ESP above, with a record of its own. */
	struct {
		bool			 on;
		uint8_t			 spi_in[4], spi_out[4];
		struct esp_proposal	 proposal;
		struct secret		 auth_in, auth_out;
	} ah;
	uint64_t		 established;
	uint64_t		 since;		/* epoch seconds: a child SA has carried this traffic from then on without a gap */
	struct sa_lifetime	 lifetime;
	bool			 replaced;	/* a newer one carries its traffic */
	bool			 inherited;	/* of another gateway, and not rekeyed here */
	bool			 spent;		/* its volume is used up */
	struct pool		*pool;		/* remote_ts is an address of it, which this child keeps in use; NULL: none */
	uint64_t		 soft_ms, hard_ms, delete_ms;	/* UINT64_MAX: never */
};

struct ike_child *ike_child_new(struct ike_policy *policy);	/* NULL: no memory */
void ike_child_free(struct ike_child *c);	/* wipes; NULL is fine; not while it is linked */
/* Wipes the keys: the record has them. */
void ike_child_forget_keys(struct ike_child *c);
/* Puts the record, with its keys, into ${out}; of a bundle both, AH first. */
void ike_child_record(const struct ike_child *c, enum sa_use use, struct ike_outbox *out);

/*
 * The engine's children. In IKEv1 they outlive the IKE SA that made them, so they belong to the
 * peer: any established SA with it serves to rekey and delete them.
 */
int ike_child_link(struct ike_engine *e, struct ike_child *c);	/* 0, or -1: no memory */
void ike_child_remove(struct ike_engine *e, struct ike_child *c);	/* unlinks and frees */
bool ike_child_of(const struct ike_child *c, const struct ike_sa *sa);	/* of its peer */
bool ike_child_carries(const struct ike_child *c, const struct selector *local_ts,
    const struct selector *remote_ts);
/* The child SAs of the peer ${id} (NULL: without identity) of ${policy}, newest first; NULL after the last. */
struct ike_child *ike_children_of(struct ike_engine *e, const struct ike_policy *policy, const struct ike_id *id);
/* Take the next one before ${c} is removed. */
struct ike_child *ike_children_next(struct ike_engine *e, const struct ike_child *c);
/* The child of ${sa}'s peer that carries just these selectors and is not replaced. */
struct ike_child *ike_child_like(const struct ike_sa *sa, const struct selector *local_ts,
    const struct selector *remote_ts);
/* By the SPI that this end receives with. */
struct ike_child *ike_child_by_spi(struct ike_engine *e, const uint8_t spi_in[4]);
/* The child of ${sa}'s peer by the SPI that the peer receives with. */
struct ike_child *ike_child_by_peer_spi(const struct ike_sa *sa, enum sa_proto proto,
    const uint8_t spi_out[4]);
/* The established SA that made ${c}, or else as ike_child_sa(): the peer's process that has ${c} is behind it. */
struct ike_sa *ike_child_own_sa(struct ike_engine *e, const struct ike_child *c);
/* The newest established SA with the peer of ${c}, if possible one that is not replaced. */
struct ike_sa *ike_child_sa(struct ike_engine *e, const struct ike_child *c);

#endif
