/* The two simplex SAs of one record, inbound and outbound. */
#ifndef SAPIPE_ESP_PAIR_H
#define SAPIPE_ESP_PAIR_H

#include "base/heap.h"
#include "base/table.h"
#include "esp/sa.h"

#define ESP_KEYS_DIGEST	16

struct esp_pair {
	/* Both SAs begin with a cache line. What each packet needs of the pair is behind ${in}, in its last line. */
	struct esp_sa	 in;
	bool		 may_send;	/* the record's "use" is "both" */
	bool		 soft;		/* soft expiry by volume or numbers was reported */
	bool		 initiator;
	bool		 spent;		/* its volume is used up: it sends no more, and lingers */
	uint8_t		 bundle[4];	/* spi-in of the other pair of an ESP+AH bundle; zero: none */
	struct esp_pair	*other;		/* the other pair of the bundle; NULL: it is not here (yet) */
	uint64_t	 dying_ms;	/* when a lingering pair ends; 0: it lives. sadb_dies() sets it */
	uint64_t	 kilobytes;	/* lifetime; 0: no limit */
	struct esp_sa	 out;
	/* Monotonic ms: the dates of a record count when it arrives, and a clock that is set later changes nothing. */
	uint64_t	 expires_ms;
	int64_t		 established_ms;	/* may be before this machine started */
	/* Accessed rarely. */
	struct table_node heir;		/* of the table */
	struct timer	 end;		/* of the table: when it ends; its serial is that of the pair */
	void		*user;		/* the owner's: the claim */
	/* Of the record: what the data path needs of it after both SAs were made, so a pair costs no whole record. */
	char		*name;		/* never NULL; "": none */
	uint8_t		 ike[16];	/* SPIs of the IKE SA that made it */
	struct endpoint	 remote;	/* out.dst is where the peer has moved to since */
	uint32_t	 source;	/* the stream that brought it */
	uint64_t	 established, expires;	/* epoch seconds */
	uint8_t		 keys[ESP_KEYS_DIGEST];	/* of its keys and algorithms, under a key of the process: whether a second record has the same */
};

/* The order of arrival. */
static inline uint64_t
esp_pair_serial(const struct esp_pair *pair)
{
	return (pair->end.serial);
}

static inline bool
esp_pair_bundled(const struct esp_pair *pair)
{
	return (get_be32(pair->bundle) != 0);
}

/*
 * Begins to fetch what a packet of the outbound ${sa} needs of its pair: five lines that lie together. Of thousands of SAs none
 * is in the cache, and one after another they would cost as much as the cipher.
 */
static inline void
esp_pair_fetch_out(const struct esp_sa *sa)
{
	const uint8_t *line = (const uint8_t *)sa;

	__builtin_prefetch(line, 1);	/* its counters */
	__builtin_prefetch(line - ESP_SA_LINE);
	__builtin_prefetch(line + ESP_SA_LINE);
	__builtin_prefetch(line + (ptrdiff_t)2 * ESP_SA_LINE);
	__builtin_prefetch(line - (ptrdiff_t)2 * ESP_SA_LINE);
}

/* Where the packets of the outbound ${sa} come from: our end, which those of the inbound one go to. */
static inline const struct endpoint *
esp_sa_src(const struct esp_sa *sa)
{
	return (&sa->pair->in.dst);
}

/* The AH that goes around the packets of the outbound ESP ${sa}, whose bundle is complete; NULL: none. */
static inline struct esp_sa *
esp_sa_around(const struct esp_sa *sa)
{
	return (sa->pair != NULL && sa->pair->other != NULL && sa->protocol == SA_ESP ? &sa->pair->other->out : NULL);
}

#endif
