/* ike-initiate: negotiates IPsec SAs as initiator and writes them as SA state. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/ike_tool.h"
#include "tool/resolver.h"
#include "cli/opt.h"
#include "cli/peer_addr.h"
#include "tool/policy_opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "os/clock.h"
#include "os/record_in.h"
#include "sa/set.h"
#include "tool/state_files.h"

#define LINGER_MS_DEFAULT	2000

struct opts {
	struct policy_opts	 policy;
	struct ike_tool_opts	 tool;
	const char		*peer;
	const char		*phase2, *delete;	/* files of SA state */
	bool			 phase1, keep, look;
	uint32_t		 linger_ms;
};

static const struct opt optab[] = {
	OPT_TOOL("negotiate IPsec SAs as initiator and write SA state"),
	OPT_USE("[--keep] [OPTION]... PEER[:PORT] | esp-tun ..."),
	OPT_USE("--phase1 [OPTION]... -o SA PEER[:PORT]"),
	OPT_USE("--phase2 SA [OPTION]... [PEER[:PORT]]"),
	OPT_USE("--delete SA [PEER]"),
	OPT_SECTION("What to do:"),
	OPT_FLAG(struct opts, phase1, 0, "phase1", "only negotiate the IKE SA", .excl = 1),
	OPT_STR(struct opts, phase2, 0, "phase2", "SA", "negotiate child SAs under the IKE SA of this state",
	    .excl = 1),
	OPT_STR(struct opts, delete, 0, "delete", "SA", "send the peer deletes for these SAs",
	    .excl = 1),
	OPT_FLAG(struct opts, keep, 0, "keep",
	    "keep running: rekey, answer, probe, reconnect, delete on exit"),
	OPT_FLAG(struct opts, look, 0, "look",
	    "delete the SAs at the peer when the records are written: they are only to be looked at"),
	OPT_MILLIS(struct opts, linger_ms, 0, "linger", "S", 0, 60000,
	    "without --keep: seconds to answer retransmissions before exit"),
	OPT_INCLUDE(struct opts, policy, policy_optab),
	OPT_STR(struct opts, tool.local, 0, "local", "ADDR[:PORT]", "local address and IKE port"),
	OPT_INCLUDE(struct opts, tool, ike_tool_optab),
	OPT_ARG(struct opts, peer, "PEER", "address or name of the peer, and port (default 500)"),
	OPT_END
};

/* The state of the run. */
struct run {
	const struct opts	*o;
	struct ike_policy	 policy;
	struct ike_tool		 tool;
	struct sa_set		*state;		/* of --phase2 and --delete */
	struct sa_rec		 under;		/* its IKE SA that is meant */
	/* The peer's addresses, looked up again for each new connection. */
	struct resolver_answer	 peers;
	size_t			 at;		/* the one in use */
	struct endpoint		 own;		/* ours towards it */
	bool			 was_up;
	int			 resolver;	/* -1: the peer is no name, or the run does not stay */
	ev_io			 on_peers;
	uint32_t		 timeout_ms;	/* --timeout, for all addresses together until one answers */
	bool			 told_own;	/* that --local is no address of this machine */
};

/* Child SAs that the policy's selectors make: a pair each of one family. */
static size_t
count_pairs(const struct ike_policy *p, const struct addr *own, const struct addr *peer)
{
	size_t i, j, n = 0;

	for (i = 0; i < (p->n_local_ts > 0 ? p->n_local_ts : 1); i++)
		for (j = 0; j < (p->n_remote_ts > 0 ? p->n_remote_ts : 1); j++)
			n += (p->n_local_ts > 0 ? p->local_ts[i].first.family : own->family) ==
			    (p->n_remote_ts > 0 ? p->remote_ts[j].first.family : peer->family);
	return (n);
}

