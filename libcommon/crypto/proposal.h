/*
 * Proposals as users write them: `aes256-sha256-modp2048`, `aes128gcm16`,
 * `3des-md5-modp1024`; comma separated, best first.
 */
#ifndef SAPIPE_CRYPTO_PROPOSAL_H
#define SAPIPE_CRYPTO_PROPOSAL_H

#include "base/fault.h"
#include "crypto/alg.h"

#define PROPOSALS_MAX	24	/* in one list */
#define PROPOSAL_TEXT	80

struct ike_proposal {			/* phase 1 */
	const struct alg_enc	*enc;
	const struct alg_hash	*hash;
	const struct alg_group	*group;
};

struct esp_proposal {			/* phase 2; with a group it means PFS */
	const struct alg_enc	*enc;	/* NULL in AH */
	const struct alg_integ	*integ;	/* NULL with an AEAD */
	const struct alg_group	*group;	/* NULL: no PFS */
	bool			 esn;	/* word "esn" */
};

struct ike_proposals { size_t n; struct ike_proposal p[PROPOSALS_MAX]; };
struct esp_proposals { size_t n; struct esp_proposal p[PROPOSALS_MAX]; };

/*
 * Parses a list. Phase 1 requires cipher, hash and group; ESP a cipher and, except for AEADs, an
 * integrity algorithm; AH only an integrity algorithm; both accept a group (PFS) and `esn`. Words
 * may be in any case and order, one of each kind. The registry's synonyms, `dh14`, `group14`, and
 * blanks around commas are accepted. A repeated proposal counts once. 0, or -1 with
 * FAULT_BAD_PROPOSAL, which names the wrong word and the valid ones; the list is then empty.
 */
int ike_proposals_parse(struct ike_proposals *out, const char *text, struct fault *f);
int esp_proposals_parse(struct esp_proposals *out, const char *text, struct fault *f);
int ah_proposals_parse(struct esp_proposals *out, const char *text, struct fault *f);

/* In the registry's words; NULL members are omitted. */
char *ike_proposal_text(char out[PROPOSAL_TEXT], const struct ike_proposal *p);
char *esp_proposal_text(char out[PROPOSAL_TEXT], const struct esp_proposal *p);

/* The default proposals: strong and widely supported, nothing weak. */
extern const char ike_proposals_default[];
extern const char esp_proposals_default[];

#endif
