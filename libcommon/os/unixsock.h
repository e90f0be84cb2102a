/* Unix sockets with a name in the file system, for local control of a running tool: streams, and packets in order. */
#ifndef SAPIPE_OS_UNIXSOCK_H
#define SAPIPE_OS_UNIXSOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

/*
 * Listens on ${path}, mode 0600; a path without '/' is a name in the directory of running tools (rundir.h). A socket that
 * nobody listens on, left by a process that was killed, is replaced. Returns a non-blocking descriptor, or -1:
 * FAULT_CLAIMED (another process listens there), FAULT_CONFIG (the name is too long, or that of something else),
 * or one of fault_of_output().
 */
int unixsock_listen(const char *path, struct fault *f);
/* The same for SOCK_SEQPACKET. */
int unixsock_listen_packets(const char *path, struct fault *f);

/*
 * Connects to ${path}, likewise. Returns a blocking descriptor, or -1: FAULT_CONFIG (there is no socket of this name),
 * FAULT_UNREACHABLE (nobody listens on it), or one of fault_of_output().
 */
int unixsock_connect(const char *path, struct fault *f);
int unixsock_connect_packets(const char *path, struct fault *f);

/* Accepts a connection of root or of ${uid}, not blocking. -1 with errno: EPERM is another user's, which is closed. */
int unixsock_accept(int listener, uid_t uid);

/* Removes the name that unixsock_listen() made. Does nothing if this process no longer has the permission. */
void unixsock_remove(const char *path);

#endif
