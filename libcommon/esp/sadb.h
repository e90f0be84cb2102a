/*
 * The SAs of the data path in pairs: inbound by SPI, outbound by selectors; rekeys and
 * expiry. No files, sockets or clock: times are arguments, lifetimes are measured by the monotonic
 * clock of struct now, and hooks report changes that the owner has to record or forward.
 */
#ifndef SAPIPE_ESP_SADB_H
#define SAPIPE_ESP_SADB_H

#include "base/now.h"
#include "esp/pair.h"

#define SADB_BUCKETS	1024
#define SADB_FLOWS	1024
#define SADB_FRAGS	64
#define SADB_LINGER_MS	2000	/* that a deleted, rekeyed SA still receives */

enum sadb_event { SADB_SOFT, SADB_HARD, SADB_EXPIRED, SADB_GONE };

struct sadb_hooks {			/* each may be NULL: no limit, no report */
	void	*ctx;
	/* Make ${seq} and more usable: move sa->reserved beyond it. 0 or -1. */
	int	(*reserve_out)(void *ctx, struct esp_sa *sa, uint64_t seq);
	int	(*reserve_in)(void *ctx, struct esp_sa *sa, uint64_t seq);
	/*
	 * SOFT, HARD: by volume or sequence number. EXPIRED: by time, and no newer SA carries its traffic.
	 * GONE: the last call before it is released.
	 */
	void	(*event)(void *ctx, struct esp_pair *pair, enum sadb_event what);
};

struct sadb_config {
	struct esp_sa_conf sa;
	bool		 dscp_fixed;	/* outer DSCP: ${dscp}, else that of the inner packet */
	uint8_t		 dscp;
	enum { SADB_MSS_OFF, SADB_MSS_CLAMP, SADB_MSS_FIXED } mss_mode;
	uint16_t	 mss;
	struct sadb_hooks hooks;
};

struct sadb;

struct sadb *sadb_new(const struct sadb_config *c, struct fault *f);
void sadb_free(struct sadb *db);	/* GONE for each SA; wipes; NULL is allowed */
const struct sadb_config *sadb_config(const struct sadb *db);

/* Whether sadb_add() supports this kind of SA. 0, or -1 with FAULT_CONFIG. */
int sadb_check(const struct sa_child *rec, struct fault *f);

/*
 * Copies ${rec} into the table. If an SA with the same identity exists (protocol, local
 * address, spi-in), it is updated: the keys must be equal, counters continue. ${old} is true
 * in this case. New SAs have used no number and have none reserved: the hooks
 * are called before the first packet. ${now} turns the dates of the record into monotonic
 * time; of an SA that is updated only if they have changed. NULL with FAULT_BAD_RECORD (other keys under the
 * same identity, or from another source), FAULT_CONFIG (encapsulation in TCP,
 * encryption without integrity, unknown algorithm), or as esp_sa_init().
 */
struct esp_pair *sadb_add(struct sadb *db, const struct sa_child *rec, uint32_t source, struct now now,
    bool *old, struct fault *f);

/*
 * Applies a delete from ${source} at ${now}. A replaced SA stays inbound
 * for SADB_LINGER_MS, for packets in transit. Returns how many SAs it deletes.
 */
size_t sadb_delete(struct sadb *db, const struct sa_del *del, uint32_t source, struct now now);

/* Releases SAs that have expired at ${now}. Returns how many are left. */
size_t sadb_expire(struct sadb *db, struct now now);
/* When sadb_expire() has something to do again, monotonic ms; UINT64_MAX: never. */
uint64_t sadb_next_expiry_ms(const struct sadb *db);

size_t sadb_count(const struct sadb *db);
/* Pairs in turn, in order of arrival; NULL after the last. */
struct esp_pair *sadb_at(const struct sadb *db, size_t i);
/* Removes one and releases it. */
void sadb_remove(struct sadb *db, struct esp_pair *pair);

/* The inbound SA of ${spi}; ${local} (family 0 or NULL: any) is the address that the packet came to. */
struct esp_sa *sadb_by_spi(const struct sadb *db, enum sa_proto protocol, const uint8_t spi[4],
    const struct addr *local);

/*
 * The newest usable outbound SA for a packet, most specific selectors first. NULL
 * with ${why} POLICY (no selectors match) or NO_SA (the matching SAs may not send yet).
 */
struct esp_sa *sadb_by_packet(struct sadb *db, const struct inner *in, enum esp_verdict *why);
/* Whether ${in} may come out of the inbound ${sa}. */
bool sadb_admits(struct sadb *db, struct esp_sa *sa, const struct inner *in);

/* Call after changes outside of these functions that affect the result of sadb_by_packet(). */
void sadb_changed(struct sadb *db);

#endif
