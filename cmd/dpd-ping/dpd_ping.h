#ifndef SAPIPE_DPD_PING_H
#define SAPIPE_DPD_PING_H

#include "probe/ping.h"

/* What is said on standard output, as text in ping's manner or as JSON lines. */
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
 * The live IKE SA of the state in ${path}: the one that there is, or the newest of one peer. 0,
 * or -1: unreadable, none (FAULT_NO_IKE_SA), or several peers' (FAULT_CONFIG). To be wiped.
 */
int state_read(struct sa_ike *out, const char *path, uint64_t epoch, struct fault *f);

#endif
