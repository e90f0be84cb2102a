/* The rules of Landlock, by the version of the kernel's interface. */
#include "os/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The rights by version: a kernel rejects those that it does not know. */
#define RIGHTS_1	((UINT64_C(1) << 13) - 1)		/* from EXECUTE to MAKE_SYM */
#define RIGHTS_2	(RIGHTS_1 | UINT64_C(1) << 13)		/* REFER */
#define RIGHTS_3	(RIGHTS_2 | UINT64_C(1) << 14)		/* TRUNCATE */
#define RIGHTS_5	(RIGHTS_3 | UINT64_C(1) << 15)		/* IOCTL_DEV */

#define READ	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* No program is run, and no device, FIFO or symbolic link created. */
#define CHANGE	(READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
	LANDLOCK_ACCESS_FS_MAKE_SOCK | UINT64_C(1) << 14)

int
landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return (v > 0 ? (int)v : 0);
}

static uint64_t
rights(int version)
{
	return (version >= 5 ? RIGHTS_5 : version >= 3 ? RIGHTS_3 : version == 2 ? RIGHTS_2 : RIGHTS_1);
}

/* 0 also if there is no such place. */
static int
add(int rules, uint64_t known, const struct landlock_place *p)
{
	struct landlock_path_beneath_attr a = { .parent_fd = p->fd,
	    .allowed_access = (p->may == LANDLOCK_MAY_CHANGE ? CHANGE : READ) & known };
	int rc, keep;

	if (p->path != NULL && (a.parent_fd = open(p->path, O_PATH | O_CLOEXEC)) == -1)
		return (0);
	rc = (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	keep = errno;
	if (p->path != NULL)
		(void)close(a.parent_fd);
	errno = keep;
	return (rc);
}

int
landlock_enter(const struct landlock_place *p, size_t n, struct fault *f)
{
	int version = landlock_version(), rules, rc = -1, keep;
	struct landlock_ruleset_attr a = { .handled_access_fs = rights(version) };
	size_t i;

	if (version == 0)
		return (1);
	/* The first version of the structure has this one member, and every kernel accepts it. */
	rules = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a.handled_access_fs), 0);
	if (rules != -1) {
		for (i = 0, rc = 0; i < n && rc == 0; i++)
			rc = add(rules, a.handled_access_fs, &p[i]);
		if (rc == 0 && (rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) == 0)
			rc = (int)syscall(SYS_landlock_restrict_self, rules, 0);
		keep = errno;
		(void)close(rules);
		errno = keep;
	}
	if (rc != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot close the file system with Landlock"));
	return (0);
}
