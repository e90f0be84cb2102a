/* The attributes that a gateway gives. */
#include "ike/v1run/mode_config_give.h"

#include <stdio.h>

bool
v1_gives_addresses(const struct v1_sa *sa)
{
	const struct ike_policy *p = ike_sa_scope(&sa->ike);

	return (p->pool != NULL || p->pool6 != NULL || (sa->ike.config != NULL && sa->ike.config->login_address.family != 0));
}

const char *
v1_config_owner(const struct v1_sa *sa, char out[SA_TEXT])
{
	const struct ike_config *c = sa->ike.config;
	struct id id = ike_id_get(sa->ike.remote.id);
	char text[ID_TEXT];

	(void)snprintf(out, SA_TEXT, "%.*s", SA_TEXT - 1, c != NULL && c->user[0] != '\0' ? c->user : id_text(text, &id));
	return (out);
}

/* --- addresses --- */

/* An answer in the making. */
struct giving {
	struct v1_sa			*sa;
	struct ike_config		*c;
	const struct ike_settings	*give;	/* never NULL */
	const struct config		*in;	/* NULL: a SET */
	struct wr			*w;
	struct now			 now;
	struct fault			*why;	/* why there is no address */
	bool				 again;	/* what was given before: no new leases */
};

/* The address that the peer asks for by attribute ${type}; family 0: any. */
static struct addr
wanted(const struct giving *g, uint16_t type, uint8_t family)
{
	static const uint8_t zeros[16];
	const size_t len = family == 4 ? 4 : 16;
	struct isakmp_attr a;

	if (g->in == NULL || !config_find(g->in, type, &a) || a.bytes.len < len || memcmp(a.bytes.p, zeros, len) == 0)
		return ((struct addr){0});
	return (addr_make(family, a.bytes.p));
}

/* Leases an address of ${pool} into ${at}, unless the peer has one already; writes it. */
static bool
put_address(struct giving *g, struct pool *pool, uint16_t type, uint8_t family, struct addr *at)
{
	const struct addr *login = g->c->login_address.family == family ? &g->c->login_address : NULL;
	const struct addr want = login != NULL ? *login : wanted(g, type, family);
	char owner[SA_TEXT], peer[ADDR_TEXT];

	/* Who judged the login gives an address that is none of ours. */
	if (login != NULL && !g->again && (pool == NULL || !selector_has_addr(pool_range(pool), login)))
		*at = *login;
	if (pool == NULL && at->family == 0) {
		if (g->in != NULL && g->why->code == FAULT_NONE)
			(void)fault(g->why, FAULT_PROTOCOL, "there is no pool of %s addresses", family == 4 ? "IPv4" : "IPv6");
		return (false);
	}
	if (at->family == 0 && g->again)
		return (false);
	if (at->family == 0 && pool_lease(pool, g->now.epoch, v1_config_owner(g->sa, owner),
	    addr_text(peer, &g->sa->ike.remote.at.addr), &want, at, g->why) != 0)
		return (false);
	if (login != NULL && addr_cmp(at, login) != 0) {
		(void)fault(g->why, FAULT_PROTOCOL, "the address %s of this login is in use", addr_text(peer, login));
		pool_release(pool, g->now.epoch, at);
		*at = (struct addr){0};
		return (false);
	}
	isakmp_attr_put_bytes(g->w, type, addr_span(at));
	return (true);
}

static void
put_ip4_address(struct giving *g, uint16_t type)
{
	static const uint8_t host_mask[] = { 255, 255, 255, 255 };

	if (!put_address(g, ike_sa_scope(&g->sa->ike)->pool, type, 4, &g->c->address))
		return;
	g->c->netmask = addr_make(4, host_mask);
	isakmp_attr_put_bytes(g->w, CONFIG_IP4_NETMASK, SPAN_ARRAY(host_mask));
}

static void
put_ip6_address(struct giving *g, uint16_t type)
{
	(void)put_address(g, ike_sa_scope(&g->sa->ike)->pool6, type, 6, &g->c->address6);
}

/* --- the rest --- */

