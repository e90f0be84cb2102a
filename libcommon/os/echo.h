/* ICMP and ICMPv6 echo over one device, whatever the routing table says. */
#ifndef SAPIPE_OS_ECHO_H
#define SAPIPE_OS_ECHO_H

#include <net/if.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/span.h"

#define ECHO_COOKIE	8	/* bytes of an answer that only who got the question knows */

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
 * For questions to ${dest} over ${dev}, which need not be there yet; from ${source} (NULL: as the kernel
 * chooses). By a raw socket, or an unprivileged one where there are no rights. 0, or -1 with
 * FAULT_PERMISSION, FAULT_USAGE (a name that no device can have), FAULT_UNREACHABLE (${source} is not
 * ours) or FAULT_SYSTEM.
 */
int echo_open(struct echo *e, const char *dev, const struct addr *dest, const struct addr *source,
    struct fault *f);
void echo_close(struct echo *e);

/* Sends question ${seq}; a device that was replaced is noticed. 0, or errno. */
int echo_send(struct echo *e, uint16_t seq);

/*
 * Reads what has come, without waiting: 1 with ${*seq} of an answer to a question of this process; 0
 * when there is no more. Anything else is dropped.
 */
int echo_receive(struct echo *e, uint16_t *seq);

/* Whether the ICMP message ${icmp} from ${from} is an answer to a question of this process. */
bool echo_is_answer(const struct echo *e, const struct addr *from, struct span icmp);

#endif
