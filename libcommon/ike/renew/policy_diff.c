/* The comparison of two policies: a row for each option. */
#include "ike/renew/policy_diff.h"

#include <stdio.h>

#define SAME(name, expr)							\
static bool									\
same_##name(const struct ike_policy *a, const struct ike_policy *b)		\
{										\
	return (expr);								\
}

static bool
selectors_eq(const struct selector *a, size_t n_a, const struct selector *b, size_t n_b)
{
	size_t i;

	for (i = 0; n_a == n_b && i < n_a && selector_eq(&a[i], &b[i]); i++)
		;
	return (n_a == n_b && i == n_a);
}

static bool
addrs_eq(const struct addr *a, size_t n_a, const struct addr *b, size_t n_b)
{
	size_t i;

	for (i = 0; n_a == n_b && i < n_a && addr_cmp(&a[i], &b[i]) == 0; i++)
		;
	return (n_a == n_b && i == n_a);
}

static bool
ids_eq(const struct id *a, const struct id *b)
{
	return (a->type == 0 || b->type == 0 ? a->type == b->type : id_eq(a, b));
}

static bool
certs_eq(const struct certs *a, const struct certs *b)
{
	size_t i;

	for (i = 0; a->n == b->n && i < a->n && cert_eq(a->c[i], b->c[i]); i++)
		;
	return (a->n == b->n && i == a->n);
}

static bool
ike_eq(const struct ike_proposals *a, const struct ike_proposals *b)
{
	size_t i;

	for (i = 0; a->n == b->n && i < a->n && a->p[i].enc == b->p[i].enc && a->p[i].hash == b->p[i].hash &&
	    a->p[i].group == b->p[i].group; i++)
		;
	return (a->n == b->n && i == a->n);
}

static bool
esp_eq(const struct esp_proposals *a, const struct esp_proposals *b)
{
	size_t i;

	for (i = 0; a->n == b->n && i < a->n && a->p[i].enc == b->p[i].enc && a->p[i].integ == b->p[i].integ &&
	    a->p[i].group == b->p[i].group && a->p[i].esn == b->p[i].esn; i++)
		;
	return (a->n == b->n && i == a->n);
}

static bool
keys_eq(const struct sign_key *a, const struct sign_key *b)
{
	struct bytes x = {0}, y = {0};
	struct fault f;
	bool same = a == b || (a != NULL && b != NULL && sign_key_public(a, &x, &f) == 0 &&
	    sign_key_public(b, &y, &f) == 0 && span_eq(bytes_span(&x), bytes_span(&y)));

	bytes_free(&x);
	bytes_free(&y);
	return (same);
}

static bool
pools_eq(const struct pool *a, const struct pool *b)
{
	return (a == b || (a != NULL && b != NULL && selector_eq(pool_range(a), pool_range(b))));
}

static uint64_t
lease_time(const struct pool *p)
{
	return (p != NULL ? pool_lease_time(p) : 0);
}

/* For settings that may be NULL: not set. */
#define GIVEN(m)	(a->give == NULL || b->give == NULL ? a->give == b->give : (m))

SAME(exchange, a->exchange == b->exchange)
SAME(auth, a->n_auths == b->n_auths && memcmp(a->auths, b->auths, a->n_auths * sizeof(a->auths[0])) == 0)
SAME(psk, ct_eq(secret_span(&a->psk), secret_span(&b->psk)))
SAME(cert, certs_eq(&a->creds.own, &b->creds.own))
SAME(key, keys_eq(a->creds.key, b->creds.key))
SAME(ca, certs_eq(&a->creds.ca, &b->creds.ca))
SAME(crl, crls_eq(a->creds.crls, b->creds.crls))
SAME(peer_cert, certs_eq(&a->creds.pinned, &b->creds.pinned))
SAME(peer_hash, a->creds.n_hashes == b->creds.n_hashes &&
    memcmp(a->creds.hash, b->creds.hash, a->creds.n_hashes * sizeof(a->creds.hash[0])) == 0)
