/* The sockets of a port, of either protocol. */
#ifndef SAPIPE_PORT_PORT_SOCKET_H
#define SAPIPE_PORT_PORT_SOCKET_H

#include "port/port_priv.h"

/* Binds ${p}->bound, whose port may be 0. 0; -1 with a fault and errno, EADDRINUSE: another process has it. */
int port_socket_bind(struct port *p, struct fault *f);
/* Applies the mark of the set to sockets that another process created. 0 or -1. */
int port_socket_adopt(struct port *p, struct fault *f);
/* Those that holders share, up to 3, into ${fds}; returns how many. */
size_t port_socket_list(const struct port *p, int *fds);
/* Takes over ${n} that an owner sent. False: they are not the sockets of port ${bound}; none is closed. */
bool port_socket_take(struct port *p, const struct endpoint *bound, const int *fds, size_t n);
void port_socket_read(struct port *p);	/* starts reading */
void port_socket_stop(struct port *p);
/* Before the port is left: stops reading, and what no other holder goes on with ends. */
void port_socket_end(struct port *p);
void port_socket_close(struct port *p);

#endif
