/*
 * ike-initiate --bindings: a peer for each NBMA address that records of NHRP name, while they name it. Each record goes on to
 * the output when there is a child SA with its peer, so that no reader sends there before.
 */
#include "initiate.h"

#include <stdlib.h>

#include "cli/peer_addr.h"
#include "cli/report.h"
#include "gre/bindings.h"
#include "os/record_in.h"

#define PEERS_BOUND	256	/* peers at the same time */
#define TICK_S		1.	/* expiry is in seconds */
#define PROTO_GRE	47
#define PASSIVE_MS	5000	/* for a peer that is to begin its tunnel */
#define LIFETIME_LEAST	60	/* seconds, of a profile */
#define SAID_MAX	64	/* peers without a tunnel that are remembered as reported */
#define LET_GO_MS	3000	/* after the last binding: the peer's may end a moment later, and it still sends */

struct bound_peer {
	struct addr	nbma;		/* family 0: the slot is free */
	bool		named;		/* by the command line: wanted without a binding */
	bool		wanted;
	uint64_t	until_ms;	/* not wanted: when it is let go */
	uint64_t	begin_ms;	/* the peer begins its tunnel; this end does from then on; 0: it has begun */
	struct endpoint	local;		/* ... from here */
	uint16_t	port;		/* of the peer */
	uint64_t	doubt_ms;	/* both ends are behind a NAT: without a tunnel by then, the user is told; 0: not */
	bool		up;		/* has a child SA; the readers have its bindings */
};

struct bound {
	struct initiate		*r;
	struct sa_in		*in;
	ev_io			 io;
	ev_timer		 tick;
	struct sa_rec		 rec;
	struct bindings		 list;
	struct bound_peer	 peer[PEERS_BOUND];
	struct addr		 said[SAID_MAX];	/* peers that were reported, a ring; family 0: none */
	unsigned		 next_said;
	/* The first is for peers that this end does not know (yet), the others are those of ${peer}. */
	struct ike_policy	 policy[1 + PEERS_BOUND];
};

/* The address of the peer that ${b} wants an SA with; NULL: none. */
static const struct addr *
peer_of(const struct sa_nhrp_binding *b)
{
	const struct addr *nbma = sa_binding_nbma(b);

	return ((b->kind == NHRP_KIND_SHORTCUT || b->kind == NHRP_KIND_NHS) && nbma->family != 0 ?
	    nbma : NULL);
}

static struct bound_peer *
find(struct bound *b, const struct addr *nbma)
{
	for (size_t i = 0; i < PEERS_BOUND; i++)
		if (b->peer[i].nbma.family != 0 && addr_cmp(&b->peer[i].nbma, nbma) == 0)
			return (&b->peer[i]);
	return (NULL);
}

/* --- the output --- */

static void
put(struct bound *b, const struct sa_nhrp_binding *rec, bool withdraw)
{
	struct sa_rec out = { .type = SA_NHRP_BINDING, .binding = *rec };
	struct fault f = {0};

	if (withdraw) {
		out.binding.holding = 0;
		out.binding.nbma = out.binding.nat_nbma = (struct addr){0};
	}
	/* A reader that has gone is noticed by the tool's own records, and by its watch of the descriptor. */
	if (sa_out_put(b->r->tool.out, &out, &f) != 0 && report_allow(__func__))
		report_note(&f);
}

/* Tells the readers of the bindings of peers whose first child SA came, or whose last one went. */
static void
tell(struct bound *b)
{
	const struct ike_engine *e = ike_host_engine(b->r->tool.host);
	const struct addr *nbma;
	struct bound_peer *p;
	bool up;

	for (p = b->peer; p < b->peer + PEERS_BOUND; p++) {
		if (p->nbma.family == 0 || (up = ike_engine_has_child(e, &p->nbma)) == p->up)
			continue;
		p->up = up;
		for (size_t i = 0; i < b->list.n; i++)
			if ((nbma = peer_of(&b->list.list[i].rec)) != NULL && addr_cmp(nbma, &p->nbma) == 0)
				put(b, &b->list.list[i].rec, !up);
	}
}

/* --- what NATs prevent --- */

