/* SA state through pipes and files: slow readers, readers that leave, files that are cut. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "os/record_in.h"
#include "os/record_out.h"
#include "sa/codec.h"
#include "sa_sample.h"

static char dir[64];
static struct fault f;

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_sa_io.XXXXXX");
	return (mkdtemp(dir) == NULL || chdir(dir) != 0);
}

static unsigned
files(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(d);
	return (n);
}

static int
teardown(void **state)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	(void)state;
	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	return (chdir("/") != 0 || rmdir(dir) != 0);
}

/* An event whose text is ${n} in digits, padded so that records differ in length. */
static struct sa_rec
event(unsigned n)
{
	struct sa_rec r;

	sample_event(&r, false);
	(void)snprintf(r.event.text, sizeof(r.event.text), "%u %.*s", n, (int)(n % 200),
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	return (r);
}

static int
put(struct sa_out *o, unsigned n)
{
	struct sa_rec r = event(n);

	return (sa_out_put(o, &r, &f));
}

static size_t
encoded(unsigned n, uint8_t *buf)
{
	struct sa_rec r = event(n);
	struct secret s = {0};
	size_t len;

	assert_int_equal(sa_encode(&s, &r, &f), 0);
	memcpy(buf, s.p, len = s.len);
	secret_free(&s);
	return (len);
}

/* The next record is event ${n} of ${source}. */
static void
expect(struct sa_in *in, bool wait, unsigned source, unsigned n)
{
	struct sa_rec r;
	struct sa_in_at at;

	assert_int_equal(sa_in_next(in, wait, &r, &at, &f), 1);
	assert_int_equal(r.type, SA_EVENT);
	assert_int_equal(atoi(r.event.text), n);
	assert_int_equal(at.source, source);
	sa_rec_wipe(&r);
}

static void
expect_none(struct sa_in *in)
{
	struct sa_rec r;
	struct sa_in_at at;

	assert_int_equal(sa_in_next(in, false, &r, &at, &f), 0);
}

/* Standard output becomes ${fd} while a writer is opened on it. */
static struct sa_out *
out_on(int fd)
{
	int was = dup(STDOUT_FILENO);
	struct sa_out *o;

	(void)fflush(stdout);
	assert_true(was != -1 && dup2(fd, STDOUT_FILENO) != -1);
	o = sa_out_open(NULL, &f);
	assert_true(dup2(was, STDOUT_FILENO) != -1);
	(void)close(was);
	return (o);
}

static struct sa_in *
in_on(int fd)
{
	int was = dup(STDIN_FILENO);
	struct sa_in *in;

	assert_true(was != -1 && dup2(fd, STDIN_FILENO) != -1);
	in = sa_in_open(0, NULL, &f);
	assert_true(dup2(was, STDIN_FILENO) != -1);
	(void)close(was);
	return (in);
}

static void
write_file(const char *name, const void *p, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd != -1 && fchmod(fd, mode) == 0);
	assert_int_equal(write(fd, p, len), len);
	(void)close(fd);
}

static void
test_pipe(void **state)
{
	int p[2];
	struct sa_out *o;
	struct sa_in *in;

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_non_null(o = out_on(p[1]));
	(void)close(p[1]);
	assert_non_null(in = in_on(p[0]));
	(void)close(p[0]);
	expect_none(in);
	assert_int_equal(put(o, 1), 0);
	assert_int_equal(put(o, 2), 0);
	assert_int_equal(sa_out_pending(o), 0);
	expect(in, true, 0, 1);
	expect(in, false, 0, 2);
	expect_none(in);
	assert_false(sa_in_ended(in));
	assert_int_equal(sa_out_ready(o, &f), 0);
	sa_out_close(o);
	expect_none(in);
	assert_true(sa_in_ended(in));
	sa_in_close(in);
}

