/* nhrp-serve: the next hop server of a GRE network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/array.h"
#include "base/text.h"
#include "cli/peer_addr.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "crypto/proposal.h"
#include "net/ifaddr.h"
#include "net/linkroute.h"
#include "net/routewatch.h"
#include "nhrp/behind.h"
#include "nhrp/pair.h"
#include "nhrp/serve.h"
#include "os/lines.h"
#include "tool/nhrp/nhrp_tool.h"

#define NETS	32
#define ADDRS	256	/* of this machine */

struct opts {
	struct nhrp_opts nhrp;
	struct opt_list	 prefixes, servers, clients;
	const char	*ike, *esp;
	uint32_t	 idle, ike_lifetime, esp_lifetime;
	uint32_t	 limit, limit_each;
	const char	*output;
	bool		 redirect, connect;
};

#define T struct opts
static const struct opt optab[] = {
	OPT_TOOL("serve as next hop server of a GRE network (NHRP)"),
	OPT_USE("[OPTION]... --tun NAME --address ADDR"),
	OPT_INCLUDE(T, nhrp, nhrp_optab),
	OPT_SECONDS(T, nhrp.holding, 0, "holding-time", "S", 3, 65535, "seconds that its own answers last"),
	OPT_FLAG(T, redirect, 0, "redirect", "send traffic indications: clients find direct ways"),
	OPT_LIST(T, prefixes, 0, "prefix", "CIDR", "a network behind the server itself"),
	OPT_LIST(T, clients, 0, "client-net", "[ADDR=]CIDR",
	    "clients, or the client ADDR, may have networks of CIDR behind them; @FILE: one in each line"),
	OPT_LIST(T, servers, 0, "server", "ADDR=NBMA", "another server, by its addresses in and outside of the tunnel: hand requests on to it"),
	OPT_SECTION("AutoConnect VPN:"),
	OPT_FLAG(T, connect, 0, "connect", "tell two clients of each other when packets go between their tunnels"),
	OPT_STR(T, ike, 0, "client-ike", "PROPOSALS", "with --connect: IKE proposals of their tunnels"),
	OPT_STR(T, esp, 0, "client-esp", "PROPOSALS", "with --connect: ESP proposals of their tunnels"),
	OPT_SECONDS(T, ike_lifetime, 0, "client-ike-lifetime", "S", 60, 86400000, "with --connect: lifetime of their IKE SAs",
	    .flags = OPT_NO_DEFAULT),
	OPT_SECONDS(T, esp_lifetime, 0, "client-esp-lifetime", "S", 60, 86400000, "with --connect: lifetime of their child SAs",
	    .flags = OPT_NO_DEFAULT),
	OPT_SECONDS(T, idle, 0, "client-idle", "S", 2, 86400, "with --connect: a tunnel without packets for S seconds ends",
	    .flags = OPT_NO_DEFAULT),
	OPT_SECTION("Running:"),
	OPT_NUM(T, limit, 0, "limit", "N", 1, 1000000, "registrations at a time"),
	OPT_NUM(T, limit_each, 0, "limit-each", "N", 1, 1000000, "registrations at a time from one NBMA address", .flags = OPT_NO_DEFAULT),
	OPT_OUTPUT(T, output, "write nhrp-binding records to FILE (default: standard output)"),
	OPT_END
};
#undef T

struct run {
	struct nhrp_tool	 tool;
	struct nhrp_serve	*serve;
	const struct opts	*o;
	struct routewatch	 routes;
	struct linkroute	 local;		/* its socket only */
	ev_io			 on_change, on_answer;
	struct nhrp_net		 nets[NETS];
	size_t			 n_nets;
	struct nhrp_hop		 servers[NHRP_SERVERS];
	struct nhrp_allowed	*allowed;
	size_t			 n_allowed;
};

/* --- calls of the machine --- */

static bool
route(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix)
{
	struct run *r = ctx;
	const struct routewatch_route *t = routewatch_find(&r->routes, dst);

	if (t == NULL || t->hops[0].at.family == 0)
		return (false);
	*via = t->hops[0].at;
	*prefix = t->at.bits;
	return (true);
}

