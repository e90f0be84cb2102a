/* The options of esp-tun that it shares with the file of a tunnel. */
#include "tool/tun_opt.h"

#include <string.h>

#include "base/text.h"
#include "esp/replay.h"

static const struct opt_word window_words[] = { { "off", 0 }, { NULL, 0 } };
static const struct opt_word mss_words[] = { { "clamp", MSS_CLAMP }, { "off", MSS_OFF }, { NULL, 0 } };
static const struct opt_word dscp_words[] = { { "copy", DSCP_COPY }, { NULL, 0 } };

#define T struct tun_opts
const struct opt tun_dev_optab[] = {
	OPT_STR(T, tun, 0, "tun", "NAME", "name of the TUN device (default: first free of vpn0, vpn1, ...)"),
	OPT_NUM(T, mtu, 0, "mtu", "N", 576, 65535, "MTU of the device (default: from the path MTU)",
	    .flags = OPT_NO_DEFAULT),
	OPT_PAIR(T, route, 0, "route", "add routes to the remote selectors, remove them on exit"),
	OPT_PAIR(T, local_lan, 0, "local-lan", "networks that the gateway excludes from the tunnel bypass it"),
	OPT_NUM(T, metric, 0, "metric", "N", 1, 4294967295, "metric of these routes; the lowest metric is used",
	    .flags = OPT_NO_DEFAULT),
	OPT_FLAG(T, block, 0, "block-on-exit",
	    "leave unreachable routes behind on every exit, so that nothing is sent in clear"),
	OPT_FLAG(T, hub, 0, "hub", "forward packets from one tunnel into another inside esp-tun"),
	OPT_LIST(T, nhtb, 0, "nhtb", "NEXTHOP=NAME", "packets with this next hop go to the peer NAME (its name or ID); @FILE: one in each line"),
	OPT_STR(T, nhrp, 0, "nhrp", "ADDR|any", "share the device with the tools of NHRP; ADDR: our outer address"),
	OPT_STR(T, script, 0, "script", "CMD",
	    "run CMD (sh -c) when the tunnel comes up and goes down, with vpnc-script's environment"),
	OPT_END
};

const struct opt tun_packet_optab[] = {
	OPT_NUM(T, replay, 0, "replay-window", "N|off", 32, REPLAY_MAX,
	    "anti-replay window in packets (default: the SA's, else 1024)",
	    .words = window_words, .flags = OPT_NO_DEFAULT),
	OPT_NUM(T, mss, 0, "mss", "N|clamp|off", 64, 65535,
	    "limit the MSS of TCP connections to N; clamp: to the MTU", .words = mss_words),
	OPT_CHOICE(T, df, 0, "df", "copy|set|clear", "DF bit of outer IPv4 packets: of the inner packet, or always, or never"),
	OPT_NUM(T, dscp, 0, "dscp", "copy|N", 0, 63, "DSCP of outer packets: copied from the inner packet, or N",
	    .words = dscp_words),
	OPT_STR(T, dscp_map, 0, "dscp-map", "FROM:TO,...", "DSCP of outer packets whose inner packet has FROM; others by --dscp"),
	OPT_CHOICE(T, backend, 0, "backend", "auto|ipsec-mb|libcrypto",
	    "library of bulk crypto; auto: ipsec-mb where it is faster"),
	OPT_END
};

int
tun_address_parse(struct route *r, const char *text, struct fault *f)
{
	char host[ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	uint64_t prefix;

	if (n < sizeof(host)) {
		memcpy(host, text, n);
		host[n] = '\0';
	}
	if (n >= sizeof(host) || addr_parse(&r->net, host) != 0)
		return (fault_because(f, CAUSE_TUNNEL_ADDRESS, fault(f, FAULT_BAD_ADDRESS, "--address: \"%s\" is no address", text)));
	prefix = 8 * addr_len(&r->net);
	if (slash != NULL && opt_number(&prefix, slash + 1, OPT_PLAIN, 0, prefix, "--address", f) != 0)
		return (-1);
	r->prefix = (uint8_t)prefix;
	return (0);
}

int
tun_hop_parse(struct addr *hop, const char **name, const char *text, const char *where, struct fault *f)
{
	char addr[ADDR_TEXT];

	*name = text_before(addr, sizeof(addr), text, '=');
	if (*name == NULL || **name == '\0')
		return (fault(f, FAULT_USAGE, "%s: \"%s\" is not NEXTHOP=NAME", where, text));
	if (addr_parse(hop, addr) != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is no address", where, addr));
	return (0);
}
