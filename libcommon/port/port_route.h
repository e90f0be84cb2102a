/* The routing of datagrams, ICMP errors and records. */
#ifndef SAPIPE_PORT_PORT_ROUTE_H
#define SAPIPE_PORT_PORT_ROUTE_H

#include "port/port_priv.h"

/*
 * A message from the wire or from this process (${from} NULL), or from a holder; without marker, ${seg} as in
 * struct pkt.
 */
void port_route(struct port *p, struct port_conn *from, const struct port_msg *m);
/*
 * A datagram that this process has just read: type, ends and body are set, the body is in the buffers of the set. ESP for
 * this process is collected for port_flush_esp().
 */
void port_take(struct port *p, const struct port_msg *m);
/* Routes held messages again; some may be held again. */
void port_release(struct port *p);
void port_held_free(struct port *p);

#endif
