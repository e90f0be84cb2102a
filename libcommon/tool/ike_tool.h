/*
 * Code shared by ike-initiate and ike-respond: options, the event loop with its
 * signals, the output of records to standard output or -o FILE, and log messages.
 */
#ifndef SAPIPE_TOOL_IKE_TOOL_H
#define SAPIPE_TOOL_IKE_TOOL_H

#include <ev.h>

#include "tool/ike_users.h"
#include "tool/ike_wire.h"
#include "tool/outcome.h"
#include "cli/opt.h"
#include "host/ike_control.h"
#include "host/ike_host.h"
#include "os/notify.h"
#include "os/record_out.h"

struct ike_tool_opts {
	const char	*local;		/* --local, --listen */
	const char	*output;
	const char	*pcap;
	const char	*failed_sa;	/* where the keys of failed IKE SAs go; NULL: nowhere */
	bool		 explain;
	uint8_t		 tcp;		/* --encap: 0 udp, 1 tcp */
	bool		 no_udp;	/* and no other ports */
	uint16_t	 tcp_port;
	const char	*user;		/* user to switch to; NULL: as for priv_drop() */
	const char	*seed, *clock;	/* test seams */
	uint32_t	 ready_fd;	/* 0: none */
	const char	*control;	/* name of a control socket; NULL: none */
	/* Set by the tool: work only under this IKE SA, at its port; the caller then sets ${local}. */
	const struct sa_ike *under;
};

/* Rows for OPT_INCLUDE: -o, --explain, --pcap, --user, --ready-fd, --control, --seed, --clock. */
extern const struct opt ike_tool_optab[];

struct ike_tool {
	struct ev_loop		*loop;
	struct ike_host		*host;
	struct sa_out		*out;
	struct sa_out		*failed;	/* --failed-sa, or NULL */
	struct ike_wire		*wire;		/* --pcap, --explain; NULL: neither */
	const char		*user;
	struct endpoint		 local;		/* family 0: not set */
	struct rand_seed	 seed;
	struct ev_signal	 on_signal[5];
	struct ev_io		 on_out;
	struct ev_timer		 on_linger, on_grace, on_watchdog;
	struct notify		 notify;
	struct ike_control	*control;	/* or NULL */
	struct fault		 lost;		/* why records go nowhere; FAULT_NONE: they do go */
	enum exit_status	 status;
	bool			 ending;
	bool			 over;		/* ended before ike_tool_run() */
	bool			 told_to_stop;	/* by a signal */
	/*
	 * Sees each verdict first, with ${hook_ctx}; true: it is handled, and has no outcome. May be NULL.
	 */
	bool			 (*hook)(void *ctx, enum ike_verdict what, uint32_t mid, const struct fault *why);
	void			*hook_ctx;
	/* A SIGHUP: reads the configuration again. NULL: it ends the run, as the other signals do. */
	void			 (*reload)(void *ctx);
	void			*reload_ctx;
	struct ike_users	 users;		/* their login and account are closed with the tool */
	/* Set before opening: what the run is asked to do, how long it answers retransmissions at its end, */
	struct outcome		 outcome;
	uint32_t		 linger_ms;
	/* whether it ends by itself, so that SAs whose records nobody keeps are deleted, */
	bool			 one_shot;
	/* whether its SAs are deleted at the peer when it ends, as nobody will use the records, */
	bool			 look;
	const char		*state;		/* the file of the IKE SA that is worked under, or NULL */
	/* whether another gateway has the same address: the SAs stay when this one ends, */
	bool			 shared;
	/* and whether it has one peer, who may initiate too once ike_tool_peer() names it. */
	bool			 one_peer;
};

/*
 * Opens the output of records, then the ports. Sets ${conf}->rand. On failure it does not return
 * 0, and ${f} has the reason; call ike_tool_close() in either case.
 */
int ike_tool_open(struct ike_tool *t, const struct ike_tool_opts *o, struct ike_conf *conf,
    struct fault *f);
/* Gives up privileges, enters the sandbox, runs until ${outcome} ends it; returns the exit status. */
enum exit_status ike_tool_run(struct ike_tool *t);
/* Sends deletes and writes sa-delete records, but not of ${t}->shared SAs, and ends the run with ${status}. */
void ike_tool_shutdown(struct ike_tool *t, enum exit_status status);
/* Records have nowhere to go, for ${why}: ends the run. */
void ike_tool_lost(struct ike_tool *t, const struct fault *why);
void ike_tool_close(struct ike_tool *t);
/*
 * Whether the ciphers of ${conf}'s policies can be used; loads what has to be loaded before the sandbox is entered. 0, or -1
 * with FAULT_NO_LEGACY_PROVIDER.
 */
int ike_tool_ciphers(const struct ike_conf *conf, struct fault *f);
/* Adopts an SA from its record, as ike_engine_adopt(). */
int ike_tool_adopt(struct ike_tool *t, const struct sa_rec *rec, struct ike_policy *p,
    struct fault *f);
/* Accepts exchanges that ${remote} initiates, under ${p}, and those of no other peer. */
void ike_tool_peer(struct ike_tool *t, struct ike_policy *p, const struct addr *remote);

#endif
