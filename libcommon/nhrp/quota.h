/* How many registrations there are from each NBMA address. */
#ifndef SAPIPE_NHRP_QUOTA_H
#define SAPIPE_NHRP_QUOTA_H

#include "base/addr.h"
#include "base/table.h"

struct nhrp_quota {		/* all zero but ${salt}: empty */
	struct table	table;
	uint64_t	salt;	/* not known to peers */
};

size_t nhrp_quota_count(const struct nhrp_quota *q, const struct addr *nbma);
/* One more, one less. nhrp_quota_add(): 0, or -1: no memory. */
int nhrp_quota_add(struct nhrp_quota *q, const struct addr *nbma);
void nhrp_quota_drop(struct nhrp_quota *q, const struct addr *nbma);
/* Releases the table; each registration has been dropped. */
void nhrp_quota_close(struct nhrp_quota *q);

#endif
