/*
 * The transform of one direction of an SA: sizes, IVs, keys (RFC 4303 section 2). ESP and AH both have one; AH's has
 * NULL encryption. seal.h and open.h work on packets with it.
 */
#ifndef SAPIPE_ESP_TRANSFORM_H
#define SAPIPE_ESP_TRANSFORM_H

#include "crypto/crypto.h"
#include "esp/backend.h"

#define ESP_NEXT_IPV4	4
#define ESP_NEXT_IPV6	41
#define ESP_NEXT_NONE	59	/* dummy packets (RFC 4303, 2.6) */
#define ESP_TRAILER	2	/* pad length and next header */
/* The most bytes that ESP adds to a packet: header, IV, padding, trailer, ICV. */
#define ESP_GROW_MAX	(ESP_HDR + ESP_IV_MAX + 16 + ESP_TRAILER + ESP_ICV_MAX)

/* The verdict on a packet; each has its own counter. */
#define ESP_VERDICTS(V)							\
	V(OK,		"packets")					\
	V(SHORT,	"malformed")	/* cut, or not whole blocks */	\
	V(UNKNOWN_SPI,	"unknown-spi")					\
	V(REPLAY,	"replays")					\
	V(BAD_ICV,	"bad-icv")					\
	V(BAD_PADDING,	"bad-padding")					\
	V(DUMMY,	"dummies")	/* meant to be dropped */	\
	V(BUNDLE,	"half-bundles")	/* ESP without its AH, or AH without its ESP */ \
	V(FRAGMENT,	"fragments")	/* kept until the packet is whole */ \
	V(POLICY,	"policy-drops")	/* outside of the selectors */	\
	V(CONGESTED,	"ecn-drops")	/* RFC 6040, 4.2 */		\
	V(LINK_LOCAL,	"link-local")	/* multicast of the link, wanted by no selector */ \
	V(NO_SA,	"no-sa")	/* nothing to send it with */	\
	V(NO_HOP,	"no-next-hop")	/* several peers have selectors of all addresses, and no next hop chooses one */ \
	V(TOO_BIG,	"too-big")					\
	V(EXPIRED,	"expired")					\
	V(EXHAUSTED,	"seq-exhausted") /* no number left to send with */	\
	V(FAILED,	"failed")	/* crypto, memory, the system */

enum esp_verdict {
#define ESP_VERDICT_ENUM(v, text) ESP_##v,
	ESP_VERDICTS(ESP_VERDICT_ENUM)
#undef ESP_VERDICT_ENUM
	ESP_VERDICT_COUNT
};

/* "bad-icv" and the like: stable, for statistics. */
const char *esp_verdict_text(enum esp_verdict v);

struct esp_xf {
	const struct esp_backend *be;	/* NULL: nothing is here */
	struct esp_key	*key;
	enum alg_form	 form : 8;
	bool		 seal, esn;
	uint8_t		 iv_len, icv_len, align;
	uint64_t	 iv_next;	/* CTR and AEADs: the explicit IV counts */
};

/*
 * Prepares one direction with the first of ${list} that supports ${s}: ${enc} is key | salt. The first IV of counter forms
 * comes from ${rand}. 0, or -1 with FAULT_CONFIG (no backend supports it) or as esp_backend.key_new; nothing is held then.
 */
int esp_xf_init(struct esp_xf *xf, const struct esp_backend *const *list, const struct esp_suite *s,
    struct span enc, struct span auth, bool seal, const struct rand *rand, struct fault *f);
void esp_xf_free(struct esp_xf *xf);	/* wipes; harmless on zeros */

/* Bytes before the inner packet: ESP header and IV. */
static inline size_t
esp_xf_head(const struct esp_xf *xf)
{
	return ((size_t)ESP_HDR + xf->iv_len);
}

/* Bytes of the ESP packet around ${inner} bytes. */
size_t esp_xf_len(const struct esp_xf *xf, size_t inner);
/* The longest inner packet whose ESP packet has at most ${room} bytes; 0 if none fits. */
size_t esp_xf_inner_max(const struct esp_xf *xf, size_t room);

/* Explicit IVs that count are from the ${n}-th of 16 ranges; call it before the first IV. See esp_sa_range(). */
void esp_xf_iv_range(struct esp_xf *xf, uint32_t n);
/* Fills in the IV of a packet at ${p}; those of CBC are random bytes of ${ctx}. 0, or -1: no random bytes. */
int esp_xf_iv(struct esp_ctx *ctx, struct esp_xf *xf, uint8_t *p);

/* The checks of length that come before everything else: false is verdict SHORT. */
bool esp_xf_fits(const struct esp_xf *xf, size_t len);

#endif
