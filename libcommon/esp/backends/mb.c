/*
 * The bulk crypto of ESP and AH by Intel's ipsec-mb. AES-GCM works on one packet at a time. The other algorithms fill
 * the lanes of the library, up to 16 packets of a call in parallel: first the ciphers of all packets, then the
 * integrity of all, each flushed once. A flush costs as much as 16 packets; fewer than FEW go to libcrypto.
 *
 * The tables of AES-GCM have 1 KB for each key, and few of thousands of SAs are busy. So the tables are the worker's: of the
 * keys that it used lately. A key that is released takes its tables along, in whatever worker they are.
 */
#include "esp/backends/mb_key.h"

#ifdef ESP_HAVE_MB
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/scratch.h"
#include "base/secret.h"

#define FEW		5		/* packets: 4 by libcrypto cost less than one flush */
#define IV_AEAD		12
#define IV_CTR		16

#define TABLES		1024		/* of a worker; a power of two */
#define TAG_BUSY	UINT64_MAX

struct table {
	struct gcm_key_data key __attribute__((aligned(64)));	/* as the library wants it, and its header does not say */
	_Atomic uint64_t tag;		/* the serial of its key; 0: none; TAG_BUSY: a thread writes to it */
};

struct esp_backend_ctx {
	IMB_MGR		*mgr;		/* NULL: not for this processor */
	struct esp_backend_ctx *one;	/* libcrypto's */
	struct table	*tables;	/* TABLES */
	bool		 used[TABLES];	/* whether it was ever: the pages of the others do not exist */
	struct esp_backend_ctx *next;	/* of all contexts */
	struct gcm_context_data gcm;
	/* Of the packets in hand. */
	struct esp_job	*lane[ESP_BATCH];
	uint8_t		 iv[ESP_BATCH][ESP_IV_MAX], aad[ESP_BATCH][12];
	uint8_t		 mac[ESP_BATCH][ESP_ICV_MAX], icv[ESP_BATCH][ESP_ICV_MAX];
};

/* ---- the library's state: keys of the lanes pass through it, so it is wiped */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static IMB_MGR *tools;		/* for key schedules: functions without state */

static IMB_MGR *
manager_new(void)
{
	const uint64_t need = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
	uint8_t *room = scratch_new(imb_get_mb_mgr_size());
	IMB_MGR *mgr = room != NULL ? imb_set_pointers_mb_mgr(room, 0, 1) : NULL;
	IMB_ARCH arch;

	if (mgr != NULL && (mgr->features & need) == need) {
		init_mb_mgr_auto(mgr, &arch);
		if (imb_get_errno(mgr) == 0)
			return (mgr);
	}
	scratch_free(room, imb_get_mb_mgr_size());
	return (NULL);
}

static void
manager_free(IMB_MGR *mgr)
{
	if (mgr == NULL)
		return;
	wipe(mgr, imb_get_mb_mgr_size());
	scratch_free((uint8_t *)mgr, imb_get_mb_mgr_size());
}

static void
tools_make(void)
{
	tools = manager_new();
}

static bool
usable(void)
{
	(void)pthread_once(&once, tools_make);
	return (tools != NULL);
}

/* ---- tables of AES-GCM */

static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct esp_backend_ctx *contexts;	/* of all threads, under ${contexts_lock} */

static struct table *
table_of(const struct esp_backend_ctx *ctx, const struct mb_key *k)
{
	return (&ctx->tables[k->serial & (TABLES - 1)]);
}

/* Makes the tables of ${k}. Another thread may be wiping those of a key that was here. */
static const struct gcm_key_data *
expand(struct esp_backend_ctx *ctx, const struct mb_key *k, struct table *t)
{
	uint64_t tag;

	do
		tag = atomic_load_explicit(&t->tag, memory_order_relaxed);
	while (tag == TAG_BUSY || !atomic_compare_exchange_weak_explicit(&t->tag, &tag, TAG_BUSY, memory_order_acquire,
	    memory_order_relaxed));
	ctx->used[t - ctx->tables] = true;
	mb_gcm_expand(ctx->mgr, k, &t->key);
	atomic_store_explicit(&t->tag, k->serial, memory_order_release);
	return (&t->key);
}

