/*
 * IPv4 fragmentation before the tunnel (RFC 791, 3.2; RFC 4301, 8.2.2 allows it there): a packet that no outer packet
 * could hold whole, and that may be fragmented, enters the tunnel as fragments, so that outer packets need none.
 */
#ifndef SAPIPE_ESP_CUT_H
#define SAPIPE_ESP_CUT_H

#include "esp/inner.h"

#define CUT_MTU_MIN	68	/* that every link carries (RFC 791, 3.2) */

struct cutter {
	const uint8_t	*p;		/* of the caller */
	size_t		 head, len, step;	/* header, payload, and payload of a piece, in bytes */
	size_t		 off;		/* payload written so far */
	uint16_t	 frag;		/* bits and offset of the packet itself, which may be a fragment */
	uint8_t		 later[60];	/* the header of all pieces but the first: it lacks options that are not copied */
	size_t		 later_len;
};

/* Whether ${in} is to be cut to packets of ${mtu} bytes. */
bool cut_needed(const struct inner *in, size_t mtu);
/*
 * Begins to cut ${p}, parsed into ${in}, to packets of at most ${mtu} bytes. -1 if that cannot be: IPv6, DF, or too
 * little room.
 */
int cut_begin(struct cutter *c, const uint8_t *p, const struct inner *in, size_t mtu);
/* Bytes of the next piece, with its header; 0 after the last. */
size_t cut_len(const struct cutter *c);
/* Writes the next piece, of cut_len() bytes. */
void cut_put(struct cutter *c, uint8_t *to);

#endif
