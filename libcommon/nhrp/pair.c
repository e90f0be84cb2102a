/* The hub of an AutoConnect VPN: offers, and couples of spokes. */
#include "nhrp/pair.h"

#include "nhrp/behind.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES		4	/* of a set */
#define AGAIN_MS	1000	/* to the next one */
#define QUIET_MS	10000	/* after success: their tunnel is coming */
#define REFUSED_MS	60000	/* after a refusal or silence */
#define QUIET_DOUBLED	5	/* both double with each tunnel that did not come up, so many times */

/* --- offers --- */

void
nhrp_pair_offer(struct nhrp_serve *s, const struct nhrp_in *in, struct nhrp_client_entry *e, struct now now)
{
	struct acvpn got;

	e->id = in->p.id;
	if (!s->conf.connect || acvpn_find(&got, &in->p, ACVPN_OFFER) != 0 ||
	    (e->offer == NULL && (e->offer = calloc(1, sizeof(*e->offer))) == NULL)) {
		nhrp_pair_end(s, e);
		return;
	}
	for (size_t i = 0; i < got.n_nets; i++)
		(void)nhrp_behind_name(s, e, &got.nets[i], now);
	*e->offer = got;
	e->offer->n_nets = 0;
}

/* --- couples --- */

static void
tell(const struct nhrp_serve *s, const struct nhrp_couple *c, const char *what, const struct nhrp_client_entry *e, uint8_t code,
    const char *why, struct now now)
{
	struct sa_nhrp_event ev = nhrp_node_event(s->node, now, what);
	char a[ADDR_TEXT], b[ADDR_TEXT];

	ev.proto = e != NULL ? e->proto : c->a;
	if (e != NULL)
		ev.remote = *nhrp_entry_nbma(e);
	ev.has_code = code != NHRP_CODE_OK;
	ev.code = code;
	(void)snprintf(ev.text, sizeof(ev.text), "tunnel from %s to %s%s", addr_text(a, &c->a), addr_text(b, &c->b), why);
	nhrp_node_tell(s->node, &ev);
}

/* The spoke that is told in this step; the other one is in ${*other}. NULL: one of them is no more. */
static struct nhrp_client_entry *
told(const struct nhrp_serve *s, const struct nhrp_couple *c, struct nhrp_client_entry **other)
{
	struct nhrp_client_entry *a = nhrp_cache_find(&s->cache, &c->a), *b = nhrp_cache_find(&s->cache, &c->b);

	if (a == NULL || b == NULL || a->offer == NULL || b->offer == NULL)
		return (NULL);
	*other = c->step == COUPLE_TELL_B ? a : b;
	return (c->step == COUPLE_TELL_B ? b : a);
}

static void
send_set(struct nhrp_serve *s, struct nhrp_couple *c, struct now now)
{
	struct nhrp_client_entry *other, *to = told(s, c, &other);
	uint8_t buf[ACVPN_EXT_MAX];
	struct nhrp_packet p;
	struct acvpn a;

	if (to == NULL) {
		c->step = COUPLE_FREE;
		return;
	}
	a = s->conf.profile;
	a.kind = ACVPN_SET;
	a.registration = to->id;
	a.serial = c->serial;
	a.nbma = *nhrp_entry_nbma(other);
	a.proto = other->proto;
	for (const struct nhrp_behind *b = other->nets; b != NULL && a.n_nets < ACVPN_NETS; b = b->next)
		a.nets[a.n_nets++] = (struct nhrp_net){ b->prefix.net, b->prefix.bits };
	memcpy(a.cert, other->offer->cert, sizeof(a.cert));
	a.role = to->nat.family != 0 && other->nat.family != 0 ? ACVPN_BOTH : c->step == COUPLE_TELL_B ? ACVPN_RESPONDER : ACVPN_INITIATOR;
	a.holding = s->node->holding;
	acvpn_set(&a, ACVPN_ATTR_REGISTRATION);
	acvpn_set(&a, ACVPN_ATTR_SERIAL);
	acvpn_set(&a, ACVPN_ATTR_NBMA);
	acvpn_set(&a, ACVPN_ATTR_PROTO);
	acvpn_set(&a, ACVPN_ATTR_NET);
	acvpn_set(&a, ACVPN_ATTR_ROLE);
	acvpn_set(&a, ACVPN_ATTR_HOLDING);
	if (other->nat.family != 0) {
		a.inner = other->nbma;
		acvpn_set(&a, ACVPN_ATTR_INNER);
	}
	if (acvpn_has(other->offer, ACVPN_ATTR_CERT))
		acvpn_set(&a, ACVPN_ATTR_CERT);
	nhrp_node_packet(s->node, &p, NHRP_TRAFFIC_INDICATION);
	p.hops = 1;
	p.dst = to->proto;
	c->sent++;
	c->due_ms = now.ms + AGAIN_MS;
	s->counts.sets++;
	if (acvpn_add(&p, &a, buf) == 0)
		nhrp_node_send(s->node, nhrp_entry_nbma(to), &p);
}

