/* Segments out of a port of Cisco's TCP encapsulation, and the lock of its connections. */
#ifndef SAPIPE_PORT_PORT_TCP_OUT_H
#define SAPIPE_PORT_PORT_TCP_OUT_H

#include "port/port_priv.h"

/*
 * The connections are shared memory: one process at a time works on them, for some microseconds. The kernel ends the
 * lock of a process that dies. False: another process has it for too long (it is stopped): what is in hand is lost.
 */
bool port_tcp_lock(struct port *p);
void port_tcp_unlock(struct port *p);

/* Sends a segment without payload, from ${local} to ${remote}. Errors don't matter: the network might have lost it. */
void port_tcp_control(struct port *p, const struct endpoint *local, const struct endpoint *remote,
    const struct ctcp_segment *s);
/*
 * An IKE message, as ports_send_ike() without its fault: 0, or errno. A message to a peer whose connection is being
 * opened waits for it.
 */
int port_tcp_send_ike(struct port *p, const struct pkt *d);
/* ESP, as ports_send_esp(): returns how many of ${n} are done; *${err} is 0, or errno of the next one. */
size_t port_tcp_send_esp(struct port *p, const struct pkt *d, size_t n, int *err);
/* Sends the messages that wait for the connection between ${local} and ${remote}, which is open now. */
void port_tcp_flush(struct port *p, const struct endpoint *local, const struct endpoint *remote);
void port_tcp_out_stop(struct port *p);
/* An event of a connection with ${remote}: tells the holders what concerns them. */
void port_tcp_tell(struct port *p, const struct endpoint *remote, enum tcp_event what);

#endif
