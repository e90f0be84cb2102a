/*
 * The IP Authentication Header (RFC 4302): its place in an IP packet, and its ICV over the whole packet under a
 * transform with NULL encryption. seal.h and open.h add and remove it.
 */
#ifndef SAPIPE_ESP_AH_H
#define SAPIPE_ESP_AH_H

#include "esp/backend.h"
#include "esp/transform.h"

#define AH_HDR		12	/* without the ICV (RFC 4302 section 2) */
#define AH_PROTO	51

/* Bytes of the header in packets of ${family} 4 or 6: padded to 4 or 8 (RFC 4302, 3.3.3.2.1). */
size_t ah_len(const struct esp_xf *xf, uint8_t family);

/* The place of the header in an IP packet, or the place where it belongs: offsets and lengths in bytes. */
struct ah_at {
	uint8_t	family;
	uint8_t	next;		/* the protocol at ${off}: AH_PROTO if AH is present */
	bool	fragment;	/* there is no whole payload to protect */
	size_t	off;		/* behind IP header, hop-by-hop, routing and destination options */
	size_t	prev;		/* of the byte that names it */
	size_t	end;		/* of the packet, by its own header */
	size_t	len;		/* of the header; 0 where it is not there */
};

/* -1 if the headers of ${ip} do not make sense or claim more than there is. */
int ah_find(struct ah_at *at, struct span ip);

/*
 * Checks, and makes, the ICV of ${ip} with AH at ${at} and the upper half ${seq_hi} of its sequence number. Mutable fields
 * count as zero (RFC 4302, 3.3.3.1). OK, SHORT (the header has the wrong length), BAD_ICV, FAILED.
 */
enum esp_verdict ah_check(struct esp_ctx *ctx, const struct esp_xf *xf, struct span ip, const struct ah_at *at,
    uint32_t seq_hi);
enum esp_verdict ah_sign(struct esp_ctx *ctx, const struct esp_xf *xf, uint8_t *ip, const struct ah_at *at,
    uint32_t seq_hi);

#endif