SAME(cert_policy, a->cert_policy == b->cert_policy)
SAME(xauth_user, strcmp(a->xauth_user, b->xauth_user) == 0)
SAME(xauth_password, ct_eq(secret_span(&a->xauth_password), secret_span(&b->xauth_password)))
SAME(xauth_type, a->xauth_chap == b->xauth_chap)
SAME(mode_config, a->mode_config == b->mode_config)
SAME(mode_config_push, a->mode_config_push == b->mode_config_push)
SAME(pool, pools_eq(a->pool, b->pool) && pools_eq(a->pool6, b->pool6))
SAME(lease_time, lease_time(a->pool) == lease_time(b->pool) && lease_time(a->pool6) == lease_time(b->pool6))
SAME(give, (a->give == NULL) == (b->give == NULL))
SAME(dns, GIVEN(addrs_eq(a->give->dns, a->give->n_dns, b->give->dns, b->give->n_dns)))
SAME(nbns, GIVEN(addrs_eq(a->give->nbns, a->give->n_nbns, b->give->nbns, b->give->n_nbns)))
SAME(split, GIVEN(selectors_eq(a->give->split, a->give->n_split, b->give->split, b->give->n_split)))
SAME(local_lan, GIVEN(selectors_eq(a->give->local_lan, a->give->n_local_lan, b->give->local_lan, b->give->n_local_lan)))
SAME(domain, GIVEN(strcmp(a->give->domain, b->give->domain) == 0))
SAME(split_dns, GIVEN(strcmp(a->give->split_dns, b->give->split_dns) == 0))
SAME(banner, GIVEN(strcmp(a->give->banner, b->give->banner) == 0))
SAME(redirect, addr_cmp(&a->redirect, &b->redirect) == 0)
SAME(local_id, ids_eq(&a->local_id, &b->local_id))
SAME(remote_id, a->remote_id_any == b->remote_id_any && ids_eq(&a->remote_id, &b->remote_id))
SAME(address, a->remote_addr.first.family == 0 || b->remote_addr.first.family == 0 ?
    a->remote_addr.first.family == b->remote_addr.first.family : selector_eq(&a->remote_addr, &b->remote_addr))
SAME(ike, ike_eq(&a->ike, &b->ike) && a->accept_all == b->accept_all)
SAME(ike_lifetime, a->ike_seconds == b->ike_seconds)
SAME(aggressive_clear, a->aggressive_clear == b->aggressive_clear)
SAME(esp, esp_eq(&a->esp, &b->esp) && a->proto == b->proto)
SAME(ah, esp_eq(&a->ah, &b->ah))
SAME(pfs_fallback, a->pfs_fallback == b->pfs_fallback)
SAME(commit_bit, a->commit_bit == b->commit_bit)
SAME(local_ts, selectors_eq(a->local_ts, a->n_local_ts, b->local_ts, b->n_local_ts))
SAME(remote_ts, selectors_eq(a->remote_ts, a->n_remote_ts, b->remote_ts, b->n_remote_ts))
SAME(mode, a->mode == b->mode)
SAME(esp_lifetime, a->esp_seconds == b->esp_seconds)
SAME(esp_lifebytes, a->esp_kilobytes == b->esp_kilobytes)
SAME(natt, a->natt == b->natt)
SAME(natt_port, a->natt_port == b->natt_port)
SAME(natt_versions, a->natt_versions == b->natt_versions)
SAME(natt_keepalive, a->keepalive_ms == b->keepalive_ms)
SAME(fragmentation, a->fragmentation == b->fragmentation)
SAME(fragment_size, a->fragment_size == b->fragment_size)
SAME(dpd_interval, a->dpd_seconds == b->dpd_seconds)
SAME(dpd_tries, a->dpd_tries == b->dpd_tries)
SAME(heartbeat, a->heartbeat_ms == b->heartbeat_ms)
SAME(heartbeat_threshold, a->heartbeat_threshold == b->heartbeat_threshold)
SAME(heartbeat_reconnect, a->heartbeat_reconnect_ms == b->heartbeat_reconnect_ms)
SAME(timeout, a->timeout_ms == b->timeout_ms && a->answer_ms == b->answer_ms)

