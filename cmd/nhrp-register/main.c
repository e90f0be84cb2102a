/* nhrp-register: registers this end of a GRE tunnel at a next hop server, and with --keep stays and finds shortcuts. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/peer_addr.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "nhrp/client.h"
#include "os/clock.h"
#include "tool/creds_opt.h"
#include "tool/nhrp/nhrp_tool.h"


struct opts {
	struct nhrp_opts nhrp;
	const char	*output;
	struct opt_list	 nhs, prefixes;
	struct opt_args	 servers;
	uint32_t	 timeout_ms, idle;
	const char	*cert;
	bool		 keep, shortcut, unique, connect, register_prefixes;
};

#define T struct opts
static const struct opt optab[] = {
	OPT_TOOL("register this end of a GRE tunnel at a next hop server (NHRP)"),
	OPT_USE("[OPTION]... --tun NAME --address ADDR SERVER..."),
	OPT_SECTION("Registration"),
	OPT_INCLUDE(T, nhrp, nhrp_optab),
	OPT_SECONDS(T, nhrp.holding, 0, "holding-time", "S", 3, 65535, "seconds that the registration lasts"),
	OPT_PAIR(T, unique, 0, "unique", "let no other NBMA address register this address"),
	OPT_FLAG(T, register_prefixes, 0, "register-prefixes", "register the networks of --prefix too"),
	OPT_LIST(T, nhs, 0, "nhs", "ADDR", "the address of the first, second, ... SERVER in the tunnel (default: the server says it)"),
	OPT_MILLIS(T, timeout_ms, 0, "timeout", "S", 100, 3600000, "without --keep: seconds to wait for the answer"),
	OPT_SECTION("Staying"),
	OPT_FLAG(T, keep, 0, "keep", "stay: refresh the registration, answer resolution requests"),
	OPT_FLAG(T, shortcut, 0, "shortcut", "with --keep: follow traffic indications, find direct ways"),
	OPT_SECONDS(T, idle, 0, "idle", "S", 2, 65535, "with --shortcut, --connect: end a shortcut without packets for S seconds", .flags = OPT_NO_DEFAULT),
	OPT_LIST(T, prefixes, 0, "prefix", "CIDR", "with --keep, --register-prefixes: a network behind this end"),
	OPT_FLAG(T, connect, 0, "connect", "with --keep: AutoConnect VPN, tunnels to other clients when the server says so"),
	OPT_STR(T, cert, 0, "cert", "FILE", "with --connect: our certificate for these tunnels, whose hash the server hands on"),
	OPT_OUTPUT(T, output, "write nhrp-binding records to FILE (default: standard output)"),
	OPT_ARGS(T, servers, "SERVER", 0, NHRP_CLIENT_SERVERS, "addresses of the servers outside of the tunnel (NBMA addresses)"),
	OPT_END
};
#undef T

struct run {
	struct nhrp_tool	 tool;
	struct nhrp_client	 client;
	const struct opts	*o;
	struct acvpn		 offer;		/* of --connect */
	struct nhrp_register_conf conf[NHRP_CLIENT_SERVERS];
	uint64_t		 give_up_ms;	/* UINT64_MAX: with --keep */
};

/* --- calls of the frame --- */

static void
one_shot_over(struct run *r)
{
	size_t i;

	for (i = 0; i < r->client.n_regs; i++)
		if (r->o->keep || r->client.reg[i].state.outcome == NHRP_WAITING)
			return;
	nhrp_tool_end(&r->tool);
}

static void
on_receive(void *ctx, const struct nhrp_in *in, struct now now)
{
	struct run *r = ctx;

	(void)nhrp_client_receive(&r->client, in, now);
	one_shot_over(r);
}

static void
on_used(void *ctx, const struct addr *nbma, struct now now)
{
	nhrp_client_used(&((struct run *)ctx)->client, nbma, now);
}

static void
on_wanted(void *ctx, const struct addr *hop, struct now now)
{
	nhrp_client_wanted(&((struct run *)ctx)->client, hop, now);
}

static void
on_ready(void *ctx, bool moved, struct now now)
{
	nhrp_client_again(&((struct run *)ctx)->client, moved, now);
}

