/* Connections: what this end was told to establish and keep established. */
#ifndef SAPIPE_IKE_V1_CONN_H
#define SAPIPE_IKE_V1_CONN_H

#include "ike/v1/engine_priv.h"

/*
 * A connection that this end was told to make. What stands is compared with what is
 * wanted whenever something ended: that alone keeps a tunnel up (--keep).
 */
struct v1_conn {
	struct v1_conn		*next;
	struct ike_policy	*policy;
	struct endpoint		 local, remote;
	bool			 children;
	bool			 was_up;	/* else its first failure is the tool's to judge */
	uint64_t		 at_ms;		/* of the next look; UINT64_MAX: when woken */
	uint32_t		 tries;
};
#define V1_CONN_WAIT_MS		1000	/* before beginning anew; doubles ... */
#define V1_CONN_WAIT_MAX_MS	60000	/* ... up to this */

struct v1_conn *v1_conn_new(struct ike_engine *e, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, bool children);
/* Something of ${policy}'s ended: have a look at its connections after ${wait_ms}. */
void v1_conn_wake(struct ike_engine *e, struct now now, const struct ike_policy *policy,
    uint64_t wait_ms);
/* All is well with ${policy}'s connections. */
void v1_conn_settled(struct ike_engine *e, const struct ike_policy *policy);

#endif
