/*
 * The IP Authentication Header (RFC 4302) of one direction of an SA: its ICV over whole IP packets, and where it
 * stands in them. Tunnel or transport mode is the caller's.
 */
#ifndef SAPIPE_ESP_AH_H
#define SAPIPE_ESP_AH_H

#include "esp/backend.h"
#include "esp/transform.h"

#define AH_HDR		12	/* without the ICV (RFC 4302 section 2) */
#define AH_PROTO	51
#define AH_LEN_MAX	(AH_HDR + ESP_ICV_MAX + 4)

struct ah_xf {
	const struct esp_backend *be;
	struct esp_key	*key;
	bool		 esn;
	uint8_t		 icv_len;
};

/* 0, or -1 as esp_backend.key_new; nothing is held then. */
int ah_xf_init(struct ah_xf *xf, const struct esp_backend *be, const struct alg_integ *integ, bool esn,
    struct span auth, struct fault *f);
void ah_xf_free(struct ah_xf *xf);	/* wipes; harmless on zeros */

/* Bytes of the header in packets of ${family} 4 or 6: padded to 4 or 8 (RFC 4302, 3.3.3.2.1). */
size_t ah_xf_len(const struct ah_xf *xf, uint8_t family);

/* Where a header stands, or would, in an IP packet: offsets and lengths in bytes. */
struct ah_at {
	uint8_t	family;
	uint8_t	next;		/* what follows at ${off}: AH_PROTO if it is there */
	bool	fragment;	/* there is no whole payload to protect */
	size_t	off;		/* behind IP header, hop-by-hop, routing and destination options */
	size_t	prev;		/* of the byte that names it */
	size_t	end;		/* of the packet, by its own header */
	size_t	len;		/* of the header; 0 where it is not there */
};

/* -1 if the headers of ${ip} do not make sense or claim more than there is. */
int ah_find(struct ah_at *at, struct span ip);

/*
 * The ICV of ${ip}, with AH at ${at} and its sequence number's upper half ${seq_hi}: checked, and made. Fields that change
 * on the way count as zero (RFC 4302, 3.3.3.1). ${work} has room for the packet and ESP_ICV_MAX bytes
 * more; it must not overlap ${ip}. OK, SHORT (the header is not as long as it should be), BAD_ICV, FAILED.
 */
enum esp_verdict ah_check(const struct ah_xf *xf, struct span ip, const struct ah_at *at,
    uint32_t seq_hi, uint8_t *work);
enum esp_verdict ah_sign(const struct ah_xf *xf, uint8_t *ip, const struct ah_at *at, uint32_t seq_hi,
    uint8_t *work);

#endif