static bool
is_local(void *ctx, const struct addr *a, uint8_t *prefix)
{
	struct run *r = ctx;
	size_t i;

	for (i = 0; i < r->n_nets; i++)
		if (nhrp_within(a, &r->nets[i].net, r->nets[i].prefix)) {
			*prefix = r->nets[i].prefix;
			return (true);
		}
	*prefix = nhrp_bits(a);
	return (linkroute_is_local(&r->local, a));
}

static bool
is_local_in(void *ctx, const struct nhrp_net *net)
{
	struct run *r = ctx;
	struct addr own[ADDRS];
	long n = ifaddr_list(own, ADDRS, net->net.family, NULL);
	size_t i;

	for (i = 0; i < r->n_nets; i++)
		if (nhrp_overlap(&r->nets[i], net))
			return (true);
	for (i = 0; n > 0 && i < (size_t)n; i++)
		if (nhrp_within(&own[i], &net->net, net->prefix))
			return (true);
	return (n < 0 || n == ADDRS);
}

/* --- calls of the frame --- */

static void
on_receive(void *ctx, const struct nhrp_in *in, struct now now)
{
	nhrp_serve_receive(((struct run *)ctx)->serve, in, now);
}

static void
on_sample(void *ctx, const struct gre_msg *m, struct now now)
{
	struct run *r = ctx;

	if (r->o->connect)
		nhrp_pair_sample(r->serve, &m->nbma, &m->to, m->data, now);
	else
		nhrp_serve_sample(r->serve, &m->nbma, &m->to, m->data, now);
}

static uint64_t
deadline(void *ctx)
{
	return (nhrp_serve_deadline_ms(((struct run *)ctx)->serve));
}

static void
on_timeout(void *ctx, struct now now)
{
	nhrp_serve_timeout(((struct run *)ctx)->serve, now);
}

static void
on_stop(void *ctx, struct now now)
{
	nhrp_serve_stop(((struct run *)ctx)->serve, now);
}

static void
status(void *ctx)
{
	const struct nhrp_serve *s = ((struct run *)ctx)->serve;
	const struct nhrp_serve_counts *c = &s->counts;

	report_say(-1, "%zu clients; registered %llu, refreshed %llu, refused %llu, expired %llu", s->cache.n,
	    (unsigned long long)c->registered, (unsigned long long)c->refreshed, (unsigned long long)c->refused,
	    (unsigned long long)c->expired);
	report_say(-1, "resolutions: answered %llu, handed on %llu, unknown %llu; purges %llu", (unsigned long long)c->answered,
	    (unsigned long long)c->forwarded, (unsigned long long)c->unknown, (unsigned long long)c->purges);
	report_say(-1, "indications %llu, held back %llu; errors %llu, loops %llu, unasked replies %llu",
	    (unsigned long long)c->indications, (unsigned long long)c->limited, (unsigned long long)c->errors,
	    (unsigned long long)c->loops, (unsigned long long)c->unasked);
	if (s->conf.connect)
		report_say(-1, "Resolution-sets %llu, acknowledged %llu", (unsigned long long)c->sets, (unsigned long long)c->acks);
}

static const struct nhrp_tool_calls calls = {
	.receive = on_receive, .sample = on_sample, .deadline_ms = deadline, .timeout = on_timeout, .stop = on_stop,
	.status = status,
};

/* --- routes over the device --- */

static void
on_change(struct ev_loop *loop, ev_io *w, int revents)
{
	struct run *r = w->data;

	(void)loop, (void)revents;
	if (routewatch_changed(&r->routes) && routewatch_stale(&r->routes) && !routewatch_asked(&r->routes))
		(void)routewatch_ask(&r->routes);
}

static void
on_answer(struct ev_loop *loop, ev_io *w, int revents)
{
	struct run *r = w->data;

	(void)loop, (void)revents;
	if (routewatch_read(&r->routes) != 0 && routewatch_stale(&r->routes))
		(void)routewatch_ask(&r->routes);
}

