/*
 * The control socket of a data path: a Unix stream that carries SA records both ways. An event "report" is answered
 * with an sa-stat record for each child SA and a tun-stat record at the end; "reset" likewise, and then the counters
 * begin at zero; "next-hops" with a next-hop record for each binding, and a tun-stat record. Records of child SAs and deletes take effect as those of any other stream do, each connection being a
 * source of its own; what is refused is answered with an event "refused". Lifetimes and replay windows are not reset.
 */
#ifndef SAPIPE_DATAPATH_CONTROL_H
#define SAPIPE_DATAPATH_CONTROL_H

#include <stdint.h>

#include "base/fault.h"

struct control;
struct datapath;

#define CONTROL_CLIENTS	8
#define CONTROL_SOURCE	0x10000u	/* the first source of a connection; those of files are below */

/*
 * Listens on ${path} (os/unixsock.h) for the user of this process, as it is now, and root. NULL with a fault of
 * unixsock_listen() or FAULT_MEMORY. ${dp} and its loop outlive it.
 */
struct control *control_open(struct datapath *dp, const char *path, struct fault *f);
/* The data path has room for records again: goes on with what waits. NULL is fine. */
void control_resume(struct control *ctl);
/* A record of ${source} was refused after it had waited: tells the connection that sent it, if it is one and is idle. */
void control_refused(struct control *ctl, uint32_t source, const struct fault *f);
/* Closes all connections and removes the name; NULL is fine. */
void control_close(struct control *ctl);

#endif
