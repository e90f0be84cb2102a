/*
 * Why things go wrong in the field and what to try. The first row that fits a fault wins, so special
 * rows come before general ones. Practitioners: add what you met. A new reason is a CAUSE in base/fault.h,
 * which the code that finds it adds to its fault.
 */
#include "cli/hints.h"

#include <errno.h>

#define PHASES(p)	(1U << PHASE_##p)
#define IN_MAIN		PHASES(MAIN)
#define IN_PHASE1	(PHASES(MAIN) | PHASES(AGGRESSIVE))
#define IN_QUICK	PHASES(QUICK)

/* Any fault of the code; one with that cause; with that errno; of that exchange and message (0: any). */
#define CODE(code, text)		{ FAULT_##code, CAUSE_NONE, 0, 0, 0, text }
#define CAUSE(code, cause, text)	{ FAULT_##code, CAUSE_##cause, 0, 0, 0, text }
#define SYS(code, sys, text)		{ FAULT_##code, CAUSE_NONE, sys, 0, 0, text }
#define AT(code, phases, message, text)	{ FAULT_##code, CAUSE_NONE, 0, IN_##phases, message, text }

const struct hint hints[] = {
	/* usage and configuration */
	SYS(USAGE, ENOENT, ""),
	CAUSE(USAGE, EVENTS_TERMINAL, "vpnmon --format cbor ... | sa-show"),
	CAUSE(USAGE, STATE_TERMINAL,
	    "ike-initiate ... | sa-show shows records, ike-initiate ... | esp-tun uses them, -o FILE keeps them"),
	CAUSE(CONFIG, INI_LINE,
	    "a peers file has a [section] for each, with lines such as psk-file = gw.psk: see the tool's man page"),
	CAUSE(BAD_PROPOSAL, IKE_PROPOSAL,
	    "phase 1 wants cipher-hash-group, as in aes256-sha256-modp2048; several separated by commas"),
	CAUSE(BAD_PROPOSAL, AH_PROPOSAL,
	    "AH wants integrity and, for PFS, a group, as in sha256 or sha1-modp1024"),
	CAUSE(BAD_PROPOSAL, ESP_PROPOSAL,
	    "phase 2 wants cipher-integrity, as in aes128-sha256 or aes128gcm16; a trailing group means PFS"),
	CAUSE(BAD_ADDRESS, UNKNOWN_HOST,
	    "the resolver does not know the name: is it spelled right? an address will do"),
	CAUSE(BAD_ADDRESS, NOT_NUMERIC,
	    "an address as 10.2.0.1 or 2001:db8::1; names are not looked up"),
	CAUSE(BAD_ADDRESS, TUNNEL_ADDRESS,
	    "an own address inside the tunnel, as 10.1.0.1 or 10.1.0.1/24"),
	CAUSE(BAD_ADDRESS, HOST_BITS,
	    "the network of 10.1.0.5 with 24 bits is 10.1.0.0/24; the host alone is 10.1.0.5"),
	SYS(BAD_ADDRESS, EADDRNOTAVAIL,
	    "this machine does not have that address: ip addr lists those it has"),
	CAUSE(BAD_ADDRESS, BAD_PORT, "ADDRESS:PORT, or [2001:db8::1]:PORT for IPv6"),
	CAUSE(BAD_ADDRESS, OWN_ADDRESS,
	    "name the gateway; for a try on one machine give one end another --local address"),
	CODE(BAD_ADDRESS,
	    "addresses are 192.0.2.1, 2001:db8::1, [2001:db8::1]:500 or a host name; networks 10.1.0.0/24 with no host bits set"),
	CODE(BAD_ID,
	    "IDs are 192.0.2.1, 10.0.0.0/8, gw.example, alice@example, \"C=CH, O=x, CN=y\" or keyid:HEX"),
	CAUSE(SECRET_FILE, NO_TERMINAL,
	    "--psk-file names a file; also '-' for standard input, fd:N, or env:NAME"),
	SYS(SECRET_FILE, ENOENT,
	    "the secret is read from a file (--psk-file gw.psk), '-' for standard input, env:NAME, or tty"),
	SYS(SECRET_FILE, EACCES,
	    "who owns the file, and who runs this tool? ls -l shows it; mode 0600 and the same user are right"),
	CAUSE(SECRET_FILE, NOT_HEX,
	    "hex is pairs of 0-9a-f, with or without 0x; if the secret is plain text, say --psk-format raw"),
	CAUSE(SECRET_FILE, NOT_BASE64,
	    "base64 may have 0s in front and '=' behind; if the secret is plain text, say --psk-format raw"),
	CODE(NO_LEGACY_PROVIDER,
	    "single DES lives in OpenSSL's legacy provider: install it (Debian: package openssl-provider-legacy or libssl3) or name a stronger cipher"),
	CAUSE(STALE_SA, EXPIRED, "the lifetime of the SA is over: negotiate a new one (ike-initiate --phase2)"),
	CODE(STALE_SA,
	    "a record without a claim from this boot may have sent packets already; negotiate a new one (ike-initiate --phase2)"),

	CAUSE(PROTOCOL, NO_HEARTBEATS,
	    "both ends have to be told: ike-initiate --keep --heartbeat 5, ike-respond --heartbeat 5; without, dpd-ping asks with R-U-THERE"),

	/* this machine */
	CAUSE(PERMISSION, TUN,
	    "a TUN device needs CAP_NET_ADMIN: run as root, or inside unshare -Urn for a try"),
	CAUSE(PERMISSION, UDP_PORT,
	    "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, or choose a port with --local ADDR:PORT"),
	CAUSE(PERMISSION, RAW_SOCKET,
	    "raw ESP needs CAP_NET_RAW: run as root, or negotiate UDP encapsulation with --natt force"),
	CAUSE(PERMISSION, STATE_DIR,
	    "the directory of claims must be the user's own and writable: --state-dir names another"),
	CAUSE(PERMISSION, ROUTES,
	    "routes need CAP_NET_ADMIN: run as root, or leave them alone with --routes keep"),
	CAUSE(PERMISSION, ICMP_SOCKET,
	    "ICMP echo needs CAP_NET_RAW, or the user's group in net.ipv4.ping_group_range: run as root"),
	CAUSE(PERMISSION, MARK, "marking packets needs CAP_NET_ADMIN: run as root"),
	CODE(PERMISSION, "this needs rights that the user lacks: run as root"),
	SYS(DEVICE, ENOENT, "is the tun module loaded? modprobe tun; ls -l /dev/net/tun"),
	CAUSE(DEVICE, NAME_IN_USE,
	    "an interface of that name is in use: ip link shows it; choose another --tun name"),
	CODE(PORT_TAKEN,
	    "another IKE daemon (charon, pluto, racoon) or another user's tool holds the port: ss -ulpn shows it; stop it or use --local ADDR:PORT"),
	CODE(CLAIMED,
	    "two senders on one SA would repeat sequence numbers and nonces: end the other esp-tun, or negotiate an SA of its own"),
	CODE(READER_GONE,
	    "the program that read our output ended first; its own message is the one to look for"),
	CODE(MEMORY, "short of memory, or of locked memory for keys: ulimit -l raises it"),
	SYS(SYSTEM, ENOSPC, "the disk is full: df shows it"),
	SYS(SYSTEM, ENETUNREACH, "there is no route to the peer: ip route get ADDRESS shows it"),
	CAUSE(UNREACHABLE, NOT_SHARED,
	    "no negotiator or data path of this SA runs here: start ike-initiate --keep or ike-respond, or name a port of your own"),
	CAUSE(UNREACHABLE, RESOLVER,
	    "the resolver does not answer: try the address in place of the name, and look at /etc/resolv.conf"),
	SYS(UNREACHABLE, EHOSTUNREACH,
	    "the next hop does not answer: ip route get ADDRESS and ip neigh show it"),
	SYS(UNREACHABLE, EADDRNOTAVAIL,
	    "this machine does not have that address: ip addr lists those it has"),
	SYS(UNREACHABLE, EINVAL,
	    "that source address cannot reach the peer: --local names another"),
	SYS(UNREACHABLE, ENETUNREACH,
	    "there is no route to the peer: ip route get ADDRESS shows it"),
	SYS(SYSTEM, EADDRNOTAVAIL,
	    "this machine does not have that address: ip addr lists those it has"),
	SYS(SYSTEM, EMFILE, "out of descriptors: ulimit -n raises it"),

	/* data */
	CODE(WRONG_VERSION,
	    "the state was written by another version of sapipe; negotiate again with this one"),
	CAUSE(TRUNCATED, NOT_CAPTURED,
	    "were UDP 500 and 4500 captured from the beginning on? ike-trace CAPTURE shows what is there"),
	CAUSE(TRUNCATED, NOT_ALL_CAPTURED,
	    "the capture begins too late, ends too early or lost packets: ike-trace CAPTURE shows what is there"),
	CODE(TRUNCATED,
	    "the file ends in the middle of a record: was the writer stopped, or the disk full?"),
	CODE(BAD_RECORD,
	    "is this SA state (the output of ike-initiate)? sa-show --format diag shows what can be read"),
	CAUSE(TOO_LARGE, RECORD_SIZE, "a record is 64 KiB at most; this is hardly SA state"),

	/* the peer */
	AT(NO_REPLY, QUICK, 0,
	    "phase 1 stands, so address and secret are right: look for networks (proxy IDs) and PFS in the peer's log"),
	AT(NO_REPLY, PHASE1, 6,
	    "the peer went silent after our identity: a different pre-shared key, or an ID that it does not know (--local-id); its log says which"),
	AT(NO_REPLY, PHASE1, 4,
	    "the peer accepted the proposal, then fell silent: fragments dropped on the way (large groups), UDP 4500 filtered, or another secret"),
	AT(NO_REPLY, PHASE1, 2,
	    "wrong address, UDP 500 filtered on the way, no IKEv1 there, or a peer that ignores unknown addresses and IDs (try the other --exchange); its log says which"),
	CODE(NO_REPLY,
	    "no answer: gateway down, UDP 500 or 4500 filtered on the way, or an idle NAT mapping that was dropped"),
	CODE(UNREACHABLE,
	    "does the gateway speak IKE, and is this its address? a firewall that rejects UDP 500 looks the same"),
	AT(NO_PROPOSAL, QUICK, 0,
	    "proposal mismatch in phase 2: cipher, integrity and PFS group must be the peer's (--esp aes128-sha1-modp1024); mode and networks can cause it too"),
	CODE(NO_PROPOSAL,
	    "proposal mismatch: cipher, hash, group, authentication and exchange (main or aggressive) must be the peer's: name them with --ike"),
	AT(WRONG_PSK, MAIN, 0,
	    "the secrets differ: look for a newline or blanks in the file and at --psk-format; in main mode the peer picks the key by our address, so a dynamic address or NAT makes it pick another (use --exchange aggressive with IDs)"),
	CODE(WRONG_PSK,
	    "the secrets differ: a newline or blanks in the file, --psk-format (hex or text?), or the key of another peer: main mode picks it by address, which a dynamic address or NAT changes"),
	CAUSE(PROTOCOL, VALUES_DIFFER,
	    "begin at the first: one of its inputs (the key, the state, a private value) is not that of this exchange; --explain shows them"),
	CODE(AUTH_FAILED,
	    "the peer's proof does not check: another secret, or a peer ID that is not the one expected (--remote-id)"),
	CODE(ID_MISMATCH,
	    "the peer calls itself otherwise: set --remote-id to what it sent, or its own ID to what is expected; behind NAT it may send its private address"),
	CODE(TS_MISMATCH,
	    "proxy IDs must be equal on both sides, networks and masks: our --local-ts is the peer's remote network and the reverse"),
	CODE(PFS_MISMATCH,
	    "one side wants perfect forward secrecy: add the peer's group to --esp (aes128-sha256-modp2048), or leave it out"),
	CODE(NATT_MISMATCH,
	    "there is a NAT on the way and no common NAT traversal: open UDP 4500 and switch NAT-T on at the gateway"),
	CODE(UNKNOWN_PEER,
	    "no section of the peers file fits: main mode goes by the peer's address (behind NAT: the NAT's), aggressive mode by its ID"),
	CODE(NO_IKE_SA,
	    "the state must hold an ike-sa that has not expired or been deleted: ike-initiate --phase1 makes one, sa-show shows what is there"),
	CODE(NO_CHILD,
	    "the state holds no child-sa: was phase 2 left out? ike-initiate --phase2 makes one"),
	CAUSE(PEER_NOTIFY, NOTIFY_COOKIE,
	    "the peer no longer has this phase 1 SA: it was restarted or expired; negotiate anew"),
	CAUSE(PEER_NOTIFY, NOTIFY_PAYLOAD,
	    "the peer could not read our message: often a different secret (it decrypts to nonsense there)"),
	CODE(PEER_NOTIFY, "the peer refused; its log says why"),
};
const size_t hints_n = sizeof(hints) / sizeof(hints[0]);

const struct hint *
hint_row(const struct fault *f)
{
	const struct hint *h;

	for (h = hints; h < hints + hints_n; h++)
		if (h->code == f->code && (h->cause == CAUSE_NONE || h->cause == f->cause) &&
		    (h->sys == 0 || h->sys == f->sys) &&
		    (h->phases == 0 || (h->phases >> f->phase & 1) != 0) &&
		    (h->message == 0 || h->message == f->message))
			return (h);
	return (NULL);
}

const char *
hint_for(const struct fault *f)
{
	const struct hint *h = hint_row(f);

	return (h != NULL ? h->text : NULL);
}