/* ${ms}, or more if the tunnel of ${c} failed before. */
static uint64_t
doubled(const struct nhrp_couple *c, uint64_t ms)
{
	return (ms << (c->failed < QUIET_DOUBLED ? c->failed : QUIET_DOUBLED));
}

static void
quiet(struct nhrp_couple *c, uint64_t ms, struct now now)
{
	c->step = COUPLE_QUIET;
	c->seen = false;
	c->quiet_ms = ms;
	c->due_ms = now.ms + ms;
}

static struct nhrp_couple *
find(struct nhrp_serve *s, const struct addr *a, const struct addr *b)
{
	for (struct nhrp_couple *c = s->couple; c < s->couple + NHRP_COUPLES; c++)
		if (c->step != COUPLE_FREE && ((addr_cmp(&c->a, a) == 0 && addr_cmp(&c->b, b) == 0) ||
		    (addr_cmp(&c->a, b) == 0 && addr_cmp(&c->b, a) == 0)))
			return (c);
	return (NULL);
}

/* A slot that is free, or the quiet or failed one that would be free first; NULL: all couples are busy. */
static struct nhrp_couple *
slot(struct nhrp_serve *s)
{
	struct nhrp_couple *best = NULL;

	for (struct nhrp_couple *c = s->couple; c < s->couple + NHRP_COUPLES; c++) {
		if (c->step == COUPLE_FREE)
			return (c);
		if ((c->step == COUPLE_QUIET || c->step == COUPLE_FAILED) && (best == NULL || c->due_ms < best->due_ms))
			best = c;
	}
	return (best);
}

/* The spoke that packets to ${a} go to; NULL: none. */
static struct nhrp_client_entry *
spoke_of(const struct nhrp_serve *s, const struct addr *a)
{
	struct nhrp_client_entry *e = nhrp_cache_find(&s->cache, a);
	const struct nhrp_behind *b;
	struct addr via;
	uint8_t prefix;

	if (e == NULL && (b = nhrp_behind_find(s, a)) != NULL)
		return (b->owner);
	if (e != NULL || s->conf.route == NULL || !s->conf.route(s->conf.ctx, a, &via, &prefix))
		return (e);
	return (nhrp_cache_find(&s->cache, &via));
}

void
nhrp_pair_sample(struct nhrp_serve *s, const struct addr *from, const struct addr *to, struct span head, struct now now)
{
	struct nhrp_client_entry *a, *b;
	struct nhrp_couple *c;
	struct addr src, dst;
	unsigned failed;

	if (!s->conf.connect || nhrp_inner(head, &src, &dst) != 0 || src.family != s->node->proto.family)
		return;
	/* The source of a packet proves nothing: the tunnels that it came from and went to are those of the two spokes. */
	a = spoke_of(s, &src);
	b = spoke_of(s, &dst);
	if (a == NULL || b == NULL || a == b || a->offer == NULL || b->offer == NULL ||
	    addr_cmp(nhrp_entry_nbma(a), from) != 0 || addr_cmp(nhrp_entry_nbma(b), to) != 0)
		return;
	/* Whoever is behind a NAT begins: nobody else reaches it. */
	if (b->nat.family != 0) {
		struct nhrp_client_entry *swap = a;

		a = b;
		b = swap;
	}
	c = find(s, &a->proto, &b->proto);
	if (c != NULL && c->step != COUPLE_FAILED && (c->step != COUPLE_QUIET || c->due_ms > now.ms)) {
		s->counts.limited++;
		c->seen = c->seen || (c->step == COUPLE_QUIET && c->due_ms - now.ms <= c->quiet_ms / 4);
		return;
	}
	failed = c != NULL && c->step == COUPLE_FAILED ? c->failed : 0;
	if (c == NULL && (c = slot(s)) == NULL)
		return;
	*c = (struct nhrp_couple){ .a = a->proto, .b = b->proto, .serial = ++s->serial, .step = COUPLE_TELL_B, .failed = failed };
	/* Behind one NAT: it would have to send packets back to where they come from. */
	if (b->nat.family != 0 && addr_cmp(&a->nat, &b->nat) == 0) {
		if (failed == 0)
			tell(s, c, "unconnected", NULL, NHRP_CODE_OK, ": both are behind one NAT", now);
		quiet(c, doubled(c, REFUSED_MS), now);
		return;
	}
	tell(s, c, "connecting", NULL, NHRP_CODE_OK, "", now);
	send_set(s, c, now);
}

