/* ike-initiate: declarations shared by its files. */
#ifndef SAPIPE_IKE_INITIATE_H
#define SAPIPE_IKE_INITIATE_H

#include "os/clock.h"
#include "sa/set.h"
#include "tool/ike_tool.h"
#include "tool/peers_file.h"
#include "tool/policy_opt.h"
#include "tool/reload/reload.h"
#include "tool/resolver.h"

struct initiate_opts {
	struct policy_opts	 policy;
	struct ike_tool_opts	 tool;
	const char		*peer;
	struct opt_list		 also;		/* more peers, with --bindings */
	const char		*peers_file, *section;
	const char		*phase2, *delete;	/* files of SA state */
	const char		*bindings;		/* file or "-" of records of NHRP */
	const char		*xauth_ask;
	bool			 phase1, keep, look;
	uint32_t		 linger_ms;
};

struct bound;

/* The state of the run. */
struct initiate {
	const struct initiate_opts	*o;
	struct ike_policy	 policy;
	struct peers		 scan, picked;		/* of --peers */
	struct ike_tool		 tool;
	struct sa_set		*state;		/* of --phase2 and --delete */
	struct sa_rec		 under;		/* its IKE SA that is meant */
	/* The peer's addresses, looked up again for each new connection. */
	struct resolver_answer	 peers;
	size_t			 at;		/* the one in use */
	struct endpoint		 own;		/* ours towards it */
	bool			 was_up;
	int			 resolver;	/* -1: the peer is no name, or the run does not stay */
	ev_io			 on_peers;
	uint32_t		 timeout_ms;	/* --timeout, for all addresses together until one answers */
	bool			 told_own;	/* that --local is no address of this machine */
	struct reload		 reload;	/* with --keep --peers */
	struct bound		*bound;		/* the peers of --bindings, or NULL */
};

/*
 * Counts the child SAs that the selectors make between the addresses ${own} and ${peer}: as many are wanted. 0, or -1:
 * there are none.
 */
int initiate_pairs(struct initiate *r, const struct addr *own, const struct addr *peer, struct fault *f);
/*
 * Starts the process that looks the name of the peer up again, where the run needs one: before there are secrets and
 * ports. 0, or -1.
 */
int initiate_resolver(struct initiate *r, struct fault *f);
/* Opens the tool and begins phase 1 with the peer. 0, or -1. */
int initiate_connect(struct initiate *r, const struct ike_tool_opts *tool, struct ike_conf *conf, struct fault *f);
/*
 * Opens the tool with the peers of --bindings, each of which has an SA while a binding names it; the peer of the command line, if
 * there is one, always has. 0, or -1.
 */
int initiate_bound(struct initiate *r, const struct ike_tool_opts *tool, struct ike_conf *conf, struct fault *f);
/* For struct reload. */
int initiate_take(void *ctx, struct peers *after, struct fault *f);
void initiate_bound_close(struct bound *b);	/* after the tool: its engine has the policies; NULL is fine */
/* Opens the tool with the SA state of --phase2 or --delete, and begins. 0, or -1. */
int initiate_from_state(struct initiate *r, struct ike_tool_opts *tool, struct ike_conf *conf, struct fault *f);

#endif
