/* The directory of shared ports: each network namespace has its own, and the ones that nothing uses are removed meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/rundir.h"
#include "port/port_dir.h"

#define PROCESSES	6
#define TIMES		400

/* Opens and closes the directory of a namespace of its own again and again. The exit status: 0, or what failed. */
static int
again_and_again(void)
{
	char path[PORT_DIR];
	int fd;

	if (unshare(CLONE_NEWNET) != 0)
		return (77);
	for (int i = 0; i < TIMES; i++) {
		if ((fd = port_dir_open(path)) == -1) {
			(void)fprintf(stderr, "time %d: errno %d\n", i, errno);
			return (1);
		}
		(void)close(fd);
	}
	return (0);
}

/* A tool that got no directory here used another kind of name than its neighbours, and was not found. */
static void
none_is_removed_under_our_hands(void **state)
{
	pid_t pid[PROCESSES];
	int status;

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		assert_int_not_equal(pid[i], -1);
		if (pid[i] == 0)
			_exit(again_and_again());
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* With the umask of a cautious administrator the directory that all share was closed to other users. */
static void
the_umask_does_not_narrow_a_mode(void **state)
{
	char dir[] = "/tmp/rundir-XXXXXX";
	struct stat st;
	mode_t old;
	int at, fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(at, -1);
	old = umask(077);
	fd = rundir_own(at, "shared", 0755);
	(void)umask(old);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	(void)close(fd);
	assert_int_equal(unlinkat(at, "shared", AT_REMOVEDIR), 0);
	(void)close(at);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_umask_does_not_narrow_a_mode),
		cmocka_unit_test(none_is_removed_under_our_hands),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
