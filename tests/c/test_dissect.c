/* Negotiations of the two machines watched from outside, with their keys and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pki.h"
#include "trace/dissect.h"
#include "sim.h"

#define SEEN	64

static struct {
	size_t		n;
	struct v1_seen	d[SEEN];
	uint8_t		*data[SEEN];
} tape;

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct v1_seen *d = &tape.d[tape.n];

	(void)s;
	assert_true(tape.n < SEEN);
	tape.data[tape.n] = malloc(len);
	assert_non_null(tape.data[tape.n]);
	memcpy(tape.data[tape.n], data, len);
	d->data = span_of(tape.data[tape.n], len);
	d->number = ++tape.n;
	d->src = from == 0 ? sim_left : sim_right;
	d->dst = from == 0 ? sim_right : sim_left;
	return (true);
}

static void
tape_free(void)
{
	while (tape.n > 0)
		free(tape.data[--tape.n]);
}

/* What each test begins with: two ends that can agree, and nothing known of their keys. */
static struct ike_policy l, r;
static struct sa_set *keys;

static struct ike_policy
policy(const char *a, const char *b)
{
	return (sim_policy("a shared secret", a, b, "aes128-sha256-modp1024,aes256-sha1-modp1024",
	    "aes128-sha256-modp1024"));
}

static int
set_up(void **state)
{
	(void)state;
	l = policy("left.example", "right.example");
	r = policy("right.example", "left.example");
	return ((keys = sa_set_new()) != NULL ? 0 : -1);
}

static int
tear_down(void **state)
{
	(void)state;
	ike_policy_wipe(&l);
	ike_policy_wipe(&r);
	sa_set_free(keys);
	tape_free();
	return (0);
}

/* Runs a negotiation onto the tape; keys get the record of end ${of}, -1: of none. */
static void
record(int of)
{
	struct sim sim;
	struct sa_rec rec = { .type = SA_IKE };
	struct ike_outbox out = {0};
	struct fault f;

	sim_networks(&l, &r, "10.1.0.0/24", "10.2.0.0/24");
	sim_init(&sim, &l, &r, 3);
	sim.tap = tap;
	assert_int_equal(sim_connect(&sim, &l, true, &f), 0);
	sim_run(&sim, 3000, NULL);
	assert_int_equal(sim.end[1].n_children, 1);
	if (of >= 0) {
		assert_int_equal(sa_ike_copy(&rec.ike, &sim.end[of].ike), 0);
		assert_int_equal(sa_set_apply(keys, 0, &rec, NULL, NULL, &f), SA_DONE);
		sa_rec_wipe(&rec);
	}
	ike_engine_shutdown(sim.end[0].engine, sim.now, &out);
	sim_flush(&sim, 0, &out);
	sim_free(&sim);
}

/* The words of all payloads of ${m}, line by line. */
static const char *
words(const struct v1_told *m)
{
	static char all[65536];
	char one[V1_WORDS];
	size_t i, len = 0;

	all[0] = '\0';
	for (i = 0; i < m->msg.n; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s",
		    v1_told_words(one, sizeof(one), m, i, false));
	return (all);
}

static void
says(const struct v1_told *m, const char *text)
{
	if (strstr(words(m), text) == NULL)
		fail_msg("not in it: %s\n%s", text, words(m));
}