/* The writer never waits, and what it queued comes whole and in order. */
static void
test_slow_reader(void **state)
{
	int p[2], kind;
	struct sa_out *o;
	struct sa_in *in;
	unsigned n, got = 0;
	struct sa_rec r;
	struct sa_in_at at;

	for (kind = 0; kind < 2; kind++) {
		(void)state;
		if (kind == 0)
			assert_int_equal(pipe(p), 0);
		else
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
		assert_non_null(o = out_on(p[1]));
		assert_non_null(in = in_on(p[0]));
		for (n = 0; n < 1000 || !sa_out_wants_write(o); n++)
			assert_int_equal(put(o, n), 0);
		assert_true(sa_out_pending(o) > 0);
		assert_true(sa_out_fd(o) != -1);
		/* The flags of the description that others share are as they were. */
		assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
		for (got = 0; got < n;) {
			if (sa_in_next(in, false, &r, &at, &f) == 1) {
				assert_int_equal(atoi(r.event.text), got);
				got++;
			} else
				assert_int_equal(sa_out_ready(o, &f), 0);
		}
		assert_int_equal(sa_out_pending(o), 0);
		sa_out_close(o);
		sa_in_close(in);
		(void)close(p[0]);
		(void)close(p[1]);
		got = 0;
	}
}

static void
test_queue_is_bounded(void **state)
{
	int p[2];
	struct sa_out *o;
	unsigned n;

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_non_null(o = out_on(p[1]));
	for (n = 0; put(o, n) == 0; n++)
		assert_true(n < 20000);
	assert_int_equal(f.code, FAULT_READER_GONE);
	assert_true(sa_out_pending(o) <= SA_OUT_QUEUE);
	assert_int_equal(sa_out_drain(o, 20, &f), -1);
	sa_out_close(o);
	(void)close(p[0]);
	(void)close(p[1]);
}

/* Seen without writing anything, by a poll for reading. */
static void
test_reader_gone(void **state)
{
	int p[2], kind;
	struct sa_out *o;
	struct pollfd pfd;

	(void)state;
	for (kind = 0; kind < 2; kind++) {
		if (kind == 0)
			assert_int_equal(pipe(p), 0);
		else
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
		assert_non_null(o = out_on(p[1]));
		(void)close(p[1]);
		pfd = (struct pollfd){ .fd = sa_out_fd(o), .events = POLLIN };
		assert_int_equal(poll(&pfd, 1, 0), 0);
		assert_int_equal(sa_out_ready(o, &f), 0);
		(void)close(p[0]);
		assert_int_equal(poll(&pfd, 1, 1000), 1);
		assert_int_equal(sa_out_ready(o, &f), -1);
		assert_int_equal(f.code, FAULT_READER_GONE);
		assert_int_equal(put(o, 1), -1);
		assert_int_equal(f.code, FAULT_READER_GONE);
		sa_out_close(o);
	}
}

static void
test_terminal_is_refused(void **state)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), t = -1;

	(void)state;
	if (m == -1 || grantpt(m) != 0 || unlockpt(m) != 0 || ptsname(m) == NULL ||
	    (t = open(ptsname(m), O_RDWR | O_NOCTTY)) == -1)
		skip();
	assert_null(out_on(t));
	assert_int_equal(f.code, FAULT_USAGE);
	assert_non_null(strstr(f.what, "sa-show"));
	assert_null(sa_out_open(ptsname(m), &f));
	assert_int_equal(f.code, FAULT_USAGE);
	assert_null(in_on(t));
	assert_int_equal(f.code, FAULT_USAGE);
	(void)close(t);
	(void)close(m);
}

