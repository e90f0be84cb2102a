/* Addresses and ports for system calls. */
#ifndef SAPIPE_OS_SOCKADDR_H
#define SAPIPE_OS_SOCKADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/addr.h"

/* Writes ${e} into ${ss}, whose rest is zero. Returns the length. */
socklen_t sockaddr_put(struct sockaddr_storage *ss, const struct endpoint *e);
/* The other way; family 0: neither IPv4 nor IPv6. */
struct endpoint sockaddr_get(const struct sockaddr_storage *ss);

/*
 * Whether errno ${err} of a call that sends may be an ICMP error about an earlier datagram of the socket, perhaps another
 * process's: the kernel reports it at the next call, whose datagram is then not sent.
 */
bool socket_reports_earlier(int err);
/* sendmmsg() without waiting, and again, at most three times, where it reports such an error. */
int socket_send(int fd, struct mmsghdr *m, unsigned n);

#endif
