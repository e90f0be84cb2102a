/*
 * The queue of records for the data path. They take effect in the order of arrival, each new SA
 * after its claim; claims are requested ahead, so that many SAs do not wait for one another.
 */
#include <stdlib.h>

#include "base/scratch.h"
#include "datapath/datapath_priv.h"

#define DEVICE_MS	100	/* interval between configurations of the device while more SAs are queued */

/* ---- their effect */

static bool
is_new(const struct datapath *dp, const struct sa_child *c)
{
	return (sadb_by_spi(dp->db, c->protocol, c->spi_in, &c->local.at.addr) == NULL);
}

/* Checks that need no claim. */
static int
check(struct datapath *dp, const struct sa_child *c, struct fault *f)
{
	const struct esp_sa *known = sadb_by_spi(dp->db, c->protocol, c->spi_in, &c->local.at.addr);
	uint64_t now = clock_now(&dp->clock).epoch;

	/* Of a known SA the dates have been seen; a clock that was set since then does not end it. */
	if (c->lifetime.expires <= now && (known == NULL || known->pair->expires != c->lifetime.expires))
		return (fault_because(f, CAUSE_EXPIRED,
		    fault(f, FAULT_STALE_SA, "SA %08x expired %llu s ago", get_be32(c->spi_in),
		    (unsigned long long)(now - c->lifetime.expires))));
	return (known == NULL ? sadb_check(c, f) : 0);
}

/* Tells the negotiator of an SA that cannot be used, unless an earlier record of it is in use. Returns -1. */
static int
refuse(struct datapath *dp, const struct sa_child *c, const struct fault *f)
{
	if (!is_new(dp, c))
		return (-1);
	dp_refused(dp, c, f);
	if (dp->calls.unusable != NULL)
		dp->calls.unusable(dp->ctx, &c->remote.at.addr);
	return (-1);
}

static int
replace(struct datapath *dp, const struct sa_child *c, uint32_t source, struct fault *f)
{
	struct esp_pair *pair;
	struct own *own;
	bool old;

	biglock_pause();	/* what packets in hand use of it may be released */
	pair = check(dp, c, f) != 0 ? NULL : sadb_add(dp->db, c, source, clock_now(&dp->clock), &old, f);
	biglock_resume();
	if (pair == NULL)
		return (-1);
	own = pair->user;
	own->routed = false;
	dp_claim_again(dp, pair, c);
	dp->mtu_whole = dp->routes_whole = true;
	dp_hop_add(dp, pair, c);
	dp_note(dp, 1, "SA %08x is replaced", get_be32(c->spi_in));
	dp->device_due = true;
	return (0);
}

/* Adds a new SA; its claim has arrived. */
static int
add(struct datapath *dp, const struct sa_child *c, uint32_t source, const struct keeper_answer *a,
    struct fault *f)
{
	struct esp_pair *pair;
	bool old;

	if (a->fault.code != FAULT_NONE) {
		*f = a->fault;
		dp->id_used[a->id] = false;
		return (-1);
	}
	if (check(dp, c, f) != 0 || dp_ports(dp, c, f) != 0 ||
	    (pair = sadb_add(dp->db, c, source, clock_now(&dp->clock), &old, f)) == NULL)
		goto bad;
	/* Between these two the lock is not left: packets find it with its claim. */
	if (dp_claim_tie(dp, pair, c, a, f) != 0) {
		sadb_remove(dp->db, pair);
		goto bad;
	}
	dp_hop_add(dp, pair, c);
	dp_note(dp, 1, "SA %08x is in use%s", get_be32(c->spi_in),
	    c->use == SA_USE_IN ? " inbound" : "");
	dp->ever++;
	dp->device_due = true;
	return (0);
bad:
	dp_claim_back(dp, a);
	return (-1);
}

