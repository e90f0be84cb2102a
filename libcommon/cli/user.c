#include "cli/user.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

bool
user_is_mapped(const char *map, unsigned long id)
{
	unsigned long first, outside, n;
	FILE *in = fopen(map, "re");
	bool found = false;

	if (in == NULL)
		return (true);		/* no user namespaces here: all there are */
	while (!found && fscanf(in, "%lu %lu %lu", &first, &outside, &n) == 3)
		found = id >= first && id - first < n;
	(void)fclose(in);
	return (found);
}

int
user_find(uid_t *uid, gid_t *gid, const char *name, struct fault *f)
{
	const struct passwd *pw;

	*uid = USER_NONE;
	*gid = GROUP_NONE;
	if (geteuid() != 0)
		return (name == NULL ? 0 : fault(f, FAULT_PERMISSION,
		    "--user %s: only root can become somebody else", name));
	if ((pw = getpwnam(name != NULL ? name : "nobody")) == NULL)
		return (name == NULL ? 0 : fault(f, FAULT_CONFIG, "--user %s: there is no such user",
		    name));
	if (pw->pw_uid == 0)
		return (0);
	if (!user_is_mapped("/proc/self/uid_map", pw->pw_uid) ||
	    !user_is_mapped("/proc/self/gid_map", pw->pw_gid))
		return (name == NULL ? 0 : fault(f, FAULT_CONFIG,
		    "--user %s: this user namespace does not have that user", name));
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return (0);
}
