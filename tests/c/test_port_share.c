/* Shared UDP ports between processes: joining, handing over, dying in every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <grp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "port/port.h"
#include "os/priv.h"
#include "os/sandbox.h"

#define SEQS	40000
#define HOLDERS	6
#define WINDOW	600	/* datagrams on their way at any time */
#define BUSY_MS 20000	/* ms: the longest time that a busy machine may need for an immediate action */
#define BATCH	64	/* what a killed reader may have had in its hands, and then some */

enum command { GO_ON, LEAVE, RECORD, DROP_ROOT, READ, SHARE };

struct holder {
	atomic_int	 up, reading, owning, command, fault_code, dropped, shares, warnings;
	atomic_size_t	 ike, esp, records;
	char		 what[512];
};

static struct shared {
	struct holder	h[HOLDERS];
	atomic_uchar	got[HOLDERS][SEQS];	/* times holder i had datagram seq */
	atomic_size_t	total;
} *sh;

static pid_t pid[HOLDERS];	/* not shared: a child sees 0 */
static uint16_t number;		/* of the port under test */
static size_t sent;

/* What a holder of the tests is. It serves cookies ${id} 1.. and the SPI 0x1000 + ${id}. */
struct part {
	bool	data_path, new, named, second_port, join_only;
	uid_t	uid;
	const char *run;	/* XDG_RUNTIME_DIR, NULL: none */
};

static void
pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

static uint64_t
ms_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

struct self {
	int		 id;
	struct ports	*set;
	struct ev_loop	*loop;
	struct endpoint	at;
};

static void
count(struct self *me, const uint8_t *p)
{
	uint32_t seq = get_be32(p);

	if (seq < SEQS) {
		sh->got[me->id][seq]++;
		sh->total++;
	}
}

static void
had_ike(void *ctx, const struct pkt *d)
{
	struct self *me = ctx;

	count(me, d->p + 24);
	sh->h[me->id].ike++;
}

static void
had_esp(void *ctx, struct pkt *d, size_t n)
{
	struct self *me = ctx;
	size_t i;

	for (i = 0; i < n; i++)
		count(me, d[i].p + 4);
	sh->h[me->id].esp += n;
}

static void
had_record(void *ctx, struct span cbor)
{
	struct self *me = ctx;

	if (cbor.len == 5 && memcmp(cbor.p, "hello", 5) == 0)
		sh->h[me->id].records++;
}

static void
had_note(void *ctx, bool warning, const char *text)
{
	struct self *me = ctx;

	sh->h[me->id].warnings += warning;
	if (getenv("PORT_TEST_VERBOSE") != NULL)
		(void)fprintf(stderr, "%d: %s\n", me->id, text);
}

static void
cookies_of(int id, uint8_t i[8], uint8_t r[8])
{
	memset(i, id + 1, 8);
	memset(r, 0x80 | id, 8);
}

static void
tick(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct self *me = w->data;
	struct holder *h = &sh->h[me->id];
	uint8_t i[8], r[8];

	(void)revents;
	h->reading = ports_reading(me->set, 4, number);
	h->owning = ports_owning(me->set, 4, number);
	switch (atomic_exchange(&h->command, GO_ON)) {
	case LEAVE:
		ev_break(loop, EVBREAK_ALL);
		break;
	case RECORD:
		ports_send_record(me->set, span_str("hello"));
		break;
	case READ:
		(void)ports_open(me->set, &me->at, PORT_NATT, 0, NULL);
		break;
	case SHARE:
		cookies_of(0, i, r);
		(void)ports_serve_cookies(me->set, i, r, NULL);
		h->shares = 1;
		break;
	case DROP_ROOT:
		if (priv_drop(NULL, 0, NULL) != 1 || sandbox_enter(me->id == 1 ?
		    SANDBOX_DATAPATH : SANDBOX_NEGOTIATOR, NULL) == -1)
			_exit(9);
		h->dropped = 1;
		break;
	}
}

