/*
 * Networks that mode config excludes from the tunnel (Cisco's local LAN, or split exclude): holes in the routes to
 * wider networks behind the same gateway.
 */
#include <stdio.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define LANS_MAX	64	/* gateways whose networks are remembered; the oldest are replaced */

/* What one gateway excludes. */
struct lan {
	uint32_t	 source;	/* the stream that brought it */
	struct addr	 gateway;
	size_t		 n;
	struct route	 net[SA_NETS_MAX];
};

struct lans {
	size_t		 n, next;
	struct lan	 lan[LANS_MAX];
};

static struct lan *
lan_of(const struct datapath *dp, uint32_t source, const struct addr *gateway)
{
	struct lans *l = dp->lans;

	for (size_t i = 0; l != NULL && i < l->n; i++)
		if (l->lan[i].source == source && addr_cmp(&l->lan[i].gateway, gateway) == 0)
			return (&l->lan[i]);
	return (NULL);
}

static struct lan *
lan_new(struct datapath *dp, uint32_t source, const struct addr *gateway)
{
	struct lans *l = dp->lans;
	struct lan *lan;

	if (l == NULL && (l = dp->lans = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	lan = l->n < LANS_MAX ? &l->lan[l->n++] : &l->lan[l->next++ % LANS_MAX];
	*lan = (struct lan){ .source = source, .gateway = *gateway };
	return (lan);
}

/* Whether it says "the network that you are on", 0.0.0.0/32 or the like, which no default route of a tunnel covers. */
static bool
own_lan(const struct addr *a)
{
	static const uint8_t zero[16];

	return (memcmp(a->b, zero, addr_len(a)) == 0);
}

/* Reads the networks of ${s} into ${lan}. True if they are others than before. */
static bool
fill(struct lan *lan, const struct sa_ike *s)
{
	struct lan old = *lan;
	struct selector net;
	int prefix;

	lan->n = 0;
	for (size_t i = 0; i < s->n_local_lan && lan->n < SA_NETS_MAX; i++)
		/* Everything is no network: nothing would be left for the tunnel. */
		if (selector_parse(&net, s->local_lan[i]) == 0 && (prefix = selector_prefix(&net)) > 0 && !own_lan(&net.first))
			lan->net[lan->n++] = (struct route){ .net = net.first, .prefix = (uint8_t)prefix };
	if (lan->n != old.n)
		return (true);
	for (size_t i = 0; i < lan->n; i++)
		if (addr_cmp(&lan->net[i].net, &old.net[i].net) != 0 || lan->net[i].prefix != old.net[i].prefix)
			return (true);
	return (false);
}

static void
log_nets(struct datapath *dp, const struct lan *lan)
{
	char text[256] = "", net[ADDR_TEXT];
	size_t len = 0;
	int n;

	for (size_t i = 0; i < lan->n; i++) {
		n = snprintf(text + len, sizeof(text) - len, "%s%s/%u", i > 0 ? ", " : "", addr_text(net, &lan->net[i].net),
		    lan->net[i].prefix);
		if (n < 0 || (size_t)n >= sizeof(text) - len) {
			(void)snprintf(text + len, sizeof(text) - len, "...");
			break;
		}
		len += (size_t)n;
	}
	if (lan->n > 0)
		dp_note(dp, 0, "packets to %s bypass %s: the gateway excludes these networks from the tunnel", text, dp->tun.name);
}

void
dp_lan_set(struct datapath *dp, const struct sa_ike *s, uint32_t source)
{
	struct lan *lan;

	if (!dp->opt.route || !dp->opt.local_lan || !s->has_config)
		return;
	if ((lan = lan_of(dp, source, &s->remote.at.addr)) == NULL &&
	    (s->n_local_lan == 0 || (lan = lan_new(dp, source, &s->remote.at.addr)) == NULL))
		return;
	if (!fill(lan, s))
		return;
	log_nets(dp, lan);
	dp->device_due = dp->routes_whole = true;
}

/* Whether ${a} lies in ${r}. */
static bool
in_net(const struct route *r, const struct addr *a)
{
	unsigned whole = r->prefix / 8, rest = r->prefix % 8;

	return (r->net.family == a->family && memcmp(r->net.b, a->b, whole) == 0 &&
	    (rest == 0 || ((r->net.b[whole] ^ a->b[whole]) & (0xff00 >> rest & 0xff)) == 0));
}

size_t
dp_lan_holes(const struct datapath *dp, const struct esp_pair *pair, struct route *r, struct route *out)
{
	const struct lan *lan;
	size_t i, n = 0;

	/* Protocol and port belong to transport mode, which has two hosts. */
	if (r->proto != 0 || (lan = lan_of(dp, pair->source, &pair->remote.addr)) == NULL)
		return (0);
	for (i = 0; i < lan->n; i++)
		if (lan->net[i].prefix > r->prefix && in_net(r, &lan->net[i].net)) {
			out[n] = lan->net[i];
			out[n].covers = out[n].hole = true;
			out[n++].whole = r->prefix == 0;
		}
	if (n > 0)
		r->covers = true;
	return (n);
}

void
dp_lan_free(struct datapath *dp)
{
	free(dp->lans);
}
