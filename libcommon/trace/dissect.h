/*
 * Tracks captured IKEv1: assigns each datagram to its IKE SA and exchange, recognizes retransmissions, joins IKE
 * fragments, and with the keys of SA state decrypts messages and verifies their hashes. Datagrams come in the order
 * of the capture. No I/O, no clock; memory has a bound.
 */
#ifndef SAPIPE_TRACE_DISSECT_H
#define SAPIPE_TRACE_DISSECT_H

#include "base/addr.h"
#include "trace/payload_text.h"
#include "trace/signature.h"
#include "sa/set.h"

#define V1_TRACE_SAS		1024	/* IKE SAs at a time; the one seen longest ago is forgotten */
#define V1_TRACE_EXCHANGES	32	/* of each, likewise */
#define V1_TRACE_AGAIN		12	/* messages of an exchange whose retransmissions are recognized */

struct v1_trace;

/* ${keys} (may be NULL) holds the records of IKE SAs; the caller may add more later. NULL: no memory. */
struct v1_trace *v1_trace_new(const struct sa_set *keys);
void v1_trace_free(struct v1_trace *t);		/* wipes; NULL is fine */

/*
 * A caller may keep something of its own beside each IKE SA and each exchange: by the pointers in struct v1_told, which
 * are NULL at first. The trace calls ${sa} and ${exchange} with them (never with NULL) when it forgets the IKE SA or
 * the exchange.
 */
typedef void v1_beside_free(void *beside);
void v1_trace_beside(struct v1_trace *t, v1_beside_free *sa, v1_beside_free *exchange);
/*
 * Frees the oldest data of the caller: that of the IKE SA seen longest ago and its exchanges, and at last that
 * of the exchanges of the latest IKE SA, oldest first. Keeps the data of the latest message. False: nothing
 * else is left.
 */
bool v1_trace_shed(struct v1_trace *t);

/* Authorities and certificates that verify signatures; borrowed while ${t} exists. NULL: none. */
void v1_trace_trust(struct v1_trace *t, const struct creds *trust);

/* One captured datagram. */
struct v1_seen {
	uint64_t	number;		/* of the frame, for ${again_of} */
	struct endpoint	src, dst;
	struct span	data;		/* without the non-ESP marker */
	size_t		lost;		/* bytes after ${data} that were not captured */
	uint64_t	epoch;		/* when, seconds since 1970: certificates must be valid then */
};

enum v1_open {
	V1_OPEN_CLEAR,		/* was never encrypted */
	V1_OPEN_DONE,		/* decrypted */
	V1_OPEN_NO_KEYS,	/* the keys of this IKE SA are not known */
	V1_OPEN_NO_IV,		/* the keys are known, the IV is not: a message is missing */
	V1_OPEN_BAD,		/* it decrypts to no payloads: other keys, or a message is missing */
};

struct v1_told {
	struct isakmp_msg	 msg;		/* header; payloads if ${readable} */
	bool			 readable;	/* the payloads are in msg.pl */
	struct fault		 why;		/* why it is not, unless keys are missing */
	unsigned		 sa;		/* IKE SA, numbered from 1 as they appear */
	const struct sa_ike	*keys;		/* its record; NULL: none */
	bool			 new_sa;
	bool			 by_initiator;	/* sent by the initiator of the IKE SA */
	bool			 sure;		/* that is known; else the sender of the first captured message counts */
	bool			 begun_before;	/* its number is not known: the capture began after the exchange */
	bool			 one_way;	/* both ends have the same source address here: the exchange shows the sender */
	bool			 found_one_way;	/* likewise, and it is the message that showed this */
	bool			 begun_by_initiator;	/* the initiator sent the exchange's first message */
	unsigned		 message;	/* its number in the exchange, from 1; 0: a fragment, or ${begun_before} */
	unsigned		 fragments;	/* IKE fragments that it is joined from; 0: it came whole */
	uint64_t		 again_of;	/* a retransmission of that frame; 0: it is new */
	unsigned		 again;		/* number of this retransmission, from 1 */
	bool			 moved;		/* with it the IKE SA changed to other ports (NAT-T) */
	struct endpoint		 moved_from;	/* the previous endpoint of its sender */
	enum v1_open		 open;
	enum v1_proof		 proof;		/* of the HASH payload */
	struct v1_signature	 signature;	/* the SIG payload; its ${proof} is V1_PROOF_NONE if there is none */
	void			**beside_sa, **beside_exchange;	/* see v1_trace_beside(); NULL: a retransmission */
	struct v1_words_of	 words;		/* for v1_payload_words(), except ${nth} */
};

/*
 * Dissects a datagram. 0: ${out} is filled; its spans and pointers are valid until the next call, and as long as
 * ${in} is. -1 with FAULT_TRUNCATED or FAULT_MALFORMED: no ISAKMP header; FAULT_WRONG_VERSION: a header of another
 * version (in out->msg.hdr); FAULT_MEMORY.
 */
int v1_trace_take(struct v1_trace *t, const struct v1_seen *in, struct v1_told *out,
    struct fault *f);

/* "main mode", "quick mode", ... */
const char *v1_mode_name(uint8_t exchange, char buf[NUM_TEXT]);

/*
 * A message in one line: "main mode 1: SA, VID x6", "quick mode 1* [5d2c0f11]: HASH, SA, NONCE, ID x2" (the asterisk: it
 * was encrypted), "main mode again", "main mode fragment: FRAG". Cut to ${cap}.
 */
#define V1_LABEL	2048	/* room for any */
char *v1_told_label(char *out, size_t cap, const struct v1_told *m);
/* The purpose of such a message, as a sentence without full stop; NULL: none is known. */
const char *v1_told_story(const struct v1_told *m);

/* The words of payload ${i} of ${m}; ${reveal}: passwords too. */
char *v1_told_words(char *out, size_t cap, const struct v1_told *m, size_t i, bool reveal);
/* The same, and whether a HASH or SIG payload is right. */
char *v1_told_verdict(char *out, size_t cap, const struct v1_told *m, size_t i, bool reveal);
/* Whether payload ${i} is a hash or a signature that is wrong, or a signature by a certificate that is not trusted. */
bool v1_told_wrong(const struct v1_told *m, size_t i);

#endif
