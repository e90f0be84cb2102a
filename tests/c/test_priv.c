/* Dropping privileges and the sandbox, each in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/landlock.h"
#include "os/priv.h"
#include "os/sandbox.h"

#define SKIP_IT	77
#define CHECK(x) check((x), #x, __LINE__)

static void
check(bool ok, const char *what, int line)
{
	if (ok)
		return;
	(void)fprintf(stderr, "line %d: %s\n", line, what);
	_exit(1);
}

/* The wait status of ${act} run in a child. */
static int
status_of(void (*act)(void))
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	if ((pid = fork()) == 0) {
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (status);
}

static void
runs_well(void (*act)(void))
{
	int status = status_of(act);

	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP_IT) {
		print_message("SKIPPED: not on this machine or in this build\n");
		skip();
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("status 0x%x", (unsigned)status);
}

static long
status_line(const char *key)
{
	char line[200];
	unsigned long v = 0;
	FILE *in = fopen("/proc/thread-self/status", "re");

	CHECK(in != NULL);
	while (fgets(line, sizeof(line), in) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			v = strtoul(line + strlen(key) + 1, NULL, 16);
	(void)fclose(in);
	return ((long)v);
}

/* Whether we are root and may become somebody else: not in a user namespace of one user. */
static bool
rules_over(unsigned long uid)
{
	unsigned long first = 0, outside, n = 0;
	FILE *in = fopen("/proc/self/uid_map", "re");
	bool yes = geteuid() == 0;

	if (in != NULL) {
		yes = yes && fscanf(in, "%lu %lu %lu", &first, &outside, &n) == 3 && uid - first < n;
		(void)fclose(in);
	}
	return (yes);
}

static void
drop_as_root(void)
{
	struct fault f = {0};

	if (!rules_over(65534))
		_exit(SKIP_IT);
	CHECK(priv_drop(NULL, PRIV_NET_ADMIN, &f) == 1);
	CHECK(getuid() != 0 && geteuid() != 0 && getegid() != 0 && getgroups(0, NULL) <= 1);
	CHECK(setuid(0) == -1);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(status_line("CapPrm:") == 1 << 12 && status_line("CapEff:") == 1 << 12);
	CHECK(status_line("CapBnd:") == 0 && status_line("CapInh:") == 0 && status_line("CapAmb:") == 0);
	CHECK(socket(AF_INET, SOCK_RAW, 50) == -1);
}

static void
drop_by_name(void)
{
	struct fault f = {0};

	if (!rules_over(12345))
		_exit(SKIP_IT);
	CHECK(priv_drop("no-such-user-here", 0, &f) == -1 && f.code == FAULT_CONFIG);
	CHECK(geteuid() == 0);
	CHECK(priv_drop("12345", 0, &f) == 1);
	CHECK(getuid() == 12345 && getgid() == 12345 && status_line("CapPrm:") == 0);
	CHECK(priv_drop("0", 0, &f) == -1 && f.code == FAULT_PERMISSION);
	CHECK(priv_drop(NULL, 0, &f) == 0);
}

/* Root of a container: it cannot become somebody else, and drops all that it does not need. */
static void
drop_in_a_container(void)
{
	struct fault f = {0};

	if (geteuid() != 0 || capng_get_caps_process() != 0 || capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) != 1)
		_exit(SKIP_IT);
	capng_clear(CAPNG_SELECT_CAPS);
	(void)capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW, -1);
	CHECK(capng_apply(CAPNG_SELECT_CAPS) == 0);
	CHECK(priv_drop("12345", 0, &f) == -1 && (f.code == FAULT_PERMISSION || f.code == FAULT_CONFIG));
	CHECK(priv_drop(NULL, PRIV_NET_RAW, &f) == 0);
	CHECK(getuid() == 0 && status_line("CapPrm:") == 1 << 13 && status_line("CapEff:") == 1 << 13);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void
drop_in_a_namespace(void)
{
	struct fault f = {0};
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWUSER) != 0)
		_exit(SKIP_IT);
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	CHECK(fd != -1 && write(fd, "0 0 1\n", 6) == 6);
	(void)close(fd);
	/* The user nobody does not exist here: keep the uid, drop all else. */
	CHECK(priv_drop("nobody", 0, &f) == -1 && f.code == FAULT_CONFIG);
	CHECK(priv_drop(NULL, PRIV_NET_RAW, &f) == 0);
	CHECK(getuid() == 0 && status_line("CapPrm:") == 1 << 13);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void
drops_to_nobody(void **state)
{
	(void)state;
	runs_well(drop_as_root);
}

static void
drops_as_root_of_a_container(void **state)
{
	(void)state;
	runs_well(drop_in_a_container);
}

static void
drops_to_a_named_user(void **state)
{
	(void)state;
	runs_well(drop_by_name);
}

static void
keeps_its_uid_where_nobody_is_not_mapped(void **state)
{
	(void)state;
	runs_well(drop_in_a_namespace);
}

static void
enter(enum sandbox profile)
{
	struct fault f = {0};
	int r = sandbox_enter(profile, &f);

	if (r == 1)
		_exit(SKIP_IT);
	if (r != 0)
		(void)fprintf(stderr, "%s\n", f.what);
	CHECK(r == 0);
}