/* Reads of an IKE SA whether to follow the peer's address, and the address and the excluded networks from mode config. */
static int
ike(struct datapath *dp, const struct sa_ike *s, uint32_t source, struct fault *f)
{
	struct ike_seen *seen = NULL, *list;
	struct addr a;
	uint8_t spis[16];
	size_t i;

	memcpy(spis, s->spi_i, 8);
	memcpy(spis + 8, s->spi_r, 8);
	for (i = 0; i < dp->n_ikes && seen == NULL; i++)
		if (span_eq(SPAN_ARRAY(dp->ikes[i].spis), SPAN_ARRAY(spis)))
			seen = &dp->ikes[i];
	if (seen == NULL && dp->n_ikes < IKES_MAX) {
		if ((list = realloc(dp->ikes, (dp->n_ikes + 1) * sizeof(*list))) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for an IKE SA"));
		dp->ikes = list;
		seen = &dp->ikes[dp->n_ikes++];
	} else if (seen == NULL)
		seen = &dp->ikes[dp->next_ike++ % IKES_MAX];
	memcpy(seen->spis, spis, sizeof(spis));
	seen->remote_nat = s->natt.remote_nat;
	dp_lan_set(dp, s, source);
	if (s->has_config && dp->opt.n_addresses == 0 && addr_parse(&a, s->address) == 0)
		return (router_address(&dp->router, &a, (uint8_t)(8 * addr_len(&a)), f));
	return (0);
}

/*
 * The negotiator learnt from an authentic message where the peer is, while ESP may be idle, or that the peer ends a
 * child SA after fewer bytes.
 */
static void
event(struct datapath *dp, const struct sa_event *ev, uint32_t source)
{
	struct esp_pair *pair;

	if (!ev->has_spi_in || !(ev->what == SA_EVENT_LIMIT ? ev->kilobytes != 0 :
	    ev->what == SA_EVENT_REMAP && ev->has_remote))
		return;
	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++)
		if (pair->source != source || !span_eq(SPAN_ARRAY(pair->in.spi), SPAN_ARRAY(ev->spi_in)))
			continue;
		else if (ev->what == SA_EVENT_REMAP)
			(void)dp_follow(dp, pair, &ev->remote);
		else if (pair->kilobytes == 0 || ev->kilobytes < pair->kilobytes)
			pair->kilobytes = ev->kilobytes;
}

static void
fit_device(struct datapath *dp)
{
	struct esp_pair *pair;

	ev_timer_stop(dp->loop, &dp->device_timer);
	dp->device_due = false;
	dp_gre_peers(dp, false);
	dp_device(dp);
	dp_gre_peers(dp, true);
	if (dp->up || (pair = sadb_at(dp->db, 0)) == NULL)
		return;
	dp->up = true;
	if (dp->calls.state != NULL)
		dp->calls.state(dp->ctx, true, pair, NULL);
}

/* A record for others: whoever acts by it finds the SAs of those before in use. */
static int
pass_on(struct datapath *dp, const struct sa_rec *rec, struct fault *f)
{
	if (dp->calls.other == NULL)
		return (0);
	if (dp->device_due)
		fit_device(dp);
	return (dp->calls.other(dp->ctx, rec, f));
}

static void
delete(struct datapath *dp, const struct sa_del *del, uint32_t source)
{
	biglock_pause();	/* SAs are released */
	dp->why_down = sa_del_reason(del);
	if (sadb_delete(dp->db, del, source, clock_now(&dp->clock)) > 0)
		dp->device_due = true;
	dp->why_down = NULL;
	biglock_resume();
}

/* A record that needs no claim, or has it. */
static int
obey(struct datapath *dp, const struct sa_rec *rec, uint32_t source, const struct keeper_answer *a, struct fault *f)
{
	switch (rec->type) {
	case SA_CHILD:
		return (a != NULL ? add(dp, &rec->child, source, a, f) :
		    replace(dp, &rec->child, source, f));
	case SA_IKE:
		return (ike(dp, &rec->ike, source, f));
	case SA_DELETE:
		delete(dp, &rec->del, source);
		return (0);
	case SA_EVENT:
		event(dp, &rec->event, source);
		return (0);
	case SA_NHRP_BINDING:
	case SA_NHRP_EVENT:
		return (pass_on(dp, rec, f));
	case SA_NONE:
	case SA_STAT:
	case SA_TUN_STAT:
	case SA_NEXT_HOP:
		break;
	}
	return (0);
}

/* ---- after it */

void
dp_device_over(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct datapath *dp = w->data;

	(void)loop, (void)revents;
	if (dp->device_due)
		fit_device(dp);
}

/* Once for all queued SAs: many SAs would otherwise configure the device many times. */
static void
after(struct datapath *dp)
{
	if (dp->device_due && dp->n_turns == 0)
		fit_device(dp);
	else if (dp->device_due && !ev_is_active(&dp->device_timer)) {
		ev_timer_set(&dp->device_timer, DEVICE_MS / 1000.0, 0.);
		ev_timer_start(dp->loop, &dp->device_timer);
	}
	dp_out_retry(dp, false);
	dp_held_soon(dp);
}

/* ---- their turn */

#define TURN_BYTES	(DATAPATH_TURNS * sizeof(struct turn))

/*
 * A record has 22 KB. They are in pages of their own: between the SAs that are made meanwhile they would leave holes, which
 * stay for as long as these SAs do. NULL: no memory.
 */
