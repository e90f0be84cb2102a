/*
 * The connections of Cisco's TCP encapsulation, which are TCP only to look at: a handshake, sequence numbers that advance,
 * and RST; nothing is sent again, nothing is put in order, no window is kept. A machine without I/O: segments and the
 * time go in, segments to send come out.
 *
 * The table has no pointers, so that the processes that share a port can keep it in shared memory; they call these
 * functions under a lock. All of them trust the table's contents no further than that they never leave it.
 *
 * A peer that connects is kept only when it has sent back the number of our SYN-ACK, which is a keyed hash of the
 * addresses (a SYN cookie): a flood of SYNs takes no memory, and an address that has not completed the handshake is sent
 * nothing but one SYN-ACK for each SYN.
 */
#ifndef SAPIPE_PORT_TCP_CONN_H
#define SAPIPE_PORT_TCP_CONN_H

#include "wire/ctcp.h"

#define TCP_BUCKETS	32
#define TCP_WAYS	64	/* connections of all addresses that share a bucket; so at most that many of one */

#define TCP_SYN_MS	1000	/* from one SYN to the next */
#define TCP_SYNS	3	/* of one attempt; it ends TCP_SYN_MS after the last */
#define TCP_KEEPALIVE_MS 5000	/* without a segment sent: one without payload is */
#define TCP_SILENT_MS	16000	/* our connection: three keepalives have not come */
#define TCP_IDLE_MS	60000	/* the peer's: it is forgotten */

enum tcp_state {
	TCP_FREE,
	TCP_SYN_SENT,
	TCP_UP,
	TCP_DOWN,	/* it was ours: the next packet to the peer opens it again */
};

struct tcp_conn {
	uint8_t		 state;		/* enum tcp_state. Flags are no bool, whose other values mean nothing. */
	uint8_t		 ours;		/* this end sent the SYN */
	uint8_t		 proven;	/* it has carried what only the peer can have sent: evicted last */
	uint8_t		 again;		/* a SYN came from the same port: the peer may have restarted */
	uint8_t		 syns;		/* without an answer; 0 once it has been open */
	uint16_t	 number;	/* of the last IKE message sent */
	struct endpoint	 local, remote;
	uint32_t	 seq;		/* of the next byte that we send; in TCP_SYN_SENT that of the SYN */
	uint32_t	 peer;		/* behind the highest byte seen of the peer */
	uint32_t	 stray;		/* behind a segment that was too far from there */
	uint64_t	 heard_ms, sent_ms;
};

struct tcp_table {
	uint8_t		 key[16];	/* random */
	uint64_t	 opened;	/* counts: numbers of SYNs */
	uint16_t	 used[TCP_BUCKETS];
	struct tcp_conn	 conn[TCP_BUCKETS][TCP_WAYS];
};

/* What has happened to a connection. */
enum tcp_event { TCP_NOTHING, TCP_OPENED, TCP_REFUSED, TCP_UNANSWERED, TCP_CLOSED };

/* The result of a step. */
struct tcp_step {
	enum tcp_event	event;
	bool		deliver;	/* the payload of the segment is for us */
	bool		send;		/* send ${out}, without payload */
	struct ctcp_segment out;
};

/* All zero is an empty table once it has its key. */

/* A segment from ${remote} to ${local}, whose ports are those of ${s}. */
void tcp_receive(struct tcp_table *t, uint64_t now_ms, const struct endpoint *local, const struct endpoint *remote,
    const struct ctcp_segment *s, struct tcp_step *step);

/*
 * A packet of ${len} bytes, trailer included, is to go to ${remote}. TCP_SEND: ${out} is the segment for it, and
 * ${mark} (may be NULL: it is not IKE) what its trailer says. TCP_WAIT: a connection is being opened, or the peer has
 * just refused one, and with ${step}->send the SYN is to be sent. TCP_NO: there is no connection, and without ${open} none is opened.
 */
enum tcp_verdict { TCP_SEND, TCP_WAIT, TCP_NO };
enum tcp_verdict tcp_send(struct tcp_table *t, uint64_t now_ms, const struct endpoint *local,
    const struct endpoint *remote, size_t len, bool open, struct ctcp_mark *mark, struct ctcp_segment *out,
    struct tcp_step *step);

/* The connection has carried something that proves its peer. */
void tcp_proven(struct tcp_table *t, const struct endpoint *local, const struct endpoint *remote);

/*
 * Timers. Calls ${each} for each connection that has a segment to send or an event: SYNs, keepalives, connections that
 * are given up. To be called some times a second.
 */
void tcp_tick(struct tcp_table *t, uint64_t now_ms,
    void (*each)(void *ctx, const struct tcp_conn *c, const struct tcp_step *step), void *ctx);

/* Closes all connections: calls ${each} with the RST of each. */
void tcp_close(struct tcp_table *t,
    void (*each)(void *ctx, const struct tcp_conn *c, const struct tcp_step *step), void *ctx);

/* Connections in state ${state}: for tests. */
size_t tcp_count(const struct tcp_table *t, enum tcp_state state);

#endif
