/* ike-respond: negotiates IPsec SAs as responder, for many peers, and writes them as SA state. */
#include <stdlib.h>

#include "tool/ike_tool.h"
#include "cli/opt.h"
#include "cli/peer_addr.h"
#include "ike/v1/auth.h"
#include "tool/peers_file.h"
#include "tool/policy_opt.h"
#include "cli/prog.h"
#include "cli/report.h"

struct opts {
	struct policy_opts	 policy;
	struct ike_tool_opts	 tool;
	const char		*peers, *from;
	const char		*xauth_exec;
	bool			 once, accept_all;
	uint32_t		 half_open, half_open_per_addr, linger_ms;
};

#define LINGER_MS_DEFAULT	2000

static const struct opt optab[] = {
	OPT_TOOL("negotiate IPsec SAs as responder and write SA state"),
	OPT_USE("[OPTION]... | esp-tun ..."),
	OPT_USE("--peers FILE [OPTION]... | esp-tun ..."),
	OPT_SECTION("Peers:"),
	OPT_STR(struct opts, peers, 0, "peers", "FILE", "INI file with a section for each peer"),
	OPT_STR(struct opts, from, 0, "from", "NET",
	    "without --peers: only answer peers in NET (address, CIDR or FIRST-LAST)"),
	OPT_FLAG(struct opts, accept_all, 0, "accept-all-proposals",
	    "accept every supported algorithm, weak ones included"),
	OPT_STR(struct opts, xauth_exec, 0, "xauth-exec", "CMD",
	    "judge users of XAuth: CMD reads user and password from descriptor 3 (checkpassword)"),
	OPT_FLAG(struct opts, once, 0, "once", "exit when one peer has a child SA, or its negotiation failed"),
	OPT_NUM(struct opts, half_open, 0, "half-open", "N", 1, 100000,
	    "half-open phase 1 exchanges that are kept, oldest out"),
	OPT_NUM(struct opts, half_open_per_addr, 0, "half-open-per-address", "N", 1, 100000,
	    "of them, per address that returned a cookie"),
	OPT_INCLUDE(struct opts, policy, policy_optab),
	OPT_STR(struct opts, tool.local, 0, "listen", "ADDR[:PORT]", "local address and IKE port"),
	OPT_MILLIS(struct opts, linger_ms, 0, "linger", "S", 0, 60000,
	    "with --once: seconds to answer retransmissions before exit"),
	OPT_INCLUDE(struct opts, tool, ike_tool_optab),
	OPT_END
};

struct run {
	const struct opts	*o;
	struct peers		 peers;
	struct ike_policy	 single;
	struct ike_tool		 tool;
};

/* The policies: of the file, or the one that the options make. */
static int
read_policies(struct run *r, struct ike_conf *conf, struct fault *f)
{
	const struct opts *o = r->o;
	size_t i;

	if (o->peers != NULL) {
		if (o->policy.psk_file != NULL || o->policy.creds.key != NULL || o->from != NULL)
			return (fault(f, FAULT_USAGE,
			    "--psk-file, --key and --from cannot be used with --peers, which contains secrets and addresses"));
		if (peers_file_read(&r->peers, o->peers, &o->policy, f) != 0)
			return (-1);
		conf->policies = r->peers.p;
		conf->n_policies = r->peers.n;
	} else {
		if (policy_opts_build(&r->single, &o->policy, NULL, true, f) != 0)
			return (-1);
		if (o->from != NULL && peer_net_parse(&r->single.remote_addr, o->from) != 0)
			return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no network", o->from));
		conf->policies = &r->single;
		conf->n_policies = 1;
	}
	for (i = 0; i < conf->n_policies; i++) {
		conf->policies[i].accept_all = conf->policies[i].accept_all || o->accept_all;
		conf->policies[i].xauth_check = o->xauth_exec != NULL;
		if (o->xauth_exec == NULL && v1_auth_find(conf->policies[i].auths[0])->next == V1_AUTH_THEN_XAUTH)
			return (fault(f, FAULT_USAGE, "--auth xauth-psk, xauth-rsa and hybrid need --xauth-exec, "
			    "which judges the users"));
		if (v1_auth_find(conf->policies[i].auths[0])->hybrid && conf->policies[i].creds.key == NULL)
			return (fault(f, FAULT_USAGE, "--auth hybrid needs --cert and --key here: the gateway proves "
			    "itself by a certificate"));
	}
	return (0);
}

static enum exit_status
run(struct run *r)
{
	const struct opts *o = r->o;
	struct ike_conf conf = {
		.respond = true, .keep = true,
		.half_open_max = o->half_open, .half_open_per_addr = o->half_open_per_addr,
	};
	struct fault f = {0};

	r->tool.outcome.goal = o->once ? GOAL_SERVE_ONE : GOAL_SERVE;
	r->tool.linger_ms = o->linger_ms;
	/* Forked before there are keys. */
	if ((o->xauth_exec == NULL || (r->tool.login = login_open(o->xauth_exec, &f)) != NULL) &&
	    read_policies(r, &conf, &f) == 0 &&
	    ike_tool_open(&r->tool, &o->tool, &conf, &f) == 0)
		return (ike_tool_run(&r->tool));
	return (report_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct opts o = {
		.policy = POLICY_OPTS_DEFAULT, .linger_ms = LINGER_MS_DEFAULT,
		.half_open = HALF_OPEN_MAX_DEFAULT,
		.half_open_per_addr = HALF_OPEN_PER_ADDR_DEFAULT,
	};
	struct run r = { .o = &o };
	enum exit_status status;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	status = run(&r);
	ike_tool_close(&r.tool);
	ike_policy_wipe(&r.single);
	peers_wipe(&r.peers);
	return (status);
}
