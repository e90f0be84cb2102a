/*
 * What the SA payloads of both phases share: the attributes of one transform as values, lifetimes,
 * and words for messages and captures. sa_payload_p1.h and sa_payload_p2.h have the negotiation.
 *
 * A transform is valid only if each of its attributes is known, occurs once and has the form of
 * its class (RFC 2409 appendix A), AES has its key length and fixed ciphers have none.
 */
#ifndef SAPIPE_IKE_V1BASE_SA_PAYLOAD_H
#define SAPIPE_IKE_V1BASE_SA_PAYLOAD_H

#include "crypto/proposal.h"
#include "wire/isakmp.h"

#define SA_BODY_MAX	4096	/* bytes that any offer of ours fits in */

struct sa_life {
	uint64_t	seconds, kilobytes;	/* 0: not named, no limit */
};

#define SA_ATTR_TYPES	16	/* all types that are known lie below */
#define SA_WHY		96

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

/* Life attributes; values are limited to 32 bits, 0 is left out. */
/*
 * The data of a RESPONDER-LIFETIME notify (RFC 2407 section 4.6.3.1): attributes with the numbers of either
 * phase. 0 where it names no such limit. 0, or -1: malformed.
 */
int sa_life_get(struct sa_life *out, struct span data, struct fault *f);
void sa_life_put(struct wr *w, const struct sa_rules *rules, const struct sa_life *life);
/* The shorter of both, limit by limit, into ${out}; true if ${own} is the shorter in one. */
bool sa_life_min(struct sa_life *out, const struct sa_life *own, const struct sa_life *said);

/* A body with the single transform ${t} of ${p}, under ${spi}. */
void sa_reply_put(struct wr *w, const struct isakmp_proposal *p, const struct isakmp_transform *t,
    struct span spi);

/* --- transforms in the words of proposals, unknown values as numbers --- */

#define SA_MISMATCH_TEXT 4096	/* room for the text of a mismatch */
#define SA_WORDS	128	/* text of one transform */
#define SA_SHOWN	24	/* offers in a mismatch text; the rest is counted */

/* Text that is cut to its room. */
struct sa_text {
	char	*p;
	size_t	 cap, n;
};
void sa_text_add(struct sa_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The numbers of a transform; absent ones are 0 or false. */
struct sa_numbers {
	uint64_t	enc;		/* of phase 2: the transform ID */
	uint64_t	bits, integ, group;	/* key length; integrity, in phase 1 the hash */
	bool		has_bits, has_integ, has_group;	/* named, though perhaps as 0 */
	bool		esn;
};
/* "aes256-sha256-modp2048" */
void sa_text_p1(struct sa_text *t, const struct sa_numbers *n);
/* "aes256-sha256-modp2048-esn", of AH "sha256"; ${proto} is that of its proposal. */
void sa_text_p2(struct sa_text *t, uint8_t proto, const struct sa_numbers *n);

/* The labels of a phase for offered and for configured proposals. */
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
