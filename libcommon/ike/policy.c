/* Policies: defaults, and their release. */
#include "ike/policy.h"

#include <stdlib.h>

void
ike_policy_default(struct ike_policy *p)
{
	*p = (struct ike_policy){
		.exchange = SA_MAIN,
		.n_auths = 1,
		.auths = { AUTH_PSK },
		.proto = SA_ESP,
		.mode = SA_TUNNEL,
		.ike_seconds = IKE_SECONDS_DEFAULT,
		.esp_seconds = ESP_SECONDS_DEFAULT,
		.natt = NATT_AUTO, .natt_port = NATT_PORT_DEFAULT,
		.dpd_seconds = DPD_SECONDS_DEFAULT,
		.dpd_tries = DPD_TRIES_DEFAULT,
		.heartbeat_threshold = HEARTBEAT_THRESHOLD_DEFAULT,
		.heartbeat_reconnect_ms = HEARTBEAT_RECONNECT_MS_DEFAULT,
		.timeout_ms = TIMEOUT_MS_DEFAULT,
		.answer_ms = ANSWER_MS_DEFAULT,
		.keepalive_ms = KEEPALIVE_MS_DEFAULT,
		.fragment_size = FRAGMENT_SIZE_DEFAULT,
	};
}

void
ike_policy_wipe(struct ike_policy *p)
{
	secret_free(&p->psk);
	creds_free(&p->creds);
	secret_free(&p->xauth_password);
	pool_free(p->pool);
	pool_free(p->pool6);
	free(p->give);
	*p = (struct ike_policy){0};
}

struct pool *
ike_policy_pool(const struct ike_policy *p, const struct addr *a)
{
	return (a->family == 4 ? p->pool : a->family == 6 ? p->pool6 : NULL);
}

void
ike_policy_release(const struct ike_policy *p, uint64_t epoch, const struct addr *a)
{
	struct pool *pool = ike_policy_pool(p, a);

	if (pool != NULL)
		pool_release(pool, epoch, a);
}
