/* The datagrams that a holder of a shared port serves: a set of fixed-size keys. Used only in port/. */
#ifndef SAPIPE_PORT_PORT_TABLE_H
#define SAPIPE_PORT_PORT_TABLE_H

#include "base/addr.h"

#define SERVE_KEY	24	/* bytes */
#define SERVE_MAX	(1u << 18)	/* keys of one holder */

enum serve_kind {
	SERVE_NEW = 1,		/* IKE of no cookies that are served, from an address or any */
	SERVE_COOKIES,		/* CKY-I and CKY-R, or zeros for any CKY-R */
	SERVE_SPI,		/* SPI and local address, or none for any */
	SERVE_KINDS
};

struct serve_key {
	uint8_t	b[SERVE_KEY];	/* kind, family, 0, 0, SPI, then cookies or address */
};

struct serve_table {		/* all zero is an empty table */
	struct serve_key *slot;	/* open addressing, kind 0: free */
	size_t	 cap;		/* a power of two, or 0 */
	size_t	 n;
	uint64_t seed;		/* peers choose cookies: keep them from choosing slots */
};

struct serve_key serve_key_new(const struct addr *remote);
struct serve_key serve_key_cookies(const uint8_t cky_i[8], const uint8_t cky_r[8]);
struct serve_key serve_key_spi(uint32_t spi, const struct addr *local);
/* Whether ${k}, which came from another process, is one that these functions make. */
bool serve_key_valid(const struct serve_key *k);

/* 1 added, 0 was there, -1 no memory or full. */
int serve_put(struct serve_table *t, const struct serve_key *k);
/* Whether it was there. */
bool serve_drop(struct serve_table *t, const struct serve_key *k);
bool serve_has(const struct serve_table *t, const struct serve_key *k);
void serve_clear(struct serve_table *t);
/*
 * Copies up to ${max} keys into ${out}, starting at slot *${at}, and advances it. Returns how many;
 * 0 at the end.
 */
size_t serve_list(const struct serve_table *t, size_t *at, struct serve_key *out, size_t max);

/* Whether this holder wants an IKE datagram with these cookies (16 bytes), or ESP of ${spi}. */
bool serve_wants_ike(const struct serve_table *t, const uint8_t *cookies);
bool serve_wants_esp(const struct serve_table *t, uint32_t spi, const struct addr *local);

/* How well it matches IKE of unknown cookies from ${remote}: 2 named, 1 any, 0 no match. */
unsigned serve_rank_new(const struct serve_table *t, const struct addr *remote);

#endif