static int
prepare_pairs(struct run *r, const struct addr *own, const struct addr *peer, struct fault *f)
{
	char text[ADDR_TEXT];

	/* Only mode config tells: counted again when the IKE SA is established. */
	if (r->policy.mode_config && (r->policy.n_local_ts == 0 || r->policy.n_remote_ts == 0)) {
		r->tool.outcome.wanted = 1;
		return (0);
	}
	if (r->policy.n_local_ts == 0)
		report_say(0, "no --local-ts: using the local address %s",
		    addr_text(text, own));
	r->tool.outcome.wanted = count_pairs(&r->policy, own, peer);
	if (r->tool.outcome.wanted == 0)
		return (fault(f, FAULT_CONFIG,
		    "no local selector has a remote one of its address family"));
	return (0);
}

/* --- the ends of the connection --- */

/*
 * Our endpoint towards the peer's address number ${r->at}: chosen by the route, unless --local names one. 0, or
 * -1 with a fault.
 */
static int
own_end(struct run *r, struct endpoint *local, struct fault *f)
{
	/* Behind that port every message has a marker (RFC 3947 section 4). */
	enum port_role role = r->peers.addrs[r->at].port == r->policy.natt_port ? PORT_NATT : PORT_IKE;

	*local = r->tool.local;
	if (ike_host_source(r->tool.host, local, &r->peers.addrs[r->at], role, f) != 0)
		return (-1);
	if (endpoint_eq(local, &r->peers.addrs[r->at]))
		return (fault_because(f, CAUSE_OWN_ADDRESS,
		    fault(f, FAULT_BAD_ADDRESS, "%s is an address of this machine", r->o->peer)));
	return (0);
}

/* The first of the addresses from number ${r->at} on that this machine has a route to. */
static int
pick_peer(struct run *r, struct endpoint *local, struct fault *f)
{
	while (own_end(r, local, f) != 0) {
		if (f->code != FAULT_UNREACHABLE || r->at + 1 >= r->peers.n)
			return (-1);
		report_note(f);
		r->at++;
	}
	return (0);
}

/* The connection is between these ends from now on; with ${begin} phase 1 begins. */
static int
redirect(struct run *r, const struct endpoint *local, bool begin, struct fault *f)
{
	struct ike_outbox todo = {0};
	int rc;

	r->own = *local;
	ike_tool_peer(&r->tool, &r->policy, &r->peers.addrs[r->at].addr);
	rc = ike_engine_redirect(ike_host_engine(r->tool.host), ike_host_now(r->tool.host), &r->policy, local,
	    &r->peers.addrs[r->at], begin, &todo, f);
	ike_host_do(r->tool.host, &todo);
	return (rc);
}

/* No address has answered yet: the next one, if there is one. */
static bool
try_next(struct run *r, const struct fault *why)
{
	char from[ADDR_TEXT], to[ADDR_TEXT];
	struct endpoint local;
	struct fault f = {0};

	if ((why->code != FAULT_NO_REPLY && why->code != FAULT_UNREACHABLE) || r->peers.n < 2)
		return (false);
	report_note(why);
	(void)addr_text(from, &r->peers.addrs[r->at].addr);
	if (r->at + 1 < r->peers.n) {
		r->at++;
		if (pick_peer(r, &local, &f) == 0 && redirect(r, &local, true, &f) == 0) {
			report_say(0, "%s does not answer: trying %s, address %zu of %zu of %s", from,
			    addr_text(to, &r->peers.addrs[r->at].addr), r->at + 1, r->peers.n, r->o->peer);
			return (true);
		}
	}
	report_say(0, "none of the %zu addresses of %s answered", r->peers.n, r->o->peer);
	return (false);
}

/*
 * Whether our address stays: the machine has it, and the route to the peer shows no other, as it may lead into the
 * tunnel.
 */
static bool
stays(const struct run *r)
{
	const struct ike_policy *p = &r->policy;
	size_t i;

	if (ports_is_own(&r->own.addr) == 0 || r->own.addr.family != r->peers.addrs[r->at].addr.family)
		return (false);
	for (i = 0; i < p->n_remote_ts; i++)
		if (selector_has_addr(&p->remote_ts[i], &r->peers.addrs[r->at].addr))
			return (true);
	return (p->n_remote_ts == 0);
}

