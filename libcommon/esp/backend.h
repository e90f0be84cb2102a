/*
 * The bulk crypto of ESP behind one interface: libcrypto now, others beside it.
 * Operations take batches, so that a backend may interleave packets (ipsec-mb
 * works on 4 to 16 at once). A key belongs to one direction of one SA, is
 * prepared once, and is used by one thread at a time.
 */
#ifndef SAPIPE_ESP_BACKEND_H
#define SAPIPE_ESP_BACKEND_H

#include "base/fault.h"
#include "base/span.h"
#include "crypto/alg.h"

#define ESP_HDR		8	/* SPI and sequence number (RFC 4303 section 2) */
#define ESP_IV_MAX	16
#define ESP_ICV_MAX	32

/* What a key is for: rows of the registry. */
struct esp_suite {
	const struct alg_enc	*enc;
	const struct alg_integ	*integ;	/* NULL: an AEAD, or no integrity at all (tests of RFC 3602) */
	bool			 esn;	/* RFC 4304: the upper half takes part in the ICV */
};

struct esp_key;			/* the backend's own */

/* One packet, worked on in place. */
struct esp_job {
	struct esp_key	*key;
	uint8_t		*p;	/* SPI | sequence number | IV | body | ICV */
	size_t		 len;	/* of all of it, room for the ICV included */
	uint32_t	 seq_hi;	/* upper half of the sequence number; read with ESN alone */
	bool		 ok;	/* the result */
};

struct esp_backend {
	const char *name;
	/*
	 * Prepares a key: ${enc} is cipher key | salt, ${auth} the integrity key.
	 * NULL with FAULT_CONFIG if lengths do not fit the suite, FAULT_CRYPTO or
	 * FAULT_MEMORY.
	 */
	struct esp_key *(*key_new)(const struct esp_suite *, struct span enc, struct span auth,
	    bool seal, struct fault *);
	void (*key_free)(struct esp_key *);	/* wipes; NULL is fine */
	/*
	 * Encrypts each body (padded already) and fills in the ICV. The caller has
	 * written header and IV, and has made sure that they fit in ${len}.
	 */
	void (*seal)(struct esp_job *, size_t n);
	/*
	 * Authenticates each packet and, where the ICV holds, decrypts its body.
	 * The caller has made sure that header, IV, whole blocks and ICV fit in ${len}. Of a
	 * packet that is not ok, the body is garbage.
	 */
	void (*open)(struct esp_job *, size_t n);
};

extern const struct esp_backend esp_backend_ossl;

#endif