static const struct gcm_key_data *
tables(struct esp_backend_ctx *ctx, const struct mb_key *k)
{
	struct table *t = table_of(ctx, k);

	return (atomic_load_explicit(&t->tag, memory_order_acquire) == k->serial ? &t->key : expand(ctx, k, t));
}

/* Wipes the tables of ${k}, which nobody uses any more. */
static void
forget(const struct mb_key *k)
{
	(void)pthread_mutex_lock(&contexts_lock);
	for (struct esp_backend_ctx *ctx = contexts; ctx != NULL; ctx = ctx->next) {
		struct table *t = table_of(ctx, k);
		uint64_t tag = k->serial;

		if (!atomic_compare_exchange_strong_explicit(&t->tag, &tag, TAG_BUSY, memory_order_acquire, memory_order_relaxed))
			continue;
		wipe(&t->key, sizeof(t->key));
		atomic_store_explicit(&t->tag, 0, memory_order_release);
	}
	(void)pthread_mutex_unlock(&contexts_lock);
}

static void
enlist(struct esp_backend_ctx *ctx)
{
	(void)pthread_mutex_lock(&contexts_lock);
	ctx->next = contexts;
	contexts = ctx;
	(void)pthread_mutex_unlock(&contexts_lock);
}

static void
delist(const struct esp_backend_ctx *ctx)
{
	struct esp_backend_ctx **at;

	(void)pthread_mutex_lock(&contexts_lock);
	for (at = &contexts; *at != NULL && *at != ctx; )
		at = &(*at)->next;
	if (*at != NULL)
		*at = ctx->next;
	(void)pthread_mutex_unlock(&contexts_lock);
}

static void
tables_free(struct esp_backend_ctx *ctx)
{
	for (size_t i = 0; ctx->tables != NULL && i < TABLES; i++)
		if (ctx->used[i])
			wipe(&ctx->tables[i].key, sizeof(ctx->tables[i].key));
	scratch_free((uint8_t *)ctx->tables, TABLES * sizeof(struct table));
}

static void
mb_ctx_free(struct esp_backend_ctx *ctx)
{
	if (ctx == NULL)
		return;
	delist(ctx);
	manager_free(ctx->mgr);
	tables_free(ctx);
	esp_backend_ossl.ctx_free(ctx->one);
	wipe(ctx, sizeof(*ctx));
	free(ctx);
}

static struct esp_backend_ctx *
mb_ctx_new(struct fault *f)
{
	struct esp_backend_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx != NULL && (ctx->one = esp_backend_ossl.ctx_new(f)) != NULL &&
	    (ctx->tables = (struct table *)(void *)scratch_new(TABLES * sizeof(struct table))) != NULL &&
	    (!usable() || (ctx->mgr = manager_new()) != NULL)) {
		enlist(ctx);
		return (ctx);
	}
	(void)fault(f, FAULT_MEMORY, "no memory for a context of ipsec-mb");
	mb_ctx_free(ctx);
	return (NULL);
}

static const struct mb_key *
key_of(const struct esp_job *j)
{
	return ((const struct mb_key *)(const void *)j->key);
}

/* ---- AEADs */

/* SPI | sequence number, 64 bits of it with ESN (RFC 4106 section 5). Returns its length. */
static size_t
aad_make(const struct mb_key *k, const struct esp_job *j, uint8_t aad[12])
{
	size_t len = k->esn ? 12 : 8;

	memcpy(aad, j->p, 4);
	put_be32(aad + 4, j->seq_hi);
	memcpy(aad + len - 4, j->p + 4, 4);
	return (len);
}

/* Salt | IV; for CTR also the first counter (RFC 3686 section 4). */
static void
iv_make(const struct mb_key *k, const struct esp_job *j, uint8_t iv[ESP_IV_MAX])
{
	memcpy(iv, k->salt, 4);
	memcpy(iv + 4, j->p + ESP_HDR, 8);
	put_be32(iv + IV_AEAD, 1);
}

