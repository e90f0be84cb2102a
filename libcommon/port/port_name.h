/* How holders of a port find and trust each other. */
#ifndef SAPIPE_PORT_PORT_NAME_H
#define SAPIPE_PORT_PORT_NAME_H

#include "port/port_priv.h"

struct sockaddr_un;
/* The abstract socket address of the port into ${un}; returns its length. */
socklen_t port_name(struct sockaddr_un *un, const struct port *p, const struct endpoint *at);
/* Whether a process of user ${uid} may share our ports. */
bool port_trusts(const struct ports *set, uid_t uid);
/* The owner's lock: one process can have it, until that dies. */
bool port_take_lock(struct port *p);

#endif