static struct addr *
said(struct bound *b, const struct addr *nbma)
{
	for (struct addr *a = b->said; a < b->said + SAID_MAX; a++)
		if (a->family != 0 && addr_cmp(a, nbma) == 0)
			return (a);
	return (NULL);
}

/* Reports a peer whose tunnel two NATs prevent: once, until there was one. */
static void
doubt(struct bound *b, struct bound_peer *p, uint64_t now_ms)
{
	struct addr *had = said(b, &p->nbma);
	struct fault f = {0};
	char text[ADDR_TEXT];

	if (p->up) {
		p->doubt_ms = 0;
		if (had != NULL)
			*had = (struct addr){0};
		return;
	}
	if (p->doubt_ms == 0 || now_ms < p->doubt_ms)
		return;
	p->doubt_ms = 0;
	if (had != NULL)
		return;
	b->said[b->next_said++ % SAID_MAX] = p->nbma;
	(void)fault_because(&f, CAUSE_TWO_NATS, fault(&f, FAULT_NO_REPLY,
	    "no direct tunnel with %s: both ends are behind a NAT, and its answers do not arrive; packets go on by the hub",
	    addr_text(text, &p->nbma)));
	(void)report_fault(&f);
}

/* --- peers --- */

static struct selector
gre_host(const struct addr *a)
{
	return ((struct selector){ .first = *a, .last = *a, .proto = PROTO_GRE });
}

/* What the server, which this end is registered at, wants the tunnel to be. */
static void
follow_profile(struct ike_policy *p, const struct sa_profile *o)
{
	struct ike_proposals ike;
	struct esp_proposals esp;
	struct fault f = {0};

	if (o->ike[0] != '\0' && ike_proposals_parse(&ike, o->ike, &f) == 0)
		p->ike = ike;
	if (o->esp[0] != '\0' && p->proto == SA_ESP && esp_proposals_parse(&esp, o->esp, &f) == 0)
		p->esp = esp;
	if (f.code != FAULT_NONE && report_allow(__func__))
		report_note(&f);
	if (o->ike_seconds >= LIFETIME_LEAST)
		p->ike_seconds = o->ike_seconds;
	if (o->esp_seconds >= LIFETIME_LEAST)
		p->esp_seconds = o->esp_seconds;
}

/* The tunnel to another client of an AutoConnect VPN: with a hash, the peer has that certificate and no other; else one of --ca. */
static void
fit_client(struct ike_policy *p, const struct sa_nhrp_binding *rec)
{
	p->creds.pinned = (struct certs){0};
	p->creds.n_hashes = 0;
	if (rec->has_cert) {
		p->creds.ca = (struct certs){0};
		p->creds.n_hashes = 1;
		memcpy(p->creds.hash[0], rec->cert, sizeof(p->creds.hash[0]));
	}
	if (rec->has_profile)
		follow_profile(p, &rec->profile);
}

/*
 * The policy of a slot: that of the command line, for GRE between ${own} and ${peer}, or in tunnel mode with its selectors, as ${rec}
 * wants it; NULL: the peer is named by the command line. Free slots fit no peer.
 */
static void
fit(struct bound *b, size_t slot, const struct addr *own, const struct addr *peer, const struct sa_nhrp_binding *rec)
{
	struct ike_policy *p = &b->policy[1 + slot];

	*p = b->r->policy;	/* which keeps the secrets */
	p->remote_addr = (struct selector){ .first = *peer, .last = *peer };
	if (rec != NULL && rec->nat_nbma.family != 0)
		p->remote_inner = rec->nbma;
	if (p->mode == SA_TUNNEL) {
		if (rec != NULL && rec->kind == NHRP_KIND_SHORTCUT)
			fit_client(p, rec);
		return;
	}
	p->n_local_ts = p->n_remote_ts = 1;
	p->local_ts[0] = gre_host(own);
	p->remote_ts[0] = gre_host(peer);
}

/* A tunnel that its peer has not begun in time: this end does. */
static void
begin(struct bound *b, struct bound_peer *p)
{
	const struct endpoint remote = { .addr = p->nbma, .port = p->port };
	struct ike_host *h = b->r->tool.host;
	struct ike_outbox todo = {0};
	struct fault f = {0};

	p->begin_ms = 0;
	if (ike_engine_want(ike_host_engine(h), ike_host_now(h), &b->policy[1 + (p - b->peer)], &p->local, &remote, &todo, &f) != 0)
		report_note(&f);
	ike_host_do(h, &todo);
}

