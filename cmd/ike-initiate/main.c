/* ike-initiate: negotiates IPsec SAs as initiator and writes them as SA state. */
#include <string.h>
#include <unistd.h>

#include "initiate.h"

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "ike/v1base/auth.h"
#include "wire/ctcp.h"

#define LINGER_MS_DEFAULT	2000

static const struct opt optab[] = {
	OPT_TOOL("negotiate IPsec SAs as initiator and write SA state"),
	OPT_USE("[--keep] [OPTION]... PEER[:PORT] | esp-tun ..."),
	OPT_USE("--peers FILE [OPTION]... NAME | esp-tun ..."),
	OPT_USE("--keep --bindings FILE [OPTION]... [PEER] | esp-tun ..."),
	OPT_USE("--phase1 [OPTION]... -o SA PEER[:PORT]"),
	OPT_USE("--phase2 SA [OPTION]... [PEER[:PORT]]"),
	OPT_USE("--delete SA [PEER]"),
	OPT_SECTION("What to do:"),
	OPT_FLAG(struct initiate_opts, phase1, 0, "phase1", "only negotiate the IKE SA", .excl = 1),
	OPT_STR(struct initiate_opts, phase2, 0, "phase2", "SA", "negotiate child SAs under the IKE SA of this state",
	    .excl = 1),
	OPT_STR(struct initiate_opts, delete, 0, "delete", "SA", "send the peer deletes for these SAs",
	    .excl = 1),
	OPT_FLAG(struct initiate_opts, keep, 0, "keep",
	    "keep running: rekey, answer, probe, reconnect, delete on exit"),
	OPT_STR(struct initiate_opts, bindings, 0, "bindings", "FILE",
	    "with --keep: an SA for GRE with each peer that the nhrp-binding records of FILE (- for standard input) name"),
	OPT_LIST(struct initiate_opts, also, 0, "also", "PEER", "with --bindings: have an SA with this peer too, as with PEER"),
	OPT_FLAG(struct initiate_opts, look, 0, "look",
	    "delete the SAs at the peer when the records are written: they are only to be looked at"),
	OPT_MILLIS(struct initiate_opts, linger_ms, 0, "linger", "S", 0, 60000,
	    "without --keep: seconds to answer retransmissions before exit"),
	OPT_STR(struct initiate_opts, peers_file, 0, "peers", "FILE",
	    "INI file whose section NAME describes the peer and the policy"),
	OPT_STR(struct initiate_opts, xauth_ask, 0, "xauth-ask", "CMD",
	    "what the gateway asks for in XAuth: CMD reads the question and prints the answer"),
	OPT_INCLUDE(struct initiate_opts, policy, policy_optab),
	OPT_STR(struct initiate_opts, tool.local, 0, "local", "ADDR[:PORT]", "local address and IKE port"),
	OPT_CHOICE(struct initiate_opts, tool.tcp, 0, "encap", "udp|tcp",
	    "carry IKE and ESP by UDP and IP, or inside Cisco's TCP encapsulation"),
	OPT_NUM(struct initiate_opts, tool.tcp_port, 0, "tcp-port", "PORT", 1, 65535, "TCP port at both ends, with --encap tcp"),
	OPT_INCLUDE(struct initiate_opts, tool, ike_tool_optab),
	OPT_ARG(struct initiate_opts, peer, "PEER", "address or name of the peer, and port (default 500); with --peers a section"),
	OPT_END
};

/* The helper that answers what XAuth asks for: forked before there are keys. Without a command the user may be there. */
static int
open_login(struct initiate *r, struct fault *f)
{
	const struct initiate_opts *o = r->o;
	const struct login_by by = {
		.ask = o->xauth_ask,
		.prompt = o->xauth_ask == NULL && isatty(STDERR_FILENO) &&
		    v1_auth_find(o->policy.auth)->next == V1_AUTH_THEN_XAUTH,
	};

	if (o->phase2 != NULL || o->delete != NULL || (by.ask == NULL && !by.prompt))
		return (0);
	return ((r->tool.users.login = login_open(&by, f)) != NULL ? 0 : -1);
}

/* What the section of the peer says, unless the command line does; the texts live in ${r}->scan. */
static int
take_section(struct initiate *r, struct initiate_opts *o, struct fault *f)
{
	const struct run_opts *from = &r->scan.run;

	if (o->peers_file == NULL)
		return (0);
	if (o->peer == NULL || strcmp(o->peers_file, "-") == 0)
		return (fault(f, FAULT_USAGE, o->peer == NULL ? "--peers needs the NAME of a section" :
		    "--peers - is not possible: the file is read twice"));
	if (o->phase2 != NULL || o->delete != NULL || o->policy.psk_file != NULL || o->policy.creds.key != NULL)
		return (fault(f, FAULT_USAGE, "--peers excludes --phase2, --delete, --psk-file and --key"));
	o->section = o->peer;
	if (peers_file_scan(&r->scan, o->peers_file, o->section, &o->policy, f) != 0)
		return (-1);
	if (r->scan.address == NULL)
		return (fault(f, FAULT_CONFIG, "section [%s] of %s has no address of the peer", o->section, o->peers_file));
	o->peer = r->scan.address;
	o->policy.auth = r->scan.auth;
	if (o->tool.local == NULL)
		o->tool.local = from->local;
	if (o->xauth_ask == NULL)
		o->xauth_ask = from->xauth_ask;
	if (o->tool.tcp == 0)
		o->tool.tcp = from->tcp;
	if (from->tcp_port != 0 && !opt_given("tcp-port"))
		o->tool.tcp_port = from->tcp_port;
	return (0);
}

