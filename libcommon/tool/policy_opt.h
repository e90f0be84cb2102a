/*
 * The options of the negotiation, shared by ike-initiate, ike-respond and (without
 * their dashes) the sections of a peers file; and their conversion to a struct ike_policy.
 */
#ifndef SAPIPE_TOOL_POLICY_OPT_H
#define SAPIPE_TOOL_POLICY_OPT_H

#include "cli/opt.h"
#include "cli/secret_file.h"
#include "ike/policy.h"
#include "tool/creds_opt.h"
#include "tool/gate_opt.h"
#include "tool/ts_opt.h"

/* As parsed: texts borrowed from argv or the peers file. */
struct policy_opts {
	const char	*name;
	uint8_t		 exchange;	/* enum sa_exchange */
	uint16_t	 auth;		/* enum ike_auth */
	const char	*psk_file;
	uint8_t		 psk_format;	/* enum secret_format */
	struct creds_opts creds;
	const char	*xauth_user, *xauth_user_file, *xauth_password_file;
	bool		 xauth_ask;	/* set by the tool: a command gives what is not configured */
	uint8_t		 xauth_type;	/* XAUTH_GENERIC or XAUTH_CHAP */
	bool		 mode_config, mode_config_push;
	struct gate_opts gate;
	const char	*local_id, *remote_id;
	const char	*ike, *esp, *ah;
	struct opt_list	 local_ts, remote_ts;
	uint8_t		 mode;		/* enum sa_mode */
	uint64_t	 ike_seconds, esp_seconds, esp_bytes;
	uint8_t		 natt;		/* enum natt_policy */
	uint32_t	 natt_port;
	struct opt_list	 natt_versions;
	uint32_t	 dpd_seconds, dpd_tries, timeout_ms, keepalive_ms;
	uint32_t	 heartbeat_ms, heartbeat_threshold, heartbeat_reconnect_ms;
	bool		 aggressive_clear, pfs_fallback, commit_bit;
	uint8_t		 fragmentation;	/* enum fragmentation */
	uint32_t	 fragment_size;
};

#define POLICY_OPTS_DEFAULT {						\
	.auth = AUTH_PSK, .gate = GATE_OPTS_DEFAULT,			\
	.ike_seconds = IKE_SECONDS_DEFAULT, .esp_seconds = ESP_SECONDS_DEFAULT, \
	.dpd_seconds = DPD_SECONDS_DEFAULT, .dpd_tries = DPD_TRIES_DEFAULT, \
	.heartbeat_threshold = HEARTBEAT_THRESHOLD_DEFAULT,		\
	.heartbeat_reconnect_ms = HEARTBEAT_RECONNECT_MS_DEFAULT,	\
	.natt_port = NATT_PORT_DEFAULT, .timeout_ms = TIMEOUT_MS_DEFAULT, .keepalive_ms = KEEPALIVE_MS_DEFAULT, \
	.fragment_size = FRAGMENT_SIZE_DEFAULT }

/* Rows for OPT_INCLUDE(struct tool_opts, policy, policy_optab). */
extern const struct opt policy_optab[];

/*
 * Checks ${o} and fills ${p}, which is overwritten; the secret is read last, from a path relative to the
 * file ${beside} if that is not NULL, and only with ${with_secret}. Faults name the option in fault.where
 * ("--local-ts") or the file. 0, or -1 with ${p} empty. Released by ike_policy_wipe().
 */
int policy_opts_build(struct ike_policy *p, const struct policy_opts *o, const char *beside,
    bool with_secret, struct fault *f);

#endif
