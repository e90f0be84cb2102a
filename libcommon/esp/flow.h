/*
 * Both directions of the data path, over batches: packets from the device are sealed, packets from the wire are opened.
 * Everything that needs the table of SAs is here; seal.h and open.h do the rest.
 */
#ifndef SAPIPE_ESP_FLOW_H
#define SAPIPE_ESP_FLOW_H

#include "base/pkt.h"
#include "esp/sadb.h"
#include "esp/seal.h"

/*
 * Device to wire: parse, clamp MSS, find the SA, number, seal. Each packet is an IP packet at ${p} with ESP_HEADROOM
 * and ESP_TAILROOM around it. Verdict OK: as esp_seal(). Else ${p} is still the IP packet: SHORT (it is none), POLICY,
 * LINK_LOCAL, NO_SA, TOO_BIG (${fit} is set), EXHAUSTED, EXPIRED, FAILED. At most ESP_BATCH.
 */
void flow_out(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, size_t n);

/*
 * The steps of flow_out() before the seal, for an owner that has more packets than it finds SAs for: one look-up of a
 * super-packet serves all its segments. flow_route() parses ${k} into ${in}, clamps the MSS, and finds ${sa}, ${fit},
 * ${tos} and ${df}; OK, or a verdict as above. flow_number() counts a packet of ${len} bytes against the SA and gives it its number,
 * unless it is TOO_BIG, where ${df}, EXHAUSTED, EXPIRED or FAILED; esp_seal() must follow, in the order of these calls.
 * flow_drop() counts a verdict that is not OK at its SA. After EXPIRED or EXHAUSTED, of which flow_waits() is true, a newer
 * SA can carry the packet: flow_again() finds ${sa} and ${fit} of another one for ${in}, or returns ${v}.
 */
enum esp_verdict flow_route(struct sadb *db, struct pkt *k, struct inner *in);
enum esp_verdict flow_number(struct sadb *db, struct pkt *k, bool df);
bool flow_waits(enum esp_verdict v);
enum esp_verdict flow_again(struct sadb *db, struct pkt *k, const struct inner *in, enum esp_verdict v);
void flow_drop(struct pkt *k);

#define FLOW_FEW	256	/* SAs that a cache has room for */

/*
 * The packets ${pkts}, of which flow_route() is called next: begins to fetch what their SAs have in memory, for all at once, as one
 * after another costs as much as the cipher. With no more than FLOW_FEW SAs it does nothing. It changes nothing but the cache.
 */
void flow_expect(struct sadb *db, const struct pkt *pkts, size_t n);

/*
 * Wire to device: finds the SA by ${proto}, SPI and ${local} (family 0: not known), opens (esp_open()), then checks the
 * inner packet against the selectors (RFC 4301, 5.2) and copies congestion marks. Verdict OK: the ${inner_len} bytes
 * at ${p} go to the device. At most ESP_BATCH.
 */
void flow_in(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, size_t n);
/* The same; ${in}, of as many, is what was found in the packets with verdict OK. */
void flow_open(struct sadb *db, struct esp_ctx *ctx, struct pkt *pkts, struct inner *in, size_t n);

#endif