static void
main_mode(void **state)
{
	static const struct { uint8_t exchange; unsigned message; const char *word; } want[] = {
		{ EXCHANGE_MAIN, 1, "aes256-sha1-modp1024, PSK, 28800 s" },
		{ EXCHANGE_MAIN, 2, "aes128-sha256-modp1024, PSK, 28800 s" },
		{ EXCHANGE_MAIN, 3, "of the receiver: is 192.0.2.2:500, no NAT" },
		{ EXCHANGE_MAIN, 4, "of the sender: is 192.0.2.2:500, no NAT" },
		{ EXCHANGE_MAIN, 5, "ID_FQDN left.example" },
		{ EXCHANGE_MAIN, 6, "ID_FQDN right.example" },
		{ EXCHANGE_QUICK, 1, "initiator's side: 10.1.0.0/24" },
		{ EXCHANGE_QUICK, 2, "responder's side: 10.2.0.0/24" },
		{ EXCHANGE_QUICK, 3, "" },
		{ EXCHANGE_INFO, 1, "ESP " },
		{ EXCHANGE_INFO, 1, "ISAKMP " },
	};
	struct v1_trace *t = v1_trace_new(keys);
	struct v1_told m;
	struct fault f;
	size_t i;

	(void)state;
	record(1);
	assert_int_equal(tape.n, sizeof(want) / sizeof(want[0]));
	for (i = 0; i < tape.n; i++) {
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_int_equal(m.msg.hdr.exchange, want[i].exchange);
		assert_int_equal(m.message, want[i].message);
		assert_int_equal(m.new_sa, i == 0);
		assert_int_equal(m.sa, 1);
		assert_int_equal(m.again_of, 0);
		assert_true(m.readable && m.sure);
		assert_int_equal(m.by_initiator, addr_cmp(&tape.d[i].src.addr, &sim_left.addr) == 0);
		assert_int_equal(m.open, i < 4 ? V1_OPEN_CLEAR : V1_OPEN_DONE);
		assert_int_equal(m.proof, i < 4 ? V1_PROOF_NONE : V1_PROOF_GOOD);
		says(&m, want[i].word);
	}
	/* a retransmission is known again, and does not disturb the IVs of what follows */
	assert_int_equal(v1_trace_take(t, &tape.d[6], &m, &f), 0);
	assert_int_equal(m.again_of, 7);
	assert_int_equal(m.again, 1);
	v1_trace_free(t);

	/* without the keys, payloads in clear are described and the rest is not */
	t = v1_trace_new(NULL);
	for (i = 0; i < tape.n; i++) {
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_int_equal(m.open, i < 4 ? V1_OPEN_CLEAR : V1_OPEN_NO_KEYS);
		assert_int_equal(m.readable, i < 4);
	}
	v1_trace_free(t);

	/* a capture that begins after phase 1: the state's IV serves, and it knows who is who */
	t = v1_trace_new(keys);
	for (i = 7; i < tape.n; i++) {
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_true(m.sure);
		assert_int_equal(m.by_initiator, addr_cmp(&tape.d[i].src.addr, &sim_left.addr) == 0);
		/* the first quick message is missing: its IV was what the second's follows from */
		assert_int_equal(m.open, i == 7 ? V1_OPEN_BAD : V1_OPEN_DONE);
	}
	v1_trace_free(t);
}

static void
aggressive_mode(void **state)
{
	struct v1_trace *t = v1_trace_new(keys);
	struct v1_told m;
	struct fault f;
	size_t i;

	(void)state;
	l.exchange = r.exchange = SA_AGGRESSIVE;
	record(0);
	assert_int_equal(tape.n, 8);
	for (i = 0; i < tape.n; i++) {
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_int_equal(m.msg.hdr.exchange, i < 3 ? EXCHANGE_AGGRESSIVE :
		    i < 6 ? EXCHANGE_QUICK : EXCHANGE_INFO);
		assert_true(m.readable);
		assert_int_equal(m.proof, i == 0 ? V1_PROOF_NONE : V1_PROOF_GOOD);
		if (i == 0)
			says(&m, "ID_FQDN left.example");
		if (i == 1)
			says(&m, "of the receiver: is 192.0.2.1:500, no NAT");
	}
	v1_trace_free(t);
}

/* What the whole capture shows of message ${i}. */
struct truth { unsigned message; bool by_initiator; };

static void
truth_of(struct truth truth[SEEN])
{
	struct v1_trace *t = v1_trace_new(keys);
	struct v1_told m;
	struct fault f;
	size_t i;

	for (i = 0; i < tape.n; i++) {
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_true(m.sure && !m.begun_before && !m.one_way);
		truth[i] = (struct truth){ m.message, m.by_initiator };
	}
	v1_trace_free(t);
}

