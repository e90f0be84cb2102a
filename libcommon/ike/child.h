/* A child SA as the engine keeps it. Its record has the keys; the engine needs them no more once it is up. */
#ifndef SAPIPE_IKE_CHILD_H
#define SAPIPE_IKE_CHILD_H

#include "ike/sa.h"

struct ike_child {
	struct ike_child	*next;
	struct ike_policy	*policy;
	char			*name;		/* NULL: none */
	uint8_t			 ike[16];	/* SPIs of the IKE SA that made it */
	uint8_t			 spi_in[4], spi_out[4], replaces[4];
	bool			 initiator;
	enum sa_proto		 protocol;
	enum sa_mode		 mode;
	enum sa_encap		 encap;
	struct ike_end		 local, remote;
	struct selector		 local_ts, remote_ts;
	struct esp_proposal	 proposal;
	struct secret		 enc_in, auth_in, enc_out, auth_out;
	uint64_t		 established;
	struct sa_lifetime	 lifetime;
	bool			 replaced;	/* a newer one carries its traffic */
	uint64_t		 soft_ms, hard_ms, delete_ms;	/* UINT64_MAX: never */
};

struct ike_child *ike_child_new(struct ike_policy *policy);	/* NULL: no memory */
void ike_child_free(struct ike_child *c);	/* wipes; NULL is fine; not while it is linked */
/* The keys are in the record and of no more use here. */
void ike_child_forget_keys(struct ike_child *c);
/* Puts the record, with its keys, into ${out}. */
void ike_child_record(const struct ike_child *c, enum sa_use use, struct ike_outbox *out);

#endif
