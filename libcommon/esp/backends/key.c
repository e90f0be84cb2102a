/* Keys as an SA keeps them. */
#include "esp/backends/key.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/secret.h"
#include "esp/backends/key_slots.h"

/* Without AVX-512, ipsec-mb 1.3 loads 32 bytes from the second half of a ChaCha20 key, whose last 16 it does not use. */
#define READ_BEYOND	16

#define SERIAL_MASK	((UINT64_C(1) << 48) - 1)	/* never reached */

static _Atomic uint64_t serials = 1;

/* K1, K2, K3 of RFC 3566 section 4. 0, or -1: libcrypto cannot. */
static int
xcbc_keys(const uint8_t *key, uint8_t out[3 * XCBC_BLOCK])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t in[3 * XCBC_BLOCK];
	int n = 0, rc = -1;

	for (int i = 0; i < 3; i++)
		memset(in + i * XCBC_BLOCK, i + 1, XCBC_BLOCK);
	if (c != NULL && EVP_EncryptInit_ex2(c, EVP_aes_128_ecb(), key, NULL, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(c, 0) == 1 && EVP_EncryptUpdate(c, out, &n, in, sizeof(in)) == 1)
		rc = 0;
	EVP_CIPHER_CTX_free(c);
	return (rc);
}

static uint8_t
row_of(const struct alg_enc *e)
{
	uint8_t i = 0;

	while (alg_enc_row(i) != NULL && strcmp(alg_enc_row(i)->word, e->word) != 0)
		i++;
	return (i);
}

/* The number of what ${a} is made with; 0: none, or it is not known. */
static uint8_t
hash_of(const struct alg_integ *a)
{
	return (a == NULL ? 0 : a->ossl == NULL ? KEY_XCBC : hmac_hash(a->ossl));
}

/* Bytes of one of the two states. */
static size_t
state_len(uint8_t hash)
{
	return (hash == 0 || hash == KEY_XCBC ? 0 : hmac_state_len(hash));
}

/* Bytes of ${bytes}. */
static size_t
bytes_len(uint8_t form, uint8_t key_len, uint8_t hash)
{
	return (KEY_ROUND_UP((size_t)key_len) + (hash == KEY_XCBC ? 3 * XCBC_BLOCK : 2 * state_len(hash)) +
	    (form == ALG_AEAD ? READ_BEYOND : 0));
}

void
key_drop(struct esp_key *k)
{
	if (k == NULL)
		return;
	key_slots_forget(k->serial);
	wipe(k, sizeof(*k) + bytes_len(k->form, k->key_len, k->hash));
	free(k);
}

struct esp_key *
key_make(const struct esp_suite *s, struct span enc, struct span auth, bool seal, struct fault *f)
{
	const struct alg_enc *e = s->enc;
	const uint8_t hash = hash_of(s->integ);
	size_t state = state_len(hash), at = KEY_ROUND_UP((size_t)e->key_len);
	struct esp_key *k;
	int rc = 0;

	if (esp_suite_keys(s, enc, auth, f) != 0)
		return (NULL);
	if ((k = calloc(1, sizeof(*k) + bytes_len((uint8_t)e->form, e->key_len, hash))) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an ESP key");
		return (NULL);
	}
	*k = (struct esp_key){ .serial = atomic_fetch_add(&serials, 1) & SERIAL_MASK, .form = e->form & 3, .row = row_of(e), .hash = (unsigned)hash & KEY_XCBC,
	    .key_len = e->key_len, .iv_len = e->iv_len, .seal = seal, .esn = s->esn,
	    .icv_len = e->form == ALG_AEAD ? e->icv_len : s->integ != NULL ? s->integ->icv_len : 0 };
	if (e->salt_len == sizeof(k->salt))
		memcpy(k->salt, enc.p + e->key_len, sizeof(k->salt));
	if (e->key_len > 0)
		memcpy(k->bytes, enc.p, e->key_len);
	if (hash == KEY_XCBC)
		rc = xcbc_keys(auth.p, k->bytes + at);
	else if (s->integ != NULL)
		rc = hash != 0 ? hmac_init(hash, auth, k->bytes + at, k->bytes + at + state) : -1;
	if (rc == 0)
		return (k);
	(void)fault(f, FAULT_CRYPTO, "libcrypto cannot do %s", s->integ->name);
	key_drop(k);
	return (NULL);
}
