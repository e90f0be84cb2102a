/*
 * The networks behind the clients of a server: those that a registration names (RFC 2332 section 5.2.3: an entry with a prefix
 * shorter than an address), and those of the offers of an AutoConnect VPN. A client has only networks that the server's
 * configuration allows to it. No two clients have a common address, and no network has an address that the server, another
 * client or a tunnel needs. Each network is a binding by its client, as long as the client's registration lasts.
 */
#ifndef SAPIPE_NHRP_BEHIND_H
#define SAPIPE_NHRP_BEHIND_H

#include "nhrp/server.h"

#define NHRP_BEHIND_MAX		32	/* networks of one client */
#define NHRP_BEHIND_PREFIX_MIN	8	/* a network of fewer bits is refused */

struct nhrp_behind {
	struct prefix		 prefix;
	struct nhrp_client_entry *owner;
	struct nhrp_behind	*next;		/* of the owner */
	bool			 named;		/* by the registration that is being read */
};

/* Sorts the ${n} rules ${v} for struct nhrp_serve_conf: by client, those for any client first. */
void nhrp_allowed_sort(struct nhrp_allowed *v, size_t n);
/* Whether the client ${proto} may have ${net}: NHRP_CODE_OK, or the code and, in ${*why}, the reason. */
enum nhrp_code nhrp_behind_judge(struct nhrp_serve *s, const struct addr *proto, const struct nhrp_net *net, const char **why);
/* The client ${e} names ${net}: judges it and gives it to the client. A refusal is an event, too. */
enum nhrp_code nhrp_behind_name(struct nhrp_serve *s, struct nhrp_client_entry *e, const struct nhrp_net *net, struct now now);
/* The registration has been read: withdraws what it did not name, and binds the rest for ${e}->holding seconds. */
void nhrp_behind_named(struct nhrp_serve *s, struct nhrp_client_entry *e, struct now now);
/* Withdraws the networks of ${e} within ${within}, NULL: all of them, and purges them at those who asked. */
void nhrp_behind_drop(struct nhrp_serve *s, struct nhrp_client_entry *e, const struct nhrp_net *within, struct now now);
/* The memory of all networks of ${e}, when the server closes. */
void nhrp_behind_free(struct nhrp_serve *s, struct nhrp_client_entry *e);
/* The network that ${a} is in; NULL: none. */
const struct nhrp_behind *nhrp_behind_find(const struct nhrp_serve *s, const struct addr *a);

#endif
