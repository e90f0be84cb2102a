/* The engine's SAs: found by SPI and by peer, bounded while half-open, timed, and freed when they are dead. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ike/engine_priv.h"
#include "ike/version.h"

#define SPI_LEN	8

static uint64_t
spi_hash(const struct ike_engine *e, const uint8_t spi[SPI_LEN])
{
	return (hash_bytes(spi, SPI_LEN, ike_engine_salt(e)));
}

/* --- by peer, and by address while half-open --- */

uint64_t
ike_peer_hash(const struct ike_engine *e, const struct ike_policy *policy, const struct ike_id *id)
{
	/* By name, which stays when the policy is replaced. */
	return (ike_id_hash(id, hash_bytes(policy->name, strlen(policy->name), ike_engine_salt(e))));
}

/* The first SA with the peer in the chain of ${n}. */
static struct ike_sa *
seek_sa(struct table *t, struct table_node *n, const struct ike_policy *policy, const struct ike_id *id)
{
	struct ike_sa *sa;

	for (; n != NULL; n = table_next(t, n)) {
		sa = ENTRY_OF(n, struct ike_sa, by_peer);
		if (sa->policy == policy && ike_id_eq(sa->remote.id, id))
			return (sa);
	}
	return (NULL);
}

static void
put_sa(struct ike_sa *sa)
{
	struct ike_engine *e = sa->engine;

	if (sa->linked && !table_in(&sa->by_peer))
		(void)table_put(&e->sas_by_peer, &sa->by_peer, ike_peer_hash(e, sa->policy, sa->remote.id));
}

struct ike_sa *
ike_peer_sas(struct ike_engine *e, const struct ike_policy *policy, const struct ike_id *id)
{
	struct table *t = &e->sas_by_peer;

	return (t->n == 0 ? NULL : seek_sa(t, table_first(t, ike_peer_hash(e, policy, id)), policy, id));
}

struct ike_sa *
ike_peer_sas_next(const struct ike_sa *sa)
{
	struct table *t = &sa->engine->sas_by_peer;

	return (seek_sa(t, table_next(t, &sa->by_peer), sa->policy, sa->remote.id));
}

static uint64_t
addr_hash(const struct ike_engine *e, const struct addr *a)
{
	return (hash_bytes(a->b, addr_len(a), ike_engine_salt(e)));
}

static struct ike_sa *
seek_half_open(struct table *t, struct table_node *n, const struct addr *addr)
{
	struct ike_sa *sa;

	for (; n != NULL; n = table_next(t, n)) {
		sa = ENTRY_OF(n, struct ike_sa, by_addr);
		if (addr_cmp(&sa->remote.at.addr, addr) == 0)
			return (sa);
	}
	return (NULL);
}

static int
put_half_open(struct ike_sa *sa)
{
	struct ike_engine *e = sa->engine;

	return (table_put(&e->half_open_by_addr, &sa->by_addr, addr_hash(e, &sa->remote.at.addr)));
}

struct ike_sa *
ike_peer_half_open(struct ike_engine *e, const struct addr *addr)
{
	struct table *t = &e->half_open_by_addr;

	return (t->n == 0 ? NULL : seek_half_open(t, table_first(t, addr_hash(e, addr)), addr));
}

struct ike_sa *
ike_peer_half_open_next(const struct ike_sa *sa)
{
	struct table *t = &sa->engine->half_open_by_addr;

	return (seek_half_open(t, table_next(t, &sa->by_addr), &sa->remote.at.addr));
}

/* --- half-open SAs that peers began --- */

static void
ring_put(struct ike_ring *r, struct ike_sa *sa)
{
	sa->ring = r;
	sa->older = r->newest;
	sa->newer = NULL;
	if (r->newest != NULL)
		r->newest->newer = sa;
	else
		r->oldest = sa;
	r->newest = sa;
	r->n++;
}

static void
half_open_end(struct ike_sa *sa)
{
	struct ike_ring *r = sa->ring;

	if (r == NULL)
		return;
	*(sa->older != NULL ? &sa->older->newer : &r->oldest) = sa->newer;
	*(sa->newer != NULL ? &sa->newer->older : &r->newest) = sa->older;
	sa->older = sa->newer = NULL;
	sa->ring = NULL;
	r->n--;
}

/* It is freed when the engine settles. */
static void
evict(struct ike_sa *sa)
{
	sa->engine->n_evicted++;
	ike_sa_set_state(sa, IKE_SA_DEAD);
}

static void
half_open_begin(struct ike_sa *sa)
{
	struct ike_engine *e = sa->engine;

	while (e->fresh.n >= e->conf.half_open_max)
		evict(e->fresh.oldest);
	ring_put(&e->fresh, sa);
}

