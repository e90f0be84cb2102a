/*
 * UDP ports 500 and 4500, one each per address, shared by the tools that need them at once
 * (a resident negotiator, esp-tun, an occasional dpd-ping) with no daemon.
 *
 * Whoever binds a port first owns it: it also listens on a Unix SEQPACKET socket named after the port, in a
 * directory that only its user can write (see port_dir.h; without one, under an abstract name). A later tool joins
 * there and gets duplicates of both sockets, and with them all it needs to stay a holder: the name serves only
 * those that join. If another user has the name, the tool warns and does not share the port. One
 * holder reads the UDP socket: a tool with a data path if there is one, else the owner. What
 * the reader receives for others it forwards to the owner, which routes it to the registered
 * holders. When the owner dies, one of the holders becomes the owner; when the reader dies, the owner
 * chooses another. Only datagrams that the dead process had already received are lost.
 *
 * Open ports before privileges are dropped: binding may need them, the directory is open to the uid of that
 * moment, and holders show it to each other. A port opened later is not shared. Open them in rising order (IKE, then NAT-T): a tool that
 * joins waits a bounded time for the owner's answer, and a common order keeps two starting
 * tools from waiting for each other.
 *
 * The UDP socket is shared: its flags stay as they are, it is never connected, and a full
 * peer process makes drops, not waits.
 */
#ifndef SAPIPE_PORT_PORT_H
#define SAPIPE_PORT_PORT_H

#include <sys/types.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/pkt.h"

struct ev_loop;

#define PORT_IKE_DEFAULT	500
#define PORT_NATT_DEFAULT	4500
#define PORTS_MAX		8	/* ports in one set */

enum port_role {
	PORT_IKE,	/* IKE bare, ESP behind the non-IKE marker (drafts 00 and 01) */
	PORT_NATT,	/* IKE behind the non-ESP marker, ESP bare (RFC 3948, 2) */
	PORT_TCP,	/* Cisco's TCP encapsulation (wire/ctcp.h) */
};

/*
 * Datagrams are struct pkt without their marker. Received: valid during the call; ESP may be decrypted in place;
 * ${tos} is 0 of one that another holder relayed. Sent: with ${seg}, ${len} is cut into datagrams of that size
 * (UDP_SEGMENT), and with ${df} nobody fragments it.
 */
struct ports_calls {
	/*
	 * An IKE datagram (28 bytes at least; no more is known of it). It may be for
	 * another holder that serves the same cookies: ignore datagrams that are not yours silently.
	 */
	void (*ike)(void *ctx, const struct pkt *d);
	/* ESP datagrams (8 bytes at least), of registered SPIs and of SPIs that no holder has registered. */
	void (*esp)(void *ctx, struct pkt *d, size_t n);
	/*
	 * ESP of an SPI that this holder has not registered was read; called once for what was read together. The holder may
	 * register SPIs now: what it gets at once is in order, and what goes to others and comes back is overtaken.
	 */
	void (*stray)(void *ctx);
	/*
	 * An ICMP error for something that a holder sent to ${remote}: errno ${err} (ECONNREFUSED:
	 * port unreachable; EACCES: a firewall rejects it; EMSGSIZE: ${mtu}; ...). Not authenticated: only a hint.
	 */
	void (*unreachable)(void *ctx, const struct endpoint *local,
	    const struct endpoint *remote, int err, uint32_t mtu);
	/*
	 * An ICMP error says that ESP to ${remote} was longer than the path carries, ${mtu} bytes (0: it does not say).
	 * ${quote} is what it quotes of that packet, from the SPI on, if it is long enough. Not authenticated either: compare
	 * the quote with what was sent. Comes in the process that reads the port, instead of unreachable().
	 */
	void (*toobig)(void *ctx, const struct endpoint *remote, uint32_t mtu, struct span quote);
	/* A record from another holder (hostile until decoded). It may concern you or not. */
	void (*record)(void *ctx, struct span cbor);
	/*
	 * A line of text: a ${warning}, that a port cannot be shared; or for -v, which process reads and which
	 * owns the port. Comes from ports_open() as well.
	 */
	void (*note)(void *ctx, bool warning, const char *text);
};	/* any may be NULL; all are called from the loop; none may free the set */

