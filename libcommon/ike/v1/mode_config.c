/* Mode config: the client's end. */
#include "ike/v1/mode_config.h"

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

/* --- the exchange --- */

static int
answer(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	struct rd r = in->attrs;
	struct isakmp_attr a;

	if (in->type == CONFIG_REQUEST)
		return (fault(f, FAULT_PROTOCOL, "the peer asks for an address, and there is no pool"));
	if (!x->sa->ike.policy->mode_config)
		return (fault(f, FAULT_PROTOCOL, "the peer assigns an address, and --mode-config is not given"));
	/* What is accepted is repeated without its value. */
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
