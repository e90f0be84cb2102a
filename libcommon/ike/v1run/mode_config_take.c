/* Reads the values that a gateway gives: each attribute is a row. */
#include "ike/v1run/mode_config_take.h"

#include <stdio.h>
#include <stdlib.h>

struct taking {
	struct v1_sa		*sa;
	struct ike_config	*c;
	struct ike_settings	*to;
	struct ike_outbox	*out;
	uint32_t		 begun;		/* a bit for each list that has its first value: enum list */
};

enum list { LIST_DNS4, LIST_DNS6, LIST_NBNS4, LIST_NBNS6, LIST_SPLIT4, LIST_SPLIT6, LIST_LAN };

/* An address of ${family} that came in ${a}; false: it has another length. */
static bool
get_addr(struct addr *out, uint8_t family, const struct isakmp_attr *a)
{
	const size_t len = family == 4 ? 4 : 16;

	/* Some add the length of a prefix to an IPv6 address. */
	if (a->basic || (a->bytes.len != len && !(family == 6 && a->bytes.len == len + 1)))
		return (false);
	*out = addr_make(family, a->bytes.p);
	return (true);
}

static bool
is_unicast(const struct addr *a)
{
	static const uint8_t zeros[16];

	if (memcmp(a->b, zeros, addr_len(a)) == 0)
		return (false);
	return (a->family == 4 ? a->b[0] < 224 && a->b[0] != 127 && a->b[0] != 0 : a->b[0] != 0xff);
}

/* --- lists, of which this end keeps so many values --- */

static bool
full(const struct taking *t, size_t n, size_t max, const char *what)
{
	if (n < max)
		return (false);
	ike_sa_note(&t->sa->ike, t->out, NOTE_WARN, "the gateway names more than %zu %s: the others are left out", max, what);
	return (true);
}

/* The first value of a message replaces those of an earlier message, of one family. */
static void
begin_addrs(struct taking *t, enum list list, struct addr *at, size_t *n, uint8_t family)
{
	size_t i, kept = 0;

	if ((t->begun & 1U << list) != 0)
		return;
	t->begun |= 1U << list;
	for (i = 0; i < *n; i++)
		if (at[i].family != family)
			at[kept++] = at[i];
	*n = kept;
}

static void
begin_nets(struct taking *t, enum list list, struct selector *at, size_t *n, uint8_t family)
{
	size_t i, kept = 0;

	if ((t->begun & 1U << list) != 0)
		return;
	t->begun |= 1U << list;
	for (i = 0; i < *n; i++)
		if (at[i].first.family != family)
			at[kept++] = at[i];
	*n = kept;
}

static bool
add_addr(struct taking *t, enum list list, struct addr *at, size_t *n, uint8_t family, const struct isakmp_attr *a)
{
	struct addr one;

	if (a->bytes.len == 0 || !get_addr(&one, family, a) || !is_unicast(&one))
		return (false);
	begin_addrs(t, list, at, n, family);
	if (!full(t, *n, SA_LIST_MAX, "name servers"))
		at[(*n)++] = one;
	return (true);
}

static bool
add_net(struct taking *t, struct selector *at, size_t *n, const struct selector *s)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (selector_eq(&at[i], s))
			return (true);
	if (full(t, *n, SA_NETS_MAX, "networks"))
		return (false);
	at[(*n)++] = *s;
	return (true);
}

/* Networks with a mask each, and in Unity's form a protocol and ports. One whose mask is no prefix is left out. */
static bool
add_nets4(struct taking *t, enum list list, struct selector *at, size_t *n, const struct isakmp_attr *a)
{
	const size_t len = a->bytes.len % CONFIG_UNITY_NET_LEN == 0 ? CONFIG_UNITY_NET_LEN : CONFIG_NET_LEN;
	struct selector s = {0};
	uint32_t net, mask;
	uint8_t b[4];
	size_t i;

	if (a->basic || a->bytes.len == 0 || a->bytes.len % len != 0)
		return (false);
	begin_nets(t, list, at, n, 4);
	for (i = 0; i < a->bytes.len; i += len) {
		net = get_be32(a->bytes.p + i);
		mask = get_be32(a->bytes.p + i + 4);
		if ((~mask & (~mask + 1)) != 0)
			continue;
		put_be32(b, net & mask);
		s.first = addr_make(4, b);
		put_be32(b, (net & mask) | ~mask);
		s.last = addr_make(4, b);
		if (!add_net(t, at, n, &s))
			break;
	}
	return (true);
}

/* --- rows --- */

static bool
take_ip4_address(struct taking *t, const struct isakmp_attr *a)
{
	struct addr got;

	if (!get_addr(&got, 4, a) || !is_unicast(&got))
		return (false);
	t->c->address = got;
	return (true);
}

static bool
take_ip6_address(struct taking *t, const struct isakmp_attr *a)
{
	struct addr got;

	if (!get_addr(&got, 6, a) || !is_unicast(&got))
		return (false);
	t->c->address6 = got;
	return (true);
}

static bool
take_ip4_netmask(struct taking *t, const struct isakmp_attr *a)
{
	return (get_addr(&t->c->netmask, 4, a));
}

