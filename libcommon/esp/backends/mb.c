/*
 * The bulk crypto of ESP and AH by Intel's ipsec-mb. AES-GCM works on one packet at a time. The other algorithms fill
 * the lanes of the library, up to 16 packets of a call in parallel: first the ciphers of all packets, then the
 * integrity of all, each flushed once. Fewer packets than mb_mgr_few() go to libcrypto.
 *
 * The tables of AES-GCM have 1 KB for each key, round keys 240 bytes, and few of thousands of SAs are busy. So these are in
 * slots of the worker: of the keys that it used lately.
 */
#include "esp/backends/mb_mgr.h"

#ifdef ESP_HAVE_MB
#include <stdlib.h>

#include "base/scratch.h"
#include "base/secret.h"
#include "esp/backends/key_slots.h"

#define IV_AEAD		12
#define IV_CTR		16

#define SLOTS		1024		/* of a worker; a power of two */

struct esp_backend_ctx {
	struct mb_mgrs	 mgrs;		/* NULL: not for this processor */
	struct esp_backend_ctx *one;	/* libcrypto's */
	struct key_slots	 slots;		/* of struct mb_slot */
	struct gcm_context_data gcm;
	aes_gcm_enc_dec_t gcm_of[2][MB_KEY_LENS];	/* [seal][length of the key] */
	/* Of the packets in hand. */
	struct esp_job	*lane[ESP_BATCH];
	const struct mb_slot *keys[ESP_BATCH];
	/* Two keys of one batch may want the same slot: the second one has a spare slot then. */
	struct mb_slot	*spare;			/* ESP_BATCH */
	bool		 spared;		/* some are used */
	uint32_t	 turn, turn_of[SLOTS];	/* the batch in which each slot was used last */
	uint8_t		 iv[ESP_BATCH][ESP_IV_MAX], aad[ESP_BATCH][12];
	uint8_t		 mac[ESP_BATCH][ESP_ICV_MAX], icv[ESP_BATCH][ESP_ICV_MAX];
};

/* ---- slots */

static void
clear(void *slot)
{
	wipe(slot, sizeof(struct mb_slot));
}

static const struct mb_slot *
make(struct esp_backend_ctx *ctx, const struct esp_key *k, size_t i)
{
	struct mb_slot *s = key_slots_take(&ctx->slots, i);

	mb_expand(ctx->mgrs.all, k, s);
	key_slots_done(&ctx->slots, i, k->serial);
	return (s);
}

static const struct mb_slot *
slot_of(struct esp_backend_ctx *ctx, const struct esp_key *k)
{
	size_t i = key_slots_index(&ctx->slots, k->serial);

	return (key_slots_has(&ctx->slots, i, k->serial) ? key_slots_at(&ctx->slots, i) : make(ctx, k, i));
}

/* That of lane ${l}: the library reads it until the lane is done. */
static const struct mb_slot *
slot_of_lane(struct esp_backend_ctx *ctx, size_t l)
{
	const struct esp_key *k = ctx->lane[l]->key;
	size_t i = key_slots_index(&ctx->slots, k->serial);

	if (!mb_needs_slot(k))
		return (NULL);
	if (!key_slots_has(&ctx->slots, i, k->serial) && ctx->turn_of[i] == ctx->turn) {
		mb_expand(ctx->mgrs.all, k, &ctx->spare[l]);
		ctx->spared = true;
		return (&ctx->spare[l]);
	}
	ctx->turn_of[i] = ctx->turn;
	return (slot_of(ctx, k));
}

/* The slots of the first ${m} lanes. */
static void
slots_of_lanes(struct esp_backend_ctx *ctx, size_t m)
{
	ctx->turn++;
	for (size_t i = 0; i < m; i++)
		ctx->keys[i] = slot_of_lane(ctx, i);
}

static void
lanes_done(struct esp_backend_ctx *ctx)
{
	if (ctx->spared)
		wipe(ctx->spare, ESP_BATCH * sizeof(*ctx->spare));
	ctx->spared = false;
}

/* ---- contexts */

