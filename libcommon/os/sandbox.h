/* A seccomp filter for the rest of the process's life, by what kind of tool it is. */
#ifndef SAPIPE_OS_SANDBOX_H
#define SAPIPE_OS_SANDBOX_H

#include <stdbool.h>

#include "base/fault.h"

enum sandbox {
	/*
	 * sa-show, skeyid-calc, ike-trace: reads and writes what is open, opens files for
	 * reading, makes none; no sockets, no processes.
	 */
	SANDBOX_FILTER,
	/*
	 * ike-initiate, ike-respond, dpd-ping, natd-probe: the above, files written and renamed, UDP
	 * sockets, shared ports (Unix sockets), timers.
	 */
	SANDBOX_NEGOTIATOR,
	/* esp-tun: the above, netlink, and the settings of a TUN device. */
	SANDBOX_DATAPATH,
	/* vpnmon: the above, and captures on a device that comes later. */
	SANDBOX_MONITOR,
	SANDBOX_PROFILES
};

/*
 * Enters the filter. Do it when privileges are dropped and everything that needs to load
 * code is loaded (OpenSSL's legacy provider for single DES; name service): executable memory
 * is refused.
 *
 * A call that is not in the profile fails with EPERM, or ENOSYS where a libc falls back: the
 * tools handle failing calls, and a newer libc may try calls that this list does not know. A
 * call that no path of ours can lead to (running a program, another process's memory,
 * modules, namespaces) ends the process at once: then somebody else is at the wheel.
 *
 * Returns 0 in force; 1 left out: built with sanitizers, or a machine without seccomp; -1
 * with FAULT_SYSTEM.
 */
int sandbox_enter(enum sandbox profile, struct fault *f);

#endif
