/* The sockets and the connections of a port of Cisco's TCP encapsulation. Others call it by port_socket.h. */
#ifndef SAPIPE_PORT_PORT_TCP_H
#define SAPIPE_PORT_PORT_TCP_H

#include "port/port_priv.h"

int port_tcp_bind(struct port *p, struct fault *f);
/* Takes over a socket, a raw socket and memory if they are what they should be. */
bool port_tcp_take(struct port *p, const struct endpoint *bound, const int fds[3]);
void port_tcp_read(struct port *p);	/* prepares ${p}->in, which is then started, and starts the timers */
void port_tcp_stop(struct port *p);
/* Before ${p} is left and closed: the last holder closes the connections, by RST. Others wait until port_tcp_close(). */
void port_tcp_end(struct port *p);
void port_tcp_close(struct port *p);

#endif
