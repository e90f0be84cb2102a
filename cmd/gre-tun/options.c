/* The options of gre-tun, and their conversion to options of the device. */
#include "cli/peer_addr.h"
#include "gre_tun.h"
#include "os/priv.h"
#include "os/record_in.h"
#include "tool/tun_opt.h"

#define T struct gre_opts
const struct opt gre_optab[] = {
	OPT_TOOL("forward packets between a GRE device and GRE, multipoint or point-to-point"),
	OPT_USE("[OPTION]... [BINDINGS]..."),
	OPT_USE("[OPTION]... --remote ADDRESS"),
	OPT_SECTION("Device"),
	OPT_STR(T, tun, 0, "tun", "NAME", "name of the device (default: first free of gre0, gre1, ...)"),
	OPT_LIST(T, addresses, 0, "address", "CIDR", "assign this address to the device"),
	OPT_NUM(T, mtu, 0, "mtu", "N", 576, 65000, "MTU of the device"),
	OPT_PAIR(T, route, 0, "route", "add routes to the networks of the bindings, remove them on exit"),
	OPT_NUM(T, metric, 0, "metric", "N", 1, 4294967295, "metric of these routes; the lowest metric is used", .flags = OPT_NO_DEFAULT),
	OPT_SECTION("Packets"),
	OPT_STR(T, local, 0, "local", "ADDRESS", "send from this address, and receive only what is for it"),
	OPT_STR(T, remote, 0, "remote", "ADDRESS", "point-to-point: every packet goes to this address, none comes from another"),
	OPT_NUM(T, key, 0, "key", "N", 0, 4294967295, "key of the tunnel; packets with another one are not ours", .flags = OPT_NO_DEFAULT),
	OPT_SECONDS(T, keepalive, 0, "keepalive", "S", 1, 32767, "with --local and --remote: ask every S seconds whether the peer answers",
	    .flags = OPT_NO_DEFAULT),
	OPT_NUM(T, retries, 0, "keepalive-retries", "N", 1, 255, "unanswered keepalives after which the device has no carrier"),
	OPT_FLAG(T, checksum, 0, "checksum", "send checksums, and drop packets without one"),
	OPT_FLAG(T, sequence, 0, "sequence", "send sequence numbers, and drop packets that come late"),
	OPT_FLAG(T, require_sa, 0, "require-sa", "send only to peers that esp-tun --pass reports an SA with"),
	OPT_FLAG(T, multicast, 0, "multicast", "copy multicast to each next hop server and each client"),
	OPT_NUM(T, ttl, 0, "ttl", "N", 1, 255, "time to live of outer packets"),
	OPT_CHOICE(T, mss, 0, "mss", "clamp|off", "limit the MSS of TCP connections to the MTU"),
	OPT_SECTION("Running"),
	OPT_STR(T, control, 0, "control", "PATH", "listen on this Unix socket for sa-stat"),
	OPT_STR(T, user, 0, "user", "NAME", "drop privileges to NAME after start-up (root: sapipe)"),
	OPT_FLAG(T, with_input, 0, "end-with-input", "exit when the input ends, instead of when the last binding expires"),
	OPT_FLAG(T, stats, 0, "stats", "print counters on exit; SIGUSR1 prints them at any time"),
	OPT_ARGS(T, files, "BINDINGS", 0, SA_IN_MAX, "nhrp-binding records; '-' or none: standard input, with --remote none"),
	OPT_END
};
#undef T

int
gre_settle(const struct gre_opts *o, struct gre_opt *d, struct fault *f)
{
	uid_t uid;
	gid_t gid;
	size_t i;

	*d = (struct gre_opt){ .tun = o->tun, .has_key = o->key != KEY_NONE, .key = (uint32_t)o->key, .csum = o->checksum,
	    .seq = o->sequence, .multicast = o->multicast, .mtu = o->mtu, .ttl = o->ttl, .clamp = o->mss == 0, .require_sa = o->require_sa,
	    .route = o->route, .metric = o->metric, .keepalive_s = o->keepalive, .keepalive_retries = o->retries };
	if ((o->local != NULL && numeric_parse(&d->local, o->local, "--local", f) != 0) ||
	    (o->remote != NULL && numeric_parse(&d->remote, o->remote, "--remote", f) != 0))
		return (-1);
	if (d->local.family != 0 && d->remote.family != 0 && d->local.family != d->remote.family)
		return (fault(f, FAULT_USAGE, "--local and --remote are of different families"));
	if (d->remote.family != 0 && addr_cmp(&d->local, &d->remote) == 0)
		return (fault_because(f, CAUSE_OWN_ADDRESS, fault(f, FAULT_BAD_ADDRESS, "--remote %s is this end's own address", o->remote)));
	if (o->keepalive != 0 && (d->local.family == 0 || d->remote.family == 0))
		return (fault(f, FAULT_USAGE, "--keepalive requires --local and --remote"));
	if (o->require_sa && d->remote.family != 0 && o->files.n == 0)
		return (fault(f, FAULT_USAGE, "--require-sa with --remote needs the name of an input: '-' is standard input"));
	if (o->addresses.n > GRE_ADDRESSES)
		return (fault(f, FAULT_USAGE, "--address: at most %d of them", GRE_ADDRESSES));
	for (i = 0; i < o->addresses.n; i++)
		if (tun_address_parse(&d->addresses[d->n_addresses++], o->addresses.v[i], f) != 0)
			return (-1);
	/* A name that is wrong, before anything is done. */
	return (priv_user(o->user, &uid, &gid, f) < 0 ? -1 : 0);
}
