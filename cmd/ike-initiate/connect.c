/* ike-initiate: the connection to the peer, whose addresses may be several and may change. */
#include "initiate.h"

#include "cli/peer_addr.h"
#include "cli/report.h"

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

int
initiate_pairs(struct initiate *r, const struct addr *own, const struct addr *peer, struct fault *f)
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

/* Our endpoint towards ${to}: chosen by the route, unless --local names one. 0, or -1 with a fault. */
static int
end_towards(struct initiate *r, const struct endpoint *to, struct endpoint *local, struct fault *f)
{
	/* Behind that port every message has a marker (RFC 3947 section 4). */
	enum port_role role = r->o->tool.tcp != 0 ? PORT_TCP : to->port == r->policy.natt_port ? PORT_NATT : PORT_IKE;

	*local = r->tool.local;
	return (ike_host_source(r->tool.host, local, to, role, f));
}

/* The same towards the peer's address number ${r->at}. */
static int
own_end(struct initiate *r, struct endpoint *local, struct fault *f)
{
	if (end_towards(r, &r->peers.addrs[r->at], local, f) != 0)
		return (-1);
	if (endpoint_eq(local, &r->peers.addrs[r->at]))
		return (fault_because(f, CAUSE_OWN_ADDRESS,
		    fault(f, FAULT_BAD_ADDRESS, "%s is an address of this machine", r->o->peer)));
	return (0);
}

/* The first of the addresses from number ${r->at} on that this machine has a route to. */
static int
pick_peer(struct initiate *r, struct endpoint *local, struct fault *f)
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
redirect(struct initiate *r, const struct endpoint *local, bool begin, struct fault *f)
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

/* The gateway redirects this client: phase 1 begins with the other one. Should that be lost, the first one is asked again. */
static bool
follow_gateway(struct initiate *r, const struct fault *why)
{
	struct ike_outbox todo = {0};
	struct endpoint local, to;
	struct fault f = {0};
	int rc;

	if (why->cause != CAUSE_REDIRECT || !ike_engine_elsewhere(ike_host_engine(r->tool.host), &r->policy, &to))
		return (false);
	if (ports_is_own(&to.addr) != 0 || end_towards(r, &to, &local, &f) != 0) {
		report_note(f.code != FAULT_NONE ? &f : why);
		return (false);
	}
	report_note(why);
	r->own = local;
	ike_tool_peer(&r->tool, &r->policy, &to.addr);
	rc = ike_engine_redirect(ike_host_engine(r->tool.host), ike_host_now(r->tool.host), &r->policy, &local, &to, true, &todo,
	    &f);
	ike_host_do(r->tool.host, &todo);
	return (rc == 0);
}

/* No address has answered yet: the next one, if there is one. */
static bool
try_next(struct initiate *r, const struct fault *why)
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
stays(const struct initiate *r)
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
look_again(struct initiate *r, bool next)
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
	struct initiate *r = ctx;

	if (what == IKE_UP) {
		r->was_up = true;
		r->told_own = false;
		r->policy.timeout_ms = r->timeout_ms;
		if (r->policy.mode_config && !r->o->phase1)
			r->tool.outcome.wanted = ike_engine_count_wanted(ike_host_engine(r->tool.host), &r->policy);
	} else if (what == IKE_FAILED && follow_gateway(r, why))
		return (true);
	else if (what == IKE_FAILED && ike_event_is_phase1(mid) && !r->was_up)
		return (try_next(r, why));
	else if ((what == IKE_FAILED && ike_event_is_phase1(mid)) || what == IKE_GONE)
		look_again(r, what == IKE_FAILED);
	return (false);
}

/* The name was looked up again. An address that is still there stays in use. */
static void
on_peers(struct ev_loop *loop, ev_io *w, int events)
{
	struct initiate *r = w->data;
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
int
initiate_connect(struct initiate *r, const struct ike_tool_opts *tool, struct ike_conf *conf,
    struct fault *f)
{
	struct endpoint local = {0}, *remote;
	struct ike_outbox todo = {0};

	/* From our port 4500 the peer's is meant, too. */
	if ((tool->local != NULL && local_parse(&local, tool->local, 0, f) != 0) ||
	    peer_resolve_all(r->peers.addrs, &r->peers.n, r->o->peer, local.addr.family,
	    tool->tcp != 0 ? tool->tcp_port : local.port == PORT_NATT_DEFAULT ? r->policy.natt_port : PORT_IKE_DEFAULT,
	    f) != 0 ||
	    ike_tool_open(&r->tool, tool, conf, f) != 0 || pick_peer(r, &local, f) != 0)
		return (-1);
	remote = &r->peers.addrs[r->at];
	r->own = local;
	r->tool.hook = on_verdict;
	r->tool.hook_ctx = r;
	r->timeout_ms = r->policy.timeout_ms;
	r->policy.timeout_ms /= (uint32_t)(r->peers.n - r->at);
	ike_tool_peer(&r->tool, &r->policy, &remote->addr);
	if (!r->o->phase1 && initiate_pairs(r, &local.addr, &remote->addr, f) != 0)
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
int
initiate_resolver(struct initiate *r, struct fault *f)
{
	struct endpoint local = {0};

	if (!r->o->keep || !peer_is_name(r->o->peer) ||
	    (r->o->tool.local != NULL && local_parse(&local, r->o->tool.local, 0, f) != 0))
		return (0);
	r->resolver = resolver_start(r->o->peer, local.addr.family, PORT_IKE_DEFAULT, r->o->tool.user, f);
	return (r->resolver != -1 ? 0 : -1);
}
