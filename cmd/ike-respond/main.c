/* ike-respond: negotiates IPsec SAs as responder, for many peers, and writes them as SA state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/ike_tool.h"
#include "cli/opt.h"
#include "cli/peer_addr.h"
#include "ike/v1base/auth.h"
#include "tool/peers_file.h"
#include "tool/policy_opt.h"
#include "tool/reload/reload.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "standby.h"
#include "wire/ctcp.h"

struct opts {
	struct policy_opts	 policy;
	struct ike_tool_opts	 tool;
	const char		*peers, *from;
	const char		*xauth_exec, *account, *state_dir, *records, *state;
	uint32_t		 account_s;
	bool			 once, accept_all, check, standby;
	uint32_t		 half_open, half_open_per_addr, linger_ms;
};

#define LINGER_MS_DEFAULT	2000

static const struct opt_word no_interval[] = { { "off", UINT32_MAX }, { NULL, 0 } };

static const struct opt optab[] = {
	OPT_TOOL("negotiate IPsec SAs as responder and write SA state"),
	OPT_USE("[OPTION]... | esp-tun ..."),
	OPT_USE("--peers FILE [OPTION]... | esp-tun ..."),
	OPT_USE("--peers FILE --check"),
	OPT_SECTION("Peers:"),
	OPT_STR(struct opts, peers, 0, "peers", "FILE", "INI file with a section for each peer"),
	OPT_FLAG(struct opts, check, 0, "check",
	    "check the file of --peers, print a line for each section, and exit"),
	OPT_STR(struct opts, from, 0, "from", "NET",
	    "without --peers: only answer peers in NET (address, CIDR or FIRST-LAST)"),
	OPT_FLAG(struct opts, accept_all, 0, "accept-all-proposals",
	    "accept every supported algorithm, weak ones included"),
	OPT_STR(struct opts, xauth_exec, 0, "xauth-exec", "CMD",
	    "judge users of XAuth: CMD reads user and password from descriptor 3 (checkpassword)"),
	OPT_STR(struct opts, account, 0, "xauth-account", "CMD",
	    "report the sessions of these users: CMD reads what happened from descriptor 3"),
	OPT_SECONDS(struct opts, account_s, 0, "xauth-account-interval", "S|off", 1, 86400,
	    "seconds between reports of a session (default: as the command of --xauth-exec says)", .words = no_interval,
	    .flags = OPT_NO_DEFAULT),
	OPT_STR(struct opts, state_dir, 0, "state-dir", "DIR", "directory of the leases of --pool (root: /var/lib/sapipe, else $XDG_STATE_HOME/sapipe)"),
	OPT_FLAG(struct opts, once, 0, "once", "exit when one peer has a child SA, or its negotiation failed"),
	OPT_FLAG(struct opts, standby, 0, "standby",
	    "hold the SAs of the other gateway, from standard input; SIGUSR2: take them over"),
	OPT_STR(struct opts, records, 0, "records", "PATH", "with --standby: the other gateway reads the records on this Unix socket"),
	OPT_STR(struct opts, state, 0, "standby-state", "FILE", "with --standby: keep inactive, ready or active in FILE, for vpnmon and scripts"),
	OPT_NUM(struct opts, half_open, 0, "half-open", "N", 1, 100000,
	    "half-open phase 1 exchanges that are kept, oldest out"),
	OPT_NUM(struct opts, half_open_per_addr, 0, "half-open-per-address", "N", 1, 100000,
	    "of them, per address that returned a cookie"),
	OPT_INCLUDE(struct opts, policy, policy_optab),
	OPT_STR(struct opts, tool.local, 0, "listen", "ADDR[:PORT]", "local address and IKE port"),
	OPT_MILLIS(struct opts, linger_ms, 0, "linger", "S", 0, 60000,
	    "with --once: seconds to answer retransmissions before exit"),
	OPT_CHOICE(struct opts, tool.tcp, 0, "encap", "udp|tcp",
	    "also listen for Cisco's TCP encapsulation, or not (udp)"),
	OPT_NUM(struct opts, tool.tcp_port, 0, "tcp-port", "PORT", 1, 65535, "TCP port to listen on, with --encap tcp"),
	OPT_INCLUDE(struct opts, tool, ike_tool_optab),
	OPT_END
};

struct run {
	struct opts		*o;
	struct peers		 scan, peers;
	struct ike_policy	 single;
	struct ike_tool		 tool;
	struct reload		 reload;
	struct standby		*standby;	/* NULL: without --standby */
};

