/* The file of leases: kept across processes, hostile content, torn writes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/lease_store.h"

static char dir[64], path[80];

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/sapipe-leases-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/leases", dir);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)rmdir(dir);
	return (0);
}

/* A gateway with a pool of ${net}, and the leases of the file. */
struct gate {
	struct ike_policy	 policy;
	struct lease_store	*store;
	size_t			 damaged;
	struct fault		 f;
};

static void
gate_open(struct gate *g, const char *net, uint64_t epoch)
{
	struct selector range;

	*g = (struct gate){0};
	assert_int_equal(selector_parse(&range, net), 0);
	g->policy.pool = pool_new(&range, NULL);
	assert_non_null(g->policy.pool);
	pool_set_lease_time(g->policy.pool, 1000);
	g->store = lease_store_open(dir, &(struct ike_conf){ .policies = &g->policy, .n_policies = 1 }, epoch, &g->damaged, &g->f);
}

static void
gate_close(struct gate *g)
{
	lease_store_close(g->store);
	pool_free(g->policy.pool);
}

static const char *
lease(struct gate *g, uint64_t epoch, const char *owner)
{
	static char text[ADDR_TEXT];
	const struct addr none = {0};
	struct addr got;

	assert_int_equal(pool_lease(g->policy.pool, epoch, owner, "there", &none, &got, &g->f), 0);
	return (addr_text(text, &got));
}

static void
leases_are_kept_until_they_expire(void **state)
{
	struct gate g;

	(void)state;
	gate_open(&g, "10.3.0.0/28", 5000);
	assert_non_null(g.store);
	assert_string_equal(lease(&g, 5000, "alice"), "10.3.0.1");
	assert_string_equal(lease(&g, 5000, "CN=bob smith, O=50%\x80"), "10.3.0.2");
	assert_string_equal(lease(&g, 5500, "carol"), "10.3.0.3");
	gate_close(&g);
	gate_open(&g, "10.3.0.0/28", 6001);	/* the first two have expired */
	assert_non_null(g.store);
	assert_int_equal(g.damaged, 0);
	assert_string_equal(lease(&g, 6001, "dave"), "10.3.0.1");
	assert_string_equal(lease(&g, 6001, "carol"), "10.3.0.3");
	assert_string_equal(lease(&g, 6001, "CN=bob smith, O=50%\x80"), "10.3.0.2");
	gate_close(&g);
	gate_open(&g, "10.3.0.0/24", 6002);	/* a larger network */
	assert_string_equal(lease(&g, 6002, "erin"), "10.3.0.4");
	assert_string_equal(lease(&g, 6002, "CN=bob smith, O=50%\x80"), "10.3.0.2");
	assert_string_equal(lease(&g, 6002, "dave"), "10.3.0.1");
	gate_close(&g);
}

/* The process that had them was killed: what it wrote counts. */
static void
a_process_that_dies_loses_none(void **state)
{
	struct gate g;
	struct fault f;
	struct stat st;

	(void)state;
	gate_open(&g, "10.3.0.0/28", 5000);
	(void)lease(&g, 5000, "alice");
	assert_string_equal(lease(&g, 5000, "bob"), "10.3.0.2");
	assert_int_equal(lease_store_sync(g.store, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3 * LEASE_LINE);
	assert_int_equal(st.st_mode & 0777, 0600);
	(void)lease(&g, 5001, "alice");		/* the same line again */
	assert_int_equal(lease_store_sync(g.store, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3 * LEASE_LINE);
	gate_close(&g);
	gate_open(&g, "10.3.0.0/28", 5002);
	assert_string_equal(lease(&g, 5002, "bob"), "10.3.0.2");
	gate_close(&g);
}

/* One line of the file is replaced by ${text}, padded. */
static void
put_line(unsigned at, const char *text)
{
	char line[LEASE_LINE];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	memset(line, ' ', sizeof(line));
	memcpy(line, text, strlen(text));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(pwrite(fd, line, sizeof(line), (off_t)at * LEASE_LINE), sizeof(line));
	(void)close(fd);
}

static void
damaged_lines_are_forgotten(void **state)
{
	static const char *const bad[] = {
		"10.3.0.1 5000 00000000 alice", "10.3.0.1 5000 alice", "10.3.0.999 5000 00000000 alice", "x",
		"10.3.0.1 99999999999999999999999 00000000 alice", "10.3.0.1 -1 00000000 alice", "10.3.0.1 5000 811c9dc5 %00",
		"10.3.0.1 5000 811c9dc5 %zz", "fe80::1%lo 5000 00000000 alice",
	};
	struct gate g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)unlink(path);
		gate_open(&g, "10.3.0.0/28", 5000);
		(void)lease(&g, 5000, "alice");
		assert_string_equal(lease(&g, 5000, "bob"), "10.3.0.2");
		gate_close(&g);
		put_line(1, bad[i]);
		gate_open(&g, "10.3.0.0/28", 5000);
		assert_non_null(g.store);
		assert_int_equal(g.damaged, 1);
		assert_string_equal(lease(&g, 5000, "bob"), "10.3.0.2");
		assert_string_equal(lease(&g, 5000, "carol"), "10.3.0.1");
		gate_close(&g);
		gate_open(&g, "10.3.0.0/28", 5000);	/* carol's line is where the damaged one was */
		assert_int_equal(g.damaged, 0);
		assert_string_equal(lease(&g, 5000, "carol"), "10.3.0.1");
		gate_close(&g);
	}
}

