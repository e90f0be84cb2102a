/* Drops privileges. */
#include "os/priv.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define OWN_USER	"sapipe"	/* as other users, it has no process that could signal ours */
#define NOBODY		65534

static const struct { unsigned flag; unsigned cap; } caps[] = {
	{ PRIV_NET_ADMIN, CAP_NET_ADMIN },
	{ PRIV_NET_RAW, CAP_NET_RAW },
	{ PRIV_NET_BIND, CAP_NET_BIND_SERVICE },
	{ PRIV_READ_ANY, CAP_DAC_READ_SEARCH },
};

void
priv_hide(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Whether ${id} means anything in this user namespace, by its ${map} file. */
static bool
is_mapped(const char *map, unsigned long id)
{
	unsigned long first, outside, n;
	FILE *in = fopen(map, "re");
	bool found = false;

	if (in == NULL)
		return (true);	/* no /proc: let the kernel answer */
	while (!found && fscanf(in, "%lu %lu %lu", &first, &outside, &n) == 3)
		found = id >= first && id - first < n;
	(void)fclose(in);
	return (found);
}

/* 1 found, 0 there is none. */
static int
find_user(const char *user, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw;
	unsigned long n;
	char *end;

	if ((pw = getpwnam(user)) != NULL) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		return (1);
	}
	n = strtoul(user, &end, 10);
	if (user[0] < '0' || user[0] > '9' || *end != '\0' || n >= UINT32_MAX)
		return (0);
	pw = getpwuid((uid_t)n);
	*uid = (uid_t)n;
	*gid = pw != NULL ? pw->pw_gid : (gid_t)n;
	return (1);
}

static int
change_user(const char *name, uid_t uid, gid_t gid, struct fault *f)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
	    /* A user namespace may forbid setgroups; its groups are our own then. */
	    (setgroups(1, &gid) != 0 && errno != EPERM) ||
	    setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot become user %s", name));
	(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	return (0);
}

/* Limits what a program that we run could regain; needs CAP_SETPCAP, so it runs before the user changes. */
static void
drop_bounds(void)
{
	unsigned long cap;

	for (cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
}

static int
keep_caps(unsigned keep, struct fault *f)
{
	size_t i;

	if (capng_get_caps_process() != 0)
		return (fault(f, FAULT_SYSTEM, "cannot read our capabilities"));
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (capng_have_capability(CAPNG_PERMITTED, caps[i].cap) != 1)
			keep &= ~caps[i].flag;
	capng_clear(CAPNG_SELECT_CAPS);
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if ((keep & caps[i].flag) != 0)
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, caps[i].cap);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot drop capabilities"));
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return (0);
}

/* Root of a container may lack them. */
static bool
may_change_user(void)
{
	return (capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) == 1 &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID) == 1);
}

int
priv_user(const char *user, uid_t *uid, gid_t *gid, struct fault *f)
{
	uid_t to = NOBODY;
	gid_t to_group = NOBODY;
	bool found, mapped;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	found = find_user(user != NULL ? user : OWN_USER, &to, &to_group) == 1 ||
	    (user == NULL && find_user("nobody", &to, &to_group) == 1);
	mapped = is_mapped("/proc/self/uid_map", to) && is_mapped("/proc/self/gid_map", to_group);
	if (user != NULL && !found)
		return (fault(f, FAULT_CONFIG, "there is no user %s", user));
	if (user != NULL && to != geteuid()) {
		if (geteuid() != 0)
			return (fault(f, FAULT_PERMISSION, "only root can become user %s", user));
		if (!mapped)
			return (fault(f, FAULT_CONFIG, "user %s does not exist in this user namespace",
			    user));
		if (!may_change_user())
			return (fault(f, FAULT_PERMISSION, "to become user %s, root needs CAP_SETUID and CAP_SETGID",
			    user));
	}
	if (to == geteuid() || geteuid() != 0 || !mapped || !may_change_user())
		return (0);
	*uid = to;
	*gid = to_group;
	return (1);
}

static int
limit(unsigned keep, struct fault *f)
{
	if (keep_caps(keep, f) != 0)
		return (-1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot set no_new_privs"));
	return (0);
}

int
priv_limit(unsigned keep, struct fault *f)
{
	priv_hide();
	drop_bounds();
	return (limit(keep, f));
}

int
priv_drop(const char *user, unsigned keep, struct fault *f)
{
	char number[24];
	uid_t uid;
	gid_t gid;
	int change = priv_user(user, &uid, &gid, f);

	(void)snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
	priv_hide();
	if (change < 0)
		return (-1);
	drop_bounds();
	if (change && change_user(user != NULL ? user : number, uid, gid, f) != 0)
		return (-1);
	if (limit(keep, f) != 0)
		return (-1);
	/* Changing users made us dumpable again, or not, as the system is set up. */
	priv_hide();
	if (change && (setuid(0) == 0 || geteuid() != uid || getegid() != gid))
		return (fault(f, FAULT_SYSTEM, "still not user %s for good",
		    user != NULL ? user : number));
	return (change);
}
