/* The answer to IKE_SA_INIT of IKEv2 (probe_msg.h), parsed without its keys. */
#ifndef SAPIPE_PROBE_V2_ANSWER_H
#define SAPIPE_PROBE_V2_ANSWER_H

#include "base/addr.h"
#include "wire/isakmp.h"

#define V2_TRANSFORMS_MAX	8
#define V2_VIDS_MAX		16

/* Notify types of RFC 7296, 3.10.1. */
enum {
	V2_INVALID_KE_PAYLOAD = 17, V2_NO_PROPOSAL_CHOSEN = 14, V2_NAT_SOURCE = 16388, V2_NAT_DESTINATION = 16389,
	V2_COOKIE = 16390,
};

enum v2_nat { V2_NAT_UNKNOWN, V2_NAT_NO, V2_NAT_YES };

struct v2_transform {		/* RFC 7296, 3.3.2 */
	uint8_t		type;	/* 1 cipher, 2 PRF, 3 integrity, 4 group */
	uint16_t	id, key_bits;
};

struct v2_answer {		/* spans point into the datagram */
	bool			chosen;		/* an SA payload with one proposal; its transforms: */
	size_t			n_transforms;
	struct v2_transform	transforms[V2_TRANSFORMS_MAX];
	uint16_t		notify;		/* the first error, or COOKIE; 0: none */
	uint16_t		wanted_group;	/* of INVALID_KE_PAYLOAD; 0: none */
	enum v2_nat		here, there;	/* a NAT before this end, before the peer */
	size_t			n_vids;
	struct span		vids[V2_VIDS_MAX];
};

/*
 * Parses ${dgram}, which came from ${remote} to ${local}, as an answer to IKE_SA_INIT with ${cky_i}. Nothing in it is
 * authenticated. False: it is none, or malformed.
 */
bool v2_answer_get(struct v2_answer *a, const uint8_t cky_i[COOKIE_LEN], const struct endpoint *local,
    const struct endpoint *remote, struct span dgram);

/* "aes-cbc-256", "hmac-sha2-256", "modp2048"; the number if it is not known, in ${buf}. */
#define V2_TRANSFORM_TEXT	32
const char *v2_transform_text(const struct v2_transform *t, char buf[V2_TRANSFORM_TEXT]);
/* "NO_PROPOSAL_CHOSEN", as RFC 7296 spells it; NULL: not known. */
const char *v2_notify_text(uint16_t type);

#endif
