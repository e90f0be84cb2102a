/* The descriptors that all holders of a port share, besides the sockets of the port itself. */
#ifndef SAPIPE_PORT_PORT_SHARED_H
#define SAPIPE_PORT_PORT_SHARED_H

#include "port/port_conn.h"

/*
 * Makes them for a port that this process has just bound, takes the owner's lock and listens under
 * the port's name. 0, or -1 with errno, EADDRINUSE: another process has the name.
 */
int port_shared_make(struct port *p);
/* Those of ${p}, its socket first, for port_conn_send_fds(). Returns how many. */
size_t port_shared_list(const struct port *p, int fds[PORT_FDS]);
/* Takes over the ${n} that an owner sent. False, and all are closed, if they are not what they should be. */
bool port_shared_take(struct port *p, const struct endpoint *bound, const int fds[PORT_FDS], size_t n);
void port_shared_close(struct port *p);

#endif
