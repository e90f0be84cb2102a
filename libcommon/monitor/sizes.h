/*
 * Searches the longest packet that passes, where no ICMP error says which one is too long (RFC 8899). A machine without
 * I/O or clock: the caller sends what it asks for and hands in the answers.
 *
 * Each round sends two packets: a short one and one of the size in question. A size has passed once it is answered. It is
 * lost only after SIZES_TRIES rounds in which the short packet was answered and it was not: where the short one is lost
 * too, nothing is proven.
 */
#ifndef SAPIPE_MONITOR_SIZES_H
#define SAPIPE_MONITOR_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIZES_TRIES	3	/* RFC 8899, 5.1.2: MAX_PROBES */
#define SIZES_ROUND_MS	1000	/* for an answer to the short packet */
#define SIZES_AFTER_MS	250	/* ... and, at least, for the long one after that */
#define SIZES_SILENT	5	/* rounds without any answer, after which the search is given up */

enum sizes_state {
	SIZES_IDLE,
	SIZES_SEARCH,
	SIZES_FOUND,		/* ${lo} has passed; if ${hi} > 0, ${hi} is lost, and it is ${lo} + 1 */
	SIZES_UNPROVEN,
};

struct sizes {
	enum sizes_state state;
	size_t		lo, hi;		/* bytes: all up to ${lo} pass, ${hi} and more do not (0: none is lost so far) */
	size_t		small, size;	/* of the packets of a round */
	uint16_t	seq;		/* of the short packet in this round; ${seq} + 1 of the other */
	uint64_t	deadline_ms;	/* for the next sizes_turn(); it may be called earlier */
	/* internal: */
	size_t		top;
	bool		raise;
	uint16_t	first;		/* ${seq} of the first round with this size */
	unsigned	lost, silent;
	bool		answered, passed;	/* the short packet, in this round; the other one, in any with this size */
	uint64_t	sent_ms;
};

/*
 * Begins a search among sizes above ${small}, which is taken to pass, and up to ${top}: with ${current}, and if that
 * passes and ${raise}, goes on with ${top}. ${small} <= ${current} <= ${top}. The first round is due at once.
 */
void sizes_begin(struct sizes *s, size_t small, size_t current, size_t top, bool raise, uint64_t now_ms);

/* True: send a packet of ${small} bytes with number ${seq}, and one of ${size} bytes with ${seq} + 1. False: nothing is due. */
bool sizes_turn(struct sizes *s, uint64_t now_ms);

/* The packet ${seq} was answered: call sizes_turn() when ${deadline_ms}, which may have changed, has come. */
void sizes_answer(struct sizes *s, uint16_t seq, uint64_t now_ms);

#endif
