/*
 * The neighbours of a GRE device: permanent entries of the kernel's table, by netlink. A link address has four bytes, so it is an
 * IPv4 NBMA address; an IPv6 one is stood for by a number of 240.0.0.0/4, which no host can have.
 */
#ifndef SAPIPE_GRE_NEIGH_H
#define SAPIPE_GRE_NEIGH_H

#include "base/addr.h"
#include "base/fault.h"
#include "net/netlink.h"

#define NEIGH_MAX	65536

struct neigh {
	struct addr	hop;		/* the address in the tunnel */
	struct addr	nbma;
	uint64_t	serial;		/* of two for one address the later one counts */
};

struct neighs {
	struct netlink	*nl;		/* of the caller */
	unsigned	 ifindex;
	struct neigh	*have;		/* sorted by ${hop} */
	size_t		 n_have;
	struct addr	*v6;		/* by number */
	size_t		 n_v6;
};

/*
 * Sets the neighbours to exactly ${want}, which is sorted then, without duplicates. 0, or -1 with the first fault after the others were
 * handled.
 */
int neighs_sync(struct neighs *s, struct neigh *want, size_t n, struct fault *f);
/* Removes them all. */
void neighs_free(struct neighs *s);

/* The NBMA address that the link address ${link} stands for; family 0: none. */
struct addr neighs_nbma(const struct neighs *s, uint32_t link);
/* The link address of ${nbma}: 0 if an IPv6 one has no number. */
uint32_t neighs_link(const struct neighs *s, const struct addr *nbma);

#endif
