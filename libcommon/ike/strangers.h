/* Peers without an SA here: what was reported of them, so that it is reported once, and SAs that ended lately. */
#ifndef SAPIPE_IKE_STRANGERS_H
#define SAPIPE_IKE_STRANGERS_H

#include "base/addr.h"
#include "base/now.h"

#define STRANGERS_MAX		64	/* reports remembered, the oldest out */
#define STRANGER_AGAIN_MS	600000	/* reported again after as long */
#define STRANGER_ANSWER_MS	1000	/* between answers to one address, */
#define STRANGERS_ANSWERS	20	/* and so many at most in as long to all */
#define ENDED_MAX		32	/* SAs that ended lately */

/* The kinds of message from a stranger that are reported. */
enum stranger_what {
	STRANGER_VERSION,	/* it speaks another version of IKE */
	STRANGER_SA,		/* it uses an SA that this end does not have */
	STRANGER_ANSWERED,	/* with an error, in clear */
	STRANGER_TURNED_AWAY,	/* no policy allows what it begins */
	STRANGER_REFUSED,	/* its first message was refused, ${spi} tells which */
};

struct strangers {		/* all zero: none */
	struct { uint64_t key, at_ms; } said[STRANGERS_MAX];
	size_t		said_at;
	uint64_t	answers_ms;	/* the second of ${answers} begins */
	unsigned	answers;
	uint8_t		ended[ENDED_MAX][16];
	size_t		ended_at;
};

/*
 * Whether ${what} has not been reported of ${addr} (and ${spi}, 8 bytes or NULL) lately; it counts as
 * reported from now on.
 */
bool strangers_first(struct strangers *s, struct now now, enum stranger_what what, const struct addr *addr,
    const uint8_t *spi);
/* Whether ${addr} may have an answer now, by both limits; it counts as sent. */
bool strangers_may_answer(struct strangers *s, struct now now, const struct addr *addr);
/* The SA of these SPIs ended here; whether it did lately. */
void strangers_ended(struct strangers *s, const uint8_t spi_i[8], const uint8_t spi_r[8]);
bool strangers_has_ended(const struct strangers *s, const uint8_t spi_i[8], const uint8_t spi_r[8]);

#endif
