/* Names of TUN devices, for tools that make none. */
#ifndef SAPIPE_NET_TUN_NAME_H
#define SAPIPE_NET_TUN_NAME_H

#include <stdbool.h>

/* Whether ${name} can be an interface's: it fits into an ifreq, and the kernel neither rejects it nor reads it as a pattern. */
bool tun_name_ok(const char *name);

#endif
