/*
 * Which packets are worth an indication (NHRP redirect): those that came in by the tunnel and leave by it again. The kernel
 * forwards in between, so a packet is known again by its addresses. No I/O, no clock.
 */
#ifndef SAPIPE_GRE_SAMPLER_H
#define SAPIPE_GRE_SAMPLER_H

#include "base/addr.h"

#define SAMPLER_PAIRS	4096	/* of addresses that are remembered; another pair takes the place of an old one */
#define SAMPLER_FRESH_MS 2000	/* between in and out */
#define SAMPLER_PAUSE_MS 2000	/* between two samples of one pair */
#define SAMPLER_RATE	100	/* samples in a second, of all pairs */

struct sampler;

/* ${key}: 16 random bytes. NULL: no memory. */
struct sampler *sampler_new(const uint8_t key[16]);
void sampler_free(struct sampler *s);

/* A packet from ${src} to ${dst} came in from ${nbma} at ${now_ms}. */
void sampler_in(struct sampler *s, const struct addr *src, const struct addr *dst, const struct addr *nbma, uint64_t now_ms);
/* One leaves. True with the sender's ${*nbma} if it is to be sampled. */
bool sampler_out(struct sampler *s, const struct addr *src, const struct addr *dst, uint64_t now_ms, struct addr *nbma);

#endif
