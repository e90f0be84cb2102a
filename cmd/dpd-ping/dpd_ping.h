#ifndef SAPIPE_DPD_PING_H
#define SAPIPE_DPD_PING_H

#include "probe/ping.h"

/* Reports on standard output, as text like that of ping or as JSON lines. */
struct say {
	bool			 json, quiet, with_sa, hellos;
	uint32_t		 peer_ms, hello_ms;	/* between hellos: the peer's, ours (0: none) */
	struct endpoint		 local, remote;
	uint8_t			 id[16];	/* of the SA */
};

void say_start(const struct say *s);
void say_event(const struct say *s, const struct ike_ping_event *ev);
void say_end(const struct say *s, const struct ike_ping_stats *st);
/* The line of SIGQUIT, on standard error. */
void say_status(const struct say *s, const struct ike_ping_stats *st);

/*
 * The live IKE SA of the state in ${path}: the only one, or the newest if all have the same peer. 0,
 * or -1: unreadable, none (FAULT_NO_IKE_SA), or SAs of several peers (FAULT_CONFIG). The caller wipes it.
 */
int state_read(struct sa_ike *out, const char *path, uint64_t epoch, struct fault *f);

#endif
