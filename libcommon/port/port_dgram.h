/* Addresses and control messages of what a port's sockets receive and send. */
#ifndef SAPIPE_PORT_PORT_DGRAM_H
#define SAPIPE_PORT_PORT_DGRAM_H

#include "port/port_priv.h"

/* Room for what port_add_cmsgs() adds. */
#define PORT_CTL	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))

/* What a packet of ${len} bytes is, which came as ${m} says: one, or several of ${seg} bytes, the last perhaps shorter. */
typedef void port_take_fn(struct port *p, struct port_msg *m, const uint8_t *b, size_t len, size_t seg);

/*
 * Hands what waits at ${fd}, a few batches of it, to ${take}, while ${p} reads. What has no address of the port's family
 * or does not fit is dropped and counted. False: nothing waits, or the socket reports an error.
 */
bool port_read_batches(struct port *p, int fd, port_take_fn *take);
/* Adds a control message to ${mh}, whose msg_control has room for it behind msg_controllen. */
void port_add_cmsg(struct msghdr *mh, int level, int type, const void *value, size_t len);
/* Adds the source address of ${d}, if it has one, and its TOS, if it is not 0. */
void port_add_cmsgs(struct msghdr *mh, const struct pkt *d);

#endif
