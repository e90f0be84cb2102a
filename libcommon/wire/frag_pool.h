/*
 * The messages that peers are sending in IKE fragments: one for each pair of cookies and address, all of them bounded.
 *
 * A fragment proves nothing, and its address may be forged. So a full pool gives the place of the least trusted message,
 * of these the oldest, to one that is trusted as much or more: a flood of first messages does not reach those of SAs.
 * IPv6 addresses count by their first 64 bits, because one host has all addresses of such a network.
 */
#ifndef SAPIPE_WIRE_FRAG_POOL_H
#define SAPIPE_WIRE_FRAG_POOL_H

#include "base/addr.h"
#include "base/now.h"
#include "wire/fragment.h"

#define FRAG_POOL_MAX		256	/* messages of all addresses: 4 MiB of FRAG_MSG_MAX bytes */
#define FRAG_POOL_PER_ADDR	32	/* of one address */
#define FRAG_LIFE_MS		30000	/* from the first fragment of a message to the last */
#define FRAG_STRANGER_LIFE_MS	5000	/* of a message without an SA */
/*
 * One of two fragments that contradict each other is forged or of another message. Nothing shows which, so that the
 * message then has as long to become whole, and the next retransmission begins afresh.
 */
#define FRAG_DOUBT_MS		400

enum frag_trust {
	FRAG_STRANGER,		/* no SA here, or not from the address of its peer */
	FRAG_HALF_OPEN,		/* the peer began the SA and has not sent our cookie back */
	FRAG_RETURNED,		/* it has, or this end began */
	FRAG_PROVEN,		/* the SA is established */
};

struct frag_entry;

struct frag_pool {		/* all zero is empty */
	struct frag_entry	*oldest, **last;
	size_t			 n;
};

/*
 * Adds the fragment in ${dgram}, which has the header ${h} and came from ${from}. True: its message is complete, and
 * replaces ${whole}; its own header is valid, has the same cookies and is not one of a fragment. False: fragments are
 * missing, or this one was dropped, and ${f} has the reason; f->code is FAULT_NONE if there is none.
 */
bool frag_pool_add(struct frag_pool *pool, struct now now, const struct addr *from, enum frag_trust trust,
    const struct isakmp_hdr *h, struct span dgram, struct bytes *whole, struct fault *f);
/* Drops what came for an SA that ends; ${cky_r} may be zero. */
void frag_pool_drop(struct frag_pool *pool, const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN]);
void frag_pool_free(struct frag_pool *pool);

#endif