/* The connection is lost: what was looked up may have changed. The engine begins again a moment later. */
static void
look_again(struct run *r, bool next)
{
	struct endpoint local;
	struct fault f = {0};
	char text[ADDR_TEXT];

	if (next && r->peers.n > 1)
		r->at = (r->at + 1) % r->peers.n;
	if (r->tool.local.addr.family != 0 && !r->told_own && ports_is_own(&r->tool.local.addr) == 0) {
		report_say(0, "%s is no address of this machine any more", addr_text(text, &r->tool.local.addr));
		r->told_own = true;
	}
	if (stays(r) || own_end(r, &local, &f) != 0)
		local = r->own;
	(void)redirect(r, &local, false, &f);
	if (r->resolver != -1)
		resolver_ask(r->resolver);
}

static bool
on_verdict(void *ctx, enum ike_verdict what, uint32_t mid, const struct fault *why)
{
	struct run *r = ctx;

	if (what == IKE_UP) {
		r->was_up = true;
		r->told_own = false;
		r->policy.timeout_ms = r->timeout_ms;
		if (r->policy.mode_config && !r->o->phase1)
			r->tool.outcome.wanted = ike_engine_count_wanted(ike_host_engine(r->tool.host), &r->policy);
	} else if (what == IKE_FAILED && ike_event_is_phase1(mid) && !r->was_up)
		return (try_next(r, why));
	else if ((what == IKE_FAILED && ike_event_is_phase1(mid)) || what == IKE_GONE)
		look_again(r, what == IKE_FAILED);
	return (false);
}

/* The name was looked up again. An address that is still there stays in use. */
static void
on_peers(struct ev_loop *loop, ev_io *w, int events)
{
	struct run *r = w->data;
	struct resolver_answer a;
	struct endpoint local;
	struct fault f = {0};
	size_t i = 0;
	int rc = resolver_answer(r->resolver, &a);

	(void)events;
	if (rc < 0)
		ev_io_stop(loop, w);
	if (rc <= 0 || a.n == 0)
		return;
	for (i = 0; i < a.n; i++)
		a.addrs[i].port = r->peers.addrs[r->at].port;
	i = 0;
	while (i < a.n && !endpoint_eq(&a.addrs[i], &r->peers.addrs[r->at]))
		i++;
	r->peers = a;
	r->at = i < a.n ? i : 0;
	if (stays(r) || own_end(r, &local, &f) != 0)
		local = r->own;
	(void)redirect(r, &local, false, &f);
}

/* Check the peer first: an error there is found without opening a port. */
static int
connect_peer(struct run *r, const struct ike_tool_opts *tool, struct ike_conf *conf,
    struct fault *f)
{
	struct endpoint local = {0}, *remote;
	struct ike_outbox todo = {0};

	/* From our port 4500 the peer's is meant, too. */
	if ((tool->local != NULL && local_parse(&local, tool->local, 0, f) != 0) ||
	    peer_resolve_all(r->peers.addrs, &r->peers.n, r->o->peer, local.addr.family,
	    local.port == PORT_NATT_DEFAULT ? r->policy.natt_port : PORT_IKE_DEFAULT, f) != 0 ||
	    ike_tool_open(&r->tool, tool, conf, f) != 0 || pick_peer(r, &local, f) != 0)
		return (-1);
	remote = &r->peers.addrs[r->at];
	r->own = local;
	r->tool.hook = on_verdict;
	r->tool.hook_ctx = r;
	r->timeout_ms = r->policy.timeout_ms;
	r->policy.timeout_ms /= (uint32_t)(r->peers.n - r->at);
	ike_tool_peer(&r->tool, &r->policy, &remote->addr);
	if (!r->o->phase1 && prepare_pairs(r, &local.addr, &remote->addr, f) != 0)
		return (-1);
	/* A process that does not stay says no INITIAL-CONTACT in any case. */
	if (r->o->keep)
		ike_engine_set_others(ike_host_engine(r->tool.host),
		    ike_host_has_others(r->tool.host, &remote->addr));
	if (r->tool.over)	/* a signal came */
		return (0);
	if (r->resolver != -1) {
		ev_io_init(&r->on_peers, on_peers, r->resolver, EV_READ);
		r->on_peers.data = r;
		ev_io_start(r->tool.loop, &r->on_peers);
	}
	if (ike_engine_connect(ike_host_engine(r->tool.host), ike_host_now(r->tool.host),
	    &r->policy, &local, remote, !r->o->phase1, NULL, &todo, f) != 0)
		return (-1);
	ike_host_do(r->tool.host, &todo);
	return (0);
}

