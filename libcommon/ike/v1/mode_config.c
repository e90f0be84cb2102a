/* Mode config: the client's end and the gateway's. */
#include "ike/v1/mode_config.h"

#include <stdio.h>

bool
v1_mode_config_due(const struct v1_sa *sa)
{
	return (sa->ike.policy->mode_config && !sa->login.configured);
}

int
v1_mode_config_pull(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f)
{
	static const uint16_t wanted[] = {
		CONFIG_IP4_ADDRESS, CONFIG_IP4_NETMASK, CONFIG_IP4_DNS, CONFIG_IP4_NBNS, CONFIG_UNITY_BANNER,
		CONFIG_UNITY_DEF_DOMAIN, CONFIG_UNITY_SPLIT_INCLUDE, CONFIG_UNITY_LOCAL_LAN,
	};
	uint8_t buf[256];
	struct wr w = wr_of(buf, sizeof(buf));
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		isakmp_attr_put_bytes(&w, wanted[i], SPAN_NONE);
	sa->login.asked = true;
	return (v1_transaction_begin(sa, &v1_mode_config, CONFIG_REQUEST, wr_span(&w), now, out, f));
}

/* --- values of the gateway --- */

/* An address of one that came in ${a}; false: it has another length. */
static bool
get_addr(struct addr *out, uint8_t family, const struct isakmp_attr *a)
{
	size_t len = family == 4 ? 4 : 16;

	/* Some add the length of a prefix to an IPv6 address. */
	if (a->bytes.len != len && !(family == 6 && a->bytes.len == len + 1))
		return (false);
	*out = addr_make(family, a->bytes.p);
	return (true);
}

static void
add_addr(struct addr *list, size_t *n, uint8_t family, const struct isakmp_attr *a)
{
	if (*n < SA_LIST_MAX && get_addr(&list[*n], family, a))
		(*n)++;
}

/* Networks with a mask each. One whose mask is no prefix is left out. */
static void
add_nets(struct ike_config *c, const struct isakmp_attr *a)
{
	size_t len = a->bytes.len % CONFIG_UNITY_NET_LEN == 0 ? CONFIG_UNITY_NET_LEN : CONFIG_NET_LEN;
	struct selector s = {0};
	uint32_t net, mask;
	size_t at;
	uint8_t b[4];

	for (at = 0; at + len <= a->bytes.len && c->n_split < SA_LIST_MAX; at += len) {
		net = get_be32(a->bytes.p + at);
		mask = get_be32(a->bytes.p + at + 4);
		if ((~mask & (~mask + 1)) != 0)
			continue;
		put_be32(b, net & mask);
		s.first = addr_make(4, b);
		put_be32(b, (net & mask) | ~mask);
		s.last = addr_make(4, b);
		c->split[c->n_split++] = s;
	}
}

