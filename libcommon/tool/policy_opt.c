/* The policy options of the negotiators, and the policy that they build. */
#include "tool/policy_opt.h"

#include <errno.h>

#include <stdio.h>
#include <stdlib.h>

#include "ike/heartbeat.h"
#include "wire/config.h"
#include "wire/vid.h"

#define LIFE_MIN	5ULL		/* seconds; a rekey needs longer than that */
#define LIFE_MAX	31536000ULL	/* a year */
#define KILOBYTE	1024ULL		/* RFC 2407 section 4.5, SA Life Type 2 */

static const struct opt_word auths[] = {
	{ "psk", AUTH_PSK }, { "rsa", AUTH_RSA_SIG }, { "ecdsa", AUTH_ECDSA_256 }, { "dss", AUTH_DSS_SIG }, { "xauth-psk", AUTH_XAUTH_INIT_PSK },
	{ "xauth-rsa", AUTH_XAUTH_INIT_RSA }, { "hybrid", AUTH_HYBRID_INIT_RSA },
	{ NULL, 0 },
};

static const struct opt_word lifebytes_words[] = { { "off", 0 }, { NULL, 0 } };
static const struct opt_word dpd_words[] = { { "off", 0 }, { NULL, 0 } };
static const struct opt_word heartbeat_words[] = { { "off", 0 }, { NULL, 0 } };

