/*
 * The IP header outside of the tunnel: made for AH and for packets that come out of transport mode, mended where one
 * is kept.
 */
#ifndef SAPIPE_ESP_OUTER_H
#define SAPIPE_ESP_OUTER_H

#include "base/addr.h"

#define OUTER_V4	20
#define OUTER_V6	40

/* Bytes of a header without options. */
static inline size_t
outer_len(uint8_t family)
{
	return (family == 4 ? OUTER_V4 : OUTER_V6);
}

/* The header fields of a packet. */
struct outer {
	const struct addr *src, *dst;	/* of one family */
	uint8_t		tos, proto;
	uint16_t	id;		/* IPv4 */
	bool		df;
};

/* Writes a header for ${len} bytes behind it. Returns its length. */
size_t outer_make(uint8_t *ip, const struct outer *o, size_t len);

/* Corrects length and checksum of the header of ${head} bytes at ${ip}, of a packet of ${len} bytes in all. */
void outer_mend(uint8_t *ip, size_t head, size_t len);

#endif