static void
let_go(struct bound *b, struct bound_peer *p)
{
	static const uint8_t none[4];
	const struct addr nobody = addr_make(4, none);
	const size_t slot = (size_t)(p - b->peer);
	struct ike_host *h = b->r->tool.host;
	struct ike_outbox todo = {0};
	char text[ADDR_TEXT];

	if (p->begin_ms != 0)	/* the peer may have begun it: what ends then is found by its connection */
		begin(b, p);
	report_say(1, "no binding names %s any more: its SAs end", addr_text(text, &p->nbma));
	ike_engine_unwant(ike_host_engine(h), ike_host_now(h), &b->policy[1 + slot], &todo);
	*p = (struct bound_peer){0};
	fit(b, slot, &nobody, &nobody, NULL);
	ike_host_do(h, &todo);
}

/*
 * Where an exchange with the peer of ${rec} begins: at ${*remote}, from the port of ${*local}. If both ends are behind a NAT, they
 * begin at once, on port 4500 (RFC 3947 section 4): the first message of each opens its own NAT for the other's messages, and
 * ESP goes the same way. NATs that keep ports let the other's messages in. True: both are.
 */
static bool
begin_where(const struct bound *b, const struct sa_nhrp_binding *rec, struct endpoint *local, struct endpoint *remote)
{
	struct ike_host *h = b->r->tool.host;
	struct endpoint natt = *local;
	struct fault f = {0};

	if (rec == NULL || rec->nat_nbma.family == 0 || !ike_engine_behind_nat(ike_host_engine(h), &local->addr))
		return (false);
	if (ike_host_source(h, &natt, remote, PORT_NATT, &f) == 0 && natt.port == PORT_NATT_DEFAULT) {
		*local = natt;
		remote->port = PORT_NATT_DEFAULT;
	}
	return (true);
}

/* Whether the peer of ${rec} can prove who it is. */
static bool
can_trust(const struct bound *b, const struct sa_nhrp_binding *rec)
{
	const struct ike_policy *p = &b->r->policy;

	return (p->mode != SA_TUNNEL || p->creds.key == NULL || rec->kind != NHRP_KIND_SHORTCUT || rec->has_cert || p->creds.ca.n > 0);
}

/* A peer more, at ${nbma}, of the binding ${rec}; NULL: of the command line. 0, or -1: not possible. */
static int
take(struct bound *b, const struct addr *nbma, const struct sa_nhrp_binding *rec, struct fault *f)
{
	struct endpoint remote = { .addr = *nbma, .port = PORT_IKE_DEFAULT };
	struct ike_host *h = b->r->tool.host;
	struct endpoint local = b->r->tool.local;
	struct ike_outbox todo = {0};
	char text[ADDR_TEXT];
	size_t slot = 0;
	bool two_nats;
	int rc;

	while (slot < PEERS_BOUND && b->peer[slot].nbma.family != 0)
		slot++;
	if (slot == PEERS_BOUND)
		return (fault(f, FAULT_TOO_LARGE, "bindings name more than %d peers", PEERS_BOUND));
	if (ports_is_own(nbma) == 1)
		return (rec == NULL ? fault(f, FAULT_BAD_ADDRESS, "%s is an address of this machine", addr_text(text, nbma)) : 0);
	if (ike_host_source(h, &local, &remote, PORT_IKE, f) != 0)
		return (-1);
	if (rec != NULL && !can_trust(b, rec))
		return (fault(f, FAULT_CONFIG, "the binding of %s has no certificate hash, and there is no --ca: no tunnel",
		    addr_text(text, nbma)));
	two_nats = begin_where(b, rec, &local, &remote);
	fit(b, slot, &local.addr, nbma, rec);
	b->peer[slot] = (struct bound_peer){ .nbma = *nbma, .named = rec == NULL, .wanted = true, .local = local, .port = remote.port,
	    .doubt_ms = two_nats ? ike_host_now(h).ms + b->r->policy.timeout_ms : 0 };
	if (rec != NULL && rec->flags.passive) {
		b->peer[slot].begin_ms = ike_host_now(h).ms + PASSIVE_MS;
		return (0);
	}
	rc = ike_engine_want(ike_host_engine(h), ike_host_now(h), &b->policy[1 + slot], &local, &remote, &todo, f);
	if (rc != 0)
		b->peer[slot] = (struct bound_peer){0};
	ike_host_do(h, &todo);
	return (rc);
}