static uint64_t
deadline(void *ctx)
{
	struct run *r = ctx;
	uint64_t at = nhrp_client_deadline_ms(&r->client);

	return (r->give_up_ms < at ? r->give_up_ms : at);
}

static void
on_timeout(void *ctx, struct now now)
{
	struct run *r = ctx;

	if (now.ms >= r->give_up_ms)
		nhrp_tool_end(&r->tool);
	else
		nhrp_client_timeout(&r->client, now);
}

static void
on_stop(void *ctx, struct now now)
{
	struct run *r = ctx;

	if (r->o->keep)
		nhrp_client_stop(&r->client, now);
}

static const struct nhrp_tool_calls calls = {
	.receive = on_receive, .wanted = on_wanted, .used = on_used, .ready = on_ready, .deadline_ms = deadline, .timeout = on_timeout,
	.stop = on_stop,
};

/* --- life --- */

static int
settle_servers(struct run *r, struct fault *f)
{
	const struct opts *o = r->o;
	size_t i, j;

	if (o->servers.n == 0)
		return (fault(f, FAULT_USAGE, "no SERVER given"));
	if (o->nhs.n > o->servers.n)
		return (fault(f, FAULT_USAGE, "--nhs: more of them than servers"));
	for (i = 0; i < o->servers.n; i++) {
		struct nhrp_register_conf *c = &r->conf[i];

		*c = (struct nhrp_register_conf){ .unique = o->unique, .keep = o->keep, .offer = o->connect ? &r->offer : NULL,
		    .nets = r->client.nets, .n_nets = o->register_prefixes ? o->prefixes.n : 0 };
		if (numeric_parse(&c->nhs_nbma, o->servers.v[i], "SERVER", f) != 0 ||
		    (i < o->nhs.n && numeric_parse(&c->nhs, o->nhs.v[i], "--nhs", f) != 0))
			return (-1);
		for (j = 0; j < i; j++)
			if (addr_cmp(&r->conf[j].nhs_nbma, &c->nhs_nbma) == 0)
				return (fault(f, FAULT_USAGE, "server %s is given twice", o->servers.v[i]));
		if (c->nhs_nbma.family != r->conf[0].nhs_nbma.family)
			return (fault(f, FAULT_USAGE, "servers of different address families"));
	}
	return (0);
}

/* What this end says about itself with --connect. */
static int
settle_offer(struct run *r, struct fault *f)
{
	const struct opts *o = r->o;
	struct acvpn *a = &r->offer;
	struct creds_opts files = { .cert = { .n = 1, .v = { o->cert } } };
	struct creds own = {0};
	size_t i;
	int rc = 0;

	if (!o->connect)
		return (o->cert == NULL ? 0 : fault(f, FAULT_USAGE, "--cert requires --connect"));
	a->kind = ACVPN_OFFER;
	acvpn_set(a, ACVPN_ATTR_NET);
	for (i = 0; i < r->client.n_nets && i < ACVPN_NETS; i++)
		a->nets[a->n_nets++] = (struct nhrp_net){ r->client.nets[i].net, r->client.nets[i].prefix };
	if (o->cert == NULL)
		return (0);
	acvpn_set(a, ACVPN_ATTR_CERT);
	if (creds_own_read(&own, &files, f) != 0 || own.own.n == 0 || cert_hash(own.own.c[0], a->cert) != 0)
		rc = -1;
	creds_free(&own);
	return (rc);
}