/* The oldest SA with the address of ${sa} if there are more than ${max}; NULL: there are not. */
static struct ike_sa *
one_too_many(const struct ike_sa *sa, size_t max)
{
	struct ike_sa *o, *oldest = NULL;
	size_t n = 0;

	for (o = ike_peer_half_open(sa->engine, &sa->remote.at.addr); o != NULL; o = ike_peer_half_open_next(o))
		if (o->ring == sa->ring) {
			oldest = o;
			n++;
		}
	return (n > max ? oldest : NULL);
}

void
ike_half_open_returned(struct ike_sa *sa, struct ike_outbox *out)
{
	struct ike_engine *e = sa->engine;
	struct ike_sa *out_of_place;
	char at[ENDPOINT_TEXT];

	if (sa->ring != &e->fresh)
		return;
	half_open_end(sa);
	ring_put(&e->returned, sa);
	out_of_place = one_too_many(sa, e->conf.half_open_per_addr);
	if (out_of_place == NULL && e->returned.n > e->conf.half_open_max)
		out_of_place = e->returned.oldest;
	if (out_of_place == NULL)
		return;
	outbox_note_peer(out, NOTE_WARN, endpoint_text(at, &out_of_place->remote.at),
	    "%s: too many half-open exchanges; the oldest ends", at);
	evict(out_of_place);
}

/* --- work --- */

static struct ike_budget *
budget_of(struct ike_sa *sa)
{
	return (sa->returned ? &sa->engine->reached : &sa->engine->forgeable);
}

bool
ike_sa_work(struct ike_sa *sa, struct now now, unsigned units)
{
	return (sa->role == SA_INITIATOR || ike_budget_take(budget_of(sa),
	    ike_engine_salt(sa->engine), &sa->remote.at.addr, now, units));
}

void
ike_sa_try_failed(struct ike_sa *sa, struct now now)
{
	if (sa->role == SA_RESPONDER)
		ike_budget_charge(budget_of(sa), ike_engine_salt(sa->engine), &sa->remote.at.addr, now);
}

bool
ike_engine_may_work(struct ike_engine *e, struct now now, const struct endpoint *remote,
    struct ike_outbox *out)
{
	char from[ENDPOINT_TEXT];

	if (ike_budget_left(&e->forgeable, ike_engine_salt(e), &remote->addr, now))
		return (true);
	outbox_note_peer(out, NOTE_DEBUG, endpoint_text(from, remote), "%s: too many tries failed; message dropped", from);
	return (false);
}

/* --- the table --- */

int
ike_engine_link(struct ike_engine *e, struct ike_sa *sa)
{
	bool ours_i = sa->role == SA_INITIATOR;

	if (heap_reserve(&e->sa_timers, e->n_sas + 1) != 0 || table_ready(&e->sas_by_peer) != 0 ||
	    table_put(&e->by_spi, &sa->by_spi, spi_hash(e, ours_i ? sa->spi_i : sa->spi_r)) != 0)
		return (-1);
	if (!ours_i && table_put(&e->by_peer_spi, &sa->by_peer_spi, spi_hash(e, sa->spi_i)) != 0) {
		table_remove(&e->by_spi, &sa->by_spi);
		return (-1);
	}
	if (sa->state == IKE_SA_HALF_OPEN && put_half_open(sa) != 0) {
		table_remove(&e->by_spi, &sa->by_spi);
		table_remove(&e->by_peer_spi, &sa->by_peer_spi);
		return (-1);
	}
	if (!ours_i && sa->state == IKE_SA_HALF_OPEN)
		half_open_begin(sa);
	sa->timer.serial = ++e->serial;
	sa->next = e->sas;
	sa->at = &e->sas;
	if (sa->next != NULL)
		sa->next->at = &sa->next;
	e->sas = sa;
	e->n_sas++;
	sa->linked = true;
	ike_sa_touch(sa);
	return (0);
}

bool
ike_sa_served(const struct ike_sa *sa)
{
	return (sa->role == SA_INITIATOR || sa->state != IKE_SA_HALF_OPEN || sa->returned);
}

static void
unlink_and_free(struct ike_engine *e, struct ike_sa *sa)
{
	if (sa->returned || sa->adopted)
		strangers_ended(&e->strangers, sa->spi_i, sa->spi_r);
	frag_pool_drop(&e->frags, sa->spi_i, sa->spi_r);
	heap_set(&e->sa_timers, &sa->timer, UINT64_MAX);
	table_remove(&e->by_spi, &sa->by_spi);
	table_remove(&e->by_peer_spi, &sa->by_peer_spi);
	table_remove(&e->sas_by_peer, &sa->by_peer);
	table_remove(&e->half_open_by_addr, &sa->by_addr);
	*sa->at = sa->next;
	if (sa->next != NULL)
		sa->next->at = sa->at;
	e->n_sas--;
	e->ids_mark += sa->announced;
	sa->version->free(sa);
}

