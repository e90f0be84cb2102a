/* nhrp-register: registers this end of a GRE tunnel at a next hop server, and with --keep stays and finds shortcuts. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/peer_addr.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "nhrp/client.h"
#include "os/clock.h"
#include "tool/nhrp/nhrp_tool.h"


struct opts {
	struct nhrp_opts nhrp;
	const char	*nhs, *server, *output;
	struct opt_list	 prefixes;
	uint32_t	 timeout_ms;
	bool		 keep, shortcut, unique;
};

#define T struct opts
static const struct opt optab[] = {
	OPT_TOOL("register this end of a GRE tunnel at a next hop server (NHRP)"),
	OPT_USE("[OPTION]... --tun NAME --address ADDR SERVER"),
	OPT_SECTION("Registration"),
	OPT_INCLUDE(T, nhrp, nhrp_optab),
	OPT_SECONDS(T, nhrp.holding, 0, "holding-time", "S", 3, 65535, "seconds that the registration lasts"),
	OPT_PAIR(T, unique, 0, "unique", "let no other NBMA address register this address"),
	OPT_STR(T, nhs, 0, "nhs", "ADDR", "the server's address in the tunnel (default: the server says it)"),
	OPT_MILLIS(T, timeout_ms, 0, "timeout", "S", 100, 3600000, "without --keep: seconds to wait for the answer"),
	OPT_SECTION("Staying"),
	OPT_FLAG(T, keep, 0, "keep", "stay: refresh the registration, answer resolution requests"),
	OPT_FLAG(T, shortcut, 0, "shortcut", "with --keep: follow traffic indications, find direct ways"),
	OPT_LIST(T, prefixes, 0, "prefix", "CIDR", "with --keep: a network behind this end"),
	OPT_OUTPUT(T, output, "write nhrp-binding records to FILE (default: standard output)"),
	OPT_ARG(T, server, "SERVER", "the server's address outside of the tunnel (NBMA address)"),
	OPT_END
};
#undef T

struct run {
	struct nhrp_tool	 tool;
	struct nhrp_client	 client;
	const struct opts	*o;
	struct nhrp_register_conf conf;
	uint64_t		 give_up_ms;	/* UINT64_MAX: with --keep */
	bool			 silent;	/* no answer in time */
};

/* --- calls of the frame --- */

static void
one_shot_over(struct run *r)
{
	if (!r->o->keep && r->client.reg.state.outcome != NHRP_WAITING)
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
on_moved(void *ctx, struct now now)
{
	struct run *r = ctx;

	nhrp_register_again(&r->client.reg, now);
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

	if (now.ms >= r->give_up_ms) {
		r->silent = true;
		nhrp_tool_end(&r->tool);
		return;
	}
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
	.receive = on_receive, .moved = on_moved, .deadline_ms = deadline, .timeout = on_timeout, .stop = on_stop,
};

/* --- life --- */

static int
open_all(struct run *r, struct fault *f)
{
	const struct opts *o = r->o;
	size_t i;

	if (o->server == NULL)
		return (fault(f, FAULT_USAGE, "which server?"));
	if (!o->keep && (o->shortcut || o->prefixes.n > 0))
		return (fault(f, FAULT_USAGE, "--shortcut and --prefix require --keep"));
	r->conf = (struct nhrp_register_conf){ .unique = o->unique, .keep = o->keep };
	if (numeric_parse(&r->conf.nhs_nbma, o->server, "SERVER", f) != 0 ||
	    (o->nhs != NULL && numeric_parse(&r->conf.nhs, o->nhs, "--nhs", f) != 0))
		return (-1);
	for (i = 0; i < o->prefixes.n; i++)
		if (nhrp_net_parse(&r->client.nets[i].net, &r->client.nets[i].prefix, o->prefixes.v[i], "--prefix", f) != 0)
			return (-1);
	r->client.n_nets = o->prefixes.n;
	r->client.shortcut = o->shortcut;
	/* One registration is for people; its records are for who asks for them. */
	if ((o->keep || o->output != NULL || isatty(STDOUT_FILENO) == 0) && nhrp_tool_output(&r->tool, o->output, f) != 0)
		return (-1);
	if (nhrp_tool_open(&r->tool, &o->nhrp, o->keep ? GRE_SERVES : 0, &r->conf.nhs_nbma, &calls, r, f) != 0)
		return (-1);
	r->client.node = &r->tool.node;
	return (nhrp_tool_confine(o->nhrp.user, false, f));
}

static enum exit_status
verdict(struct run *r)
{
	const struct nhrp_registration *s = &r->client.reg.state;
	enum exit_status status = nhrp_tool_status(&r->tool);
	char a[ADDR_TEXT];

	if (status != EXIT_DONE || r->o->keep)
		return (status);
	if (s->outcome == NHRP_ACCEPTED) {
		report_say(0, "accepted by %s for %u s, after %llu.%03llu ms%s%s",
		    s->nhs.family != 0 ? addr_text(a, &s->nhs) : "the server", s->holding,
		    (unsigned long long)(s->rtt_us / 1000), (unsigned long long)(s->rtt_us % 1000),
		    s->nat.family != 0 ? "; behind a NAT" : "", s->nat.family != 0 ? "" : "; no NAT");
		return (EXIT_DONE);
	}
	if (r->silent) {
		report_say(-1, "no answer from %s", addr_text(a, &r->conf.nhs_nbma));
		report_hint("the server is down, GRE is filtered, or the keys of the tunnel differ (gre-tun --key)");
	}
	return (EXIT_NO);
}

int
main(int argc, char *argv[])
{
	static struct run r;
	struct opts o = { .nhrp = NHRP_OPTS_DEFAULT, .timeout_ms = 5000 };
	struct fault f = {0};
	enum exit_status status;
	struct now t;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	r.o = &o;
	if (open_all(&r, &f) == 0) {
		t = clock_now(NULL);
		r.give_up_ms = o.keep ? UINT64_MAX : t.ms + o.timeout_ms;
		nhrp_register_start(&r.client.reg, &r.tool.node, &r.conf, t);
		nhrp_tool_run(&r.tool);
		status = verdict(&r);
	} else
		status = report_fault(&f);
	nhrp_tool_close(&r.tool);
	return ((int)status);
}