static void
be_holder(int id, const struct part *part)
{
	static const struct ports_calls calls = { .ike = had_ike, .esp = had_esp,
	    .record = had_record, .note = had_note };
	struct ports_opt opt = { .data_path = part->data_path };
	struct endpoint at = { .port = number }, second;
	struct self me = { .id = id, .loop = ev_loop_new(EVFLAG_AUTO) };
	struct holder *h = &sh->h[id];
	struct fault f = {0};
	uint8_t i[8], r[8];
	ev_timer timer;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (part->run == NULL)
		(void)unsetenv("XDG_RUNTIME_DIR");
	else
		(void)setenv("XDG_RUNTIME_DIR", part->run, 1);
	if (part->uid != 0 && (setgroups(0, NULL) != 0 ||
	    setresuid(part->uid, part->uid, part->uid) != 0))
		_exit(9);
	me.set = ports_new(me.loop, &opt, &calls, &me, &f);
	(void)addr_parse(&at.addr, "127.0.0.1");
	second = at;
	second.port++;
	if (me.set == NULL || ports_open(me.set, &at, PORT_NATT,
	    part->join_only ? PORTS_JOIN_ONLY : 0, &f) != 0 ||
	    (part->second_port && ports_open(me.set, &second, PORT_NATT, 0, &f) != 0)) {
		(void)memcpy(h->what, f.what, sizeof(h->what));
		h->fault_code = (int)f.code;
		h->up = -1;
		_exit(1);
	}
	me.at = at;
	cookies_of(id, i, r);
	(void)ports_serve_cookies(me.set, i, r, NULL);
	(void)ports_serve_spi(me.set, 0x1000 + (uint32_t)id, NULL, NULL);
	ports_serve_new(me.set, part->named ? &at.addr : NULL, part->new || part->named);
	ev_timer_init(&timer, tick, 0, 0.001);
	timer.data = &me;
	ev_timer_start(me.loop, &timer);
	h->up = 1;
	ev_run(me.loop, 0);
	ports_free(me.set);
	_exit(0);
}

/* Waits until ${x} has the value ${want} in time. */
static bool
comes_to(atomic_int *x, int want)
{
	uint64_t end = ms_now() + BUSY_MS;

	while (*x != want && ms_now() < end)
		pause_ms(1);
	return (*x == want);
}

static bool
counts_to(atomic_size_t *x, size_t want)
{
	uint64_t end = ms_now() + BUSY_MS;

	while (*x < want && ms_now() < end)
		pause_ms(1);
	return (*x == want);
}

/* Waits until one of ${n} holders from ${from} on is the owner, and one the reader. */
static bool
settles(int from, int n)
{
	uint64_t end = ms_now() + BUSY_MS;
	int i, owners, readers;

	do {
		pause_ms(2);
		for (owners = readers = 0, i = from; i < from + n; i++) {
			owners += sh->h[i].owning;
			readers += sh->h[i].reading;
		}
	} while ((owners != 1 || readers != 1) && ms_now() < end);
	return (owners == 1 && readers == 1);
}

static void
start_part(int id, const struct part *part)
{
	struct holder *h = &sh->h[id];

	h->up = 0;
	(void)fflush(NULL);
	if ((pid[id] = fork()) == 0)
		be_holder(id, part);
	assert_true(pid[id] > 0);
	while (h->up == 0) {
		if (waitpid(pid[id], NULL, WNOHANG) == pid[id] && h->up == 0) {
			pid[id] = 0;
			fail_msg("holder %d died before it was ready", id);
		}
		pause_ms(1);
	}
}

static void
start(int id, struct part part)
{
	start_part(id, &part);
	if (sh->h[id].up != 1)
		fail_msg("holder %d: %s", id, sh->h[id].what);
}

static void
end(int id, int sig)
{
	struct holder *h = &sh->h[id];
	int status;

	if (pid[id] == 0)
		return;
	if (sig != 0)
		(void)kill(pid[id], sig);
	else
		h->command = LEAVE;
	assert_int_equal(waitpid(pid[id], &status, 0), pid[id]);
	if (sig == 0)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	pid[id] = 0;
	h->reading = h->owning = 0;
}

static int
setup(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(sin);
	int fd;

	(void)state;
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		return (-1);
	sent = 0;
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		return (-1);
	number = ntohs(sin.sin_port);
	(void)close(fd);
	return (0);
}

static int
teardown(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < HOLDERS; i++)
		if (pid[i] > 0) {
			(void)kill(pid[i], SIGKILL);
			(void)waitpid(pid[i], NULL, 0);
		}
	(void)munmap(sh, sizeof(*sh));
	return (0);
}

