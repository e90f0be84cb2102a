/*
 * Fragments of IP put together (RFC 791, 3.2; RFC 8200, 4.5). Every bound is here: datagrams under way, their length, their time.
 * Parts that overlap with other bytes than before make the whole datagram void (RFC 5722); the same part twice counts once.
 * No I/O, no clock.
 */
#ifndef SAPIPE_WIRE_IP_FRAG_H
#define SAPIPE_WIRE_IP_FRAG_H

#include "base/addr.h"
#include "base/span.h"

#define IP_FRAG_HEAD	512	/* bytes of headers before the payload, at most */
#define IP_FRAG_MAX	65535	/* ... and of the datagram with them */

/* A fragment. */
struct ip_part {
	struct addr	src, dst;
	uint8_t		proto;		/* of the payload: IPv6: the fragment header's next header */
	uint32_t	id;
	size_t		off;		/* of ${payload} in the datagram's, bytes */
	bool		more;
	struct span	head;		/* IP header, and the extension headers before the fragment header */
	size_t		next_at;	/* IPv6: offset in ${head} of the next header that names the fragment header */
	struct span	payload;
};

struct ip_frags_conf {
	size_t		slots;		/* datagrams under way; the oldest makes room */
	uint64_t	timeout_us;	/* from the first part that came; 0: none */
	/*
	 * Of a sender on this machine: each part continues the one before, or it is refused with its datagram. A first part
	 * starts its datagram again.
	 */
	bool		in_order;
};

/* A datagram, valid until the next call. */
struct ip_whole {
	struct span	all;		/* with ${head} bytes of headers, whose lengths are right; the checksum of IPv4 is not renewed */
	size_t		head;
	uint8_t		proto;
	unsigned	parts;
};

struct ip_frags;

struct ip_frags *ip_frags_new(const struct ip_frags_conf *c);	/* NULL: no memory */
void ip_frags_free(struct ip_frags *t);		/* NULL is fine */

enum ip_frags_state { IP_FRAGS_MORE, IP_FRAGS_WHOLE, IP_FRAGS_BAD };

/* Takes ${part}, whose spans it copies. BAD: ${*note} says why. */
enum ip_frags_state ip_frags_take(struct ip_frags *t, const struct ip_part *part, uint64_t time_us, struct ip_whole *out,
    const char **note);

/* Datagrams that timed out or made room so far, and those that are under way. */
uint64_t ip_frags_incomplete(const struct ip_frags *t);

#endif