/* What the command line says of all peers. */
static int
finish(void *ctx, struct ike_policy *p, size_t n, struct fault *f)
{
	const struct opts *o = ((const struct run *)ctx)->o;
	size_t i;

	for (i = 0; i < n; i++) {
		p[i].accept_all = p[i].accept_all || o->accept_all;
		p[i].xauth_check = o->xauth_exec != NULL;
		if (o->xauth_exec == NULL && v1_auth_find(p[i].auths[0])->next == V1_AUTH_THEN_XAUTH)
			return (fault(f, FAULT_USAGE, "--auth xauth-psk, xauth-rsa and hybrid need --xauth-exec, "
			    "which judges the users"));
		if (v1_auth_find(p[i].auths[0])->hybrid && p[i].creds.key == NULL)
			return (fault(f, FAULT_USAGE, "--auth hybrid needs --cert and --key here: the gateway proves "
			    "itself by a certificate"));
	}
	return (0);
}

/* The policies: of the file, or the one that the options make. */
static int
read_policies(struct run *r, struct ike_conf *conf, struct fault *f)
{
	const struct opts *o = r->o;

	if (o->peers != NULL) {
		if (o->policy.psk_file != NULL || o->policy.creds.key != NULL || o->from != NULL)
			return (fault(f, FAULT_USAGE,
			    "--psk-file, --key and --from cannot be used with --peers, which contains secrets and addresses"));
		if (peers_file_read(&r->peers, o->peers, &o->policy, f) != 0)
			return (-1);
		conf->policies = r->peers.p;
		conf->n_policies = r->peers.n;
		conf->groups = r->peers.groups;
		conf->n_groups = r->peers.n_groups;
	} else {
		if (policy_opts_build(&r->single, &o->policy, NULL, true, f) != 0)
			return (-1);
		if (o->from != NULL && peer_net_parse(&r->single.remote_addr, o->from) != 0)
			return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no network", o->from));
		conf->policies = &r->single;
		conf->n_policies = 1;
	}
	return (finish(r, conf->policies, conf->n_policies, f));
}

/* Options of the tool that the file gives, unless the command line does; the texts live in ${r}->scan. */
static int
take_run(struct run *r, struct fault *f)
{
	struct opts *o = r->o;
	const struct run_opts *from = &r->scan.run;

	/* Standard input cannot be read twice. */
	if (o->peers == NULL || strcmp(o->peers, "-") == 0)
		return (0);
	if (peers_file_scan(&r->scan, o->peers, NULL, &o->policy, f) != 0)
		return (-1);
	if (o->tool.local == NULL)
		o->tool.local = from->listen;
	if (o->tool.tcp == 0)
		o->tool.tcp = from->tcp;
	if (from->tcp_port != 0 && !opt_given("tcp-port"))
		o->tool.tcp_port = from->tcp_port;
	if (o->xauth_exec == NULL)
		o->xauth_exec = from->xauth_exec;
	if (o->account == NULL) {
		o->account = from->account;
		o->account_s = from->account_s;
	}
	return (0);
}

/* --- --check --- */

static const char *
or_dash(const char *text)
{
	return (text != NULL ? text : "-");
}

/* The words of a tool, which begin with a blank. */
static const char *
words(const char *text)
{
	return (text[0] != '\0' ? text + 1 : "-");
}

static void
on_line(void *ctx, const struct peers_line *l)
{
	static const char *const nhrp[] = { [NHRP_OFF] = "-", [NHRP_HUB] = "hub", [NHRP_SPOKE] = "spoke" };

	(void)ctx;
	(void)printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l->name, l->initiator ? "initiator" : "responder",
	    or_dash(l->address), or_dash(l->tun), words(l->tun_words), nhrp[l->link->nhrp], words(l->gre_words),
	    words(l->nhrp_words), or_dash(l->link->failover), or_dash(l->link->probe), or_dash(l->link->probe_source),
	    words(l->probe_words));
}

