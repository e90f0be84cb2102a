/* Attributes of one transform as values; for sa_p1.c and sa_p2.c, which share them. */
#ifndef SAPIPE_IKE_V1_SA_PAYLOAD_ATTR_H
#define SAPIPE_IKE_V1_SA_PAYLOAD_ATTR_H

#include "ike/v1/sa_payload.h"

#define SA_ATTR_TYPES	16	/* all types that are known lie below */
#define SA_WHY		96
#define SA_WORDS	128	/* text of one transform */
#define SA_SHOWN	24	/* offers in a mismatch text; the rest is counted */

/* Which attribute types a phase knows. */
struct sa_rules {
	uint32_t	basic;			/* bit 1 << type: basic ones */
	uint16_t	life_type, life_duration;
	const char	*(*name)(uint16_t n, char buf[NUM_TEXT]);
};

struct sa_values {
	uint32_t	set;			/* bit 1 << type */
	uint16_t	v[SA_ATTR_TYPES];
	struct sa_life	life;
	char		why[SA_WHY];		/* why the transform is refused, or "" */
};

void sa_values_get(struct sa_values *out, struct span attrs, const struct sa_rules *rules);

static inline bool
sa_has(const struct sa_values *v, unsigned type)
{
	return ((v->set >> type & 1) != 0);
}

/* Life attributes; what exceeds 32 bits is cut to them, 0 is left out. */
void sa_life_put(struct wr *w, const struct sa_rules *rules, const struct sa_life *life);
/* The shorter of both, limit by limit, into ${out}; true if ${own} is the shorter in one. */
bool sa_life_min(struct sa_life *out, const struct sa_life *own, const struct sa_life *said);

/* A body with the single transform ${t} of ${p}, under ${spi}. */
void sa_reply_put(struct wr *w, const struct isakmp_proposal *p, const struct isakmp_transform *t,
    struct span spi);

/* Text that is cut to its room. */
struct sa_text {
	char	*p;
	size_t	 cap, n;
};
void sa_text_add(struct sa_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The words that a phase has for what is offered and what is configured. */
struct sa_words {
	const void *ctx;
	size_t	n_own;		/* configured proposals */
	void	(*offered)(const void *ctx, char words[SA_WORDS], const struct isakmp_sa *sa,
		    const struct isakmp_proposal *p, const struct isakmp_transform *t);
	void	(*own)(const void *ctx, char words[PROPOSAL_TEXT], size_t i);
	void	(*difference)(const void *ctx, struct sa_text *x, const struct isakmp_sa *sa);
};
/* See p1_mismatch_text(). */
char *sa_mismatch_text(char *out, size_t cap, struct span sa_body, const struct sa_words *w);

#endif
