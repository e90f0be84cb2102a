/*
 * SA payloads of IKEv1: offering, choosing and checking proposals for phase 1 (RFC 2409 section
 * 5 and appendix A) and phase 2 (RFC 2407 sections 4.4, 4.5). Bodies only, without the generic
 * header: pure functions of their arguments.
 *
 * A transform counts only if each of its attributes is known, stands once and in the form that
 * its class wants (RFC 2409 appendix A), AES has its key length and fixed ciphers have none.
 * A mismatch is FAULT_NO_PROPOSAL, or FAULT_PFS_MISMATCH where nothing but the group of
 * phase 2 differs; both are answered with NO-PROPOSAL-CHOSEN. fault.what then says what the
 * closest offer differs in. A body that does not decode is FAULT_MALFORMED or FAULT_TOO_LARGE.
 */
#ifndef SAPIPE_IKE_V1_SA_PAYLOAD_H
#define SAPIPE_IKE_V1_SA_PAYLOAD_H

#include "crypto/proposal.h"
#include "ike/policy.h"
#include "wire/isakmp.h"

#define SA_BODY_MAX	4096	/* bytes that any offer of ours fits in */
#define SA_MISMATCH_TEXT 4096	/* room for the text of a mismatch */

struct sa_life {
	uint64_t	seconds, kilobytes;	/* 0: not named, no limit */
};

struct p1_choice {
	struct ike_proposal	proposal;
	uint16_t		auth;		/* enum ike_auth: one of the policy's methods */
	uint8_t			num;		/* transform number */
	struct sa_life		said;		/* as the transform has it */
	struct sa_life		life;		/* the shorter of that and our own */
	bool			shorter;	/* ours is the shorter one */
};

/*
 * The initiator's offer: one proposal with a transform for each of ${p}->ike under each of
 * ${p}->auths, numbered from 1: all proposals under the first method, then all under the next. In
 * aggressive mode, whose KE is sent along, only those with the group of the first proposal, which
 * is p1_group(). ${w}->bad if a list is empty or the offer does not fit.
 */
void p1_offer(struct wr *w, const struct ike_policy *p);
/* The group of an aggressive mode's KE; NULL if the list is empty. */
const struct alg_group *p1_group(const struct ike_policy *p);

/*
 * The responder's choice: the first of its own offer (as p1_offer() orders it) that the peer
 * offers, whatever the peer's order, so that an initiator cannot make it choose the last one,
 * which is there for old peers. With ${p}->accept_all, next the first offer that the registry
 * knows under one of ${p}->auths. ${reply} gets the body: that transform alone, byte for byte.
 * 0, or -1 with ${reply} untouched.
 */
int p1_choose(struct p1_choice *out, struct span sa_body, const struct ike_policy *p,
    struct wr *reply, struct fault *f);

/*
 * The initiator's check of the reply: exactly one proposal with one transform that it did offer;
 * lifetimes may differ, as some responders put their own. Else FAULT_PROTOCOL.
 */
int p1_accept(struct p1_choice *out, struct span sa_body, const struct ike_policy *p,
    struct fault *f);

/*
 * What ${sa_body} offers beside what ${p} is configured for, line by line in the words of
 * proposals, unknown numbers as such; then the first difference. Cut to ${cap} bytes.
 */
char *p1_mismatch_text(char *out, size_t cap, struct span sa_body, const struct ike_policy *p);

struct p2_choice {
	struct esp_proposal	proposal;
	enum sa_proto		proto;
	uint8_t			spi[4];		/* the peer's */
	uint8_t			num;		/* transform number */
	uint16_t		encap;		/* enum ipsec_encap, as agreed */
	struct sa_life		said, life;	/* as in p1_choice */
	bool			shorter;	/* RESPONDER-LIFETIME is due */
};

/*
 * The initiator's offer: one ESP or AH proposal (${p}->proto) with ${spi}, a transform for each
 * of ${p}->esp whose group is ${pfs} (NULL: those without). Quick mode carries one KE, so
 * proposals with another group are not offered; p2_group() is the group to take: that of the
 * first. ${encap} goes into each transform. ${w}->bad if there is none or it does not fit.
 */
void p2_offer(struct wr *w, const struct ike_policy *p, const uint8_t spi[4], uint16_t encap,
    const struct alg_group *pfs);
const struct alg_group *p2_group(const struct ike_policy *p);

/*
 * The responder's choice, by its own order as p1_choose(). ${encaps} are the modes it takes; a
 * transform that names none gets the first. ${ke_len}: bytes in the peer's KE payload, 0 without
 * one; a transform's group must be the one that this fits, and a transform without a group fits
 * only no KE. Proposals that share their number (AND, RFC 2408 section 4.2) are
 * refused, as are SPIs of other than 4 bytes or below 256. ${reply} gets the transform byte for
 * byte under ${spi}, our own. 0, or -1 with ${reply} untouched.
 */
int p2_choose(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len, const uint8_t spi[4],
    struct wr *reply, struct fault *f);

/* The initiator's check of the reply to p2_offer() with the same arguments, as p1_accept(). */
int p2_accept(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    uint16_t encap, const struct alg_group *pfs, struct fault *f);

/* As p1_mismatch_text(). */
char *p2_mismatch_text(char *out, size_t cap, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len);

#endif