/* Both know each other: each learns by a purge when the other one goes. */
static void
coupled(struct nhrp_serve *s, struct nhrp_couple *c, struct nhrp_client_entry *a, struct nhrp_client_entry *b, struct now now)
{
	const struct nhrp_asker of_a = { .proto = a->proto, .nbma = *nhrp_entry_nbma(a), .net = b->proto,
	    .prefix = nhrp_bits(&b->proto), .end_ms = UINT64_MAX };
	const struct nhrp_asker of_b = { .proto = b->proto, .nbma = *nhrp_entry_nbma(b), .net = a->proto,
	    .prefix = nhrp_bits(&a->proto), .end_ms = UINT64_MAX };

	nhrp_cache_asked(b, &of_a);
	nhrp_cache_asked(a, &of_b);
	tell(s, c, "connected", NULL, NHRP_CODE_OK, "", now);
	quiet(c, doubled(c, QUIET_MS), now);
}

void
nhrp_pair_ack(struct nhrp_serve *s, const struct nhrp_in *in, struct now now)
{
	struct nhrp_client_entry *other = NULL, *e = NULL;
	struct nhrp_couple *c;
	struct acvpn a;

	if (!s->conf.connect || acvpn_find(&a, &in->p, ACVPN_ACK) != 0)
		return;
	for (c = s->couple; c < s->couple + NHRP_COUPLES; c++)
		if ((c->step == COUPLE_TELL_A || c->step == COUPLE_TELL_B) && c->serial == a.serial)
			break;
	if (c == s->couple + NHRP_COUPLES || (e = told(s, c, &other)) == NULL || addr_cmp(nhrp_entry_nbma(e), &in->from) != 0) {
		s->counts.unasked++;
		return;
	}
	s->counts.acks++;
	if (a.code != NHRP_CODE_OK) {
		tell(s, c, "refused", e, a.code, "", now);
		quiet(c, doubled(c, REFUSED_MS), now);
		return;
	}
	c->sent = 0;
	if (c->step == COUPLE_TELL_A) {
		coupled(s, c, e, other, now);
		return;
	}
	c->step = COUPLE_TELL_A;
	send_set(s, c, now);
}

/* --- time --- */

uint64_t
nhrp_pair_deadline_ms(const struct nhrp_serve *s)
{
	uint64_t at = UINT64_MAX;

	for (const struct nhrp_couple *c = s->couple; c < s->couple + NHRP_COUPLES; c++)
		if (c->step != COUPLE_FREE && c->due_ms < at)
			at = c->due_ms;
	return (at);
}

void
nhrp_pair_timeout(struct nhrp_serve *s, struct now now)
{
	struct nhrp_client_entry *other;

	for (struct nhrp_couple *c = s->couple; c < s->couple + NHRP_COUPLES; c++) {
		if (c->step == COUPLE_FREE || c->due_ms > now.ms)
			continue;
		if (c->step == COUPLE_QUIET && c->seen) {
			if (c->failed++ == 0 && c->quiet_ms == QUIET_MS)
				tell(s, c, "unconnected", NULL, NHRP_CODE_OK, ": their packets still come by this hub", now);
			c->step = COUPLE_FAILED;
			c->due_ms = now.ms + c->quiet_ms;
		} else if (c->step == COUPLE_QUIET || c->step == COUPLE_FAILED)
			c->step = COUPLE_FREE;
		else if (c->sent < TRIES)
			send_set(s, c, now);
		else {
			tell(s, c, "unanswered", told(s, c, &other), NHRP_CODE_OK, "", now);
			quiet(c, doubled(c, REFUSED_MS), now);
		}
	}
}

void
nhrp_pair_end(struct nhrp_serve *s, struct nhrp_client_entry *e)
{
	free(e->offer);
	e->offer = NULL;
	for (struct nhrp_couple *c = s->couple; c < s->couple + NHRP_COUPLES; c++)
		if (addr_cmp(&c->a, &e->proto) == 0 || addr_cmp(&c->b, &e->proto) == 0)
			*c = (struct nhrp_couple){0};
}
