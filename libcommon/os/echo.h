/* ICMP and ICMPv6 echo over one device, regardless of the routing table. */
#ifndef SAPIPE_OS_ECHO_H
#define SAPIPE_OS_ECHO_H

#include <net/if.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/span.h"

#define ECHO_COOKIE	8	/* random bytes of a request, which only its receiver knows */

struct echo {
	int		fd;
	bool		raw;		/* else a "ping socket": the kernel fills in the identifier */
	char		dev[IF_NAMESIZE];
	unsigned	ifindex;	/* the device that it is bound to; 0: none yet */
	struct addr	dest;
	uint16_t	id;
	uint8_t		cookie[ECHO_COOKIE];
};

/*
 * For requests to ${dest} over ${dev}, which need not exist yet; from ${source} (NULL: the kernel
 * chooses). Opens a raw socket, or an unprivileged one without the privilege. 0, or -1 with
 * FAULT_PERMISSION, FAULT_USAGE (a name that no device can have), FAULT_BAD_ADDRESS (${source} is not
 * ours), FAULT_UNREACHABLE (it cannot be the source) or FAULT_SYSTEM.
 */
int echo_open(struct echo *e, const char *dev, const struct addr *dest, const struct addr *source,
    struct fault *f);
void echo_close(struct echo *e);

/* The source address that the kernel chooses for requests, if none was given. 0, or -1: not known, as without the device. */
int echo_source(const struct echo *e, struct addr *source);

/* Sends request ${seq}; detects a replaced device. 0, or errno. */
int echo_send(struct echo *e, uint16_t seq);

/*
 * Receives without waiting: 1 with ${*seq} of an answer to a request of this process; 0
 * if there are no more messages. Drops other messages.
 */
int echo_receive(struct echo *e, uint16_t *seq);

/* Whether the ICMP message ${icmp} from ${from} answers a request of this process. */
bool echo_is_answer(const struct echo *e, const struct addr *from, struct span icmp);

#endif
