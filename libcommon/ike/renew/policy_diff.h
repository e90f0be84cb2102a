/* What differs between two policies for one peer: the one before its file was read again, and the one after. */
#ifndef SAPIPE_IKE_RENEW_POLICY_DIFF_H
#define SAPIPE_IKE_RENEW_POLICY_DIFF_H

#include "ike/policy.h"

/* What a difference means for the SAs that were negotiated under the policy before. Bits. */
enum policy_change {
	POLICY_LATER = 1,	/* nothing: it applies to what is negotiated from now on */
	POLICY_CHILD = 2,	/* a child SA stays if the policy after allows it */
	POLICY_IKE = 4,		/* an IKE SA stays if the policy after allows it, with its child SAs */
	POLICY_PROOF = 8,	/* what the peer proved is worth nothing any more: its SAs end */
};

/*
 * Returns the bits of all that differs, 0 if ${a} and ${b} are the same, names aside. ${keys} (${cap} bytes, at least 1) gets
 * the options that differ, "psk-file, esp", cut to the room. A file of the same content under another name is no difference.
 */
unsigned ike_policy_diff(const struct ike_policy *a, const struct ike_policy *b, char *keys, size_t cap);

#endif