/* A capture that begins anywhere: a message is described correctly, or reported as unknown. */
static void
begins_late(void **state)
{
	struct truth truth[SEEN];
	struct v1_trace *t;
	struct v1_told m;
	struct fault f;
	size_t i, from;
	int with, aggressive, unknown;

	for (aggressive = 0; aggressive < 2; aggressive++) {
		l.exchange = r.exchange = aggressive != 0 ? SA_AGGRESSIVE : SA_MAIN;
		record(0);
		truth_of(truth);
		for (from = 1; from < 9U - 3U * (unsigned)aggressive; from++)
			for (with = 0; with < 2; with++) {
				t = v1_trace_new(with != 0 ? keys : NULL);
				unknown = 0;
				for (i = from; i < tape.n; i++) {
					assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
					unknown += m.begun_before;
					/* Without keys a quick mode whose first messages are missing looks like a whole one. */
					if (!m.begun_before && !(with == 0 && m.msg.hdr.exchange == EXCHANGE_QUICK))
						assert_int_equal(m.message, truth[i].message);
					if (m.sure)
						assert_int_equal(m.by_initiator, truth[i].by_initiator);
					assert_false(m.one_way);
					assert_int_not_equal(m.proof, V1_PROOF_BAD);
				}
				assert_true(unknown <= 1);
				v1_trace_free(t);
			}
		/* From message 4: the state has the hash of the NAT-D payloads. */
		t = v1_trace_new(keys);
		assert_int_equal(v1_trace_take(t, &tape.d[3], &m, &f), 0);
		if (aggressive == 0)
			says(&m, "of the sender: is 192.0.2.2:500, no NAT");
		v1_trace_free(t);
		tear_down(state);
		(void)set_up(state);
	}
	/* Only message 3 of aggressive mode. */
	l.exchange = r.exchange = SA_AGGRESSIVE;
	record(-1);
	t = v1_trace_new(NULL);
	assert_int_equal(v1_trace_take(t, &tape.d[2], &m, &f), 0);
	assert_int_equal(m.message, 3);
	assert_true(m.sure && m.by_initiator);
	v1_trace_free(t);
}

/* A capture made from a log, with one source address: the exchange shows who sent what. */
static void
one_direction(void **state)
{
	struct truth truth[SEEN];
	struct v1_trace *t;
	struct v1_told m;
	struct fault f;
	size_t i, from, found;
	int aggressive;

	for (aggressive = 0; aggressive < 2; aggressive++) {
		l.exchange = r.exchange = aggressive != 0 ? SA_AGGRESSIVE : SA_MAIN;
		record(0);
		truth_of(truth);
		for (i = 0; i < tape.n; i++) {
			tape.d[i].src = sim_right;	/* not even that of the initiator */
			tape.d[i].dst = sim_left;
		}
		for (from = 0; from < (aggressive != 0 ? 4 : 7); from++) {
			t = v1_trace_new(keys);
			found = 0;
			for (i = from; i < tape.n; i++) {
				assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
				found += m.found_one_way;
				assert_int_not_equal(m.proof, V1_PROOF_BAD);
				if (m.msg.hdr.exchange == EXCHANGE_INFO)
					continue;	/* either end may send it */
				if (!m.begun_before && (from == 0 || found > 0))
					assert_int_equal(m.message, truth[i].message);
				if (m.sure && found > 0)
					assert_int_equal(m.by_initiator, truth[i].by_initiator);
				if (from == 0)
					assert_int_equal(m.proof == V1_PROOF_GOOD, m.msg.pl[0].type == PAYLOAD_HASH ||
					    isakmp_find(&m.msg, PAYLOAD_HASH, NULL) != NULL);
			}
			/* From message 6 on quick mode shows it. */
			if (found != 1)
				fail_msg("from message %zu, aggressive %d: found %zu times", from + 1, aggressive, found);
			assert_int_equal(v1_trace_take(t, &tape.d[from < 2 ? 1 : from], &m, &f), 0);
			assert_true(m.again_of != 0);
			v1_trace_free(t);
		}
		tear_down(state);
		(void)set_up(state);
	}
}

