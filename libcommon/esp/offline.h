/*
 * Decrypts or encrypts packets of a capture with the keys of SA state. Both directions of
 * each SA, tunnel and transport mode. No sockets, no clock, no claims: packets sealed here must not be sent.
 */
#ifndef SAPIPE_ESP_OFFLINE_H
#define SAPIPE_ESP_OFFLINE_H

#include "esp/sa.h"

#define OFFLINE_SAS	8192

struct offline;

struct offline_conf {
	struct esp_sa_conf sa;
	bool		 seal;		/* else open */
};

/* NULL with FAULT_MEMORY or FAULT_CRYPTO. */
struct offline *offline_new(const struct offline_conf *c, struct fault *f);
void offline_free(struct offline *o);		/* wipes; NULL is fine */

/*
 * Adds both directions of ${rec}; an SA that is there already is left as it is. The two records of a bundle may come in
 * any order. 0, or -1 with FAULT_TOO_LARGE or as
 * esp_sa_init().
 */
int offline_add(struct offline *o, const struct sa_child *rec, struct fault *f);

/*
 * Opens ${data}, which the IP packet ${ip} carried to ${dst}: ESP, or AH (51 in ${proto}), which lies in ${ip}.
 * Verdict as esp_open(), or UNKNOWN_SPI, or ESP_BUNDLE: half of a bundle without the other half. ESP_OK: ${inner} is the
 * packet within, valid until the next call. ${sa}, whose latest number it is, is NULL if there is none; of a bundle whose AH
 * is authentic it is the ESP, and ${sa}->pair->other->in the AH. Inner packets are not checked against the selectors.
 */
enum esp_verdict offline_open(struct offline *o, uint8_t proto, struct span ip, const struct addr *dst,
    struct span data, struct span *inner, const struct esp_sa **sa);

/* Whether ${esp}, which offline_open() refused, fits its SA except for an ICV of 96 bits instead of 128, see icv96.h. */
bool offline_icv96(struct offline *o, const struct addr *dst, struct span esp);

/*
 * Seals the IP packet ${ip} for the newest SA whose selectors fit, in either direction, with the next number from
 * 1. ESP_OK: ${out} is ESP, which an IP packet or datagram from sa->src to sa->dst has to carry, or with ${whole} an
 * IP packet with AH, valid until the next call; of a bundle ${sa} is the ESP. ESP_NO_SA: none fits; ESP_SHORT: no IP
 * packet; ESP_BUNDLE: the AH of the bundle is not here; ESP_EXHAUSTED, ESP_FAILED.
 */
enum esp_verdict offline_seal(struct offline *o, struct span ip, struct span *out, bool *whole, const struct esp_sa **sa);

#endif
