/*
 * A resident client beside its registration (RFC 2332 section 2.3, and Cisco's traffic indications): answers resolution
 * requests for its own addresses, resolves the destination that an indication names, and obeys purges. An indication counts
 * only from a server at which this end is registered. A shortcut in use is resolved again in the last third of its holding time.
 * An unused shortcut expires after its holding time, or earlier with ${idle_s}.
 *
 * In an AutoConnect VPN the server tells two clients of each other (acvpn.h). A Resolution-set counts only from a server at which this
 * end is registered, by the last registration that was accepted, and once: its serial is greater than those before.
 */
#ifndef SAPIPE_NHRP_CLIENT_H
#define SAPIPE_NHRP_CLIENT_H

#include "nhrp/register.h"
#include "nhrp/resolve.h"

#define NHRP_CLIENT_NETS	32	/* own networks */
#define NHRP_CLIENT_SERVERS	8
#define NHRP_CLIENT_ASKS	64	/* resolutions at a time */
#define NHRP_CLIENT_CUTS	512	/* shortcuts */

struct nhrp_cut {		/* a shortcut, or a negative answer */
	struct sa_nhrp_binding b;
	struct addr	dst, nhs_nbma;	/* the address that was asked for, and the server */
	uint64_t	end_ms;
	uint64_t	renew_ms;	/* a packet after this time renews it; UINT64_MAX: none does */
	bool		looked;		/* ${renew_ms} has passed */
	bool		set;		/* of a Resolution-set: use makes it last */
	uint32_t	idle_s;		/* ... which says when it ends without packets; 0: see struct nhrp_client */
	uint64_t	used_ms;	/* time of the last known packet to it */
};

struct nhrp_client {
	struct nhrp_node	*node;
	struct nhrp_register	 reg[NHRP_CLIENT_SERVERS];	/* the first ${n_regs} are started */
	size_t			 n_regs;
	bool			 connect;	/* accept Resolution-sets */
	bool			 shortcut;	/* follow indications */
	uint32_t		 idle_s;	/* a shortcut that is not in use ends after this time; 0: at its holding time */
	struct nhrp_net		 nets[NHRP_CLIENT_NETS];
	size_t			 n_nets;
	struct nhrp_resolve	 asks[NHRP_CLIENT_ASKS];	/* free: due_ms is UINT64_MAX or 0 */
	struct nhrp_cut		 cuts[NHRP_CLIENT_CUTS];
	size_t			 n_cuts;
};

/* Handles a packet. False: the client neither requested nor serves it. */
bool nhrp_client_receive(struct nhrp_client *c, const struct nhrp_in *in, struct now now);
/* Resolves the next hop ${hop}, for which there are packets and no binding (phase 2 of a DMVPN). */
void nhrp_client_wanted(struct nhrp_client *c, const struct addr *hop, struct now now);
/* Notes that packets were sent to the NBMA address ${nbma} just now (family 0: perhaps to any). */
void nhrp_client_used(struct nhrp_client *c, const struct addr *nbma, struct now now);
/* Registers at each server at once. ${moved}: our address has changed, so the shortcuts are withdrawn first. */
void nhrp_client_again(struct nhrp_client *c, bool moved, struct now now);
uint64_t nhrp_client_deadline_ms(const struct nhrp_client *c);	/* the registrations' included */
void nhrp_client_timeout(struct nhrp_client *c, struct now now);
/* Withdraws the registrations and each binding. */
void nhrp_client_stop(struct nhrp_client *c, struct now now);

#endif
