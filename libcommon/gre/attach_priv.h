/* The messages between a GRE device's owner and its tools. Both are of one version, and on one machine. */
#ifndef SAPIPE_GRE_ATTACH_PRIV_H
#define SAPIPE_GRE_ATTACH_PRIV_H

#include "gre/attach.h"

#define ATTACH_VERSION	3u

enum attach_kind {
	ATTACH_HELLO,		/* of a tool, first: ${wants} */
	ATTACH_INFO,		/* the answer: ${info}; again when it changes */
	ATTACH_REFUSED,		/* or this: ${wants} that another tool has */
	ATTACH_NHRP,		/* either way: ${nbma}, then the packet */
	ATTACH_SAMPLE,
	ATTACH_WANTED,
	ATTACH_USED,		/* of the owner: addresses of GRE_USE_BYTES each */
};

/* At the beginning of each message. */
struct attach_head {
	uint32_t	version;
	uint8_t		kind;
	uint8_t		wants;
	uint16_t	proto;
	struct addr	nbma, to;
	struct gre_info	info;
};

#define ATTACH_MSG	(sizeof(struct attach_head) + GRE_ATTACH_MAX)

/* The name of ${tun}'s socket in the directory of running tools. 0, or -1 with FAULT_CONFIG or FAULT_SYSTEM. */
#define ATTACH_NAME	64
int attach_name(char out[ATTACH_NAME], const char *tun, struct fault *f);

/* One message without waiting. 0, or -1 with errno. */
int attach_put(int fd, const struct attach_head *head, struct span data);

/*
 * Receives a message into ${buf} of ATTACH_MSG bytes, without waiting. 1 with ${head} and ${data}, which lies in ${buf}; 0: there is none;
 * -1: the other side has ended, or talks nonsense.
 */
int attach_get(int fd, uint8_t *buf, struct attach_head *head, struct span *data);

#endif
