/* Seccomp filters, one profile for each kind of tool, for the rest of the process's life. */
#ifndef SAPIPE_OS_SANDBOX_H
#define SAPIPE_OS_SANDBOX_H

#include <stdbool.h>

#include "base/fault.h"

enum sandbox {
	/*
	 * sa-show, skeyid-calc, ike-trace, esp-tun with --decrypt and --encrypt: read and write open
	 * descriptors, open files for reading; no new files, sockets or processes.
	 */
	SANDBOX_FILTER,
	/*
	 * ike-initiate, ike-respond, dpd-ping, natd-probe: the above, and they write and rename files, open
	 * UDP sockets and the Unix sockets of shared ports, and use timers.
	 */
	SANDBOX_NEGOTIATOR,
	/* esp-tun: the above, netlink, and the settings of a TUN device. */
	SANDBOX_DATAPATH,
	/* vpnmon: the above, and captures on a device that comes later. */
	SANDBOX_MONITOR,
	SANDBOX_PROFILES
};

/*
 * Enters the filter. Call it when privileges are dropped and all code is loaded (OpenSSL's legacy provider
 * for single DES, libpcap, name service): the filter refuses executable memory.
 *
 * A system call outside the profile fails with EPERM, or with ENOSYS where a libc falls back: the
 * tools handle failing calls, and a newer libc may try calls that this list does not know. A
 * call that our code never makes (running a program, another process's memory,
 * modules, namespaces) kills the process at once: an attacker controls it then.
 *
 * Returns 0: the filter is active; 1: no filter, in a build with sanitizers or on a machine without seccomp; -1
 * with FAULT_SYSTEM.
 */
int sandbox_enter(enum sandbox profile, struct fault *f);

#endif