static void
gcm(struct esp_backend_ctx *ctx, struct esp_job *j)
{
	const struct mb_key *k = key_of(j);
	uint8_t iv[ESP_IV_MAX], aad[12], tag[ESP_IV_MAX];
	uint8_t *body = j->p + ESP_HDR + k->iv_len, *icv = j->p + j->len - k->icv_len;

	iv_make(k, j, iv);
	k->gcm(tables(ctx, k), &ctx->gcm, body, body, (size_t)(icv - body), iv, aad, aad_make(k, j, aad), k->seal ? icv : tag,
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
	const struct mb_key *k = key_of(j);
	const struct mb_des *des = k->sched;
	const void *sched = k->cipher == IMB_CIPHER_DES ? des->of[0] : k->sched;	/* of three: a list */
	size_t head = (size_t)ESP_HDR + k->iv_len, len = j->len - head - k->icv_len;
	IMB_JOB job = { .enc_keys = sched, .dec_keys = sched, .key_len_in_bytes = k->key_len, .src = j->p, .dst = j->p + head,
	    .cipher_start_src_offset_in_bytes = head, .msg_len_to_cipher_in_bytes = len, .iv = j->p + ESP_HDR,
	    .iv_len_in_bytes = k->iv_len, .cipher_mode = (IMB_CIPHER_MODE)k->cipher, .hash_alg = IMB_AUTH_NULL, .user_data = j,
	    .cipher_direction = k->seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
	    .chain_order = k->seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER };

	if (k->cipher == IMB_CIPHER_CNTR || k->cipher == IMB_CIPHER_CHACHA20_POLY1305) {
		iv_make(k, j, ctx->iv[i]);
		job.iv = ctx->iv[i];
		job.iv_len_in_bytes = k->cipher == IMB_CIPHER_CNTR ? IV_CTR : IV_AEAD;
	}
	if (k->cipher == IMB_CIPHER_CHACHA20_POLY1305) {
		job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
		job.hash_start_src_offset_in_bytes = head;
		job.msg_len_to_hash_in_bytes = len;
		job.u.CHACHA20_POLY1305.aad_len_in_bytes = aad_make(k, j, ctx->aad[i]);
		job.u.CHACHA20_POLY1305.aad = ctx->aad[i];
		job.auth_tag_output = ctx->mac[i];
		job.auth_tag_output_len_in_bytes = k->icv_len;
	}
	j->ok = false;
	submit(ctx->mgr, &job);
}

/* The MAC of lane ${i}; with ESN the upper half of the number is in place of the ICV (RFC 4303, 2.2.1). */
static void
mac_lane(struct esp_backend_ctx *ctx, size_t i)
{
	struct esp_job *j = ctx->lane[i];
	const struct mb_key *k = key_of(j);
	uint8_t *icv = j->p + j->len - k->icv_len;
	IMB_JOB job = { .src = j->p, .dst = j->p, .msg_len_to_hash_in_bytes = j->len - k->icv_len + (k->esn ? 4 : 0),
	    .cipher_mode = IMB_CIPHER_NULL, .hash_alg = (IMB_HASH_ALG)k->hash, .cipher_direction = IMB_DIR_ENCRYPT,
	    .chain_order = IMB_ORDER_HASH_CIPHER, .auth_tag_output = ctx->mac[i],
	    .auth_tag_output_len_in_bytes = k->mac_len, .user_data = j };

	if (k->hash == IMB_AUTH_AES_XCBC) {
		job.u.XCBC._k1_expanded = (const uint32_t *)(const void *)k->mac->xcbc.k1;
		job.u.XCBC._k2 = k->mac->xcbc.k2;
		job.u.XCBC._k3 = k->mac->xcbc.k3;
	} else {
		job.u.HMAC._hashed_auth_key_xor_ipad = k->mac->hmac.ipad;
		job.u.HMAC._hashed_auth_key_xor_opad = k->mac->hmac.opad;
	}
	memcpy(ctx->icv[i], icv, k->icv_len);
	if (k->esn)
		put_be32(icv, j->seq_hi);
	j->ok = false;
	submit(ctx->mgr, &job);
}

static void
macs(struct esp_backend_ctx *ctx, size_t m)
{
	for (size_t i = 0; i < m; i++)
		if (key_of(ctx->lane[i])->hash != IMB_AUTH_NULL && ctx->lane[i]->ok)
			mac_lane(ctx, i);
	flush(ctx->mgr);
}

static void
seal_lanes(struct esp_backend_ctx *ctx, size_t m)
{
	for (size_t i = 0; i < m; i++) {
		ctx->lane[i]->ok = true;
		if (key_of(ctx->lane[i])->cipher != IMB_CIPHER_NULL)
			cipher_lane(ctx, i);
	}
	flush(ctx->mgr);
	macs(ctx, m);
	for (size_t i = 0; i < m; i++) {
		struct esp_job *j = ctx->lane[i];

		memcpy(j->p + j->len - key_of(j)->icv_len, ctx->mac[i], key_of(j)->icv_len);
	}
}

/* Only authentic packets are decrypted, except with AEADs, which do both in one step. */
static void
open_lanes(struct esp_backend_ctx *ctx, size_t m)
{
	const struct mb_key *k;
	struct esp_job *j;

	for (size_t i = 0; i < m; i++)
		ctx->lane[i]->ok = true;
	macs(ctx, m);
	for (size_t i = 0; i < m; i++) {
		j = ctx->lane[i];
		k = key_of(j);
		if (k->hash != IMB_AUTH_NULL) {
			memcpy(j->p + j->len - k->icv_len, ctx->icv[i], k->icv_len);
			j->ok = j->ok && ct_eq(span_of(ctx->mac[i], k->icv_len), span_of(ctx->icv[i], k->icv_len));
		}
		if (j->ok && k->cipher != IMB_CIPHER_NULL)
			cipher_lane(ctx, i);
	}
	flush(ctx->mgr);
	for (size_t i = 0; i < m; i++) {
		j = ctx->lane[i];
		k = key_of(j);
		if (k->cipher == IMB_CIPHER_CHACHA20_POLY1305)
			j->ok = j->ok && ct_eq(span_of(ctx->mac[i], k->icv_len),
			    span_of(j->p + j->len - k->icv_len, k->icv_len));
	}
}

/* ---- a call of either direction */

typedef void lanes_fn(struct esp_backend_ctx *, size_t);
typedef void one_fn(struct esp_backend_ctx *, struct esp_job *, size_t);

static void
few(struct esp_backend_ctx *ctx, struct esp_job *j, one_fn *one)
{
	struct esp_job alone = *j;

	alone.key = key_of(j)->one;
	one(ctx->one, &alone, 1);
	j->ok = alone.ok;
}

static void
work(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n, lanes_fn *lanes, one_fn *one)
{
	struct esp_job *j = jobs, *end = jobs + n;
	size_t m;

	while (j < end) {
		for (m = 0; j < end && m < ESP_BATCH; j++) {
			if (key_of(j)->gcm != NULL)
				gcm(ctx, j);
			else
				ctx->lane[m++] = j;
		}
		if (m >= FEW) {
			lanes(ctx, m);
			continue;
		}
		for (size_t i = 0; i < m; i++) {
			if (key_of(ctx->lane[i])->one != NULL)
				few(ctx, ctx->lane[i], one);
			else {
				ctx->lane[0] = ctx->lane[i];
				lanes(ctx, 1);
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

	return (usable() && mb_key_supports(s) && (!des || (tools->features & IMB_FEATURE_AVX512_SKX) == IMB_FEATURE_AVX512_SKX));
}

static struct esp_key *
mb_key_prepare(const struct esp_suite *s, struct span enc, struct span auth, bool seal, struct fault *f)
{
	return ((struct esp_key *)(void *)mb_key_new(tools, s, enc, auth, seal, f));
}

static void
mb_key_release(struct esp_key *k)
{
	struct mb_key *mb = (struct mb_key *)(void *)k;

	if (mb != NULL && mb->gcm != NULL)
		forget(mb);
	mb_key_free(mb);
}

const struct esp_backend esp_backend_mb = {
	.name = "ipsec-mb",
	.version = imb_get_version_str,
	.ctx_new = mb_ctx_new,
	.ctx_free = mb_ctx_free,
	.supports = mb_supports,
	.key_new = mb_key_prepare,
	.key_free = mb_key_release,
	.seal = mb_seal,
	.open = mb_open,
};

#else
typedef int no_ipsec_mb;	/* no empty translation unit */
#endif
