/*
 * One simplex SA (RFC 4301, 4.1): one direction, with its keys, numbers and selectors. sadb.h pairs two of them for a
 * running data path and owns their lifetimes; offline.h has them for captures. seal.h and open.h work on their packets.
 */
#ifndef SAPIPE_ESP_SA_H
#define SAPIPE_ESP_SA_H

#include "esp/inner.h"
#include "esp/replay.h"
#include "esp/transform.h"
#include "sa/record.h"

struct esp_pair;

struct esp_count { uint64_t packets, bytes; };	/* bytes of inner packets */

/* Addresses before NAT (RFC 3947, 5.2), of transport mode. */
struct esp_oa { struct addr src, dst; };

/* What few SAs of thousands have. */
struct esp_rare {
	bool		 has_oa;
	struct esp_oa	 oa;
	struct esp_count lost;		/* of ${count}: those that the kernel did not accept, see esp_sa_carried() */
	uint64_t	 drops[ESP_VERDICT_COUNT];
};

#define ESP_SA_LINE	64	/* bytes: pairs in a table begin at a multiple of it, see sadb.c */

/*
 * Thousands of them take turns, and each cache line of one that is not in the cache costs a packet as much as its
 * cipher. An inbound packet needs the first two lines, an outbound one the third, too.
 */
struct esp_sa {
	/* For each packet: the first line. */
	uint8_t		 spi[4];
	enum sa_proto	 protocol : 8;
	enum sa_mode	 mode : 4;
	enum sa_encap	 encap : 4;
	bool		 esn;
	bool		 shares;	/* its selectors and ways belong to the SA of the other direction */
	struct esp_sa	*chain;		/* of its bucket, the owner's */
	struct replay	*window;	/* opening; NULL: this one seals */
	struct esp_pair	*pair;		/* of the table, or of offline.h; NULL: none, it only opens */
	uint64_t	 seq;		/* the latest number: sealed with, or found authentic; 0: none yet */
	uint64_t	 reserved;	/* numbers below it may be used; beyond it the owner is asked (sadb_hooks) */
	struct esp_count count;
	/* The second one, to ${xf}. */
	struct endpoint	 dst;		/* as in the record; outbound: also as remapped */
	uint16_t	 n_src_ts, n_dst_ts;
	struct esp_xf	 xf;
	/* Outbound packets only. */
	uint32_t	 mtu;		/* longest inner packet that needs no outer fragments; 0: not known */
	bool		 listed;	/* its ways are in a policy (spd.h) */
	/* After the look-up only inbound. */
	struct selector	*src_ts, *dst_ts;	/* see esp_sa_selectors() */
	/* Accessed rarely. */
	struct esp_rare	*rare;		/* NULL: nothing of it; see esp_sa_oa(), esp_sa_drops() */
};

/* Its addresses before NAT; NULL: not known. */
static inline const struct esp_oa *
esp_sa_oa(const struct esp_sa *sa)
{
	return (sa->rare != NULL && sa->rare->has_oa ? &sa->rare->oa : NULL);
}

/*
 * Gateways that share an address take the same SA over from one another, and neither knows which numbers the other has used.
 * So each takeover begins a range of its own, above those before: the first holder has 1 to 2^31 - 1, each later one 2^28
 * numbers. No range is further than 2^32 from the one before, so that a peer with ESN completes the numbers rightly
 * (RFC 4303, A2.1). Explicit IVs of counter modes begin with the number of takeovers, so that they do not repeat either.
 */
#define ESP_TAKEOVERS_MAX	8	/* the ranges then reach the end of the 32 bits */
/* The first number after ${n} takeovers, and the first one that is too high; 0 and 0: ${n} is above the maximum. */
void esp_sa_range(uint32_t n, uint64_t *first, uint64_t *end);
/*
 * Inbound numbers that the other holder has received are not known: ${sa} refuses all, and a new SA has to replace it. Without
 * a replay window it goes on.
 */
void esp_sa_refuse_all(struct esp_sa *sa);

struct esp_sa_conf {
	const struct esp_backend *const *backends;
	struct rand	 rand;		/* for IVs */
	uint32_t	 replay;	/* window where the record names none; 0: off */
	bool		 replay_force;	/* ... and where it does */
};

