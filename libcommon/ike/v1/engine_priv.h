/* The engine as its own files see it: the lists of all SAs, children and connections. */
#ifndef SAPIPE_IKE_V1_ENGINE_PRIV_H
#define SAPIPE_IKE_V1_ENGINE_PRIV_H

#include "ike/ike.h"

struct v1_sa;
struct v1_child;
struct v1_conn;
struct v1_exchange;

struct ike_engine {
	struct ike_conf		 conf;
	/* Called when an exchange is over, however it ended: v1_exchange_over(). */
	void			(*ended)(struct v1_exchange *, struct now, struct ike_outbox *);
	struct v1_sa		*sas;
	struct v1_child		*children;
	struct v1_conn		*conns;
};

#endif
