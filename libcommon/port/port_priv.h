/*
 * The types that the files of this room share. Each file has a header for its functions, and calls only files
 * to its right:
 *
 *   port, port_join  >  port_holder  >  port_owner  >  port_shared  >  port_udp  >  port_route  >
 *   port_conn, port_deliver
 *
 * port_keys is above port_conn; port_msg, port_shed, port_table, port_name, port_dir and port_who call none of
 * them. Upward there are only callbacks (struct port_conn_calls).
 */
#ifndef SAPIPE_PORT_PORT_PRIV_H
#define SAPIPE_PORT_PORT_PRIV_H

#include <ev.h>
#include <sys/socket.h>

#include "port/port.h"
#include "port/port_dir.h"
#include "port/port_msg.h"
#include "port/port_shed.h"
#include "port/port_table.h"

#define PORT_BATCH	32		/* datagrams of one recvmmsg() */
#define PORT_BUF	65536		/* bytes for each: UDP_GRO fills them */
#define PORT_SEGS	1024		/* ESP datagrams handed up at once */
#define PORT_HOLDERS	64		/* joiners of one port */
#define PORT_QUEUE	1024		/* messages kept while there is no owner */
#define PORT_QUEUE_BYTES (4u << 20)
#define PORT_SOCKBUF	(4 << 20)
#define PORT_GRACE	0.5		/* s: a new owner waits for the holders to register their keys */
#define PORT_TRIES	1.5		/* s: how long opening goes on while others come and go */
#define PORT_ANSWER	3.0		/* s: timeout for the owner's answer */

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

struct port {
	struct ports	*set;
	enum port_role	 role;
	struct endpoint	 bound;		/* as in the name */
	bool		 data_path;	/* we want to read it */
	int		 udp;
	ev_io		 udp_in;
	bool		 reading;

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
	bool		 no_gso;	/* the kernel refused UDP_SEGMENT once */
	bool		 draining;
	uint8_t		*bufs;		/* PORT_BATCH * PORT_BUF */
	uint8_t		*msgs[2];	/* PORT_MSG_MAX each; the second while draining */
	struct pkt esp[PORT_SEGS];
	size_t		 nesp;
	uint64_t	 origin, seq;	/* of records sent */
	struct { uint64_t origin, seq; } seen[64];
	size_t		 nseen;
};

/* Zero bytes before ESP in the datagrams of ${p}: none, or the non-IKE marker of the first drafts. */
static inline uint8_t
port_marker_esp(const struct port *p)
{
	return (p->role == PORT_NATT ? 0 : 8);
}

#endif
