/*
 * Why things go wrong in the field and what to try: one row per cause. The first row that fits
 * the fault's code, place and system error wins, so special rows stand before general ones.
 * Practitioners: add what you met; a row needs no code.
 */
#include <errno.h>

#include "cli/report.h"

struct hint {
	enum fault_code	code;
	const char	*where;		/* contained in fault.where or fault.what, or NULL: anywhere */
	int		sys;		/* errno, or 0: any */
	const char	*text;
};

static const struct hint hints[] = {
	/* usage and configuration */
	{ FAULT_USAGE, "cannot open", ENOENT, "" },
	{ FAULT_USAGE, "CBOR is not for people", 0, "vpnmon --format cbor ... | sa-show" },
	{ FAULT_USAGE, "is a terminal", 0,
	  "ike-initiate ... | sa-show shows records, ike-initiate ... | esp-tun uses them, -o FILE keeps them" },
	{ FAULT_CONFIG, "neither [section]", 0,
	  "a peers file has a [section] for each, with lines such as psk-file = gw.psk: see the tool's man page" },
	{ FAULT_BAD_PROPOSAL, "phase 1", 0,
	  "phase 1 wants cipher-hash-group, as in aes256-sha256-modp2048; several separated by commas" },
	{ FAULT_BAD_PROPOSAL, "--ike", 0,
	  "phase 1 wants cipher-hash-group, as in aes256-sha256-modp2048; several separated by commas" },
	{ FAULT_BAD_PROPOSAL, "--ah", 0,
	  "AH wants integrity and, for PFS, a group, as in sha256 or sha1-modp1024" },
	{ FAULT_BAD_PROPOSAL, NULL, 0,
	  "phase 2 wants cipher-integrity, as in aes128-sha256 or aes128gcm16; a trailing group means PFS" },
	{ FAULT_BAD_ADDRESS, "no address for", 0,
	  "the resolver does not know the name: is it spelled right? an address will do" },
	{ FAULT_BAD_ADDRESS, "DEST", 0, "an address as 10.2.0.1 or 2001:db8::1; names are not looked up" },
	{ FAULT_BAD_ADDRESS, "dest", 0, "an address as 10.2.0.1 or 2001:db8::1; names are not looked up" },
	{ FAULT_BAD_ADDRESS, "--address", 0, "an own address inside the tunnel, as 10.1.0.1 or 10.1.0.1/24" },
	{ FAULT_BAD_ADDRESS, "bits set", 0,
	  "the network of 10.1.0.5 with 24 bits is 10.1.0.0/24; the host alone is 10.1.0.5" },
	{ FAULT_BAD_ADDRESS, NULL, EADDRNOTAVAIL, "this machine does not have that address: ip addr lists those it has" },
	{ FAULT_BAD_ADDRESS, "port", 0, "ADDRESS:PORT, or [2001:db8::1]:PORT for IPv6" },
	{ FAULT_BAD_ADDRESS, "this end", 0, "name the gateway; for a try on one machine give one end another --local address" },
	{ FAULT_BAD_ADDRESS, NULL, 0,
	  "addresses are 192.0.2.1, 2001:db8::1, [2001:db8::1]:500 or a host name; networks 10.1.0.0/24 with no host bits set" },
	{ FAULT_BAD_ID, NULL, 0,
	  "IDs are 192.0.2.1, 10.0.0.0/8, gw.example, alice@example, \"C=CH, O=x, CN=y\" or keyid:HEX" },
	{ FAULT_SECRET_FILE, "no terminal", 0,
	  "--psk-file names a file; also '-' for standard input, fd:N, or env:NAME" },
	{ FAULT_SECRET_FILE, NULL, ENOENT,
	  "the secret is read from a file (--psk-file gw.psk), '-' for standard input, env:NAME, or tty" },
	{ FAULT_SECRET_FILE, NULL, EACCES,
	  "who owns the file, and who runs this tool? ls -l shows it; mode 0600 and the same user are right" },
	{ FAULT_SECRET_FILE, "hex", 0,
	  "hex is pairs of 0-9a-f, with or without 0x; if the secret is plain text, say --psk-format raw" },
	{ FAULT_SECRET_FILE, "base64", 0,
	  "base64 may have 0s in front and '=' behind; if the secret is plain text, say --psk-format raw" },
	{ FAULT_NO_LEGACY_PROVIDER, NULL, 0,
	  "single DES lives in OpenSSL's legacy provider: install it (Debian: package openssl-provider-legacy or libssl3) or name a stronger cipher" },
	{ FAULT_STALE_SA, NULL, 0,
	  "a record without a claim from this boot may have sent packets already; negotiate a new one (ike-initiate --phase2)" },

	{ FAULT_PROTOCOL, "not announced heartbeats", 0,
	  "both ends have to be told: ike-initiate --keep --heartbeat 5, ike-respond --heartbeat 5; without, dpd-ping asks with R-U-THERE" },

	/* this machine */
	{ FAULT_PERMISSION, "tun", 0,
	  "a TUN device needs CAP_NET_ADMIN: run as root, or inside unshare -Urn for a try" },
	{ FAULT_PERMISSION, "TUN", 0,
	  "a TUN device needs CAP_NET_ADMIN: run as root, or inside unshare -Urn for a try" },
	{ FAULT_PERMISSION, "UDP", 0,
	  "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, or choose a port with --local ADDR:PORT" },
	{ FAULT_PERMISSION, "raw socket", 0,
	  "raw ESP needs CAP_NET_RAW: run as root, or negotiate UDP encapsulation with --natt force" },
	{ FAULT_PERMISSION, "state directory", 0,
	  "the directory of claims must be the user's own and writable: --state-dir names another" },
	{ FAULT_PERMISSION, "change routes", 0,
	  "routes need CAP_NET_ADMIN: run as root, or leave them alone with --routes keep" },
	{ FAULT_PERMISSION, "ICMP echo", 0,
	  "ICMP echo needs CAP_NET_RAW, or the user's group in net.ipv4.ping_group_range: run as root" },
	{ FAULT_PERMISSION, "mark", 0, "marking packets needs CAP_NET_ADMIN: run as root" },
	{ FAULT_PERMISSION, NULL, 0, "this needs rights that the user lacks: run as root" },
	{ FAULT_DEVICE, NULL, ENOENT, "is the tun module loaded? modprobe tun; ls -l /dev/net/tun" },
	{ FAULT_DEVICE, "in use", 0, "an interface of that name is in use: ip link shows it; choose another --tun name" },
	{ FAULT_PORT_TAKEN, NULL, 0,
	  "another IKE daemon (charon, pluto, racoon) or another user's tool holds the port: ss -ulpn shows it; stop it or use --local ADDR:PORT" },
	{ FAULT_CLAIMED, NULL, 0,
	  "two senders on one SA would repeat sequence numbers and nonces: end the other esp-tun, or negotiate an SA of its own" },
	{ FAULT_READER_GONE, NULL, 0, "the program that read our output ended first; its own message is the one to look for" },
	{ FAULT_MEMORY, NULL, 0, "short of memory, or of locked memory for keys: ulimit -l raises it" },
	{ FAULT_SYSTEM, NULL, ENOSPC, "the disk is full: df shows it" },
	{ FAULT_SYSTEM, NULL, ENETUNREACH, "there is no route to the peer: ip route get ADDRESS shows it" },
	{ FAULT_UNREACHABLE, "shares", 0,
	  "no negotiator or data path of this SA runs here: start ike-initiate --keep or ike-respond, or name a port of your own" },
	{ FAULT_UNREACHABLE, "cannot look up", 0,
	  "the resolver does not answer: try the address in place of the name, and look at /etc/resolv.conf" },
	{ FAULT_UNREACHABLE, NULL, EHOSTUNREACH, "the next hop does not answer: ip route get ADDRESS and ip neigh show it" },
	{ FAULT_UNREACHABLE, NULL, EADDRNOTAVAIL, "this machine does not have that address: ip addr lists those it has" },
	{ FAULT_UNREACHABLE, NULL, EINVAL, "that source address cannot reach the peer: --local names another" },
	{ FAULT_UNREACHABLE, NULL, ENETUNREACH, "there is no route to the peer: ip route get ADDRESS shows it" },
	{ FAULT_SYSTEM, NULL, EADDRNOTAVAIL, "this machine does not have that address: ip addr lists those it has" },
	{ FAULT_SYSTEM, NULL, EMFILE, "out of descriptors: ulimit -n raises it" },

	/* data */
	{ FAULT_WRONG_VERSION, NULL, 0, "the state was written by another version of sapipe; negotiate again with this one" },
	{ FAULT_TRUNCATED, "the capture holds no", 0,
	  "were UDP 500 and 4500 captured from the beginning on? ike-trace CAPTURE shows what is there" },
	{ FAULT_TRUNCATED, "is not there up to", 0,
	  "the capture begins too late, ends too early or lost packets: ike-trace CAPTURE shows what is there" },
	{ FAULT_TRUNCATED, NULL, 0, "the file ends in the middle of a record: was the writer stopped, or the disk full?" },
	{ FAULT_BAD_RECORD, NULL, 0, "is this SA state (the output of ike-initiate)? sa-show --format diag shows what can be read" },
	{ FAULT_TOO_LARGE, "record", 0, "a record is 64 KiB at most; this is hardly SA state" },

	/* the peer */
	{ FAULT_NO_REPLY, "quick mode", 0,
	  "phase 1 stands, so address and secret are right: look for networks (proxy IDs) and PFS in the peer's log" },
	{ FAULT_NO_REPLY, "to message 5", 0,
	  "the peer went silent after our identity: a different pre-shared key, or an ID that it does not know (--local-id); its log says which" },
	{ FAULT_NO_REPLY, "to message 3", 0,
	  "the peer accepted the proposal, then fell silent: fragments dropped on the way (large groups), UDP 4500 filtered, or another secret" },
	{ FAULT_NO_REPLY, "to message 1", 0,
	  "wrong address, UDP 500 filtered on the way, no IKEv1 there, or a peer that ignores unknown addresses and IDs (try the other --exchange); its log says which" },
	{ FAULT_NO_REPLY, NULL, 0,
	  "no answer: gateway down, UDP 500 or 4500 filtered on the way, or an idle NAT mapping that was dropped" },
	{ FAULT_UNREACHABLE, NULL, 0,
	  "does the gateway speak IKE, and is this its address? a firewall that rejects UDP 500 looks the same" },
	{ FAULT_NO_PROPOSAL, "quick mode", 0,
	  "proposal mismatch in phase 2: cipher, integrity and PFS group must be the peer's (--esp aes128-sha1-modp1024); mode and networks can cause it too" },
	{ FAULT_NO_PROPOSAL, NULL, 0,
	  "proposal mismatch: cipher, hash, group, authentication and exchange (main or aggressive) must be the peer's: name them with --ike" },
	{ FAULT_WRONG_PSK, "main mode", 0,
	  "the secrets differ: look for a newline or blanks in the file and at --psk-format; in main mode the peer picks the key by our address, so a dynamic address or NAT makes it pick another (use --exchange aggressive with IDs)" },
	{ FAULT_WRONG_PSK, NULL, 0,
	  "the secrets differ: a newline or blanks in the file, --psk-format (hex or text?), or the key of another peer: main mode picks it by address, which a dynamic address or NAT changes" },
	{ FAULT_PROTOCOL, "of the values differ", 0,
	  "begin at the first: one of its inputs (the key, the state, a private value) is not that of this exchange; --explain shows them" },
	{ FAULT_AUTH_FAILED, NULL, 0,
	  "the peer's proof does not check: another secret, or a peer ID that is not the one expected (--remote-id)" },
	{ FAULT_ID_MISMATCH, NULL, 0,
	  "the peer calls itself otherwise: set --remote-id to what it sent, or its own ID to what is expected; behind NAT it may send its private address" },
	{ FAULT_TS_MISMATCH, NULL, 0,
	  "proxy IDs must be equal on both sides, networks and masks: our --local-ts is the peer's remote network and the reverse" },
	{ FAULT_PFS_MISMATCH, NULL, 0,
	  "one side wants perfect forward secrecy: add the peer's group to --esp (aes128-sha256-modp2048), or leave it out" },
	{ FAULT_NATT_MISMATCH, NULL, 0,
	  "there is a NAT on the way and no common NAT traversal: open UDP 4500 and switch NAT-T on at the gateway" },
	{ FAULT_UNKNOWN_PEER, NULL, 0,
	  "no section of the peers file fits: main mode goes by the peer's address (behind NAT: the NAT's), aggressive mode by its ID" },
	{ FAULT_NO_IKE_SA, NULL, 0,
	  "the state must hold an ike-sa that has not expired or been deleted: ike-initiate --phase1 makes one, sa-show shows what is there" },
	{ FAULT_NO_CHILD, NULL, 0,
	  "the state holds no child-sa: was phase 2 left out? ike-initiate --phase2 makes one" },
	{ FAULT_PEER_NOTIFY, "INVALID-ID-INFORMATION", 0,
	  "proxy ID mismatch: --local-ts and --remote-ts must mirror the peer's networks, masks and all; with the wrong gateway address the peer says so too" },
	{ FAULT_PEER_NOTIFY, "INVALID_ID_INFORMATION", 0,
	  "proxy ID mismatch: --local-ts and --remote-ts must mirror the peer's networks, masks and all; with the wrong gateway address the peer says so too" },
	{ FAULT_PEER_NOTIFY, "PROPOSAL", 0,
	  "proposal mismatch: name the peer's algorithms with --ike or --esp" },
	{ FAULT_PEER_NOTIFY, "AUTHENTICATION", 0,
	  "the peer did not accept our proof: secret or --local-id differ from what it has for us" },
	{ FAULT_PEER_NOTIFY, "INVALID-COOKIE", 0,
	  "the peer no longer has this phase 1 SA: it was restarted or expired; negotiate anew" },
	{ FAULT_PEER_NOTIFY, "PAYLOAD", 0,
	  "the peer could not read our message: often a different secret (it decrypts to nonsense there)" },
	{ FAULT_PEER_NOTIFY, NULL, 0, "the peer refused; its log says why" },
};

const char *
hint_for(const struct fault *f)
{
	const struct hint *h;
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		h = &hints[i];
		if (h->code == f->code && (h->sys == 0 || h->sys == f->sys) &&
		    (h->where == NULL || strstr(f->where, h->where) != NULL ||
		    strstr(f->what, h->where) != NULL))
			return (h->text);
	}
	return (NULL);
}
