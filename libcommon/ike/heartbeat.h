/*
 * IKE heartbeats between two sapipe ends, modelled on ScreenOS (there "set ike gateway NAME
 * heartbeat hello S", "threshold N", "reconnect S"): under an IKE SA each end sends a hello
 * at a fixed interval, unsolicited and unacknowledged. After a number of missed hellos the peer is
 * dead, and its SAs are deleted.
 *
 * ScreenOS announces its heartbeats with a vendor ID, the text "HeartBeat_Notify" and four bytes of
 * version. The format of its hellos is not published in enough detail to implement it; an
 * Internet-Draft of 2000 (draft-ietf-ipsec-heartbeats) describes the idea. So the format is our
 * own, under a vendor ID of our own, and is not sent to ScreenOS:
 *
 *	Vendor ID, in the first message of each end: MD5("sapipe heartbeat") and the hello
 *	interval in milliseconds, 4 bytes. A responder announces it only to an initiator that does.
 *
 *	Hello: HDR*, HASH(1), N in an Informational exchange (RFC 2409, 5.7) under a message ID
 *	of its own. N is for the IPsec DOI and protocol ISAKMP, the SPI are both cookies, the
 *	sender's first: HASH(1) is the same in both directions, and a reflected hello must not be
 *	accepted as the peer's. The type is 35818, in the range that RFC 2408 (3.14.1) reserves for
 *	private use in status notifies. Data, each 4 bytes in network order:
 *
 *	  sequence number	from 1, one more with each hello; wraps past 0
 *	  interval		ms from this hello to the next
 *	  heard			the highest number received from the other end, 0: none yet
 *
 * A hello is ignored if its number is not above the last one's (modulo 2^32), which makes it a replay,
 * or if it is not authentic.
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
