/* The sharing of a GRE device: who gets which packet, and who is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "gre/attach_priv.h"
#include "gre/uses.h"
#include "os/unixsock.h"

#define LEN	24

static struct ev_loop *loop;
static struct gre_hub *hub;
static char dir[] = "/tmp/gre-attach-XXXXXX";
static const struct gre_info info = { .tun = "gre-test", .ifindex = 7, .has_key = true, .key = 42, .mtu = 1400 };
static struct addr sent_to;
static uint8_t sent[64];
static size_t n_sent, sent_len;

static void
on_send(void *ctx, const struct addr *nbma, struct span nhrp)
{
	(void)ctx;
	sent_to = *nbma;
	sent_len = nhrp.len;
	if (nhrp.len > 0 && nhrp.len <= sizeof(sent))
		memcpy(sent, nhrp.p, nhrp.len);
	n_sent++;
}

/* The client waits for the owner's answer: the owner runs in a thread meanwhile. */
static atomic_bool over;

static void *
serve(void *ctx)
{
	(void)ctx;
	while (!over) {
		ev_run(loop, EVRUN_NOWAIT);
		(void)usleep(500);
	}
	return (NULL);
}

static struct gre_attach *
attach(unsigned wants, struct fault *f)
{
	struct gre_attach *a;
	pthread_t t;

	over = false;
	assert_int_equal(pthread_create(&t, NULL, serve, NULL), 0);
	a = gre_attach("gre-test", wants, 0, f);
	over = true;
	assert_int_equal(pthread_join(t, NULL), 0);
	return (a);
}