/* An entry of the policy (spd.h): a pair of selectors of one SA. */
struct spd_way {
	struct spd_way	*next, **at;	/* in the chain of its hash; the pointer to it. NULL: in no table */
	struct esp_sa	*sa;		/* the outbound one */
	uint32_t	 narrow;	/* how specific, for the order */
	uint32_t	 local, remote;	/* bytes from here to its selectors, which are in the same allocation */
};

static inline const struct selector *
spd_local(const struct spd_way *w)
{
	return ((const void *)((const uint8_t *)w + w->local));
}

static inline const struct selector *
spd_remote(const struct spd_way *w)
{
	return ((const void *)((const uint8_t *)w + w->remote));
}

/* Room for the ways of ${sa}, before its selectors. */
static inline struct spd_way *
esp_sa_ways(const struct esp_sa *sa)
{
	return ((struct spd_way *)(void *)sa->src_ts - (size_t)sa->n_src_ts * sa->n_dst_ts);
}

/* How many of them are in a policy. */
static inline size_t
esp_sa_ways_in(const struct esp_sa *sa)
{
	return (sa->listed ? (size_t)sa->n_src_ts * sa->n_dst_ts : 0);
}

/*
 * Gives ${sa} room for so many selectors, all zero, and for their ways before them: one allocation, since a look-up needs both.
 * 0, or -1: no memory, and it has none. The other one releases it, unless ${sa} shares those of another SA.
 */
int esp_sa_selectors(struct esp_sa *sa, size_t n_src, size_t n_dst);
void esp_sa_no_selectors(struct esp_sa *sa);

/*
 * Whether esp/ supports the SA of ${rec}. 0, or -1 with FAULT_CONFIG: an unknown algorithm, AH in UDP or TCP or
 * without integrity, a second integrity beside an AEAD.
 */
int esp_sa_check(const struct sa_child *rec, struct fault *f);

/*
 * Makes the SA of the packets that ${rec}'s owner receives (${in}) or sends, to seal or to open them: a capture
 * holds both. 0, or -1 as esp_sa_check() and esp_xf_init(), or FAULT_MEMORY; nothing is held then.
 */
int esp_sa_init(struct esp_sa *sa, const struct sa_child *rec, bool in, bool seal,
    const struct esp_sa_conf *c, struct fault *f);
/*
 * Updates ends, selectors, mode and encapsulation from a record with the same keys; numbers continue. It must not be in a
 * policy table. 0, or -1: FAULT_MEMORY.
 */
int esp_sa_renew(struct esp_sa *sa, const struct sa_child *rec, bool in, struct fault *f);
void esp_sa_free(struct esp_sa *sa);	/* wipes; harmless on zeros */
/*
 * ${in}, made of the same record as ${out} in the other direction, uses the selectors of ${out} from now on instead of its
 * own; until it is renewed or released, and ${out} must not be before it.
 */
void esp_sa_share(struct esp_sa *in, const struct esp_sa *out);

/*
 * Packets that went through: sealed and sent, or opened and delivered. ${count} is what the keys were used for, and
 * what a lifetime by volume limits.
 */
struct esp_count esp_sa_carried(const struct esp_sa *sa);
/* Its drops by verdict, ESP_VERDICT_COUNT counters. */
const uint64_t *esp_sa_drops(const struct esp_sa *sa);
/* Counts one; or a packet of ${len} bytes that the kernel did not accept. Without memory for the counters it is not counted here. */
void esp_sa_drop(struct esp_sa *sa, enum esp_verdict why);
void esp_sa_lost(struct esp_sa *sa, size_t len);
/* Whether its numbers are used up. */
bool esp_sa_exhausted(const struct esp_sa *sa);
/* Whether ${in} goes from its source to its destination selectors. */
bool esp_sa_matches(const struct esp_sa *sa, const struct inner *in);

/* The longest inner packet whose outer packet to ${sa}->dst has at most ${path} bytes; 0: none fits. */
size_t esp_sa_inner_max(const struct esp_sa *sa, size_t path);

/* The IP protocol of its packets: 6, 17, 50 or 51. */
uint8_t esp_sa_carrier(const struct esp_sa *sa);
/* Zero bytes before its ESP in a datagram. */
uint8_t esp_sa_marker(const struct esp_sa *sa);

#endif
