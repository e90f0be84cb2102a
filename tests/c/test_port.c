/* Shared UDP ports in one process: framing, addresses, batches, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ev.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "port/port.h"
#include "port/port_msg.h"
#include "port/port_table.h"

struct seen {
	size_t		ike, esp, unreach, records;
	struct endpoint	local, remote;
	uint8_t		last[70000];
	size_t		last_len, esp_bytes;
	int		err;
	uint8_t		marker;		/* of the latest ESP */
	uint32_t	spis[16];	/* of the first ones, in order */
	struct ports	*set;		/* see_stray() registers ${own} there */
	uint32_t	own;
	size_t		strays;
};

static void
see_ike(void *ctx, const struct pkt *d)
{
	struct seen *s = ctx;

	s->ike++;
	s->local = d->local;
	s->remote = d->remote;
	memcpy(s->last, d->p, d->len);
	s->last_len = d->len;
}

static void
see_esp(void *ctx, struct pkt *d, size_t n)
{
	struct seen *s = ctx;
	size_t i;

	for (i = 0; i < n; i++) {
		assert_int_equal(d[i].seg, 0);
		assert_int_equal(d[i].proto, IPPROTO_UDP);
		s->marker = d[i].marker;
		if (s->esp < 16)
			s->spis[s->esp] = get_be32(d[i].p);
		s->esp++;
		s->esp_bytes += d[i].len;
		s->local = d[i].local;
		s->remote = d[i].remote;
		memcpy(s->last, d[i].p, d[i].len);
		s->last_len = d[i].len;
	}
}

static void
see_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err,
    uint32_t mtu)
{
	struct seen *s = ctx;

	(void)local;
	(void)mtu;
	s->unreach++;
	s->remote = *remote;
	s->err = err;
}

static void
see_stray(void *ctx)
{
	struct seen *s = ctx;
	struct fault f;

	s->strays++;
	if (s->own != 0)
		assert_int_equal(ports_serve_spi(s->set, s->own, NULL, &f), 0);
}

static const struct ports_calls calls = { .ike = see_ike, .esp = see_esp, .stray = see_stray,
    .unreachable = see_unreachable };

/* Two ends on loopback, each with an IKE and a NAT-T port. */
struct pair {
	struct ev_loop	*loop;
	struct ports	*set[2];
	struct seen	 seen[2];
	struct endpoint	 at[2][2];	/* end, role */
};

static struct pair *
pair_make(const char *a, const char *b)
{
	struct pair *t = calloc(1, sizeof(*t));
	struct ports_opt opt = { .data_path = true };
	struct fault f = {0};
	int i, role;

	assert_non_null(t);
	t->loop = ev_loop_new(EVFLAG_AUTO);
	for (i = 0; i < 2; i++) {
		t->set[i] = ports_new(t->loop, &opt, &calls, &t->seen[i], &f);
		assert_non_null(t->set[i]);
		for (role = 0; role < 2; role++) {
			assert_int_equal(addr_parse(&t->at[i][role].addr, i == 0 ? a : b), 0);
			if (ports_open(t->set[i], &t->at[i][role], (enum port_role)role, 0, &f) != 0)
				fail_msg("%s", f.what);
			assert_true(t->at[i][role].port != 0);
		}
	}
	return (t);
}

static void
pair_free(struct pair *t)
{
	ports_free(t->set[0]);
	ports_free(t->set[1]);
	ev_loop_destroy(t->loop);
	free(t);
}

static void
spin(struct ev_loop *loop)
{
	int i;

	for (i = 0; i < 20; i++) {
		ev_sleep(0.0005);
		ev_run(loop, EVRUN_NOWAIT);
	}
}

