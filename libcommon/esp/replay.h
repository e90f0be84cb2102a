/*
 * The anti-replay window (RFC 4303 section 3.4.3 and appendix A), with 32-bit
 * and extended sequence numbers. A ring of bits, one for each number of the window: moving the right
 * edge clears the bits that it passes instead of shifting. Unlike that of RFC 6479 the ring needs no
 * word more than the window, which would double it.
 */
#ifndef SAPIPE_ESP_REPLAY_H
#define SAPIPE_ESP_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_DEFAULT	1024	/* packets */
#define REPLAY_MAX	4096
#define REPLAY_WORDS	64	/* a power of two of 64-bit words: REPLAY_MAX bits */

struct replay {
	uint64_t	right;		/* highest number accepted; 0: none yet */
	uint32_t	window;		/* packets; 0: off */
	bool		esn;
	uint16_t	words;		/* a power of two of them are used, as many bits as the window has or more */
	uint64_t	bits[REPLAY_WORDS];	/* one a number, of the window and below it */
};

/* Bytes that a replay of this window needs: an allocation may leave out the words that it does not use. */
size_t replay_size(uint32_t window);

/* ${window} above REPLAY_MAX is cut to it, below 32 (but not 0) raised to it (RFC 4303, 3.4.3). */
void replay_init(struct replay *r, uint32_t window, bool esn);

/* Counts all up to ${right} as seen: after a restart. Never moves the edge back. */
void replay_leap(struct replay *r, uint64_t right);

/*
 * Before authentication: completes ${low} from the wire to the number ${seq} that
 * the packet must have been sealed with. False if that is too old, or seen.
 * Changes nothing.
 */
bool replay_test(const struct replay *r, uint32_t low, uint64_t *seq);

/*
 * After authentication: marks ${seq}, moving the right edge where it lies beyond.
 * False if it was marked in the meantime (twice in a batch).
 */
bool replay_move(struct replay *r, uint64_t seq);

/* Both at once, for a reader that authenticates nothing (watch.h). */
bool replay_see(struct replay *r, uint32_t low, uint64_t *seq);

#endif
