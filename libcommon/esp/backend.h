/*
 * The bulk crypto of ESP and AH behind one interface, chosen by suite: libcrypto, and Intel's ipsec-mb where it is.
 * Operations work on batches, so that a backend may interleave packets: ipsec-mb works on up to 16 at once, except for
 * AES-GCM, and costs 14 times as much with one packet a call, so callers hand over all packets that they have. A key
 * belongs to one direction of one SA, is prepared once, and is used by one worker at a time. Each worker has a
 * context of its own of each backend.
 */
#ifndef SAPIPE_ESP_BACKEND_H
#define SAPIPE_ESP_BACKEND_H

#include "base/fault.h"
#include "base/span.h"
#include "crypto/alg.h"
#include "crypto/crypto.h"

#define ESP_HDR		8	/* SPI and sequence number (RFC 4303 section 2) */
#define ESP_IV_MAX	16
#define ESP_ICV_MAX	32
#define ESP_BATCH	64	/* packets in one call of this room */
#define ESP_BACKENDS_MAX 4

/* Intel's ipsec-mb is used where it was there at build time. */
#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<intel-ipsec-mb.h>)
#define ESP_HAVE_MB
#endif
#endif

/* The algorithms of a key: rows of the registry. */
struct esp_suite {
	const struct alg_enc	*enc;
	const struct alg_integ	*integ;	/* NULL: an AEAD, or no integrity (tests of RFC 3602) */
	bool			 esn;	/* RFC 4304: the ICV covers the upper half */
};

struct esp_key;			/* the backend's own */
struct esp_backend_ctx;		/* the backend's own, one for each worker */

/*
 * The work on one packet, in place. This is not a struct pkt: a backend sees bytes under a key and no addresses, and
 * for AH the bytes are a copy whose mutable fields are zero.
 */
struct esp_job {
	struct esp_key	*key;
	uint8_t		*p;	/* SPI | sequence number | IV | body | ICV */
	size_t		 len;	/* of all of it, room for the ICV included */
	uint32_t	 seq_hi;	/* upper half of the sequence number; used only with ESN */
	bool		 ok;	/* the result */
	void		*owner;	/* the caller's */
};

struct esp_backend {
	const char *name;
	const char *(*version)(void);	/* of its library */
	/* A worker's context. NULL with FAULT_MEMORY or FAULT_CRYPTO. */
	struct esp_backend_ctx *(*ctx_new)(struct fault *);
	void (*ctx_free)(struct esp_backend_ctx *);	/* NULL is fine */
	bool (*supports)(const struct esp_suite *);
	/*
	 * Prepares a key: ${enc} is cipher key | salt, ${auth} the integrity key.
	 * NULL with FAULT_CONFIG if lengths do not fit the suite, FAULT_CRYPTO or
	 * FAULT_MEMORY.
	 */
	struct esp_key *(*key_new)(const struct esp_suite *, struct span enc, struct span auth,
	    bool seal, struct fault *);
	void (*key_free)(struct esp_key *);	/* NULL is fine */
	/*
	 * Encrypts each body (padded already) and fills in the ICV. The caller has
	 * written header and IV, and has made sure that they fit in ${len}. On return all jobs are done; the
	 * array may hold them in the order of completion: ${owner} identifies each.
	 */
	void (*seal)(struct esp_backend_ctx *, struct esp_job *, size_t n);
	/*
	 * Authenticates each packet and, where the ICV holds, decrypts its body.
	 * The caller has made sure that header, IV, whole blocks and ICV fit in ${len}. Of a
	 * packet that is not ok, the body is garbage. Order as for seal.
	 */
	void (*open)(struct esp_backend_ctx *, struct esp_job *, size_t n);
};

extern const struct esp_backend esp_backend_ossl;
#ifdef ESP_HAVE_MB
extern const struct esp_backend esp_backend_mb;	/* supports nothing on a processor without AES-NI */
#endif

/* For key_new: whether the keys have the lengths that the suite wants. 0, or -1 with FAULT_CONFIG. */
int esp_suite_keys(const struct esp_suite *s, struct span enc, struct span auth, struct fault *f);

/* A list of backends ends with NULL. This one holds those of this build, the preferred one first. */
extern const struct esp_backend *const esp_backends[];
/* The first of ${list} that supports ${s}; NULL if none does. */
const struct esp_backend *esp_backend_for(const struct esp_backend *const *list,
    const struct esp_suite *s);

#define ESP_IV_POOL	256

/* The crypto state of one worker: a context of each backend, random bytes for IVs, and a private buffer. */
struct esp_ctx {
	const struct esp_backend *const *list;
	struct esp_backend_ctx *of[ESP_BACKENDS_MAX];
	uint8_t		*work;		/* ESP_WORK bytes: the packet in hand of AH */
	uint8_t		*slots;		/* for received packets that lack headroom; NULL until needed */
	struct rand	 rand;
	size_t		 pool_left;	/* bytes of ${pool} that no IV was made of yet */
	uint8_t		 pool[ESP_IV_POOL];
};

/* ${list} (at most ESP_BACKENDS_MAX) and ${rand}, for IVs, outlive it. NULL with FAULT_MEMORY or FAULT_CRYPTO. */
struct esp_ctx *esp_ctx_new(const struct esp_backend *const *list, const struct rand *rand, struct fault *f);
void esp_ctx_free(struct esp_ctx *ctx);		/* NULL is fine */
/* The context of ${be}, which is in the list. */
struct esp_backend_ctx *esp_ctx_of(const struct esp_ctx *ctx, const struct esp_backend *be);
/* Room for packet ${i} < ESP_BATCH with ESP_SLOT bytes; NULL: no memory. */
uint8_t *esp_ctx_slot(struct esp_ctx *ctx, size_t i);

#define ESP_WORK	(65535 + 40 + ESP_ICV_MAX)
#define ESP_SLOT	(65535 + 256)

#endif
