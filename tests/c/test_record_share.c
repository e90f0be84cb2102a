/* The records of a negotiator on a socket: for readers that come late, that stall, that are too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "host/record_share.h"
#include "os/unixsock.h"
#include "sa/codec.h"
#include "sa/set.h"
#include "sa_sample.h"

#define STALL_MS	200
#define SPINS		20000

static struct ev_loop *loop;
static struct record_share *share;
static struct sa_set *mirror;		/* what was put */
static char dir[] = "/tmp/test-share-XXXXXX", path[sizeof(dir) + 8];

/* A reader: what it has decoded. */
struct ear {
	int		 fd;
	uint8_t		*buf;
	size_t		 len, room;
	size_t		 n;		/* records */
	bool		 began, current, active, over;
	uint64_t	 takeovers;
	struct sa_set	*set;
	uint32_t	 last;		/* the SPI of the last child SA that was new */
	bool		 back;		/* one came after a later one */
};

static unsigned notes;

static void
on_note(const struct fault *why)
{
	assert_int_equal(why->code, FAULT_READER_GONE);
	notes++;
}

static int
setup_with(unsigned stall_ms)
{
	struct fault f;

	notes = 0;
	if ((mirror = sa_set_new()) == NULL || mkdtemp(dir) == NULL || (loop = ev_loop_new(0)) == NULL)
		return (-1);
	(void)snprintf(path, sizeof(path), "%s/share", dir);
	return ((share = record_share_open(loop, path, stall_ms, on_note, &f)) != NULL ? 0 : -1);
}

/* One thread is the negotiator and its readers, and may stand still on a busy machine. */
static int
setup(void **state)
{
	(void)state;
	return (setup_with(300000));
}

static int
setup_stall(void **state)
{
	(void)state;
	return (setup_with(STALL_MS));
}

static int
teardown(void **state)
{
	(void)state;
	record_share_close(share);
	sa_set_free(mirror);
	ev_loop_destroy(loop);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(dir), 0);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return (0);
}

static struct ear
come(void)
{
	struct ear e = { .room = 1 << 20, .set = sa_set_new() };
	struct fault f;

	assert_non_null(e.set);
	assert_non_null(e.buf = malloc(e.room));
	e.fd = unixsock_connect(path, &f);
	assert_true(e.fd != -1);
	(void)ev_run(loop, EVRUN_NOWAIT);
	return (e);
}

static void
go(struct ear *e)
{
	if (e->fd != -1)
		(void)close(e->fd);
	sa_set_free(e->set);
	free(e->buf);
}

static void
heard(struct ear *e, const struct sa_rec *r)
{
	uint32_t spi;

	e->n++;
	if (r->type == SA_EVENT) {
		e->began = e->began || r->event.what == SA_EVENT_SNAPSHOT;
		e->active = e->active || (r->event.what == SA_EVENT_SNAPSHOT && strcmp(r->event.text, "active") == 0);
		e->current = e->current || r->event.what == SA_EVENT_CURRENT;
		if (r->event.what == SA_EVENT_TAKEOVER)
			e->takeovers = r->event.takeovers;
		if (r->event.what == SA_EVENT_REMAP)
			sa_set_remap(e->set, &r->event, NULL, NULL);
		assert_true(e->began);
		return;
	}
	if (r->type == SA_CHILD && sa_set_serial(e->set, r) == 0) {
		spi = get_be32(r->child.spi_in);
		e->back = e->back || spi < e->last;
		e->last = spi;
	}
	assert_true(sa_set_apply(e->set, 0, r, NULL, NULL, NULL) != SA_BAD);
}

/* Reads at most ${max} bytes of what is there. */
static void
hear(struct ear *e, size_t max)
{
	struct sa_rec r;
	struct fault f;
	ssize_t got;
	size_t off = 0;
	long len;

	got = recv(e->fd, e->buf + e->len, max < e->room - e->len ? max : e->room - e->len, MSG_DONTWAIT);
	if (got == 0)
		e->over = true;
	if (got <= 0)
		return;
	e->len += (size_t)got;
	while (e->len > off && (len = sa_decode(&r, span_of(e->buf + off, e->len - off), &f)) > 0) {
		heard(e, &r);
		sa_rec_wipe(&r);
		off += (size_t)len;
	}
	memmove(e->buf, e->buf + off, e->len - off);
	e->len -= off;
}