const struct opt policy_optab[] = {
	OPT_SECTION("Phase 1:"),
	OPT_CHOICE(struct policy_opts, exchange, 0, "exchange", "main|aggressive",
	    "phase 1 exchange that establishes the IKE SA"),
	OPT_CHOICE(struct policy_opts, auth, 0, "auth", "psk|rsa|ecdsa|dss|xauth-psk|xauth-rsa|hybrid", "authentication method",
	    .words = auths),
	OPT_STR(struct policy_opts, psk_file, 0, "psk-file", "FILE",
	    "pre-shared key: a file, '-', fd:N, env:NAME, or tty for a prompt"),
	OPT_CHOICE(struct policy_opts, psk_format, 0, "psk-format", SECRET_FORMATS,
	    "encoding of the key; auto: hex after 0x, base64 after 0s, otherwise raw"),
	OPT_INCLUDE(struct policy_opts, creds, creds_optab),
	OPT_STR(struct policy_opts, xauth_user, 0, "xauth-user", "NAME", "user name for XAuth after phase 1"),
	OPT_STR(struct policy_opts, xauth_user_file, 0, "xauth-user-file", "FILE",
	    "the same from a file, '-', fd:N, env:NAME, or tty for a prompt"),
	OPT_STR(struct policy_opts, xauth_password_file, 0, "xauth-password-file", "FILE",
	    "its password: a file, '-', fd:N, env:NAME, or tty for a prompt"),
	OPT_CHOICE(struct policy_opts, xauth_type, 0, "xauth-type", "generic|chap",
	    "as gateway of XAuth: how it asks for the password"),
	OPT_FLAG(struct policy_opts, mode_config, 0, "mode-config",
	    "ask the gateway for an inner address, name servers and networks"),
	OPT_FLAG(struct policy_opts, mode_config_push, 0, "mode-config-push",
	    "wait until the gateway sends them; with --pool: send them without being asked"),
	OPT_INCLUDE(struct policy_opts, gate, gate_optab),
	OPT_STR(struct policy_opts, local_id, 0, "local-id", "ID",
	    "identity that we send (default: the local address)"),
	OPT_STR(struct policy_opts, remote_id, 0, "remote-id", "ID|any",
	    "identity that the peer must send (default: initiator: the peer's address; responder: any)"),
	OPT_STR(struct policy_opts, ike, 0, "ike", "PROPOSALS",
	    "cipher-hash-group, preferred first: aes256-sha256-modp2048,3des-sha1-modp1024"),
	OPT_SECONDS(struct policy_opts, ike_seconds, 0, "ike-lifetime", "S", LIFE_MIN, LIFE_MAX,
	    "lifetime of the IKE SA in seconds, or with a unit: 8h"),
	OPT_FLAG(struct policy_opts, aggressive_clear, 0, "aggressive-clear",
	    "send message 3 of aggressive mode unencrypted, for old peers"),
	OPT_SECTION("Phase 2:"),
	OPT_STR(struct policy_opts, esp, 0, "esp", "PROPOSALS",
	    "cipher-integrity[-group]: aes128gcm16, aes256-sha256-modp2048; a group means PFS"),
	OPT_STR(struct policy_opts, ah, 0, "ah", "PROPOSALS",
	    "AH instead of ESP: integrity[-group], for example sha256-modp2048; with --esp around it"),
	OPT_FLAG(struct policy_opts, pfs_fallback, 0, "pfs-fallback",
	    "go on without PFS if the peer does not support it"),
	OPT_FLAG(struct policy_opts, commit_bit, 0, "commit-bit",
	    "set the commit bit: the responder confirms a child SA before the initiator uses it"),
	OPT_LIST(struct policy_opts, local_ts, 0, "local-ts", "TS",
	    "our networks: 10.1.0.0/24 or 10.1.0.5[tcp/80] (default: the local address)"),
	OPT_LIST(struct policy_opts, remote_ts, 0, "remote-ts", "TS",
	    "the peer's networks (default: the peer's address)"),
	OPT_CHOICE(struct policy_opts, mode, 0, "mode", "tunnel|transport", "encapsulation mode"),
	OPT_SECONDS(struct policy_opts, esp_seconds, 0, "esp-lifetime", "S", LIFE_MIN, LIFE_MAX,
	    "lifetime of a child SA in seconds, or with a unit: 1h"),
	OPT_BYTES(struct policy_opts, esp_bytes, 0, "esp-lifebytes", "BYTES|off", KILOBYTE,
	    KILOBYTE * UINT32_MAX, "lifetime of a child SA in bytes: 4Gi", .words = lifebytes_words),
	OPT_SECTION("Connection:"),
	OPT_CHOICE(struct policy_opts, natt, 0, "natt", "auto|force|off",
	    "encapsulate ESP in UDP: if a NAT is detected, always, or never"),
	OPT_NUM(struct policy_opts, natt_port, 0, "natt-port", "PORT", 1, 65535,
	    "the peer's UDP port for NAT traversal"),
	OPT_LIST(struct policy_opts, natt_versions, 0, "natt-versions", "VERSION",
	    "announce only rfc3947, draft-03, draft-02, draft-01 or draft-00", .flags = OPT_SEAM),
	OPT_MILLIS(struct policy_opts, keepalive_ms, 0, "natt-keepalive", "S", 100, 3600000,
	    "seconds between NAT keepalives"),
	OPT_CHOICE(struct policy_opts, fragmentation, 0, "fragmentation", "auto|force|off",
	    "send long IKE messages in fragments: if the peer announces it, always, or never"),
	OPT_NUM(struct policy_opts, fragment_size, 0, "fragment-size", "BYTES", FRAGMENT_SIZE_MIN, 65535,
	    "size of an IP packet above which a message is sent in fragments"),
	OPT_SECONDS(struct policy_opts, dpd_seconds, 0, "dpd-interval", "S|off", 1, 86400,
	    "seconds without traffic before dead peer detection probes the peer", .words = dpd_words),
	OPT_NUM(struct policy_opts, dpd_tries, 0, "dpd-tries", "N", 1, 100,
	    "unanswered DPD probes before the peer is considered dead"),
	OPT_MILLIS(struct policy_opts, heartbeat_ms, 0, "heartbeat", "S|off", HEARTBEAT_MIN_MS,
	    HEARTBEAT_MAX_MS, "send a hello every S seconds, if the peer announces heartbeats too",
	    .words = heartbeat_words),
	OPT_NUM(struct policy_opts, heartbeat_threshold, 0, "heartbeat-threshold", "N", 1, 3600,
	    "missed hellos before the peer is considered dead"),
	OPT_MILLIS(struct policy_opts, heartbeat_reconnect_ms, 0, "heartbeat-reconnect", "S", 0, 86400000,
	    "seconds before an initiator reconnects after that"),
	OPT_MILLIS(struct policy_opts, timeout_ms, 0, "timeout", "S", 100, 3600000,
	    "seconds until an unanswered exchange times out"),
	OPT_STR(struct policy_opts, name, 0, "name", "NAME", "name of the SAs, written to their records"),
	OPT_END
};

