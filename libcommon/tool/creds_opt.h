/* Options that name certificates and keys, which are read before privileges are dropped. */
#ifndef SAPIPE_TOOL_CREDS_OPT_H
#define SAPIPE_TOOL_CREDS_OPT_H

#include "cli/opt.h"
#include "ike/policy.h"

/* As parsed: texts borrowed from argv or the peers file. */
struct creds_opts {
	struct opt_list	 cert, ca, crl, peer_cert, peer_hash;
	const char	*key, *passphrase;
	uint8_t		 policy;	/* enum cert_policy */
};

/* Rows for OPT_INCLUDE(struct policy_opts, creds, creds_optab). */
extern const struct opt creds_optab[];

/*
 * Reads the files of ${o} into ${p}->creds; relative paths count from the directory of ${beside}, if not NULL. Sets the
 * method of ECDSA to that of the key's curve. 0, or -1 with a fault that names the option.
 */
int creds_opts_build(struct ike_policy *p, const struct creds_opts *o, const char *beside, struct fault *f);

/* Reads only the files of --cert and --key; no check that they belong together. 0, or -1 likewise. */
int creds_own_read(struct creds *c, const struct creds_opts *o, struct fault *f);
/* Reads only the files of --ca, --crl and --peer-cert. 0, or -1 likewise. */
int creds_trust_read(struct creds *c, const struct creds_opts *o, struct fault *f);

#endif