static int
client(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(number),
	    .sin_addr.s_addr = htonl(0x7f000001) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd != -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return (fd);
}

/* Datagram ${seq} for holder ${id}: IKE if ${ike}, else ESP. */
static void
send_to(int fd, int id, bool ike, uint32_t seq)
{
	uint8_t b[200] = {0};

	if (ike) {
		cookies_of(id, b + 4, b + 12);
		put_be32(b + 4 + 24, seq);
	} else {
		put_be32(b, 0x1000 + (uint32_t)id);
		put_be32(b + 4, seq);
	}
	(void)send(fd, b, sizeof(b), 0);
	sent++;
}

/*
 * Sends ${n} datagrams from sequence number ${from} on, in turns to those of ${ids},
 * and never more ahead than a socket buffer takes: only a fault can lose one then.
 */
static void
load(int fd, uint32_t from, uint32_t n, const int *ids, size_t nids, bool ike)
{
	uint64_t give_up;
	uint32_t i;

	for (i = 0; i < n; i++) {
		send_to(fd, ids[i % nids], ike, from + i);
		if (i % 40 == 39)
			pause_ms(1);
		give_up = ms_now() + 5000;
		while (sent > sh->total + WINDOW && ms_now() < give_up)
			pause_ms(1);
		if (sent > sh->total + WINDOW)
			sent = sh->total + 200;		/* lost ones: don't wait for them again */
	}
}

/*
 * How many of the datagrams were had by nobody once none has come for 2 s; repeated
 * ones fail. (A new owner holds what it cannot place for 0.5 s.)
 */
static size_t
lost(uint32_t from, uint32_t n)
{
	uint64_t give_up = ms_now() + 2000;
	size_t missing = n, before;
	uint32_t i;
	int id, had;

	do {
		pause_ms(5);
		before = missing;
		for (missing = 0, i = from; i < from + n; i++) {
			for (had = id = 0; id < HOLDERS; id++)
				had += sh->got[id][i];
			assert_true(had <= 1);
			missing += had == 0;
		}
		if (missing < before)
			give_up = ms_now() + 2000;
	} while (missing > 0 && ms_now() < give_up);
	return (missing);
}

/* Waits until what was sent for ${id} so far is through or dropped: a later one gets there. */
static bool
is_reached(int fd, int id)
{
	uint64_t end = ms_now() + BUSY_MS;

	sh->got[id][SEQS - 2] = 0;
	do {
		send_to(fd, id, true, SEQS - 2);
		pause_ms(20);
	} while (sh->got[id][SEQS - 2] == 0 && ms_now() < end);
	return (sh->got[id][SEQS - 2] != 0);
}

static const int zero_id[] = { 0 }, one_id[] = { 1 }, both[] = { 0, 1 }, three[] = { 0, 1, 2 };

static void
hands_over_under_load_and_loses_nothing(void **state)
{
	int fd = client(), round;

	(void)state;
	start(0, (struct part){0});
	assert_true(comes_to(&sh->h[0].reading, 1));
	load(fd, 0, 2000, zero_id, 1, true);
	for (round = 0; round < 3; round++) {
		pid_t loader;

		/* A separate process keeps sending while a data path joins and leaves. */
		if ((loader = fork()) == 0) {
			load(fd, 2000 + (uint32_t)round * 6000, 6000, zero_id, 1, round != 1);
			_exit(0);
		}
		pause_ms(50);
		start(1, (struct part){ .data_path = true });
		assert_true(comes_to(&sh->h[1].reading, 1));
		assert_true(comes_to(&sh->h[0].reading, 0));
		pause_ms(100);
		end(1, 0);
		assert_true(comes_to(&sh->h[0].reading, 1));
		assert_int_equal(waitpid(loader, NULL, 0), loader);
	}
	assert_int_equal(lost(0, 20000), 0);
	(void)close(fd);
}

