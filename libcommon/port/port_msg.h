/* The messages between holders of a shared port, one SEQPACKET each. Private to port/. */
#ifndef SAPIPE_PORT_PORT_MSG_H
#define SAPIPE_PORT_PORT_MSG_H

#include "base/addr.h"

/*
 *   0  "sap" and the version	   4  type	5  flags	6  family	7  0
 *   8  local address (16)	  24  remote address (16)
 *  40  interface		  44  scope of the remote address
 *  48  local port, remote port	  52  segment	54  0
 *  56  number (8)		  64  the rest
 * in network order. Unused fields are 0 and are checked to be.
 */
#define PORT_MSG_HDR	64
#define PORT_MSG_DATA	65536
#define PORT_MSG_MAX	(PORT_MSG_HDR + 8 + PORT_MSG_DATA)

enum port_msg_type {
	PM_HELLO = 1,		/* joiner */
	PM_WELCOME,		/* owner; with the descriptors of the port for a new joiner */
	PM_READ,		/* owner: start to read the port */
	PM_STOP,		/* owner: stop reading the port */
	PM_SERVE,		/* holder: keys added, or dropped */
	PM_IKE,			/* a datagram without marker */
	PM_ESP,			/* one, or several of ${seg} bytes, all of one SPI */
	PM_UNREACH,		/* ${number}: errno, MTU */
	PM_RECORD,		/* ${number}: counts up; 8 bytes of origin, the record */
	PM_TYPES
};

#define PM_F_DATA_PATH	1u	/* HELLO: wants to read */
#define PM_F_READING	2u	/* HELLO: reads */
#define PM_F_DROP	1u	/* SERVE: removes the key; else adds it */
#define PM_F_RESET	2u	/* SERVE: forget all before */

struct port_msg {
	uint8_t		type, flags;
	struct endpoint	local, remote;	/* of IKE, ESP, UNREACH; else zero */
	uint32_t	ifindex;
	uint16_t	seg;
	uint8_t		tos;		/* of a datagram just read; not part of the message */
	uint64_t	number;
	struct span	body;
};

/* The header of ${m}; its body is sent behind it. */
void port_msg_put(uint8_t hdr[PORT_MSG_HDR], const struct port_msg *m);

/* Checks and reads ${in}; the body borrows from it. -1 if it is not as above. */
int port_msg_get(struct port_msg *m, struct span in);

#endif