static int
watch_routes(struct run *r, uint64_t salt, struct fault *f)
{
	if (routewatch_open(&r->routes, gre_attach_info(r->tool.gre)->ifindex, salt, f) != 0 ||
	    linkroute_open(&r->local, &r->tool.node.proto, false, f) != 0)
		return (-1);
	if (routewatch_ask(&r->routes) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot read the routes"));
	ev_io_init(&r->on_change, on_change, routewatch_events_fd(&r->routes), EV_READ);
	ev_io_init(&r->on_answer, on_answer, routewatch_answers_fd(&r->routes), EV_READ);
	r->on_change.data = r->on_answer.data = r;
	ev_io_start(r->tool.loop, &r->on_change);
	ev_io_start(r->tool.loop, &r->on_answer);
	return (0);
}

/* --- life --- */

/* The address before the "=" of ${text}; ${*rest}: what follows. */
static int
addr_before(struct addr *a, const char **rest, const char *text, const char *option, const char *form, struct fault *f)
{
	char proto[ADDR_TEXT];

	if ((*rest = text_before(proto, sizeof(proto), text, '=')) == NULL)
		return (fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is not %s", option, text, form));
	return (numeric_parse(a, proto, option, f));
}

/* "10.255.255.253=203.0.113.253". */
static int
server_parse(struct nhrp_hop *s, const char *text, struct fault *f)
{
	const char *nbma;

	return (addr_before(&s->proto, &nbma, text, "--server", "ADDR=NBMA", f) != 0 ||
	    numeric_parse(&s->nbma, nbma, "--server", f) != 0 ? -1 : 0);
}

/* "10.0.0.0/8", or "10.255.255.1=10.1.0.0/16": a rule more. */
static int
client_net(void *ctx, const char *text, const char *where, struct fault *f)
{
	struct run *r = ctx;
	struct nhrp_allowed a = {0};

	if (strchr(text, '=') != NULL && addr_before(&a.client, &text, text, where, "ADDR=CIDR", f) != 0)
		return (-1);
	if (nhrp_net_parse(&a.net.net, &a.net.prefix, text, where, f) != 0)
		return (-1);
	if (r->n_allowed == NHRP_ALLOWED)
		return (fault(f, FAULT_TOO_LARGE, "--client-net: at most %d of them", NHRP_ALLOWED));
	if (array_room((void **)&r->allowed, r->n_allowed, sizeof(*r->allowed)) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for the networks of --client-net"));
	r->allowed[r->n_allowed++] = a;
	return (0);
}

static int
client_nets(struct run *r, const struct opts *o, struct nhrp_serve_conf *c, struct fault *f)
{
	struct lines lines = {0};
	int rc = lines_each(&lines, o->clients.v, o->clients.n, "--client-net", client_net, r, f);

	lines_free(&lines);
	nhrp_allowed_sort(r->allowed, r->n_allowed);
	c->allowed = r->allowed;
	c->n_allowed = r->n_allowed;
	return (rc);
}

static int
copy_proposals(char out[SA_PROPOSALS], const char *text, const char *option, struct fault *f)
{
	if (snprintf(out, SA_PROPOSALS, "%s", text) >= SA_PROPOSALS)
		return (fault(f, FAULT_USAGE, "%s: more than %d characters", option, SA_PROPOSALS - 1));
	return (0);
}

/* The tunnels of clients, by --connect. */
static int
settle_clients(const struct opts *o, struct nhrp_serve_conf *c, struct fault *f)
{
	struct acvpn *a = &c->profile;
	struct ike_proposals ike;
	struct esp_proposals esp;

	if (!o->connect)
		return (o->ike == NULL && o->esp == NULL && o->idle == 0 && o->ike_lifetime == 0 && o->esp_lifetime == 0 ? 0 :
		    fault(f, FAULT_USAGE, "--client-ike, -esp, -...-lifetime and -idle require --connect"));
	if (o->redirect)
		return (fault(f, FAULT_USAGE, "--connect and --redirect exclude each other"));
	if ((o->ike != NULL && (ike_proposals_parse(&ike, o->ike, f) != 0 || copy_proposals(a->profile.ike, o->ike, "--client-ike", f) != 0)) ||
	    (o->esp != NULL && (esp_proposals_parse(&esp, o->esp, f) != 0 || copy_proposals(a->profile.esp, o->esp, "--client-esp", f) != 0)))
		return (-1);
	a->profile.ike_seconds = o->ike_lifetime;
	a->profile.esp_seconds = o->esp_lifetime;
	a->idle = o->idle;
	a->has = (o->ike != NULL ? UINT32_C(1) << ACVPN_ATTR_IKE : 0) | (o->esp != NULL ? UINT32_C(1) << ACVPN_ATTR_ESP : 0) |
	    (o->ike_lifetime != 0 ? UINT32_C(1) << ACVPN_ATTR_IKE_LIFETIME : 0) |
	    (o->esp_lifetime != 0 ? UINT32_C(1) << ACVPN_ATTR_ESP_LIFETIME : 0) | (o->idle != 0 ? UINT32_C(1) << ACVPN_ATTR_IDLE : 0);
	return (0);
}

static int
settle(struct run *r, const struct opts *o, struct nhrp_serve_conf *c, struct fault *f)
{
	size_t i;

	if (client_nets(r, o, c, f) != 0)
		return (-1);
	for (i = 0; i < o->prefixes.n; i++)
		if (nhrp_net_parse(&r->nets[i].net, &r->nets[i].prefix, o->prefixes.v[i], "--prefix", f) != 0)
			return (-1);
	r->n_nets = o->prefixes.n;
	for (i = 0; i < o->servers.n; i++)
		if (server_parse(&r->servers[i], o->servers.v[i], f) != 0)
			return (-1);
	return (0);
}

static int
open_all(struct run *r, struct fault *f)
{
	const struct opts *o = r->o;
	struct nhrp_serve_conf c = { .redirect = o->redirect, .connect = o->connect, .limit = o->limit, .limit_each = o->limit_each,
	    .servers = r->servers, .n_servers = o->servers.n, .route = route, .local = is_local, .local_in = is_local_in, .ctx = r };

	if (settle(r, o, &c, f) != 0 || settle_clients(o, &c, f) != 0)
		return (-1);
	if (getrandom(&c.salt, sizeof(c.salt), 0) != sizeof(c.salt))
		return (fault_sys(f, FAULT_SYSTEM, "no random numbers"));
	if (nhrp_tool_output(&r->tool, o->output, f) != 0 ||
	    nhrp_tool_open(&r->tool, &o->nhrp, GRE_SERVES | (o->redirect || o->connect ? GRE_SAMPLES : 0), NULL, &calls, r, f) != 0)
		return (-1);
	if ((r->serve = malloc(sizeof(*r->serve))) == NULL || nhrp_serve_open(r->serve, &r->tool.node, &c) != 0)
		return (fault(f, FAULT_MEMORY, "no memory"));
	if (watch_routes(r, c.salt, f) != 0)
		return (-1);
	return (nhrp_tool_confine(o->nhrp.user, true, f));
}

int
main(int argc, char *argv[])
{
	static struct run r;
	struct opts o = { .nhrp = NHRP_OPTS_DEFAULT, .limit = NHRP_SERVE_LIMIT };
	struct fault f = {0};
	enum exit_status rc;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	r.o = &o;
	if (open_all(&r, &f) == 0) {
		report_say(0, "serving on %s", r.tool.tun);
		nhrp_tool_run(&r.tool);
		if (report_level() > 0)
			status(&r);
		rc = nhrp_tool_status(&r.tool);
	} else
		rc = report_fault(&f);
	if (r.serve != NULL)
		nhrp_serve_close(r.serve);
	free(r.serve);
	routewatch_close(&r.routes);
	netlink_close(&r.local.nl);
	free(r.allowed);
	nhrp_tool_close(&r.tool);
	return ((int)rc);
}