static int
open_all(struct run *r, struct fault *f)
{
	const struct opts *o = r->o;
	size_t i;

	if (settle_servers(r, f) != 0)
		return (-1);
	if (!o->keep && (o->shortcut || o->connect))
		return (fault(f, FAULT_USAGE, "--shortcut and --connect require --keep"));
	if (!o->keep && !o->register_prefixes && o->prefixes.n > 0)
		return (fault(f, FAULT_USAGE, "--prefix requires --keep or --register-prefixes"));
	if (o->register_prefixes && o->unique)
		return (fault(f, FAULT_USAGE, "--register-prefixes and --unique exclude each other"));
	if (o->register_prefixes && (o->prefixes.n == 0 || o->prefixes.n > NHRP_REGISTER_NETS))
		return (fault(f, FAULT_USAGE, "--register-prefixes requires --prefix, 1 to %d times", NHRP_REGISTER_NETS));
	if (!o->shortcut && !o->connect && o->idle != 0)
		return (fault(f, FAULT_USAGE, "--idle requires --shortcut or --connect"));
	for (i = 0; i < o->prefixes.n; i++)
		if (nhrp_net_parse(&r->client.nets[i].net, &r->client.nets[i].prefix, o->prefixes.v[i], "--prefix", f) != 0)
			return (-1);
	r->client.n_nets = o->prefixes.n;
	r->client.shortcut = o->shortcut;
	r->client.connect = o->connect;
	if (settle_offer(r, f) != 0)
		return (-1);
	r->client.idle_s = o->idle;
	/* One registration is for people; its records are for who asks for them. */
	if ((o->keep || o->output != NULL || isatty(STDOUT_FILENO) == 0) && nhrp_tool_output(&r->tool, o->output, f) != 0)
		return (-1);
	if (nhrp_tool_open(&r->tool, &o->nhrp, (o->keep ? GRE_SERVES : 0) | (o->shortcut || o->connect ? GRE_USES : 0), &r->conf[0].nhs_nbma,
	    &calls, r, f) != 0)
		return (-1);
	r->client.node = &r->tool.node;
	return (nhrp_tool_confine(o->nhrp.user, false, f));
}

/* Whether the server has accepted all networks; the events say which it has not. */
static bool
networks_accepted(const struct nhrp_register *reg)
{
	for (size_t i = 0; i < reg->conf.n_nets; i++)
		if (reg->state.net[i] != NHRP_NET_ACCEPTED)
			return (false);
	return (true);
}

static bool
print_verdict(const struct nhrp_register *reg)
{
	const struct nhrp_registration *s = &reg->state;
	char a[ADDR_TEXT];

	if (s->outcome == NHRP_ACCEPTED)
		report_say(0, "accepted by %s for %u s, after %llu.%03llu ms; %s",
		    s->nhs.family != 0 ? addr_text(a, &s->nhs) : "the server", s->holding,
		    (unsigned long long)(s->rtt_us / 1000), (unsigned long long)(s->rtt_us % 1000),
		    s->nat.family != 0 ? "behind a NAT" : "no NAT");
	else if (s->outcome == NHRP_WAITING) {
		report_say(-1, "no answer from %s", addr_text(a, &reg->conf.nhs_nbma));
		report_hint("the server is down, GRE is filtered, or the keys of the tunnel differ (gre-tun --key)");
	}
	return (s->outcome == NHRP_ACCEPTED && networks_accepted(reg));
}

static enum exit_status
verdict(struct run *r)
{
	enum exit_status status = nhrp_tool_status(&r->tool);
	bool all = true;
	size_t i;

	if (status != EXIT_DONE || r->o->keep)
		return (status);
	for (i = 0; i < r->client.n_regs; i++)
		all &= print_verdict(&r->client.reg[i]);
	return (all ? EXIT_DONE : EXIT_NO);
}

static void
start(struct run *r)
{
	struct now t = clock_now(NULL);
	size_t i;

	r->give_up_ms = r->o->keep ? UINT64_MAX : t.ms + r->o->timeout_ms;
	for (i = 0; i < r->o->servers.n; i++)
		nhrp_register_start(&r->client.reg[i], &r->tool.node, &r->conf[i], t);
	r->client.n_regs = i;
}

int
main(int argc, char *argv[])
{
	static struct run r;
	struct opts o = { .nhrp = NHRP_OPTS_DEFAULT, .timeout_ms = 5000 };
	struct fault f = {0};
	enum exit_status status;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	r.o = &o;
	if (open_all(&r, &f) == 0) {
		start(&r);
		nhrp_tool_run(&r.tool);
		status = verdict(&r);
	} else
		status = report_fault(&f);
	nhrp_tool_close(&r.tool);
	return ((int)status);
}
