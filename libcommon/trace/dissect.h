/*
 * Watching IKEv1 from outside: datagrams in the order seen, from a capture or beside a
 * negotiation, are put into their IKE SAs and exchanges; retransmissions are known again, and with the keys of SA
 * state encrypted messages are opened and their hashes checked. No I/O, no clock; memory has a bound.
 */
#ifndef SAPIPE_TRACE_DISSECT_H
#define SAPIPE_TRACE_DISSECT_H

#include "base/addr.h"
#include "trace/payload_text.h"
#include "sa/set.h"

#define V1_TRACE_SAS		1024	/* IKE SAs at a time; the one seen longest ago goes */
#define V1_TRACE_EXCHANGES	32	/* of each, likewise */
#define V1_TRACE_AGAIN		12	/* messages of an exchange that are known again */

struct v1_trace;

/* ${keys} holds IKE SAs by their cookies, may be filled as time goes, and outlives it. NULL: no memory. */
struct v1_trace *v1_trace_new(const struct sa_set *keys);
void v1_trace_free(struct v1_trace *t);		/* wipes; NULL is fine */

/* One datagram as it was seen. */
struct v1_seen {
	uint64_t	number;		/* of the frame, for ${again_of} */
	struct endpoint	src, dst;
	struct span	data;		/* without marker */
	size_t		lost;		/* bytes behind it that were not captured */
};

enum v1_open {
	V1_OPEN_CLEAR,		/* was never encrypted */
	V1_OPEN_DONE,		/* decrypted */
	V1_OPEN_NO_KEYS,	/* the keys of this IKE SA are not known */
	V1_OPEN_NO_IV,		/* they are, but not what the IV follows from: a message is missing */
	V1_OPEN_BAD,		/* what came out makes no sense: other keys, or a message is missing */
};

enum v1_proof { V1_PROOF_NONE, V1_PROOF_GOOD, V1_PROOF_BAD, V1_PROOF_UNKNOWN };

struct v1_told {
	struct isakmp_msg	 msg;		/* header; payloads if they could be read */
	bool			 readable;	/* msg.pl holds what the message holds */
	struct fault		 why;		/* where it is not (but for a lack of keys) */
	unsigned		 sa;		/* IKE SA, numbered from 1 as they appear */
	const struct sa_ike	*keys;		/* its record; NULL: none */
	bool			 new_sa;
	bool			 by_initiator;	/* sent by the initiator of the IKE SA */
	bool			 sure;		/* of that; else by the first that was seen */
	unsigned		 message;	/* its place in the exchange, from 1; 0: a fragment of one */
	unsigned		 fragments;	/* of IKE, that it came in, this one the last; 0: none */
	uint64_t		 again_of;	/* a retransmission of that frame; 0: it is new */
	unsigned		 again;		/* how often it was seen before */
	bool			 moved;		/* the IKE SA went to other ports with it (NAT-T) */
	struct endpoint		 moved_from;	/* its sender was there before */
	enum v1_open		 open;
	enum v1_proof		 proof;		/* of HASH, where there is one */
	struct v1_words_of	 words;		/* for v1_payload_words(), but for ${nth} */
};

/*
 * Takes a datagram and tells what it is. 0: ${out} is filled, its spans and pointers valid until the next call
 * or as long as ${in} is. -1 with FAULT_TRUNCATED or FAULT_MALFORMED: not even an ISAKMP header; FAULT_WRONG_VERSION: a header
 * of another version (out->msg.hdr holds it).
 */
int v1_trace_take(struct v1_trace *t, const struct v1_seen *in, struct v1_told *out,
    struct fault *f);

/* "main mode", "quick mode", ... */
const char *v1_mode_name(uint8_t exchange, char buf[NUM_TEXT]);

/*
 * A message in a line: "main mode 1: SA, VID x6", "quick mode 1* [5d2c0f11]: HASH, SA, NONCE, ID x2" (the asterisk: it was
 * encrypted), "main mode again", "main mode fragment: FRAG". Cut to ${cap}.
 */
#define V1_LABEL	2048	/* room for any */
char *v1_told_label(char *out, size_t cap, const struct v1_told *m);
/* What such a message is for, in a sentence without full stop; NULL where there is none. */
const char *v1_told_story(const struct v1_told *m);

/* Words for payload ${i} of ${m}: sets ${nth} first. */
char *v1_told_words(char *out, size_t cap, const struct v1_told *m, size_t i, bool reveal);

#endif
