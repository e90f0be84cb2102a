/*
 * Code shared by dpd-ping and natd-probe: the event loop with its signals, the host of their machine
 * (host/host.h), the choice of ports, and the drop of privileges.
 */
#ifndef SAPIPE_TOOL_PROBE_TOOL_H
#define SAPIPE_TOOL_PROBE_TOOL_H

#include <ev.h>

#include "host/host.h"
#include "tool/ike_wire.h"

struct probe_tool_calls {	/* any may be NULL */
	void	(*stepped)(void *ctx);	/* the machine did something */
	/* The machine has finished; the callee starts another one (host_start()) or the run ends. */
	void	(*over)(void *ctx);
	void	(*status)(void *ctx);	/* SIGQUIT, SIGUSR1; NULL: not caught */
};

struct probe_tool {		/* zero it, set ${calls} and ${ctx} */
	const struct probe_tool_calls *calls;
	void			*ctx;
	bool			 note_once;	/* report the first failed send only */
	struct ev_loop		*loop;
	struct host		*host;
	struct ports		*ports;		/* the host's */
	struct ike_wire		*wire;		/* NULL: nothing is recorded */
	struct ev_signal	 on_int, on_term, on_hup, on_quit, on_usr1;
	bool			 next;		/* ${over} has started another machine */
	uint32_t		 unsent;	/* messages that could not be sent, and why the last could not */
	struct fault		 why_unsent;
};

/* Creates the loop and a host without a machine. On failure too probe_tool_close() is due. */
int probe_tool_open(struct probe_tool *t, struct fault *f);
/*
 * The peer's address, as peer_resolve(). Of a name with several it is the first one that this machine has a route
 * to, and that is reported.
 */
int probe_tool_peer(struct endpoint *remote, const char *text, uint8_t family, struct fault *f);
/*
 * Opens the usual port of ${role} at ${local}->addr, and stores its number in ${local}. If that port is not
 * available, for lack of privileges or because of another program, opens any port, logs that at -v,
 * and sets ${odd} (which may be NULL).
 */
int probe_tool_port(struct probe_tool *t, struct endpoint *local, enum port_role role, bool *odd,
    struct fault *f);
/* Records all messages in the file ${path} (pcapng), from now on. ${path} NULL: nothing. Before probe_tool_confine(). */
int probe_tool_record(struct probe_tool *t, const char *path, struct fault *f);
/* Drops privileges for ${user} (see priv_drop()) and enters the sandbox. */
int probe_tool_confine(const char *user, struct fault *f);
/* Starts to run ${m}. In ${calls}->over: replaces the machine that has finished. */
void probe_tool_start(struct probe_tool *t, struct ike_machine m);
/* Runs until the last machine has finished, SIGINT, SIGTERM, SIGHUP or probe_tool_stop(). */
void probe_tool_run(struct probe_tool *t);
void probe_tool_stop(struct probe_tool *t);
void probe_tool_close(struct probe_tool *t);

#endif
