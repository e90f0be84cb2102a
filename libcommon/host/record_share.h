/*
 * The records of a negotiator on a Unix socket, for the gateway that shares its address. A reader gets the event "snapshot", the
 * last takeover, the SAs of now and the event "current", then each record when it is written. Only the SAs of now are
 * kept, and for each reader a queue of limited length. A reader that does not read is disconnected with a message, and
 * delays nobody. The same happens to the oldest one when there are too many: its connection may be a dead one.
 */
#ifndef SAPIPE_HOST_RECORD_SHARE_H
#define SAPIPE_HOST_RECORD_SHARE_H

#include <ev.h>

#include "base/fault.h"
#include "sa/record.h"

#define RECORD_SHARE_READERS	4
#define RECORD_SHARE_STALL_MS	10000

struct record_share;

/*
 * Listens on ${path} (os/unixsock.h) for the user of this process, as it is now, and root. A reader has to accept something of
 * what waits for it within ${stall_ms}. ${note} is called for a reader that is disconnected, and when there are more SAs than
 * a snapshot may have. NULL with a fault of unixsock_listen() or FAULT_MEMORY. ${loop} outlives it.
 */
struct record_share *record_share_open(struct ev_loop *loop, const char *path, unsigned stall_ms,
    void (*note)(const struct fault *why), struct fault *f);
/* A record of this negotiator. */
void record_share_put(struct record_share *s, const struct sa_rec *r);
/* This gateway has taken over: snapshots say so from now on. */
void record_share_active(struct record_share *s);
/* Disconnects all readers, wipes, and removes the name; NULL is fine. */
void record_share_close(struct record_share *s);

#endif
