/*
 * HMAC by libcrypto's hashes. Their own functions are deprecated in favour of EVP, which allocates for each copy of a
 * state: for 100 bytes that costs more than the hash.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "esp/backends/hmac.h"

#include "base/secret.h"

#define BLOCK_MAX	128
#define IPAD		0x36
#define OPAD		0x5c

struct hmac_hash {
	const char	*name;
	uint8_t		 block, len;
	size_t		 size;		/* of its state */
	int		(*init)(union hmac_state *);
	int		(*update)(union hmac_state *, const void *, size_t);
	int		(*final)(uint8_t *, union hmac_state *);
};

#define HASH(name, member, INIT, UPDATE, FINAL)							\
	static int name##_init(union hmac_state *s) { return (INIT(&s->member)); }		\
	static int name##_update(union hmac_state *s, const void *p, size_t n) { return (UPDATE(&s->member, p, n)); } \
	static int name##_final(uint8_t *out, union hmac_state *s) { return (FINAL(out, &s->member)); }
HASH(md5, md5, MD5_Init, MD5_Update, MD5_Final)
HASH(sha1, sha1, SHA1_Init, SHA1_Update, SHA1_Final)
HASH(sha256, sha256, SHA256_Init, SHA256_Update, SHA256_Final)
HASH(sha384, sha512, SHA384_Init, SHA384_Update, SHA384_Final)
HASH(sha512, sha512, SHA512_Init, SHA512_Update, SHA512_Final)

static const struct hmac_hash hashes[] = {
	{ "MD5", 64, 16, sizeof(MD5_CTX), md5_init, md5_update, md5_final },
	{ "SHA1", 64, 20, sizeof(SHA_CTX), sha1_init, sha1_update, sha1_final },
	{ "SHA256", 64, 32, sizeof(SHA256_CTX), sha256_init, sha256_update, sha256_final },
	{ "SHA384", 128, 48, sizeof(SHA512_CTX), sha384_init, sha384_update, sha384_final },
	{ "SHA512", 128, 64, sizeof(SHA512_CTX), sha512_init, sha512_update, sha512_final },
};

int
hmac_init(struct hmac *h, const char *digest, struct span key)
{
	uint8_t block[BLOCK_MAX];
	size_t i;
	int rc;

	h->hash = NULL;
	for (i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (strcmp(digest, hashes[i].name) == 0)
			h->hash = &hashes[i];
	if (h->hash == NULL || key.len > h->hash->block)
		return (-1);
	memset(block, IPAD, sizeof(block));
	for (i = 0; i < key.len; i++)
		block[i] ^= key.p[i];
	rc = h->hash->init(&h->in) == 1 && h->hash->update(&h->in, block, h->hash->block) == 1;
	for (i = 0; i < sizeof(block); i++)
		block[i] ^= IPAD ^ OPAD;
	rc = rc && h->hash->init(&h->out) == 1 && h->hash->update(&h->out, block, h->hash->block) == 1;
	wipe(block, sizeof(block));
	return (rc ? 0 : -1);
}

int
hmac_make(const struct hmac *h, struct span a, struct span b, uint8_t mac[HMAC_MAX])
{
	const struct hmac_hash *hash = h->hash;
	union hmac_state s;
	int rc;

	memcpy(&s, &h->in, hash->size);
	rc = hash->update(&s, a.p, a.len) == 1 && (b.len == 0 || hash->update(&s, b.p, b.len) == 1) && hash->final(mac, &s) == 1;
	memcpy(&s, &h->out, hash->size);
	rc = rc && hash->update(&s, mac, hash->len) == 1 && hash->final(mac, &s) == 1;
	return (rc ? 0 : -1);		/* libcrypto has wiped the state, in final() */
}