/* ${out}: ${text} without blanks, as lists in files have them after commas. */
static int
squeeze(char *out, size_t cap, const char *text, struct fault *f)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '\t')
			continue;
		if (n + 1 == cap)
			return (fault(f, FAULT_BAD_PROPOSAL, "the list is longer than %zu bytes", cap));
		out[n++] = *text;
	}
	out[n] = '\0';
	return (0);
}

/* AH around ESP. */
static int
build_around(struct ike_policy *p, const char *ah, struct fault *f)
{
	char list[4096];
	size_t i;

	if (squeeze(list, sizeof(list), ah, f) != 0 || ah_proposals_parse(&p->ah, list, f) != 0) {
		fault_option(f, "ah");
		return (fault_because(f, CAUSE_AH_PROPOSAL, -1));
	}
	for (i = 0; i < p->ah.n; i++)
		if (p->ah.p[i].group != NULL) {
			(void)fault(f, FAULT_CONFIG, "the group for PFS of a bundle belongs to --esp");
			fault_option(f, "ah");
			return (-1);
		}
	return (0);
}

static int
build_proposals(struct ike_policy *p, const struct policy_opts *o, struct fault *f)
{
	char list[4096];
	bool ah = o->ah != NULL && o->esp == NULL;
	const char *second = ah ? o->ah : o->esp != NULL ? o->esp : esp_proposals_default;

	if (squeeze(list, sizeof(list), o->ike != NULL ? o->ike : ike_proposals_default, f) != 0 ||
	    ike_proposals_parse(&p->ike, list, f) != 0) {
		fault_option(f, "ike");
		return (fault_because(f, CAUSE_IKE_PROPOSAL, -1));
	}
	p->proto = ah ? SA_AH : SA_ESP;
	if (squeeze(list, sizeof(list), second, f) != 0 || (ah ?
	    ah_proposals_parse(&p->esp, list, f) : esp_proposals_parse(&p->esp, list, f)) != 0) {
		fault_option(f, ah ? "ah" : "esp");
		return (fault_because(f, ah ? CAUSE_AH_PROPOSAL : CAUSE_ESP_PROPOSAL, -1));
	}
	return (o->ah != NULL && !ah ? build_around(p, o->ah, f) : 0);
}

/* One value of a selector option, in which a peers file may have commas. */
static int
build_ts(size_t *n, struct selector *out, const struct opt_list *list, const char *option,
    struct fault *f)
{
	char word[SELECTOR_TEXT];
	const char *p;
	size_t i, j, len;

	for (i = 0; i < list->n; i++)
		for (p = list->v[i]; *p != '\0'; p += len) {
			p += strspn(p, ", ");
			len = strcspn(p, ", ");
			if (len == 0)
				break;
			(void)snprintf(word, sizeof(word), "%.*s", (int)len, p);
			if (*n == POLICY_SELECTORS_MAX) {
				(void)fault(f, FAULT_CONFIG, "more than %d networks",
				    POLICY_SELECTORS_MAX);
				goto bad;
			}
			if (len >= sizeof(word) ? fault(f, FAULT_BAD_ADDRESS, "'%.40s...' is too long",
			    p) != 0 : ts_parse(&out[*n], word, f) != 0)
				goto bad;
			for (j = 0; j < *n; j++)
				if (selector_eq(&out[j], &out[*n])) {
					(void)fault(f, FAULT_CONFIG, "%s is there twice", word);
					goto bad;
				}
			(*n)++;
		}
	return (0);
bad:
	fault_option(f, option);
	return (-1);
}

static bool
has_family(size_t n, const struct selector *s, uint8_t family)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i].first.family == family)
			return (true);
	return (n == 0);
}

static int
build_selectors(struct ike_policy *p, const struct policy_opts *o, struct fault *f)
{
	char text[SELECTOR_TEXT];
	size_t i;

	if (build_ts(&p->n_local_ts, p->local_ts, &o->local_ts, "local-ts", f) != 0 ||
	    build_ts(&p->n_remote_ts, p->remote_ts, &o->remote_ts, "remote-ts", f) != 0)
		return (-1);
	/* A tunnel has one family inside; a network that fits no other would be left out in silence. */
	for (i = 0; i < p->n_remote_ts; i++)
		if (!has_family(p->n_local_ts, p->local_ts, p->remote_ts[i].first.family)) {
			(void)fault(f, FAULT_CONFIG, "%s has no counterpart of its family in local-ts",
			    selector_text(text, &p->remote_ts[i]));
			fault_option(f, "remote-ts");
			return (-1);
		}
	for (i = 0; i < p->n_local_ts; i++)
		if (!has_family(p->n_remote_ts, p->remote_ts, p->local_ts[i].first.family)) {
			(void)fault(f, FAULT_CONFIG, "%s has no counterpart of its family in remote-ts",
			    selector_text(text, &p->local_ts[i]));
			fault_option(f, "local-ts");
			return (-1);
		}
	return (0);
}