/* A peer of the command line. 0 or -1. */
static int
take_named(struct bound *b, const char *name, struct fault *f)
{
	struct endpoint to;

	if (peer_resolve(&to, name, b->r->tool.local.addr.family, PORT_IKE_DEFAULT, f) != 0)
		return (-1);
	return (find(b, &to.addr) != NULL ? 0 : take(b, &to.addr, NULL, f));
}

/* Compares the peers with the bindings: new ones, and those that no binding names any more. */
static void
settle(struct bound *b)
{
	struct bound_peer *p;
	const struct addr *nbma;
	struct fault f = {0};
	const uint64_t now_ms = ike_host_now(b->r->tool.host).ms;

	for (p = b->peer; p < b->peer + PEERS_BOUND; p++) {
		if (p->wanted)
			p->until_ms = now_ms + LET_GO_MS;
		p->wanted = p->named;
	}
	for (size_t i = 0; i < b->list.n; i++)
		if ((nbma = peer_of(&b->list.list[i].rec)) != NULL && (p = find(b, nbma)) != NULL)
			p->wanted = true;
	for (p = b->peer; p < b->peer + PEERS_BOUND; p++)
		if (p->nbma.family != 0 && !p->wanted && now_ms >= p->until_ms)
			let_go(b, p);
	for (size_t i = 0; i < b->list.n && !b->r->tool.over; i++)
		if ((nbma = peer_of(&b->list.list[i].rec)) != NULL && find(b, nbma) == NULL &&
		    take(b, nbma, &b->list.list[i].rec, &f) != 0 &&
		    report_allow(__func__))
			report_note(&f);
	for (p = b->peer; p < b->peer + PEERS_BOUND; p++)
		if (p->nbma.family != 0 && p->begin_ms != 0 && now_ms >= p->begin_ms)
			begin(b, p);
	tell(b);
	for (p = b->peer; p < b->peer + PEERS_BOUND; p++)
		if (p->nbma.family != 0)
			doubt(b, p, now_ms);
}

/* --- the input --- */

/* A binding: to be told at once if nothing is waited for. */
static int
apply(struct bound *b, const struct sa_nhrp_binding *rec, struct fault *f)
{
	const uint64_t now = ike_host_now(b->r->tool.host).epoch;
	const struct addr *nbma;
	struct bound_peer *p;
	int what = bindings_apply(&b->list, rec, now, f);

	if (what == -1)
		return (-1);
	nbma = peer_of(rec);
	if (what != BINDINGS_GONE && nbma != NULL && (p = find(b, nbma)) != NULL && !p->named)
		fit(b, (size_t)(p - b->peer), &p->local.addr, nbma, rec);	/* with a new hash, for instance */
	if (rec->holding == 0 || rec->expires <= now || nbma == NULL || ports_is_own(nbma) == 1 ||
	    ((p = find(b, nbma)) != NULL && p->up))
		put(b, rec, false);
	else if (what == BINDINGS_CHANGED)	/* the way that readers know leads to another peer */
		put(b, rec, true);
	return (0);
}

/* Whether anything is left to do: the input ended, and no peer is wanted. */
static bool
finished(const struct bound *b)
{
	if (!sa_in_ended(b->in))
		return (false);
	for (size_t i = 0; i < b->list.n; i++)
		if (peer_of(&b->list.list[i].rec) != NULL)
			return (false);
	return (true);
}

