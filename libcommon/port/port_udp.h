/* The UDP socket of a port. */
#ifndef SAPIPE_PORT_PORT_UDP_H
#define SAPIPE_PORT_PORT_UDP_H

#include "port/port_priv.h"

int port_udp_bind(const struct ports *set, struct endpoint *local, struct fault *f);
/* Applies the mark to a socket that another process created. */
int port_udp_adopt(const struct ports *set, int fd, struct fault *f);
/* Whether ${fd} is a UDP socket bound to ${bound}. */
bool port_udp_is(int fd, const struct endpoint *bound);
void port_udp_read(struct port *p);	/* starts reading */
void port_udp_stop(struct port *p);
socklen_t port_sockaddr(struct sockaddr_storage *ss, const struct endpoint *e);

#endif