static void
compute(void)
{
	uint8_t key[32] = {0}, iv[12] = {0}, out[64];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	EVP_PKEY *pk;
	int n;

	CHECK(RAND_bytes(key, sizeof(key)) == 1);
	CHECK(c != NULL && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, iv) == 1);
	CHECK(EVP_EncryptUpdate(c, out, &n, key, 32) == 1 && n == 32);
	EVP_CIPHER_CTX_free(c);
	CHECK((pk = EVP_PKEY_Q_keygen(NULL, NULL, "X25519")) != NULL);
	EVP_PKEY_free(pk);
	free(malloc(1 << 20));
}

static void
filter_works(void)
{
	char b[8];
	int fd;

	CHECK((fd = open("/dev/zero", O_RDONLY | O_CLOEXEC)) != -1);
	enter(SANDBOX_FILTER);
	compute();
	CHECK(read(fd, b, 8) == 8);
	(void)close(fd);
	CHECK(fprintf(stderr, "%s", "") == 0 && isatty(2) >= 0);
	CHECK(open("/tmp/sapipe-test-sandbox", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) == -1 &&
	    errno == EPERM);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM);
	CHECK(socket(AF_INET, SOCK_DGRAM, 0) == -1 && errno == EPERM);
	CHECK(fork() == -1 && (errno == EPERM || errno == ENOSYS));
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED && errno == EPERM);
	CHECK(unlink("/tmp/sapipe-test-sandbox") == -1 && errno == EPERM);
}

static void
filter_exec(void)
{
	enter(SANDBOX_FILTER);
	(void)execl("/bin/true", "true", (char *)NULL);
}

static void
negotiator_unshare(void)
{
	enter(SANDBOX_NEGOTIATOR);
	(void)unshare(CLONE_NEWNS);
}

static void
negotiator_works(void)
{
	enter(SANDBOX_NEGOTIATOR);
	compute();
	CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) != -1);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM);
	CHECK(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EPERM);
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == EPERM);
	CHECK(fork() == -1);
}

static void
datapath_works(void)
{
	enter(SANDBOX_DATAPATH);
	compute();
	CHECK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) != -1);
	CHECK(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == EPERM);
}

/* --- the file system: Landlock */

static char kept[] = "/tmp/sapipe-kept-XXXXXX";

/* The errno of the open of ${path}; 0: it is open. */
static int
try_open(const char *path, int how)
{
	int fd = open(path, how | O_CLOEXEC, 0600);

	if (fd == -1)
		return (errno);
	(void)close(fd);
	return (0);
}

static void
filter_opens_nothing(void)
{
	enter(SANDBOX_FILTER);
	CHECK(try_open("/etc/passwd", O_RDONLY) == EACCES);
	CHECK(try_open("/", O_RDONLY | O_DIRECTORY) == EACCES);
}

static void
reader_only_reads(void)
{
	enter(SANDBOX_READER);
	CHECK(try_open("/etc/passwd", O_RDONLY) == 0);
	CHECK(try_open("/tmp/sapipe-test-sandbox", O_WRONLY | O_CREAT) == EPERM);
}

static void
negotiator_is_closed_in(void)
{
	enter(SANDBOX_NEGOTIATOR);
	CHECK(try_open("/etc/passwd", O_RDONLY) == EACCES);
	CHECK(try_open("/tmp/sapipe-test-sandbox", O_WRONLY | O_CREAT) == EACCES);
	CHECK(unlink(kept) == -1 && mkdir("/tmp/sapipe-test-sandbox", 0700) == -1 && errno == EACCES);
	CHECK(try_open("/proc/net/udp", O_RDONLY) == 0);
}

/* The keeper of claims, in its directory. */
static void
keeper_keeps_its_directory(void)
{
	struct fault f = {0};
	int dir = open(kept, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	CHECK(dir != -1 && sandbox_enter_dir(SANDBOX_NEGOTIATOR, dir, &f) == 0);
	fd = openat(dir, "a", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd != -1 && write(fd, "a", 1) == 1 && close(fd) == 0);
	CHECK(renameat(dir, "a", dir, "b") == 0 && unlinkat(dir, "b", 0) == 0);
	CHECK(openat(dir, "../sapipe-test-sandbox", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) == -1 && errno == EACCES);
	CHECK(try_open("/etc/passwd", O_RDONLY) == EACCES);
}

static void
close_the_file_system(void **state)
{
	(void)state;
	if (landlock_version() == 0) {
		print_message("SKIPPED: this kernel has no Landlock\n");
		skip();
	}
	assert_non_null(mkdtemp(kept));
	runs_well(filter_opens_nothing);
	runs_well(reader_only_reads);
	runs_well(negotiator_is_closed_in);
	runs_well(keeper_keeps_its_directory);
	assert_int_equal(rmdir(kept), 0);
}

static void
sandboxes_let_each_kind_of_tool_work(void **state)
{
	(void)state;
	runs_well(filter_works);
	runs_well(negotiator_works);
	runs_well(datapath_works);
}

static void
sandboxes_end_what_was_taken_over(void **state)
{
	void (*const acts[])(void) = { filter_exec, negotiator_unshare };
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < 2; i++) {
		status = status_of(acts[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP_IT) {
			print_message("SKIPPED: no seccomp here or in this build\n");
			skip();
		}
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_to_nobody),
		cmocka_unit_test(drops_as_root_of_a_container),
		cmocka_unit_test(drops_to_a_named_user),
		cmocka_unit_test(keeps_its_uid_where_nobody_is_not_mapped),
		cmocka_unit_test(sandboxes_let_each_kind_of_tool_work),
		cmocka_unit_test(sandboxes_end_what_was_taken_over),
		cmocka_unit_test(close_the_file_system),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
