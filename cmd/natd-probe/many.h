/* natd-probe of many hosts, or of one by IKEv2 only: a line for each. */
#ifndef SAPIPE_NATD_PROBE_MANY_H
#define SAPIPE_NATD_PROBE_MANY_H

#include "cli/prog.h"
#include "hosts.h"

struct many_opts {
	const char	*pcap, *user;
	struct addr	 local;		/* family 0: the one that the route says */
	bool		 ikev2, json, yes;
	uint32_t	 timeout_ms, rate;
};

#define MANY_UNASKED	256	/* most hosts that are probed without a confirmation of the user */

/* Probes ${h}, prints the answers and returns the exit status: EXIT_DONE if one host answered. Sets ${local} of the hosts. */
enum exit_status many_run(struct hosts *h, const struct many_opts *o);

#endif