static int
begin(void **state)
{
	struct fault f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	/* rundir.h: root's is /run/sapipe, which is shared by nobody else under this name. */
	assert_int_equal(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
	assert_non_null(loop = ev_loop_new(0));
	assert_non_null(hub = gre_hub_open(loop, &info, on_send, NULL, &f));
	return (0);
}

static int
end(void **state)
{
	char sub[64];

	(void)state;
	gre_hub_free(hub);
	ev_loop_destroy(loop);
	(void)snprintf(sub, sizeof(sub), "%s/sapipe", dir);
	(void)rmdir(sub);
	(void)rmdir(dir);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	return (0);
}

/* An NHRP packet of ${type}, as far as the hub looks at it. */
static struct gre_msg
packet(uint8_t b[LEN], uint8_t type)
{
	struct gre_msg m = { .kind = GRE_MSG_NHRP, .data = span_of(b, LEN) };

	memset(b, 0xaa, LEN);
	b[17] = type;
	assert_int_equal(addr_parse(&m.nbma, "192.0.2.9"), 0);
	return (m);
}

static void
test_info_and_both_ways(void **state)
{
	uint8_t b[LEN];
	struct gre_info changed = info;
	struct gre_attach *a;
	struct gre_msg m;
	struct fault f;

	(void)state;
	assert_non_null(a = attach(GRE_SERVES | GRE_SAMPLES, &f));
	assert_memory_equal(gre_attach_info(a), &info, sizeof(info));
	assert_int_equal(gre_attach_receive(a, &m, &f), 0);
	assert_true(gre_hub_samples(hub));
	m = packet(b, 3);
	assert_int_equal(gre_hub_give(hub, &m), 1);
	assert_int_equal(gre_attach_receive(a, &m, &f), 1);
	assert_int_equal(m.kind, GRE_MSG_NHRP);
	assert_true(span_eq(m.data, span_of(b, LEN)));
	assert_int_equal(m.nbma.b[3], 9);
	m.kind = GRE_MSG_SAMPLE;
	m.proto = 0x0800;
	m.data = span_of(b, 20);
	assert_int_equal(gre_hub_give(hub, &m), 1);
	assert_int_equal(gre_attach_receive(a, &m, &f), 1);
	assert_int_equal(m.kind, GRE_MSG_SAMPLE);
	assert_int_equal(m.proto, 0x0800);
	assert_int_equal(m.data.len, 20);
	changed.mtu = 1300;
	gre_hub_info(hub, &changed);
	assert_int_equal(gre_attach_receive(a, &m, &f), 1);
	assert_int_equal(m.kind, GRE_MSG_INFO);
	assert_int_equal(gre_attach_info(a)->mtu, 1300);
	n_sent = 0;
	assert_int_equal(addr_parse(&m.nbma, "2001:db8::7"), 0);
	assert_int_equal(gre_attach_send(a, &m.nbma, span_of(b, LEN), &f), 0);
	ev_run(loop, EVRUN_NOWAIT);
	assert_int_equal(n_sent, 1);
	assert_int_equal(sent_len, LEN);
	assert_memory_equal(sent, b, LEN);
	assert_int_equal(addr_cmp(&sent_to, &m.nbma), 0);
	assert_int_equal(gre_attach_send(a, &m.nbma, span_of(b, GRE_ATTACH_MAX + 1), &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	gre_attach_free(a);
	ev_run(loop, EVRUN_NOWAIT);
	assert_false(gre_hub_samples(hub));
}

/* Requests are for one tool, answers for all: a question works beside a server. */
static void
test_who_gets_what(void **state)
{
	static const struct { uint8_t type; bool answer; } types[] = { { 1, false }, { 2, true }, { 3, false }, { 4, true },
		{ 5, false }, { 6, true }, { 7, true }, { 8, false }, { 200, false } };
	struct gre_attach *server, *asks;
	uint8_t b[LEN];
	struct gre_msg m;
	struct fault f;

	(void)state;
	assert_non_null(server = attach(GRE_SERVES, &f));
	assert_non_null(asks = attach(0, &f));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		m = packet(b, types[i].type);
		assert_int_equal(gre_hub_give(hub, &m), types[i].answer ? 2 : 1);
		assert_int_equal(gre_attach_receive(server, &m, &f), 1);
		assert_int_equal(gre_attach_receive(asks, &m, &f), types[i].answer);
	}
	/* Too short to have a type. */
	m = packet(b, 2);
	m.data.len = 17;
	assert_int_equal(gre_hub_give(hub, &m), 1);
	m.kind = GRE_MSG_SAMPLE;
	assert_int_equal(gre_hub_give(hub, &m), 0);
	assert_null(attach(GRE_SERVES, &f));
	assert_int_equal(f.code, FAULT_CLAIMED);
	gre_attach_free(server);
	gre_attach_free(asks);
	ev_run(loop, EVRUN_NOWAIT);
	assert_non_null(server = attach(GRE_SERVES, &f));
	gre_attach_free(server);
	ev_run(loop, EVRUN_NOWAIT);
}

static void
test_slow_tool_loses_alone(void **state)
{
	static uint8_t big[GRE_ATTACH_MAX];
	struct gre_attach *slow, *quick;
	struct gre_msg m, got;
	struct fault f;

	(void)state;
	assert_non_null(slow = attach(0, &f));
	assert_non_null(quick = attach(0, &f));
	m = packet(big, 2);
	m.data.len = sizeof(big);
	for (int i = 0; i < 100; i++) {
		assert_true(gre_hub_give(hub, &m) >= 1);
		assert_int_equal(gre_attach_receive(quick, &got, &f), 1);
		assert_int_equal(got.data.len, sizeof(big));
	}
	assert_true(gre_hub_lost(hub) > 0);
	gre_attach_free(slow);
	gre_attach_free(quick);
	ev_run(loop, EVRUN_NOWAIT);
}

static void
test_owner_ends(void **state)
{
	struct gre_attach *a;
	struct gre_msg m;
	struct fault f;

	(void)state;
	assert_non_null(a = attach(0, &f));
	gre_hub_free(hub);
	assert_int_equal(gre_attach_receive(a, &m, &f), -1);
	assert_int_equal(f.code, FAULT_UNREACHABLE);
	gre_attach_free(a);
	assert_null(gre_attach("gre-test", 0, 50, &f));
	assert_int_equal(f.code, FAULT_UNREACHABLE);
	assert_null(gre_attach("../x", 0, 0, &f));
	assert_int_equal(f.code, FAULT_CONFIG);
	assert_non_null(hub = gre_hub_open(loop, &info, on_send, NULL, &f));
	assert_null(gre_hub_open(loop, &info, on_send, NULL, &f));
	assert_int_equal(f.code, FAULT_CLAIMED);
}

static void
test_too_many_tools(void **state)
{
	struct gre_attach *a[GRE_ATTACH_TOOLS];
	struct fault f;

	(void)state;
	for (size_t i = 0; i < GRE_ATTACH_TOOLS; i++)
		assert_non_null(a[i] = attach(0, &f));
	assert_null(attach(0, &f));
	assert_int_equal(f.code, FAULT_CLAIMED);
	for (size_t i = 0; i < GRE_ATTACH_TOOLS; i++)
		gre_attach_free(a[i]);
	ev_run(loop, EVRUN_NOWAIT);
}

/* What another program may write to the socket: each ends its connection, nothing is sent, and the owner goes on. */
static void
test_nonsense(void **state)
{
	struct attach_head h = { .version = ATTACH_VERSION, .kind = ATTACH_NHRP, .nbma = { .family = 4 } };
	struct { const void *p; size_t len; } bad[] = {
		{ "x", 1 }, { &h, sizeof(h) - 1 },	/* too short */
		{ &h, sizeof(h) },			/* no greeting before it */
		{ NULL, ATTACH_MSG + 1 },		/* too long */
		{ NULL, sizeof(h) },			/* addresses of no family */
	};
	uint8_t *big = malloc(ATTACH_MSG + 1);
	char name[ATTACH_NAME];
	struct span data;
	struct fault f;
	int fd;

	(void)state;
	assert_non_null(big);
	memset(big, 0x77, ATTACH_MSG + 1);
	n_sent = 0;
	assert_int_equal(attach_name(name, "gre-test", &f), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true((fd = unixsock_connect_packets(name, &f)) != -1);
		ev_run(loop, EVRUN_NOWAIT);
		assert_int_equal(write(fd, bad[i].p != NULL ? bad[i].p : big, bad[i].len), bad[i].len);
		ev_run(loop, EVRUN_NOWAIT);
		assert_int_equal(attach_get(fd, big, &h, &data), -1);
		(void)close(fd);
		memset(big, 0x77, ATTACH_MSG + 1);
		h = (struct attach_head){ .version = ATTACH_VERSION, .kind = ATTACH_NHRP, .nbma = { .family = 4 } };
	}
	/* Of another version: it is told ours, and goes. */
	h = (struct attach_head){ .version = ATTACH_VERSION + 1, .kind = ATTACH_HELLO };
	assert_true((fd = unixsock_connect_packets(name, &f)) != -1);
	assert_int_equal(attach_put(fd, &h, SPAN_NONE), 0);
	ev_run(loop, EVRUN_NOWAIT);
	ev_run(loop, EVRUN_NOWAIT);
	assert_int_equal(attach_get(fd, big, &h, &data), 1);
	assert_int_equal(h.version, ATTACH_VERSION);
	assert_int_equal(attach_get(fd, big, &h, &data), -1);
	(void)close(fd);
	assert_int_equal(n_sent, 0);
	free(big);
}

static void
test_uses(void **state)
{
	static struct uses u;
	static uint8_t b[GRE_ATTACH_MAX];
	struct gre_msg m = { .kind = GRE_MSG_USED }, got;
	struct gre_attach *a, *other;
	struct addr x = { 4, { 192, 0, 2, 1 }, 0 }, y = { 6, { 0x20, 1, 0xd, 0xb8, [15] = 7 }, 0 }, z;
	struct fault f;
	size_t i, n4 = 0, n6 = 0;

	(void)state;
	/* Nobody wants them: they are not counted. */
	assert_non_null(other = attach(GRE_SERVES, &f));
	assert_false(gre_hub_uses(hub));
	assert_non_null(a = attach(GRE_USES, &f));
	assert_true(gre_hub_uses(hub));
	assert_true(uses_add(&u, &x));
	assert_false(uses_add(&u, &y));
	assert_false(uses_add(&u, &x));
	m.data = span_of(b, uses_take(&u, b));
	assert_int_equal(m.data.len, 2 * GRE_USE_BYTES);
	assert_int_equal(gre_hub_give(hub, &m), 1);
	assert_int_equal(gre_attach_receive(other, &got, &f), 0);
	assert_int_equal(gre_attach_receive(a, &got, &f), 1);
	assert_int_equal(got.kind, GRE_MSG_USED);
	for (i = 0; gre_use_get(&got, i, &z); i++) {
		n4 += addr_cmp(&z, &x) == 0;
		n6 += addr_cmp(&z, &y) == 0;
	}
	assert_int_equal(i, 2);
	assert_int_equal(n4, 1);
	assert_int_equal(n6, 1);
	/* They are forgotten. More than fit: a message of the greatest size, whose last stands for any. */
	assert_true(uses_add(&u, &x));
	for (i = 0; i < 5000; i++) {
		put_be32(x.b, (uint32_t)i * 0x9e3779b1u);
		(void)uses_add(&u, &x);
	}
	m.data = span_of(b, uses_take(&u, b));
	assert_true(m.data.len <= GRE_ATTACH_MAX);
	assert_int_equal(gre_hub_give(hub, &m), 1);
	assert_int_equal(gre_attach_receive(a, &got, &f), 1);
	for (i = 0; gre_use_get(&got, i, &z); i++)
		continue;
	assert_int_equal(z.family, 0);
	gre_attach_free(a);
	ev_run(loop, EVRUN_NOWAIT);
	assert_false(gre_hub_uses(hub));
	gre_attach_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_info_and_both_ways, begin, end),
		cmocka_unit_test_setup_teardown(test_who_gets_what, begin, end),
		cmocka_unit_test_setup_teardown(test_slow_tool_loses_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_owner_ends, begin, end),
		cmocka_unit_test_setup_teardown(test_too_many_tools, begin, end),
		cmocka_unit_test_setup_teardown(test_uses, begin, end),
		cmocka_unit_test_setup_teardown(test_nonsense, begin, end),
	};

	return (cmocka_run_group_tests_name("gre-attach", tests, NULL, NULL));
}
