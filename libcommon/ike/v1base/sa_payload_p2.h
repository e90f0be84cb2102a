/*
 * SA payloads of phase 2, RFC 2407 sections 4.4 and 4.5: our offer, the responder's choice, the
 * initiator's check of it. Bodies only, without the generic header: pure functions of their arguments.
 *
 * A mismatch is FAULT_NO_PROPOSAL (CAUSE_ENCAP_MODE where only the mode differs), or FAULT_PFS_MISMATCH where only the group
 * differs. fault.what then names the difference to the closest offer. A body that does not decode is FAULT_MALFORMED or FAULT_TOO_LARGE.
 */
#ifndef SAPIPE_IKE_V1BASE_SA_PAYLOAD_P2_H
#define SAPIPE_IKE_V1BASE_SA_PAYLOAD_P2_H

#include "crypto/proposal.h"
#include "ike/policy.h"
#include "ike/v1base/sa_payload.h"

struct p2_choice {
	struct esp_proposal	proposal;
	enum sa_proto		proto;
	uint8_t			spi[4];		/* the peer's */
	bool			bundle;		/* ... and AH around it: */
	struct esp_proposal	ah;
	uint8_t			ah_spi[4];
	uint8_t			num;		/* transform number */
	uint16_t		encap;		/* enum ipsec_encap, as agreed */
	struct sa_life		said, life;	/* as in p1_choice */
	bool			shorter;	/* RESPONDER-LIFETIME is due */
};

/*
 * The initiator's offer: one ESP or AH proposal (${p}->proto) with ${spis}, a transform for each
 * of ${p}->esp whose group is ${pfs} (NULL: those without). Quick mode carries one KE, so
 * proposals with another group are not offered; p2_group() is the group to take: that of the
 * first. ${spis} is this end's SPI of 4 bytes. With ${p}->ah there are two,
 * of ESP and of AH, and the offer is a bundle: two proposals of one number (RFC 2408, 4.2), both with the same group.
 * ${encap} goes into each transform. ${w}->bad if there is none or it does not fit.
 */
void p2_offer(struct wr *w, const struct ike_policy *p, const uint8_t *spis, uint16_t encap,
    const struct alg_group *pfs);
const struct alg_group *p2_group(const struct ike_policy *p);
/* The group of ${p}->esp, NULL or not, that follows all proposals with the group ${last} for the first time. False: none. */
bool p2_next_group(const struct ike_policy *p, const struct alg_group *last, const struct alg_group **next);
/*
 * What a refusal of the offer ${sa_body} names: the SPI of its first proposal, and the number of the first group in it, 0
 * without one. False: it does not decode, or has another SPI than one of 4 bytes.
 */
bool p2_offered(struct span sa_body, uint8_t spi[4], uint16_t *group);

/*
 * The responder's choice, by its own order as p1_choose(). ${encaps} are the modes it accepts; a
 * transform that names none gets the first. ${ke_len}: bytes in the peer's KE payload, 0 without
 * one; a transform's group must match this length, and a transform without a group matches
 * only a message without KE. Proposals that share their number (AND, RFC 2408 section 4.2) are a bundle, and
 * accepted only with ${p}->ah, which accepts nothing else; a protocol that is in it twice is FAULT_PROTOCOL with
 * CAUSE_BAD_OFFER. SPIs of other than 4 bytes or below 256 are rejected. ${reply} gets the transforms byte for byte under
 * ${spis}. 0, or -1 with ${reply} untouched.
 */
int p2_choose(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len, const uint8_t *spis,
    struct wr *reply, struct fault *f);

/* The initiator's check of the reply to p2_offer() with the same arguments, as p1_accept(). */
int p2_accept(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    uint16_t encap, const struct alg_group *pfs, struct fault *f);

/* As p1_mismatch_text(). */
char *p2_mismatch_text(char *out, size_t cap, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len);

#endif
