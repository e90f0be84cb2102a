/* Addresses of this machine. */
#ifndef SAPIPE_NET_IFADDR_H
#define SAPIPE_NET_IFADDR_H

#include "base/addr.h"
#include "base/fault.h"

/*
 * The addresses of ${family} on interfaces that are up, without 127.0.0.0/8 and ::1, at most ${max}.
 * Returns their number, or -1 with FAULT_SYSTEM.
 */
long ifaddr_list(struct addr *out, size_t max, uint8_t family, struct fault *f);

#endif
