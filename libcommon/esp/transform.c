/* Sizes, IVs and keys of one direction of an SA; the words for verdicts. */
#include "esp/transform.h"

#define PAD_ALIGN	4	/* the trailer ends on 4 bytes whatever the cipher (RFC 4303, 2.4) */

static const char *const verdicts[ESP_VERDICT_COUNT] = {
#define ESP_VERDICT_TEXT(v, text) [ESP_##v] = text,
	ESP_VERDICTS(ESP_VERDICT_TEXT)
#undef ESP_VERDICT_TEXT
};

const char *
esp_verdict_text(enum esp_verdict v)
{
	return (verdicts[v]);
}

int
esp_xf_init(struct esp_xf *xf, const struct esp_backend *const *list, const struct esp_suite *s,
    struct span enc, struct span auth, bool seal, const struct rand *rand, struct fault *f)
{
	const struct alg_enc *e = s->enc;
	const struct esp_backend *be = esp_backend_for(list, s);

	*xf = (struct esp_xf){0};
	if (be == NULL)
		return (fault(f, FAULT_CONFIG, "no backend supports %s", e->name));
	*xf = (struct esp_xf){ .be = be, .form = e->form, .seal = seal, .esn = s->esn,
	    .iv_len = e->iv_len };
	xf->icv_len = e->form == ALG_AEAD ? e->icv_len : s->integ != NULL ? s->integ->icv_len : 0;
	xf->align = e->block > PAD_ALIGN ? e->block : PAD_ALIGN;
	if ((e->form == ALG_CTR || e->form == ALG_AEAD) && seal &&
	    rand->fill(rand->state, (uint8_t *)&xf->iv_next, sizeof(xf->iv_next)) != 0)
		return (fault(f, FAULT_CRYPTO, "no random bytes for an IV"));
	if ((xf->key = be->key_new(s, enc, auth, seal, f)) != NULL)
		return (0);
	*xf = (struct esp_xf){0};
	return (-1);
}

void
esp_xf_free(struct esp_xf *xf)
{
	if (xf->be != NULL)
		xf->be->key_free(xf->key);
	wipe(xf, sizeof(*xf));
}

size_t
esp_xf_len(const struct esp_xf *xf, size_t inner)
{
	size_t body = inner + ESP_TRAILER;

	body = (body + xf->align - 1u) & ~(size_t)(xf->align - 1u);	/* 4, 8 or 16 */
	return (esp_xf_head(xf) + body + xf->icv_len);
}

size_t
esp_xf_inner_max(const struct esp_xf *xf, size_t room)
{
	size_t fixed = esp_xf_head(xf) + xf->icv_len, body;

	if (room < fixed)
		return (0);
	body = (room - fixed) / xf->align * xf->align;
	return (body > ESP_TRAILER ? body - ESP_TRAILER : 0);
}

/* The start stays random, and below the middle of the range: more IVs than numbers are not needed. */
void
esp_xf_iv_range(struct esp_xf *xf, uint32_t n)
{
	xf->iv_next = xf->iv_next >> 5 | (uint64_t)(n & 15) << 60;
}

/* CBC needs unpredictable IVs (RFC 3602 section 3); counter modes need IVs that are never reused. */
int
esp_xf_iv(struct esp_ctx *ctx, struct esp_xf *xf, uint8_t *p)
{
	if (xf->form != ALG_CBC) {
		if (xf->iv_len == 8)
			put_be64(p, xf->iv_next++);
		return (0);
	}
	if (ctx->pool_left < xf->iv_len) {
		if (ctx->rand.fill(ctx->rand.state, ctx->pool, ESP_IV_POOL) != 0)
			return (-1);
		ctx->pool_left = ESP_IV_POOL;
	}
	memcpy(p, ctx->pool + ESP_IV_POOL - ctx->pool_left, xf->iv_len);
	ctx->pool_left -= xf->iv_len;
	return (0);
}

bool
esp_xf_fits(const struct esp_xf *xf, size_t len)
{
	size_t fixed = esp_xf_head(xf) + xf->icv_len;

	return (len >= fixed + ESP_TRAILER && ((len - fixed) & (xf->align - 1u)) == 0);
}
