/*
 * What dpd-ping and natd-probe have in common: a machine that asks a peer, its ports, the event
 * loop with timer and signals, the way of its datagrams, and the giving up of privileges.
 */
#ifndef SAPIPE_TOOL_PROBE_TOOL_H
#define SAPIPE_TOOL_PROBE_TOOL_H

#include <ev.h>

#include "ike/outbox.h"
#include "port/port.h"

#define PROBE_TOOL_IDS	4	/* exchanges that can be out at once */

/* The machine. What is put into ${out} is sent once the call is back. */
struct probe_tool_calls {
	void	 (*timeout)(void *ctx, struct ike_outbox *out);
	void	 (*datagram)(void *ctx, const struct endpoint *remote, struct span data,
		    struct ike_outbox *out);
	/* An ICMP error, errno ${sys}; too large a packet is none. */
	void	 (*unreachable)(void *ctx, const struct endpoint *remote, int sys,
		    struct ike_outbox *out);
	/* When ${timeout} is due, monotonic; UINT64_MAX: it is over. */
	uint64_t (*deadline_us)(void *ctx);
	/*
	 * The cookies to be served now, one pair by one, responder's zero: any; all zero: none. False
	 * after the last, which is number PROBE_TOOL_IDS - 1 at most.
	 */
	bool	 (*id)(void *ctx, size_t i, uint8_t id[16]);
	void	 (*stepped)(void *ctx);	/* after each of the above was sent; NULL: nothing to do */
	void	 (*status)(void *ctx);	/* SIGQUIT; NULL: it is not caught */
};

struct probe_tool {		/* zero it, set ${calls} and ${ctx} */
	const struct probe_tool_calls *calls;
	void			*ctx;
	bool			 note_once;	/* of what cannot be sent the first alone is told */
	struct ev_loop		*loop;
	struct ports		*ports;
	struct ev_timer		 timer;
	struct ev_signal	 on_int, on_term, on_quit;
	uint8_t			 served[PROBE_TOOL_IDS][16];
	uint32_t		 unsent;	/* messages, and why the last of them */
	struct fault		 why_unsent;
};

/* The loop and an empty set of ports. On failure too probe_tool_close() is due. */
int probe_tool_open(struct probe_tool *t, struct fault *f);
/*
 * Opens the usual port of ${role} at ${local}->addr, and puts it into ${local}; where it cannot be had,
 * for lack of privileges or because of another program, any port, and says so with -v: ${odd}
 * (may be NULL) is then true.
 */
int probe_tool_port(struct probe_tool *t, struct endpoint *local, enum port_role role, bool *odd,
    struct fault *f);
/* Gives up privileges for ${user} (see priv_drop()) and enters the sandbox. */
int probe_tool_confine(const char *user, struct fault *f);
/* Runs until the machine is over, SIGINT, SIGTERM or probe_tool_stop(). */
void probe_tool_run(struct probe_tool *t);
void probe_tool_stop(struct probe_tool *t);
void probe_tool_close(struct probe_tool *t);

#endif
