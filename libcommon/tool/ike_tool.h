/*
 * What ike-initiate and ike-respond have in common: options, the event loop with
 * its signals, the way of records to standard output or -o FILE, and the voice.
 */
#ifndef SAPIPE_TOOL_IKE_TOOL_H
#define SAPIPE_TOOL_IKE_TOOL_H

#include <ev.h>

#include "tool/ike_wire.h"
#include "cli/opt.h"
#include "host/ike_host.h"
#include "os/record_out.h"

struct ike_tool_opts {
	const char	*local;		/* --local, --listen */
	const char	*output;
	const char	*pcap;
	bool		 explain;
	const char	*user;		/* to become; NULL: nobody, if we are root */
	const char	*seed, *clock;	/* test seams */
	/* Set by the tool: work under this IKE SA alone, at its port; ${local} is then the caller's. */
	const struct sa_ike *under;
};

/* Rows for OPT_INCLUDE: -o, --explain, --pcap, --user, --seed, --clock. */
extern const struct opt ike_tool_optab[];

struct ike_tool {
	struct ev_loop		*loop;
	struct ike_host		*host;
	struct sa_out		*out;
	struct ike_wire		*wire;		/* --pcap, --explain; NULL: neither */
	const char		*user;
	struct endpoint		 local;		/* family 0: not said */
	struct rand_seed	 seed;
	struct ev_signal	 on_int, on_term, on_hup;
	struct ev_io		 on_out;
	struct ev_timer		 on_linger, on_grace;
	struct fault		 lost;		/* why records go nowhere; FAULT_NONE: they do go */
	enum exit_status	 status;
	bool			 ending;
	bool			 over;		/* ended before ike_tool_run() */
	bool			 told_to_stop;	/* by a signal */
	/* The tool's own: what it makes of verdicts. */
	void			(*verdict)(struct ike_tool *, enum ike_verdict what,
				    const uint8_t id[16], uint32_t mid, const struct fault *why);
	void			*ctx;
	/* Set before opening: one peer, who may begin too once ike_tool_peer() names it. */
	bool			 one_peer;
};

/*
 * Opens in this order: where records go, the ports. ${conf}->rand is set here. On failure 0 is not
 * returned and ${f} says why; ike_tool_close() is due either way.
 */
int ike_tool_open(struct ike_tool *t, const struct ike_tool_opts *o, struct ike_conf *conf,
    struct fault *f);
/* Gives up privileges, enters the sandbox, runs until ike_tool_end(); gives the exit status. */
enum exit_status ike_tool_run(struct ike_tool *t);
/* What was written so far is of use: a file of records appears now (sa_out_commit()). */
void ike_tool_commit(struct ike_tool *t);
/* After ${linger_ms}, in which duplicates are still answered, the loop ends with ${status}. */
void ike_tool_end(struct ike_tool *t, enum exit_status status, uint32_t linger_ms);
/* The same at once, having told the peers and written sa-delete records. */
void ike_tool_shutdown(struct ike_tool *t, enum exit_status status);
void ike_tool_close(struct ike_tool *t);
/* Takes over an SA from its record, as ike_engine_adopt(). */
int ike_tool_adopt(struct ike_tool *t, const struct sa_rec *rec, struct ike_policy *p,
    struct fault *f);
/* What ${remote} begins is for us, under ${p}, and nobody else's is. */
void ike_tool_peer(struct ike_tool *t, struct ike_policy *p, const struct addr *remote);

#endif