struct ports_opt {
	bool		data_path;	/* this tool moves ESP: it wants to be the reader */
	uint32_t	mark;		/* SO_MARK on the sockets; 0: leave them as they are */
};

struct ports;

/* An empty set on ${loop}, which must outlive it. NULL with FAULT_MEMORY. */
struct ports *ports_new(struct ev_loop *loop, const struct ports_opt *opt,
    const struct ports_calls *calls, void *ctx, struct fault *f);

/*
 * Where several threads call these functions, one at a time (base/biglock.h), another one than that of the loop asks after its calls: true
 * if watchers were started since the last question, and the loop has to look at them (ev_async_send()).
 */
bool ports_stirred(struct ports *set);

/* Leaves all ports; other holders go on. NULL is harmless. */
void ports_free(struct ports *set);

#define PORTS_JOIN_ONLY	1u	/* join a holder, don't bind nor read: for the record channel */
#define PORTS_BIND_ANY	2u	/* join a holder of that address; if there is none use any address */
#define PORTS_CONNECT	4u	/* PORT_TCP: what is sent to a peer without a connection opens one */

/*
 * Opens or joins the port ${local} (address family 4 or 6; all-zero bytes: any address) in
 * ${role}. Port 0: one that is free, stored in ${local}. A holder of the same port on any
 * address is joined as well, so ask for the address and send from it. A port already in the
 * set returns at once. -1 with FAULT_PORT_TAKEN (another program or user holds it; the fault
 * names it), FAULT_PERMISSION, FAULT_BAD_ADDRESS (not an address of this machine),
 * FAULT_SYSTEM; with PORTS_JOIN_ONLY FAULT_UNREACHABLE if there is no holder.
 */
int ports_open(struct ports *set, struct endpoint *local, enum port_role role,
    unsigned flags, struct fault *f);

/*
 * The usual call: ports 500 and 4500 for ${local} or, if NULL (or of family 0), any address of both
 * families, or the one that this machine supports. ${local}->port, if not 0, replaces
 * 500, and ${natt_port} (0: 4500) then replaces 4500. If both are the same, only the port of PORT_NATT is opened.
 */
int ports_open_usual(struct ports *set, const struct endpoint *local, uint16_t natt_port,
    unsigned flags, struct fault *f);

/*
 * The port of PORT_TCP numbered ${number}, for ${local} as above, whose own port is not looked at. The segments are made
 * and read here, on a raw socket. A socket that listens on the port and drops all that it gets keeps the kernel from
 * answering them with RST, and other programs from the port.
 *
 * IKE to a peer without a connection opens one if the port was opened with PORTS_CONNECT, waits for it, and is dropped
 * after 3 seconds; calls.unreachable() tells that (ETIMEDOUT, or ECONNREFUSED for RST). ESP does not wait.
 */
int ports_open_tcp(struct ports *set, const struct endpoint *local, uint16_t number, unsigned flags, struct fault *f);

/* Datagrams from ${local}, a port that no other process has, are not fragmented: 0, or -1 with FAULT_SYSTEM. */
int ports_keep_whole(struct ports *set, const struct endpoint *local, struct fault *f);

/* The port this set has in ${role} for ${family} 4 or 6: its number, or 0. */
uint16_t ports_number(const struct ports *set, uint8_t family, enum port_role role);

/*
 * Whether this machine can send to ${remote} from its address ${local}. 0, or -1 with FAULT_BAD_ADDRESS (${local} is not
 * ours) or FAULT_UNREACHABLE.
 */
int ports_can_reach(const struct addr *local, const struct endpoint *remote, uint32_t mark, struct fault *f);

/* The address this machine would send from to reach ${remote}. 0, or -1 with FAULT_UNREACHABLE. */
int ports_source(struct addr *local, const struct endpoint *remote, uint32_t mark,
    struct fault *f);

