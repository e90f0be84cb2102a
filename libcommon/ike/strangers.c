/* Remembers what was reported of peers without an SA, and limits the answers to them. */
#include "ike/strangers.h"

#include <string.h>

#include "base/table.h"

static uint64_t
key_of(enum stranger_what what, const struct addr *addr, const uint8_t *spi)
{
	uint8_t b[1 + sizeof(addr->b) + 8] = { (uint8_t)(what + 1) };

	memcpy(b + 1, addr->b, sizeof(addr->b));
	if (spi != NULL)
		memcpy(b + 1 + sizeof(addr->b), spi, 8);
	return (hash_bytes(b, sizeof(b), 0));
}

static bool
first(struct strangers *s, struct now now, uint64_t key, uint64_t again_ms)
{
	size_t i;

	for (i = 0; i < STRANGERS_MAX; i++)
		if (s->said[i].key == key) {
			if (now.ms - s->said[i].at_ms < again_ms)
				return (false);
			s->said[i].at_ms = now.ms;
			return (true);
		}
	s->said[s->said_at].key = key;
	s->said[s->said_at].at_ms = now.ms;
	s->said_at = (s->said_at + 1) % STRANGERS_MAX;
	return (true);
}

bool
strangers_first(struct strangers *s, struct now now, enum stranger_what what, const struct addr *addr,
    const uint8_t *spi)
{
	return (first(s, now, key_of(what, addr, spi), STRANGER_AGAIN_MS));
}

bool
strangers_may_answer(struct strangers *s, struct now now, const struct addr *addr)
{
	if (now.ms - s->answers_ms >= STRANGER_ANSWER_MS) {
		s->answers_ms = now.ms;
		s->answers = 0;
	}
	if (s->answers >= STRANGERS_ANSWERS ||
	    !first(s, now, key_of(STRANGER_ANSWERED, addr, NULL), STRANGER_ANSWER_MS))
		return (false);
	s->answers++;
	return (true);
}

void
strangers_ended(struct strangers *s, const uint8_t spi_i[8], const uint8_t spi_r[8])
{
	memcpy(s->ended[s->ended_at], spi_i, 8);
	memcpy(s->ended[s->ended_at] + 8, spi_r, 8);
	s->ended_at = (s->ended_at + 1) % ENDED_MAX;
}

bool
strangers_has_ended(const struct strangers *s, const uint8_t spi_i[8], const uint8_t spi_r[8])
{
	size_t i;

	for (i = 0; i < ENDED_MAX; i++)
		if (memcmp(s->ended[i], spi_i, 8) == 0 && memcmp(s->ended[i] + 8, spi_r, 8) == 0)
			return (true);
	return (false);
}
