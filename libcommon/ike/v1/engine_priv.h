/* The engine as its own files see it: the lists of all SAs, children and connections. */
#ifndef SAPIPE_IKE_V1_ENGINE_PRIV_H
#define SAPIPE_IKE_V1_ENGINE_PRIV_H

#include "ike/ike.h"

struct v1_sa;
struct ike_child;
struct v1_conn;

struct ike_engine {
	struct ike_conf		 conf;
	struct v1_sa		*sas;
	struct ike_child	*children;
	struct v1_conn		*conns;
};

#endif
