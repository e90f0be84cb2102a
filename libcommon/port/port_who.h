/* Which process has a UDP or TCP port. */
#ifndef SAPIPE_PORT_PORT_WHO_H
#define SAPIPE_PORT_PORT_WHO_H

#include "base/addr.h"

#define PORT_WHO 160
/* "charon (process 17, user 0)", or the known part of it, of the process that holds UDP ${at}, or TCP ${at}. */
char *port_who(char out[PORT_WHO], const struct endpoint *at, bool tcp);

#endif
