/* The registration of a client. */
#include "nhrp/register.h"

#include <stdio.h>

#define BACKOFF_MAX_S	64
#define HOLDING_MIN_S	3	/* of a refresh: a server that answers 0 is asked each second */

/* A client information entry for ourselves: without addresses, they are those of the packet's source. */
static struct nhrp_cie
own_entry(const struct nhrp_register *r)
{
	const struct nhrp_node *n = r->node;

	return ((struct nhrp_cie){ .prefix = r->conf.unique ? 0xff : nhrp_bits(&n->proto), .mtu = n->mtu,
	    .holding = n->holding });
}

/* Appends an entry for each network to ${p}. ${accepted}: only for those that the server has accepted. */
static void
net_entries(const struct nhrp_register *r, struct nhrp_packet *p, bool accepted)
{
	for (size_t i = 0; i < r->conf.n_nets; i++)
		if (!accepted || r->state.net[i] == NHRP_NET_ACCEPTED)
			p->cie[p->n_cies++] = (struct nhrp_cie){ .prefix = r->conf.nets[i].prefix, .mtu = accepted ? 0 : r->node->mtu,
			    .holding = accepted ? 0 : r->node->holding, .proto = r->conf.nets[i].net };
}

static void
send_request(struct nhrp_register *r, struct now now)
{
	struct nhrp_node *n = r->node;
	struct nhrp_packet p;
	struct nhrp_arena a = { .n = 0 };
	uint8_t offer[ACVPN_EXT_MAX];
	struct nhrp_cie nat = { .prefix = nhrp_bits(&n->proto), .nbma = r->conf.nhs_nbma, .proto = r->state.nhs };

	r->id = n->id++;
	r->sent_us = now_us(now);
	r->state.sent++;
	nhrp_node_packet(n, &p, NHRP_REGISTRATION_REQUEST);
	p.hops = 1;
	p.id = r->id;
	p.flags = (uint16_t)(NHRP_FLAG_NAT | (r->conf.unique ? NHRP_REG_UNIQUE : 0));
	/* A server whose address is not known takes our own as "whoever you are". */
	p.dst = r->conf.nhs.family != 0 ? r->conf.nhs : p.src;
	p.cie[p.n_cies++] = own_entry(r);
	net_entries(r, &p, false);
	nhrp_node_records(&p);
	nat.nbma.scope = 0;
	if (nat.proto.family == 0)
		nat.proto.family = n->proto.family;	/* 0.0.0.0 */
	if (nhrp_ext_add(&p, NHRP_EXT_NAT, false, SPAN_NONE) == 0)
		(void)nhrp_ext_append(&p.ext[p.n_exts - 1], &nat, &a);
	if (r->conf.offer != NULL)
		(void)acvpn_add(&p, r->conf.offer, offer);
	nhrp_node_send(n, &r->conf.nhs_nbma, &p);
}

static uint64_t
backoff_ms(unsigned sent)
{
	unsigned s = sent > 7 ? BACKOFF_MAX_S : 1U << (sent > 0 ? sent - 1 : 0);

	return ((s > BACKOFF_MAX_S ? BACKOFF_MAX_S : s) * UINT64_C(1000));
}

static void
ask(struct nhrp_register *r, struct now now)
{
	send_request(r, now);
	r->due_ms = now.ms + backoff_ms(r->state.sent);
}

void
nhrp_register_start(struct nhrp_register *r, struct nhrp_node *n, const struct nhrp_register_conf *c, struct now now)
{
	*r = (struct nhrp_register){ .node = n, .conf = *c, .lost_ms = UINT64_MAX };
	r->state.nhs = c->nhs;
	ask(r, now);
}

void
nhrp_register_again(struct nhrp_register *r, struct now now)
{
	r->state.sent = 0;
	ask(r, now);
}

static struct sa_nhrp_event
event(const struct nhrp_register *r, struct now now, const char *what)
{
	struct sa_nhrp_event e = nhrp_node_event(r->node, now, what);

	e.proto = r->node->proto;
	e.remote = r->conf.nhs_nbma;
	e.nhs = r->state.nhs;
	return (e);
}

