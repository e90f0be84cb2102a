/*
 * Giving up what a tool needs no more, once it has opened its devices, ports and
 * directories: another user, few capabilities, no way back, no core dump.
 */
#ifndef SAPIPE_OS_PRIV_H
#define SAPIPE_OS_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

#define PRIV_NET_ADMIN	1u	/* routes, TUN settings, SO_MARK */
#define PRIV_NET_RAW	2u	/* raw sockets made later */
#define PRIV_NET_BIND	4u	/* ports below 1024 bound later */

/*
 * Whom priv_drop(${user}) will become: 1 with ${*uid} and ${*gid}, 0 if we stay who we are (both are
 * then -1), or -1 as there. For handing files over before.
 */
int priv_user(const char *user, uid_t *uid, gid_t *gid, struct fault *f);

/*
 * Becomes ${user} (a name or a number; NULL: nobody if we are root, else nobody new) with
 * its group and no other, keeps the capabilities ${keep} of those it has, sets no_new_privs,
 * makes itself undumpable. The user change is left out where ${user} is NULL and the uid is
 * not mapped in this user namespace. From then on SO_PEERCRED, files and /proc show the new
 * user. Safe to call once, from a process of one thread.
 *
 * Returns 1 if the user changed, 0 if not, -1 with FAULT_CONFIG (no such user, or not mapped
 * here), FAULT_PERMISSION (${user} needs root) or FAULT_SYSTEM: then the process may be half
 * way, so end it.
 */
int priv_drop(const char *user, unsigned keep, struct fault *f);

/*
 * Only the part that protects keys from others of the same user: no core dump, no
 * ptrace, no /proc/PID/mem. For the start of every tool, before any secret is read.
 */
void priv_hide(void);

#endif