static void
survives_the_readers_death(void **state)
{
	int fd = client();
	pid_t loader;

	(void)state;
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true });
	assert_true(comes_to(&sh->h[1].reading, 1));
	if ((loader = fork()) == 0) {
		load(fd, 0, 8000, zero_id, 1, true);
		_exit(0);
	}
	pause_ms(150);
	end(1, SIGKILL);
	assert_true(comes_to(&sh->h[0].reading, 1));
	assert_int_equal(waitpid(loader, NULL, 0), loader);
	assert_true(lost(0, 8000) <= BATCH);
	load(fd, 8000, 1000, zero_id, 1, true);
	assert_int_equal(lost(8000, 1000), 0);
	(void)close(fd);
}

static void
survives_the_owners_death(void **state)
{
	int fd = client();
	pid_t loader;

	(void)state;
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true });
	start(2, (struct part){0});
	assert_true(comes_to(&sh->h[1].reading, 1));
	/* ESP for the reader itself, and IKE for a holder that keeps running. */
	if ((loader = fork()) == 0) {
		load(fd, 0, 8000, one_id, 1, false);
		_exit(0);
	}
	pause_ms(150);
	end(0, SIGKILL);
	assert_int_equal(waitpid(loader, NULL, 0), loader);
	assert_int_equal(lost(0, 8000), 0);
	assert_true(comes_to(&sh->h[1].reading, 1));
	assert_true(settles(1, 2));
	load(fd, 8000, 500, &three[1], 2, true);
	load(fd, 8500, 500, &three[1], 2, false);
	assert_int_equal(lost(8000, 1000), 0);
	/* The name still exists: another process can join and be served. */
	start(3, (struct part){0});
	load(fd, 9000, 300, (const int[]){ 1, 3, 2 }, 3, true);
	assert_int_equal(lost(9000, 300), 0);
	assert_true(sh->h[3].ike == 100);
	(void)close(fd);
}

static void
relays_while_the_owner_is_replaced(void **state)
{
	int fd = client();
	pid_t loader;

	(void)state;
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true });
	start(2, (struct part){0});
	assert_true(comes_to(&sh->h[1].reading, 1));
	if ((loader = fork()) == 0) {
		load(fd, 0, 6000, &three[2], 1, true);
		_exit(0);
	}
	pause_ms(150);
	end(0, SIGKILL);
	assert_int_equal(waitpid(loader, NULL, 0), loader);
	/* Only what lay unread at the dead owner, however slow it was. */
	assert_true(lost(0, 6000) <= WINDOW + BATCH);
	load(fd, 6000, 1000, &three[2], 1, true);
	assert_int_equal(lost(6000, 1000), 0);
	(void)close(fd);
}

static void
serves_in_any_order_of_starts_and_deaths(void **state)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 },
	    { 2, 0, 1 }, { 2, 1, 0 } };
	const struct part parts[3] = { {0}, { .data_path = true }, { .data_path = true } };
	int fd = client(), i, k, n, ids[3];
	uint32_t seq = 0;

	(void)state;
	for (i = 0; i < 36; i++) {
		for (k = 0; k < 3; k++)
			start(orders[i / 6][k], parts[orders[i / 6][k]]);
		load(fd, seq, 60, three, 3, true);
		load(fd, seq + 60, 60, three, 3, false);
		assert_int_equal(lost(seq, 120), 0);
		seq += 120;
		/* Killed one by one, and those that are left still have all that is theirs. */
		for (n = 2; n >= 0; n--) {
			end(orders[i % 6][n], i % 5 == 4 ? 0 : SIGKILL);
			for (k = 0; k < n; k++)
				ids[k] = orders[i % 6][k];
			if (n == 0)
				break;
			load(fd, seq, 20, ids, (size_t)n, true);
			load(fd, seq + 20, 20, ids, (size_t)n, false);
			assert_int_equal(lost(seq, 40), 0);
			seq += 40;
		}
		/* Nobody is left, so the port is free for anybody. */
	}
	(void)close(fd);
}

static void
starts_all_at_once(void **state)
{
	int fd = client(), round, k;
	uint32_t seq = 0;

	(void)state;
	for (round = 0; round < 10; round++) {
		for (k = 0; k < 4; k++) {
			const struct part part = { .data_path = k % 2 == 1 };

			sh->h[k].up = 0;
			(void)fflush(NULL);
			if ((pid[k] = fork()) == 0)
				be_holder(k, &part);
		}
		for (k = 0; k < 4; k++)
			assert_true(comes_to(&sh->h[k].up, 1));
		assert_true(settles(0, 4));
		load(fd, seq, 80, (const int[]){ 0, 1, 2, 3 }, 4, round % 2 == 0);
		assert_int_equal(lost(seq, 80), 0);
		seq += 80;
		for (k = 0; k < 4; k++)
			end(k, SIGKILL);
	}
	(void)close(fd);
}