static struct ike_sa *
find(struct ike_engine *e, const uint8_t own[SPI_LEN], enum sa_role role,
    const uint8_t spi_i[SPI_LEN], const uint8_t spi_r[SPI_LEN])
{
	struct table_node *n = table_first(&e->by_spi, spi_hash(e, own));
	struct ike_sa *sa;

	for (; n != NULL; n = table_next(&e->by_spi, n)) {
		sa = ENTRY_OF(n, struct ike_sa, by_spi);
		if (sa->role == role && sa->state != IKE_SA_DEAD &&
		    memcmp(sa->spi_i, spi_i, SPI_LEN) == 0 && memcmp(sa->spi_r, spi_r, SPI_LEN) == 0)
			return (sa);
	}
	return (NULL);
}

struct ike_sa *
ike_sa_find(struct ike_engine *e, const uint8_t spi_i[8], const uint8_t spi_r[8])
{
	struct ike_sa *sa = find(e, spi_r, SA_RESPONDER, spi_i, spi_r);

	return (sa != NULL ? sa : find(e, spi_i, SA_INITIATOR, spi_i, spi_r));
}

int
ike_engine_spi(struct ike_engine *e, uint8_t spi[8], struct fault *f)
{
	static const uint8_t none[SPI_LEN];

	do {
		if (e->conf.rand.fill(e->conf.rand.state, spi, SPI_LEN) != 0)
			return (fault(f, FAULT_CRYPTO, "no random bytes"));
	} while (memcmp(spi, none, SPI_LEN) == 0);
	return (0);
}

/* --- changes --- */

void
ike_sa_touch(struct ike_sa *sa)
{
	if (sa->touched || !sa->linked)
		return;
	sa->touched = true;
	sa->next_touched = sa->engine->touched;
	sa->engine->touched = sa;
}

void
ike_sa_set_state(struct ike_sa *sa, enum ike_state state)
{
	struct ike_engine *e = sa->engine;

	if (sa->state == state)
		return;
	e->n_established -= sa->state == IKE_SA_ESTABLISHED;
	e->n_established += state == IKE_SA_ESTABLISHED;
	/* One that XAuth has not authenticated yet still counts as half-open. */
	if (state == IKE_SA_ESTABLISHED || state == IKE_SA_DEAD) {
		half_open_end(sa);
		table_remove(&e->half_open_by_addr, &sa->by_addr);
	}
	if (state != IKE_SA_DEAD)
		put_sa(sa);
	if (state == IKE_SA_ESTABLISHED && sa->role == SA_RESPONDER) {
		ike_budget_forgive(&e->forgeable, ike_engine_salt(e), &sa->remote.at.addr);
		ike_budget_forgive(&e->reached, ike_engine_salt(e), &sa->remote.at.addr);
	}
	sa->state = state;
	ike_sa_touch(sa);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return (a < b ? a : b);
}

/* When the next of its timers is due. */
static uint64_t
deadline_ms(const struct ike_sa *sa)
{
	uint64_t d = sa->version->deadline_ms(sa);

	if (sa->state == IKE_SA_AUTHENTICATING)
		return (least(d, sa->keepalive_ms));
	if (sa->state != IKE_SA_ESTABLISHED)
		return (d);
	d = least(least(d, sa->hard_ms), least(sa->delete_ms, sa->soft_ms));
	return (least(d, sa->keepalive_ms));
}

void
ike_engine_settle(struct ike_engine *e)
{
	struct ike_sa *sa;
	const uint8_t *peers;

	while ((sa = e->touched) != NULL) {
		e->touched = sa->next_touched;
		sa->touched = false;
		if (sa->state == IKE_SA_DEAD) {
			unlink_and_free(e, sa);
			continue;
		}
		peers = sa->role == SA_INITIATOR ? sa->spi_r : sa->spi_i;
		if (ike_sa_served(sa) &&
		    (!sa->announced || memcmp(sa->served, peers, SPI_LEN) != 0)) {
			sa->announced = true;
			memcpy(sa->served, peers, SPI_LEN);
			e->ids_mark++;
		}
		heap_set(&e->sa_timers, &sa->timer, deadline_ms(sa));
	}
}

/* --- notes --- */

const char *
ike_peer_text(char text[IKE_PEER_TEXT], const struct ike_engine *e, const char *name, const struct endpoint *at)
{
	char where[ENDPOINT_TEXT];

	text[0] = '\0';
	if (!e->conf.one_peer)
		(void)snprintf(text, IKE_PEER_TEXT, "%s%s%s: ", name != NULL ? name : "",
		    name != NULL && name[0] != '\0' ? " at " : "", ike_at_text(where, at));
	return (text);
}

const char *
ike_sa_peer_text(char text[IKE_PEER_TEXT], const struct ike_sa *sa)
{
	return (ike_peer_text(text, sa->engine, sa->name, &sa->remote.at));
}

void
ike_sa_note(const struct ike_sa *sa, struct ike_outbox *out, enum ike_note_level level, const char *fmt, ...)
{
	char text[1024], peer[IKE_PEER_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)ike_sa_peer_text(peer, sa);
	outbox_note_peer(out, level, peer, "%s%s", peer, text);
}
