/* The self-test of the backends of bulk crypto, and the choice among those that pass. */
#include "esp/selftest.h"

#include "base/secret.h"

#define PACKETS		6		/* enough for the lanes of ipsec-mb */
#define BODY(i)		(64 + 48 * (size_t)(i))
#define ANSWER		8		/* bytes of the ICV that are compared */
#define ROOM		(ESP_HDR + ESP_IV_MAX + BODY(PACKETS) + ESP_ICV_MAX)

/*
 * The ICVs of the first and the last packet, made by the Python module cryptography: keys 1, 2, ... (cipher, then salt)
 * and 101, 102, ..., SPI 01020304, numbers from 1, IV a0 a1 ..., body byte b of packet i is b + i. They cover the ciphertext.
 */
static const struct answer {
	const char	*enc, *integ;
	uint8_t		 icv[2][ANSWER];
} answers[] = {
	{ "aes128gcm16", NULL,
	    { { 0x60, 0x9d, 0x00, 0x49, 0x52, 0xf1, 0x8a, 0x54 },
	    { 0xd5, 0xf0, 0xcb, 0xd4, 0xe8, 0x6d, 0x70, 0x67 } } },
	{ "aes256gcm16", NULL,
	    { { 0x56, 0xe7, 0xcd, 0x35, 0xa7, 0x9e, 0x95, 0x79 },
	    { 0x6a, 0x9a, 0xf5, 0x7a, 0x2d, 0x24, 0x9a, 0x49 } } },
	{ "chacha20poly1305", NULL,
	    { { 0x3d, 0x20, 0xcc, 0x46, 0x2d, 0xd6, 0x3a, 0x57 },
	    { 0x08, 0x6d, 0xc8, 0xb3, 0x33, 0x44, 0x7b, 0x37 } } },
	{ "aes128", "sha1",
	    { { 0xac, 0x29, 0x6e, 0x8c, 0xc7, 0x00, 0x1e, 0x14 },
	    { 0xe0, 0xa5, 0x4f, 0x65, 0x3a, 0xdb, 0x66, 0xde } } },
	{ "aes256", "sha256",
	    { { 0x04, 0xfe, 0x88, 0x33, 0xb2, 0x4a, 0x42, 0x10 },
	    { 0x1d, 0x65, 0x1f, 0xd7, 0x4c, 0xfe, 0x57, 0x7b } } },
	{ "aes256", "sha384",
	    { { 0x2e, 0x90, 0xbc, 0x19, 0xf2, 0x9e, 0x08, 0xac },
	    { 0x5d, 0x73, 0x4a, 0xb4, 0x31, 0xd9, 0x30, 0xb3 } } },
	{ "aes256", "sha512",
	    { { 0xaa, 0x2b, 0x9e, 0x5f, 0xcf, 0x67, 0xc7, 0xb1 },
	    { 0x9f, 0x4d, 0xcb, 0x51, 0x07, 0x4d, 0xc8, 0xb6 } } },
	{ "3des", "md5",
	    { { 0xfa, 0xf6, 0xac, 0xed, 0x78, 0x07, 0x4b, 0xe2 },
	    { 0x99, 0xfd, 0x45, 0xfe, 0xf2, 0x24, 0x12, 0x52 } } },
	{ "aes256ctr", "aesxcbc",
	    { { 0x0c, 0x39, 0xe4, 0x4a, 0x81, 0xe7, 0xa5, 0xb1 },
	    { 0xab, 0xd7, 0xbb, 0xef, 0xdf, 0xff, 0x3a, 0xf7 } } },
	{ "null", "sha256",
	    { { 0xf1, 0x78, 0x1c, 0x72, 0x96, 0xff, 0xe9, 0x32 },
	    { 0x49, 0xfc, 0x01, 0x57, 0xce, 0x95, 0x9e, 0xe8 } } },
};

static void
packet(uint8_t *p, const struct alg_enc *e, size_t i)
{
	put_be32(p, 0x01020304);
	put_be32(p + 4, (uint32_t)i + 1);
	p += ESP_HDR;
	for (size_t b = 0; b < e->iv_len; b++)
		*p++ = (uint8_t)(0xa0 + b);
	for (size_t b = 0; b < BODY(i); b++)
		*p++ = (uint8_t)(b + i);
}