static void
hear_all(struct ear *e)
{
	size_t before;

	do {
		before = e->n;
		(void)ev_run(loop, EVRUN_NOWAIT);
		hear(e, SIZE_MAX);
	} while (e->n > before);
}

static void
put(const struct sa_rec *r)
{
	record_share_put(share, r);
	assert_true(sa_set_apply(mirror, 0, r, NULL, NULL, NULL) != SA_BAD);
}

static bool
is_there(uint32_t spi)
{
	struct sa_rec r;
	bool yes;

	sample_child(&r, false);
	put_be32(r.child.spi_in, spi);
	yes = sa_set_serial(mirror, &r) != 0;
	sa_rec_wipe(&r);
	return (yes);
}

static void
put_child(uint32_t spi)
{
	struct sa_rec r;

	sample_child(&r, false);
	put_be32(r.child.spi_in, spi);
	r.child.lifetime.expires = UINT32_MAX;
	put(&r);
	sa_rec_wipe(&r);
}

static void
put_delete(uint32_t spi)
{
	struct sa_rec r = { .type = SA_DELETE };

	r.del.has_protocol = r.del.has_spi_in = true;
	put_be32(r.del.spi_in, spi);
	put(&r);
}

static void
put_event(enum sa_event_kind what, uint64_t takeovers)
{
	struct sa_rec r = { .type = SA_EVENT };

	r.event.what = what;
	r.event.takeovers = takeovers;
	strcpy(r.event.source, "test");
	put(&r);
}

/* The SPIs that ${e} has, in order. */
static bool
has(const struct ear *e, size_t n, const uint32_t spis[])
{
	const struct sa_rec *r;
	size_t at = 0, i = 0;

	while ((r = sa_set_next(e->set, &at, NULL)) != NULL)
		if (r->type == SA_CHILD && (i == n || get_be32(r->child.spi_in) != spis[i++]))
			return (false);
	return (i == n);
}

static void
a_late_reader_gets_what_is_and_what_comes(void **state)
{
	struct sa_rec r, moved = { .type = SA_EVENT };
	struct ear e, late;
	struct stat st;
	const struct sa_rec *in;
	size_t at = 0;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	sample_ike(&r, true);
	r.ike.lifetime.expires = UINT32_MAX;
	record_share_put(share, &r);
	sa_rec_wipe(&r);
	for (uint32_t spi = 0x101; spi <= 0x104; spi++)
		put_child(spi);
	put_delete(0x102);
	put_event(SA_EVENT_TAKEOVER, 3);
	put_event(SA_EVENT_TAKEOVER, 2);
	moved.event.what = SA_EVENT_REMAP;
	moved.event.has_spi_in = moved.event.has_remote = true;
	put_be32(moved.event.spi_in, 0x103);
	strcpy(moved.event.source, "test");
	assert_int_equal(addr_parse(&moved.event.remote.addr, "192.0.2.99"), 0);
	moved.event.remote.port = 4501;
	record_share_put(share, &moved);
	/* One that has expired. */
	sample_child(&r, false);
	put_be32(r.child.spi_in, 0x105);
	record_share_put(share, &r);
	sa_rec_wipe(&r);
	put_event(SA_EVENT_OTHER, 0);

	e = come();
	hear_all(&e);
	assert_true(e.began && e.current && !e.active && e.takeovers == 3);
	assert_true(has(&e, 3, (const uint32_t[]){ 0x101, 0x103, 0x104 }));
	/* snapshot, takeover, one IKE SA, three child SAs, current: no more, however much there was before */
	assert_int_equal(e.n, 7);
	while ((in = sa_set_next(e.set, &at, NULL)) != NULL)
		assert_true(in->type == SA_IKE || endpoint_eq(&in->child.remote.at, &moved.event.remote));

	put_child(0x106);
	put_delete(0x101);
	put_event(SA_EVENT_TAKEOVER, 4);
	record_share_active(share);
	hear_all(&e);
	assert_int_equal(e.n, 10);
	assert_true(e.takeovers == 4 && has(&e, 3, (const uint32_t[]){ 0x103, 0x104, 0x106 }));
	late = come();
	hear_all(&late);
	assert_true(late.active && late.current && late.takeovers == 4);
	assert_true(has(&late, 3, (const uint32_t[]){ 0x103, 0x104, 0x106 }));
	go(&late);
	go(&e);
}

