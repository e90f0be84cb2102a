/*
 * Hash, PRF and CBC for fuzz drivers of machines, as stub_dh.c is Diffie-Hellman: the same interface around a mixer of 128
 * bits, without libcrypto and its contexts, which take a third of a handshake's time. The real ones have vectors of their own.
 *
 * What a driver relies on: both ends agree; the hash of parts is that of their bytes in a row; no input finds another one's
 * hash by chance; the cipher keeps lengths, chains by its IV, and garbles a changed block.
 */
#include "crypto/crypto.h"

struct mixer {
	uint64_t	a, b, word;
	size_t		n;	/* bytes so far */
};

static void
mix(struct mixer *m, uint64_t word)
{
	m->a = (m->a ^ word) * 0x9e3779b97f4a7c15ULL;
	m->a ^= m->a >> 32;
	m->b = (m->b + m->a) * 0xc2b2ae3d27d4eb4fULL;
	m->b ^= m->b >> 29;
	m->a += m->b << 17 | m->b >> 47;
}

static void
mix_bytes(struct mixer *m, struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		m->word = m->word << 8 | s.p[i];
		if (++m->n % 8 == 0)
			mix(m, m->word);
	}
}

/* Ends the input: what follows is another one. */
static void
mix_end(struct mixer *m)
{
	mix(m, m->word);
	mix(m, m->n);
	m->word = m->n = 0;
}

static void
take(struct mixer *m, uint8_t *out, size_t len)
{
	uint8_t b[8];
	size_t i;

	for (i = 0; i < len; i += 8) {
		mix(m, i);
		put_be64(b, m->a ^ m->b);
		memcpy(out + i, b, len - i < 8 ? len - i : 8);
	}
}

int
hash_parts(const struct alg_hash *h, uint8_t out[HASH_MAX], const struct span *parts, size_t n, struct fault *f)
{
	struct mixer m = { .a = h->len, .b = 1 };
	size_t i;

	(void)f;
	for (i = 0; i < n; i++)
		mix_bytes(&m, parts[i]);
	mix_end(&m);
	take(&m, out, h->len);
	return (0);
}

int
prf_parts(const struct alg_hash *h, struct span key, struct secret *out, const struct span *parts, size_t n, struct fault *f)
{
	struct mixer m = { .a = h->len, .b = 2 };
	struct secret mac = {0};
	size_t i;

	if (secret_make(&mac, h->len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a PRF"));
	mix_bytes(&m, key);
	mix_end(&m);
	for (i = 0; i < n; i++)
		mix_bytes(&m, parts[i]);
	mix_end(&m);
	take(&m, mac.p, mac.len);
	/* As in prf.c: ${key} or a part may lie in ${out}. */
	secret_move(out, &mac);
	return (0);
}

/* The mask of one half of a block, from the key and the other half. */
static void
mask(uint8_t *half, size_t len, const struct mixer *key, unsigned round, const uint8_t *other, const uint8_t *iv)
{
	struct mixer m = *key;
	uint8_t b[BLOCK_MAX / 2];
	size_t i;

	mix(&m, round);
	mix_bytes(&m, span_of(other, len));
	if (iv != NULL)
		mix_bytes(&m, span_of(iv, 2 * len));
	mix_end(&m);
	take(&m, b, len);
	for (i = 0; i < len; i++)
		half[i] ^= b[i];
}

/* Three rounds of a Feistel cipher; the IV is in the last one, so that it undoes first. */
static int
cbc(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data, size_t len, bool encrypt, struct fault *f)
{
	struct mixer k = { .a = e->key_len, .b = 3 };
	size_t half = e->block / 2, i;
	uint8_t was[BLOCK_MAX];
	unsigned round;

	if (e->form != ALG_CBC || key.len != e->key_len || len % e->block != 0)
		return (fault(f, FAULT_CRYPTO, "%s: no whole blocks, or a key of %zu bytes", e->word, key.len));
	mix_bytes(&k, key);
	mix_end(&k);
	for (; len > 0; data += e->block, len -= e->block) {
		memcpy(was, data, e->block);
		for (i = 0; i < 3; i++) {
			round = (unsigned)(encrypt ? i : 2 - i);
			mask(data + (round & 1) * half, half, &k, round, data + (~round & 1) * half, round == 2 ? iv : NULL);
		}
		memcpy(iv, encrypt ? data : was, e->block);
	}
	return (0);
}

int
cbc_encrypt(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data, size_t len, struct fault *f)
{
	return (cbc(e, key, iv, data, len, true, f));
}

int
cbc_decrypt(const struct alg_enc *e, struct span key, uint8_t iv[BLOCK_MAX], uint8_t *data, size_t len, struct fault *f)
{
	return (cbc(e, key, iv, data, len, false, f));
}

int
cipher_ready(const struct alg_enc *e, struct fault *f)
{
	(void)e, (void)f;
	return (0);
}

/* One key in sixteen, so that inputs reach the derivation of the next one. */
bool
des_weak_key(const struct alg_enc *e, struct span key)
{
	return (e->form == ALG_CBC && e->key_len == 8 && key.len == 8 && key.p[0] < 16);
}
