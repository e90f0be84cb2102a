/*
 * Writes captures as pcapng: raw IP packets with comments, which libpcap cannot write. Each packet is
 * written at once, so that a reader can follow, and a tool that dies leaves a valid file.
 */
#ifndef SAPIPE_CAPTURE_PCAPNG_H
#define SAPIPE_CAPTURE_PCAPNG_H

#include "base/addr.h"
#include "base/fault.h"

#define PCAPNG_COMMENT_MAX	1024	/* bytes kept of a comment */
#define PCAPNG_PACKET_MAX	(65535 + 40)

struct pcapng;

/*
 * Creates (or empties) ${path}, and sets its mode to 0600; ${tool} is named in it as the program that wrote it. "-" is
 * standard output. NULL with FAULT_USAGE (a terminal), or a fault of fault_of_output().
 */
struct pcapng *pcapng_open(const char *path, const char *tool, struct fault *f);
void pcapng_close(struct pcapng *w);		/* NULL is fine */
/* The mode of a file that others can read because its mode cannot be set; else 0. */
unsigned pcapng_wide_mode(const struct pcapng *w);

/*
 * For files that no reader follows: later packets are written many at a time, and the last ones by pcapng_flush(), which
 * the caller must call at the end. It returns as pcapng_put().
 */
void pcapng_together(struct pcapng *w);
int pcapng_flush(struct pcapng *w, struct fault *f);

enum pcapng_way { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

/*
 * One IP packet; ${comment} is UTF-8 or "". 0, or -1 with FAULT_SYSTEM or FAULT_READER_GONE; after that
 * nothing more is written.
 */
int pcapng_put(struct pcapng *w, uint64_t time_us, enum pcapng_way way, struct span ip,
    const char *comment, struct fault *f);
/* The same for the payload ${data} of an IP packet of ${proto}, with a generated header. */
int pcapng_put_payload(struct pcapng *w, uint64_t time_us, enum pcapng_way way,
    const struct addr *src, const struct addr *dst, uint8_t proto, struct span data,
    const char *comment, struct fault *f);
/*
 * The same for the payload of a UDP datagram, with generated headers and checksums. ${head} (a marker) is written
 * before ${data}. FAULT_TOO_LARGE if it does not fit a datagram.
 */
int pcapng_put_udp(struct pcapng *w, uint64_t time_us, enum pcapng_way way,
    const struct endpoint *src, const struct endpoint *dst, struct span head, struct span data,
    const char *comment, struct fault *f);

#endif
