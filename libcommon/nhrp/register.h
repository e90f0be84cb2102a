/*
 * Registers this end at a next hop server (RFC 2332 section 5.2.3). A request that is not answered is sent again after 1, 2,
 * 4, .. 64 s. With ${keep} the registration is refreshed at a third of the holding time. Only an answer of the asked server
 * to the last request counts; any other packet changes nothing. Networks go with the registration, as further entries: the server
 * may accept some and refuse others.
 */
#ifndef SAPIPE_NHRP_REGISTER_H
#define SAPIPE_NHRP_REGISTER_H

#include "nhrp/acvpn.h"
#include "nhrp/node.h"

#define NHRP_REGISTER_NETS	(NHRP_CIES_MAX - 1)	/* networks of one registration */

enum nhrp_outcome {
	NHRP_WAITING,		/* no answer so far */
	NHRP_ACCEPTED,
	NHRP_REFUSED,		/* ${code} of the reply */
	NHRP_FAILED,		/* ${code} of an error indication */
};

struct nhrp_register_conf {
	struct addr	nhs_nbma;
	struct addr	nhs;		/* protocol address of the server; family 0: not known */
	bool		unique;		/* refuse another NBMA address for our address */
	bool		keep;
	const struct nhrp_net *nets;	/* behind this end, the caller's; at most NHRP_REGISTER_NETS */
	size_t		n_nets;
	const struct acvpn *offer;	/* of an AutoConnect VPN, goes with each request; NULL: none */
};

struct nhrp_registration {	/* what is known of it */
	enum nhrp_outcome outcome;
	uint16_t	code;
	uint16_t	holding;	/* as the server has it */
	struct addr	nhs;		/* the server's protocol address */
	struct addr	nat;		/* our NBMA address as the server sees it; family 0: no NAT */
	uint64_t	rtt_us;
	unsigned	sent;		/* requests since the last answer */
	enum { NHRP_NET_UNKNOWN, NHRP_NET_ACCEPTED, NHRP_NET_REFUSED } net[NHRP_REGISTER_NETS];	/* the verdict on each network */
};

struct nhrp_register {
	struct nhrp_node		*node;
	struct nhrp_register_conf	 conf;
	struct nhrp_registration	 state;
	uint32_t	 id;		/* of the last request */
	uint32_t	 accepted_id;	/* of the last one that was accepted */
	uint32_t	 serial;	/* of the last Resolution-set since then */
	uint8_t		 code;		/* ... and our answer to it */
	bool		 has_serial;
	uint64_t	 sent_us;
	uint64_t	 due_ms;	/* UINT64_MAX: none */
	uint64_t	 lost_ms;	/* the registration ends then; UINT64_MAX: there is none */
};

void nhrp_register_start(struct nhrp_register *r, struct nhrp_node *n, const struct nhrp_register_conf *c, struct now now);
/* Whether ${in} answers the last request; the state and the sink have the outcome. */
bool nhrp_register_receive(struct nhrp_register *r, const struct nhrp_in *in, struct now now);
uint64_t nhrp_register_deadline_ms(const struct nhrp_register *r);
void nhrp_register_timeout(struct nhrp_register *r, struct now now);
/* Registers at once: our address has changed, or the server may be reachable only now. */
void nhrp_register_again(struct nhrp_register *r, struct now now);
/* Withdraws the registration by a purge request, and the binding of the server. */
void nhrp_register_stop(struct nhrp_register *r, struct now now);

#endif
