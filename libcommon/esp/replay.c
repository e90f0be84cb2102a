/* A ring of bits around the highest sequence number that was accepted. */
#include "esp/replay.h"

#include <string.h>

#define MIN_WINDOW	32
#define WORD(r, seq)	((seq) / 64 & ((r)->words - 1u))
#define BIT(seq)	(UINT64_C(1) << (seq) % 64)

static uint16_t
words_of(uint32_t window)
{
	uint16_t n = 1;

	while (n < REPLAY_WORDS && n * 64u < window)
		n = (uint16_t)(2 * n);
	return (n);
}

size_t
replay_size(uint32_t window)
{
	return (offsetof(struct replay, bits) + words_of(window) * sizeof(uint64_t));
}

void
replay_init(struct replay *r, uint32_t window, bool esn)
{
	memset(r, 0, replay_size(window));
	r->words = words_of(window);
	if (window > REPLAY_MAX)
		window = REPLAY_MAX;
	r->window = window != 0 && window < MIN_WINDOW ? MIN_WINDOW : window;
	r->esn = esn;
}

void
replay_leap(struct replay *r, uint64_t right)
{
	if (right <= r->right)
		return;
	r->right = right;
	memset(r->bits, 0xff, r->words * sizeof(r->bits[0]));
}

/* The upper half by RFC 4303 appendix A2.1: the one that puts ${low} nearest the window. */
static uint64_t
complete(const struct replay *r, uint32_t low)
{
	/* Without a replay window the numbers are still tracked. */
	uint32_t w = r->window != 0 ? r->window : REPLAY_DEFAULT;
	uint32_t tl = (uint32_t)r->right, th = (uint32_t)(r->right >> 32);
	uint32_t bottom = tl - w + 1;		/* may wrap: case B */

	if (tl >= w - 1) {			/* case A: the window lies in one half */
		if (low < bottom)
			th++;
	} else if (low >= bottom && th > 0) {
		th--;
	} else if (low >= bottom)
		return (0);			/* before the first number: never valid */
	return ((uint64_t)th << 32 | low);
}

bool
replay_test(const struct replay *r, uint32_t low, uint64_t *seq)
{
	*seq = r->esn ? complete(r, low) : low;
	if (*seq == 0)
		return (false);			/* the first number sent is 1 */
	if (r->window == 0 || *seq > r->right)
		return (true);
	return (r->right - *seq < r->window && (r->bits[WORD(r, *seq)] & BIT(*seq)) == 0);
}

/* Clears the bits of the numbers that the edge passes on its way to ${seq}: they were those of numbers of a window before. */
static void
clear_to(struct replay *r, uint64_t seq)
{
	uint64_t from = r->right + 1, w;

	if (seq - r->right >= r->words * UINT64_C(64)) {
		memset(r->bits, 0, r->words * sizeof(r->bits[0]));
		return;
	}
	if (from / 64 == seq / 64) {
		r->bits[WORD(r, seq)] &= ~((BIT(seq) << 1) - BIT(from));
		return;
	}
	r->bits[WORD(r, from)] &= BIT(from) - 1;
	for (w = from / 64 + 1; w < seq / 64; w++)
		r->bits[w & (r->words - 1u)] = 0;
	r->bits[WORD(r, seq)] &= ~((BIT(seq) << 1) - 1);
}

static bool
mark(struct replay *r, uint64_t seq)
{
	if (seq > r->right) {
		clear_to(r, seq);
		r->right = seq;
	} else if (r->window == 0)
		return (true);
	else if (r->right - seq >= r->window || (r->bits[WORD(r, seq)] & BIT(seq)) != 0)
		return (false);
	r->bits[WORD(r, seq)] |= BIT(seq);
	return (true);
}

bool
replay_move(struct replay *r, uint64_t seq)
{
	return (mark(r, seq));
}

bool
replay_see(struct replay *r, uint32_t low, uint64_t *seq)
{
	return (replay_test(r, low, seq) && mark(r, *seq));
}
