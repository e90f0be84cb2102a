/* One tunnel: its ICMP socket, routes and commands. */
#ifndef SAPIPE_VPNMON_TUNNEL_H
#define SAPIPE_VPNMON_TUNNEL_H

#include "vpnmon.h"

/* ${shared}: another tunnel probes the same destination over another device. */
int tunnel_open(struct tunnel *t, struct tool *w, bool shared, struct fault *f);
void tunnel_start(struct tunnel *t, struct now now);
void tunnel_stop(struct tunnel *t);
/* The same, READY, with its routes restored, until tunnel_start(). */
void tunnel_rest(struct tunnel *t);
/* SIGHUP: probes a tunnel that is down again. */
void tunnel_nudge(struct tunnel *t);
/* Restores the routes. */
void tunnel_close(struct tunnel *t);

#endif
