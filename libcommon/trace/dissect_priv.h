/* Inside ike/v1: what the files of dissect.h share. */
#ifndef SAPIPE_TRACE_DISSECT_PRIV_H
#define SAPIPE_TRACE_DISSECT_PRIV_H

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "trace/dissect.h"

/* Bounds on what is kept of messages. */
#define KE_KEPT		1024
#define NONCE_KEPT	256
#define BODY_KEPT	16384
#define DIGEST_KEPT	16

struct dissect_frags;

struct exchange {
	struct exchange	*next;
	uint8_t		 number;	/* enum isakmp_exchange */
	uint32_t	 mid;
	unsigned	 messages;
	bool		 by_initiator;	/* of the IKE SA: who sent its first message */
	uint8_t		 tail[BLOCK_MAX];	/* last bytes of the encrypted message before */
	bool		 has_tail;
	uint8_t		 ni_len, nr_len;	/* 0: not seen */
	uint8_t		 ni[NONCE_KEPT], nr[NONCE_KEPT];
	unsigned	 n_seen;
	struct { uint64_t number; unsigned times; uint8_t digest[DIGEST_KEPT]; } seen[V1_TRACE_AGAIN];
};

struct trace_sa {
	struct trace_sa	*next;
	unsigned	 number;
	uint8_t		 cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	bool		 has_cky_r, sure;
	struct endpoint	 left, right;		/* the initiator and the responder */
	struct exchange	*exchanges;		/* latest first */
	size_t		 n_exchanges;
	const struct alg_hash *hash;		/* that the responder chose */
	struct bytes	 sai_b, gxi, gxr, idii_b;
	struct dissect_frags *frags[2];		/* under way, of the responder and the initiator */
};

struct v1_trace {
	struct bytes		 whole;		/* of a message that came in fragments */
	const struct sa_set	*keys;
	struct trace_sa		*sas;		/* latest first */
	size_t			 n_sas;
	unsigned		 numbered;
	struct secret		 plain;		/* of the message in hand */
};

static inline bool
dissect_zero(const uint8_t *cookie)
{
	return (get_be64(cookie) == 0);
}

static inline bool
dissect_phase1(uint8_t exchange)
{
	return (exchange == EXCHANGE_MAIN || exchange == EXCHANGE_AGGRESSIVE ||
	    exchange == EXCHANGE_BASE || exchange == EXCHANGE_AUTH_ONLY);
}

/* The record of these cookies; of either end, as both hold the same keys. NULL: none. */
const struct sa_ike *dissect_keys(const struct v1_trace *t, const struct trace_sa *sa);
/* What the header belongs to, moved to the front; NULL: none, or no memory for a new one. */
struct trace_sa *dissect_find_sa(struct v1_trace *t, const struct isakmp_hdr *h);
struct trace_sa *dissect_new_sa(struct v1_trace *t, const struct isakmp_hdr *h,
    const struct v1_seen *in);
struct exchange *dissect_find_exchange(struct trace_sa *sa, const struct isakmp_hdr *h);
/* Whether the initiator sent it. */
bool dissect_from_left(const struct trace_sa *sa, const struct exchange *x,
    const struct v1_seen *in);
/* True if ${in} was seen before in ${x}, told in ${out}; remembers it otherwise. */
bool dissect_seen_again(struct exchange *x, const struct v1_seen *in, struct v1_told *out);

/*
 * Takes the body of a FRAG payload into ${*of} (NULL at first). True: it was the one that lacked, ${whole} is replaced
 * by the message and ${*n} the number of its fragments. What does not fit is dropped.
 */
bool dissect_frag(struct dissect_frags **of, struct span body, struct bytes *whole, unsigned *n);
void dissect_frags_free(struct dissect_frags *g);	/* NULL is fine */

#endif
