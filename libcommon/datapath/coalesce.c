/* Which packets may be joined, and the header of what they are joined to. */
#include "datapath/coalesce.h"

#include "base/csum.h"

#define V4_HDR		20
#define V6_HDR		40
#define P_TCP		6
#define P_UDP		17
#define TCP_HDR		20
#define UDP_HDR		8
#define TCP_PSH		0x08
#define TCP_ACK		0x10
#define V4_DF		0x40

void
coalesce_init(struct coalesce *c, bool udp, coalesce_put_fn *put, void *ctx)
{
	c->udp = udp;
	c->put = put;
	c->ctx = ctx;
	c->n = 0;
}

/* ---- one packet */

/* A packet as this file looks at it. */
struct look {
	size_t	l4, head, body;		/* offsets of the upper layer and of the payload; bytes of payload */
	bool	flow;			/* TCP or UDP with its ports: it must not overtake others of its flow */
	bool	joins;			/* ... and may be part of a run */
	bool	last;			/* ... but nothing comes after it */
	bool	right;			/* its checksums are right */
};

static bool
sums_right(const uint8_t *p, const struct inner *in, const struct look *l)
{
	size_t len = in->len - l->l4;
	uint64_t sum = csum_number(in->proto) + csum_number((uint16_t)len) + csum_bytes(p + l->l4, len);

	if (in->src.family == 4)
		return (csum_right(csum_bytes(p, V4_HDR)) && csum_right(sum + csum_bytes(p + 12, 8)));
	return (csum_right(sum + csum_bytes(p + 8, 32)));
}

static void
look_at(const struct coalesce *c, struct look *l, const struct pkt *k, const struct inner *in)
{
	const uint8_t *l4 = k->p + in->l4;
	size_t room = in->len - in->l4;

	*l = (struct look){ .l4 = in->l4 };
	if (in->frag || !in->has_ports || (in->proto != P_TCP && in->proto != P_UDP) ||
	    in->l4 != (in->src.family == 4 ? V4_HDR : V6_HDR))
		return;			/* fragments, options and extension headers stay as they are */
	l->flow = true;
	if (in->proto == P_TCP) {
		if (room < TCP_HDR)
			return;
		l->head = (size_t)(l4[12] >> 4) * 4;
		if (l->head < TCP_HDR || (l4[12] & 0x0f) != 0 || (l4[13] & ~TCP_PSH) != TCP_ACK)
			return;
		l->last = (l4[13] & TCP_PSH) != 0;
	} else {
		if (!c->udp || room < UDP_HDR || get_be16(l4 + 4) != room || get_be16(l4 + 6) == 0)
			return;
		l->head = UDP_HDR;
	}
	if (room <= l->head)
		return;
	l->body = room - l->head;
	l->head += l->l4;
	l->right = sums_right(k->p, in, l);
	l->joins = l->right;
}

/* ---- runs */

static bool
same(const uint8_t *a, const uint8_t *b, size_t n)
{
	return (memcmp(a, b, n) == 0);
}

/* Whether ${p} is of the flow of ${r}: addresses, protocol, ports. */
static bool
of_flow(const struct coalesce_run *r, const uint8_t *p, size_t l4, bool tcp)
{
	const uint8_t *q = r->pkts[0]->p;
	size_t at = l4 == V4_HDR ? 12 : 8;

	return (r->l4 == l4 && r->tcp == tcp && same(p + at, q + at, l4 + 4 - at));
}

/* The fields of the IP header that must not differ. */
static bool
ip_fits(const struct coalesce_run *r, const uint8_t *p)
{
	const uint8_t *q = r->pkts[0]->p;
	uint16_t id;

	if (r->l4 == V6_HDR)
		return (same(p, q, 4) && p[7] == q[7]);
	/* Version, length, TOS; fragment bits; TTL. */
	if (!same(p, q, 2) || !same(p + 6, q + 6, 3))
		return (false);
	id = get_be16(p + 4);
	/* With DF the identification means nothing (RFC 6864, 4.1), and some senders do not count it. */
	return (id == r->next_id || ((p[6] & V4_DF) != 0 && id == get_be16(q + 4)));
}

/* Everything of TCP but sequence number, PSH and checksum. */
static bool
tcp_fits(const struct coalesce_run *r, const uint8_t *p, const struct look *l)
{
	const uint8_t *a = p + l->l4, *b = r->pkts[0]->p + r->l4;

	return (l->head == r->head && get_be32(a + 4) == r->next_seq && same(a + 8, b + 8, 5) && same(a + 14, b + 14, 2) &&
	    same(a + 18, b + 18, l->head - l->l4 - 18));
}

