/* Internals of trace/: declarations shared by the files of dissect.h. */
#ifndef SAPIPE_TRACE_DISSECT_PRIV_H
#define SAPIPE_TRACE_DISSECT_PRIV_H

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "trace/dissect.h"
#include "wire/fragment.h"

/* Bounds on the messages that tracking keeps. */
#define KE_KEPT		1024
#define NONCE_KEPT	256
#define BODY_KEPT	16384
#define DIGEST_KEPT	16

struct exchange {
	struct exchange	*next;
	void		*beside;	/* the caller's; NULL: nothing */
	uint8_t		 number;	/* enum isakmp_exchange */
	uint32_t	 mid;
	unsigned	 messages;
	bool		 by_initiator;	/* of the IKE SA: sent by its initiator */
	unsigned	 place;		/* of the latest message: its number; 0: not known */
	unsigned	 content;	/* likewise in main mode, as its content alone shows it */
	bool		 from_left;	/* likewise: its address is that of the left end */
	uint8_t		 tail[BLOCK_MAX];	/* last bytes of the encrypted message before */
	bool		 has_tail;
	uint8_t		 ni_len, nr_len;	/* 0: not captured */
	uint8_t		 ni[NONCE_KEPT], nr[NONCE_KEPT];
	unsigned	 n_seen;
	struct { uint64_t number; unsigned times; bool by_initiator; uint8_t digest[DIGEST_KEPT]; } seen[V1_TRACE_AGAIN];
};

struct trace_sa {
	struct trace_sa	*next;
	void		*beside;	/* the caller's; NULL: nothing */
	unsigned	 number;
	uint8_t		 cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	bool		 has_cky_r, sure;
	bool		 whole;			/* its first datagram here is message 1 of phase 1 */
	struct endpoint	 first;			/* source of the first datagram */
	bool		 two_way;		/* others have another source */
	bool		 one_way;		/* all have one source: only the exchange shows who sent what */
	struct endpoint	 left, right;		/* the initiator and the responder */
	struct exchange	*exchanges;		/* latest first */
	size_t		 n_exchanges;
	const struct alg_hash *hash;		/* the responder's choice */
	uint16_t	 auth;			/* likewise: enum ike_auth; 0: not known */
	struct bytes	 sai_b, gxi, gxr, idii_b;
	struct frag_set	*frags[2];		/* incomplete, of the responder and the initiator */
};

struct v1_trace {
	struct bytes		 whole;		/* the latest message joined from fragments */
	const struct sa_set	*keys;
	const struct creds	*trust;
	struct trace_sa		*sas;		/* latest first */
	size_t			 n_sas;
	unsigned		 numbered;
	struct secret		 plain;		/* the current message, decrypted */
	v1_beside_free		*free_sa, *free_exchange;
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

/* The record with these cookies, of either end: both have the same keys. NULL: none. */
const struct sa_ike *dissect_keys(const struct v1_trace *t, const struct trace_sa *sa);
/* The IKE SA or exchange of a header, moved to the front of its list; NULL: none, or no memory for a new one. */
struct trace_sa *dissect_find_sa(struct v1_trace *t, const struct isakmp_hdr *h);
struct trace_sa *dissect_new_sa(struct v1_trace *t, const struct isakmp_hdr *h,
    const struct v1_seen *in);
struct exchange *dissect_find_exchange(struct v1_trace *t, struct trace_sa *sa,
    const struct isakmp_hdr *h);
/* Whether the initiator sent it. */
bool dissect_from_left(const struct trace_sa *sa, const struct exchange *x,
    const struct v1_seen *in);
/*
 * Finds the number and the sender of ${out}, the next message of ${x}, whose ${by_initiator} is a guess from the
 * addresses.
 */
void dissect_place(struct trace_sa *sa, struct exchange *x, const struct v1_seen *in, struct v1_told *out);
/* True: ${in} is a retransmission in ${x}, and ${out} names the first frame. Else ${x} remembers it. */
bool dissect_seen_again(struct exchange *x, const struct v1_seen *in, struct v1_told *out);
/* The sender of the datagram that ${x} remembered last. */
void dissect_seen_from(struct exchange *x, bool by_initiator);

#endif
