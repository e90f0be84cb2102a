/* Shared by port.c, port_udp.c, port_share.c and port_join.c; nobody else includes it. */
#ifndef SAPIPE_PORT_PORT_PRIV_H
#define SAPIPE_PORT_PORT_PRIV_H

#include <ev.h>
#include <sys/socket.h>

#include "port/port.h"
#include "port/port_msg.h"
#include "port/port_table.h"

#define PORT_BATCH	32		/* datagrams of one recvmmsg() */
#define PORT_BUF	65536		/* bytes for each: UDP_GRO fills them */
#define PORT_SEGS	1024		/* ESP datagrams handed up at once */
#define PORT_HOLDERS	64		/* joiners of one port */
#define PORT_STRANGERS	8		/* of these, those that have not shown who they are */
#define PORT_QUEUE	1024		/* messages kept while there is no owner */
#define PORT_QUEUE_BYTES (4u << 20)
#define PORT_SOCKBUF	(4 << 20)
#define PORT_GRACE	0.5		/* s: a new owner waits for holders to say what they serve */
#define PORT_TRIES	1.5		/* s: how long opening goes on while others come and go */
#define PORT_ANSWER	3.0		/* s: how long an owner may take to answer */

/* A connection between a holder and the owner, seen from either end. */
struct port_conn {
	struct port	*port;
	struct port_conn *next;
	int		 fd;
	ev_io		 in, out;
	bool		 welcomed;
	bool		 kin;		/* owner: its uid is one we trust */
	bool		 data_path, gone;
	uid_t		 uid;
	pid_t		 pid;
	struct serve_table serves;	/* owner: what the other end wants */
	bool		 sync;		/* joiner: all keys have to be told (again) */
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

	int		 listener;	/* shared: whoever is owner accepts */
	ev_io		 accepting;
	uint8_t		 token[PORT_TOKEN], lock_id[PORT_LOCK];
	int		 lock;		/* >= 0: we are the owner */
	struct port_conn *conns;	/* owner */
	struct port_conn *reader;	/* owner: who reads, NULL: we do */
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
	bool		 own_is_clear;	/* the own uid cannot be a foreign one in disguise */
	struct port	*port[PORTS_MAX];
	size_t		 n;
	struct serve_table own;
	struct ports_stats stats;
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

/* port.c */
void port_note(struct port *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes in a datagram from the wire: without marker, ${seg} as in struct pkt. */
void port_route(struct port *p, struct port_conn *from, const struct port_msg *m);
/* Hands ${m}, which is ours, to the callbacks. */
void port_deliver(struct port *p, const struct port_msg *m);
void port_flush_esp(struct ports *set);

/* port_udp.c */
int port_udp_bind(const struct ports *set, struct endpoint *local, struct fault *f);
/* Applies the mark to a socket that another tool made. */
int port_udp_adopt(const struct ports *set, int fd, struct fault *f);
bool port_udp_is(int fd, const struct endpoint *bound);
void port_udp_read(struct port *p);	/* starts reading */
void port_udp_stop(struct port *p);
socklen_t port_sockaddr(struct sockaddr_storage *ss, const struct endpoint *e);

/* port_join.c */
enum port_join { JOIN_DONE, JOIN_NOBODY, JOIN_AGAIN, JOIN_FAULT };
/* Names the port on the abstract socket address ${un}; returns the length. */
struct sockaddr_un;
socklen_t port_name(struct sockaddr_un *un, const struct port *p, const struct endpoint *at);
int port_claim(struct port *p);		/* makes it ours; -1 and errno */
enum port_join port_join(struct port *p, const struct endpoint *at, struct fault *f);
bool port_trusts(const struct ports *set, uid_t uid);

/* port_who.c */
#define PORT_WHO 160
/* "charon (process 17, user 0)" or what else can be known of who has UDP ${at}. */
char *port_who(char out[PORT_WHO], const struct endpoint *at);

/* port_share.c */
void port_share_init(struct port *p);
bool port_take_lock(struct port *p);	/* makes us the owner if nobody is */
/* We want to read it from now on: tells the owner, or chooses us. */
void port_want(struct port *p);
void port_own(struct port *p);		/* we are the owner from now on */
/* ${fd}, a connection to the owner, is taken over. False: no memory. */
bool port_follow(struct port *p, int fd, bool welcomed);
/* Sends without waiting; false: dropped. */
bool port_conn_send(struct port_conn *c, const struct port_msg *m);
void port_share_key(struct ports *set, const struct serve_key *k, bool drop);
/* Owner: takes what holders have sent by now; not of ${but}, the reader, who sends what it reads besides. */
void port_conns_drain(struct port *p, const struct port_conn *but);
bool port_hold(struct port *p, const struct port_msg *m);
void port_leave(struct port *p);	/* closes everything of sharing */

#endif
