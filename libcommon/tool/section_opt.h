/*
 * The keys of a section of a peers file, or of the file of a tunnel: the policy with the peer, options of the negotiator,
 * and options of the esp-tun behind it. Each is named as the option of the tool, except `address`, which is the peer's, and
 * `tun-address`, which is esp-tun's --address.
 */
#ifndef SAPIPE_TOOL_SECTION_OPT_H
#define SAPIPE_TOOL_SECTION_OPT_H

#include "cli/opt.h"
#include "tool/policy_opt.h"
#include "tool/tun_opt.h"

enum section_role { ROLE_ANY, ROLE_INITIATOR, ROLE_RESPONDER };

/* Options of the negotiator that are not about one peer. Texts as in struct policy_opts. */
struct run_opts {
	const char	*local, *listen;	/* of the initiator, of the responder */
	const char	*xauth_ask, *xauth_exec, *account;
	uint32_t	 account_s;		/* UINT32_MAX: off */
	uint8_t		 tcp;			/* as ike_tool_opts.tcp */
	uint16_t	 tcp_port;		/* 0: not given */
};

/* NHRP over GRE through the tunnel, and the failover group that the tunnel is a member of. Texts likewise. */
enum section_nhrp { NHRP_OFF, NHRP_HUB, NHRP_SPOKE };
struct link_opts {
	uint8_t		 nhrp;			/* enum section_nhrp */
	const char	*gre_tun, *gre_address, *gre_local;
	const char	*nhrp_auth_file;
	uint64_t	 gre_key;
	uint16_t	 gre_mtu;
	uint32_t	 nhrp_holding_s;
	struct opt_list	 nhrp_prefixes;
	const char	*failover, *probe, *probe_source;
	uint32_t	 probe_interval_ms, probe_threshold;
};

#define SECTION_TUN_KEYS	64

/* The tools behind and around the negotiator: each has the keys of a prefix. */
enum section_tool { SECTION_TUN, SECTION_GRE, SECTION_NHRP, SECTION_PROBE };

struct section_opts {
	struct policy_opts policy;
	struct run_opts	 run;
	struct tun_opts	 tun;
	struct link_opts link;
	const char	*address;	/* of the peer, NULL: not given */
	uint8_t		 role;		/* enum section_role */
	bool		 spoilt;	/* a fault of the section was reported: what is missing may have been meant */
	/* What the section says to these tools, in the order of the file. */
	size_t		 n_tun_keys;
	struct section_key { const struct opt *row; size_t table; const char *value; } tun_keys[SECTION_TUN_KEYS];
};

#define SECTION_OPTS_DEFAULT(p)	{ .policy = (p), .tun = TUN_OPTS_DEFAULT }

/* Rows for the keys, over struct section_opts. */
extern const struct opt section_optab[];

/* For ini_conf: forgets what [defaults] set of ${key}, and remembers what is for esp-tun. */
void section_first(void *opts, const char *key, bool both);
void section_set(void *opts, const char *key, const char *value);

/*
 * Checks that the keys of ${o}->link are complete and go together, and those of ${o}->tun that only esp-tun reads. 0, or -1 with
 * FAULT_CONFIG or FAULT_BAD_ADDRESS.
 */
int section_check_link(const struct section_opts *o, bool initiator, struct fault *f);

/*
 * The options for ${tool} as words of a shell's command line, each behind a blank: " --tun vpn0 --mtu 1400". 0, or -1
 * with FAULT_CONFIG: ${cap} bytes have no room for them.
 */
int section_words(char *out, size_t cap, const struct section_opts *o, enum section_tool tool, struct fault *f);

/* Two sections of one responder say different things about what they share: the key; NULL: none. */
const char *section_differs(const struct run_opts *a, const struct run_opts *b);

#endif
