/* Addresses and ports for system calls. */
#ifndef SAPIPE_OS_SOCKADDR_H
#define SAPIPE_OS_SOCKADDR_H

#include <sys/socket.h>

#include "base/addr.h"

/* Writes ${e} into ${ss}, whose rest is zero. Returns the length. */
socklen_t sockaddr_put(struct sockaddr_storage *ss, const struct endpoint *e);
/* The other way; family 0: neither IPv4 nor IPv6. */
struct endpoint sockaddr_get(const struct sockaddr_storage *ss);

#endif
