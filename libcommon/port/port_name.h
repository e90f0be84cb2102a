/* How holders of a port find and trust each other. */
#ifndef SAPIPE_PORT_PORT_NAME_H
#define SAPIPE_PORT_PORT_NAME_H

#include "port/port_priv.h"

struct sockaddr_un;
/*
 * The address of the port's Unix socket into ${un}: a path in the directory of the set, or an abstract name if it
 * has none. Returns its length.
 */
socklen_t port_name(struct sockaddr_un *un, const struct port *p, const struct endpoint *at);
/* Whether a process of user ${uid} may share our ports. */
bool port_trusts(const struct ports *set, uid_t uid);
/*
 * The owner's lock: a file without a name, which only holders have. One process can lock it, and the kernel
 * unlocks it when that process ends. -1 with errno.
 */
int port_lock_make(void);
bool port_take_lock(struct port *p);	/* whether ${p}->owner */
void port_drop_lock(struct port *p);

#endif
