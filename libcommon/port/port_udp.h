/* The UDP socket of a port. Others call it by port_socket.h. */
#ifndef SAPIPE_PORT_PORT_UDP_H
#define SAPIPE_PORT_PORT_UDP_H

#include "port/port_priv.h"

int port_udp_bind(const struct ports *set, struct endpoint *local, struct fault *f);
/* Applies the mark to a socket that another process created. */
int port_udp_adopt(const struct ports *set, int fd, struct fault *f);
/* Whether ${fd} is a UDP socket bound to ${bound}. */
bool port_udp_is(int fd, const struct endpoint *bound);
void port_udp_read(struct port *p);	/* prepares ${p}->in, which is then started */
/*
 * Sets how datagrams sent from now on may be fragmented, until another holder of the port sets it. Does nothing if this process set the
 * same less than half a second ago, unless ${again}.
 */
void port_udp_fragments(struct port *p, enum port_frag frag, bool again);
/* Sets an option of a socket to an int, as setsockopt(). */
int port_setopt(int fd, int level, int name, int value);
/* The larger buffers of a port's socket: ${fd} gets what the system allows. */
void port_grow(int fd);
/* The error of a port that cannot be bound, by errno, which is kept. */
int port_bind_fault(struct fault *f, const char *proto, const struct endpoint *local);

#endif