static void
moved(void **state)
{
	struct v1_trace *t = v1_trace_new(NULL);
	struct v1_told m;
	struct fault f;
	size_t i;

	(void)state;
	record(-1);
	for (i = 0; i < tape.n; i++) {
		if (i == 2)	/* as a NAT would show it */
			tape.d[i].src.port = 40000;
		if (i >= 4) {
			tape.d[i].src.port += 4000;
			tape.d[i].dst.port += 4000;
		}
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_int_equal(m.moved, i == 4);
		if (i == 2)
			says(&m, "of the sender: is not 192.0.2.1:40000, a NAT");
	}
	v1_trace_free(t);
}

/* A fragment of IKE that holds ${len} bytes of the tape's datagram ${of} from ${at}. */
static struct v1_seen
piece(size_t of, uint8_t number, bool last, size_t at, size_t len)
{
	static uint8_t out[8][2048];
	static unsigned turn;
	struct v1_seen d = tape.d[of];
	uint8_t *p = out[turn++ % 8];

	memcpy(p, d.data.p, ISAKMP_HDR_LEN);
	p[16] = PAYLOAD_FRAG;
	p[19] = 0;				/* in clear */
	put_be32(p + 24, (uint32_t)(ISAKMP_HDR_LEN + 8 + len));
	memcpy(p + ISAKMP_HDR_LEN, "\0\0\0\0\0\1", 6);
	put_be16(p + ISAKMP_HDR_LEN + 2, (uint16_t)(8 + len));
	p[ISAKMP_HDR_LEN + 6] = number;
	p[ISAKMP_HDR_LEN + 7] = last;
	memcpy(p + ISAKMP_HDR_LEN + 8, d.data.p + at, len);
	d.data = span_of(p, ISAKMP_HDR_LEN + 8 + len);
	d.number = 100 + turn;
	return (d);
}

/* Messages 5 and 6 in fragments of IKE, in any order: put together, opened, and what follows is opened too. */
static void
fragments(void **state)
{
	struct v1_trace *t = v1_trace_new(keys);
	struct v1_seen d[7], bad;
	struct v1_told m;
	struct fault f;
	size_t i, len;

	(void)state;
	record(0);
	for (i = 0; i < 4; i++)
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
	len = tape.d[4].data.len;
	d[0] = piece(4, 3, true, 40, len - 40);
	d[1] = piece(4, 1, false, 0, 30);
	d[2] = piece(4, 0, false, 0, 30);	/* numbers begin at 1 */
	d[3] = piece(4, 200, false, 0, 30);	/* too many */
	d[4] = piece(4, 4, false, 0, 30);	/* behind the last */
	d[5] = piece(4, 1, false, 5, 31);	/* the first of a number counts */
	d[6] = piece(4, 2, false, 30, 10);
	for (i = 0; i < 7; i++) {
		assert_int_equal(v1_trace_take(t, &d[i], &m, &f), 0);
		assert_int_equal(m.message, i < 6 ? 0 : 5);
		assert_int_equal(m.fragments, i < 6 ? 0 : 3);
		assert_true(m.readable && m.by_initiator);
	}
	assert_int_equal(m.open, V1_OPEN_DONE);
	assert_int_equal(m.proof, V1_PROOF_GOOD);
	says(&m, "ID_FQDN left.example");
	assert_int_equal(v1_trace_take(t, &d[6], &m, &f), 0);
	assert_int_equal(m.again_of, d[6].number);
	/* the other way; one fragment that is all */
	d[0] = piece(5, 1, true, 0, tape.d[5].data.len);
	assert_int_equal(v1_trace_take(t, &d[0], &m, &f), 0);
	assert_int_equal(m.message, 6);
	assert_int_equal(m.proof, V1_PROOF_GOOD);
	for (i = 6; i < tape.n; i++) {
		assert_int_equal(v1_trace_take(t, &tape.d[i], &m, &f), 0);
		assert_int_equal(m.proof, V1_PROOF_GOOD);
	}
	/* together they are no message of this IKE SA: they are described as fragments only */
	bad = piece(4, 1, true, 7, 60);
	assert_int_equal(v1_trace_take(t, &bad, &m, &f), 0);
	assert_int_equal(m.message, 0);
	assert_int_equal(m.fragments, 0);
	says(&m, "fragment 1 (last), 60 bytes");
	/* an empty one */
	bad = piece(4, 1, true, 0, 0);
	assert_int_equal(v1_trace_take(t, &bad, &m, &f), 0);
	assert_int_equal(m.message, 0);
	v1_trace_free(t);
}

