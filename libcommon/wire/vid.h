/* Vendor IDs: a table of their bytes and meaning. */
#ifndef SAPIPE_WIRE_VID_H
#define SAPIPE_WIRE_VID_H

#include "base/span.h"

enum vid_kind {
	VID_UNKNOWN = 0,
	VID_NATT_RFC3947,
	VID_NATT_DRAFT_03,
	VID_NATT_DRAFT_02,	/* MD5("draft-ietf-ipsec-nat-t-ike-02") */
	VID_NATT_DRAFT_02_N,	/* the same text with a newline: the common one */
	VID_NATT_DRAFT_01,
	VID_NATT_DRAFT_00,
	VID_DPD,
	VID_HEARTBEAT,		/* our own: see ike/heartbeat.h */
	VID_XAUTH,
	VID_UNITY,
	VID_FRAGMENTATION,
	VID_IMPLEMENTATION,	/* names a product */
	VID_FEATURE,		/* a capability that is not used here; named in listings */
};

struct vid {
	enum vid_kind	 kind;
	const char	*name;		/* for people: "NAT-T RFC 3947", "strongSwan", "DPD" */
	const char	*text;		/* its MD5 starts the vendor ID; NULL: not known */
	struct span	 bytes;
	bool		 prefix;	/* versions or capabilities may follow the bytes */
};

/* The row for the body of a VID payload, or NULL. */
const struct vid *vid_find(struct span body);
/* The row to send for ${kind}: the first one; NULL for VID_UNKNOWN. */
const struct vid *vid_of(enum vid_kind kind);
/* Rows one by one for listings: NULL after the last. */
const struct vid *vid_row(size_t i);

#endif