static void
test_file_appears_whole(void **state)
{
	struct sa_out *o;
	struct sa_in *in;
	struct stat st;
	char *names[] = { (char *)(uintptr_t)"x.sa" };

	(void)state;
	(void)umask(0);
	write_file("x.sa", "old", 3, 0644);
	assert_non_null(o = sa_out_open("x.sa", &f));
	assert_int_equal(sa_out_fd(o), -1);
	assert_int_equal(put(o, 1), 0);
	assert_int_equal(put(o, 2), 0);
	assert_int_equal(sa_out_drain(o, 0, &f), 0);
	assert_int_equal(stat("x.sa", &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(sa_out_commit(o, &f), 0);
	assert_int_equal(files(), 1);
	assert_int_equal(stat("x.sa", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(in = sa_in_open(1, names, &f));
	assert_int_equal(sa_in_wide_mode(in, 0), 0);
	expect(in, true, 0, 1);
	expect(in, true, 0, 2);
	expect_none(in);
	assert_true(sa_in_ended(in));
	sa_in_close(in);
	/* From now on a record a write. */
	assert_int_equal(put(o, 3), 0);
	assert_int_equal(sa_out_commit(o, &f), 0);
	assert_non_null(in = sa_in_open(1, names, &f));
	expect(in, true, 0, 1);
	expect(in, true, 0, 2);
	expect(in, true, 0, 3);
	sa_in_close(in);
	sa_out_close(o);
	(void)umask(022);
}

/* Each mode bit that lets another user read the keys is reported; files that we write have none. */
static void
test_wide_modes(void **state)
{
	static const mode_t modes[] = { 0644, 0640, 0604, 0620, 0602, 0610, 0601, 0777 };
	char *names[] = { (char *)(uintptr_t)"x.sa" };
	struct sa_in *in;

	(void)state;
	write_file("x.sa", "", 0, 0600);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod("x.sa", modes[i]), 0);
		assert_non_null(in = sa_in_open(1, names, &f));
		assert_int_equal(sa_in_wide_mode(in, 0), modes[i]);
		sa_in_close(in);
	}
	assert_int_equal(chmod("x.sa", 0700), 0);
	assert_non_null(in = sa_in_open(1, names, &f));
	assert_int_equal(sa_in_wide_mode(in, 0), 0);
	sa_in_close(in);
}

/* A link in place of the state file is replaced, and its target is not changed. */
static void
test_link_in_the_way(void **state)
{
	struct sa_out *o;
	struct stat st;

	(void)state;
	write_file("victim", "old", 3, 0644);
	assert_int_equal(symlink("victim", "x.sa"), 0);
	assert_non_null(o = sa_out_open("x.sa", &f));
	assert_int_equal(put(o, 1), 0);
	assert_int_equal(sa_out_commit(o, &f), 0);
	sa_out_close(o);
	assert_int_equal(lstat("x.sa", &st), 0);
	assert_true(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600);
	assert_int_equal(stat("victim", &st), 0);
	assert_true(st.st_size == 3 && (st.st_mode & 07777) == 0644);
}

static void
test_file_not_committed(void **state)
{
	struct sa_out *o;
	pid_t pid;
	int i, status;

	(void)state;
	write_file("x.sa", "old", 3, 0600);
	assert_non_null(o = sa_out_open("./x.sa", &f));
	assert_int_equal(put(o, 1), 0);
	assert_int_equal(files(), 2);
	sa_out_close(o);
	assert_int_equal(files(), 1);
	/* Nor when the tool is killed. */
	if ((pid = fork()) == 0) {
		o = sa_out_open("y.sa", &f);
		if (o == NULL || put(o, 1) != 0)
			_exit(1);
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (i = 0; files() != 1 && i < 500; i++)
		(void)usleep(2000);
	assert_int_equal(files(), 1);
}

/* Privileges dropped between open and commit: the rename still happens. */
static void
test_file_after_drop(void **state)
{
	struct sa_out *o;
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	if ((pid = fork()) == 0) {
		o = sa_out_open("x.sa", &f);
		if (o == NULL || setresgid(65534, 65534, 65534) != 0 ||
		    setresuid(65534, 65534, 65534) != 0)
			_exit(77);	/* not mapped in this namespace */
		if (put(o, 1) != 0 || sa_out_commit(o, &f) != 0 || put(o, 2) != 0)
			_exit(1);
		sa_out_close(o);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(files(), 1);
	assert_int_equal(access("x.sa", R_OK), 0);
}

static void
test_file_errors(void **state)
{
	(void)state;
	assert_null(sa_out_open("none/x.sa", &f));
	assert_int_equal(f.code, FAULT_SYSTEM);
	assert_int_equal(f.sys, ENOENT);
	assert_null(sa_out_open("/", &f));
	assert_int_equal(f.code, FAULT_USAGE);
	assert_null(sa_out_open("x/", &f));
	assert_int_equal(files(), 0);
}

/* A disk that fills up: the file keeps whole records, and the next may fit again. */
static void
test_file_full(void **state)
{
	struct sa_out *o;
	pid_t pid;
	int status;

	(void)state;
	if ((pid = fork()) == 0) {
		struct sigaction ign = { .sa_handler = SIG_IGN };
		char *names[] = { (char *)(uintptr_t)"x.sa" };
		struct sa_in *in;
		struct rlimit lim = { RLIM_INFINITY, RLIM_INFINITY };
		struct stat st;

		(void)sigaction(SIGXFSZ, &ign, NULL);
		if ((o = sa_out_open("x.sa", &f)) == NULL || put(o, 1) != 0 ||
		    sa_out_commit(o, &f) != 0 || stat("x.sa", &st) != 0)
			_exit(1);
		lim.rlim_cur = (rlim_t)st.st_size + 30;		/* a part of the next record */
		if (setrlimit(RLIMIT_FSIZE, &lim) != 0)
			_exit(2);
		if (put(o, 2) != -1 || f.code != FAULT_SYSTEM)
			_exit(3);
		if ((in = sa_in_open(1, names, &f)) == NULL)
			_exit(4);
		expect(in, true, 0, 1);
		expect_none(in);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_output_to_what_is_no_file(void **state)
{
	int p[2];
	char name[40];
	struct sa_out *o;
	struct sa_in *in;

	(void)state;
	assert_int_equal(pipe(p), 0);
	(void)snprintf(name, sizeof(name), "/dev/fd/%d", p[1]);
	assert_non_null(o = sa_out_open(name, &f));
	assert_true(sa_out_fd(o) != -1);
	assert_non_null(in = in_on(p[0]));
	assert_int_equal(put(o, 5), 0);
	expect(in, true, 0, 5);
	sa_in_close(in);
	sa_out_close(o);
	(void)close(p[0]);
	(void)close(p[1]);
	assert_non_null(o = sa_out_open("/dev/null", &f));
	assert_int_equal(sa_out_fd(o), -1);
	assert_int_equal(put(o, 5), 0);
	assert_int_equal(sa_out_commit(o, &f), 0);
	sa_out_close(o);
	assert_int_equal(access("/dev/null", W_OK), 0);
}

static void
test_several_sources(void **state)
{
	uint8_t a[2000], b[2000];
	size_t na = encoded(1, a), nb = encoded(2, b);
	char *names[] = { (char *)(uintptr_t)"a.sa", (char *)(uintptr_t)"fifo",
		(char *)(uintptr_t)"b.sa" };
	char *twice[] = { (char *)(uintptr_t)"-", (char *)(uintptr_t)"-" };
	struct sa_in *in;
	int fd;

	(void)state;
	na += encoded(7, a + na);
	write_file("a.sa", a, na, 0640);
	write_file("b.sa", b, nb, 0600);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_non_null(in = sa_in_open(3, names, &f));
	assert_int_equal(sa_in_sources(in), 3);
	assert_int_equal(sa_in_wide_mode(in, 0), 0640);
	assert_int_equal(sa_in_wide_mode(in, 2), 0);
	assert_string_equal(sa_in_name(in, 1), "fifo");
	expect(in, true, 0, 1);
	expect(in, true, 0, 7);
	expect(in, true, 2, 2);
	/* No writer has come yet: that is not the end. */
	expect_none(in);
	assert_false(sa_in_ended(in));
	assert_true((fd = open("fifo", O_WRONLY | O_NONBLOCK)) != -1);
	expect_none(in);
	/* In pieces. */
	assert_int_equal(write(fd, a, 10), 10);
	expect_none(in);
	assert_int_equal(write(fd, a + 10, na - 10), na - 10);
	expect(in, false, 1, 1);
	expect(in, false, 1, 7);
	expect_none(in);
	(void)close(fd);
	expect_none(in);
	assert_true(sa_in_ended(in));
	sa_in_close(in);
	assert_null(sa_in_open(2, twice, &f));
	assert_int_equal(f.code, FAULT_USAGE);
}

static void
test_bad_input(void **state)
{
	uint8_t a[2000];
	size_t n = encoded(1, a), n2 = encoded(2, a + n);
	char *names[] = { (char *)(uintptr_t)"cut.sa", (char *)(uintptr_t)"bad.sa",
		(char *)(uintptr_t)"good.sa" };
	char *missing[] = { (char *)(uintptr_t)"missing" };
	char *there[] = { (char *)(uintptr_t)"." };
	struct sa_in *in;
	struct sa_rec r;
	struct sa_in_at at;

	(void)state;
	write_file("good.sa", a, n + n2, 0600);
	write_file("cut.sa", a, n + n2 - 1, 0600);
	a[n + n2] = 0x80;
	write_file("bad.sa", a, n + n2 + 1, 0600);
	assert_non_null(in = sa_in_open(3, names, &f));
	expect(in, true, 0, 1);
	assert_int_equal(sa_in_next(in, true, &r, &at, &f), -1);
	assert_int_equal(f.code, FAULT_TRUNCATED);
	assert_int_equal(f.at, n);
	assert_string_equal(f.where, "cut.sa");
	expect(in, true, 1, 1);
	expect(in, true, 1, 2);
	assert_int_equal(sa_in_next(in, true, &r, &at, &f), -1);
	assert_int_equal(f.code, FAULT_BAD_RECORD);
	assert_int_equal(f.at, n + n2);
	assert_string_equal(f.where, "bad.sa");
	expect(in, true, 2, 1);
	expect(in, true, 2, 2);
	expect_none(in);
	assert_true(sa_in_ended(in));
	sa_in_close(in);
	assert_null(sa_in_open(1, missing, &f));
	assert_int_equal(f.code, FAULT_USAGE);
	assert_null(sa_in_open(1, there, &f));
	assert_int_equal(f.code, FAULT_USAGE);
}

/* A record of the greatest size, and one byte more, through a small pipe. */
static void
test_large_record(void **state)
{
	uint8_t *big = malloc(SA_REC_BYTES + 1);
	size_t n, len, fill, done;
	int extra, p[2];
	struct sa_in *in;
	struct sa_rec r;
	struct sa_in_at at;
	ssize_t w;
	int rc;

	(void)state;
	assert_non_null(big);
	for (extra = 0; extra < 2; extra++) {
		n = encoded(1, big);
		big[0]++;
		memcpy(big + n, "\x62zz\x59", 4);
		fill = (size_t)(SA_REC_BYTES + extra) - n - 6;
		put_be16(big + n + 4, (uint16_t)fill);
		memset(big + n + 6, 0x5a, fill);
		len = (size_t)(SA_REC_BYTES + extra);
		assert_int_equal(pipe2(p, O_NONBLOCK), 0);
		(void)fcntl(p[1], F_SETPIPE_SZ, 4096);
		assert_non_null(in = in_on(p[0]));
		rc = 0;
		for (done = 0; done < len && rc == 0;) {
			if ((w = write(p[1], big + done, len - done)) > 0)
				done += (size_t)w;
			rc = sa_in_next(in, false, &r, &at, &f);
		}
		if (rc == 0)
			rc = sa_in_next(in, false, &r, &at, &f);
		assert_int_equal(rc, extra == 0 ? 1 : -1);
		if (extra == 1)
			assert_int_equal(f.code, FAULT_TOO_LARGE);
		else
			assert_int_equal(at.raw.len, SA_REC_BYTES);
		sa_in_close(in);
		(void)close(p[0]);
		(void)close(p[1]);
	}
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_terminal_is_refused),
		cmocka_unit_test_setup_teardown(test_file_appears_whole, setup, teardown),
		{ "A26: state that others may read or write is told of", test_wide_modes, setup, teardown, NULL },
		{ "A26: a symbolic link in place of the state is not followed", test_link_in_the_way, setup, teardown, NULL },
		cmocka_unit_test_setup_teardown(test_file_not_committed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_after_drop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_full, setup, teardown),
		cmocka_unit_test(test_output_to_what_is_no_file),
		cmocka_unit_test_setup_teardown(test_several_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_input, setup, teardown),
		cmocka_unit_test(test_large_record),
	};
	struct sigaction ign = { .sa_handler = SIG_IGN };

	(void)secret_init();
	(void)sigaction(SIGPIPE, &ign, NULL);
	return (cmocka_run_group_tests_name("sa io", tests, NULL, NULL));
}
