/* The hosts that natd-probe probes, from its arguments and from a list. */
#ifndef SAPIPE_NATD_PROBE_HOSTS_H
#define SAPIPE_NATD_PROBE_HOSTS_H

#include "cli/opt.h"
#include "probe/sweep.h"

struct hosts {			/* all zero: none */
	struct sweep_host *host;	/* ${local} is not set */
	size_t		   n, cap;
};

/* Whether ${args} name more than one host: several, a network, or "-" for a list. */
bool hosts_many(const struct opt_args *args);

/*
 * Adds what ${args} name: addresses, names, networks (CIDR or FIRST-LAST; of an IPv4 network up to /30 not its first and
 * last address), and for "-" each line of standard input. ${family} 4 or 6: only that. 0, or -1 with FAULT_USAGE (more than
 * SWEEP_MAX, nothing, "-" twice), FAULT_BAD_ADDRESS (which names the line), FAULT_MEMORY or FAULT_SYSTEM.
 */
int hosts_read(struct hosts *h, const struct opt_args *args, uint8_t family, struct fault *f);
void hosts_free(struct hosts *h);

#endif