static void
keeps_going_beside_a_holder_that_sleeps(void **state)
{
	int fd = client(), i;

	(void)state;
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true });
	start(2, (struct part){0});
	assert_true(comes_to(&sh->h[1].reading, 1));
	(void)kill(pid[2], SIGSTOP);
	/* More than any buffer holds, at full speed, to the sleeper. */
	for (i = 0; i < 20000; i++)
		send_to(fd, 2, true, SEQS - 1);
	assert_true(is_reached(fd, 0) && is_reached(fd, 1));
	sent = sh->total;
	load(fd, 0, 2000, both, 2, true);
	assert_int_equal(lost(0, 2000), 0);
	(void)kill(pid[2], SIGCONT);
	assert_true(is_reached(fd, 2));
	sent = sh->total;
	load(fd, 2000, 200, &three[2], 1, true);
	assert_int_equal(lost(2000, 200), 0);
	(void)close(fd);
}

static void
gives_a_named_peer_to_who_names_it(void **state)
{
	uint8_t b[4 + 28] = {0};
	int fd = client(), i, id;
	/* A responder for all, one that came later, and two that name the client's address. */
	static const struct part parts[5] = { {0}, { .new = true }, { .new = true },
	    { .named = true }, { .named = true, .data_path = true } };
	static const int expect[] = { 3, 4, 1, 2 }, killed[] = { 3, 4, 1 };

	(void)state;
	for (id = 0; id < 5; id++)
		start(id, parts[id]);
	memset(b + 4, 0x77, 8);
	for (i = 0; i < 4; i++) {
		put_be32(b + 4 + 24, (uint32_t)i);
		(void)send(fd, b, sizeof(b), 0);
		assert_int_equal(lost((uint32_t)i, 1), 0);
		for (id = 0; id < 5; id++)
			assert_int_equal(sh->got[id][i], id == expect[i]);
		if (i < 3)
			end(killed[i], SIGKILL);
	}
	(void)close(fd);
}

/* What a holder asks under an IKE SA that another serves as well, it has the answer to. */
static void
knows_in_time_who_else_serves_a_cookie(void **state)
{
	int round, fd, k, reader, joiner;

	(void)state;
	for (round = 0; round < 10; round++) {
		fd = client();
		reader = 1 + round % 2;
		joiner = 2 - round % 2;
		memset(sh, 0, sizeof(*sh));
		start(0, (struct part){0});
		for (k = 1; k < 3; k++)
			start(k, (struct part){ .data_path = k == reader });
		assert_true(comes_to(&sh->h[reader].reading, 1));
		assert_true(is_reached(fd, 0));
		/* The owner sees both at once: the word that it is shared, and the answer. */
		(void)kill(pid[0], SIGSTOP);
		sh->h[joiner].command = SHARE;
		assert_true(comes_to(&sh->h[joiner].shares, 1));
		send_to(fd, 0, true, 7);
		pause_ms(20);
		(void)kill(pid[0], SIGCONT);
		assert_true(is_reached(fd, 0));
		assert_int_equal(sh->got[0][7], 1);
		assert_int_equal(sh->got[joiner][7], 1);
		for (k = 0; k < 3; k++)
			end(k, SIGKILL);
		(void)close(fd);
	}
}

static void
joins_without_reading_until_asked(void **state)
{
	int fd = client();

	(void)state;
	start_part(0, &(struct part){ .join_only = true });
	assert_int_equal(sh->h[0].up, -1);
	assert_int_equal(sh->h[0].fault_code, FAULT_UNREACHABLE);
	(void)waitpid(pid[0], NULL, 0);
	pid[0] = 0;
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true, .join_only = true });
	assert_true(settles(0, 2));
	assert_true(sh->h[0].reading == 1 && sh->h[1].reading == 0);
	load(fd, 0, 100, both, 2, false);
	assert_int_equal(lost(0, 100), 0);
	sh->h[1].command = READ;
	assert_true(comes_to(&sh->h[1].reading, 1));
	assert_true(comes_to(&sh->h[0].reading, 0));
	load(fd, 100, 100, both, 2, false);
	assert_int_equal(lost(100, 100), 0);
	(void)close(fd);
}

