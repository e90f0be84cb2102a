/*
 * IKE fragments of IKEv1 (vendor ID FRAGMENTATION of Cisco and Microsoft; no RFC describes them): a long message is sent
 * as several datagrams. Each has an ISAKMP header like the message's own, but in clear, and one payload FRAG: the ID of
 * the message, the number of the fragment from 1, a flag on the last one, and a part of the finished message, which
 * begins with the message's own header. No fragment names the total.
 *
 * Fragments are not authenticated. All of this is bounded: FRAGS_MAX fragments, the bytes that the caller allows; the
 * work is linear in the bytes received.
 */
#ifndef SAPIPE_WIRE_FRAGMENT_H
#define SAPIPE_WIRE_FRAGMENT_H

#include "base/bytes.h"
#include "wire/isakmp.h"

#define FRAGS_MAX	255	/* of a message; the number is one byte */
#define FRAG_HDR_LEN	(ISAKMP_HDR_LEN + 8)	/* bytes of a datagram before the part */
#define FRAG_MSG_MAX	16384	/* bytes of a message that an end of an exchange puts together */

struct frag {
	uint16_t	id;
	uint8_t		number;		/* from 1 */
	bool		last;
	struct span	data;		/* at least one byte, in the datagram */
};

/* The FRAG payload ${body}. 0, or -1 with FAULT_MALFORMED: cut off, without data, or number 0. */
int frag_get(struct frag *out, struct span body, struct fault *f);
/* The fragment in ${dgram}, whose header is ${h}: FRAG has to be its only payload. The E flag is ignored. 0 or -1. */
int frag_get_dgram(struct frag *out, const struct isakmp_hdr *h, struct span dgram, struct fault *f);

/* The body of the vendor ID that announces fragments in main and aggressive mode. */
struct span frag_vid(void);
/*
 * Whether the vendor ID ${body} announces that its sender puts fragments together. Windows sends it without the word of
 * capabilities; with one, at least one kind of exchange has to be named.
 */
bool frag_vid_announces(struct span body);

/* --- putting together --- */

struct frag_set;		/* the fragments of one message, in any order */

enum frag_added {
	FRAG_REFUSED,		/* it contradicts the others, or exceeds a limit: it changes nothing */
	FRAG_AGAIN,		/* the same came before */
	FRAG_KEPT,
	FRAG_DONE,		/* all are there: frag_set_join() */
};

/* For a message of ${max} bytes at most, itself at most ISAKMP_MSG_MAX. NULL: no memory. */
struct frag_set *frag_set_new(size_t max);
void frag_set_free(struct frag_set *g);		/* NULL is fine */
/*
 * Adds a copy of ${p}, from a datagram with the header ${h}. A fragment with another ID, exchange or message ID begins
 * another message, and the earlier fragments are dropped. Refused are a second last fragment with another number, a
 * number behind the last, other data under a number that was there, and data beyond the limit: ${f} names the reason.
 */
enum frag_added frag_set_add(struct frag_set *g, const struct isakmp_hdr *h, const struct frag *p, struct fault *f);
/* The number of fragments that are there. */
unsigned frag_set_count(const struct frag_set *g);
/* Replaces ${whole} by the message. 0, or -1: a fragment is missing, or no memory. */
int frag_set_join(const struct frag_set *g, struct bytes *whole);

/* --- taking apart --- */

/* The number of fragments of ${part} bytes (at least 1) that ${len} bytes need; 0: more than FRAGS_MAX. */
size_t frag_count(size_t len, size_t part);
/*
 * Writes fragment ${i}, from 0, of the finished message ${msg}, which is cut into parts of ${part} bytes, to ${buf}.
 * Returns the datagram; empty if there is no such fragment or it does not fit.
 */
struct span frag_put(uint8_t *buf, size_t cap, struct span msg, size_t part, size_t i);

#endif
