/*
 * The types that the files of this room share. Each file has a header for its functions, and calls only files
 * to its right:
 *
 *   port, port_send, port_join  >  port_holder  >  port_owner  >  port_shared  >  port_socket  >
 *   port_udp, port_tcp  >  port_given  >  port_tcp_out  >  port_route  >  port_conn, port_deliver
 *
 * port_keys is above port_conn; port_msg, port_shed, port_table, port_name, port_dir, port_who and tcp_conn call none
 * of them. Upward there are only callbacks (struct port_conn_calls).
 */
#ifndef SAPIPE_PORT_PORT_PRIV_H
#define SAPIPE_PORT_PORT_PRIV_H

#include <ev.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "port/port.h"
#include "port/port_dir.h"
#include "port/port_msg.h"
#include "port/port_shed.h"
#include "port/port_table.h"
#include "port/tcp_conn.h"

#define PORT_BATCH	32		/* datagrams of one recvmmsg() */
#define PORT_BUF	65536		/* bytes for each: UDP_GRO fills them */
#define PORT_SEGS	1024		/* ESP datagrams handed up at once */
#define PORT_HOLDERS	64		/* joiners of one port */
#define PORT_QUEUE	1024		/* messages kept while there is no owner */
#define PORT_QUEUE_BYTES (4u << 20)
#define PORT_SOCKBUF	(8 << 20)	/* UDP_GRO and UDP_SEGMENT are charged 64 KiB and more a packet */
#define PORT_NO_GSO	8
#define PORT_GRACE	0.5		/* s: a new owner waits for the holders to register their keys */
#define PORT_TRIES_MS	1500		/* how long opening goes on while others come and go */
#define PORT_ANSWER_MS	3000		/* timeout for the owner's answer */
#define PORT_FDS	7		/* shared descriptors of a port, at most */
#define PORT_TCP_HELD	16		/* IKE messages that wait for a connection */

/* A connection between a holder and the owner, seen from either end. */
struct port_conn {
	struct port	*port;
	const struct port_conn_calls *calls;
	struct port_conn *next;
	int		 fd;
	ev_io		 in, out;
	bool		 welcomed;
	bool		 back;		/* owner: it was a holder before */
	bool		 data_path, gone;
	pid_t		 pid;
	struct serve_table serves;	/* owner: the keys that the other end serves */
	bool		 sync;		/* joiner: all keys have to be sent (again) */
	size_t		 sync_at;
};

struct port_held {		/* a message that waits for an owner or a key */
	struct port_held *next;
	size_t		 len;
	uint8_t		 b[];
};

/* Who may fragment what the UDP socket sends: an option of the socket, which all holders share. */
enum port_frag {
	PORT_FRAG_KERNEL = 1,	/* anybody, and the kernel by what it knows of the path: IKE */
	PORT_FRAG_ANY,		/* anybody, and the kernel by the interface only, as ICMP errors can be forged */
	PORT_FRAG_NONE,		/* nobody: DF, and EMSGSIZE for what the interface cannot send */
};

struct port {
	struct ports	*set;
	enum port_role	 role;
	struct endpoint	 bound;		/* as in the name */
	bool		 data_path;	/* we want to read it */
	int		 udp;		/* the UDP socket; of PORT_TCP the socket that keeps the kernel quiet */
	ev_io		 in;
	bool		 reading;
	bool		 whole;		/* ports_keep_whole() */
	enum port_frag	 frag;		/* that this process set last, and when: other holders set it too */
	double		 frag_at;

	/* PORT_TCP: a raw socket, and the connections, in memory that all holders share. */
	bool		 connects;	/* PORTS_CONNECT */
	int		 raw, tcp_mem;
	struct tcp_table *tcp;
	ev_timer	 tcp_tick;	/* of the reader */
	ev_timer	 tcp_poll;	/* while messages wait for a connection */
	struct port_wait { struct endpoint local, remote; uint64_t until_ms; size_t len; uint8_t *b; } waits[PORT_TCP_HELD];
	size_t		 n_waits;

	/*
	 * Shared by all holders: the socket that new ones connect to; the lock of the owner; both ends of a
	 * pair of sockets, through which a holder hands a connection to the new owner. A holder that has
	 * dropped its privileges has all it needs to outlive the owner in these: no name, no directory. -1 in
	 * a port that is not shared.
	 */
	int		 listener, lock, meet[2];
	ev_io		 accepting, meeting;
	bool		 owner;
	struct port_conn *conns;	/* owner */
	struct port_conn *reader;	/* owner: the reader, NULL: this process */
	struct port_conn *up;		/* joiner: to the owner */
	ev_timer	 retry;		/* no owner: race for it, or join the winner */
	double		 wait;
	ev_timer	 grace;
	struct port_held *held, **held_end;
	size_t		 nheld, held_bytes;
};

struct ports {
	struct ev_loop	*loop;
	struct ports_opt opt;
	struct ports_calls calls;
	void		*ctx;
	uid_t		 euid;		/* at the start */
	bool		 own_is_clear;	/* the uid is ours, not another user's mapped to it */
	int		 dir;		/* of the Unix sockets, -1: abstract names */
	char		 dir_path[PORT_DIR];
	struct port	*port[PORTS_MAX];
	size_t		 n;
	struct serve_table own;
	struct ports_stats stats;
	struct port_shed shed;
	struct addr	 no_gso[PORT_NO_GSO];	/* peers to whom the kernel refused UDP_SEGMENT; the oldest makes room */
	size_t		 n_no_gso;
	bool		 draining;
	uint8_t		*bufs;		/* PORT_BATCH * PORT_BUF */
	uint8_t		*msgs[2];	/* PORT_MSG_MAX each; the second while draining */
	struct pkt esp[PORT_SEGS];
	size_t		 nesp;
	bool		 stirred;	/* see ports_stirred() */
	bool		 stray;		/* calls.stray() was called for what was read last */
	uint64_t	 origin, seq;	/* of records sent */
	/* From the program that started this one: see port_given.h. */
	struct port_given { int fd; struct endpoint bound; } given[PORTS_MAX];
	size_t		 n_given;
	struct { uint64_t origin, seq; } seen[64];
	size_t		 nseen;
};

/* Start watchers; ports_stirred() tells it. */
static inline void
port_watch_io(struct ports *set, ev_io *w)
{
	ev_io_start(set->loop, w);
	set->stirred = true;
}

static inline void
port_watch_timer(struct ports *set, ev_timer *w)
{
	ev_now_update(set->loop);	/* it may have waited for long, in another thread */
	ev_timer_start(set->loop, w);
	set->stirred = true;
}

/* Zero bytes before ESP in the datagrams of ${p}: none, or the non-IKE marker of the first drafts. */
static inline uint8_t
port_marker_esp(const struct port *p)
{
	return (p->role == PORT_IKE ? 8 : 0);
}

/* The IP protocol that carries the datagrams of ${p}. */
static inline uint8_t
port_carrier(const struct port *p)
{
	return (p->role == PORT_TCP ? IPPROTO_TCP : IPPROTO_UDP);
}

/* The protocol whose port it is, for people. */
static inline const char *
port_proto(enum port_role role)
{
	return (role == PORT_TCP ? "TCP" : "UDP");
}

#endif
