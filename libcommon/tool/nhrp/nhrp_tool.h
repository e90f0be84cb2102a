/*
 * The frame of the tools of NHRP: options they share, the GRE device that they attach to, the event loop, records on standard
 * output, privileges. The machines of nhrp/ get packets and time from it.
 */
#ifndef SAPIPE_TOOL_NHRP_NHRP_TOOL_H
#define SAPIPE_TOOL_NHRP_NHRP_TOOL_H

#include <ev.h>

#include "cli/opt.h"
#include "gre/attach.h"
#include "nhrp/node.h"
#include "os/record_out.h"

#define NHRP_TOOL_WAIT_MS	10000	/* for the owner of the device, which a pipeline starts at the same time */

struct nhrp_opts {		/* as parsed */
	const char	*tun, *address, *auth_file, *user;
	uint32_t	 holding, spi;
	uint8_t		 auth;		/* 0: clear text, 1: HMAC */
};
/* Rows for OPT_INCLUDE. */
extern const struct opt nhrp_optab[];
#define NHRP_OPTS_DEFAULT { .holding = NHRP_HOLDING_DEFAULT, .spi = 1 }

struct nhrp_tool_calls {
	void		(*receive)(void *ctx, const struct nhrp_in *in, struct now now);
	/* A sample of forwarded packets; may be NULL. */
	void		(*sample)(void *ctx, const struct gre_msg *m, struct now now);
	/* There are packets for the next hop ${hop}, which no binding names; may be NULL. */
	void		(*wanted)(void *ctx, const struct addr *hop, struct now now);
	/* Packets go to the NBMA address ${nbma}, family 0: perhaps to any; may be NULL. */
	void		(*used)(void *ctx, const struct addr *nbma, struct now now);
	/* Our own NBMA address has changed (${moved}), or the device carries packets of a peer from now on; may be NULL. */
	void		(*ready)(void *ctx, bool moved, struct now now);
	uint64_t	(*deadline_ms)(void *ctx);	/* UINT64_MAX: none */
	void		(*timeout)(void *ctx, struct now now);
	void		(*stop)(void *ctx, struct now now);	/* a signal, or the reader of records has gone: last packets; may be NULL */
	/* SIGUSR1: prints what there is; may be NULL. */
	void		(*status)(void *ctx);
};

struct nhrp_tool {
	const struct nhrp_tool_calls *calls;
	void		*ctx;
	struct ev_loop	*loop;
	struct gre_attach *gre;
	struct sa_out	*out;		/* NULL: no records */
	struct nhrp_node node;
	struct addr	 toward;	/* family 0: the device has our NBMA address */
	ev_io		 on_gre, on_out;
	ev_timer	 timer, look;
	ev_signal	 sig[5];
	struct fault	 why;		/* ended for this */
	bool		 stopped;	/* by a signal */
	char		 tun[GRE_TUN_NAME];
};

/*
 * Attaches to the device with ${wants} of gre_attach(), sets the addresses of the node, reads the secret. ${toward}: an
 * NBMA address that we send to, for our own where the device has none; NULL: it must have one. 0, or -1 with a fault.
 */
int nhrp_tool_open(struct nhrp_tool *t, const struct nhrp_opts *o, unsigned wants, const struct addr *toward,
    const struct nhrp_tool_calls *calls, void *ctx, struct fault *f);
/* Records go to ${path}, NULL: standard output. Before nhrp_tool_open(). */
int nhrp_tool_output(struct nhrp_tool *t, const char *path, struct fault *f);
/* Drops privileges, and enters the sandbox. ${netlink}: the tool goes on to ask for routes. */
int nhrp_tool_confine(const char *user, bool netlink, struct fault *f);
/* Runs until a signal, nhrp_tool_end(), or a fault, which is in ${t}->why. */
void nhrp_tool_run(struct nhrp_tool *t);
void nhrp_tool_end(struct nhrp_tool *t);
/* EXIT_DONE, or that of the fault, which it reports. */
enum exit_status nhrp_tool_status(struct nhrp_tool *t);
void nhrp_tool_close(struct nhrp_tool *t);

/* "10.1.0.0/24" of option ${name}. 0, or -1 with FAULT_BAD_ADDRESS. */
int nhrp_net_parse(struct addr *net, uint8_t *prefix, const char *text, const char *name, struct fault *f);

#endif
