/* The vendor IDs that a peer has sent, in as many bytes as they need. */
#ifndef SAPIPE_IKE_V1BASE_VIDS_H
#define SAPIPE_IKE_V1BASE_VIDS_H

#include "sa/record.h"

struct v1_vids {		/* all zero: none */
	uint8_t	*p;		/* a length byte before each */
	size_t	 len, n;
};

/*
 * Adds a copy of ${body}, cut to SA_VID_MAX bytes. One that is there already, one more than
 * SA_VIDS_MAX and one for which there is no memory are left out.
 */
void v1_vids_add(struct v1_vids *v, struct span body);
/* The one at ${*at}, which moves on; from 0 until false. */
bool v1_vids_next(const struct v1_vids *v, size_t *at, struct span *body);
void v1_vids_free(struct v1_vids *v);

#endif