/* Reads all records that are there. */
static void
drain(struct bound *b)
{
	struct sa_in_at at;
	struct fault f = {0};
	int rc;

	while ((rc = sa_in_next(b->in, false, &b->rec, &at, &f)) != 0) {
		if (rc == 1 && b->rec.type == SA_NHRP_BINDING && apply(b, &b->rec.binding, &f) != 0)
			rc = -1;
		if (rc == -1 && report_allow(__func__))
			(void)report_fault(&f);
		sa_rec_wipe(&b->rec);
	}
	settle(b);
	if (!b->r->tool.over && finished(b)) {
		report_say(0, "the bindings have ended");
		ike_tool_shutdown(&b->r->tool, EXIT_DONE);
	}
}

static void
watch(struct bound *b)
{
	int fd = sa_in_fd(b->in, 0);

	if (fd == -1)
		ev_io_stop(b->r->tool.loop, &b->io);
}

static void
on_records(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop, (void)events;
	drain(w->data);
	watch(w->data);
}

static void
on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
	struct bound *b = w->data;

	(void)loop, (void)events;
	(void)bindings_expire(&b->list, ike_host_now(b->r->tool.host).epoch, NULL, NULL);
	drain(b);
	watch(b);
}

static bool
on_verdict(void *ctx, enum ike_verdict what, uint32_t mid, const struct fault *why)
{
	(void)what, (void)mid, (void)why;
	tell(ctx);
	return (false);
}

/* --- life --- */

static int
check(const struct initiate *r, struct fault *f)
{
	const struct initiate_opts *o = r->o;

	if (!o->keep || o->phase1 || o->phase2 != NULL || o->tool.tcp != 0)
		return (fault(f, FAULT_USAGE, "--bindings needs --keep, and excludes --phase1, --phase2 and --encap tcp"));
	if (r->policy.mode == SA_TUNNEL && r->policy.n_local_ts > 0 && r->policy.n_remote_ts > 0 && !r->policy.mode_config)
		return (0);
	if (r->policy.mode != SA_TRANSPORT || r->policy.n_local_ts > 0 || r->policy.n_remote_ts > 0 || r->policy.mode_config)
		return (fault(f, FAULT_USAGE, "--bindings needs --mode transport without --local-ts and --remote-ts, for GRE between the two ends, or "
		    "--mode tunnel with both, for an AutoConnect VPN; it excludes --mode-config"));
	return (0);
}

int
initiate_bound(struct initiate *r, const struct ike_tool_opts *tool, struct ike_conf *conf, struct fault *f)
{
	char *name[] = { (char *)(uintptr_t)r->o->bindings };
	static const struct addr nobody = { .family = 4 };
	struct bound *b;

	if (check(r, f) != 0)
		return (-1);
	if ((b = r->bound = calloc(1, sizeof(*b))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for peers"));
	b->r = r;
	b->policy[0] = r->policy;
	for (size_t i = 0; i < PEERS_BOUND; i++)
		fit(b, i, &nobody, &nobody, NULL);
	conf->policies = b->policy;
	conf->n_policies = 1 + PEERS_BOUND;
	conf->others = true;	/* both ends may begin at once: no INITIAL-CONTACT, which would end what the other began */
	r->tool.one_peer = false;
	r->tool.outcome.goal = GOAL_SERVE;
	if ((b->in = sa_in_open(1, name, f)) == NULL || ike_tool_open(&r->tool, tool, conf, f) != 0)
		return (-1);
	r->tool.hook = on_verdict;
	r->tool.hook_ctx = b;
	if (r->o->peer != NULL && take_named(b, r->o->peer, f) != 0)
		return (-1);
	for (size_t i = 0; i < r->o->also.n; i++)
		if (take_named(b, r->o->also.v[i], f) != 0)
			return (-1);
	ev_init(&b->io, on_records);
	b->io.data = b;
	if (sa_in_fd(b->in, 0) != -1) {
		ev_io_set(&b->io, sa_in_fd(b->in, 0), EV_READ);
		ev_io_start(r->tool.loop, &b->io);
	}
	ev_timer_init(&b->tick, on_tick, 0., TICK_S);
	b->tick.data = b;
	ev_timer_start(r->tool.loop, &b->tick);
	return (0);
}

void
initiate_bound_close(struct bound *b)
{
	if (b == NULL)
		return;
	sa_in_close(b->in);
	bindings_free(&b->list);
	free(b);
}