/* Every length and each byte changed: the message is described or refused. */
static void
hostile(void **state)
{
	struct v1_trace *t = v1_trace_new(keys);
	struct v1_told m;
	struct v1_seen d;
	struct fault f;
	uint8_t *copy;
	const char *p;
	size_t i, n;

	(void)state;
	record(0);
	for (i = 0; i < tape.n; i++)
		for (n = 0; n <= 2 * tape.d[i].data.len; n++) {
			d = tape.d[i];
			d.data.len = n <= d.data.len ? n : d.data.len;
			copy = malloc(d.data.len > 0 ? d.data.len : 1);
			assert_non_null(copy);
			memcpy(copy, d.data.p, d.data.len);
			if (n > d.data.len)
				copy[n - d.data.len - 1] ^= (uint8_t)(1 + n);
			d.data.p = copy;
			if (v1_trace_take(t, &d, &m, &f) == 0 && m.readable)
				for (p = words(&m); *p != '\0'; p++)
					assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
			free(copy);
		}
	v1_trace_free(t);
}

static void
configuration(void **state)
{
	static const uint8_t body[] = {
		2, 0, 0, 7, 0, 1, 0, 4, 10, 9, 8, 7, 0x40, 0x89, 0, 4, 'a', '\n', 0x1b, 'b',
		0x40, 0x8a, 0, 6, 's', 'e', 'c', 'r', 'e', 't', 0xc0, 0x8f, 0, 1, 0, 3, 0, 0,
		0x70, 0x04, 0, 14, 10, 1, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	struct isakmp_payload pl = { PAYLOAD_ATTR, SPAN_ARRAY(body), SPAN_ARRAY(body) };
	struct v1_words_of of = {0};
	char out[V1_WORDS];

	(void)state;
	assert_string_equal(v1_payload_words(out, sizeof(out), &pl, &of), "REPLY 7\n"
	    "INTERNAL_IP4_ADDRESS 10.9.8.7\nXAUTH_USER_NAME a\\x0a\\x1bb\n"
	    "XAUTH_USER_PASSWORD (hidden)\nXAUTH_STATUS ok\nINTERNAL_IP4_DNS\n"
	    "UNITY_SPLIT_INCLUDE 10.1.0.0/255.255.0.0\n");
	of.reveal = true;
	assert_non_null(strstr(v1_payload_words(out, sizeof(out), &pl, &of), "PASSWORD secret\n"));
}

static void
certificates(void **state)
{
	struct pki ca = pki_make(&(struct pki_spec){ .cn = "Root", .kind = SIGN_EC256, .ca = true });
	struct pki gw = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &ca, .key = &ca, .san = "DNS:gw.example" });
	const struct pki *both[] = { &gw, &ca };
	struct bytes p7 = pki_pkcs7(both, 2);
	struct certs list = {0};
	struct v1_words_of of = {0};
	uint8_t body[4096];
	struct isakmp_payload pl = { PAYLOAD_CERT, SPAN_NONE, SPAN_NONE };
	char out[V1_WORDS];

	(void)state;
	pki_add(&list, &gw);
	body[0] = 4;
	memcpy(body + 1, cert_der(list.c[0]).p, cert_der(list.c[0]).len);
	pl.body = span_of(body, cert_der(list.c[0]).len + 1);
	assert_string_equal(v1_payload_words(out, sizeof(out), &pl, &of), "X.509 signature: \"O=Test, CN=gw\", issued by "
	    "\"O=Test, CN=Root\", DNS:gw.example, valid from 2025-01-01T00:00:00Z to 2027-01-01T00:00:00Z\n");
	pl.body.len--;
	assert_non_null(strstr(v1_payload_words(out, sizeof(out), &pl, &of), "unreadable: "));
	body[0] = 1;
	memcpy(body + 1, p7.p, p7.len);
	pl.body = span_of(body, p7.len + 1);
	(void)v1_payload_words(out, sizeof(out), &pl, &of);
	assert_non_null(strstr(out, "PKCS #7, 2 certificates\n  \"O=Test, CN="));
	assert_non_null(strstr(out, "  \"O=Test, CN=Root\", self-signed, CA, valid from 2025-"));
	pl.type = PAYLOAD_CR;
	body[0] = 4;
	memcpy(body + 1, cert_issuer(list.c[0]).p, cert_issuer(list.c[0]).len);
	pl.body = span_of(body, cert_issuer(list.c[0]).len + 1);
	assert_string_equal(v1_payload_words(out, sizeof(out), &pl, &of), "X.509 signature of \"O=Test, CN=Root\"\n");
	pl.body.len = 1;
	assert_string_equal(v1_payload_words(out, sizeof(out), &pl, &of), "X.509 signature of any CA\n");
	bytes_free(&p7);
	certs_free(&list);
	pki_free(&gw);
	pki_free(&ca);
}