/* The process that looks the name up again: started before there are secrets and ports. */
static int
start_resolver(struct run *r, struct fault *f)
{
	struct endpoint local = {0};

	if (!r->o->keep || !peer_is_name(r->o->peer) ||
	    (r->o->tool.local != NULL && local_parse(&local, r->o->tool.local, 0, f) != 0))
		return (0);
	r->resolver = resolver_start(r->o->peer, local.addr.family, PORT_IKE_DEFAULT, r->o->tool.user, f);
	return (r->resolver != -1 ? 0 : -1);
}

/* Whether the IKE SA ${s} is with the peer that was named; without a name any is. */
static int
is_with_peer(const struct run *r, const struct sa_ike *s, bool *is, struct fault *f)
{
	struct endpoint peer;

	*is = true;
	if (r->o->peer == NULL)
		return (0);
	if (peer_resolve(&peer, r->o->peer, s->remote.at.addr.family, PORT_IKE_DEFAULT, f) != 0)
		return (-1);
	*is = addr_cmp(&peer.addr, &s->remote.at.addr) == 0;
	return (0);
}

/* Adds up the state file of --phase2 or --delete. */
static int
read_state(struct run *r, const char *path, struct fault *f)
{
	char *names[] = { (char *)(uintptr_t)path };
	struct sa_in *in = sa_in_open(1, names, f);
	int rc;

	if (in == NULL)
		return (-1);
	report_wide_mode(path, sa_in_wide_mode(in, 0));
	if ((r->state = sa_set_new()) == NULL) {
		sa_in_close(in);
		return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	}
	rc = sa_log_read(r->state, in, f);
	sa_in_close(in);
	return (rc);
}

/* The IKE SA for --phase2; --local replaces its local address. */
static int
pick_ike(struct run *r, const char *path, uint64_t epoch, struct fault *f)
{
	const struct sa_rec *rec;
	struct endpoint local;
	size_t at = 0, n = 0;
	bool is;

	while ((rec = sa_set_next(r->state, &at, NULL)) != NULL) {
		if (rec->type != SA_IKE || rec->ike.lifetime.expires <= epoch)
			continue;
		if (is_with_peer(r, &rec->ike, &is, f) != 0)
			return (-1);
		if (is && n++ == 0 && sa_rec_copy(&r->under, rec) != 0)
			return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	}
	if (n == 0)
		return (fault(f, FAULT_NO_IKE_SA, "%s holds no live IKE SA%s%s", path,
		    r->o->peer != NULL ? " with " : "", r->o->peer != NULL ? r->o->peer : ""));
	if (n > 1)
		return (fault(f, FAULT_CONFIG, "%s holds %zu live IKE SAs%s; name a peer",
		    path, n, r->o->peer != NULL ? " with that peer" : ""));
	if (r->o->tool.local == NULL)
		return (0);
	if (local_parse(&local, r->o->tool.local, 0, f) != 0)
		return (-1);
	if (local.addr.family != 0)
		r->under.ike.local.at.addr = local.addr;
	if (local.port != 0)
		r->under.ike.local.at.port = local.port;
	return (0);
}

static int
phase2(struct run *r, struct fault *f)
{
	struct ike_engine *e = ike_host_engine(r->tool.host);
	struct now now = ike_host_now(r->tool.host);
	struct sa_ike *ike = &r->under.ike;
	struct ike_outbox todo = {0};
	uint8_t id[16];
	int rc;

	memcpy(id, ike->spi_i, 8);
	memcpy(id + 8, ike->spi_r, 8);
	if (!r->tool.look && !r->o->keep && ike_host_has_others(r->tool.host, &ike->remote.at.addr))
		report_say(0, "another tool of this machine has SAs with this peer, which will use the new child SA "
		    "instead: hand its record to esp-tun, or use --look");
	if (prepare_pairs(r, &ike->local.at.addr, &ike->remote.at.addr, f) != 0 ||
	    ike_tool_adopt(&r->tool, &r->under, &r->policy, f) != 0)
		return (-1);
	rc = ike_engine_children(e, now, id, &todo, f);
	ike_host_do(r->tool.host, &todo);
	return (rc);
}

