/* Sessions of accounting, found in records: when they start, go on and end, and what is reported. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/account.h"

static char file[64];
static struct account *a;
static struct now now;

static void
open_account(const char *end, uint32_t interim_s)
{
	static char cmd[256];
	struct fault f = {0};
	int fd;

	(void)snprintf(file, sizeof(file), "/tmp/sapipe-account-XXXXXX");
	assert_int_not_equal(fd = mkstemp(file), -1);
	(void)close(fd);
	(void)snprintf(cmd, sizeof(cmd), "x=$(tr '\\0' ' ' <&3); echo \"$x\" >>%s; %s", file, end);
	assert_non_null(a = account_open(cmd, interim_s, &f));
	now = (struct now){ .ms = 1000000, .epoch = 1700000000 };
}

static void
close_account(void)
{
	account_close(a);
	a = NULL;
	(void)unlink(file);
}

/* The ends of ${n} commands, which all have ${status}. */
static void
ends(size_t n, uint8_t status)
{
	struct pollfd p = { .fd = account_fd(a), .events = POLLIN };
	uint8_t is;
	bool again;
	int rc;

	while (n > 0) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		assert_int_not_equal(rc = account_next(a, &is, &again), -1);
		if (rc == 1) {
			assert_int_equal(is, status);
			n--;
		}
	}
	assert_int_equal(poll(&p, 1, 50), 0);
}

/* The reports so far that have ${what} in them. */
static size_t
reports(const char *what)
{
	FILE *fp = fopen(file, "r");
	char line[4096];
	size_t n = 0;

	assert_non_null(fp);
	while (fgets(line, sizeof(line), fp) != NULL)
		n += strstr(line, what) != NULL;
	(void)fclose(fp);
	return (n);
}

static void
later(uint64_t s)
{
	now.ms += s * 1000;
	now.epoch += s;
	account_timeout(a, now, NULL);
}

static void
login(uint8_t number, uint32_t interim_s)
{
	struct login_answer l = { .login = { .verdict = IKE_LOGIN_YES }, .interim_s = interim_s, .account_len = 2,
	    .account = { 0xab, number } };
	const uint8_t id[16] = { number };

	account_login(a, now, id, &l);
}

static void
ike(uint8_t number, const char *user, uint8_t host)
{
	struct sa_rec *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->type = SA_IKE;
	r->ike.spi_i[0] = number;
	r->ike.remote.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, host });
	(void)snprintf(r->ike.xauth_user, sizeof(r->ike.xauth_user), "%s", user);
	(void)snprintf(r->ike.xauth_status, sizeof(r->ike.xauth_status), "ok");
	account_record(a, now, r);
	account_settle(a, now, NULL);
	free(r);
}

static void
child(uint8_t number, uint8_t spi)
{
	struct sa_rec *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->type = SA_CHILD;
	r->child.ike[0] = number;
	r->child.spi_in[3] = spi;
	account_record(a, now, r);
	account_settle(a, now, NULL);
	free(r);
}

static void
gone(uint8_t number, uint8_t spi, enum sa_reason reason)
{
	struct sa_rec *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->type = SA_DELETE;
	r->del.has_ike = true;
	r->del.has_protocol = r->del.has_spi_in = spi != 0;
	r->del.ike[0] = number;
	r->del.spi_in[3] = spi;
	r->del.reason = reason;
	account_record(a, now, r);
	account_settle(a, now, NULL);
	free(r);
}

static void
counted(uint8_t spi, enum sa_event_kind what, uint64_t bytes)
{
	const struct sa_event ev = { .what = what, .has_spi_in = true, .spi_in = { 0, 0, 0, spi }, .has_count = true,
	    .bytes_in = bytes, .packets_in = 1 };

	account_traffic(a, now, &ev);
}

/* Each session is reported once, whatever it consists of. */
static void
from_start_to_stop(void **state)
{
	(void)state;
	open_account("exit 0", 0);
	login(1, 0);
	assert_int_equal(account_count(a), 0);
	ike(1, "alice", 1);
	assert_int_equal(account_count(a), 0);
	child(1, 7);
	assert_int_equal(account_count(a), 1);
	ends(1, 0);
	child(1, 7);		/* the same again, for both directions */
	gone(1, 0, SA_REASON_REPLACED);
	later(100000);
	child(1, 9);		/* of an IKE SA that is gone: not ours */
	gone(1, 9, SA_REASON_DELETED);
	assert_int_equal(account_count(a), 1);
	gone(1, 7, SA_REASON_DEAD);
	assert_int_equal(account_count(a), 0);
	ends(1, 0);
	assert_int_equal(reports(""), 2);
	assert_int_equal(reports("event=start time=1700000000 session="), 1);
	assert_int_equal(reports(" user=alice remote=192.0.2.1 account=ab01 \n"), 1);
	assert_int_equal(reports("event=stop time=1700100000 session="), 1);
	assert_int_equal(reports(" seconds=100000 cause=lost-service \n"), 1);
	/* a login of which nothing comes, and records of logins that were judged elsewhere */
	login(2, 0);
	ike(3, "bob", 1);
	child(3, 8);
	later(ACCOUNT_LOGIN_MS / 1000);
	ike(2, "alice", 1);
	later(100);
	assert_int_equal(account_count(a), 0);
	assert_int_equal(account_deadline_ms(a), UINT64_MAX);
	close_account();
}