/* Whether ${a} is an address of this machine now: 1 or 0; -1 if that cannot be found out. */
int ports_is_own(const struct addr *a);

/*
 * Registers the datagrams that this holder receives. Cookies: both as on the wire; all-zero ${cky_r}: any
 * (an initiator before message 2). New: datagrams with an all-zero responder cookie, or with cookies
 * that no holder serves (a responder may send a cookie and keep no state for it), from
 * address ${remote}, or NULL: from any. One holder receives them: the first that names
 * the peer, or else the first that serves any peer. SPI: ESP that arrives at ${local} (family 0:
 * any address). It is harmless to register twice or to remove a registration that does not exist. All
 * holders of the same cookies receive a datagram; of a SPI only the first. 0, or -1 with FAULT_MEMORY.
 */
int ports_serve_cookies(struct ports *set, const uint8_t cky_i[8], const uint8_t cky_r[8],
    struct fault *f);
void ports_unserve_cookies(struct ports *set, const uint8_t cky_i[8], const uint8_t cky_r[8]);
void ports_serve_new(struct ports *set, const struct addr *remote, bool yes);
int ports_serve_spi(struct ports *set, uint32_t spi, const struct addr *local, struct fault *f);
void ports_unserve_spi(struct ports *set, uint32_t spi, const struct addr *local);

/*
 * Sends an IKE message; the marker is added where ${local}->port has one. ${local}->addr of
 * family 0 leaves the source to the kernel, ${local}->port must be one of the set. 0 sent
 * (or dropped for a full buffer, as the network might); -1 with FAULT_PERMISSION (a
 * firewall's REJECT or capability), FAULT_UNREACHABLE (no route), FAULT_TOO_LARGE,
 * FAULT_SYSTEM.
 */
int ports_send_ike(struct ports *set, const struct endpoint *local,
    const struct endpoint *remote, struct span msg, struct fault *f);

/*
 * Sends ESP datagrams in their order, marker added on a PORT_IKE port. Returns how many of
 * ${n} are done: fewer when the socket is full (try again when it drains, or drop), or when
 * one cannot be sent: then ${f} (code FAULT_NONE otherwise) says why, and d[return value] is
 * that one; FAULT_TOO_LARGE: with ${df}, the interface cannot send it.
 */
size_t ports_send_esp(struct ports *set, const struct pkt *d, size_t n,
    struct fault *f);

/* The single 0xff byte that keeps a NAT mapping (RFC 3948, 2.3). Errors don't matter. */
void ports_send_keepalive(struct ports *set, const struct endpoint *local,
    const struct endpoint *remote);

/*
 * Hands a record to every other holder of these ports; each gets it once however many
 * ports are shared. Drops it for holders whose queue is full. At most 64 KiB.
 */
void ports_send_record(struct ports *set, struct span cbor);

struct ports_stats {
	uint64_t received;	/* datagrams read from the sockets, segments counted */
	uint64_t relayed_in;	/* had from other holders */
	uint64_t relayed_out;	/* passed to other holders */
	uint64_t dropped_full;	/* a holder or the socket was full */
	uint64_t dropped_short;	/* too short to be IKE or ESP, or cut off */
	uint64_t shed;		/* first messages of IKE that an overload dropped */
	uint64_t unserved;	/* no holder serves them */
	uint64_t keepalives;
	uint64_t errors;	/* from the error queue */
	uint64_t bad_tcp;	/* segments with a wrong checksum, without trailer, or of no connection */
	uint64_t bad_peer;	/* malformed words from a holder, and refused ones */
};

/* For tests: most of these counters show in nothing else. */
const struct ports_stats *ports_stats(const struct ports *set);
/*
 * Whether this process reads the port numbered ${port} now, and whether it owns it (for
 * tests and -v).
 */
bool ports_reading(const struct ports *set, uint8_t family, uint16_t port);
bool ports_owning(const struct ports *set, uint8_t family, uint16_t port);

#endif