static int
delete_state(struct run *r, struct fault *f)
{
	const struct sa_rec *rec;
	size_t at = 0;

	if (ike_tool_adopt(&r->tool, &r->under, &r->policy, f) != 0)
		return (-1);
	while ((rec = sa_set_next(r->state, &at, NULL)) != NULL)
		if (rec->type == SA_CHILD && id_eq(&rec->child.remote.id, &r->under.ike.remote.id) &&
		    addr_cmp(&rec->child.remote.at.addr, &r->under.ike.remote.at.addr) == 0 &&
		    ike_tool_adopt(&r->tool, rec, &r->policy, f) != 0)
			return (-1);
	ike_tool_shutdown(&r->tool, EXIT_DONE);
	return (0);
}

static int
from_state(struct run *r, struct ike_tool_opts *tool, struct ike_conf *conf, struct fault *f)
{
	const char *path = r->o->phase2 != NULL ? r->o->phase2 : r->o->delete;
	struct clock clock = {0};

	/* The owner of the IKE SA ends it: --phase2 deletes only its own child SAs. */
	conf->borrowed = r->o->phase2 != NULL && !r->o->keep;
	/* The sa-delete records of --delete are for a pipe; they are not written to a terminal. */
	if (r->o->delete != NULL && tool->output == NULL && isatty(STDOUT_FILENO))
		tool->output = "/dev/null";
	tool->under = &r->under.ike;
	r->tool.state = path != NULL && strcmp(path, "-") != 0 ? path : NULL;
	if ((tool->clock != NULL && clock_fix(&clock, tool->clock, f) != 0) ||
	    read_state(r, path, f) != 0 || pick_ike(r, path, clock_now(&clock).epoch, f) != 0 ||
	    ike_tool_open(&r->tool, tool, conf, f) != 0)
		return (-1);
	return (r->o->phase2 != NULL ? phase2(r, f) : delete_state(r, f));
}

static enum exit_status
run(struct run *r)
{
	const struct opts *o = r->o;
	struct ike_tool_opts tool = o->tool;
	struct ike_conf conf = {
		.policies = &r->policy, .n_policies = 1, .respond = o->keep, .keep = o->keep,
	};
	struct fault f = {0};
	bool state = o->phase2 != NULL || o->delete != NULL;

	r->tool.outcome = (struct outcome){
		.goal = o->phase1 ? GOAL_IKE : GOAL_CHILDREN, .keep = o->keep,
		/* no secret: nothing can replace an IKE SA that was read from a file */
		.no_renewal = o->phase2 != NULL,
	};
	r->tool.linger_ms = o->linger_ms;
	r->tool.one_peer = true;
	r->tool.one_shot = !o->keep && o->delete == NULL;
	r->tool.look = o->look;
	if (o->peer == NULL && !state)
		(void)fault(&f, FAULT_USAGE, "which peer?");
	else if (o->keep && o->delete != NULL)
		(void)fault(&f, FAULT_USAGE, "--delete and --keep exclude each other");
	else if (o->look && (o->keep || o->delete != NULL))
		(void)fault(&f, FAULT_USAGE, "--look excludes --keep and --delete");
	else if ((state || start_resolver(r, &f) == 0) &&
	    policy_opts_build(&r->policy, &o->policy, NULL, !state, &f) == 0 &&
	    (state ? from_state(r, &tool, &conf, &f) : connect_peer(r, &tool, &conf, &f)) == 0)
		return (ike_tool_run(&r->tool));
	return (report_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct opts o = { .policy = POLICY_OPTS_DEFAULT, .linger_ms = LINGER_MS_DEFAULT };
	struct run r = { .o = &o, .resolver = -1 };
	enum exit_status status;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	status = run(&r);
	ike_tool_close(&r.tool);
	if (r.resolver != -1)
		(void)close(r.resolver);
	sa_rec_wipe(&r.under);
	sa_set_free(r.state);
	ike_policy_wipe(&r.policy);
	return (status);
}