/* The words of ${pl} in a message of ${exchange}. */
static char *
words_in(uint8_t exchange, const struct isakmp_payload *pl)
{
	static char out[V1_WORDS];
	struct isakmp_hdr h = { .exchange = exchange };
	struct v1_words_of of = { .hdr = &h };

	return (v1_payload_words(out, sizeof(out), pl, &of));
}

static void
acknowledged(void **state)
{
	static const uint8_t body[] = { 4, 0, 0, 7, 0xc0, 0x8f, 0, 0, 0x70, 0x08, 0, 0, 0x70, 0x0a, 0, 2, 'a', 'b' };
	struct isakmp_payload pl = { PAYLOAD_ATTR, SPAN_ARRAY(body), SPAN_ARRAY(body) };

	(void)state;
	assert_string_equal(words_in(EXCHANGE_TRANSACTION, &pl),
	    "ACK 7\nXAUTH_STATUS\nUNITY_FW_TYPE\nUNITY_DDNS_HOSTNAME ab\n");
}

static void
notify_text(void **state)
{
	static const uint8_t text[] = { 0, 0, 0, 1, 1, 0, 0x23, 0x8d, 'N', 'o', ' ', 'k', 'e', 'y', '\n', 0 };
	static const uint8_t bytes[] = { 0, 0, 0, 1, 1, 0, 0x23, 0x8d, 'N', 'o', 0x1b, 'k', 'e', 'y' };
	struct isakmp_payload pl = { PAYLOAD_N, SPAN_ARRAY(text), SPAN_ARRAY(text) };

	(void)state;
	assert_non_null(strstr(words_in(EXCHANGE_INFO, &pl), ", \"No key\\x0a\\x00\"\n"));
	pl.body = SPAN_ARRAY(bytes);
	assert_non_null(strstr(words_in(EXCHANGE_INFO, &pl), ", data 4e6f1b6b6579\n"));
}

static void
drafts(void **state)
{
	static const uint8_t hash[20], oa[8] = { 1, 0, 0, 0, 10, 1, 2, 3 };
	struct isakmp_payload d = { 15, SPAN_ARRAY(hash), SPAN_ARRAY(hash) }, a = { 16, SPAN_ARRAY(oa), SPAN_ARRAY(oa) };

	(void)state;
	assert_int_equal(v1_payload_meant(15, EXCHANGE_MAIN), PAYLOAD_NAT_D);
	assert_int_equal(v1_payload_meant(15, EXCHANGE_QUICK), 15);
	assert_int_equal(v1_payload_meant(16, EXCHANGE_QUICK), PAYLOAD_NAT_OA);
	assert_string_equal(words_in(EXCHANGE_MAIN, &d), "of the receiver\n");
	assert_string_equal(words_in(EXCHANGE_QUICK, &a), "10.1.2.3\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(main_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(aggressive_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(begins_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_direction, set_up, tear_down),
		cmocka_unit_test_setup_teardown(moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fragments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
		cmocka_unit_test(configuration),
		cmocka_unit_test(certificates),
		cmocka_unit_test(acknowledged),
		cmocka_unit_test(notify_text),
		cmocka_unit_test(drafts),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
