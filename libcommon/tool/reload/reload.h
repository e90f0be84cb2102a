/* SIGHUP: reads the file of peers again, and hands the difference to the engine that runs. */
#ifndef SAPIPE_TOOL_RELOAD_RELOAD_H
#define SAPIPE_TOOL_RELOAD_RELOAD_H

#include "ike/renew/renew.h"
#include "tool/ike_tool.h"
#include "tool/peers_file.h"
#include "tool/reload/opener.h"

struct reload {
	struct opener		 opener;	/* helper.fd -1: the file cannot be read again */
	const char		*path;
	const struct policy_opts *given;	/* of the command line */
	const char		*section;	/* of an initiator; NULL: all of a responder */
	struct peers		*peers;		/* of a responder: those of the engine now */
	struct ike_tool		*tool;
	/* What the tool adds to policies that are read, as it did to the first ones. 0, or -1 with a fault. NULL: nothing. */
	int			(*finish)(void *ctx, struct ike_policy *p, size_t n, struct fault *f);
	/*
	 * Of an initiator: hands the policy of ${after} to its engine, and says what became of it; it owns the policy with
	 * ${after}->n = 0. 0, or -1 with a fault.
	 */
	int			(*take)(void *ctx, struct peers *after, struct fault *f);
	void			*ctx;
};

#define RELOAD_NONE	{ .opener = { .helper = { .fd = -1 } } }

/*
 * Prepares a reload of ${r}->path, with the members of ${r} set: call it before secrets are read. From now on a SIGHUP of the
 * tool reloads. "-" cannot be read again, and a SIGHUP says so. 0, or -1 with FAULT_SYSTEM.
 */
int reload_open(struct reload *r, struct fault *f);
/* The fate of a peer's SAs: ": 1 IKE SA and 2 child SAs deleted, the others stay", or "". Returns ${out}. */
#define RELOAD_FATE	160
const char *reload_fate(char out[RELOAD_FATE], const struct ike_renewal *w);
void reload_close(struct reload *r);	/* after the tool */

#endif