static const struct row {
	const char		*key;
	enum policy_change	 means;
	bool			(*same)(const struct ike_policy *a, const struct ike_policy *b);
} rows[] = {
	{ "exchange", POLICY_IKE, same_exchange },
	{ "auth", POLICY_IKE, same_auth },
	{ "psk-file", POLICY_PROOF, same_psk },
	/* Our own proof: the peer has verified the old one, and decides itself what it trusts. */
	{ "cert", POLICY_LATER, same_cert },
	{ "key", POLICY_LATER, same_key },
	{ "ca", POLICY_PROOF, same_ca },
	{ "crl", POLICY_REVOKED, same_crl },
	{ "peer-cert", POLICY_PROOF, same_peer_cert },
	{ "peer-cert-hash", POLICY_PROOF, same_peer_hash },
	{ "cert-policy", POLICY_LATER, same_cert_policy },
	{ "xauth-user", POLICY_PROOF, same_xauth_user },
	{ "xauth-password-file", POLICY_LATER, same_xauth_password },
	{ "xauth-type", POLICY_LATER, same_xauth_type },
	{ "mode-config", POLICY_LATER, same_mode_config },
	{ "mode-config-push", POLICY_LATER, same_mode_config_push },
	{ "pool", POLICY_CHILD, same_pool },
	{ "lease-time", POLICY_LATER, same_lease_time },
	{ "settings of clients", POLICY_LATER, same_give },
	{ "dns", POLICY_LATER, same_dns },
	{ "nbns", POLICY_LATER, same_nbns },
	{ "split-include", POLICY_LATER, same_split },
	{ "local-lan", POLICY_LATER, same_local_lan },
	{ "domain", POLICY_LATER, same_domain },
	{ "split-dns", POLICY_LATER, same_split_dns },
	{ "banner", POLICY_LATER, same_banner },
	{ "redirect", POLICY_LATER, same_redirect },
	{ "local-id", POLICY_LATER, same_local_id },
	{ "remote-id", POLICY_IKE, same_remote_id },
	{ "address", POLICY_IKE, same_address },
	{ "ike", POLICY_IKE, same_ike },
	{ "ike-lifetime", POLICY_LATER, same_ike_lifetime },
	{ "aggressive-clear", POLICY_LATER, same_aggressive_clear },
	{ "esp", POLICY_CHILD, same_esp },
	{ "ah", POLICY_CHILD, same_ah },
	{ "pfs-fallback", POLICY_LATER, same_pfs_fallback },
	{ "commit-bit", POLICY_LATER, same_commit_bit },
	{ "local-ts", POLICY_CHILD, same_local_ts },
	{ "remote-ts", POLICY_CHILD, same_remote_ts },
	{ "mode", POLICY_CHILD, same_mode },
	{ "esp-lifetime", POLICY_LATER, same_esp_lifetime },
	{ "esp-lifebytes", POLICY_LATER, same_esp_lifebytes },
	{ "natt", POLICY_LATER, same_natt },
	{ "natt-port", POLICY_LATER, same_natt_port },
	{ "natt-versions", POLICY_LATER, same_natt_versions },
	{ "natt-keepalive", POLICY_LATER, same_natt_keepalive },
	{ "fragmentation", POLICY_LATER, same_fragmentation },
	{ "fragment-size", POLICY_LATER, same_fragment_size },
	{ "dpd-interval", POLICY_LATER, same_dpd_interval },
	{ "dpd-tries", POLICY_LATER, same_dpd_tries },
	{ "heartbeat", POLICY_LATER, same_heartbeat },
	{ "heartbeat-threshold", POLICY_LATER, same_heartbeat_threshold },
	{ "heartbeat-reconnect", POLICY_LATER, same_heartbeat_reconnect },
	{ "timeout", POLICY_LATER, same_timeout },
};

unsigned
ike_policy_diff(const struct ike_policy *a, const struct ike_policy *b, char *keys, size_t cap)
{
	unsigned all = 0;
	size_t i, len = 0;

	keys[0] = '\0';
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].same(a, b))
			continue;
		all |= rows[i].means;
		if (len < cap)
			len += (size_t)snprintf(keys + len, cap - len, "%s%s", len > 0 ? ", " : "", rows[i].key);
	}
	return (all);
}
