/*
 * SA payloads of phase 1, RFC 2409 section 5 and appendix A: our offer, the responder's choice, the
 * initiator's check of it. Bodies only, without the generic header: pure functions of their arguments.
 *
 * A mismatch is FAULT_NO_PROPOSAL; it is answered with NO-PROPOSAL-CHOSEN. fault.what then names the difference to the
 * closest offer. A body that does not decode is FAULT_MALFORMED or FAULT_TOO_LARGE.
 */
#ifndef SAPIPE_IKE_V1BASE_SA_PAYLOAD_P1_H
#define SAPIPE_IKE_V1BASE_SA_PAYLOAD_P1_H

#include "crypto/proposal.h"
#include "ike/policy.h"
#include "ike/v1base/sa_payload.h"

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
 * offers, regardless of the peer's order, so that an initiator cannot make it choose the last one,
 * which is for old peers only. With ${p}->accept_all, next the first offer that the registry
 * knows under one of ${p}->auths. ${reply} gets the body: only that transform, byte for byte.
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
 * Writes the offers of ${sa_body} next to the configured proposals of ${p}, line by line in the syntax
 * of proposals, unknown algorithms as numbers; then the first difference. Truncates to ${cap} bytes.
 */
char *p1_mismatch_text(char *out, size_t cap, struct span sa_body, const struct ike_policy *p);

#endif
