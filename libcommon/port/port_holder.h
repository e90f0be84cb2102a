/* A holder of a port that another process owns. */
#ifndef SAPIPE_PORT_PORT_HOLDER_H
#define SAPIPE_PORT_PORT_HOLDER_H

#include "port/port_priv.h"

void port_holder_init(struct port *p);
/* Starts to read ${fd}, a connection to the owner. False: no memory, and ${fd} is closed. */
bool port_follow(struct port *p, int fd, bool welcomed);
/* We want to read the port: notifies the owner, or makes us the reader if we are the owner. */
void port_want(struct port *p);
/* Closes all connections of the port. */
void port_leave(struct port *p);

#endif
