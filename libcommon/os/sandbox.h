/* Seccomp filters and Landlock, one profile for each kind of tool, for the rest of the process's life. */
#ifndef SAPIPE_OS_SANDBOX_H
#define SAPIPE_OS_SANDBOX_H

#include <stdbool.h>

#include "base/fault.h"

enum sandbox {
	/*
	 * sa-show, ike-trace, esp-tun with --decrypt and --encrypt, the recorder: read and write open
	 * descriptors; no files, sockets or processes.
	 */
	SANDBOX_FILTER,
	/* ike-trace with --html or --svg: the above, and it commits new files (os/newfile.h). */
	SANDBOX_WRITER,
	/* skeyid-calc: as SANDBOX_FILTER, and it opens files for reading. */
	SANDBOX_READER,
	/* The process that opens files for another: the above, and it sends their descriptors through a socket that is open. */
	SANDBOX_OPENER,
	/*
	 * ike-initiate, ike-respond, dpd-ping, natd-probe: as SANDBOX_FILTER, and they open UDP sockets and the
	 * Unix sockets of shared ports, below the directory of running tools, and use timers.
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
 * The file system is closed where the kernel has Landlock: a name outside of what the profile keeps fails with EACCES.
 * Open descriptors stay usable. Files that are made later, or looked up by a library, belong in a process forked before.
 *
 * Returns 0: the filter is active; 1: no filter, in a build with sanitizers or on a machine without seccomp; -1
 * with FAULT_SYSTEM.
 */
int sandbox_enter(enum sandbox profile, struct fault *f);

/* The same, and the process may also create, change and remove files in the open directory ${dir}. */
int sandbox_enter_dir(enum sandbox profile, int dir, struct fault *f);

#endif
