/* Connections between the owner of a port and its holders. */
#ifndef SAPIPE_PORT_PORT_CONN_H
#define SAPIPE_PORT_PORT_CONN_H

#include "port/port_priv.h"

/* Callbacks of one end of a connection. */
struct port_conn_calls {
	bool	(*take)(struct port_conn *c, const struct port_msg *m);	/* false: hang up */
	void	(*lost)(struct port_conn *c);	/* disconnected: close it here */
	void	(*room)(struct port_conn *c);	/* while ${c}->out is started: it can be written */
};

/* Starts to read ${fd}. NULL: no memory, and ${fd} is closed. */
struct port_conn *port_conn_make(struct port *p, int fd, const struct port_conn_calls *calls);
void port_conn_close(struct port_conn *c);
/* Sends without waiting; false with errno: dropped. */
bool port_conn_send(struct port_conn *c, const struct port_msg *m);
/* The same with ${nfds} descriptors, PORT_FDS at most. */
bool port_conn_send_fds(int fd, const struct port_msg *m, const int *fds, size_t nfds);
/* Owner: reads the queued messages of all holders except ${but}, the reader, which also forwards datagrams. */
void port_conns_drain(struct port *p, const struct port_conn *but);
/* Whether a relayed message belongs to port ${p}. */
bool port_conn_fits(const struct port *p, const struct port_msg *m);

#endif