static void
put_addrs(struct giving *g, uint16_t type, const struct addr *list, size_t n, uint8_t family)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i].family == family)
			isakmp_attr_put_bytes(g->w, type, addr_span(&list[i]));
}

static void
put_dns(struct giving *g, uint16_t type)
{
	put_addrs(g, type, g->give->dns, g->give->n_dns, type == CONFIG_IP4_DNS ? 4 : 6);
}

static void
put_nbns(struct giving *g, uint16_t type)
{
	put_addrs(g, type, g->give->nbns, g->give->n_nbns, type == CONFIG_IP4_NBNS ? 4 : 6);
}

static void
put_text(struct giving *g, uint16_t type)
{
	const struct ike_settings *s = g->give;
	const char *text = type == CONFIG_UNITY_BANNER ? s->banner : type == CONFIG_UNITY_DEF_DOMAIN ? s->domain :
	    type == CONFIG_UNITY_SPLITDNS ? s->split_dns : s->version;

	/* Nobody waits for a version in a SET. */
	if (text[0] != '\0' && (type != CONFIG_APPLICATION_VERSION || g->in != NULL))
		isakmp_attr_put_bytes(g->w, type, span_str(text));
}

/* The bytes of ${s} for an attribute of ${type}; 0: it does not belong there. */
static size_t
net_bytes(uint8_t out[17], uint16_t type, const struct selector *s)
{
	const int prefix = selector_prefix(s);

	/* A network that is all is no network of a split tunnel. */
	if (prefix <= 0 || s->first.family != (type == CONFIG_IP6_SUBNET ? 6 : 4))
		return (0);
	memset(out, 0, 17);
	memcpy(out, s->first.b, addr_len(&s->first));
	if (type == CONFIG_IP6_SUBNET) {
		out[16] = (uint8_t)prefix;
		return (17);
	}
	put_be32(out + 4, UINT32_MAX << (32 - prefix));
	return (type == CONFIG_IP4_SUBNET ? CONFIG_NET_LEN : CONFIG_UNITY_NET_LEN);
}

/* Unity's attributes have all networks, the others one each. */
static void
put_nets(struct giving *g, uint16_t type, const struct selector *list, size_t n)
{
	uint8_t all[SA_NETS_MAX * CONFIG_UNITY_NET_LEN], one[17];
	const bool each = type == CONFIG_IP4_SUBNET || type == CONFIG_IP6_SUBNET;
	size_t i, len, at = 0;

	for (i = 0; i < n && at + CONFIG_UNITY_NET_LEN <= sizeof(all); i++) {
		if ((len = net_bytes(one, type, &list[i])) == 0)
			continue;
		if (each) {
			isakmp_attr_put_bytes(g->w, type, span_of(one, len));
			continue;
		}
		memcpy(all + at, one, len);
		at += len;
	}
	if (at > 0)
		isakmp_attr_put_bytes(g->w, type, span_of(all, at));
}

static void
put_local_lan(struct giving *g, uint16_t type)
{
	put_nets(g, type, g->give->local_lan, g->give->n_local_lan);
}

/* The networks behind this end, for a client that sends only what is for them. */
static void
put_split(struct giving *g, uint16_t type)
{
	const struct ike_policy *p = ike_sa_scope(&g->sa->ike);

	if (g->give->n_split > 0)
		put_nets(g, type, g->give->split, g->give->n_split);
	else
		put_nets(g, type, p->local_ts, p->n_local_ts);
}

static void	put_supported(struct giving *g, uint16_t type);

