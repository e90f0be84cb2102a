/*
 * The control socket of a data path (os/control.h): its SAs, its next hops, and its counters. Child SAs and deletes that come by it
 * take effect.
 */
#ifndef SAPIPE_DATAPATH_CONTROL_H
#define SAPIPE_DATAPATH_CONTROL_H

#include "os/control.h"

struct datapath;

/* Its host; ${dp} outlives the socket. */
struct control_host datapath_control(struct datapath *dp);

#endif
