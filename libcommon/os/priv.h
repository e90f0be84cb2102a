/*
 * Drops privileges that a tool no longer needs once it has opened its devices, ports and
 * directories: another user, few capabilities, irrevocable, no core dump.
 */
#ifndef SAPIPE_OS_PRIV_H
#define SAPIPE_OS_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

#define PRIV_NET_ADMIN	1u	/* routes, TUN settings, SO_MARK */
#define PRIV_NET_RAW	2u	/* raw sockets made later */
#define PRIV_NET_BIND	4u	/* ports below 1024 bound later */
#define PRIV_READ_ANY	8u	/* files of all users read, directories of all users searched */

/*
 * The user that priv_drop(${user}) will become: 1 with ${*uid} and ${*gid}, 0 if the user does not change
 * (both are then -1), or -1 as there. For changing the owner of files before.
 */
int priv_user(const char *user, uid_t *uid, gid_t *gid, struct fault *f);

/*
 * Becomes ${user} (a name or a number; NULL: if we are root sapipe, or nobody if there is no such user, else no change) with
 * its group only, keeps the capabilities ${keep} of those it has, sets no_new_privs and
 * PR_SET_DUMPABLE 0. The user does not change if ${user} is NULL and the uid is
 * not mapped in this user namespace, or root has no CAP_SETUID and CAP_SETGID, as in a container. After that SO_PEERCRED, files and /proc show the new
 * user. Call it once, from a process with one thread.
 *
 * Returns 1 if the user changed, 0 if not, -1 with FAULT_CONFIG (no such user, or not mapped
 * here), FAULT_PERMISSION (${user} needs root, or those capabilities) or FAULT_SYSTEM: the process may then have
 * dropped a part, so end it.
 */
int priv_drop(const char *user, unsigned keep, struct fault *f);

/*
 * For a helper process that keeps its user: keeps the capabilities ${keep} of those it has, sets no_new_privs. 0, or -1 with
 * FAULT_SYSTEM.
 */
int priv_limit(unsigned keep, struct fault *f);

/*
 * Only the part that protects keys from other processes of the same user: no core dump, no
 * ptrace, no /proc/PID/mem. Every tool calls it at its start, before it reads a secret.
 */
void priv_hide(void);

#endif