/* The binding of the server; ${holding} 0 withdraws it. */
static void
tell_nhs(const struct nhrp_register *r, struct now now, uint16_t holding)
{
	struct sa_nhrp_binding b = nhrp_node_binding(r->node, now, NHRP_KIND_NHS, holding);

	if (r->state.nhs.family == 0)
		return;
	b.proto = b.nhs = r->state.nhs;
	b.prefix = nhrp_bits(&b.proto);
	if (holding != 0)
		b.nbma = r->conf.nhs_nbma;
	r->node->sink.binding(r->node->sink.ctx, &b);
}

/* Our outer address: the entry of the NAT extension that has our protocol address. */
static struct addr
seen_by_server(const struct nhrp_register *r, const struct nhrp_packet *p)
{
	struct nhrp_packet q = *p;
	struct nhrp_cie cie[NHRP_CIES_MAX];
	size_t i, n;

	if (nhrp_ext_cies(nhrp_ext_find(&q, NHRP_EXT_NAT), &q, cie, NHRP_CIES_MAX, &n) == 0)
		for (i = 0; i < n; i++)
			if (addr_cmp(&cie[i].proto, &r->node->proto) == 0 && cie[i].nbma.family != 0 &&
			    addr_cmp(&cie[i].nbma, &r->node->nbma) != 0)
				return (cie[i].nbma);
	return ((struct addr){0});
}

static struct addr
server_address(const struct nhrp_register *r, const struct nhrp_packet *p)
{
	struct nhrp_packet q = *p;
	struct nhrp_cie cie[NHRP_CIES_MAX];
	size_t n;

	if (nhrp_ext_cies(nhrp_ext_find(&q, NHRP_EXT_RESPONDER), &q, cie, NHRP_CIES_MAX, &n) == 0 && n > 0 &&
	    cie[0].proto.family == r->node->proto.family)
		return (cie[0].proto);
	if (addr_cmp(&p->dst, &r->node->proto) != 0)
		return (p->dst);
	return (r->conf.nhs);
}

/* The entry of the reply ${p} for the network ${n}; NULL: it has none. */
static const struct nhrp_cie *
entry_of(const struct nhrp_packet *p, const struct nhrp_net *n)
{
	for (size_t i = 1; i < p->n_cies; i++)
		if (p->cie[i].prefix == n->prefix && addr_cmp(&p->cie[i].proto, &n->net) == 0)
			return (&p->cie[i]);
	return (NULL);
}

/* The server's verdict on each network; a new one is an event. */
static void
networks(struct nhrp_register *r, const struct nhrp_packet *p, struct now now)
{
	for (size_t i = 0; i < r->conf.n_nets; i++) {
		const struct nhrp_net *n = &r->conf.nets[i];
		const struct nhrp_cie *c = entry_of(p, n);
		const bool good = c != NULL && c->code == NHRP_CODE_OK;
		struct sa_nhrp_event e;
		char num[NHRP_NUM_TEXT];

		if (r->state.net[i] == (good ? NHRP_NET_ACCEPTED : NHRP_NET_REFUSED))
			continue;
		r->state.net[i] = good ? NHRP_NET_ACCEPTED : NHRP_NET_REFUSED;
		e = event(r, now, good ? "registered" : "refused");
		e.proto = n->net;
		e.prefix = n->prefix;
		if (!good && c != NULL) {
			e.has_code = true;
			e.code = c->code;
		}
		(void)snprintf(e.text, sizeof(e.text), "the network%s%s", good ? "" : ": ",
		    good ? "" : c != NULL ? nhrp_code_words(c->code, num) : "the server ignores it");
		nhrp_node_tell(r->node, &e);
	}
}

static void
accepted(struct nhrp_register *r, const struct nhrp_packet *p, struct now now)
{
	bool first = r->state.outcome != NHRP_ACCEPTED;
	struct addr nat = seen_by_server(r, p), nhs = server_address(r, p);
	struct sa_nhrp_event e;
	char text[ADDR_TEXT];

	if (r->state.outcome == NHRP_ACCEPTED && addr_cmp(&nhs, &r->state.nhs) != 0)
		tell_nhs(r, now, 0);
	first = first || addr_cmp(&nat, &r->state.nat) != 0 || addr_cmp(&nhs, &r->state.nhs) != 0;
	r->state.outcome = NHRP_ACCEPTED;
	r->state.code = NHRP_CODE_OK;
	r->accepted_id = r->id;
	r->has_serial = false;
	r->state.nhs = nhs;
	r->state.nat = nat;
	r->state.holding = p->cie[0].holding != 0 ? p->cie[0].holding : r->node->holding;
	r->lost_ms = now.ms + r->state.holding * UINT64_C(1000);
	r->due_ms = !r->conf.keep ? UINT64_MAX :
	    now.ms + (r->state.holding < HOLDING_MIN_S ? HOLDING_MIN_S : r->state.holding) * UINT64_C(1000) / 3;
	tell_nhs(r, now, r->state.holding);
	if (first) {
		e = event(r, now, "registered");
		if (nat.family != 0)
			(void)snprintf(e.text, sizeof(e.text), "behind a NAT, seen as %s", addr_text(text, &nat));
		nhrp_node_tell(r->node, &e);
	}
	networks(r, p, now);
}