/* Each length of the file, and each byte of a line changed. */
static void
torn_files_are_recovered(void **state)
{
	struct gate g;
	off_t size;
	char c;
	int fd;

	(void)state;
	for (size = 3 * LEASE_LINE - 1; size >= 0; size -= size > 2 * LEASE_LINE - 40 && size < 2 * LEASE_LINE + 40 ? 1 : 97) {
		(void)unlink(path);
		gate_open(&g, "10.3.0.0/28", 5000);
		(void)lease(&g, 5000, "alice");
		(void)lease(&g, 5000, "bob");
		gate_close(&g);
		assert_int_equal(truncate(path, size), 0);
		gate_open(&g, "10.3.0.0/28", 5000);
		if (size > 0 && size < LEASE_LINE) {	/* not even the head */
			assert_null(g.store);
			assert_int_equal(g.f.code, FAULT_MALFORMED);
		} else {
			assert_non_null(g.store);
			assert_int_equal(g.damaged, size % LEASE_LINE != 0);
			assert_string_equal(lease(&g, 5000, size >= 2 * LEASE_LINE ? "alice" : "carol"), "10.3.0.1");
		}
		gate_close(&g);
	}
	for (size = 0; size < 40; size++) {
		(void)unlink(path);
		gate_open(&g, "10.3.0.0/28", 5000);
		(void)lease(&g, 5000, "alice");
		gate_close(&g);
		fd = open(path, O_RDWR);
		assert_int_equal(pread(fd, &c, 1, LEASE_LINE + size), 1);
		c ^= 2;
		assert_int_equal(pwrite(fd, &c, 1, LEASE_LINE + size), 1);
		(void)close(fd);
		gate_open(&g, "10.3.0.0/28", 5000);
		assert_non_null(g.store);
		assert_int_equal(g.damaged, 1);
		gate_close(&g);
	}
}

static void
what_is_no_file_of_leases_is_refused(void **state)
{
	struct gate g, second;

	(void)state;
	put_line(0, "# something else");
	gate_open(&g, "10.3.0.0/28", 5000);
	assert_null(g.store);
	assert_int_equal(g.f.code, FAULT_MALFORMED);
	gate_close(&g);
	(void)unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	gate_open(&g, "10.3.0.0/28", 5000);
	assert_null(g.store);
	gate_close(&g);
	(void)unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	gate_open(&g, "10.3.0.0/28", 5000);
	assert_null(g.store);
	gate_close(&g);
	(void)unlink(path);
	gate_open(&g, "10.3.0.0/28", 5000);
	assert_non_null(g.store);
	gate_open(&second, "10.3.0.0/28", 5000);	/* while another process has it */
	assert_null(second.store);
	assert_int_equal(second.f.code, FAULT_CLAIMED);
	gate_close(&second);
	gate_close(&g);
	assert_int_equal(chmod(dir, 0777), 0);
	gate_open(&g, "10.3.0.0/28", 5000);
	assert_null(g.store);
	assert_int_equal(g.f.code, FAULT_CONFIG);
	gate_close(&g);
	assert_int_equal(chmod(dir, 0700), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(leases_are_kept_until_they_expire, setup, teardown),
		cmocka_unit_test_setup_teardown(a_process_that_dies_loses_none, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_lines_are_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_files_are_recovered, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_file_of_leases_is_refused, setup, teardown),
	};

	return (cmocka_run_group_tests_name("lease store", tests, NULL, NULL));
}
