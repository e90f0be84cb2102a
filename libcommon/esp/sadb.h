/*
 * The SAs of the data path in pairs: inbound by SPI, outbound by selectors; rekeys and
 * expiry. No files, sockets or clock: times are arguments, lifetimes are measured by the monotonic
 * clock of struct now, and hooks report changes that the owner has to record or forward.
 */
#ifndef SAPIPE_ESP_SADB_H
#define SAPIPE_ESP_SADB_H

#include "base/now.h"
#include "base/pkt.h"
#include "esp/pair.h"
#include "esp/tos.h"

#define SADB_BUCKETS	16384
#define SADB_FLOWS	16384	/* a power of two */
#define SADB_FRAGS	64
#define SADB_LINGER_MS	2000	/* that a deleted, rekeyed SA still receives */
#define SADB_SPENT_MS	5000	/* ... and one whose volume is used up: it waits for the new one */

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
	/*
	 * The owner chooses the outbound SA of ${in} by the packet's route, before the policy does. NULL with ${why} OK: the
	 * policy decides; NO_HOP: ... but selectors of all addresses do not count; else the packet is dropped for it. The
	 * choice is kept until sadb_changed(), except for multicast.
	 */
	struct esp_sa *(*choose)(void *ctx, const struct inner *in, enum esp_verdict *why);
};

struct sadb_config {
	struct esp_sa_conf sa;
	bool		 dscp_mapped;	/* outer DSCP: by ${dscp}, else that of the inner packet */
	struct dscp_map	 dscp;
	enum { SADB_DF_COPY, SADB_DF_SET, SADB_DF_CLEAR } df_mode;	/* of the outer packet (RFC 4301, 8.1) */
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

/*
 * The volume of ${pair} is used up, or the peer's is: it sends no more. It still receives for SADB_SPENT_MS, and its
 * policy stays for so long: packets to be sent have the verdict EXPIRED, not that of a policy without them.
 */
void sadb_spent(struct sadb *db, struct esp_pair *pair);
/* ${pair} is used no more and goes at ${at_ms}; it is looked up no longer for packets to be sent. */
void sadb_dies(struct sadb *db, struct esp_pair *pair, uint64_t at_ms);
/* Releases SAs that have expired at ${now}. Returns how many are left. */
size_t sadb_expire(struct sadb *db, struct now now);
/* When sadb_expire() has something to do again, monotonic ms; UINT64_MAX: never. */
uint64_t sadb_next_expiry_ms(const struct sadb *db);

size_t sadb_count(const struct sadb *db);
/* Pairs in turn, in order of arrival; NULL after the last. */
struct esp_pair *sadb_at(const struct sadb *db, size_t i);
/* The index for sadb_at() of the first pair whose serial (esp/pair.h) is above ${serial}; of one that is not there: sadb_count(). */
size_t sadb_after(const struct sadb *db, uint64_t serial);
/* Removes one and releases it. */
void sadb_remove(struct sadb *db, struct esp_pair *pair);

/* The inbound SA of ${spi}; ${local} (family 0 or NULL: any) is the address that the packet came to. */
struct esp_sa *sadb_by_spi(const struct sadb *db, enum sa_proto protocol, const uint8_t spi[4],
    const struct addr *local);

/*
 * The packet ${k} of the local host, parsed into ${in}: if it is a fragment for transport mode, it is kept until the packet is
 * whole. OK: go on with it, it is whole or need not be; FRAGMENT: it is kept; FAILED: see defrag.h.
 */
enum esp_verdict sadb_whole(struct sadb *db, struct pkt *k, struct inner *in);

/*
 * Packets ${p} of TCP and UDP of peers in transport mode behind one NAT: see peer_ports.h. Inbound, after sadb_admits():
 * 0, or -1: to be dropped. Outbound, before sadb_by_packet(): where the peer is, or NULL: any.
 */
int sadb_port_in(struct sadb *db, const struct esp_sa *sa, uint8_t *p, struct inner *in);
const struct endpoint *sadb_port_out(struct sadb *db, uint8_t *p, struct inner *in);
/* ESP to the peer at ${old} goes to ${new} from now on. */
void sadb_moved(struct sadb *db, const struct endpoint *old, const struct endpoint *new);

/* Whether the outbound ${sa} may send now. */
bool sadb_usable(const struct esp_sa *sa);
/* Why it may not: EXPIRED or EXHAUSTED, if its volume or its numbers are used up; else NO_SA. */
enum esp_verdict sadb_why(const struct esp_sa *sa);

/*
 * The newest usable outbound SA for a packet, most specific selectors first; ${peer}: of the peer there, NULL: of any. NULL
 * with ${why} POLICY (no selectors match), NO_SA (the matching SAs may not send yet), EXPIRED or EXHAUSTED (one of them may not
 * any more), or that of hooks.choose.
 */
struct esp_sa *sadb_by_packet(struct sadb *db, const struct inner *in, const struct endpoint *peer, enum esp_verdict *why);
/*
 * For packets that come together, before sadb_by_packet() for the first of them: begin to fetch from memory what it needs. First
 * sadb_fetch_flow() for all of them, then sadb_fetch_sa().
 */
void sadb_fetch_flow(struct sadb *db, const struct inner *in);
void sadb_fetch_sa(struct sadb *db, const struct inner *in);
/* Whether ${in} may come out of the inbound ${sa}. */
bool sadb_admits(struct sadb *db, struct esp_sa *sa, const struct inner *in);

/* Call after changes outside of these functions that affect the result of sadb_by_packet(). */
void sadb_changed(struct sadb *db);
/* Another number after each of these changes, and after each of those of sadb_add(), sadb_delete() and others of these functions. */
uint64_t sadb_age(const struct sadb *db);

#endif
