/* Which backends there are, which of them serves a suite, and a worker's context of each. */
#include "esp/backend.h"

#include <stdlib.h>

#include "base/scratch.h"

const struct esp_backend *const esp_backends[] = {
#ifdef ESP_HAVE_MB
	&esp_backend_mb,
#endif
	&esp_backend_ossl, NULL
};

int
esp_suite_keys(const struct esp_suite *s, struct span enc, struct span auth, struct fault *f)
{
	const struct alg_enc *e = s->enc;

	if (enc.len != (size_t)e->key_len + e->salt_len)
		return (fault(f, FAULT_CONFIG, "%s wants %u bytes of key and salt, not %zu", e->name,
		    e->key_len + e->salt_len, enc.len));
	if (auth.len != (s->integ != NULL ? s->integ->key_len : 0))
		return (fault(f, FAULT_CONFIG, "%s wants %u bytes of integrity key, not %zu",
		    s->integ != NULL ? s->integ->name : e->name,
		    s->integ != NULL ? s->integ->key_len : 0, auth.len));
	return (0);
}

const struct esp_backend *
esp_backend_for(const struct esp_backend *const *list, const struct esp_suite *s)
{
	for (; *list != NULL; list++)
		if ((*list)->supports(s))
			return (*list);
	return (NULL);
}

struct esp_ctx *
esp_ctx_new(const struct esp_backend *const *list, const struct rand *rand, struct fault *f)
{
	struct esp_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL || (ctx->work = scratch_new(ESP_WORK)) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for packets");
		free(ctx);
		return (NULL);
	}
	ctx->list = list;
	ctx->rand = *rand;
	for (size_t i = 0; i < ESP_BACKENDS_MAX && list[i] != NULL; i++)
		if ((ctx->of[i] = list[i]->ctx_new(f)) == NULL) {
			esp_ctx_free(ctx);
			return (NULL);
		}
	return (ctx);
}

void
esp_ctx_free(struct esp_ctx *ctx)
{
	if (ctx == NULL)
		return;
	for (size_t i = 0; i < ESP_BACKENDS_MAX && ctx->list[i] != NULL; i++)
		ctx->list[i]->ctx_free(ctx->of[i]);
	scratch_free(ctx->work, ESP_WORK);
	scratch_free(ctx->slots, (size_t)ESP_BATCH * ESP_SLOT);
	free(ctx);
}

struct esp_backend_ctx *
esp_ctx_of(const struct esp_ctx *ctx, const struct esp_backend *be)
{
	size_t i = 0;

	while (ctx->list[i] != be)
		i++;
	return (ctx->of[i]);
}

uint8_t *
esp_ctx_slot(struct esp_ctx *ctx, size_t i)
{
	if (ctx->slots == NULL)
		ctx->slots = scratch_new((size_t)ESP_BATCH * ESP_SLOT);
	return (ctx->slots != NULL ? ctx->slots + i * ESP_SLOT : NULL);
}
