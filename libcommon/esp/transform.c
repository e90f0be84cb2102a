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
esp_xf_init(struct esp_xf *xf, const struct esp_backend *be, const struct esp_suite *s,
    struct span enc, struct span auth, bool seal, const struct rand *rand, struct fault *f)
{
	const struct alg_enc *e = s->enc;

	*xf = (struct esp_xf){ .be = be, .form = e->form, .seal = seal, .esn = s->esn,
	    .iv_len = e->iv_len, .rand = *rand };
	xf->icv_len = e->form == ALG_AEAD ? e->icv_len : s->integ != NULL ? s->integ->icv_len : 0;
	xf->align = e->block > PAD_ALIGN ? e->block : PAD_ALIGN;
	if ((e->form == ALG_CTR || e->form == ALG_AEAD) && seal &&
	    rand->fill(rand->state, (uint8_t *)&xf->iv_next, sizeof(xf->iv_next)) != 0)
		return (fault(f, FAULT_CRYPTO, "no random bytes for an IV"));
	if ((xf->key = be->key_new(s, enc, auth, seal, f)) == NULL)
		return (-1);
	return (0);
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

	body = (body + xf->align - 1) / xf->align * xf->align;
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

/* CBC wants IVs that nobody can foretell (RFC 3602 section 3); counter forms, ones never used twice. */
static int
iv_put(struct esp_xf *xf, uint8_t *p)
{
	if (xf->form != ALG_CBC) {
		if (xf->iv_len == 8)
			put_be64(p, xf->iv_next++);
		return (0);
	}
	if (xf->pool_left < xf->iv_len) {
		if (xf->rand.fill(xf->rand.state, xf->pool, sizeof(xf->pool)) != 0)
			return (-1);
		xf->pool_left = sizeof(xf->pool);
	}
	memcpy(p, xf->pool + sizeof(xf->pool) - xf->pool_left, xf->iv_len);
	xf->pool_left -= xf->iv_len;
	return (0);
}

/* Everything but the crypto; false if there is no room or no IV. */
static bool
frame(struct esp_pkt *k)
{
	size_t head = esp_xf_head(k->xf), pad, i;
	uint8_t *p;

	if (k->inner_len > k->cap || (k->len = esp_xf_len(k->xf, k->inner_len)) > k->cap)
		return (false);
	memcpy(k->p, k->spi, 4);
	put_be32(k->p + 4, (uint32_t)k->seq);
	if (iv_put(k->xf, k->p + ESP_HDR) != 0)
		return (false);
	pad = k->len - k->xf->icv_len - ESP_TRAILER - head - k->inner_len;
	p = k->p + head + k->inner_len;
	for (i = 1; i <= pad; i++)
		*p++ = (uint8_t)i;
	*p++ = (uint8_t)pad;
	*p = k->next;
	return (true);
}

/* Hands jobs to the backends, run by run of packets that share one. */
static void
run(struct esp_pkt *pkts, size_t n, bool seal)
{
	struct esp_job jobs[ESP_BATCH];
	struct esp_pkt *of[ESP_BATCH];
	const struct esp_backend *be = NULL;
	size_t i, j, m = 0;

	for (i = 0; i <= n; i++) {
		if (i < n && pkts[i].verdict != ESP_OK)
			continue;
		if (m > 0 && (i == n || m == ESP_BATCH || pkts[i].xf->be != be)) {
			(seal ? be->seal : be->open)(jobs, m);
			for (j = 0; j < m; j++)
				if (!jobs[j].ok)
					of[j]->verdict = seal ? ESP_FAILED : ESP_BAD_ICV;
			m = 0;
		}
		if (i == n)
			break;
		be = pkts[i].xf->be;
		of[m] = &pkts[i];
		jobs[m++] = (struct esp_job){ .key = pkts[i].xf->key, .p = pkts[i].p,
		    .len = pkts[i].len, .seq_hi = (uint32_t)(pkts[i].seq >> 32) };
	}
}

void
esp_seal(struct esp_pkt *pkts, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (pkts[i].verdict == ESP_OK && !frame(&pkts[i]))
			pkts[i].verdict = ESP_FAILED;
	run(pkts, n, true);
}

bool
esp_open_fits(const struct esp_xf *xf, size_t len)
{
	size_t fixed = esp_xf_head(xf) + xf->icv_len;

	return (len >= fixed + ESP_TRAILER && (len - fixed) % xf->align == 0);
}

void
esp_open(struct esp_pkt *pkts, size_t n)
{
	run(pkts, n, false);
}

void
esp_unpad(struct esp_pkt *k)
{
	size_t head = esp_xf_head(k->xf), body = k->len - head - k->xf->icv_len, pad, i;
	const uint8_t *end = k->p + head + body;	/* body >= ESP_TRAILER: esp_open_fits() */

	k->next = end[-1];
	pad = end[-2];
	if (pad + ESP_TRAILER > body) {
		k->verdict = ESP_BAD_PADDING;
		return;
	}
	k->inner_len = body - ESP_TRAILER - pad;
	for (i = 0; i < pad; i++)
		if (k->p[head + k->inner_len + i] != i + 1) {
			k->verdict = ESP_BAD_PADDING;
			return;
		}
}
