/*
 * A resident client beside its registration (RFC 2332 section 2.3, and Cisco's traffic indications): answers resolution
 * requests for its own addresses, resolves what an indication of the server is about, and obeys purges. An indication counts
 * only from a server at which this end is registered. Bindings end by themselves at their holding time.
 */
#ifndef SAPIPE_NHRP_CLIENT_H
#define SAPIPE_NHRP_CLIENT_H

#include "nhrp/register.h"
#include "nhrp/resolve.h"

#define NHRP_CLIENT_NETS	32	/* own networks */
#define NHRP_CLIENT_ASKS	64	/* resolutions at a time */
#define NHRP_CLIENT_CUTS	512	/* shortcuts */

struct nhrp_net {
	struct addr	net;
	uint8_t		prefix;
};

struct nhrp_cut {		/* a shortcut, or a negative answer */
	struct sa_nhrp_binding b;
	uint64_t	end_ms;
};

struct nhrp_client {
	struct nhrp_node	*node;
	struct nhrp_register	 reg;
	bool			 shortcut;	/* follow indications */
	struct nhrp_net		 nets[NHRP_CLIENT_NETS];
	size_t			 n_nets;
	struct nhrp_resolve	 asks[NHRP_CLIENT_ASKS];	/* free: due_ms is UINT64_MAX or 0 */
	struct nhrp_cut		 cuts[NHRP_CLIENT_CUTS];
	size_t			 n_cuts;
};

/* Handles a packet. False: it is nothing that this client has asked for or serves. */
bool nhrp_client_receive(struct nhrp_client *c, const struct nhrp_in *in, struct now now);
uint64_t nhrp_client_deadline_ms(const struct nhrp_client *c);	/* the registration's included */
void nhrp_client_timeout(struct nhrp_client *c, struct now now);
/* Withdraws the registration and each binding. */
void nhrp_client_stop(struct nhrp_client *c, struct now now);

#endif