static void
mb_ctx_free(struct esp_backend_ctx *ctx)
{
	if (ctx == NULL)
		return;
	mb_mgrs_close(&ctx->mgrs);
	key_slots_close(&ctx->slots);
	scratch_free((uint8_t *)ctx->spare, ESP_BATCH * sizeof(*ctx->spare));
	esp_backend_ossl.ctx_free(ctx->one);
	wipe(ctx, sizeof(*ctx));
	free(ctx);
}

static struct esp_backend_ctx *
mb_ctx_new(struct fault *f)
{
	struct esp_backend_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx != NULL && (ctx->one = esp_backend_ossl.ctx_new(f)) != NULL &&
	    (ctx->spare = (struct mb_slot *)(void *)scratch_new(ESP_BATCH * sizeof(*ctx->spare))) != NULL &&
	    key_slots_open(&ctx->slots, SLOTS, sizeof(struct mb_slot), clear) == 0 &&
	    (mb_tools() == NULL || mb_mgrs_open(&ctx->mgrs) == 0)) {
		if (ctx->mgrs.all != NULL)
			mb_gcm_functions(ctx->mgrs.all, ctx->gcm_of);
		return (ctx);
	}
	(void)fault(f, FAULT_MEMORY, "no memory for a context of ipsec-mb");
	mb_ctx_free(ctx);
	return (NULL);
}

/* ---- AEADs */

/* SPI | sequence number, 64 bits of it with ESN (RFC 4106 section 5). Returns its length. */
static size_t
aad_make(const struct esp_key *k, const struct esp_job *j, uint8_t aad[12])
{
	size_t len = k->esn ? 12 : 8;

	memcpy(aad, j->p, 4);
	put_be32(aad + 4, j->seq_hi);
	memcpy(aad + len - 4, j->p + 4, 4);
	return (len);
}

/* Salt | IV; for CTR also the first counter (RFC 3686 section 4). */
static void
iv_make(const struct esp_key *k, const struct esp_job *j, uint8_t iv[ESP_IV_MAX])
{
	memcpy(iv, k->salt, 4);
	memcpy(iv + 4, j->p + ESP_HDR, 8);
	put_be32(iv + IV_AEAD, 1);
}

static void
gcm(struct esp_backend_ctx *ctx, struct esp_job *j)
{
	const struct esp_key *k = j->key;
	uint8_t iv[ESP_IV_MAX], aad[12], tag[ESP_IV_MAX];
	uint8_t *body = j->p + ESP_HDR + k->iv_len, *icv = j->p + j->len - k->icv_len;

	iv_make(k, j, iv);
	ctx->gcm_of[k->seal][MB_KEY_LEN(k)](&slot_of(ctx, k)->gcm, &ctx->gcm, body, body, (size_t)(icv - body), iv, aad, aad_make(k, j, aad), k->seal ? icv : tag,
	    k->icv_len);
	j->ok = k->seal || ct_eq(span_of(tag, k->icv_len), span_of(icv, k->icv_len));
}

/* ---- lanes */

static void
done(IMB_JOB *d)
{
	if (d != NULL)
		((struct esp_job *)d->user_data)->ok = d->status == IMB_STATUS_COMPLETED;
}

static void
submit(IMB_MGR *mgr, const IMB_JOB *what)
{
	IMB_JOB *d = IMB_GET_NEXT_JOB(mgr);

	*d = *what;
	for (d = IMB_SUBMIT_JOB(mgr); d != NULL; d = IMB_GET_COMPLETED_JOB(mgr))
		done(d);
}

static void
flush(IMB_MGR *mgr)
{
	IMB_JOB *d;

	while ((d = IMB_FLUSH_JOB(mgr)) != NULL)
		done(d);
}