/* Another IKE SA of the user goes on with the session, that of another user or machine does not. */
static void
goes_on(void **state)
{
	(void)state;
	open_account("exit 0", 0);
	login(1, 0);
	ike(1, "alice", 1);
	later(ACCOUNT_START_MS / 1000);		/* without inner address or child SA */
	ends(1, 0);
	login(2, 0);
	ike(2, "alice", 1);
	child(2, 2);
	assert_int_equal(account_count(a), 1);
	login(3, 0);
	ike(3, "alice", 2);
	child(3, 3);
	login(4, 0);
	ike(4, "bob", 1);
	child(4, 4);
	assert_int_equal(account_count(a), 3);
	gone(1, 0, SA_REASON_EXPIRED);
	gone(2, 0, SA_REASON_DELETED);
	assert_int_equal(account_count(a), 3);
	gone(2, 2, SA_REASON_DELETED);
	assert_int_equal(account_count(a), 2);
	account_off(a, now);
	assert_int_equal(account_count(a), 0);
	ends(6, 0);
	assert_int_equal(reports("event=start"), 3);
	assert_int_equal(reports("event=stop"), 3);
	assert_int_equal(reports("account=ab02 seconds=5 cause=user-request"), 1);
	assert_int_equal(reports("cause=admin-reboot"), 2);
	close_account();
}

/* Not more often than once a minute, whatever the login says, and not while the one before has not ended. */
static void
interim(void **state)
{
	(void)state;
	open_account("sleep 0.3; exit 0", 0);
	login(1, 1);
	ike(1, "alice", 1);
	child(1, 1);
	ends(1, 0);
	later(59);
	assert_int_equal(reports("event=interim"), 0);
	later(1);
	later(60);
	ends(1, 0);
	assert_int_equal(reports("event=interim"), 1);
	later(60);
	ends(1, 0);
	assert_int_equal(reports(" seconds=180 "), 1);
	close_account();
	/* the option counts */
	open_account("exit 0", UINT32_MAX);
	login(1, 60);
	ike(1, "alice", 1);
	child(1, 1);
	ends(1, 0);
	assert_int_equal(account_deadline_ms(a), UINT64_MAX);
	close_account();
}

/* The stop has the last counters, if they come in time. */
static void
counters(void **state)
{
	(void)state;
	open_account("exit 0", 0);
	login(1, 0);
	ike(1, "alice", 1);
	child(1, 1);
	ends(1, 0);
	counted(1, SA_EVENT_TRAFFIC, 1000);
	child(1, 2);
	counted(2, SA_EVENT_TRAFFIC, 50);
	counted(3, SA_EVENT_TRAFFIC, 1000000);	/* of somebody else */
	gone(1, 1, SA_REASON_REPLACED);
	counted(1, SA_EVENT_COUNT, 1005);
	later(10);
	gone(1, 2, SA_REASON_DELETED);
	gone(1, 0, SA_REASON_DELETED);
	ends(0, 0);
	assert_int_equal(reports("event=stop"), 0);
	now.ms += 500;
	counted(2, SA_EVENT_COUNT, 60);
	ends(1, 0);
	assert_int_equal(reports(" seconds=10 bytes-in=1065 bytes-out=0 packets-in=2 packets-out=0 cause=user-request"), 1);
	/* they do not come */
	login(5, 0);
	ike(5, "alice", 1);
	child(5, 5);
	counted(5, SA_EVENT_TRAFFIC, 77);
	gone(5, 0, SA_REASON_DELETED);
	gone(5, 5, SA_REASON_DELETED);
	later(2);
	ends(2, 0);
	assert_int_equal(reports("bytes-in=77 "), 1);
	/* a child SA comes instead */
	login(6, 0);
	ike(6, "alice", 1);
	child(6, 6);
	counted(6, SA_EVENT_TRAFFIC, 88);
	gone(6, 6, SA_REASON_DELETED);
	child(6, 7);
	later(3);
	assert_int_equal(account_count(a), 1);
	close_account();
}

/* Reports that fail keep no session from its end, and a stop waits for its start. */
static void
commands_that_fail(void **state)
{
	uint8_t i;

	(void)state;
	open_account("exit 111", 0);
	account_on(a, now);
	ends(1, 111);
	for (i = 1; i < 100; i++) {
		login(i, 0);
		ike(i, "alice", i);
		child(i, i);
		gone(i, i, SA_REASON_DELETED);
		gone(i, 0, SA_REASON_DELETED);
	}
	assert_int_equal(account_count(a), 0);
	ends(99, 111);
	assert_int_equal(reports("event=start"), 99);
	assert_int_equal(reports("event=stop"), 0);
	close_account();
	/* nothing of NULL */
	account_on(NULL, now);
	account_off(NULL, now);
	assert_int_equal(account_deadline_ms(NULL), UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_start_to_stop), cmocka_unit_test(goes_on), cmocka_unit_test(interim),
		cmocka_unit_test(counters), cmocka_unit_test(commands_that_fail),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
