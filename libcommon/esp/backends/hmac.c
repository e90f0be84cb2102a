/*
 * HMAC by libcrypto's hashes. Their own functions are deprecated in favour of EVP, which allocates for each copy of a
 * state: for 100 bytes that costs more than the hash.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "esp/backends/hmac.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "base/secret.h"

#define BLOCK_MAX	128
#define IPAD		0x36
#define OPAD		0x5c

union state {
	MD5_CTX		 md5;
	SHA_CTX		 sha1;
	SHA256_CTX	 sha256;
	SHA512_CTX	 sha512;	/* also of SHA-384 */
};

struct hash {
	const char	*name;
	uint8_t		 block, len;
	uint8_t		 words;		/* bytes of the state proper, which its struct begins with */
	uint8_t		 kept;		/* ... as a key keeps it */
	int		(*init)(union state *);
	/* The state ${s}, just initialized, becomes ${words}, of one block that was hashed. */
	void		(*resume)(union state *s, const uint8_t *words);
	int		(*update)(union state *, const void *, size_t);
	int		(*final)(uint8_t *, union state *);
};

#define HASH(name, member, words, BLOCK, INIT, UPDATE, FINAL)					\
	static int name##_init(union state *s) { return (INIT(&s->member)); }			\
	static void name##_resume(union state *s, const uint8_t *p) { memcpy(s, p, words); s->member.Nl = 8 * (BLOCK); } \
	static int name##_update(union state *s, const void *p, size_t n) { return (UPDATE(&s->member, p, n)); } \
	static int name##_final(uint8_t *out, union state *s) { return (FINAL(out, &s->member)); }
HASH(md5, md5, 16, 64, MD5_Init, MD5_Update, MD5_Final)
HASH(sha1, sha1, 20, 64, SHA1_Init, SHA1_Update, SHA1_Final)
HASH(sha256, sha256, 32, 64, SHA256_Init, SHA256_Update, SHA256_Final)
HASH(sha384, sha512, 64, 128, SHA384_Init, SHA384_Update, SHA384_Final)
HASH(sha512, sha512, 64, 128, SHA512_Init, SHA512_Update, SHA512_Final)

_Static_assert(offsetof(MD5_CTX, Nl) == 16 && offsetof(SHA_CTX, Nl) == 20 && offsetof(SHA256_CTX, Nl) == 32 &&
    offsetof(SHA512_CTX, Nl) == 64, "a state of libcrypto begins with its words");

static const struct hash hashes[] = {
	{ "MD5", 64, 16, 16, 16, md5_init, md5_resume, md5_update, md5_final },
	{ "SHA1", 64, 20, 20, 32, sha1_init, sha1_resume, sha1_update, sha1_final },
	{ "SHA256", 64, 32, 32, 32, sha256_init, sha256_resume, sha256_update, sha256_final },
	{ "SHA384", 128, 48, 64, 64, sha384_init, sha384_resume, sha384_update, sha384_final },
	{ "SHA512", 128, 64, 64, 64, sha512_init, sha512_resume, sha512_update, sha512_final },
};

uint8_t
hmac_hash(const char *digest)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (strcmp(digest, hashes[i].name) == 0)
			return ((uint8_t)(i + 1));
	return (0);
}

size_t
hmac_state_len(uint8_t hash)
{
	return (hashes[hash - 1].kept);
}

/* The state after one block. */
static bool
one_block(const struct hash *h, const uint8_t *block, uint8_t *out)
{
	union state s;
	bool ok = h->init(&s) == 1 && h->update(&s, block, h->block) == 1;

	memcpy(out, &s, h->words);
	wipe(&s, sizeof(s));
	return (ok);
}

int
hmac_init(uint8_t hash, struct span key, uint8_t *in, uint8_t *out)
{
	const struct hash *h = &hashes[hash - 1];
	uint8_t block[BLOCK_MAX];
	size_t i;
	bool ok;

	if (key.len > h->block)
		return (-1);
	memset(block, IPAD, sizeof(block));
	for (i = 0; i < key.len; i++)
		block[i] ^= key.p[i];
	ok = one_block(h, block, in);
	for (i = 0; i < sizeof(block); i++)
		block[i] ^= IPAD ^ OPAD;
	ok = ok && one_block(h, block, out);
	wipe(block, sizeof(block));
	return (ok ? 0 : -1);
}

int
hmac_make(uint8_t hash, const uint8_t *in, const uint8_t *out, struct span a, struct span b, uint8_t mac[HMAC_MAX])
{
	const struct hash *h = &hashes[hash - 1];
	union state s;
	bool ok = h->init(&s) == 1;

	h->resume(&s, in);
	ok = ok && h->update(&s, a.p, a.len) == 1 && (b.len == 0 || h->update(&s, b.p, b.len) == 1) && h->final(mac, &s) == 1 &&
	    h->init(&s) == 1;
	h->resume(&s, out);
	ok = ok && h->update(&s, mac, h->len) == 1 && h->final(mac, &s) == 1;
	return (ok ? 0 : -1);		/* libcrypto has wiped the state, in final() */
}
