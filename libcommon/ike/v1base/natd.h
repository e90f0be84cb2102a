/*
 * NAT traversal of IKEv1: RFC 3947 and the drafts before it, a row for each;
 * NAT-D hashes and their comparison.
 */
#ifndef SAPIPE_IKE_V1BASE_NATD_H
#define SAPIPE_IKE_V1BASE_NATD_H

#include "base/addr.h"
#include "crypto/crypto.h"
#include "sa/record.h"
#include "wire/isakmp.h"
#include "wire/vid.h"

struct natt_version {
	enum vid_kind	kind;		/* the vendor ID that announces it */
	const char	*word;		/* in SA state: "rfc3947", "draft-03", ... */
	uint8_t		natd, natoa;	/* payload types */
	uint16_t	encap_tunnel, encap_transport;	/* IPsec DOI encapsulation modes */
	/* Where there is a NAT: IKE moves to port 4500 behind a non-ESP marker; else all
	 * stays on port 500 and a non-IKE marker precedes ESP. */
	bool		floats;
};

/* Versions, best first; NULL after the last. */
const struct natt_version *natt_version_row(size_t i);
const struct natt_version *natt_version_word(const char *word);

/*
 * The best version that both ends announce. Sets hold bits 1 << enum vid_kind.
 * The two spellings of draft 02 announce one version. NULL: none.
 */
const struct natt_version *natt_choose(uint32_t ours, uint32_t theirs);
#define NATT_ALL	(1U << VID_NATT_RFC3947 | 1U << VID_NATT_DRAFT_03 |		\
	1U << VID_NATT_DRAFT_02 | 1U << VID_NATT_DRAFT_02_N | 1U << VID_NATT_DRAFT_00)

/* HASH(CKY-I | CKY-R | IP | Port), RFC 3947 section 3.2: ${h}->len bytes. 0 or -1. */
int natd_hash(const struct alg_hash *h, const uint8_t cky_i[COOKIE_LEN],
    const uint8_t cky_r[COOKIE_LEN], const struct endpoint *e, uint8_t out[HASH_MAX],
    struct fault *f);

#endif
