/*
 * Inbound packets of a device, by libpcap: their number, and the last one in words. Answers to
 * our own probes do not count, nor do frames without an IP packet (ARP).
 */
#ifndef SAPIPE_CAPTURE_INBOUND_H
#define SAPIPE_CAPTURE_INBOUND_H

#include "os/echo.h"

#define WITNESS_TEXT	224	/* "TCP [2001:db8::1]:443 > [2001:db8::2]:40000, 1280 bytes" */
#define WITNESS_SNAPLEN	256	/* bytes captured: headers, and our random bytes in an answer */

struct capture;
struct pcap;

struct witness {
	const struct echo *echo;	/* whose answers do not count; outlives us */
	struct pcap	*pcap;		/* NULL: not open, see witness_look() */
	struct capture	*frames;
	unsigned	 ifindex;	/* of the device that it is open on */
	uint64_t	 packets;	/* so far, of all devices of that name */
	char		 text[WITNESS_TEXT];	/* "" : none yet */
};

/* Opens nothing yet. */
void witness_init(struct witness *w, const struct echo *e);

/*
 * Reads the packets that arrived since the last call, without waiting; opens the device first if it is not
 * open, or was replaced. 0; -1 with FAULT_DEVICE or FAULT_PERMISSION: it cannot be opened, or was
 * removed. The next call then tries again.
 */
int witness_look(struct witness *w, struct fault *f);
void witness_close(struct witness *w);

/* One frame of link type ${link} (DLT_), of which ${frame} was captured and ${len} bytes sent: for tests. */
void witness_frame(struct witness *w, int link, struct span frame, size_t len);

#endif