static void
gives_new_peers_to_the_responder(void **state)
{
	uint8_t b[4 + 28] = {0};
	int fd = client(), i;

	(void)state;
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true });
	start(2, (struct part){ .new = true });
	assert_true(comes_to(&sh->h[1].reading, 1));
	memset(b + 4, 0x77, 8);
	for (i = 0; i < 20; i++) {
		put_be32(b + 4 + 24, (uint32_t)i);
		(void)send(fd, b, sizeof(b), 0);
	}
	memset(b + 12, 0x66, 8);	/* a cookie that nobody registered */
	for (; i < 40; i++) {
		put_be32(b + 4 + 24, (uint32_t)i);
		(void)send(fd, b, sizeof(b), 0);
	}
	assert_int_equal(lost(0, 40), 0);
	assert_true(sh->h[2].ike == 40);
	/* ESP with an unknown SPI goes to data paths: the record may still arrive. */
	b[0] = 0x99;
	(void)send(fd, b, sizeof(b), 0);
	assert_true(counts_to(&sh->h[1].esp, 1));
	pause_ms(30);
	assert_true(sh->h[1].esp == 1 && sh->h[0].esp + sh->h[2].esp == 0);
	(void)close(fd);
}

static void
carries_records_once(void **state)
{
	(void)state;
	start(0, (struct part){ .second_port = true });
	start(1, (struct part){ .data_path = true, .second_port = true });
	start(2, (struct part){0});
	sh->h[1].command = RECORD;
	assert_true(counts_to(&sh->h[0].records, 1) && counts_to(&sh->h[2].records, 1));
	pause_ms(50);
	assert_true(sh->h[0].records == 1 && sh->h[1].records == 0 && sh->h[2].records == 1);
	sh->h[0].command = RECORD;
	assert_true(counts_to(&sh->h[1].records, 1) && counts_to(&sh->h[2].records, 2));
	pause_ms(50);
	assert_true(sh->h[0].records == 1 && sh->h[1].records == 1 && sh->h[2].records == 2);
}

static void
names_a_program_that_does_not_share(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(number),
	    .sin_addr.s_addr = htonl(0x7f000001) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t began = ms_now();
	char who[32];
	int ready[2];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	/* Another has that port of another address, and a younger socket. */
	assert_int_equal(pipe(ready), 0);
	if ((pid[1] = fork()) == 0) {
		sin.sin_addr.s_addr = htonl(0x7f000009);
		(void)close(fd);
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 || write(ready[1], "", 1) != 1)
			_exit(9);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], who, 1), 1);
	(void)close(ready[0]);
	start_part(0, &(struct part){0});
	assert_int_equal(sh->h[0].up, -1);
	assert_int_equal(sh->h[0].fault_code, FAULT_PORT_TAKEN);
	assert_true(ms_now() - began >= 1000 && ms_now() - began < BUSY_MS);
	(void)snprintf(who, sizeof(who), "process %ld", (long)getpid());
	if (strstr(sh->h[0].what, who) == NULL)
		fail_msg("%s: does not name %s", sh->h[0].what, who);
	(void)close(fd);
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
refuses_a_foreign_user_both_ways(void **state)
{
	char who[64];

	(void)state;
	if (!rules_over(12345)) {
		print_message("SKIPPED: needs root to be somebody else\n");
		skip();
	}
	/* A foreign user's tool has the port: root will not trust it. */
	start(0, (struct part){ .uid = 12345 });
	start_part(1, &(struct part){0});
	assert_int_equal(sh->h[1].up, -1);
	assert_int_equal(sh->h[1].fault_code, FAULT_PORT_TAKEN);
	(void)snprintf(who, sizeof(who), "process %ld, user 12345", (long)pid[0]);
	if (strstr(sh->h[1].what, who) == NULL)
		fail_msg("%s: does not name %s", sh->h[1].what, who);
	(void)waitpid(pid[1], NULL, 0);
	pid[1] = 0;
	start(2, (struct part){ .uid = 12345 });	/* but the same user may join */
	end(2, 0);
	end(0, 0);
	/* Root has it: another user gets nothing, the owner continues. */
	start(3, (struct part){0});
	start_part(4, &(struct part){ .uid = 12345 });
	assert_int_equal(sh->h[4].up, -1);
	assert_int_equal(sh->h[4].fault_code, FAULT_PORT_TAKEN);
	(void)waitpid(pid[4], NULL, 0);
	pid[4] = 0;
	start(5, (struct part){0});
}

