/* The search of the longest packet that passes. */
#include "monitor/sizes.h"

/* The next size in question. */
static void
ask(struct sizes *s, size_t size)
{
	s->size = size;
	s->first = (uint16_t)(s->seq + 2);
	s->lost = 0;
	s->passed = false;
}

void
sizes_begin(struct sizes *s, size_t small, size_t current, size_t top, bool raise, uint64_t now_ms)
{
	/* Numbers go on: a late answer to the search before is none to this one. */
	*s = (struct sizes){ .state = SIZES_SEARCH, .lo = small, .small = small, .seq = s->seq, .top = top,
	    .raise = raise && top > current, .deadline_ms = now_ms };
	if (current <= small)
		s->raise = top > small;
	ask(s, current > small ? current : top);
	if (top <= small)
		s->state = SIZES_UNPROVEN;
}

/* ${size} is decided: what comes next. */
static void
decided(struct sizes *s, bool passed)
{
	if (passed)
		s->lo = s->size;
	else
		s->hi = s->size;
	if (passed && s->raise && s->hi == 0 && s->size < s->top)
		ask(s, s->top);
	else if (s->hi == 0 || s->hi - s->lo <= 1)
		s->state = SIZES_FOUND;
	else
		ask(s, s->lo + (s->hi - s->lo) / 2);
}

/* The round is over. */
static void
judge(struct sizes *s)
{
	if (s->passed || s->answered)
		s->silent = 0;
	else if (++s->silent == SIZES_SILENT)
		s->state = SIZES_UNPROVEN;
	if (s->passed)
		decided(s, true);
	else if (s->answered && ++s->lost == SIZES_TRIES)
		decided(s, false);
}

bool
sizes_turn(struct sizes *s, uint64_t now_ms)
{
	if (s->state != SIZES_SEARCH || now_ms < s->deadline_ms)
		return (false);
	if (s->sent_ms != 0)
		judge(s);
	if (s->state != SIZES_SEARCH)
		return (false);
	s->seq = (uint16_t)(s->seq + 2);
	s->answered = false;
	s->sent_ms = now_ms != 0 ? now_ms : 1;
	s->deadline_ms = now_ms + SIZES_ROUND_MS;
	return (true);
}

void
sizes_answer(struct sizes *s, uint16_t seq, uint64_t now_ms)
{
	uint16_t at = (uint16_t)(seq - s->first), rounds = (uint16_t)(s->seq - s->first);
	uint64_t rtt = now_ms > s->sent_ms ? now_ms - s->sent_ms : 0, until;

	if (s->state != SIZES_SEARCH || s->sent_ms == 0 || at > rounds + 1u || (rounds & 0x8000) != 0)
		return;
	if ((at & 1) != 0) {
		s->passed = true;
		s->deadline_ms = now_ms;
		return;
	}
	if (at != rounds || s->answered)
		return;
	s->answered = true;
	/* The long one takes longer, but not as many times as long. */
	until = now_ms + (2 * rtt > SIZES_AFTER_MS ? 2 * rtt : SIZES_AFTER_MS);
	if (!s->passed)
		s->deadline_ms = until;
}