/* Seals and opens ${n} packets, from number ${from}. */
static bool
right(const struct esp_backend *be, struct esp_backend_ctx *ctx, const struct answer *a, const struct alg_enc *e,
    size_t icv_len, struct esp_key *seal, struct esp_key *open, size_t from, size_t n)
{
	uint8_t p[PACKETS][ROOM], clear[ROOM];
	size_t head = ESP_HDR + e->iv_len, i;
	struct esp_job jobs[PACKETS];
	bool ok = true;

	for (i = 0; i < n; i++) {
		packet(p[i], e, from + i);
		jobs[i] = (struct esp_job){ .key = seal, .p = p[i], .len = head + BODY(from + i) + icv_len };
	}
	be->seal(ctx, jobs, n);
	for (i = 0; i < n; i++) {
		const uint8_t *icv = p[i] + head + BODY(from + i);

		ok = ok && jobs[i].ok;
		if (from + i == 0 || from + i == PACKETS - 1)
			ok = ok && ct_eq(span_of(icv, ANSWER), SPAN_ARRAY(a->icv[from + i != 0]));
		jobs[i] = (struct esp_job){ .key = open, .p = p[i], .len = head + BODY(from + i) + icv_len };
	}
	p[n - 1][jobs[n - 1].len - 1] ^= 1;
	be->open(ctx, jobs, n);
	for (i = 0; i < n; i++) {
		packet(clear, e, from + i);
		/* A backend may change the order of the jobs; of these, each has a length of its own. */
		for (size_t j = 0; j < n; j++)
			if (jobs[j].p == p[i])
				ok = ok && jobs[j].ok == (i != n - 1);
		ok = ok && (i == n - 1 || ct_eq(span_of(p[i], head + BODY(from + i)), span_of(clear, head + BODY(from + i))));
	}
	return (ok);
}

static bool
passes_one(const struct esp_backend *be, struct esp_backend_ctx *ctx, const struct answer *a)
{
	const struct esp_suite s = { alg_enc_word(a->enc), a->integ != NULL ? alg_integ_word(a->integ) : NULL, false };
	uint8_t enc[64], auth[64];
	struct span e = span_of(enc, (size_t)s.enc->key_len + s.enc->salt_len);
	struct span m = span_of(auth, s.integ != NULL ? s.integ->key_len : 0);
	size_t icv_len = s.integ != NULL ? s.integ->icv_len : s.enc->icv_len;
	struct esp_key *seal, *open;
	bool ok;

	if (!be->supports(&s))
		return (true);
	for (size_t i = 0; i < 64; i++) {
		enc[i] = (uint8_t)(i + 1);
		auth[i] = (uint8_t)(i + 101);
	}
	seal = be->key_new(&s, e, m, true, NULL);
	open = be->key_new(&s, e, m, false, NULL);
	ok = seal != NULL && open != NULL &&
	    right(be, ctx, a, s.enc, icv_len, seal, open, 0, PACKETS) &&
	    right(be, ctx, a, s.enc, icv_len, seal, open, PACKETS - 1, 1);
	be->key_free(seal);
	be->key_free(open);
	return (ok);
}

static bool
passes(const struct esp_backend *be)
{
	struct esp_backend_ctx *ctx = be->ctx_new(NULL);
	bool ok = ctx != NULL;

	for (size_t i = 0; ok && i < sizeof(answers) / sizeof(answers[0]); i++)
		ok = passes_one(be, ctx, &answers[i]);
	be->ctx_free(ctx);
	return (ok);
}

static bool
works_here(const struct esp_backend *be)
{
	for (size_t i = 0; alg_enc_row(i) != NULL; i++)
		if (be->supports(&(struct esp_suite){ alg_enc_row(i), NULL, false }))
			return (true);
	return (false);
}

int
esp_choose(struct esp_choice *c, const struct esp_backend *const *all, const char *want, struct fault *f)
{
	bool known = false;
	size_t n = 0;

	*c = (struct esp_choice){ .n_failed = 0 };
	for (; *all != NULL; all++) {
		if (want != NULL && strcmp(want, (*all)->name) != 0)
			continue;
		known = true;
		if (!works_here(*all))
			continue;
		if (passes(*all))
			c->list[n++] = *all;
		else
			c->failed[c->n_failed++] = *all;
	}
	if (!known)
		return (fault(f, FAULT_CONFIG, "this build has no %s", want != NULL ? want : "backend of bulk crypto"));
	if (n == 0 && c->n_failed == 0)
		return (fault(f, FAULT_CRYPTO, "%s does not support this processor", want != NULL ? want : "bulk crypto"));
	return (n > 0 ? 0 : fault(f, FAULT_CRYPTO, "%s computes wrong values on this machine",
	    want != NULL ? want : "every backend of bulk crypto"));
}
