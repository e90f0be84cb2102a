/* Compares two policies for one peer: the old one, and the new one that was read from the file again. */
#ifndef SAPIPE_IKE_RENEW_POLICY_DIFF_H
#define SAPIPE_IKE_RENEW_POLICY_DIFF_H

#include "ike/policy.h"

/* What a difference means for the SAs of the old policy. Bits. */
enum policy_change {
	POLICY_LATER = 1,	/* nothing: it applies to later negotiations */
	POLICY_CHILD = 2,	/* a child SA stays if the new policy allows it */
	POLICY_IKE = 4,		/* an IKE SA stays, with its child SAs, if the new policy allows it */
	POLICY_REVOKED = 16,	/* revocation lists: an IKE SA stays, with its child SAs, unless they revoke the peer's certificate */
	POLICY_PROOF = 8,	/* the peer's proof is not valid any more: its SAs are deleted */
};

/*
 * Returns the bits of all differences, 0 if ${a} and ${b} differ in their names at most. ${keys} (${cap} bytes, at least 1) gets
 * the options that differ, "psk-file, esp", cut to its size. A file with another name and the same content is no difference.
 */
unsigned ike_policy_diff(const struct ike_policy *a, const struct ike_policy *b, char *keys, size_t cap);

#endif
