/* The keys of served datagrams (port_table.h) between holders and owner. */
#ifndef SAPIPE_PORT_PORT_KEYS_H
#define SAPIPE_PORT_PORT_KEYS_H

#include "port/port_priv.h"

/* Owner: adds, drops or resets keys of the holder ${c}. */
void port_keys_take(struct port_conn *c, const struct port_msg *m);
/* Holder: sends its keys to the owner until the queue is full, the rest when there is room again. */
void port_keys_sync(struct port_conn *c);
/* A key of this process was added or dropped: sends it to the owner of each port. */
void port_keys_share(struct ports *set, const struct serve_key *k, bool drop);

#endif