static const struct giver {
	uint16_t	type;
	bool		unasked;	/* in a SET too */
	void		(*put)(struct giving *g, uint16_t type);
} givers[] = {
	{ CONFIG_IP4_ADDRESS,		true,	put_ip4_address },
	{ CONFIG_IP6_ADDRESS,		true,	put_ip6_address },
	{ CONFIG_IP4_DNS,		true,	put_dns },
	{ CONFIG_IP6_DNS,		true,	put_dns },
	{ CONFIG_IP4_NBNS,		true,	put_nbns },
	{ CONFIG_IP6_NBNS,		true,	put_nbns },
	{ CONFIG_UNITY_DEF_DOMAIN,	true,	put_text },
	{ CONFIG_UNITY_SPLITDNS,	true,	put_text },
	{ CONFIG_UNITY_SPLIT_INCLUDE,	true,	put_split },
	{ CONFIG_UNITY_LOCAL_LAN,	true,	put_local_lan },
	{ CONFIG_IP6_SUBNET,		true,	put_split },
	{ CONFIG_IP4_SUBNET,		false,	put_split },
	{ CONFIG_APPLICATION_VERSION,	false,	put_text },
	{ CONFIG_SUPPORTED,		false,	put_supported },
	/* Last, as it may be long. */
	{ CONFIG_UNITY_BANNER,		true,	put_text },
};
#define GIVERS	(sizeof(givers) / sizeof(givers[0]))

static void
put_supported(struct giving *g, uint16_t type)
{
	uint8_t list[GIVERS * 2];
	size_t i;

	for (i = 0; i < GIVERS; i++)
		put_be16(list + 2 * i, givers[i].type);
	isakmp_attr_put_bytes(g->w, type, SPAN_ARRAY(list));
}

static void
put_all(struct giving *g)
{
	static const struct ike_settings nothing;
	struct isakmp_attr a;
	size_t i;

	g->give = ike_sa_scope(&g->sa->ike)->give != NULL ? ike_sa_scope(&g->sa->ike)->give : &nothing;
	for (i = 0; i < GIVERS; i++)
		/* A REQUEST without attributes asks for all. */
		if (g->in == NULL || g->in->attrs.left == 0 ? givers[i].unasked : config_find(g->in, givers[i].type, &a))
			givers[i].put(g, givers[i].type);
}

int
v1_config_give(struct v1_sa *sa, struct now now, const struct config *in, struct wr *w, struct fault *why,
    struct fault *f)
{
	struct giving g = { .sa = sa, .c = ike_sa_config(&sa->ike), .in = in, .w = w, .now = now, .why = why };

	*why = (struct fault){0};
	if (g.c == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for mode config"));
	put_all(&g);
	/* One family is enough for a client that asks for both. */
	if (g.c->address.family != 0 || g.c->address6.family != 0)
		*why = (struct fault){0};
	return (0);
}

/* --- what the client made of a SET --- */

static void
refuse(struct v1_sa *sa, struct pool *pool, struct addr *a, struct ike_outbox *out)
{
	char text[ADDR_TEXT];

	ike_sa_note(&sa->ike, out, NOTE_WARN, "the client refuses the address %s", addr_text(text, a));
	if (pool != NULL)
		pool_release(pool, sa->ike.engine->epoch, a);
	*a = (struct addr){0};
}

void
v1_config_given(struct v1_sa *sa, struct now now, const struct config *ack, struct ike_outbox *out)
{
	struct ike_config *c = sa->ike.config;
	char names[512] = "", name[NUM_TEXT];
	uint8_t buf[CONFIG_BODY_MAX];
	struct wr w = wr_of(buf, sizeof(buf));
	struct giving g = { .sa = sa, .c = c, .w = &w, .now = now, .again = true };
	struct isakmp_attr a, in_ack;
	size_t n = 0;
	struct rd r;

	put_all(&g);	/* as the SET had them */
	for (r = rd_of(wr_span(&w)); config_next(&r, &a); )
		if (!config_find(ack, a.type, &in_ack) && n < sizeof(names) - NUM_TEXT - 2 && a.type != CONFIG_IP4_NETMASK)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n > 0 ? ", " : "", config_attr_name(a.type, name));
	if (n > 0)
		ike_sa_note(&sa->ike, out, NOTE_INFO, "the client refuses %s", names);
	if (c->address.family != 0 && !config_find(ack, CONFIG_IP4_ADDRESS, &in_ack))
		refuse(sa, ike_sa_scope(&sa->ike)->pool, &c->address, out);
	if (c->address6.family != 0 && !config_find(ack, CONFIG_IP6_ADDRESS, &in_ack))
		refuse(sa, ike_sa_scope(&sa->ike)->pool6, &c->address6, out);
}
