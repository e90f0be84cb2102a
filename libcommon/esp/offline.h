/*
 * ESP and AH at a desk: packets of a capture opened, or sealed, with the keys of SA state. Both directions of
 * each SA, tunnel and transport mode. No sockets, no clock, no claims: what is sealed here is not to be sent.
 */
#ifndef SAPIPE_ESP_OFFLINE_H
#define SAPIPE_ESP_OFFLINE_H

#include "esp/transform.h"
#include "sa/record.h"

#define OFFLINE_SAS	8192

struct offline;

struct offline_conf {
	const struct esp_backend *backend;
	struct rand	 rand;		/* for IVs */
	bool		 seal;		/* else open */
	uint32_t	 replay;	/* window of opening where the record names none; 0: off */
	bool		 replay_force;	/* ... and where it does */
};

/* One direction of an SA. */
struct offline_way {
	uint8_t		 spi[4];
	enum sa_proto	 protocol;
	struct endpoint	 src, dst;	/* as the record has them */
	enum sa_encap	 encap;
	enum sa_mode	 mode;
	uint64_t	 seq;		/* opened: of the latest packet; sealed: likewise */
};

/* NULL: no memory. */
struct offline *offline_new(const struct offline_conf *c);
void offline_free(struct offline *o);		/* wipes; NULL is fine */

/*
 * Takes both directions of ${rec}; an SA that is there already is left as it is. 0, or -1 with FAULT_CONFIG
 * (an algorithm that is not known, AH in UDP or TCP), FAULT_TOO_LARGE, FAULT_MEMORY, or as esp_xf_init().
 */
int offline_add(struct offline *o, const struct sa_child *rec, struct fault *f);
/* Directions that there are, newest first; NULL after the last. */
const struct offline_way *offline_way(const struct offline *o, size_t i);

/*
 * Opens ${esp}, which the IP packet ${ip} carried to ${dst}. ESP_OK: ${inner} is the packet within, valid until
 * the next call. ${way} is the SA, NULL if there is none. Inner packets are not held
 * against the selectors.
 */
enum esp_verdict offline_open(struct offline *o, struct span ip, const struct addr *dst,
    struct span esp, struct span *inner, const struct offline_way **way);
/* The same for the IP packet ${ip} with an AH. */
enum esp_verdict offline_open_ah(struct offline *o, struct span ip, const struct addr *dst,
    struct span *inner, const struct offline_way **way);

/*
 * Seals the IP packet ${ip} for the newest SA whose selectors fit, in either direction, with the next number from
 * 1. ESP_OK: ${esp} is what an IP packet or datagram from way->src to way->dst has to carry, or of AH
 * the whole IP packet, valid until the next call. ESP_NO_SA: none fits; ESP_SHORT: no IP packet; ESP_EXHAUSTED.
 */
enum esp_verdict offline_seal(struct offline *o, struct span ip, struct span *esp,
    const struct offline_way **way);

#endif
