/*
 * Probe messages: cookies, nonces and keys are random and thrown away. Each function returns the
 * message, in ${buf}, or an empty span: no randomness, no memory.
 */
#ifndef SAPIPE_PROBE_PROBE_MSG_H
#define SAPIPE_PROBE_PROBE_MSG_H

#include "probe/probe.h"
#include "ike/v1base/natd.h"

/* Message 1 of main mode under a new cookie; ${vids} as probe_main1() has them. */
struct span ask_main1(uint8_t buf[PROBE_MSG_MAX], const struct rand *rand,
    uint8_t cky_i[COOKIE_LEN], const struct probe_offer *o, unsigned vids);
/* Message 1 of aggressive mode, with a key of the group of the first transform. */
struct span ask_aggressive1(uint8_t buf[PROBE_MSG_MAX], const struct rand *rand,
    uint8_t cky_i[COOKIE_LEN], const struct probe_offer *o, const struct id *id);

/*
 * IKE_SA_INIT of IKEv2 with common algorithms (RFC 7296, 1.2): any answer shows that IKEv2 is spoken there. With ${local},
 * NULL without, it has the hashes of both ends, so that the peer answers with its own (2.23).
 */
struct span ask_v2_init(uint8_t buf[PROBE_MSG_MAX], const struct rand *rand, uint8_t cky_i[COOKIE_LEN],
    const struct endpoint *local, const struct endpoint *remote);

/* The input of message 3: the cookies, and the transform that message 2 chose. */
struct ask_key {
	uint8_t			 cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	struct ike_proposal	 choice;
	const struct natt_version *natt;	/* NULL: without NAT-D */
	struct endpoint		 local, remote;	/* for NAT-D */
};
struct span ask_main3(uint8_t *buf, size_t cap, const struct rand *rand,
    const struct ask_key *k, size_t len);		/* padded to ${len} bytes; 0: as it is */

/*
 * Finds the address, among ${n}, and the port that a NAT-D hash was computed from: tries port ${guess}
 * first, then all 65536 for each address. False: none of them.
 */
bool ask_seen(struct endpoint *seen, const struct ask_key *k, struct span natd,
    const struct addr *addrs, size_t n, uint16_t guess);

/* Hands the cookies to ${each} as the ids of a machine (ike/machine.h), if there are any yet. */
void ask_id(const struct ask_key *k, void (*each)(void *ctx, const uint8_t id[16]), void *ctx);

#endif
