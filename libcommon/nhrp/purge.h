/*
 * Purge requests of a server (RFC 2332 section 5.2.5): each is sent until it is answered, at most NHRP_PURGE_TRIES times, after 1 and
 * 2 seconds. What cannot be remembered is sent once, and asks for no reply.
 */
#ifndef SAPIPE_NHRP_PURGE_H
#define SAPIPE_NHRP_PURGE_H

#include "nhrp/cache.h"

#define NHRP_PURGES		256	/* that wait for their reply */
#define NHRP_PURGE_TRIES	3

struct nhrp_purge {		/* ${sent} 0: free */
	struct nhrp_asker to;
	uint32_t	id;
	unsigned	sent;
	uint64_t	due_ms;
};

struct nhrp_purges {		/* all zero: none */
	struct nhrp_purge list[NHRP_PURGES];
	size_t		n;	/* that wait */
};

/* Tells ${a} that what it knows of ${a}->net is wrong now. ${last}: this end stops, and waits for no reply. */
void nhrp_purge_send(struct nhrp_purges *p, struct nhrp_node *n, const struct nhrp_asker *a, bool last, struct now now);
/*
 * Tells those who have got an answer about an address of the registration ${e} in ${within}, NULL: about any. The number of requests.
 * ${e} forgets them.
 */
unsigned nhrp_purge_askers(struct nhrp_purges *p, struct nhrp_node *n, struct nhrp_client_entry *e, const struct nhrp_net *within,
    bool last, struct now now);
/* Whether the purge reply ${in} answers one of them, which is done then. */
bool nhrp_purge_receive(struct nhrp_purges *p, const struct nhrp_in *in);
uint64_t nhrp_purge_deadline_ms(const struct nhrp_purges *p);	/* UINT64_MAX: none */
void nhrp_purge_timeout(struct nhrp_purges *p, const struct nhrp_node *n, struct now now);

#endif