static bool
take_dns(struct taking *t, const struct isakmp_attr *a)
{
	const bool v4 = a->type == CONFIG_IP4_DNS;

	return (add_addr(t, v4 ? LIST_DNS4 : LIST_DNS6, t->to->dns, &t->to->n_dns, v4 ? 4 : 6, a));
}

static bool
take_nbns(struct taking *t, const struct isakmp_attr *a)
{
	const bool v4 = a->type == CONFIG_IP4_NBNS;

	return (add_addr(t, v4 ? LIST_NBNS4 : LIST_NBNS6, t->to->nbns, &t->to->n_nbns, v4 ? 4 : 6, a));
}

static bool
take_split(struct taking *t, const struct isakmp_attr *a)
{
	return (add_nets4(t, LIST_SPLIT4, t->to->split, &t->to->n_split, a));
}

static bool
take_local_lan(struct taking *t, const struct isakmp_attr *a)
{
	return (add_nets4(t, LIST_LAN, t->to->local_lan, &t->to->n_local_lan, a));
}

static bool
take_ip6_subnet(struct taking *t, const struct isakmp_attr *a)
{
	struct selector s = {0};
	unsigned prefix, bits;
	size_t i;

	if (a->basic || a->bytes.len != 17 || (prefix = a->bytes.p[16]) > 128)
		return (false);
	s.first = s.last = addr_make(6, a->bytes.p);
	for (i = 0; i < 16; i++) {
		bits = prefix > 8 * i ? prefix - (unsigned)(8 * i) : 0;
		bits = bits < 8 ? 0xffU >> bits : 0;	/* of the host */
		s.first.b[i] &= (uint8_t)~bits;
		s.last.b[i] |= (uint8_t)bits;
	}
	begin_nets(t, LIST_SPLIT6, t->to->split, &t->to->n_split, 6);
	(void)add_net(t, t->to->split, &t->to->n_split, &s);
	return (true);
}

static bool
take_text(char *to, size_t cap, const struct isakmp_attr *a)
{
	if (a->basic || a->bytes.len == 0)
		return (false);
	ike_settings_text(to, cap, a->bytes);
	return (true);
}

static bool
take_domain(struct taking *t, const struct isakmp_attr *a)
{
	return (take_text(t->to->domain, sizeof(t->to->domain), a));
}

static bool
take_split_dns(struct taking *t, const struct isakmp_attr *a)
{
	return (take_text(t->to->split_dns, sizeof(t->to->split_dns), a));
}

static bool
take_banner(struct taking *t, const struct isakmp_attr *a)
{
	return (take_text(t->to->banner, sizeof(t->to->banner), a));
}

static bool
take_version(struct taking *t, const struct isakmp_attr *a)
{
	return (take_text(t->to->version, sizeof(t->to->version), a));
}

static const struct taker {
	uint16_t	type;
	bool		(*take)(struct taking *t, const struct isakmp_attr *a);
} takers[] = {
	{ CONFIG_IP4_ADDRESS,		take_ip4_address },
	{ CONFIG_IP4_NETMASK,		take_ip4_netmask },
	{ CONFIG_IP6_ADDRESS,		take_ip6_address },
	{ CONFIG_IP4_DNS,		take_dns },
	{ CONFIG_IP6_DNS,		take_dns },
	{ CONFIG_IP4_NBNS,		take_nbns },
	{ CONFIG_IP6_NBNS,		take_nbns },
	{ CONFIG_UNITY_SPLIT_INCLUDE,	take_split },
	{ CONFIG_IP4_SUBNET,		take_split },
	{ CONFIG_IP6_SUBNET,		take_ip6_subnet },
	{ CONFIG_UNITY_LOCAL_LAN,	take_local_lan },
	{ CONFIG_UNITY_DEF_DOMAIN,	take_domain },
	{ CONFIG_UNITY_SPLITDNS,	take_split_dns },
	{ CONFIG_UNITY_BANNER,		take_banner },
	{ CONFIG_APPLICATION_VERSION,	take_version },
};

static bool
take_one(struct taking *t, const struct isakmp_attr *a)
{
	const struct taker *k;

	for (k = takers; k < takers + sizeof(takers) / sizeof(takers[0]); k++)
		if (k->type == a->type)
			return (k->take(t, a));
	return (false);
}

int
v1_config_take(struct v1_sa *sa, const struct config *in, struct wr *ack, struct ike_outbox *out, struct fault *f)
{
	struct taking t = { .sa = sa, .c = ike_sa_config(&sa->ike), .to = ike_settings_new(), .out = out };
	struct rd r = in->attrs;
	struct isakmp_attr a;
	char name[NUM_TEXT];

	if (t.c == NULL || t.to == NULL) {
		free(t.to);
		return (fault(f, FAULT_MEMORY, "no memory for mode config"));
	}
	if (in->type == CONFIG_SET && t.c->settings != NULL)
		*t.to = *t.c->settings;
	free(t.c->settings);
	t.c->settings = t.to;
	t.c->client = true;
	while (config_next(&r, &a))
		if (!take_one(&t, &a))
			ike_sa_note(&sa->ike, out, NOTE_DEBUG, "%s of %zu bytes is not used", config_attr_name(a.type, name), a.bytes.len);
		else if (ack != NULL)
			isakmp_attr_put_bytes(ack, a.type, SPAN_NONE);
	return (0);
}
