/* Which NBMA addresses a GRE device has sent to of late. No I/O, no clock. */
#ifndef SAPIPE_GRE_USES_H
#define SAPIPE_GRE_USES_H

#include "gre/attach.h"

#define USES_SLOTS	2048	/* a power of two, more than GRE_USES_MAX */

struct uses {			/* all zero: none */
	struct addr	slot[USES_SLOTS];
	size_t		n;
	bool		more;	/* than can be remembered */
};

/* ${nbma} is in use. True: it is the first one. */
bool uses_add(struct uses *u, const struct addr *nbma);
/* Writes them as gre_use_get() reads them, and forgets them. Returns the bytes. */
size_t uses_take(struct uses *u, uint8_t out[GRE_ATTACH_MAX]);

#endif