/* Encrypts or decrypts the body of lane ${i}; an AEAD also makes its tag. */
static void
cipher_lane(struct esp_backend_ctx *ctx, size_t i)
{
	struct esp_job *j = ctx->lane[i];
	const struct esp_key *k = j->key;
	const void *sched = mb_schedule(k, ctx->keys[i]);
	size_t head = (size_t)ESP_HDR + k->iv_len, len = j->len - head - k->icv_len;
	IMB_JOB job = { .enc_keys = sched, .dec_keys = sched, .key_len_in_bytes = k->key_len, .src = j->p, .dst = j->p + head,
	    .cipher_start_src_offset_in_bytes = head, .msg_len_to_cipher_in_bytes = len, .iv = j->p + ESP_HDR,
	    .iv_len_in_bytes = k->iv_len, .cipher_mode = (IMB_CIPHER_MODE)k->mode, .hash_alg = IMB_AUTH_NULL, .user_data = j,
	    .cipher_direction = k->seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
	    .chain_order = k->seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER };

	if (k->mode == IMB_CIPHER_CNTR || k->mode == IMB_CIPHER_CHACHA20_POLY1305) {
		iv_make(k, j, ctx->iv[i]);
		job.iv = ctx->iv[i];
		job.iv_len_in_bytes = k->mode == IMB_CIPHER_CNTR ? IV_CTR : IV_AEAD;
	}
	if (k->mode == IMB_CIPHER_CHACHA20_POLY1305) {
		job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
		job.hash_start_src_offset_in_bytes = head;
		job.msg_len_to_hash_in_bytes = len;
		job.u.CHACHA20_POLY1305.aad_len_in_bytes = aad_make(k, j, ctx->aad[i]);
		job.u.CHACHA20_POLY1305.aad = ctx->aad[i];
		job.auth_tag_output = ctx->mac[i];
		job.auth_tag_output_len_in_bytes = k->icv_len;
	}
	j->ok = false;
	submit(ctx->mgrs.all, &job);
}

/* The MAC of lane ${i}; with ESN the upper half of the number is in place of the ICV (RFC 4303, 2.2.1). */
static void
mac_lane(struct esp_backend_ctx *ctx, size_t i)
{
	struct esp_job *j = ctx->lane[i];
	const struct esp_key *k = j->key;
	uint8_t *icv = j->p + j->len - k->icv_len;
	IMB_JOB job = { .src = j->p, .dst = j->p, .msg_len_to_hash_in_bytes = j->len - k->icv_len + (k->esn ? 4 : 0),
	    .cipher_mode = IMB_CIPHER_NULL, .hash_alg = mb_hash(k), .cipher_direction = IMB_DIR_ENCRYPT,
	    .chain_order = IMB_ORDER_HASH_CIPHER, .auth_tag_output = ctx->mac[i],
	    .auth_tag_output_len_in_bytes = mb_mac_len(k), .user_data = j };
	const uint8_t *mac = key_mac(k);

	if (k->hash == KEY_XCBC) {
		job.u.XCBC._k1_expanded = (const uint32_t *)(const void *)ctx->keys[i]->xcbc;
		job.u.XCBC._k2 = mac + XCBC_BLOCK;
		job.u.XCBC._k3 = mac + 2 * XCBC_BLOCK;
	} else {
		job.u.HMAC._hashed_auth_key_xor_ipad = mac;
		job.u.HMAC._hashed_auth_key_xor_opad = mac + hmac_state_len(k->hash);
	}
	memcpy(ctx->icv[i], icv, k->icv_len);
	if (k->esn)
		put_be32(icv, j->seq_hi);
	j->ok = false;
	submit(mb_mgr_for(&ctx->mgrs, k), &job);
}

static void
macs(struct esp_backend_ctx *ctx, size_t m)
{
	for (size_t i = 0; i < m; i++)
		if (ctx->lane[i]->key->hash != 0 && ctx->lane[i]->ok)
			mac_lane(ctx, i);
	flush(ctx->mgrs.all);
	if (ctx->mgrs.sha != ctx->mgrs.all)
		flush(ctx->mgrs.sha);
}

static void
seal_lanes(struct esp_backend_ctx *ctx, size_t m)
{
	for (size_t i = 0; i < m; i++) {
		ctx->lane[i]->ok = true;
		if (ctx->lane[i]->key->mode != IMB_CIPHER_NULL)
			cipher_lane(ctx, i);
	}
	flush(ctx->mgrs.all);
	macs(ctx, m);
	for (size_t i = 0; i < m; i++) {
		struct esp_job *j = ctx->lane[i];

		memcpy(j->p + j->len - j->key->icv_len, ctx->mac[i], j->key->icv_len);
	}
}