static int
take(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	struct ike_config *c = ike_sa_config(&x->sa->ike);
	struct rd r = in->attrs;
	struct isakmp_attr a;
	char text[ADDR_TEXT];

	if (c == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for mode config"));
	c->client = true;
	c->n_dns = c->n_nbns = c->n_split = 0;
	while (config_next(&r, &a))
		switch (a.type) {
		case CONFIG_IP4_ADDRESS:
			if (a.bytes.len != 0 && !get_addr(&c->address, 4, &a))
				return (fault(f, FAULT_PROTOCOL, "the gateway assigns an address of %zu bytes", a.bytes.len));
			break;
		case CONFIG_IP4_NETMASK:
			(void)get_addr(&c->netmask, 4, &a);
			break;
		case CONFIG_IP6_ADDRESS:
			if (a.bytes.len != 0 && !get_addr(&c->address6, 6, &a))
				return (fault(f, FAULT_PROTOCOL, "the gateway assigns an IPv6 address of %zu bytes",
				    a.bytes.len));
			break;
		case CONFIG_IP4_DNS:
			add_addr(c->dns, &c->n_dns, 4, &a);
			break;
		case CONFIG_IP6_DNS:
			add_addr(c->dns, &c->n_dns, 6, &a);
			break;
		case CONFIG_IP4_NBNS:
			add_addr(c->nbns, &c->n_nbns, 4, &a);
			break;
		case CONFIG_UNITY_SPLIT_INCLUDE:
		case CONFIG_IP4_SUBNET:
			add_nets(c, &a);
			break;
		case CONFIG_UNITY_DEF_DOMAIN:
			ike_config_text(c->domain, a.bytes);
			break;
		case CONFIG_UNITY_BANNER:
			ike_config_text(c->banner, a.bytes);
			break;
		default:
			break;
		}
	if (c->address.family == 0 && c->address6.family == 0)
		return (fault(f, FAULT_PROTOCOL, "the gateway assigns no address"));
	x->sa->login.configured = true;
	ike_sa_note(&x->sa->ike, out, NOTE_INFO, "the gateway assigns %s", addr_text(text,
	    c->address.family != 0 ? &c->address : &c->address6));
	return (0);
}

/* --- the gateway --- */

/* The owner of a lease: the user, or the peer's identity. */
static void
owner_of(const struct v1_sa *sa, char out[SA_TEXT])
{
	const struct ike_config *c = sa->ike.config;
	struct id id = ike_id_get(sa->ike.remote.id);
	char text[ID_TEXT];

	(void)snprintf(out, SA_TEXT, "%.*s", SA_TEXT - 1, c != NULL && c->user[0] != '\0' ? c->user : id_text(text, &id));
}

/* The networks behind this end, for a client that sends only what is for them. */
static void
put_splits(struct wr *w, const struct ike_policy *p)
{
	uint8_t nets[POLICY_SELECTORS_MAX * CONFIG_UNITY_NET_LEN] = {0};
	size_t i, n = 0;
	int prefix;

	for (i = 0; i < p->n_local_ts; i++) {
		prefix = selector_prefix(&p->local_ts[i]);
		if (p->local_ts[i].first.family != 4 || prefix < 0)
			continue;
		memcpy(nets + n, p->local_ts[i].first.b, 4);
		put_be32(nets + n + 4, prefix == 0 ? 0 : UINT32_MAX << (32 - prefix));
		n += CONFIG_UNITY_NET_LEN;
	}
	if (n > 0)
		isakmp_attr_put_bytes(w, CONFIG_UNITY_SPLIT_INCLUDE, span_of(nets, n));
}

/* The REQUEST of a client. */
static int
give(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	static const uint8_t host_mask[] = { 255, 255, 255, 255 };
	const struct ike_policy *p = x->sa->ike.policy;
	struct addr wanted = {0};
	struct isakmp_attr a;
	struct ike_config *c;
	char owner[SA_TEXT], text[ADDR_TEXT];

	if (p->pool == NULL)
		return (fault(f, FAULT_PROTOCOL, "the peer asks for an address, and there is no --pool"));
	if (x->sa->ike.state != IKE_SA_ESTABLISHED)
		return (fault(f, FAULT_PROTOCOL, "the peer asks for an address before the end of XAuth"));
	if (config_find(in, CONFIG_IP4_ADDRESS, &a) && a.bytes.len == 4 && get_be32(a.bytes.p) != 0)
		wanted = addr_make(4, a.bytes.p);
	if ((c = ike_sa_config(&x->sa->ike)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for mode config"));
	owner_of(x->sa, owner);
	if (c->address.family == 0 && pool_lease(p->pool, owner, addr_text(text, &x->sa->ike.remote.at.addr), &wanted,
	    &c->address, f) != 0)
		return (-1);
	c->netmask = addr_make(4, host_mask);
	isakmp_attr_put_bytes(w, CONFIG_IP4_ADDRESS, addr_span(&c->address));
	isakmp_attr_put_bytes(w, CONFIG_IP4_NETMASK, SPAN_ARRAY(host_mask));
	if (config_find(in, CONFIG_UNITY_SPLIT_INCLUDE, &a))
		put_splits(w, p);
	ike_sa_note(&x->sa->ike, out, NOTE_INFO, "%s gets %s", owner, addr_text(text, &c->address));
	return (0);
}

/* --- the exchange --- */

static int
answer(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	struct rd r = in->attrs;
	struct isakmp_attr a;

	if (in->type == CONFIG_REQUEST)
		return (give(x, in, w, out, f));
	if (!x->sa->ike.policy->mode_config)
		return (fault(f, FAULT_PROTOCOL, "the peer assigns an address, and --mode-config is not given"));
	/* The ACK names each accepted attribute, without its value. */
	while (config_next(&r, &a))
		isakmp_attr_put_bytes(w, a.type, SPAN_NONE);
	return (take(x, in, out, f));
}

static int
judge(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	return (take(x, in, out, f));
}

const struct v1_transactor v1_mode_config = { "mode config", PHASE_CONFIG, answer, judge };