static int
build_natt(struct ike_policy *p, const struct policy_opts *o, struct fault *f)
{
	static const struct { const char *word; uint32_t bits; } versions[] = {
		{ "rfc3947", 1U << VID_NATT_RFC3947 },
		{ "draft-03", 1U << VID_NATT_DRAFT_03 },
		{ "draft-02", 1U << VID_NATT_DRAFT_02 | 1U << VID_NATT_DRAFT_02_N },
		{ "draft-01", 1U << VID_NATT_DRAFT_01 },
		{ "draft-00", 1U << VID_NATT_DRAFT_00 },
	};
	size_t i, j, len;
	const char *w;

	for (i = 0; i < o->natt_versions.n; i++)
		for (w = o->natt_versions.v[i]; *w != '\0'; w += len) {
			w += strspn(w, ", ");
			if ((len = strcspn(w, ", ")) == 0)
				break;
			for (j = 0; j < sizeof(versions) / sizeof(versions[0]); j++)
				if (strlen(versions[j].word) == len && memcmp(versions[j].word, w, len) == 0)
					break;
			if (j == sizeof(versions) / sizeof(versions[0])) {
				(void)fault(f, FAULT_CONFIG, "'%.*s' is no version of NAT-T",
				    (int)(len < 40 ? len : 40), w);
				fault_option(f, "natt-versions");
				return (-1);
			}
			p->natt_versions |= versions[j].bits;
		}
	p->natt = (enum natt_policy)o->natt;
	p->natt_port = (uint16_t)o->natt_port;
	return (0);
}

/* The name: given, or the text of a file. */
static int
xauth_user(struct ike_policy *p, const struct policy_opts *o, const char *beside, bool with_secret, struct fault *f)
{
	struct secret from = {0};
	struct span name = o->xauth_user != NULL ? span_str(o->xauth_user) : SPAN_NONE;

	if (o->xauth_user != NULL && o->xauth_user_file != NULL)
		return (fault(f, FAULT_USAGE, "--xauth-user and --xauth-user-file exclude each other"));
	if (o->xauth_user == NULL && !with_secret)
		return (0);
	if (o->xauth_user == NULL) {
		if (secret_file_read(&from, o->xauth_user_file, SECRET_RAW, "XAuth user", beside, f) != 0) {
			fault_option(f, "xauth-user-file");
			return (-1);
		}
		name = secret_span(&from);
	}
	if (name.len == 0 || name.len >= sizeof(p->xauth_user)) {
		(void)fault(f, FAULT_CONFIG, "the name is empty or has more than %zu bytes", sizeof(p->xauth_user) - 1);
		fault_option(f, o->xauth_user != NULL ? "xauth-user" : "xauth-user-file");
		secret_free(&from);
		return (-1);
	}
	memcpy(p->xauth_user, name.p, name.len);
	p->xauth_user[name.len] = '\0';
	secret_free(&from);
	return (0);
}

/* The password, unless the tool asks for it when the gateway does. */
static int
xauth_password(struct ike_policy *p, const struct policy_opts *o, const char *beside, struct fault *f)
{
	if (o->xauth_password_file == NULL && (o->xauth_ask || (o->xauth_user == NULL && o->xauth_user_file == NULL)))
		return (0);
	if (secret_file_read(&p->xauth_password, o->xauth_password_file, SECRET_RAW, "XAuth password", beside, f) != 0) {
		fault_option(f, "xauth-password-file");
		if (f->sys == ENOENT)
			(void)fault_because(f, CAUSE_PASSWORD_FILE, -1);
		return (-1);
	}
	return (0);
}

