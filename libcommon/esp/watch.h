/*
 * Statistics of ESP and AH by SPI, without keys: packets, missing numbers, replays,
 * reordering. Numbers are those on the wire. No I/O, no clock.
 */
#ifndef SAPIPE_ESP_WATCH_H
#define SAPIPE_ESP_WATCH_H

#include "base/addr.h"
#include "esp/replay.h"

#define WATCH_FLOWS	8192	/* SPIs; more are counted together */
#define WATCH_GAPS	8	/* of each kept by number */

struct watch_flow {
	uint8_t		proto;		/* IP's: 50 or 51 */
	uint8_t		spi[4];
	struct endpoint	src, dst;	/* of the latest packet; ports 0 where there are none */
	uint64_t	packets, bytes;	/* bytes of ESP or AH */
	uint64_t	first_us, last_us;
	uint32_t	first, low, high;	/* sequence numbers: of the first packet, least, most */
	uint64_t	distinct;	/* numbers seen once at least */
	uint64_t	replays;	/* seen before */
	uint64_t	zeros;		/* with number 0, which no sender uses (RFC 4303, 3.3.3) */
	uint64_t	reordered;	/* lower than one before it, but new */
	uint64_t	late;		/* too old to be counted as one of these two */
	uint64_t	wraps;		/* times that the numbers started again */
	unsigned	n_gaps;		/* runs of missing numbers, WATCH_GAPS at most */
	struct { uint32_t from, to; } gap[WATCH_GAPS];
	bool		gaps_cut;	/* there were more */
	struct replay	window;
	struct watch_flow *chain;
};

struct watch;

struct watch *watch_new(void);		/* NULL: no memory */
void watch_free(struct watch *w);	/* NULL is fine */

/*
 * Counts a packet of ${len} bytes. Returns its flow, new if ->packets is 1; NULL if there are too many or no
 * memory: then only the total counts it. Flows are distinguished by protocol, SPI and destination address.
 */
struct watch_flow *watch_take(struct watch *w, uint8_t proto, const uint8_t spi[4], uint32_t seq,
    const struct endpoint *src, const struct endpoint *dst, size_t len, uint64_t time_us);

/* Numbers between the least and the most that were not seen; of the last run after a wrap. */
uint64_t watch_missing(const struct watch_flow *f);

/* Flows in order of appearance; NULL after the last. */
const struct watch_flow *watch_flow(const struct watch *w, size_t i);
/* Packets that belong to none of them. */
uint64_t watch_others(const struct watch *w);

#endif
