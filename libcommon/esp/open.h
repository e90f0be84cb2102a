/*
 * Packets opened, in the order of RFC 4303, 3.4 and RFC 4302, 3.4: length, window test, authentication, window move,
 * decryption, padding; then tunnel or transport mode. Batches, in place, of any number of SAs.
 */
#ifndef SAPIPE_ESP_OPEN_H
#define SAPIPE_ESP_OPEN_H

#include "base/pkt.h"
#include "esp/sa.h"

/* Before an authentic packet of number ${seq} >= sa->reserved is accepted: 0 moves sa->reserved, or -1. NULL: none. */
struct esp_reserve {
	int	(*in)(void *ctx, struct esp_sa *sa, uint64_t seq);
	void	*ctx;
};

/*
 * Opens the packets of ${n} (at most ESP_BATCH) with verdict ESP_OK; ${sa} is the SA of the SPI. ESP
 * begins at ${p}; so does AH, with ${net} bytes of its IP header before it. In transport mode the IP packet is put
 * together from that header, or without one from ${remote}, ${local} and ${tos}. Where there is not enough headroom
 * the packet moves to the room of ${ctx}, until its next use. Verdict OK: ${p}, ${inner_len} are the inner IP packet,
 * parsed into ${in}; it is not checked against the selectors. Else SHORT (also where what is inside is no IP packet of the
 * version that the next header names), REPLAY, BAD_ICV, BAD_PADDING, DUMMY, POLICY (in tunnel mode the next header is
 * neither IPv4 nor IPv6), FAILED.
 */
void esp_open(struct esp_ctx *ctx, struct pkt *pkts, struct inner *in, size_t n, const struct esp_reserve *r);

/*
 * Finds the next header and the payload in a packet of ESP that is decrypted, checking the padding (RFC 4303, 2.4).
 * ESP_OK: ${p} and ${len} are the payload; or ESP_BAD_PADDING.
 */
enum esp_verdict esp_unpad(const struct esp_xf *xf, struct pkt *k);

#endif
