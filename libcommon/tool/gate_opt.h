/* Options of a gateway's clients: the pools of their addresses, and what they get beside an address by mode config. */
#ifndef SAPIPE_TOOL_GATE_OPT_H
#define SAPIPE_TOOL_GATE_OPT_H

#include "cli/opt.h"
#include "ike/policy.h"

/* As parsed: texts borrowed from argv or the peers file. */
struct gate_opts {
	struct opt_list	 pool, dns, nbns, split, local_lan, split_dns;
	const char	*domain, *banner, *banner_file, *redirect;
	uint64_t	 lease_seconds;
};
#define GATE_OPTS_DEFAULT	{ .lease_seconds = POOL_LEASE_S }

/* Rows for OPT_INCLUDE(struct policy_opts, gate, gate_optab). */
extern const struct opt gate_optab[];

/*
 * Sets ${p}->pool, ${p}->pool6 and ${p}->give; the path of a banner counts from the directory of ${beside}, if not NULL. 0, or
 * -1 with a fault that names the option.
 */
int gate_opts_build(struct ike_policy *p, const struct gate_opts *o, const char *beside, struct fault *f);

/*
 * A pool of ${p} that one of the ${n} policies ${others} has as well becomes one with it. 0, or -1 with FAULT_CONFIG: a pool
 * overlaps with another one.
 */
int gate_share_pools(struct ike_policy *p, const struct ike_policy *others, size_t n, struct fault *f);

/* The list of ${o} that has the option ${name}; NULL: none. */
struct opt_list *gate_opts_list(struct gate_opts *o, const char *name);

#endif