/* The user of XAuth. Its password is read after the pre-shared key. */
static int
build_xauth(struct ike_policy *p, const struct policy_opts *o, const char *beside, bool with_secret, struct fault *f)
{
	if (gate_opts_build(p, &o->gate, beside, f) != 0)
		return (-1);
	p->mode_config_push = o->mode_config_push;
	p->mode_config = o->mode_config || (o->mode_config_push && p->pool == NULL && p->pool6 == NULL);
	p->xauth_ask = o->xauth_ask;
	p->xauth_chap = o->xauth_type == XAUTH_CHAP;
	if (o->xauth_user == NULL && o->xauth_user_file == NULL) {
		if (o->xauth_password_file == NULL || o->xauth_ask)
			return (with_secret ? xauth_password(p, o, beside, f) : 0);
		(void)fault(f, FAULT_CONFIG, "there is a password, but no user");
		fault_option(f, "xauth-user");
		return (-1);
	}
	if (xauth_user(p, o, beside, with_secret, f) != 0)
		return (-1);
	return (with_secret ? xauth_password(p, o, beside, f) : 0);
}

static int
build_ids(struct ike_policy *p, const struct policy_opts *o, struct fault *f)
{
	if (o->local_id != NULL && id_parse(&p->local_id, o->local_id, f) != 0) {
		fault_option(f, "local-id");
		return (-1);
	}
	if (o->remote_id == NULL)
		return (0);
	if (strcmp(o->remote_id, "any") == 0 || strcmp(o->remote_id, "%any") == 0) {
		p->remote_id_any = true;
		return (0);
	}
	if (id_parse(&p->remote_id, o->remote_id, f) != 0) {
		fault_option(f, "remote-id");
		return (-1);
	}
	return (0);
}

int
policy_opts_build(struct ike_policy *p, const struct policy_opts *o, const char *beside,
    bool with_secret, struct fault *f)
{
	ike_policy_default(p);
	p->exchange = (enum sa_exchange)o->exchange;
	p->n_auths = 1;
	p->auths[0] = o->auth;
	p->mode = (enum sa_mode)o->mode;
	p->ike_seconds = o->ike_seconds;
	p->esp_seconds = o->esp_seconds;
	p->esp_kilobytes = o->esp_bytes / KILOBYTE;
	p->dpd_seconds = o->dpd_seconds;
	p->dpd_tries = o->dpd_tries;
	p->heartbeat_ms = o->heartbeat_ms;
	p->heartbeat_threshold = o->heartbeat_threshold;
	p->heartbeat_reconnect_ms = o->heartbeat_reconnect_ms;
	p->timeout_ms = o->timeout_ms;
	p->keepalive_ms = o->keepalive_ms;
	p->fragmentation = (enum fragmentation)o->fragmentation;
	p->fragment_size = o->fragment_size;
	p->aggressive_clear = o->aggressive_clear;
	p->pfs_fallback = o->pfs_fallback;
	p->commit_bit = o->commit_bit;
	if (o->name != NULL && strlen(o->name) >= sizeof(p->name)) {
		(void)fault(f, FAULT_CONFIG, "longer than %zu bytes", sizeof(p->name) - 1);
		fault_option(f, "name");
		goto bad;
	}
	(void)snprintf(p->name, sizeof(p->name), "%s", o->name != NULL ? o->name : "");
	if (o->aggressive_clear && p->exchange != SA_AGGRESSIVE) {
		(void)fault(f, FAULT_CONFIG, "goes with exchange aggressive only");
		fault_option(f, "aggressive-clear");
		goto bad;
	}
	if (build_ids(p, o, f) != 0 || build_proposals(p, o, f) != 0 ||
	    build_selectors(p, o, f) != 0 || build_natt(p, o, f) != 0)
		goto bad;
	if (with_secret && p->auths[0] != AUTH_PSK && p->auths[0] != AUTH_XAUTH_INIT_PSK) {
		if (creds_opts_build(p, &o->creds, beside, f) != 0)
			goto bad;
	} else if (with_secret && o->psk_file == NULL && o->creds.key != NULL) {
		(void)fault(f, FAULT_CONFIG, "it is psk, which uses no --key: rsa, ecdsa, dss, xauth-rsa and hybrid do");
		fault_option(f, "auth");
		goto bad;
	} else if (with_secret && secret_file_read(&p->psk, o->psk_file,
	    (enum secret_format)o->psk_format, "pre-shared key", beside, f) != 0) {
		fault_option(f, "psk-file");
		goto bad;
	}
	if (build_xauth(p, o, beside, with_secret, f) != 0)
		goto bad;
	return (0);
bad:
	ike_policy_wipe(p);
	return (-1);
}
