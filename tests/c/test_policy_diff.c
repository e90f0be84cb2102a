/* The comparison of policies for a reload: each option of a section is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "ike/renew/policy_diff.h"
#include "tool/policy_opt.h"

#define KEYS	200

/* A value of each option of a policy that is not the default, except those of credentials, which are files. */
static const struct { const char *name, *value; unsigned means; } values[] = {
	{ "exchange", "aggressive", POLICY_IKE },
	{ "xauth-user", "robert", POLICY_PROOF },
	{ "xauth-type", "chap", POLICY_LATER },
	{ "mode-config", "yes", POLICY_LATER },
	{ "mode-config-push", "yes", POLICY_LATER },
	{ "pool", "10.3.0.0/24", POLICY_CHILD },
	{ "lease-time", "60", POLICY_LATER },
	{ "dns", "10.2.0.53", POLICY_LATER },
	{ "nbns", "10.2.0.42", POLICY_LATER },
	{ "domain", "example", POLICY_LATER },
	{ "split-dns", "lab.example", POLICY_LATER },
	{ "split-include", "10.2.0.0/16", POLICY_LATER },
	{ "local-lan", "192.0.2.0/24", POLICY_LATER },
	{ "banner", "welcome", POLICY_LATER },
	{ "redirect", "192.0.2.9", POLICY_LATER },
	{ "local-id", "gw.example", POLICY_LATER },
	{ "remote-id", "peer.example", POLICY_IKE },
	{ "ike", "3des-md5-modp1024", POLICY_IKE },
	{ "ike-lifetime", "1h", POLICY_LATER },
	{ "esp", "3des-md5", POLICY_CHILD },
	{ "pfs-fallback", "yes", POLICY_LATER },
	{ "commit-bit", "yes", POLICY_LATER },
	{ "mode", "transport", POLICY_CHILD },
	{ "esp-lifetime", "10m", POLICY_LATER },
	{ "esp-lifebytes", "4Gi", POLICY_LATER },
	{ "natt", "off", POLICY_LATER },
	{ "natt-port", "4501", POLICY_LATER },
	{ "natt-versions", "rfc3947", POLICY_LATER },
	{ "natt-keepalive", "7", POLICY_LATER },
	{ "fragmentation", "off", POLICY_LATER },
	{ "fragment-size", "600", POLICY_LATER },
	{ "dpd-interval", "7", POLICY_LATER },
	{ "dpd-tries", "7", POLICY_LATER },
	{ "heartbeat", "7", POLICY_LATER },
	{ "heartbeat-threshold", "7", POLICY_LATER },
	{ "heartbeat-reconnect", "7", POLICY_LATER },
	{ "timeout", "7", POLICY_LATER },
	{ "ah", "sha256", POLICY_CHILD },
	{ "local-ts", "10.1.0.0/24", POLICY_CHILD },
	{ "remote-ts", "10.2.0.0/24", POLICY_CHILD },
	{ "auth", "rsa", POLICY_IKE },
	/* Where it is allowed, the exchange differs, too. */
	{ "aggressive-clear", "yes", POLICY_LATER },
};
#define N	(sizeof(values) / sizeof(values[0]))

/* Those that name a file, or the section: their contents are compared below. */
static const char *const others[] = { "psk-file", "psk-format", "cert", "key", "key-passphrase", "ca", "crl", "peer-cert", "peer-cert-hash",
	"cert-policy", "xauth-user-file", "xauth-password-file", "banner-file", "name" };

static void
build(struct ike_policy *p, const struct policy_opts *given, const char *name, const char *value)
{
	struct policy_opts o = *given;
	struct fault f = {0};
	bool known, again;

	if (name != NULL)
		assert_int_equal(opt_set(policy_optab, &o, name, value, &known, &again, &f), 0);
	if (policy_opts_build(p, &o, NULL, false, &f) != 0)
		fail_msg("%s: %s", name, f.what);
}

static void
test_each_option(void **state)
{
	static const struct policy_opts given = POLICY_OPTS_DEFAULT;
	struct policy_opts from;
	struct ike_policy a, b;
	char keys[KEYS];
	unsigned means;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		from = given;
		if (strcmp(values[i].name, "aggressive-clear") == 0)
			from.exchange = SA_AGGRESSIVE;
		/* These are settings beside an address. */
		if (strcmp(values[i].name, "lease-time") == 0) {
			from.gate.pool.n = 1;
			from.gate.pool.v[0] = "10.3.0.0/24";
		}
		if (strcmp(values[i].name, "split-include") == 0) {
			from.local_ts.n = 1;
			from.local_ts.v[0] = "10.2.0.0/16";
		}
		build(&a, &from, NULL, NULL);
		build(&b, &from, NULL, NULL);
		assert_int_equal(ike_policy_diff(&a, &b, keys, sizeof(keys)), 0);
		assert_string_equal(keys, "");
		ike_policy_wipe(&b);
		build(&b, &from, values[i].name, values[i].value);
		means = ike_policy_diff(&a, &b, keys, sizeof(keys));
		if ((means & values[i].means) == 0 || means != ike_policy_diff(&b, &a, keys, sizeof(keys)))
			fail_msg("%s: %u, keys %s", values[i].name, means, keys);
		ike_policy_wipe(&a);
		ike_policy_wipe(&b);
	}
}

static bool
in_lists(const char *name)
{
	size_t i;

	for (i = 0; i < N && strcmp(values[i].name, name) != 0; i++)
		;
	if (i < N)
		return (true);
	for (i = 0; i < sizeof(others) / sizeof(others[0]) && strcmp(others[i], name) != 0; i++)
		;
	return (i < sizeof(others) / sizeof(others[0]));
}

static void
check_rows(const struct opt *r)
{
	for (; r->type != OPT_T_END; r++) {
		if (r->type == OPT_T_INCLUDE)
			check_rows(r->include);
		else if (r->name != NULL && !in_lists(r->name))
			fail_msg("--%s: whether a reload sees it is not tested", r->name);
	}
}

/* A new option of policies fails here until it is in the table above. */
static void
test_no_option_is_forgotten(void **state)
{
	(void)state;
	check_rows(policy_optab);
}

static void
test_secrets(void **state)
{
	static const struct policy_opts given = POLICY_OPTS_DEFAULT;
	struct ike_policy a, b;
	char keys[KEYS], one[3];

	(void)state;
	build(&a, &given, NULL, NULL);
	build(&b, &given, NULL, NULL);
	assert_int_equal(secret_set(&a.psk, span_str("lilies")), 0);
	assert_int_equal(ike_policy_diff(&a, &b, keys, sizeof(keys)), POLICY_PROOF);
	assert_string_equal(keys, "psk-file");
	assert_int_equal(secret_set(&b.psk, span_str("lilies")), 0);
	assert_int_equal(ike_policy_diff(&a, &b, keys, sizeof(keys)), 0);
	assert_int_equal(secret_set(&b.xauth_password, span_str("x")), 0);
	assert_int_equal(ike_policy_diff(&a, &b, keys, sizeof(keys)), POLICY_LATER);
	a.creds.n_hashes = 1;
	a.cert_policy = CERT_NEVER;
	/* cut to the room */
	assert_int_equal(ike_policy_diff(&a, &b, one, sizeof(one)), POLICY_LATER | POLICY_PROOF);
	assert_int_equal(strlen(one), 2);
	ike_policy_wipe(&a);
	ike_policy_wipe(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_option),
		cmocka_unit_test(test_no_option_is_forgotten),
		cmocka_unit_test(test_secrets),
	};

	return (secret_init() != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL));
}
