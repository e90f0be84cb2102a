/* The user that a tool started by root becomes once all is open. */
#ifndef SAPIPE_CLI_USER_H
#define SAPIPE_CLI_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

#define USER_NONE	((uid_t)-1)
#define GROUP_NONE	((gid_t)-1)

/*
 * ${*uid} and ${*gid} of user ${name}. Without a name: nobody for root, and USER_NONE (stay who we
 * are) for everyone else, where there is no such user, and in a user namespace that does not map it.
 * 0, or -1: FAULT_PERMISSION (not root), FAULT_CONFIG (a name that does not exist or is not mapped).
 */
int user_find(uid_t *uid, gid_t *gid, const char *name, struct fault *f);

/* Whether ${id} is in the map file ("/proc/self/uid_map" and the like) of a user namespace. */
bool user_is_mapped(const char *map, unsigned long id);

#endif