/* Only authentic packets are decrypted, except with AEADs, which do both in one step. */
static void
open_lanes(struct esp_backend_ctx *ctx, size_t m)
{
	const struct esp_key *k;
	struct esp_job *j;

	for (size_t i = 0; i < m; i++)
		ctx->lane[i]->ok = true;
	macs(ctx, m);
	for (size_t i = 0; i < m; i++) {
		j = ctx->lane[i];
		k = j->key;
		if (k->hash != 0) {
			memcpy(j->p + j->len - k->icv_len, ctx->icv[i], k->icv_len);
			j->ok = j->ok && ct_eq(span_of(ctx->mac[i], k->icv_len), span_of(ctx->icv[i], k->icv_len));
		}
		if (j->ok && k->mode != IMB_CIPHER_NULL)
			cipher_lane(ctx, i);
	}
	flush(ctx->mgrs.all);
	for (size_t i = 0; i < m; i++) {
		j = ctx->lane[i];
		k = j->key;
		if (k->mode == IMB_CIPHER_CHACHA20_POLY1305)
			j->ok = j->ok && ct_eq(span_of(ctx->mac[i], k->icv_len),
			    span_of(j->p + j->len - k->icv_len, k->icv_len));
	}
}

/* ---- a call of either direction */

typedef void lanes_fn(struct esp_backend_ctx *, size_t);
typedef void one_fn(struct esp_backend_ctx *, struct esp_job *, size_t);

static void
work(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n, lanes_fn *lanes, one_fn *one)
{
	struct esp_job *j = jobs, *end = jobs + n;
	size_t m, few, most;

	while (j < end) {
		for (m = most = 0; j < end && m < ESP_BATCH; j++) {
			if (j->key->mode == IMB_CIPHER_GCM) {
				gcm(ctx, j);
				continue;
			}
			ctx->lane[m++] = j;
			few = mb_mgr_few(&ctx->mgrs, j->key);
			most = few > most ? few : most;
		}
		if (m > 0 && m >= most) {
			slots_of_lanes(ctx, m);
			lanes(ctx, m);
			lanes_done(ctx);
			continue;
		}
		for (size_t i = 0; i < m; i++) {
			if (ctx->lane[i]->key->form != ALG_AEAD)
				one(ctx->one, ctx->lane[i], 1);
			else {
				ctx->lane[0] = ctx->lane[i];
				lanes(ctx, 1);		/* ChaCha20-Poly1305 needs no slot */
			}
		}
	}
}

static void
mb_seal(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	work(ctx, jobs, n, seal_lanes, esp_backend_ossl.seal);
}

static void
mb_open(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	work(ctx, jobs, n, open_lanes, esp_backend_ossl.open);
}

/* ---- keys */

/* Without AVX-512 the library has DES in plain C only, 60 times slower than libcrypto's (seen with 1.3). */
static bool
mb_supports(const struct esp_suite *s)
{
	bool des = s->enc->form == ALG_CBC && s->enc->block == IMB_DES_BLOCK_SIZE;

	return (mb_tools() != NULL && mb_key_supports(s) && (!des || mb_has_avx512(mb_tools())));
}

/* The other backend gets packets that come alone, except those of AEADs. */
static struct esp_key *
mb_key_new(const struct esp_suite *s, struct span enc, struct span auth, bool seal, struct fault *f)
{
	struct esp_key *k = s->enc->form == ALG_AEAD ? key_make(s, enc, auth, seal, f) :
	    esp_backend_ossl.key_new(s, enc, auth, seal, f);

	if (k != NULL)
		k->mode = mb_mode(s->enc);
	return (k);
}

const struct esp_backend esp_backend_mb = {
	.name = "ipsec-mb",
	.version = imb_get_version_str,
	.ctx_new = mb_ctx_new,
	.ctx_free = mb_ctx_free,
	.supports = mb_supports,
	.key_new = mb_key_new,
	.key_free = key_drop,
	.seal = mb_seal,
	.open = mb_open,
};

#else
typedef int no_ipsec_mb;	/* no empty translation unit */
#endif