static void
on_wrong(void *ctx, const struct fault *f)
{
	enum exit_status *worst = ctx, status = report_fault(f);

	if (status > *worst)
		*worst = status;
}

static enum exit_status
check(const char *path)
{
	enum exit_status worst = EXIT_DONE;
	const struct peers_check c = { .line = on_line, .wrong = on_wrong, .ctx = &worst };
	struct fault f = {0};

	if (path == NULL) {
		(void)fault(&f, FAULT_USAGE, "--check needs --peers FILE");
		return (report_fault(&f));
	}
	if (peers_file_check(path, &c, &f) != 0)
		on_wrong(&worst, &f);
	if (fflush(stdout) != 0 && worst == EXIT_DONE) {
		prog_stdout_fault(&f);
		worst = report_fault(&f);
	}
	return (worst);
}

static enum exit_status
run(struct run *r)
{
	struct opts *o = r->o;
	struct ike_conf conf = {
		.respond = true, .keep = true,
		.half_open_max = o->half_open, .half_open_per_addr = o->half_open_per_addr,
	};
	struct fault f = {0};

	if (o->check)
		return (check(o->peers));
	if (o->accept_all)
		report_warn("--accept-all-proposals: peers may negotiate any algorithm, DES, MD5 and no encryption included: "
		    "for a look at what they offer, not for traffic");
	r->tool.outcome.goal = o->once ? GOAL_SERVE_ONE : GOAL_SERVE;
	r->tool.linger_ms = o->linger_ms;
	r->tool.shared = o->standby;
	if (o->standby && o->once) {
		(void)fault(&f, FAULT_USAGE, "--once ends what --standby keeps up");
		return (report_fault(&f));
	}
	if (o->standby && o->peers != NULL && strcmp(o->peers, "-") == 0) {
		(void)fault(&f, FAULT_USAGE, "--standby reads records from standard input, so --peers - cannot");
		return (report_fault(&f));
	}
	if ((o->records != NULL || o->state != NULL) && !o->standby) {
		(void)fault(&f, FAULT_USAGE, "--records and --standby-state are for --standby");
		return (report_fault(&f));
	}
	if (take_run(r, &f) != 0)
		return (report_fault(&f));
	if (o->account != NULL && o->xauth_exec == NULL) {
		(void)fault(&f, FAULT_USAGE, "--xauth-account needs --xauth-exec, which judges the users");
		return (report_fault(&f));
	}
	r->reload = (struct reload){ .opener = { .helper = { .fd = -1 } }, .path = o->peers, .given = &o->policy, .peers = &r->peers,
	    .tool = &r->tool, .finish = finish, .ctx = r };
	/* Forked before there are keys. */
	if ((o->peers == NULL || reload_open(&r->reload, &f) == 0) && (o->account == NULL || (r->tool.users.account = account_open(o->account, o->account_s, &f)) != NULL) &&
	    (o->xauth_exec == NULL || (r->tool.users.login = login_open(&(struct login_by){ .judge = o->xauth_exec }, &f)) != NULL) &&
	    read_policies(r, &conf, &f) == 0 &&
	    ike_tool_open(&r->tool, &o->tool, &conf, &f) == 0 &&
	    ike_users_keep_leases(&r->tool.users, o->state_dir, &conf, &f) == 0 &&
	    (!o->standby || (r->standby = standby_open(&r->tool, o->records, o->state, &f)) != NULL))
		return (ike_tool_run(&r->tool));
	return (report_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct opts o = {
		.tool.tcp_port = CTCP_PORT, .policy = POLICY_OPTS_DEFAULT, .linger_ms = LINGER_MS_DEFAULT,
		.half_open = HALF_OPEN_MAX_DEFAULT,
		.half_open_per_addr = HALF_OPEN_PER_ADDR_DEFAULT,
	};
	struct run r = { .o = &o, .reload = RELOAD_NONE };
	enum exit_status status;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	status = run(&r);
	standby_close(r.standby);
	ike_tool_close(&r.tool);
	reload_close(&r.reload);
	ike_policy_wipe(&r.single);
	peers_wipe(&r.peers);
	peers_wipe(&r.scan);
	return (status);
}
