/*
 * Packets sealed: ESP (RFC 4303, 3.3) and AH (RFC 4302, 3.3), tunnel and transport mode. Batches, in place, of any
 * number of SAs.
 */
#ifndef SAPIPE_ESP_SEAL_H
#define SAPIPE_ESP_SEAL_H

#include "base/pkt.h"
#include "esp/sa.h"

/* Room that a packet to be sealed needs before and behind it. */
#define ESP_HEADROOM	128	/* ESP: header and IV; around it an IPv6 header and AH */
#define ESP_TAILROOM	(16 + ESP_TRAILER + ESP_ICV_MAX)

/*
 * Seals the packets of ${n} (at most ESP_BATCH) with verdict ESP_OK: IP packets, parsed into ${in}, with
 * ${sa}, ${seq} (esp_number()) and ${tos} of the outer header. Then ${p} is ESP, or AH behind ${net} bytes of
 * its IP header, to be sent with ${local}, ${remote}, ${proto} and ${marker}. Verdict ESP_FAILED: no room, no
 * random bytes, libcrypto, or a fragment for transport mode, which has no whole payload to protect (RFC 4303, 3.3.4).
 */
void esp_seal(struct esp_ctx *ctx, struct pkt *pkts, const struct inner *in, size_t n);

/* Gives ${k} the next number of its SA, which esp_sa_exhausted() has been asked about. */
void esp_number(struct pkt *k);

#endif