static void
refused(struct nhrp_register *r, enum nhrp_outcome outcome, uint16_t code, struct now now)
{
	struct sa_nhrp_event e = event(r, now, "refused");
	char num[NHRP_NUM_TEXT];
	bool new = r->state.outcome != outcome || r->state.code != code;

	r->state.outcome = outcome;
	r->state.code = code;
	memset(r->state.net, 0, sizeof(r->state.net));
	e.has_code = true;
	e.code = code;
	(void)snprintf(e.text, sizeof(e.text), "%s", outcome == NHRP_FAILED ? nhrp_error_words(code, num) :
	    nhrp_code_words(code, num));
	if (new)
		nhrp_node_tell(r->node, &e);
	r->due_ms = r->conf.keep ? now.ms + backoff_ms(r->state.sent) : UINT64_MAX;
}

/* Whether an error indication is about our last request: the head of it comes back. */
static bool
about_request(const struct nhrp_register *r, const struct nhrp_in *in)
{
	struct span s = in->p.inner;

	return (in->p.type == NHRP_ERROR_INDICATION && s.len >= NHRP_FIXED + 8 &&
	    s.p[17] == NHRP_REGISTRATION_REQUEST && get_be32(s.p + NHRP_FIXED + 4) == r->id);
}

bool
nhrp_register_receive(struct nhrp_register *r, const struct nhrp_in *in, struct now now)
{
	const struct nhrp_packet *p = &in->p;
	bool error = about_request(r, in);

	if (addr_cmp(&in->from, &r->conf.nhs_nbma) != 0 || r->state.sent == 0)
		return (false);
	if (!error && (p->type != NHRP_REGISTRATION_REPLY || p->id != r->id || p->n_cies == 0 ||
	    addr_cmp(&p->src, &r->node->proto) != 0))
		return (false);
	r->state.rtt_us = now_us(now) - r->sent_us;
	if (error)
		refused(r, NHRP_FAILED, p->error, now);
	else if (p->cie[0].code != NHRP_CODE_OK)
		refused(r, NHRP_REFUSED, p->cie[0].code, now);
	else {
		accepted(r, p, now);
		r->state.sent = 0;
	}
	return (true);
}

uint64_t
nhrp_register_deadline_ms(const struct nhrp_register *r)
{
	return (r->due_ms < r->lost_ms ? r->due_ms : r->lost_ms);
}

void
nhrp_register_timeout(struct nhrp_register *r, struct now now)
{
	struct sa_nhrp_event e;

	if (now.ms >= r->lost_ms) {
		r->lost_ms = UINT64_MAX;
		e = event(r, now, "lost");
		tell_nhs(r, now, 0);
		nhrp_node_tell(r->node, &e);
		if (r->state.outcome == NHRP_ACCEPTED)
			r->state.outcome = NHRP_WAITING;
		memset(r->state.net, 0, sizeof(r->state.net));
	}
	if (now.ms >= r->due_ms)
		ask(r, now);
}

void
nhrp_register_stop(struct nhrp_register *r, struct now now)
{
	struct nhrp_node *n = r->node;
	struct nhrp_packet p;

	r->due_ms = UINT64_MAX;
	if (r->lost_ms == UINT64_MAX)
		return;
	r->lost_ms = UINT64_MAX;
	nhrp_node_packet(n, &p, NHRP_PURGE_REQUEST);
	p.id = n->id++;
	p.flags = NHRP_PURGE_NO_REPLY;	/* nobody will be here */
	p.dst = r->state.nhs.family != 0 ? r->state.nhs : p.src;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = nhrp_bits(&n->proto), .nbma = p.src_nbma, .proto = p.src };
	net_entries(r, &p, true);
	nhrp_node_send(n, &r->conf.nhs_nbma, &p);
	tell_nhs(r, now, 0);
}
