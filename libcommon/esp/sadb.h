/*
 * The SAs of the data path: inbound by SPI, outbound by selectors; rekeys,
 * expiry, counters. No files, sockets or clock: times are handed in, and hooks tell
 * the owner what it has to write down or pass on.
 */
#ifndef SAPIPE_ESP_SADB_H
#define SAPIPE_ESP_SADB_H

#include "esp/inner.h"
#include "esp/replay.h"
#include "esp/transform.h"
#include "sa/record.h"

#define SADB_BUCKETS	1024
#define SADB_FLOWS	1024
#define SADB_FRAGS	64
#define SADB_LINGER	2	/* seconds that a deleted, rekeyed SA still receives */

struct esp_count { uint64_t packets, bytes; };	/* bytes of inner packets */

struct esp_sa {
	struct sa_child	 rec;		/* owned, keys and all */
	uint32_t	 source;	/* the stream that brought it */
	uint64_t	 serial;	/* order of arrival */
	struct esp_xf	 in, out;
	struct replay	 replay;
	uint64_t	 seq_next;	/* to send with */
	uint64_t	 seq_reserved;	/* numbers below it may be used; sadb_hooks.reserve_out */
	uint64_t	 in_reserved;	/* numbers below it may be accepted; sadb_hooks.reserve_in */
	struct endpoint	 remote;	/* where to send: the record's, or as remapped */
	size_t		 mtu;		/* longest inner packet that needs no outer fragments; 0: not known */
	uint64_t	 dying;		/* when a lingering SA ends; 0: it lives */
	bool		 soft;		/* soft expiry by volume was told */
	struct esp_count count_in, count_out;
	uint64_t	 drops[ESP_VERDICT_COUNT];
	void		*user;		/* the owner's: the claim */
	struct esp_sa	*chain;		/* of its bucket */
};

enum sadb_event { SADB_SOFT, SADB_HARD, SADB_GONE };

struct sadb_hooks {			/* each may be NULL: no limit, nothing told */
	void	*ctx;
	/* Make ${seq} and more usable: move sa->seq_reserved (or in_reserved) beyond it. 0 or -1. */
	int	(*reserve_out)(void *ctx, struct esp_sa *sa, uint64_t seq);
	int	(*reserve_in)(void *ctx, struct esp_sa *sa, uint64_t seq);
	/* SOFT, HARD: by volume or sequence number. GONE: the last look before it is released. */
	void	(*event)(void *ctx, struct esp_sa *sa, enum sadb_event what);
};

struct sadb_config {
	const struct esp_backend *backend;
	struct rand	 rand;
	uint32_t	 replay;	/* window where the record names none */
	bool		 replay_force;	/* ... and where it does */
	bool		 dscp_fixed;	/* outer DSCP: ${dscp}, else that of the inner packet */
	uint8_t		 dscp;
	enum { SADB_MSS_OFF, SADB_MSS_CLAMP, SADB_MSS_FIXED } mss_mode;
	uint16_t	 mss;
	struct sadb_hooks hooks;
};

struct sadb;

struct sadb *sadb_new(const struct sadb_config *c, struct fault *f);
void sadb_free(struct sadb *db);	/* GONE for each SA; wipes; NULL is fine */
const struct sadb_config *sadb_config(const struct sadb *db);

/* Whether sadb_add() would take the kind of SA that ${rec} is. 0, or -1 with FAULT_CONFIG. */
int sadb_check(const struct sa_child *rec, struct fault *f);

/*
 * Takes ${rec} over into the table (a copy). With an identity that is there already
 * (protocol, local address, spi-in) it replaces: equal keys, counters go on. ${old} tells
 * whether it did. New SAs start with seq_next 1 and nothing reserved: the hooks
 * are asked before the first packet. NULL with FAULT_BAD_RECORD (other keys under the
 * same identity, or from another source), FAULT_CONFIG (AH, transport mode,
 * encryption without integrity, unknown algorithm: not for this data path), or as esp_xf_init().
 */
struct esp_sa *sadb_add(struct sadb *db, const struct sa_child *rec, uint32_t source, bool *old,
    struct fault *f);

/*
 * Obeys a delete from ${source} at ${now} (epoch seconds). An SA that another has replaced lingers
 * inbound for SADB_LINGER, for packets that are on their way. Returns how many it hit.
 */
size_t sadb_delete(struct sadb *db, const struct sa_del *del, uint32_t source, uint64_t now);

/* Releases what has expired at ${now}. Returns how many are left. */
size_t sadb_expire(struct sadb *db, uint64_t now);
/* When sadb_expire() has something to do again, epoch seconds; UINT64_MAX: never. */
uint64_t sadb_next_expiry(const struct sadb *db);

size_t sadb_count(const struct sadb *db);
/* SAs in turn, in order of arrival; NULL after the last. */
struct esp_sa *sadb_at(const struct sadb *db, size_t i);
/* Takes one out and releases it. */
void sadb_remove(struct sadb *db, struct esp_sa *sa);

/* The SA of ${spi}; ${local} (family 0: any) is where the packet came to. */
struct esp_sa *sadb_by_spi(const struct sadb *db, const uint8_t spi[4], const struct addr *local);

/*
 * The newest usable SA for an outbound packet, most specific selectors first. NULL
 * with ${why} POLICY (no selectors fit) or NO_SA (those that fit may not send yet).
 */
struct esp_sa *sadb_by_packet(struct sadb *db, const struct inner *in, enum esp_verdict *why);
/* Whether ${in} may come out of ${sa}. */
bool sadb_admits(struct sadb *db, struct esp_sa *sa, const struct inner *in);

/* Call when what sadb_by_packet() goes by has changed outside of these functions. */
void sadb_changed(struct sadb *db);

#endif
