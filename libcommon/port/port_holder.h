/* What a holder of a port does while another process owns it. */
#ifndef SAPIPE_PORT_PORT_HOLDER_H
#define SAPIPE_PORT_PORT_HOLDER_H

#include "port/port_priv.h"

void port_holder_init(struct port *p);
/* ${fd}, a connection to the owner, is followed from now on. False: no memory, and it is closed. */
bool port_follow(struct port *p, int fd, bool welcomed);
/* We want to read the port from now on: tells the owner, or chooses us. */
void port_want(struct port *p);
/* Closes all connections of the port. */
void port_leave(struct port *p);

#endif