static void
outlives_dropped_privileges(void **state)
{
	int fd = client(), id;

	(void)state;
	if (!rules_over(65534)) {
		print_message("SKIPPED: needs root to drop it\n");
		skip();
	}
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true });
	start(2, (struct part){0});
	sh->h[0].command = sh->h[1].command = sh->h[2].command = DROP_ROOT;
	for (id = 0; id < 3; id++)
		assert_true(comes_to(&sh->h[id].dropped, 1));
	end(0, SIGKILL);
	assert_true(settles(1, 2));
	/* Holders that are nobody now have found each other, and a new one of root finds them. */
	load(fd, 0, 200, &three[1], 2, true);
	assert_int_equal(lost(0, 200), 0);
	start(3, (struct part){0});
	load(fd, 200, 200, (const int[]){ 3, 2 }, 2, true);
	assert_int_equal(lost(200, 200), 0);
	(void)close(fd);
}

/* The name of the port in the directory ${dir}, or the abstract one of NULL. */
static socklen_t
name_of(struct sockaddr_un *un, const char *dir)
{
	struct stat ns;
	int n;

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (dir == NULL)
		n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "sapipe-3-natt-4-127.0.0.1-%u",
		    number);
	else {
		assert_int_equal(stat("/proc/self/ns/net", &ns), 0);
		n = snprintf(un->sun_path, sizeof(un->sun_path), "%s/sapipe/%lu/3-natt-4-127.0.0.1-%u", dir,
		    (unsigned long)ns.st_ino, number);
	}
	return ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
}

/* A process of user ${uid} that listens under that name and never answers. Returns when it does. */
static void
squat(int id, uid_t uid, const char *dir)
{
	struct sockaddr_un un;
	socklen_t len = name_of(&un, dir);
	int fd, ready[2];
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	if ((pid[id] = fork()) == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setgroups(0, NULL) != 0 || setresuid(uid, uid, uid) != 0)
			_exit(9);
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		byte = bind(fd, (struct sockaddr *)&un, len) == 0 && listen(fd, 5) == 0 ? 'y' : 'n';
		if (write(ready[1], &byte, 1) != 1)
			_exit(9);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	assert_int_equal(byte, dir == NULL ? 'y' : 'n');
}

/* Any user can take an abstract name before a tool does. */
static void
starts_though_a_foreigner_has_the_name(void **state)
{
	int fd = client();

	(void)state;
	if (!rules_over(54321)) {
		print_message("SKIPPED: needs root to be two others\n");
		skip();
	}
	squat(5, 54321, NULL);
	/* Root does not even notice, and its tools share the port. */
	start(0, (struct part){0});
	start(1, (struct part){ .data_path = true });
	assert_true(comes_to(&sh->h[1].reading, 1));
	assert_true(sh->h[0].warnings == 0 && sh->h[1].warnings == 0);
	load(fd, 0, 100, both, 2, true);
	assert_int_equal(lost(0, 100), 0);
	end(0, 0);
	end(1, 0);
	/* A user without a directory gets a warning, and does not share the port. */
	start(2, (struct part){ .uid = 12345 });
	assert_int_equal(sh->h[2].warnings, 1);
	load(fd, 100, 100, &three[2], 1, true);
	assert_int_equal(lost(100, 100), 0);
	start_part(3, &(struct part){ .uid = 12345 });
	assert_int_equal(sh->h[3].fault_code, FAULT_PORT_TAKEN);
	(void)waitpid(pid[3], NULL, 0);
	pid[3] = 0;
	(void)close(fd);
}