static struct turn *
turn_new(struct datapath *dp)
{
	struct turn *t;

	if (dp->turn_room == NULL && (dp->turn_room = (void *)scratch_new(TURN_BYTES)) == NULL)
		return (NULL);
	for (t = dp->turn_room; t->taken; t++)
		if (t + 1 == dp->turn_room + DATAPATH_TURNS)
			return (NULL);
	*t = (struct turn){ .taken = true };
	dp->n_taken++;
	return (t);
}

static void
turn_free(struct datapath *dp, struct turn *t)
{
	sa_rec_wipe(&t->rec);
	t->taken = false;
	if (--dp->n_taken > 0)
		return;
	scratch_free((uint8_t *)dp->turn_room, TURN_BYTES);
	dp->turn_room = NULL;
}

/*
 * Packets of an SA that waits for its claim come here already: those that the owner of the port sent back later would be
 * overtaken by so many that the window refuses them. Where the port is not open yet there are none.
 */
static void
serve(struct datapath *dp, const struct sa_child *c, bool yes)
{
	struct fault f;

	if (dp->ports == NULL || c->encap == SA_ENCAP_NONE)
		return;
	if (yes)
		(void)ports_serve_spi(dp->ports, get_be32(c->spi_in), &c->local.at.addr, &f);
	else
		ports_unserve_spi(dp->ports, get_be32(c->spi_in), &c->local.at.addr);
}

int
datapath_record(struct datapath *dp, struct sa_rec *rec, uint32_t source, uint64_t off,
    struct fault *f)
{
	bool child = rec->type == SA_CHILD, want;
	struct turn *t;
	int rc;

	dp->records++;
	if (child && check(dp, &rec->child, f) != 0)
		return (refuse(dp, &rec->child, f));
	want = child && is_new(dp, &rec->child) && !dp_awaited(dp, rec->child.protocol, rec->child.spi_in,
	    &rec->child.local.at.addr);
	if (!want && dp->turns == NULL) {
		rc = obey(dp, rec, source, NULL, f);
		after(dp);
		return (rc);
	}
	if (dp->n_turns >= DATAPATH_TURNS || (t = turn_new(dp)) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no room for a record");
		return (child ? refuse(dp, &rec->child, f) : -1);
	}
	if (want && dp_claim_begin(dp, &rec->child, &t->id, f) != 0) {
		turn_free(dp, t);
		return (refuse(dp, &rec->child, f));
	}
	t->asked = want;
	t->rec = *rec;
	rec->type = SA_NONE;
	t->source = source;
	t->off = off;
	*dp->last_turn = t;
	dp->last_turn = &t->next;
	dp->n_turns++;
	if (want)
		serve(dp, &t->rec.child, true);
	return (0);
}

/* Whether the first one has to wait: a claim may turn out to be needed only now. -1 with a fault. */
static int
must_wait(struct datapath *dp, struct turn *t, struct fault *f)
{
	if (t->rec.type != SA_CHILD)
		return (0);
	if (!t->asked && is_new(dp, &t->rec.child)) {
		if (check(dp, &t->rec.child, f) != 0 ||
		    dp_claim_begin(dp, &t->rec.child, &t->id, f) != 0)
			return (-1);
		t->asked = true;
	}
	return (t->asked && !t->answered);
}

/* Applies records that have nothing to wait for any more. */
static void
turns(struct datapath *dp)
{
	bool any = false;
	struct fault f;
	struct turn *t;
	int rc;

	while ((t = dp->turns) != NULL && (rc = must_wait(dp, t, &f)) <= 0) {
		biglock_yield();
		any = true;
		if (rc == 0)
			rc = obey(dp, &t->rec, t->source, t->asked ? &t->answer : NULL, &f);
		/* Not before: the lock may be left while the SA is made, and until then it is one of those that are awaited. */
		if ((dp->turns = t->next) == NULL)
			dp->last_turn = &dp->turns;
		dp->n_turns--;
		if (rc != 0) {
			if (t->asked)
				serve(dp, &t->rec.child, false);
			if (t->rec.type == SA_CHILD)
				(void)refuse(dp, &t->rec.child, &f);
			dp->calls.refused(dp->ctx, t->source, t->off, &f);
		}
		turn_free(dp, t);
	}
	if (!any)
		return;
	after(dp);
	dp->calls.resume(dp->ctx);
}

void
dp_keeper_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct datapath *dp = w->data;
	struct fault f;
	int rc;

	(void)loop, (void)revents;
	rc = dp_keeper_answers(dp, &f);
	turns(dp);
	if (rc == -1) {
		ev_io_stop(dp->loop, &dp->keeper_io);
		dp->calls.broken(dp->ctx, &f);
	}
}

void
dp_turns_free(struct datapath *dp)
{
	struct turn *t;

	while ((t = dp->turns) != NULL) {
		dp->turns = t->next;
		turn_free(dp, t);
	}
}