/* A snapshot longer than the queue, read in pieces, while SAs come and go: each reader ends with the set, older SAs first. */
static void
a_long_snapshot_comes_in_parts(void **state)
{
	enum { MANY = 6000 };
	struct ear e;
	uint32_t next = 0x10000 + MANY, old = 0x10000;
	const struct sa_rec *want, *is;
	size_t spins, at = 0, of = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		put_child(0x10000 + i);
	e = come();
	for (spins = 0; !e.current && !e.over && spins < SPINS; spins++) {
		(void)ev_run(loop, EVRUN_NOWAIT);
		hear(&e, 8192);
		if (spins % 8 != 0)
			continue;
		put_child(next++);
		/* Again, before and behind the place where the snapshot is. */
		for (uint32_t i = 0; i < 3; i++)
			if (is_there(next - 1 - i * 1900 - (uint32_t)spins))
				put_child(next - 1 - i * 1900 - (uint32_t)spins);
		put_delete(old);
		put_delete(next - 4000);
		old += 7;
	}
	hear_all(&e);
	assert_true(e.current && !e.over && !e.back && next > 0x10000 + MANY + 10);
	while ((want = sa_set_next(mirror, &at, NULL)) != NULL) {
		is = sa_set_next(e.set, &of, NULL);
		assert_true(is != NULL && sa_same_identity(want, is));
	}
	assert_null(sa_set_next(e.set, &of, NULL));
	go(&e);
}

/* One that reads nothing is disconnected: by the length of its queue, or after a while. The others go on. */
static void
a_stalled_reader_is_dropped(void **state)
{
	struct ear good, bad;
	uint32_t spi;
	size_t spins;

	(void)state;
	good = come();
	bad = come();
	/* Far more than the queue; the set stays small. */
	for (spi = 1; spi <= 12000; spi++) {
		put_child(spi);
		put_delete(spi);
		if (spi % 64 == 0)
			hear_all(&good);
	}
	hear_all(&good);
	assert_true(good.current && !good.over && good.last == spi - 1);
	for (spins = 0; !bad.over && spins < SPINS; spins++)
		hear(&bad, SIZE_MAX);
	assert_true(bad.over && bad.last < 12000);
	go(&bad);

	bad = come();
	for (; spi <= 13000; spi++) {
		put_child(spi);
		put_delete(spi);
		if (spi % 64 == 0)
			hear_all(&good);
	}
	/* Its queue is not full; the timer of the loop ends it. */
	for (spins = 0; spins < 100; spins++) {
		(void)usleep(STALL_MS * 1000 / 20);
		hear_all(&good);
	}
	for (spins = 0; !bad.over && spins < SPINS; spins++)
		hear(&bad, SIZE_MAX);
	assert_true(bad.over && bad.last < 13000);
	assert_true(!good.over && good.last == 13000);
	assert_int_equal(notes, 2);
	go(&bad);
	go(&good);
}

static void
the_oldest_of_too_many_is_dropped(void **state)
{
	struct ear e[RECORD_SHARE_READERS + 2];

	(void)state;
	for (size_t i = 0; i < RECORD_SHARE_READERS + 2; i++)
		e[i] = come();
	put_child(0x200);
	for (size_t i = 0; i < RECORD_SHARE_READERS + 2; i++) {
		hear_all(&e[i]);
		hear_all(&e[i]);
		assert_true(e[i].over == (i < 2) && e[i].current);
		assert_true(i < 2 ? e[i].last == 0 : e[i].last == 0x200);
	}
	assert_int_equal(notes, 2);
	/* One that leaves makes room. */
	(void)close(e[4].fd);
	e[4].fd = -1;
	(void)ev_run(loop, EVRUN_NOWAIT);
	go(&e[0]);
	e[0] = come();
	hear_all(&e[0]);
	hear_all(&e[2]);
	assert_true(e[0].current && e[0].last == 0x200 && !e[2].over);
	assert_int_equal(notes, 2);
	for (size_t i = 0; i < RECORD_SHARE_READERS + 2; i++)
		go(&e[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_late_reader_gets_what_is_and_what_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_snapshot_comes_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stalled_reader_is_dropped, setup_stall, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_of_too_many_is_dropped, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
