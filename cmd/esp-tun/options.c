/* The options of esp-tun, and their conversion to options of the data path. */
#include "crypto/crypto.h"
#include "esp/selftest.h"
#include "esp_tun.h"
#include "os/priv.h"

#define T struct tun_opts
const struct opt tun_optab[] = {
	OPT_TOOL("forward packets between a TUN device and IPsec, or decrypt captures"),
	OPT_USE("[OPTION]... [SA]..."),
	OPT_USE("--decrypt CAPTURE SA... -o CLEAR"),
	OPT_USE("--encrypt CLEAR SA... -o CAPTURE"),
	OPT_SECTION("Device"),
	{ .type = OPT_T_INCLUDE, .include = tun_dev_optab },
	OPT_LIST(T, addresses, 0, "address", "CIDR", "assign this address to the device"),
	OPT_STR(T, mtu_probe, 0, "mtu-probe", "ADDRESS",
	    "search the path MTU with echo requests to ADDRESS, behind the peer"),
	OPT_SECTION("Packets"),
	{ .type = OPT_T_INCLUDE, .include = tun_packet_optab },
	OPT_STR(T, pcap, 0, "pcap", "FILE",
	    "record outer packets in FILE (pcapng), '-' for standard output", .excl = 1),
	OPT_SECTION("Captures instead of a device"),
	OPT_STR(T, decrypt, 0, "decrypt", "CAPTURE",
	    "decrypt the packets of CAPTURE to -o FILE", .excl = 3),
	OPT_STR(T, encrypt, 0, "encrypt", "CAPTURE",
	    "encrypt the packets of CAPTURE to -o FILE", .excl = 3),
	OPT_OUTPUT(T, output, "pcapng file for --decrypt and --encrypt, '-' for standard output"),
	OPT_SECTION("Running"),
	OPT_STR(T, state_dir, 0, "state-dir", "DIR",
	    "directory of claims on SAs (root: /var/lib/sapipe, else $XDG_STATE_HOME/sapipe)"),
	OPT_STR(T, user, 0, "user", "NAME", "drop privileges to NAME after start-up (root: sapipe)"),
	OPT_FLAG(T, standby, 0, "standby",
	    "hold the SAs, and use them from SIGUSR2 or the takeover of ike-respond --standby on"),
	OPT_FLAG(T, pass, 0, "pass",
	    "write records of NHRP to standard output when the SAs before them are in use", .excl = 2),
	OPT_FLAG(T, with_input, 0, "end-with-input",
	    "exit when the input ends, instead of when the last SA expires"),
	OPT_NUM(T, ready_fd, 0, "ready-fd", "N", READY_FD_MIN, 65535,
	    "write a line to descriptor N once the first SA is in use", .flags = OPT_NO_DEFAULT),
	OPT_STR(T, control, 0, "control", "PATH", "listen on this Unix socket for sa-stat"),
	OPT_NUM(T, threads, 0, "threads", "N", 1, 2, "2: packets from the device have a thread of their own"),
	OPT_FLAG(T, stats, 0, "stats", "print counters on exit; SIGUSR1 prints them at any time"),
	OPT_ARGS(T, files, "SA", 0, SA_IN_MAX, "SA state; '-' or none: standard input"),
	OPT_END
};
#undef T

const struct esp_backend *const *
tun_backends(const struct tun_opts *o, struct fault *f)
{
	static const char *const names[] = { NULL, "ipsec-mb", "libcrypto" };
	static struct esp_choice c;		/* of this process */
	int rc = esp_choose(&c, esp_backends, names[o->backend], f);

	for (size_t i = 0; i < c.n_failed; i++)
		report_warn("%s %s computes wrong values on this machine: it is not used", c.failed[i]->name,
		    c.failed[i]->version());
	if (rc != 0)
		return (NULL);
	for (size_t i = 0; c.list[i] != NULL; i++)
		report_say(1, "bulk crypto%s by %s %s", i > 0 ? ", what is left," : "", c.list[i]->name, c.list[i]->version());
	return (c.list);
}

int
tun_settle(const struct tun_opts *o, struct datapath_opt *d, struct fault *f)
{
	const uint8_t dscp = (uint8_t)(o->dscp & 63);
	static struct hops hops;	/* of this process */
	uid_t uid;
	gid_t gid;
	size_t i;

	*d = (struct datapath_opt){ .tun = o->tun, .mtu = o->mtu, .route = o->route,
	    .local_lan = o->local_lan, .metric = o->metric, .hub = o->hub, .threads = o->threads,
	    .shared = o->standby, .block = o->block, .keeper = -1, .recorder = -1 };
	d->sadb = (struct sadb_config){ .sa = { .backends = tun_backends(o, f), .rand = rand_system,
	    .replay = o->replay == WINDOW_UNSET ? REPLAY_DEFAULT : o->replay,
	    .replay_force = o->replay != WINDOW_UNSET }, .dscp_mapped = o->dscp != DSCP_COPY || o->dscp_map != NULL,
	    .df_mode = o->df, .mss_mode = o->mss == MSS_CLAMP ? SADB_MSS_CLAMP :
	    o->mss == MSS_OFF ? SADB_MSS_OFF : SADB_MSS_FIXED, .mss = (uint16_t)o->mss };
	if (d->sadb.sa.backends == NULL)
		return (-1);
	dscp_map_init(&d->sadb.dscp, o->dscp != DSCP_COPY ? &dscp : NULL);
	if (o->dscp_map != NULL && dscp_map_parse(&d->sadb.dscp, o->dscp_map, f) != 0)
		return (-1);
	if (o->block && !o->route)
		return (fault(f, FAULT_USAGE, "--block-on-exit needs the routes that --no-route leaves out"));
	if (o->block && o->metric == ROUTE_BLOCK_METRIC)
		return (fault(f, FAULT_USAGE, "--metric %lu is that of the routes of --block-on-exit",
		    (unsigned long)ROUTE_BLOCK_METRIC));
	if (o->threads > 1 && o->hub)
		return (fault(f, FAULT_USAGE, "--threads 2 and --hub do not go together: one thread forwards between tunnels"));
	if (o->output != NULL)
		return (fault(f, FAULT_USAGE, "-o is for --decrypt and --encrypt"));
	if (o->pass && o->pcap != NULL && strcmp(o->pcap, "-") == 0)
		return (fault(f, FAULT_USAGE, "--pass and --pcap - both write to standard output"));
	if (o->addresses.n > DATAPATH_ADDRESSES)
		return (fault(f, FAULT_USAGE, "--address: at most %d of them", DATAPATH_ADDRESSES));
	for (i = 0; i < o->addresses.n; i++)
		if (tun_address_parse(&d->addresses[d->n_addresses++], o->addresses.v[i], f) != 0)
			return (-1);
	if (o->mtu_probe != NULL && addr_parse(&d->mtu_probe, o->mtu_probe) != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "--mtu-probe: \"%s\" is no address", o->mtu_probe));
	if (hops_read(&hops, &o->nhtb, f) != 0)
		return (-1);
	d->nhtb = hops.v;
	d->n_nhtb = hops.n;
	d->nhrp = o->nhrp != NULL;
	if (o->nhrp != NULL && (o->route || o->addresses.n == 0))
		return (fault(f, FAULT_USAGE, "--nhrp needs --no-route and --address: bindings make the routes"));
	/* A name that is wrong, before anything is done. */
	return (priv_user(o->user, &uid, &gid, f) < 0 ? -1 : 0);
}
