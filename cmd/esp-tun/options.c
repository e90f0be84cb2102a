/* The options of esp-tun, and their conversion to options of the data path. */
#include "crypto/crypto.h"
#include "esp_tun.h"
#include "os/priv.h"

static const struct opt_word window_words[] = { { "off", 0 }, { NULL, 0 } };
static const struct opt_word mss_words[] = { { "clamp", MSS_CLAMP }, { "off", MSS_OFF }, { NULL, 0 } };
static const struct opt_word dscp_words[] = { { "copy", DSCP_COPY }, { NULL, 0 } };

#define T struct tun_opts
const struct opt tun_optab[] = {
	OPT_TOOL("forward packets between a TUN device and IPsec, or decrypt captures"),
	OPT_USE("[OPTION]... [SA]..."),
	OPT_USE("--decrypt CAPTURE SA... -o CLEAR"),
	OPT_USE("--encrypt CLEAR SA... -o CAPTURE"),
	OPT_SECTION("Device"),
	OPT_STR(T, tun, 0, "tun", "NAME", "name of the TUN device (default: first free of vpn0, vpn1, ...)"),
	OPT_LIST(T, addresses, 0, "address", "CIDR", "assign this address to the device"),
	OPT_NUM(T, mtu, 0, "mtu", "N", 576, 65535, "MTU of the device (default: from the path MTU)",
	    .flags = OPT_NO_DEFAULT),
	OPT_PAIR(T, route, 0, "route", "add routes to the remote selectors, remove them on exit"),
	OPT_NUM(T, metric, 0, "metric", "N", 1, 4294967295, "metric of these routes; the lowest metric is used",
	    .flags = OPT_NO_DEFAULT),
	OPT_FLAG(T, block, 0, "block-on-exit",
	    "leave unreachable routes behind on every exit, so that nothing is sent in clear"),
	OPT_STR(T, script, 0, "script", "CMD",
	    "run CMD (sh -c) when the tunnel comes up and goes down, with vpnc-script's environment"),
	OPT_SECTION("Packets"),
	OPT_NUM(T, replay, 0, "replay-window", "N|off", 32, REPLAY_MAX,
	    "anti-replay window in packets (default: the SA's, else 1024)",
	    .words = window_words, .flags = OPT_NO_DEFAULT),
	OPT_NUM(T, mss, 0, "mss", "N|clamp|off", 64, 65535,
	    "limit the MSS of TCP connections to N; clamp: to the MTU", .words = mss_words),
	OPT_NUM(T, dscp, 0, "dscp", "copy|N", 0, 63, "DSCP of outer packets: copied from the inner packet, or N",
	    .words = dscp_words),
	OPT_STR(T, pcap, 0, "pcap", "FILE",
	    "record outer packets in FILE (pcapng), '-' for standard output", .excl = 1),
	OPT_SECTION("Captures instead of a device"),
	OPT_STR(T, decrypt, 0, "decrypt", "CAPTURE",
	    "decrypt the packets of CAPTURE to -o FILE", .excl = 1),
	OPT_STR(T, encrypt, 0, "encrypt", "CAPTURE",
	    "encrypt the packets of CAPTURE to -o FILE", .excl = 1),
	OPT_OUTPUT(T, output, "pcapng file for --decrypt and --encrypt, '-' for standard output"),
	OPT_SECTION("Running"),
	OPT_STR(T, state_dir, 0, "state-dir", "DIR",
	    "directory of claims on SAs (root: /var/lib/sapipe, else $XDG_STATE_HOME/sapipe)"),
	OPT_STR(T, user, 0, "user", "NAME", "drop privileges to NAME after start-up (root: sapipe)"),
	OPT_FLAG(T, with_input, 0, "end-with-input",
	    "exit when the input ends, instead of when the last SA expires"),
	OPT_FLAG(T, stats, 0, "stats", "print counters on exit; SIGUSR1 prints them at any time"),
	OPT_ARGS(T, files, "SA", 0, SA_IN_MAX, "SA state; '-' or none: standard input"),
	OPT_END
};
#undef T

/* "10.3.0.7/24" or a bare address: host bits are wanted here. */
static int
parse_address(struct route *r, const char *text, struct fault *f)
{
	char host[ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	uint64_t prefix;

	if (n >= sizeof(host))
		return (fault_because(f, CAUSE_TUNNEL_ADDRESS,
		    fault(f, FAULT_BAD_ADDRESS, "--address: \"%s\" is no address", text)));
	memcpy(host, text, n);
	host[n] = '\0';
	if (addr_parse(&r->net, host) != 0)
		return (fault_because(f, CAUSE_TUNNEL_ADDRESS,
		    fault(f, FAULT_BAD_ADDRESS, "--address: \"%s\" is no address", text)));
	prefix = 8 * addr_len(&r->net);
	if (slash != NULL && opt_number(&prefix, slash + 1, OPT_PLAIN, 0, prefix, "--address", f) != 0)
		return (-1);
	r->prefix = (uint8_t)prefix;
	return (0);
}

int
tun_settle(const struct tun_opts *o, struct datapath_opt *d, struct fault *f)
{
	uid_t uid;
	gid_t gid;
	size_t i;

	*d = (struct datapath_opt){ .tun = o->tun, .mtu = o->mtu, .route = o->route,
	    .metric = o->metric, .block = o->block, .keeper = -1, .recorder = -1 };
	d->sadb = (struct sadb_config){ .sa = { .backends = esp_backends, .rand = rand_system,
	    .replay = o->replay == WINDOW_UNSET ? REPLAY_DEFAULT : o->replay,
	    .replay_force = o->replay != WINDOW_UNSET }, .dscp_fixed = o->dscp != DSCP_COPY,
	    .dscp = (uint8_t)(o->dscp & 63), .mss_mode = o->mss == MSS_CLAMP ? SADB_MSS_CLAMP :
	    o->mss == MSS_OFF ? SADB_MSS_OFF : SADB_MSS_FIXED, .mss = (uint16_t)o->mss };
	if (o->block && !o->route)
		return (fault(f, FAULT_USAGE, "--block-on-exit needs the routes that --no-route leaves out"));
	if (o->block && o->metric == ROUTE_BLOCK_METRIC)
		return (fault(f, FAULT_USAGE, "--metric %lu is that of the routes of --block-on-exit",
		    (unsigned long)ROUTE_BLOCK_METRIC));
	if (o->output != NULL)
		return (fault(f, FAULT_USAGE, "-o is for --decrypt and --encrypt"));
	if (o->addresses.n > DATAPATH_ADDRESSES)
		return (fault(f, FAULT_USAGE, "--address: at most %d of them", DATAPATH_ADDRESSES));
	for (i = 0; i < o->addresses.n; i++)
		if (parse_address(&d->addresses[d->n_addresses++], o->addresses.v[i], f) != 0)
			return (-1);
	/* A name that is wrong, before anything is done. */
	return (priv_user(o->user, &uid, &gid, f) < 0 ? -1 : 0);
}