static const uint8_t cky_i[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, cky_r[8] = { 9, 9 }, cky_0[8];

static void
put_ike(uint8_t *b, size_t len, const uint8_t *i, const uint8_t *r)
{
	memset(b, 0x5a, len);
	memcpy(b, i, 8);
	memcpy(b + 8, r, 8);
}

static void
carries_ike_on_both_ports(void **state)
{
	static const char *const ends[][2] = { { "127.0.0.1", "127.0.0.2" }, { "::1", "::1" } };
	struct pair *t;
	struct fault f;
	uint8_t ike[100];
	size_t k;
	int role;

	(void)state;
	for (k = 0; k < 2; k++) {
		t = pair_make(ends[k][0], ends[k][1]);
		assert_int_equal(ports_serve_cookies(t->set[1], cky_i, cky_r, &f), 0);
		for (role = 0; role < 2; role++) {
			put_ike(ike, sizeof(ike), cky_i, cky_r);
			ike[99] = (uint8_t)role;
			assert_int_equal(ports_send_ike(t->set[0], &t->at[0][role], &t->at[1][role],
			    SPAN_ARRAY(ike), &f), 0);
			spin(t->loop);
			assert_int_equal(t->seen[1].ike, role + 1);
			assert_int_equal(t->seen[1].last_len, sizeof(ike));
			assert_memory_equal(t->seen[1].last, ike, sizeof(ike));
			assert_true(endpoint_eq(&t->seen[1].local, &t->at[1][role]));
			assert_true(endpoint_eq(&t->seen[1].remote, &t->at[0][role]));
		}
		assert_int_equal(t->seen[1].esp, 0);
		pair_free(t);
	}
}

static void
gives_ike_only_to_whom_it_serves(void **state)
{
	struct pair *t = pair_make("127.0.0.1", "127.0.0.1");
	struct fault f;
	uint8_t ike[28];
	size_t want = 0;
	unsigned i;

	(void)state;
	/* Of each: stranger, half known, known, new; then the same with a responder. */
	for (i = 0; i < 8; i++) {
		if (i == 1)
			assert_int_equal(ports_serve_cookies(t->set[1], cky_i, cky_0, &f), 0);
		if (i == 2) {
			ports_unserve_cookies(t->set[1], cky_i, cky_0);
			assert_int_equal(ports_serve_cookies(t->set[1], cky_i, cky_r, &f), 0);
		}
		if (i == 3)
			ports_unserve_cookies(t->set[1], cky_i, cky_r);
		if (i == 4)
			ports_serve_new(t->set[1], NULL, true);
		put_ike(ike, sizeof(ike), cky_i, i % 4 == 3 ? cky_0 : cky_r);
		assert_int_equal(ports_send_ike(t->set[0], &t->at[0][0], &t->at[1][0],
		    SPAN_ARRAY(ike), &f), 0);
		spin(t->loop);
		want += i == 1 || i == 2 || i >= 4;
		assert_int_equal(t->seen[1].ike, want);
	}
	assert_int_equal(ports_stats(t->set[1])->unserved, 2);
	pair_free(t);
}

static void
carries_esp_in_batches_and_in_the_draft_form(void **state)
{
	static uint8_t big[40 * 1000 + 500];
	struct pair *t = pair_make("127.0.0.1", "127.0.0.1");
	struct pkt d[3];
	struct fault f;
	size_t off, want = 0, bytes = 0;
	int role;

	(void)state;
	for (off = 0; off < sizeof(big); off += 1000)
		put_be32(big + off, 0x11223344);
	assert_int_equal(ports_serve_spi(t->set[1], 0x11223344, NULL, &f), 0);
	for (role = 1; role >= 0; role--) {
		d[0] = (struct pkt){ .local = t->at[0][role], .remote = t->at[1][role],
		    .p = big, .len = 300 };
		d[1] = d[0];
		d[1].len = sizeof(big);
		d[1].seg = 1000;
		d[2] = d[0];
		d[2].len = 8;
		assert_int_equal(ports_send_esp(t->set[0], d, 3, &f), 3);
		spin(t->loop);
		want += 1 + 41 + 1;
		bytes += 300 + sizeof(big) + 8;
		assert_int_equal(t->seen[1].esp, want);
		assert_int_equal(t->seen[1].esp_bytes, bytes);
		assert_int_equal(t->seen[1].last_len, 8);
		assert_int_equal(t->seen[1].marker, role == PORT_NATT ? 0 : 8);
	}
	assert_int_equal(t->seen[1].ike, 0);
	pair_free(t);
}

/* The holder is asked before ESP goes around by others: what it registers then does not overtake, nor is it overtaken. */
static void
keeps_the_order_of_a_new_spi(void **state)
{
	static const uint32_t spi[] = { 0x1000, 0x2000, 0x2000, 0x1000, 0x3000 };
	struct pair *t = pair_make("127.0.0.1", "127.0.0.1");
	struct seen *s = &t->seen[1];
	uint8_t b[5][60] = {{0}};
	struct pkt d[5];
	struct fault f;

	(void)state;
	s->set = t->set[1];
	s->own = 0x2000;
	assert_int_equal(ports_serve_spi(t->set[1], 0x1000, NULL, &f), 0);
	for (size_t i = 0; i < 5; i++) {
		put_be32(b[i], spi[i]);
		d[i] = (struct pkt){ .local = t->at[0][1], .remote = t->at[1][1], .p = b[i], .len = 20 + i };
	}
	assert_int_equal(ports_send_esp(t->set[0], d, 4, &f), 4);
	spin(t->loop);
	assert_int_equal(s->esp, 4);
	assert_memory_equal(s->spis, spi, 4 * sizeof(spi[0]));
	assert_int_equal(s->strays, 1);
	/* One that it does not know goes on to others, or back to it as one of no holder. */
	assert_int_equal(ports_send_esp(t->set[0], d + 4, 1, &f), 1);
	spin(t->loop);
	assert_int_equal(s->esp, 5);
	assert_int_equal(s->strays, 2);
	pair_free(t);
}

static void
drops_keepalives_and_truncated_datagrams(void **state)
{
	struct pair *t = pair_make("127.0.0.1", "127.0.0.1");
	struct fault f;
	uint8_t b[28] = {0};
	size_t len;

	(void)state;
	ports_serve_new(t->set[1], NULL, true);
	ports_send_keepalive(t->set[0], &t->at[0][1], &t->at[1][1]);
	for (len = 0; len < 28; len++)
		assert_int_equal(ports_send_ike(t->set[0], &t->at[0][1], &t->at[1][1],
		    span_of(b, len), &f), 0);
	spin(t->loop);
	assert_int_equal(ports_stats(t->set[1])->keepalives, 1);
	assert_int_equal(ports_stats(t->set[1])->dropped_short, 28);
	assert_int_equal(t->seen[1].ike + t->seen[1].esp, 0);
	pair_free(t);
}

static void
hints_at_a_closed_port(void **state)
{
	struct pair *t = pair_make("127.0.0.1", "127.0.0.1");
	struct endpoint gone = t->at[1][0];
	struct fault f;
	uint8_t ike[60];
	int i;

	(void)state;
	ports_free(t->set[1]);
	t->set[1] = NULL;
	put_ike(ike, sizeof(ike), cky_i, cky_0);
	for (i = 0; i < 5; i++)		/* an earlier error must not fail a later send */
		assert_int_equal(ports_send_ike(t->set[0], &t->at[0][0], &gone, SPAN_ARRAY(ike),
		    &f), 0);
	spin(t->loop);
	assert_true(t->seen[0].unreach >= 1);
	assert_int_equal(t->seen[0].err, 111 /* ECONNREFUSED */);
	assert_true(endpoint_eq(&t->seen[0].remote, &gone));
	pair_free(t);
}

static void
names_what_is_wrong_with_a_port(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct ports_opt opt = {0};
	struct fault f = {0};
	struct ports *set = ports_new(loop, &opt, &calls, NULL, &f);
	struct endpoint e = { .port = 0 }, to = { .port = 500 };
	struct addr from;
	uint8_t ike[28] = {0};

	(void)state;
	assert_int_equal(addr_parse(&e.addr, "198.51.100.77"), 0);
	assert_int_equal(ports_open(set, &e, PORT_IKE, 0, &f), -1);
	assert_int_equal(f.code, FAULT_BAD_ADDRESS);
	assert_int_equal(addr_parse(&e.addr, "127.0.0.1"), 0);
	e.port = 40999;
	assert_int_equal(ports_open(set, &e, PORT_IKE, PORTS_JOIN_ONLY, &f), -1);
	assert_int_equal(f.code, FAULT_UNREACHABLE);
	assert_int_equal(ports_send_ike(set, &e, &e, SPAN_ARRAY(ike), &f), -1);
	assert_int_equal(f.code, FAULT_SYSTEM);
	assert_int_equal(addr_parse(&to.addr, "127.0.0.9"), 0);
	assert_int_equal(ports_source(&from, &to, 0, &f), 0);
	assert_int_equal(from.family, 4);
	assert_int_equal(from.b[0], 127);
	ports_free(set);
	ports_free(NULL);
	ev_loop_destroy(loop);
}

static void
keeps_a_table_of_keys(void **state)
{
	struct serve_table t = {0};
	struct serve_key k, list[100];
	uint8_t c[8] = {0};
	size_t at = 0, n, total = 0;
	uint32_t i;

	(void)state;
	for (i = 1; i <= 5000; i++) {
		put_be32(c, i);
		k = serve_key_cookies(c, cky_r);
		assert_true(serve_key_valid(&k));
		assert_int_equal(serve_put(&t, &k), 1);
		assert_int_equal(serve_put(&t, &k), 0);
	}
	for (i = 1; i <= 5000; i += 2) {
		put_be32(c, i);
		k = serve_key_cookies(c, cky_r);
		assert_true(serve_drop(&t, &k));
		assert_false(serve_drop(&t, &k));
	}
	for (i = 1; i <= 5000; i++) {
		put_be32(c, i);
		k = serve_key_cookies(c, cky_r);
		assert_int_equal(serve_has(&t, &k), i % 2 == 0);
	}
	while ((n = serve_list(&t, &at, list, 100)) > 0)
		total += n;
	assert_int_equal(total, 2500);
	serve_clear(&t);
	assert_false(serve_has(&t, &k));
}

static void
refuses_malformed_words_of_holders(void **state)
{
	uint8_t b[PORT_MSG_HDR + 60] = {0};
	struct port_msg m = { .type = PM_IKE, .body = span_of(b + PORT_MSG_HDR, 60) }, got;
	size_t i;

	(void)state;
	m.local.addr.family = m.remote.addr.family = 4;
	m.local.port = 4500;
	m.remote.port = 1024;
	m.ifindex = 7;
	port_msg_put(b, &m);
	assert_int_equal(port_msg_get(&got, SPAN_ARRAY(b)), 0);
	assert_int_equal(got.type, PM_IKE);
	assert_int_equal(got.remote.port, 1024);
	assert_int_equal(got.ifindex, 7);
	assert_int_equal(got.body.len, 60);
	for (i = 0; i < PORT_MSG_HDR + 28; i++)
		assert_int_equal(port_msg_get(&got, span_of(b, i)), -1);
	b[6] = 5;
	assert_int_equal(port_msg_get(&got, SPAN_ARRAY(b)), -1);
	m.type = PM_ESP;
	for (m.seg = 1; m.seg < 70; m.seg++) {	/* 60 bytes: no piece may be shorter than 8 */
		port_msg_put(b, &m);
		assert_int_equal(port_msg_get(&got, SPAN_ARRAY(b)) == 0,
		    m.seg >= 8 && (60 % m.seg == 0 || 60 % m.seg >= 8));
	}
	m = (struct port_msg){ .type = PM_SERVE, .body = m.body };
	port_msg_put(b, &m);
	assert_int_equal(port_msg_get(&got, SPAN_ARRAY(b)), -1);
	assert_int_equal(port_msg_get(&got, span_of(b, PORT_MSG_HDR + 48)), 0);
	b[8] = 1;	/* an address where none belongs */
	assert_int_equal(port_msg_get(&got, span_of(b, PORT_MSG_HDR + 48)), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_ike_on_both_ports),
		cmocka_unit_test(gives_ike_only_to_whom_it_serves),
		cmocka_unit_test(carries_esp_in_batches_and_in_the_draft_form),
		cmocka_unit_test(keeps_the_order_of_a_new_spi),
		cmocka_unit_test(drops_keepalives_and_truncated_datagrams),
		cmocka_unit_test(hints_at_a_closed_port),
		cmocka_unit_test(names_what_is_wrong_with_a_port),
		cmocka_unit_test(keeps_a_table_of_keys),
		cmocka_unit_test(refuses_malformed_words_of_holders),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
