/* The owner of a port. */
#ifndef SAPIPE_PORT_PORT_OWNER_H
#define SAPIPE_PORT_PORT_OWNER_H

#include "port/port_priv.h"

/* Makes this process the owner: it accepts holders, unless the port is not shared, and chooses the reader. */
void port_own(struct port *p);
/* Stops accepting holders. */
void port_disown(struct port *p);
/*
 * Chooses the reader: a tool with a data path, preferably the one that reads already, because a change
 * gains nothing. Else the owner. Two readers for a moment do no harm: each datagram reaches one of
 * them, and both route it alike.
 */
void port_elect(struct port *p);

#endif
