/* The ports that the data path shares with negotiators. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath/datapath_priv.h"
#include "sa/codec.h"

static void
port_note(void *ctx, bool warning, const char *text)
{
	dp_note(ctx, warning ? 0 : 2, "%s", text);
}

static void
port_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err,
    uint32_t mtu)
{
	struct datapath *dp = ctx;

	(void)local, (void)remote, (void)mtu;
	/* Our own kernel's, if the interface has become narrower. */
	if (err == EMSGSIZE)
		dp->mtu_ms = 0;
}

/* The record before the wire: that of a new SA lies in the pipe when its first packet is here. */
static void
port_stray(void *ctx)
{
	dp_drain(ctx);
}

static void
port_toobig(void *ctx, const struct endpoint *remote, uint32_t mtu, struct span quote)
{
	dp_toobig(ctx, SA_ESP, &remote->addr, mtu, quote);
}

/* A negotiator that begins asks who has SAs with a peer: this data path may carry some of an earlier one. */
static void
port_record(void *ctx, struct span cbor)
{
	struct datapath *dp = ctx;
	struct esp_pair *pair;
	struct sa_rec rec;
	struct fault f;

	if (sa_decode(&rec, cbor, &f) <= 0)
		return;
	if (rec.type == SA_EVENT && rec.event.what == SA_EVENT_WHO_HAS && rec.event.has_remote)
		for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++)
			if (addr_cmp(&pair->out.dst.addr, &rec.event.remote.addr) == 0) {
				dp_event(dp, pair, SA_EVENT_HAS);
				break;
			}
	sa_rec_wipe(&rec);
}

/* A port that another process may hold; it is no error if none does. */
static void
join(struct datapath *dp, const struct addr *at, uint16_t port, enum port_role role)
{
	struct endpoint local = { .addr = *at, .port = port };
	struct fault f;

	if (ports_open(dp->ports, &local, role, PORTS_JOIN_ONLY, &f) != 0 &&
	    f.code != FAULT_UNREACHABLE)
		dp_warn(dp, &f);
}

enum port_role
dp_port_role(const struct sa_child *c)
{
	return (c->encap == SA_ENCAP_TCP ? PORT_TCP : c->encap == SA_ENCAP_UDP_DRAFT ? PORT_IKE : PORT_NATT);
}

int
dp_ports_join(struct datapath *dp, const struct sa_child *c, struct fault *f)
{
	static const struct ports_calls calls = { .esp = dp_udp, .stray = port_stray, .note = port_note,
	    .unreachable = port_unreachable, .toobig = port_toobig, .record = port_record };
	/* Who may not change routes may not mark packets either, and adds no route that would need it. */
	struct ports_opt o = { .data_path = true, .mark = dp->router.foreign ? 0 : ROUTE_MARK };
	struct endpoint local = c->local.at;
	struct addr other = { .family = local.addr.family == 4 ? 6 : 4 };

	if (dp->ports != NULL)
		return (0);
	if ((dp->ports = ports_new(dp->fast, &o, &calls, dp, f)) == NULL)
		return (-1);
	/*
	 * Raw ESP needs no port, but the negotiator needs events about traffic and byte limits, and
	 * its packets need the mark. Open all ports at once: later the privileges are dropped.
	 */
	join(dp, &local.addr, c->encap == SA_ENCAP_NONE && local.port != 0 ? local.port :
	    PORT_IKE_DEFAULT, PORT_IKE);
	join(dp, &other, PORT_IKE_DEFAULT, PORT_IKE);
	if (c->encap != SA_ENCAP_UDP)
		join(dp, &local.addr, PORT_NATT_DEFAULT, PORT_NATT);
	join(dp, &other, PORT_NATT_DEFAULT, PORT_NATT);
	return (0);
}

int
dp_ports(struct datapath *dp, const struct sa_child *c, struct fault *f)
{
	struct endpoint local = c->local.at;

	if (c->encap == SA_ENCAP_NONE && dp->no_raw.code != FAULT_NONE) {
		*f = dp->no_raw;
		return (-1);
	}
	if (dp_ports_join(dp, c, f) != 0)
		return (-1);
	if (c->encap == SA_ENCAP_NONE)
		return (0);
	/* Any address rather than one, so that a negotiator that starts later can share it. */
	if (ports_open(dp->ports, &local, dp_port_role(c), PORTS_BIND_ANY, f) != 0)
		return (-1);
	return (ports_serve_spi(dp->ports, get_be32(c->spi_in), &c->local.at.addr, f));
}

void
dp_refused(struct datapath *dp, const struct sa_child *c, const struct fault *f)
{
	struct sa_rec r = { .type = SA_EVENT, .event.what = SA_EVENT_REFUSED };
	struct endpoint local = c->local.at;
	struct fault none;

	if (f->code == FAULT_CLAIMED || f->code == FAULT_STALE_SA)
		return;
	/* It may be the first one. Without a negotiator on this machine there is nobody to hear it. */
	if (dp_ports_join(dp, c, &none) != 0)
		return;
	if (c->encap != SA_ENCAP_NONE)
		(void)ports_open(dp->ports, &local, dp_port_role(c), PORTS_JOIN_ONLY, &none);
	(void)snprintf(r.event.text, sizeof(r.event.text), "%.180s%s%.60s", f->what,
	    f->sys != 0 ? ": " : "", f->sys != 0 ? strerror(f->sys) : "");
	dp_event_send(dp, &r, c->spi_in);
}
