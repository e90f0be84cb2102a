/* A ring of bits around the highest sequence number that was accepted. */
#include "esp/replay.h"

#include <string.h>

#define MIN_WINDOW	32
#define WORD(seq)	((seq) / 64 % REPLAY_WORDS)
#define BIT(seq)	(UINT64_C(1) << (seq) % 64)

void
replay_init(struct replay *r, uint32_t window, bool esn)
{
	memset(r, 0, sizeof(*r));
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
	memset(r->bits, 0xff, sizeof(r->bits));
	/* The numbers above it in its word are not yet received. */
	r->bits[WORD(right)] = BIT(right) | (BIT(right) - 1);
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
	return (r->right - *seq < r->window && (r->bits[WORD(*seq)] & BIT(*seq)) == 0);
}

static bool
mark(struct replay *r, uint64_t seq)
{
	uint64_t w, words;

	if (seq > r->right) {
		/* Clears the words that the edge passes: at most all of them. */
		words = seq / 64 - r->right / 64;
		for (w = 1; w <= words && w <= REPLAY_WORDS; w++)
			r->bits[(r->right / 64 + w) % REPLAY_WORDS] = 0;
		r->right = seq;
	} else if (r->window == 0)
		return (true);
	else if (r->right - seq >= r->window || (r->bits[WORD(seq)] & BIT(seq)) != 0)
		return (false);
	r->bits[WORD(seq)] |= BIT(seq);
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