static bool
fits(const struct coalesce_run *r, const uint8_t *p, const struct look *l)
{
	return (l->joins && r->n < COALESCE_MAX && l->body <= r->seg && r->len + l->body <= PKT_MAX && ip_fits(r, p) &&
	    (!r->tcp || tcp_fits(r, p, l)));
}

/* The header of the first packet becomes that of the whole. */
static void
join(struct coalesce_run *r)
{
	struct pkt *k = r->pkts[0];
	const struct pkt *end = r->pkts[r->n - 1];
	uint8_t *p = k->p, *l4 = p + r->l4;
	bool v4 = r->l4 == V4_HDR;
	uint16_t len = (uint16_t)(r->len - r->l4);
	size_t field = r->tcp ? 16 : 6;

	if (v4) {
		put_be16(p + 2, (uint16_t)r->len);
		memset(p + 10, 0, 2);
		csum_put(p + 10, csum_bytes(p, V4_HDR), false);
	} else
		put_be16(p + 4, len);
	if (r->tcp)
		l4[13] |= end->p[r->l4 + 13] & TCP_PSH;
	else
		put_be16(l4 + 4, len);
	csum_put_part(l4 + field, csum_number(r->tcp ? P_TCP : P_UDP) + csum_number(len) +
	    (v4 ? csum_bytes(p + 12, 8) : csum_bytes(p + 8, 32)));
	k->gso = !r->tcp ? PKT_GSO_UDP : v4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6;
	k->seg = (uint16_t)r->seg;
	k->csum = PKT_CSUM_PARTIAL;
	k->csum_start = (uint16_t)r->l4;
	k->csum_offset = (uint16_t)field;
}

static void
put(struct coalesce *c, struct coalesce_run *r)
{
	if (r->n > 1)
		join(r);
	else
		r->pkts[0]->csum = PKT_CSUM_GOOD;	/* only a packet whose sums are right begins a run */
	c->put(c->ctx, r->pkts, r->n, r->head);
}

static void
remove_run(struct coalesce *c, size_t i)
{
	struct coalesce_run *r = &c->runs[i];

	put(c, r);
	c->n--;
	for (; i < c->n; i++, r++) {
		/* Only the part of the list that is in use. */
		memcpy(r->pkts, r[1].pkts, r[1].n * sizeof(r->pkts[0]));
		r->n = r[1].n;
		r->len = r[1].len;
		r->l4 = r[1].l4;
		r->head = r[1].head;
		r->seg = r[1].seg;
		r->next_seq = r[1].next_seq;
		r->next_id = r[1].next_id;
		r->tcp = r[1].tcp;
	}
}

void
coalesce_flush(struct coalesce *c)
{
	for (size_t i = 0; i < c->n; i++)
		put(c, &c->runs[i]);
	c->n = 0;
}

static void
put_alone(struct coalesce *c, struct pkt *k, const struct look *l)
{
	k->csum = l->right ? PKT_CSUM_GOOD : PKT_CSUM_FULL;
	k->gso = PKT_GSO_NONE;
	c->put(c->ctx, &k, 1, l->head);
}

static void
append(struct coalesce_run *r, struct pkt *k, const struct look *l)
{
	r->pkts[r->n++] = k;
	r->len += l->body;
	r->next_seq += (uint32_t)l->body;
	r->next_id++;
}

static void
begin(struct coalesce *c, struct pkt *k, const struct inner *in, const struct look *l)
{
	struct coalesce_run *r;

	if (c->n == COALESCE_RUNS)
		remove_run(c, 0);
	r = &c->runs[c->n++];
	k->gso = PKT_GSO_NONE;
	r->pkts[0] = k;
	r->n = 1;
	r->len = in->len;
	r->l4 = l->l4;
	r->head = l->head;
	r->seg = l->body;
	r->tcp = in->proto == P_TCP;
	r->next_seq = r->tcp ? get_be32(k->p + l->l4 + 4) + (uint32_t)l->body : 0;
	r->next_id = (uint16_t)(get_be16(k->p + 4) + 1);
}

void
coalesce_add(struct coalesce *c, struct pkt *k, const struct inner *in)
{
	struct look l;
	size_t i;

	look_at(c, &l, k, in);
	if (!l.flow) {
		coalesce_flush(c);
		put_alone(c, k, &l);
		return;
	}
	for (i = 0; i < c->n && !of_flow(&c->runs[i], k->p, l.l4, in->proto == P_TCP); i++)
		;
	if (i < c->n && fits(&c->runs[i], k->p, &l)) {
		append(&c->runs[i], k, &l);
		if (l.last || l.body < c->runs[i].seg || c->runs[i].n == COALESCE_MAX)
			remove_run(c, i);
		return;
	}
	if (i < c->n)
		remove_run(c, i);
	if (!l.joins || l.last)
		put_alone(c, k, &l);
	else
		begin(c, k, in, &l);
}
