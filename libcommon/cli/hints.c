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
	CAUSE(USAGE, PEER_AS_FILE,
	    "the argument is a file with SA state; to ask a peer without SA state: dpd-ping --peer PEER"),
	SYS(USAGE, ENOENT, ""),
	CAUSE(USAGE, EVENTS_TERMINAL, "vpnmon --format cbor ... | sa-show"),
	CAUSE(USAGE, STATE_TERMINAL,
	    "SA state is read from a pipe or a file: | sa-show prints it, | esp-tun uses it, -o FILE stores it"),
	CAUSE(CONFIG, INI_LINE,
	    "a peers file has a [section] for each peer, with lines such as psk-file = gw.psk: see the tool's man page"),
	CAUSE(CONFIG, NO_CA,
	    "--ca names the authority that issued the peer's certificate; a self-signed certificate of the peer is --peer-cert, or its hash --peer-cert-hash"),
	CAUSE(BAD_PROPOSAL, IKE_PROPOSAL,
	    "a phase 1 proposal is cipher-hash-group, for example aes256-sha256-modp2048; separate several by commas"),
	CAUSE(BAD_PROPOSAL, AH_PROPOSAL,
	    "an AH proposal is an integrity algorithm and, for PFS, a group: sha256 or sha1-modp1024"),
	CAUSE(BAD_PROPOSAL, ESP_PROPOSAL,
	    "a phase 2 proposal is cipher-integrity, for example aes128-sha256 or aes128gcm16; a group at the end means PFS"),
	CAUSE(BAD_ADDRESS, UNKNOWN_HOST,
	    "the resolver does not know the name: check the spelling, or use the address"),
	CAUSE(BAD_ADDRESS, NOT_NUMERIC,
	    "this must be an address such as 10.2.0.1 or 2001:db8::1; names are not resolved"),
	CAUSE(BAD_ADDRESS, TUNNEL_ADDRESS,
	    "this must be the address of the tunnel device, for example 10.1.0.1 or 10.1.0.1/24"),
	CAUSE(BAD_ADDRESS, HOST_BITS,
	    "the network of 10.1.0.5 with 24 bits is 10.1.0.0/24; the host alone is 10.1.0.5"),
	SYS(BAD_ADDRESS, EADDRNOTAVAIL,
	    "this machine does not have that address: ip addr lists its addresses"),
	CAUSE(BAD_ADDRESS, BAD_PORT, "ADDRESS:PORT, or [2001:db8::1]:PORT for IPv6"),
	CAUSE(BAD_ADDRESS, OWN_ADDRESS,
	    "use the address of the gateway; to test on one machine, give one end another --local address"),
	CAUSE(BAD_ADDRESS, NO_PEER, "the address of one gateway, such as 203.0.113.2"),
	CAUSE(BAD_ADDRESS, SCOPE,
	    "a link-local address exists on each interface: fe80::2%eth0 names the one that is meant"),
	CAUSE(BAD_ADDRESS, OWN_DEST,
	    "give an address behind the far end that answers ICMP echo, for example the peer's inner address"),
	CODE(BAD_ADDRESS,
	    "an address is 192.0.2.1, 2001:db8::1, [2001:db8::1]:500 or a host name; a network is 10.1.0.0/24 with no host bits set"),
	CODE(BAD_ID,
	    "an ID is 192.0.2.1, 10.0.0.0/8, gw.example, alice@example, \"C=CH, O=x, CN=y\" or keyid:HEX"),
	CAUSE(SECRET_FILE, PASSPHRASE,
	    "--key-passphrase names a file with the passphrase; also fd:N, env:NAME or tty"),
	CAUSE(SECRET_FILE, NO_TERMINAL,
	    "--psk-file names a file; also '-' for standard input, fd:N, or env:NAME"),
	SYS(SECRET_FILE, ENOENT,
	    "the secret is read from a file (--psk-file gw.psk), '-' for standard input, env:NAME, or tty"),
	SYS(SECRET_FILE, EACCES,
	    "the user that runs this tool must own the file, with mode 0600: ls -l shows both"),
	CAUSE(SECRET_FILE, NOT_HEX,
	    "hex is pairs of 0-9a-f, with or without 0x; if the secret is plain text, use --psk-format raw"),
	CAUSE(SECRET_FILE, NOT_BASE64,
	    "base64 may start with 0s and end with '='; if the secret is plain text, use --psk-format raw"),
	CODE(NO_LEGACY_PROVIDER,
	    "single DES is in OpenSSL's legacy provider: install it (Debian: package openssl-provider-legacy or libssl3) or use a stronger cipher"),
	CAUSE(STALE_SA, EXPIRED, "the lifetime of the SA is over: negotiate a new one (ike-initiate --phase2)"),
	CODE(STALE_SA,
	    "packets may have been sent with this SA before the reboot: negotiate a new one (ike-initiate --phase2)"),

	CAUSE(PROTOCOL, NO_HEARTBEATS,
	    "both ends need the option: ike-initiate --keep --heartbeat 5, ike-respond --heartbeat 5; without --heartbeat, dpd-ping sends R-U-THERE"),

	/* this machine */
	CAUSE(PERMISSION, TUN,
	    "a TUN device needs CAP_NET_ADMIN: run as root, or under unshare -Urn for a test"),
	CAUSE(PERMISSION, UDP_PORT,
	    "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, or use another port: --local ADDR:PORT"),
	CAUSE(PERMISSION, RAW_SOCKET,
	    "raw ESP needs CAP_NET_RAW: run as root, or negotiate UDP encapsulation with --natt force"),
	CAUSE(PERMISSION, STATE_DIR,
	    "this user must own the state directory and be able to write to it: --state-dir names another"),
	CAUSE(PERMISSION, ROUTES,
	    "routes need CAP_NET_ADMIN: run as root, or change none with --routes keep"),
	CAUSE(PERMISSION, ICMP_SOCKET,
	    "ICMP echo needs CAP_NET_RAW: run as root, or add the user's group to net.ipv4.ping_group_range"),
	CAUSE(PERMISSION, MARK, "marking packets needs CAP_NET_ADMIN: run as root"),
	CODE(PERMISSION, "this user does not have the permission: run as root"),
	SYS(DEVICE, ENOENT, "is the tun module loaded? modprobe tun; ls -l /dev/net/tun"),
	CAUSE(DEVICE, NAME_IN_USE,
	    "an interface of that name is in use: ip link shows it; choose another --tun name"),
	CODE(PORT_TAKEN,
	    "another IKE daemon (charon, pluto, racoon) or another user's tool uses the port: ss -ulpn shows it; stop it or use --local ADDR:PORT"),
	CODE(CLAIMED,
	    "two senders on one SA would repeat sequence numbers and nonces: stop the other esp-tun, or negotiate another SA"),
	CAUSE(READER_GONE, REPORT, ""),
	CODE(READER_GONE,
	    "the program that reads the output ended first: look for its error message"),
	CODE(MEMORY, "memory is short, or locked memory for keys: ulimit -l raises the limit"),
	SYS(SYSTEM, ENOSPC, "the disk is full: df shows it"),
	SYS(SYSTEM, ENETUNREACH, "there is no route to the peer: check with ip route get ADDRESS"),
	CAUSE(UNREACHABLE, NOT_SHARED,
	    "no tool with this SA runs on this machine: start ike-initiate --keep or ike-respond, or use another port"),
	CAUSE(SYSTEM, RESOLVER,
	    "the resolver does not answer: use the address instead of the name, and check /etc/resolv.conf"),
	SYS(UNREACHABLE, EHOSTUNREACH,
	    "the next hop does not answer: check with ip route get ADDRESS and ip neigh"),
	SYS(UNREACHABLE, EADDRNOTAVAIL,
	    "this machine does not have that address: ip addr lists its addresses"),
	SYS(UNREACHABLE, EINVAL,
	    "that source address cannot reach the peer: --local names another"),
	SYS(UNREACHABLE, ENETUNREACH,
	    "there is no route to the peer: check with ip route get ADDRESS"),
	SYS(SYSTEM, EADDRNOTAVAIL,
	    "this machine does not have that address: ip addr lists its addresses"),
	SYS(SYSTEM, EMFILE, "there are no file descriptors left: ulimit -n raises the limit"),

	/* data */
	CODE(WRONG_VERSION,
	    "another version of sapipe wrote the state: negotiate again with this one"),
	CAUSE(TRUNCATED, NOT_CAPTURED,
	    "check that UDP 500 and 4500 were captured from the start: ike-trace CAPTURE shows the messages"),
	CAUSE(TRUNCATED, NOT_ALL_CAPTURED,
	    "the capture begins too late, ends too early or lost packets: ike-trace CAPTURE shows the messages"),
	CODE(TRUNCATED,
	    "the file ends in the middle of a record: the writer was stopped, or the disk is full"),
	CAUSE(BAD_RECORD, OTHER_KEYS,
	    "the input mixes two negotiations that chose the same SPI: use one state file only, or negotiate again"),
	CAUSE(MALFORMED, CLAIM,
	    "numbers of an SA must not be used twice: negotiate a new SA (ike-initiate --phase2), and use another --state-dir or restore this one"),
	CODE(BAD_RECORD,
	    "check that this is SA state (the output of ike-initiate): sa-show --format diag shows what can be read"),
	CAUSE(TOO_LARGE, RECORD_SIZE, "a record has 64 KiB at most: this is probably not SA state"),

	/* the peer */
	CAUSE(NO_REPLY, NATT_PORT,
	    "the peer's port for NAT traversal is not that one: --natt-port PORT; with PEER:PORT of that port IKE stays there"),
	CAUSE(UNREACHABLE, NATT_PORT,
	    "the peer's port for NAT traversal is not that one: --natt-port PORT; with PEER:PORT of that port IKE stays there"),
	CAUSE(NO_REPLY, INVALID_ANSWER,
	    "something answers there, but not this exchange: --pcap FILE keeps its messages and ike-trace FILE shows them; is the port another program's, or the peer's secret another?"),
	CAUSE(NO_REPLY, ALIVE,
	    "the peer has the IKE SA and ignores this request: look for networks (proxy IDs) and PFS in the peer's log"),
	CAUSE(NO_REPLY, SA_SILENT,
	    "the peer has probably forgotten this IKE SA (it was restarted or deleted it), or it is unreachable: dpd-ping --peer asks it without the SA, ike-initiate --phase1 negotiates another"),
	AT(NO_REPLY, QUICK, 0,
	    "phase 1 is established, so address and secret are right: look for networks (proxy IDs) and PFS in the peer's log"),
	AT(NO_REPLY, PHASE1, 6,
	    "the peer stopped answering after it received our identity: it has another pre-shared key, or does not know our ID (--local-id); its log says which"),
	AT(NO_REPLY, PHASE1, 4,
	    "the peer accepted the proposal, then stopped answering: fragments are dropped on the path (large groups), UDP 4500 is filtered, or it has another secret"),
	AT(NO_REPLY, PHASE1, 2,
	    "the address is wrong, UDP 500 is filtered on the path, there is no IKEv1, or the peer ignores unknown addresses, IDs (try the other --exchange) or proposals (natd-probe --transforms shows what it accepts); its log says which"),
	CODE(NO_REPLY,
	    "the gateway is down, UDP 500 or 4500 is filtered on the path, or an idle NAT mapping has timed out"),
	CODE(UNREACHABLE,
	    "check that this is the gateway's address and that it runs IKE; a firewall that rejects UDP 500 looks the same"),
	CAUSE(NO_PROPOSAL, ENCAP_MODE,
	    "set mode (--mode) to the same at both ends, tunnel or transport; the rest of the proposal is the same"),
	AT(NO_PROPOSAL, QUICK, 0,
	    "proposal mismatch in phase 2: cipher, integrity and PFS group must match the peer's (--esp aes128-sha1-modp1024); mode and networks can cause it too"),
	CODE(NO_PROPOSAL,
	    "proposal mismatch: cipher, hash, group, authentication and exchange (main or aggressive) must match the peer's: set them with --ike"),
	AT(WRONG_PSK, MAIN, 0,
	    "the secrets differ: look for a newline or blanks in the file and at --psk-format; in main mode the peer picks the key by our address, so a dynamic address or NAT makes it pick another (use --exchange aggressive with IDs)"),
	CODE(WRONG_PSK,
	    "the secrets differ: a newline or blanks in the file, --psk-format (hex or text?), or the key of another peer: main mode picks it by address, which a dynamic address or NAT changes"),
	CAUSE(PROTOCOL, VALUES_DIFFER,
	    "start with the first: one of its inputs (the key, the state, a private value) is not from this exchange; --explain shows them"),
	CAUSE(AUTH_FAILED, SECRET_RIGHT,
	    "the answer proves that the secret is right: the peer does not know our ID (--local-id), allows only the other --exchange, or requires XAuth or certificates"),
	CAUSE(AUTH_FAILED, NOTHING_PROVEN,
	    "the secret has not been tried yet: the peer does not know our ID (--local-id) or address, or allows only the other --exchange"),
	CAUSE(AUTH_FAILED, OUR_CERT,
	    "the peer's log says why: it does not know our CA, our certificate is expired or revoked, or does not have the name of our --local-id"),
	CAUSE(AUTH_FAILED, CERT_NONE,
	    "the peer must send its certificate (its own option, often \"send certificate: always\")"),
	CAUSE(AUTH_FAILED, CERT_ISSUER,
	    "either the certificate is of another CA than --ca names, or the chain is incomplete: let the peer send its intermediate certificates, or add them to --ca"),
	CAUSE(AUTH_FAILED, CERT_CHAIN,
	    "openssl verify -CAfile CA CERTIFICATE checks the same chain; ike-trace shows what the peer sent"),
	CAUSE(AUTH_FAILED, CERT_DATES,
	    "the certificate must be renewed, or a clock is wrong: date -u"),
	CAUSE(AUTH_FAILED, CERT_REVOKED,
	    "the CA has withdrawn the certificate: the peer needs a new one"),
	CAUSE(AUTH_FAILED, CERT_CRL,
	    "--crl needs a current list of each issuer: openssl crl -noout -issuer -nextupdate -in FILE"),
	CAUSE(AUTH_FAILED, CERT_NAME,
	    "the ID must be the subject, or be in subjectAltName with its type: set --remote-id to a name of the certificate and let the peer send that, or issue another certificate"),
	CAUSE(AUTH_FAILED, CERT_USAGE,
	    "the peer needs a certificate for signatures: keyUsage digitalSignature"),
	CAUSE(AUTH_FAILED, CERT_KEY,
	    "set --auth to the kind of the peer's key: rsa or ecdsa, and for ecdsa both ends need one curve"),
	CAUSE(AUTH_FAILED, CERT_PINNED,
	    "the peer has a new certificate, or it is not the peer: compare the hash with what its administrator says"),
	CAUSE(AUTH_FAILED, SIGNATURE,
	    "the certificate and the private key of the peer do not belong together, or someone changes messages on the path"),
	AT(AUTH_FAILED, QUICK, 0,
	    "phase 1 is established, so the secret is right: the peer may require XAuth, or allow this child SA only to another ID; its log says which"),
	CODE(AUTH_FAILED,
	    "the peer failed authentication: it has another secret, or its ID is not the expected one (--remote-id)"),
	CAUSE(ID_MISMATCH, OUR_ID,
	    "set --local-id to the ID that the peer expects of us; behind NAT the default, our private address, is rarely it"),
	CAUSE(ID_MISMATCH, STRANGE_ID,
	    "set remote-id of the peer's section (--remote-id) to the ID that it sent, or give the peer the expected one (--local-id there)"),
	CODE(ID_MISMATCH,
	    "the peer sent another ID: set --remote-id to the ID that it sent, or change the peer's ID; behind NAT it may send its private address"),
	CAUSE(TS_MISMATCH, ROUTE_BASED,
	    "0.0.0.0/0 at one end, networks at the other: one end is route-based, the other policy-based; set --local-ts and --remote-ts to the same at both, 0.0.0.0/0 or the networks"),
	CODE(TS_MISMATCH,
	    "proxy IDs must be equal on both sides, networks and masks: our --local-ts is the peer's remote network and vice versa"),
	CODE(PFS_MISMATCH,
	    "the PFS group at the end of --esp (aes128-sha256-modp2048) must be the same at both ends, or absent at both"),
	CODE(NATT_MISMATCH,
	    "there is a NAT on the path and no common NAT traversal version: open UDP 4500 and enable NAT-T on the gateway"),
	CAUSE(UNKNOWN_PEER, STRANGE_ADDRESS,
	    "configure that address (address in a section of --peers, or --from); behind NAT it is the NAT's, and a peer whose address changes needs a section without address"),
	CAUSE(UNKNOWN_PEER, STRANGE_EXCHANGE,
	    "set exchange (--exchange) to the same mode at both ends"),
	CODE(UNKNOWN_PEER,
	    "no section of the peers file matches: main mode looks up the peer's address (behind NAT: the NAT's), aggressive mode its ID"),
	CODE(NO_IKE_SA,
	    "the state needs an ike-sa that has not expired or been deleted: ike-initiate --phase1 negotiates one, sa-show lists the state"),
	CODE(NO_CHILD,
	    "the state has no child-sa: ike-initiate --phase2 negotiates one"),
	CAUSE(PEER_NOTIFY, NOTIFY_COOKIE,
	    "the peer no longer has this phase 1 SA: the peer restarted, or the SA expired; negotiate again"),
	CAUSE(PEER_NOTIFY, NOTIFY_PAYLOAD,
	    "the peer could not parse our message: often it has another secret and decrypts it to garbage"),
	CAUSE(PEER_NOTIFY, NOTIFY_EXCHANGE,
	    "use the other exchange: --exchange aggressive in place of main, or main in place of aggressive"),
	CODE(PEER_NOTIFY, "the peer rejected the request; its log says why"),
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
