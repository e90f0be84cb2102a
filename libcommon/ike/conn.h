/* Connections: the SAs that this end has to establish and keep established. */
#ifndef SAPIPE_IKE_CONN_H
#define SAPIPE_IKE_CONN_H

#include "base/heap.h"
#include "ike/ike.h"

/*
 * A connection that this end has to establish. Whenever one of its SAs has ended, the existing
 * SAs are compared with the wanted ones, and missing ones are negotiated: this keeps a tunnel up (--keep).
 */
struct ike_conn {
	struct ike_conn		*next;
	struct timer		 timer;		/* of the next comparison */
	struct ike_policy	*policy;
	struct endpoint		 local, remote;
	bool			 children;
	bool			 was_up;	/* else its first failure is the tool's to judge */
	bool			 either;	/* an SA that the peer began, under whichever policy, will do */
	bool			 waited;	/* for an exchange whose first message may be forged */
	bool			 begun;	/* the timer is for the failure of the phase 1 that was begun last */
	bool			 missed;	/* and one of its SAs failed before */
	uint32_t		 tries;
	struct addr		 had, had6;	/* addresses that mode config assigned last; family 0: none */
	struct endpoint		 elsewhere;	/* where the gateway redirected this client last; family 0: nowhere */
	uint32_t		 redirects;	/* one after another, without a child SA between them */
};
#define IKE_CONN_WAIT_MS	1000	/* before it is started over; doubles ... */
#define IKE_CONN_WAIT_MAX_MS	60000	/* ... up to this */
#define IKE_CONN_FORGED_MS	500	/* for an exchange of the peer that has not sent our SPI back */

/* 0, or -1: no memory. */
int ike_conn_add(struct ike_engine *e, struct ike_policy *policy, const struct endpoint *local,
    const struct endpoint *remote, bool children);
struct ike_conn *ike_conn_find(const struct ike_engine *e, const struct ike_policy *policy);
void ike_conn_remove(struct ike_engine *e, struct ike_conn *conn);	/* from the engine; frees it */
/* An SA of ${policy} ended: its connections are looked at after ${wait_ms}. */
void ike_conn_wake(struct ike_engine *e, struct now now, const struct ike_policy *policy,
    uint64_t wait_ms);
/* ${policy}'s connections are up; what failed before is tried again. */
void ike_conn_settled(struct ike_engine *e, struct now now, const struct ike_policy *policy);

#endif
