/* Functions that the machines of NHRP share: sending, authentication of received packets, error indications, records. */
#include "nhrp/node.h"

#include <stdio.h>

void
nhrp_node_packet(const struct nhrp_node *n, struct nhrp_packet *p, uint8_t type)
{
	*p = (struct nhrp_packet){ .afn = nhrp_afn_of(n->nbma.family), .proto = nhrp_proto_of(n->proto.family),
	    .hops = NHRP_HOPS, .type = type, .src_nbma = n->nbma, .src = n->proto };
	p->src_nbma.scope = p->src.scope = 0;
}

void
nhrp_node_records(struct nhrp_packet *p)
{
	(void)nhrp_ext_add(p, NHRP_EXT_FORWARD, true, SPAN_NONE);
	(void)nhrp_ext_add(p, NHRP_EXT_REVERSE, true, SPAN_NONE);
	(void)nhrp_ext_add(p, NHRP_EXT_RESPONDER, true, SPAN_NONE);
}

void
nhrp_node_send(const struct nhrp_node *n, const struct addr *to, const struct nhrp_packet *p)
{
	uint8_t out[NHRP_PACKET_MAX];
	size_t len = nhrp_encode_auth(out, sizeof(out), p, &n->auth, &n->proto, NULL);

	if (len > 0)
		n->sink.send(n->sink.ctx, to, span_of(out, len));
	wipe(out, len);
}

/*
 * The head of the packet that an error indication reports (RFC 2332 section 5.2.7). Authentication extensions are zeroed behind
 * their first word: the clear-text form contains the secret there, and the address of the sender proves nothing.
 */
static struct span
quote(uint8_t out[NHRP_INNER_MAX], const struct nhrp_in *in)
{
	struct span q = span_of(out, in->bytes.len < NHRP_INNER_MAX ? in->bytes.len : NHRP_INNER_MAX);
	size_t i, at, end;

	if (q.len > 0)
		memcpy(out, in->bytes.p, q.len);
	for (i = 0; i < in->p.n_exts; i++) {
		const struct nhrp_ext *e = &in->p.ext[i];

		if (e->type != NHRP_EXT_AUTH || e->data.len <= NHRP_AUTH_HEAD)
			continue;
		at = (size_t)(e->data.p - in->bytes.p) + NHRP_AUTH_HEAD;
		end = at + e->data.len - NHRP_AUTH_HEAD;
		if (at < q.len)
			memset(out + at, 0, (end < q.len ? end : q.len) - at);
	}
	return (q);
}

void
nhrp_node_error(const struct nhrp_node *n, const struct nhrp_in *in, enum nhrp_error code, uint16_t at)
{
	struct nhrp_packet p;
	uint8_t head[NHRP_INNER_MAX];

	/* No error indication about a traffic indication either: its sender does not wait for an answer. */
	if (nhrp_is_indication(in->p.type))
		return;
	nhrp_node_packet(n, &p, NHRP_ERROR_INDICATION);
	p.dst = in->p.src;
	p.error = (uint16_t)code;
	p.error_at = at;
	p.inner = quote(head, in);
	nhrp_node_send(n, &in->from, &p);
}

static bool
is_reply(uint8_t type)
{
	return (type == NHRP_RESOLUTION_REPLY || type == NHRP_REGISTRATION_REPLY || type == NHRP_PURGE_REPLY);
}

int
nhrp_node_receive(const struct nhrp_node *n, struct nhrp_in *in, const struct addr *from, struct span bytes,
    struct now now, struct fault *f)
{
	enum nhrp_auth_verdict v;
	struct sa_nhrp_event e;

	in->from = *from;
	in->bytes = bytes;
	if (nhrp_decode(&in->p, bytes, f) != 0)
		return (-1);
	in->bytes.len = get_be16(bytes.p + 10);	/* without padding: the codec has checked it */
	if ((v = nhrp_auth_check(&n->auth, &in->p, in->bytes)) == NHRP_AUTH_GOOD)
		return (0);
	e = nhrp_node_event(n, now, "refused");
	e.proto = in->p.src;
	e.remote = *from;
	e.has_code = true;
	e.code = NHRP_ERROR_AUTH;
	(void)snprintf(e.text, sizeof(e.text), "%s", nhrp_auth_words(v));
	nhrp_node_tell(n, &e);
	if (!is_reply(in->p.type))
		nhrp_node_error(n, in, NHRP_ERROR_AUTH, 0);
	return (fault(f, FAULT_AUTH_FAILED, "%s", nhrp_auth_words(v)));
}

static void
copy_text(char *out, size_t cap, const char *text)
{
	(void)snprintf(out, cap, "%s", text != NULL ? text : "");
}

struct sa_nhrp_event
nhrp_node_event(const struct nhrp_node *n, struct now now, const char *what)
{
	struct sa_nhrp_event e = { .time = now.epoch };

	copy_text(e.source, sizeof(e.source), n->source);
	copy_text(e.tun, sizeof(e.tun), n->tun);
	copy_text(e.what, sizeof(e.what), what);
	return (e);
}

void
nhrp_node_tell(const struct nhrp_node *n, const struct sa_nhrp_event *e)
{
	n->sink.event(n->sink.ctx, e);
}

struct sa_nhrp_binding
nhrp_node_binding(const struct nhrp_node *n, struct now now, enum nhrp_kind kind, uint64_t holding)
{
	struct sa_nhrp_binding b = { .kind = kind, .holding = holding, .expires = now.epoch + holding };

	copy_text(b.source, sizeof(b.source), n->source);
	copy_text(b.tun, sizeof(b.tun), n->tun);
	return (b);
}

struct addr
nhrp_network(const struct addr *a, uint8_t prefix)
{
	struct addr net = addr_make(a->family, a->b);
	size_t i;

	for (i = 0; i < addr_len(a); i++)
		if (prefix < 8 * i + 8)
			net.b[i] &= (uint8_t)(prefix <= 8 * i ? 0 : 0xff << (8 * i + 8 - prefix));
	return (net);
}

bool
nhrp_within(const struct addr *a, const struct addr *net, uint8_t prefix)
{
	struct addr x, y;

	if (a->family != net->family || a->family == 0)
		return (false);
	x = nhrp_network(a, prefix);
	y = nhrp_network(net, prefix);
	return (addr_cmp(&x, &y) == 0);
}

bool
nhrp_overlap(const struct nhrp_net *x, const struct nhrp_net *y)
{
	return (nhrp_within(&x->net, &y->net, y->prefix) || nhrp_within(&y->net, &x->net, x->prefix));
}

int
nhrp_inner(struct span s, struct addr *src, struct addr *dst)
{
	if (s.len >= 20 && s.p[0] >> 4 == 4) {
		*src = addr_make(4, s.p + 12);
		*dst = addr_make(4, s.p + 16);
		return (0);
	}
	if (s.len >= 40 && s.p[0] >> 4 == 6) {
		*src = addr_make(6, s.p + 8);
		*dst = addr_make(6, s.p + 24);
		return (0);
	}
	return (-1);
}