static int
build_policy(struct initiate *r, bool with_secret, struct fault *f)
{
	struct policy_opts opts = r->o->policy;

	opts.xauth_ask = r->o->xauth_ask != NULL;
	if (r->o->section != NULL) {
		if (peers_file_pick(&r->picked, r->o->peers_file, r->o->section, &opts, f) != 0)
			return (-1);
		r->policy = r->picked.p[0];	/* it owns the secret from now on */
		r->picked.n = 0;
	} else if (policy_opts_build(&r->policy, &opts, NULL, with_secret, f) != 0)
		return (-1);
	r->policy.xauth_ask = r->tool.users.login != NULL;
	return (0);
}

/* The process that opens the file again: started before there are secrets. */
static int
open_reload(struct initiate *r, struct fault *f)
{
	const struct initiate_opts *o = r->o;

	if (!o->keep || o->section == NULL)
		return (0);
	r->reload.path = o->peers_file;
	r->reload.section = o->section;
	r->reload.given = &o->policy;
	r->reload.tool = &r->tool;
	r->reload.take = initiate_take;
	r->reload.ctx = r;
	return (reload_open(&r->reload, f));
}

static enum exit_status
run(struct initiate *r, struct initiate_opts *given)
{
	const struct initiate_opts *o = r->o;
	struct ike_tool_opts tool;
	struct ike_conf conf = {
		.policies = &r->policy, .n_policies = 1, .respond = o->keep, .keep = o->keep,
	};
	struct fault f = {0};
	bool state = o->phase2 != NULL || o->delete != NULL;

	if (take_section(r, given, &f) != 0)
		return (report_fault(&f));
	tool = o->tool;
	r->tool.outcome = (struct outcome){
		.goal = o->phase1 ? GOAL_IKE : GOAL_CHILDREN, .keep = o->keep,
		/* no secret: nothing can replace an IKE SA that was read from a file */
		.no_renewal = o->phase2 != NULL,
	};
	tool.no_udp = tool.tcp != 0;
	r->tool.linger_ms = o->linger_ms;
	r->tool.one_peer = true;
	r->tool.one_shot = !o->keep && o->delete == NULL;
	r->tool.look = o->look;
	if (o->also.n > 0 && o->bindings == NULL)
		(void)fault(&f, FAULT_USAGE, "--also requires --bindings");
	else if (o->peer == NULL && !state && o->bindings == NULL)
		(void)fault(&f, FAULT_USAGE, "no PEER given");
	else if (o->keep && o->delete != NULL)
		(void)fault(&f, FAULT_USAGE, "--delete and --keep exclude each other");
	else if (o->look && (o->keep || o->delete != NULL))
		(void)fault(&f, FAULT_USAGE, "--look excludes --keep and --delete");
	else if (o->bindings != NULL) {
		if (build_policy(r, true, &f) == 0 && initiate_bound(r, &tool, &conf, &f) == 0)
			return (ike_tool_run(&r->tool));
	} else if ((state || initiate_resolver(r, &f) == 0) && open_reload(r, &f) == 0 &&
	    open_login(r, &f) == 0 && build_policy(r, !state, &f) == 0 &&
	    (state ? initiate_from_state(r, &tool, &conf, &f) : initiate_connect(r, &tool, &conf, &f)) == 0)
		return (ike_tool_run(&r->tool));
	return (report_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct initiate_opts o = { .policy = POLICY_OPTS_DEFAULT, .linger_ms = LINGER_MS_DEFAULT,
	    .tool.tcp_port = CTCP_PORT };
	struct initiate r = { .o = &o, .resolver = -1, .reload = RELOAD_NONE };
	enum exit_status status;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	if (o.bindings == NULL && (o.section != NULL || o.peer != NULL))
		report_only_peer(o.section != NULL ? o.section : o.peer);
	status = run(&r, &o);
	ike_tool_close(&r.tool);
	initiate_bound_close(r.bound);
	reload_close(&r.reload);
	if (r.resolver != -1)
		(void)close(r.resolver);
	sa_rec_wipe(&r.under);
	sa_set_free(r.state);
	ike_policy_wipe(&r.policy);
	peers_wipe(&r.picked);
	peers_wipe(&r.scan);
	return (status);
}
