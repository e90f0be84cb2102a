/*
 * IKE heartbeats between two of our own ends, after the manner of ScreenOS (there "set ike
 * gateway NAME heartbeat hello S", "threshold N", "reconnect S"): under an IKE SA each end
 * sends a hello every so many seconds, unasked and unanswered; after so many lost ones the peer
 * is dead, and its SAs go.
 *
 * What is known of ScreenOS is that, and the vendor ID by which it announces its heartbeats, the
 * text "HeartBeat_Notify" and four bytes of version. What its hellos look like was not published
 * in a form to build on; an Internet-Draft of 2000 (draft-ietf-ipsec-heartbeats) describes the
 * idea. So the form is our own, under a vendor ID of our own, and ScreenOS gets none of it:
 *
 *	Vendor ID, in the first message of each end: MD5("sapipe heartbeat") and the hello
 *	interval in milliseconds, 4 bytes. A responder announces it only to an initiator that does.
 *
 *	Hello: HDR*, HASH(1), N in an Informational exchange (RFC 2409, 5.7) under a message ID
 *	of its own. N is for the IPsec DOI and protocol ISAKMP, the SPI are both cookies, the
 *	sender's first: HASH(1) is the same in both directions, and a hello that somebody sends back
 *	to where it is from must not pass for the peer's. The type is 35818, of those that RFC 2408
 *	(3.14.1) leaves to private use among status notifies. Data, each 4 bytes in network order:
 *
 *	  sequence number	from 1, one more with each hello; wraps past 0
 *	  interval		ms from this hello to the next
 *	  heard			the highest number that came from the other end, 0: none yet
 *
 * A hello whose number is not above the last one's (modulo 2^32) is a replay and changes
 * nothing, and so does one that does not prove to be the peer's.
 */
#ifndef SAPIPE_IKE_HEARTBEAT_H
#define SAPIPE_IKE_HEARTBEAT_H

#include "sa/record.h"

#define HEARTBEAT_VID_LEN	20	/* bytes */
#define HELLO_LEN		12	/* of notification data */
#define HEARTBEAT_MIN_MS	100U	/* an interval outside of these is none */
#define HEARTBEAT_MAX_MS	3600000U

struct ike_hello {
	uint32_t	seq;
	uint32_t	interval_ms;
	uint32_t	heard;
};

/* The hello interval that the peer of ${s} has announced, in ms; 0: it has not announced any. */
uint32_t ike_heartbeat_announced(const struct sa_ike *s);

#endif