/* There is nothing that another user could take when the owner dies: no name is left to race for. */
static void
has_no_name_that_others_could_take(void **state)
{
	char line[512], run[] = "/tmp/sapipe-run-XXXXXX", seek[64];
	const char *dirs[2];
	uid_t uids[] = { 0, 12345 };
	FILE *in;
	int k;

	(void)state;
	if (!rules_over(54321)) {
		print_message("SKIPPED: needs root to be two others\n");
		skip();
	}
	assert_non_null(mkdtemp(run));
	assert_int_equal(chown(run, 12345, 12345), 0);
	dirs[0] = "/run";
	dirs[1] = run;
	(void)snprintf(seek, sizeof(seek), "127.0.0.1-%u", number);
	for (k = 0; k < 2; k++) {
		start(0, (struct part){ .uid = uids[k], .run = run });
		start(1, (struct part){ .uid = uids[k], .run = run, .data_path = true });
		start(2, (struct part){ .uid = uids[k], .run = run });
		assert_true(comes_to(&sh->h[1].reading, 1));
		in = fopen("/proc/net/unix", "re");
		assert_non_null(in);
		while (fgets(line, sizeof(line), in) != NULL)
			if (strchr(line, '@') != NULL && strstr(line, "sapipe") != NULL &&
			    strstr(line, seek) != NULL)
				fail_msg("abstract: %s", line);
		(void)fclose(in);
		end(0, SIGKILL);
		squat(5, 54321, dirs[k]);	/* it cannot */
		end(5, SIGKILL);
		assert_true(settles(1, 2));
		end(1, SIGKILL);
		end(2, SIGKILL);
		/* The name is still there, and nobody's: the next tool takes it, and shares. */
		start(0, (struct part){ .uid = uids[k], .run = run });
		assert_int_equal(sh->h[0].warnings, 0);
		start(3, (struct part){ .uid = uids[k], .run = run });
		end(3, 0);
		end(0, 0);
	}
	(void)snprintf(line, sizeof(line), "rm -rf %s", run);
	assert_int_equal(system(line), 0);
}

static void
shrugs_at_garbage_on_the_name(void **state)
{
	struct sockaddr_un un;
	uint8_t junk[300];
	int fd, udp = client(), i;
	socklen_t len = name_of(&un, geteuid() == 0 && access("/run/sapipe", W_OK) == 0 ? "/run" : NULL);

	(void)state;
	start(0, (struct part){0});
	for (i = 0; i < 200; i++) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&un, len) != 0)
			fail_msg("connect: %d", errno);
		memset(junk, i, sizeof(junk));
		if (i % 3 == 0) {	/* a HELLO that is too long, then a header of each type */
			memset(junk, 0, sizeof(junk));
			memcpy(junk, "sap\2\1", 5);
			(void)send(fd, junk, 96, MSG_NOSIGNAL);
		}
		if (i % 3 == 1) {	/* welcomed, then junk */
			memset(junk, 0, sizeof(junk));
			memcpy(junk, "sap\2\1", 5);
			(void)send(fd, junk, 64, MSG_NOSIGNAL);
			junk[4] = (uint8_t)(i % 11);
			junk[5] = (uint8_t)i;
			junk[52] = (uint8_t)i;
		}
		(void)send(fd, junk, (size_t)(1 + i), MSG_NOSIGNAL);
		(void)close(fd);
	}
	load(udp, 0, 100, zero_id, 1, true);
	assert_int_equal(lost(0, 100), 0);
	(void)close(udp);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hands_over_under_load_and_loses_nothing),
		TEST(survives_the_readers_death),
		TEST(survives_the_owners_death),
		TEST(relays_while_the_owner_is_replaced),
		TEST(serves_in_any_order_of_starts_and_deaths),
		TEST(starts_all_at_once),
		TEST(keeps_going_beside_a_holder_that_sleeps),
		TEST(gives_new_peers_to_the_responder),
		TEST(gives_a_named_peer_to_who_names_it),
		TEST(knows_in_time_who_else_serves_a_cookie),
		TEST(joins_without_reading_until_asked),
		TEST(carries_records_once),
		TEST(names_a_program_that_does_not_share),
		TEST(refuses_a_foreign_user_both_ways),
		TEST(outlives_dropped_privileges),
		TEST(starts_though_a_foreigner_has_the_name),
		TEST(has_no_name_that_others_could_take),
		TEST(shrugs_at_garbage_on_the_name),
	};

	/* One test by name, or a pattern with *, for those who look for a fault. */
	cmocka_set_test_filter(getenv("PORT_TEST"));
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
