/* Hints: each is found by a fault as the library makes it, and by nothing in its text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/hints.h"
#include "cli/peer_addr.h"
#include "cli/secret_file.h"
#include "crypto/alg.h"
#include "ike/v1run/exchange.h"
#include "ike/v1/info_receive.h"
#include "os/record_in.h"
#include "os/record_out.h"
#include "sa/codec.h"
#include "sim.h"
#include "tool/peers_file.h"
#include "tool/policy_opt.h"

#define ROWS_MAX	256

static bool used[ROWS_MAX];

/* The hint for ${f} is the row of that selector; its text is free. */
static void
expect(const struct fault *f, enum fault_cause cause, int sys, bool phase, unsigned message)
{
	const struct hint *h = hint_row(f);

	if (h == NULL)
		fail_msg("%s, %s: no hint", fault_name(f->code), f->what);
	if (h->cause != cause || h->sys != sys || (h->phases != 0) != phase || h->message != message)
		fail_msg("%s, %s: %s", fault_name(f->code), f->what, h->text);
	assert_ptr_equal(hint_for(f), h->text);
	used[h - hints] = true;
}

static void
expect_cause(const struct fault *f, enum fault_code code, enum fault_cause cause)
{
	assert_int_equal(f->code, code);
	assert_int_equal(f->cause, cause);
	expect(f, cause, 0, false, 0);
}

/* --- faults of options, files and records --- */

static void
arguments(void **state)
{
	struct ike_proposals ike;
	struct esp_proposals esp;
	struct selector ts;
	struct endpoint at;
	struct secret key = {0};
	struct id id;
	struct fault f;
	uint16_t port;
	char host[PEER_HOST];

	(void)state;
	assert_int_equal(ike_proposals_parse(&ike, "aes128-modp1024", &f), -1);
	expect_cause(&f, FAULT_BAD_PROPOSAL, CAUSE_IKE_PROPOSAL);
	assert_int_equal(esp_proposals_parse(&esp, "aes128-nonsense", &f), -1);
	expect_cause(&f, FAULT_BAD_PROPOSAL, CAUSE_ESP_PROPOSAL);
	assert_int_equal(ah_proposals_parse(&esp, "aes128", &f), -1);
	expect_cause(&f, FAULT_BAD_PROPOSAL, CAUSE_AH_PROPOSAL);
	assert_int_equal(ts_parse(&ts, "10.1.0.5/24", &f), -1);
	expect_cause(&f, FAULT_BAD_ADDRESS, CAUSE_HOST_BITS);
	assert_int_equal(ts_parse(&ts, "here", &f), -1);
	expect(&f, CAUSE_NONE, 0, false, 0);
	assert_int_equal(peer_split(host, &port, "192.0.2.1:99999", &f), -1);
	expect_cause(&f, FAULT_BAD_ADDRESS, CAUSE_BAD_PORT);
	assert_int_equal(local_parse(&at, "here", 500, &f), -1);
	expect(&f, CAUSE_NONE, 0, false, 0);
	assert_int_equal(id_parse(&id, "two words", &f), -1);
	expect(&f, CAUSE_NONE, 0, false, 0);
	assert_int_equal(secret_decode(&key, span_str("0xzz"), SECRET_HEX, "key", &f), -1);
	expect_cause(&f, FAULT_SECRET_FILE, CAUSE_NOT_HEX);
	assert_int_equal(secret_decode(&key, span_str("!!"), SECRET_BASE64, "key", &f), -1);
	expect_cause(&f, FAULT_SECRET_FILE, CAUSE_NOT_BASE64);
	assert_int_equal(secret_file_read(&key, "/nonexistent/hex", SECRET_RAW, "key", NULL, &f), -1);
	expect(&f, CAUSE_NONE, ENOENT, false, 0);
}

static void
no_terminal(void **state)
{
	struct secret key = {0};
	struct fault f;
	int saved = dup(STDERR_FILENO), rc;

	(void)state;
	assert_true(saved >= 0);
	(void)close(STDERR_FILENO);
	rc = secret_file_read(&key, NULL, SECRET_RAW, "key", NULL, &f);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	assert_int_equal(rc, -1);
	expect_cause(&f, FAULT_SECRET_FILE, CAUSE_NO_TERMINAL);
}

/* The key that is bad is named in a field, where a file's lines and --help are looked up by it. */
static void
options(void **state)
{
	static const struct policy_opts plain = POLICY_OPTS_DEFAULT;
	struct policy_opts o = plain;
	struct ike_policy p;
	struct fault f;

	(void)state;
	o.ike = "nonsense";
	assert_int_equal(policy_opts_build(&p, &o, NULL, false, &f), -1);
	assert_string_equal(f.option, "ike");
	expect_cause(&f, FAULT_BAD_PROPOSAL, CAUSE_IKE_PROPOSAL);
	o = plain;
	o.local_ts = (struct opt_list){ .n = 1, .v = { "10.1.0.1/8" } };
	assert_int_equal(policy_opts_build(&p, &o, NULL, false, &f), -1);
	assert_string_equal(f.option, "local-ts");
	assert_string_equal(f.where, "");
	expect_cause(&f, FAULT_BAD_ADDRESS, CAUSE_HOST_BITS);
}

static void
peers_line(void **state)
{
	static const struct policy_opts plain = POLICY_OPTS_DEFAULT;
	char path[] = "/tmp/test_hints.XXXXXX";
	int fd = mkstemp(path);
	struct peers peers;
	struct fault f;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[a]\nnonsense\n", 13), 13);
	(void)close(fd);
	assert_int_equal(peers_file_read(&peers, path, &plain, &f), -1);
	assert_int_equal(unlink(path), 0);
	expect_cause(&f, FAULT_CONFIG, CAUSE_INI_LINE);
}

static void
records(void **state)
{
	char *names[] = { (char *)(uintptr_t)"/nonexistent/gw.sa" }, path[] = "/tmp/test_hints.XXXXXX";
	static uint8_t large[SA_REC_BYTES + 16] = { 0xa1, 0x61, 'x', 0x5a, 0, 1, 0, 0 };
	/* {"type": "event", "format": 2} */
	static const uint8_t newer[] = "\xa2\x64" "type\x65" "event\x66" "format\x02";
	struct sa_in_at at;
	struct sa_rec r;
	struct fault f;
	struct sa_in *in;
	int fd;

	(void)state;
	assert_null(sa_in_open(1, names, &f));
	assert_int_equal(f.code, FAULT_USAGE);
	expect(&f, CAUSE_NONE, ENOENT, false, 0);
	/* The master of a pseudo terminal is a terminal, too. */
	assert_null(sa_out_open("/dev/ptmx", &f));
	expect_cause(&f, FAULT_USAGE, CAUSE_STATE_TERMINAL);
	assert_int_equal(sa_decode(&r, span_of(large, sizeof(large)), &f), -1);
	expect_cause(&f, FAULT_TOO_LARGE, CAUSE_RECORD_SIZE);
	assert_int_equal(sa_decode(&r, span_str("junk"), &f), -1);
	assert_int_equal(f.code, FAULT_BAD_RECORD);
	expect(&f, CAUSE_NONE, 0, false, 0);
	assert_int_equal(sa_decode(&r, span_of(newer, sizeof(newer) - 1), &f), -1);
	assert_int_equal(f.code, FAULT_WRONG_VERSION);
	expect(&f, CAUSE_NONE, 0, false, 0);

	assert_true((fd = mkstemp(path)) >= 0);
	assert_int_equal(write(fd, "\xa1", 1), 1);
	(void)close(fd);
	names[0] = path;
	assert_non_null(in = sa_in_open(1, names, &f));
	assert_int_equal(sa_in_next(in, true, &r, &at, &f), -1);
	sa_in_close(in);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(f.code, FAULT_TRUNCATED);
	expect(&f, CAUSE_NONE, 0, false, 0);
}

/* --- faults of exchanges --- */

struct pair {
	struct ike_policy	left, right;
	struct sim		sim;
	unsigned		answers;	/* of the responder get through */
};

static bool
tap(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;

	(void)data;
	(void)len;
	if (from == 0)
		return (true);
	if (p->answers == 0)
		return (false);
	p->answers--;
	return (true);
}

static struct pair *
pair_new(void)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha256-modp1024", "aes128-sha256", 1);
	p->sim.tap = tap;
	p->sim.tap_arg = p;
	p->answers = UINT32_MAX;
	return (p);
}

/* Runs ${p} until both have given up and frees it; ${why} is why the initiator failed, why the responder. */
static void
pair_end(struct pair *p, struct fault why[2])
{
	struct fault f;

	assert_int_equal(sim_connect(&p->sim, &p->left, true, &f), 0);
	sim_run(&p->sim, 60000, NULL);
	why[0] = p->sim.end[0].why;
	why[1] = p->sim.end[1].why;
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
}

static void
silence(void **state)
{
	static const struct { enum fault_phase phase; unsigned message, row; enum fault_cause cause; } t[] = {
		{ PHASE_MAIN, 2, 2, CAUSE_NONE }, { PHASE_MAIN, 4, 4, CAUSE_NONE },
		{ PHASE_MAIN, 6, 6, CAUSE_NONE },
		{ PHASE_QUICK, 2, 0, CAUSE_SA_SILENT },	/* it was asked with R-U-THERE, too */
	};
	struct fault why[2], f;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pair *p = pair_new();

		p->answers = i;
		pair_end(p, why);
		assert_int_equal(why[0].code, FAULT_NO_REPLY);
		assert_int_equal(why[0].phase, t[i].phase);
		assert_int_equal(why[0].message, t[i].message);
		assert_int_equal(why[0].evidence, EVIDENCE_NONE);
		expect(&why[0], t[i].cause, 0, t[i].cause == CAUSE_NONE, t[i].row);
	}
	(void)fault(&f, FAULT_NO_REPLY, "no answer");	/* of a peer that announced no DPD */
	fault_message(&f, PHASE_QUICK, 2);
	expect(&f, CAUSE_NONE, 0, true, 0);
}

static void
mismatches(void **state)
{
	struct fault why[2];
	struct pair *p;

	(void)state;
	p = pair_new();		/* the cipher of phase 1 */
	p->right.ike.p[0].hash = alg_hash_word("sha1");
	pair_end(p, why);
	assert_int_equal(why[0].code, FAULT_NO_PROPOSAL);
	assert_int_equal(why[0].phase, PHASE_MAIN);
	assert_int_equal(why[0].evidence, EVIDENCE_CLEAR);	/* nobody has proven anything yet */
	expect(&why[0], CAUSE_NONE, 0, false, 0);

	p = pair_new();		/* of phase 2 */
	p->right.esp.p[0].integ = alg_integ_word("sha1");
	pair_end(p, why);
	assert_int_equal(why[0].code, FAULT_NO_PROPOSAL);
	assert_int_equal(why[0].phase, PHASE_QUICK);
	assert_int_equal(why[0].evidence, EVIDENCE_AUTHENTIC);
	expect(&why[0], CAUSE_NONE, 0, true, 0);
	assert_int_equal(why[1].message, 1);
	assert_int_equal(why[1].evidence, EVIDENCE_PROVEN);	/* HASH(1) */

	p = pair_new();		/* the networks */
	assert_int_equal(selector_parse(&p->right.local_ts[0], "10.9.0.0/24"), 0);
	pair_end(p, why);
	assert_int_equal(why[0].code, FAULT_TS_MISMATCH);
	expect(&why[0], CAUSE_NONE, 0, false, 0);

	p = pair_new();		/* PFS: the refusal names the group */
	p->left.esp.p[0].group = alg_group_word("modp1024");
	pair_end(p, why);
	assert_int_equal(why[0].code, FAULT_PFS_MISMATCH);
	assert_int_equal(why[0].evidence, EVIDENCE_AUTHENTIC);
	expect(&why[0], CAUSE_NONE, 0, false, 0);

	p = pair_new();		/* or none is offered, and the refusal can name nothing */
	p->right.esp.p[0].group = alg_group_word("modp1024");
	pair_end(p, why);
	assert_int_equal(why[0].code, FAULT_NO_PROPOSAL);
	expect(&why[0], CAUSE_NONE, 0, true, 0);
	assert_int_equal(why[1].code, FAULT_PFS_MISMATCH);
	expect(&why[1], CAUSE_NONE, 0, false, 0);

	p = pair_new();		/* the mode: no hint at ciphers on the end that knows */
	p->left.mode = SA_TRANSPORT;
	p->right.mode = SA_TUNNEL;
	pair_end(p, why);
	expect_cause(&why[1], FAULT_NO_PROPOSAL, CAUSE_ENCAP_MODE);
	assert_int_equal(why[0].code, FAULT_NO_PROPOSAL);
	expect(&why[0], CAUSE_NONE, 0, true, 0);

	p = pair_new();		/* the mode and the cipher */
	p->left.mode = SA_TRANSPORT;
	p->right.mode = SA_TUNNEL;
	p->right.esp.p[0].integ = alg_integ_word("sha1");
	pair_end(p, why);
	assert_int_equal(why[1].code, FAULT_NO_PROPOSAL);
	expect(&why[1], CAUSE_NONE, 0, true, 0);

	p = pair_new();		/* the identity */
	assert_int_equal(id_parse(&p->right.remote_id, "somebody.else", NULL), 0);
	pair_end(p, why);
	expect_cause(&why[1], FAULT_ID_MISMATCH, CAUSE_STRANGE_ID);

	p = pair_new();		/* the responder's, proven by its hash: the end of the exchange */
	assert_int_equal(id_parse(&p->left.remote_id, "somebody.else", NULL), 0);
	pair_end(p, why);
	assert_int_equal(why[0].code, FAULT_ID_MISMATCH);
	assert_int_equal(why[0].message, 6);
	assert_int_equal(why[0].evidence, EVIDENCE_PROVEN);
	expect(&why[0], CAUSE_NONE, 0, false, 0);

	p = pair_new();		/* the secret, in main mode */
	assert_int_equal(secret_set(&p->right.psk, span_str("another secret")), 0);
	pair_end(p, why);
	assert_int_equal(why[1].code, FAULT_WRONG_PSK);
	assert_int_equal(why[1].message, 5);
	expect(&why[1], CAUSE_NONE, 0, true, 0);

	p = pair_new();		/* in aggressive mode */
	p->left.exchange = p->right.exchange = SA_AGGRESSIVE;
	assert_int_equal(secret_set(&p->right.psk, span_str("another secret")), 0);
	pair_end(p, why);
	assert_int_equal(why[0].code, FAULT_WRONG_PSK);
	assert_int_equal(why[0].phase, PHASE_AGGRESSIVE);
	expect(&why[0], CAUSE_NONE, 0, false, 0);
}

static void
notifies(void **state)
{
	static const struct v1_kind kind = { .name = "an exchange", .phase = PHASE_MAIN };
	const struct v1_exchange x = { .kind = &kind };
	struct fault f;

	(void)state;
	v1_notify_fault(&f, NOTIFY_INVALID_COOKIE, &x, false);
	expect_cause(&f, FAULT_PEER_NOTIFY, CAUSE_NOTIFY_COOKIE);
	v1_notify_fault(&f, NOTIFY_PAYLOAD_MALFORMED, &x, false);
	expect_cause(&f, FAULT_PEER_NOTIFY, CAUSE_NOTIFY_PAYLOAD);
	v1_notify_fault(&f, NOTIFY_UNSUPPORTED_EXCHANGE_TYPE, &x, false);
	expect_cause(&f, FAULT_PEER_NOTIFY, CAUSE_NOTIFY_EXCHANGE);
	v1_notify_fault(&f, NOTIFY_INVALID_EXCHANGE_TYPE, &x, false);
	expect_cause(&f, FAULT_PEER_NOTIFY, CAUSE_NOTIFY_EXCHANGE);
	v1_notify_fault(&f, NOTIFY_AUTHENTICATION_FAILED, &x, true);
	expect_cause(&f, FAULT_AUTH_FAILED, CAUSE_SECRET_RIGHT);
	v1_notify_fault(&f, NOTIFY_AUTHENTICATION_FAILED, &x, false);
	expect_cause(&f, FAULT_AUTH_FAILED, CAUSE_NOTHING_PROVEN);
	v1_notify_fault(&f, NOTIFY_INVALID_ID_INFORMATION, &x, true);
	expect_cause(&f, FAULT_ID_MISMATCH, CAUSE_OUR_ID);
	assert_null(strstr(hint_for(&f), "--remote-id"));	/* it is about our ID */
	(void)fault(&f, FAULT_AUTH_FAILED, "rejected");		/* after a phase 1 that succeeded */
	fault_message(&f, PHASE_QUICK, 2);
	expect(&f, CAUSE_NONE, 0, true, 0);
	assert_null(strstr(hint_for(&f), "another secret"));
	v1_notify_fault(&f, NOTIFY_SITUATION_NOT_SUPPORTED, &x, false);
	assert_int_equal(f.code, FAULT_PEER_NOTIFY);
	expect(&f, CAUSE_NONE, 0, false, 0);
}

/* --- what needs another machine, another user or a file of a certain kind --- */

static void
others(void **state)
{
	static const struct { enum fault_code code; enum fault_cause cause; int sys; } t[] = {
		{ FAULT_USAGE, CAUSE_EVENTS_TERMINAL, 0 },
		{ FAULT_USAGE, CAUSE_PEER_AS_FILE, 0 },
		{ FAULT_CONFIG, CAUSE_CONTROL, 0 },
		{ FAULT_CLAIMED, CAUSE_CONTROL, 0 },
		{ FAULT_UNREACHABLE, CAUSE_CONTROL, 0 },
		{ FAULT_NO_REPLY, CAUSE_CONTROL, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_UNKNOWN_HOST, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_NOT_NUMERIC, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_TUNNEL_ADDRESS, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_OWN_ADDRESS, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_NONE, EADDRNOTAVAIL },
		{ FAULT_SECRET_FILE, CAUSE_CERT_FILE, 0 }, { FAULT_SECRET_FILE, CAUSE_KEY_FILE, 0 },
		{ FAULT_SECRET_FILE, CAUSE_TRUST_FILE, 0 }, { FAULT_SECRET_FILE, CAUSE_PASSPHRASE_FILE, 0 },
		{ FAULT_SECRET_FILE, CAUSE_PASSWORD_FILE, 0 },
		{ FAULT_PERMISSION, CAUSE_NONE, EACCES },
		{ FAULT_USAGE, CAUSE_NONE, EISDIR }, { FAULT_USAGE, CAUSE_NONE, ENOTDIR }, { FAULT_USAGE, CAUSE_NONE, ENAMETOOLONG },
		{ FAULT_USAGE, CAUSE_NONE, ELOOP },
		{ FAULT_NO_LEGACY_PROVIDER, CAUSE_NONE, 0 },
		{ FAULT_STALE_SA, CAUSE_EXPIRED, 0 },
		{ FAULT_STALE_SA, CAUSE_NONE, 0 },
		{ FAULT_PROTOCOL, CAUSE_NO_HEARTBEATS, 0 },
		{ FAULT_PROTOCOL, CAUSE_VALUES_DIFFER, 0 }, { FAULT_PROTOCOL, CAUSE_BAD_OFFER, 0 },
		{ FAULT_PERMISSION, CAUSE_TUN, 0 },
		{ FAULT_PERMISSION, CAUSE_UDP_PORT, 0 },
		{ FAULT_PERMISSION, CAUSE_RAW_SOCKET, 0 },
		{ FAULT_PERMISSION, CAUSE_RAW_ESP, 0 },
		{ FAULT_PERMISSION, CAUSE_STATE_DIR, 0 },
		{ FAULT_PERMISSION, CAUSE_ROUTES, 0 },
		{ FAULT_PERMISSION, CAUSE_ICMP_SOCKET, 0 },
		{ FAULT_PERMISSION, CAUSE_MARK, 0 },
		{ FAULT_PERMISSION, CAUSE_NONE, 0 },
		{ FAULT_DEVICE, CAUSE_NONE, ENOENT },
		{ FAULT_DEVICE, CAUSE_NAME_IN_USE, 0 },
		{ FAULT_PORT_TAKEN, CAUSE_NONE, 0 },
		{ FAULT_CLAIMED, CAUSE_NONE, 0 },
		{ FAULT_READER_GONE, CAUSE_NONE, 0 },
		{ FAULT_READER_GONE, CAUSE_REPORT, 0 },
		{ FAULT_MEMORY, CAUSE_NONE, 0 },
		{ FAULT_SYSTEM, CAUSE_NONE, ENOSPC },
		{ FAULT_SYSTEM, CAUSE_RUN_DIR, 0 },
		{ FAULT_SYSTEM, CAUSE_NONE, ENETUNREACH },
		{ FAULT_SYSTEM, CAUSE_NONE, EADDRNOTAVAIL },
		{ FAULT_SYSTEM, CAUSE_NONE, EMFILE },
		{ FAULT_UNREACHABLE, CAUSE_NOT_SHARED, 0 },
		{ FAULT_UNREACHABLE, CAUSE_GRE_OWNER, 0 },
		{ FAULT_UNREACHABLE, CAUSE_TCP_REFUSED, 0 },
		{ FAULT_UNREACHABLE, CAUSE_TCP_SILENT, 0 },
		{ FAULT_NO_REPLY, CAUSE_TCP_SILENT, 0 },
		{ FAULT_SYSTEM, CAUSE_RESOLVER, 0 },
		{ FAULT_UNREACHABLE, CAUSE_NONE, EHOSTUNREACH }, { FAULT_UNREACHABLE, CAUSE_FILTERED, 0 }, { FAULT_PEER_NOTIFY, CAUSE_NO_IKEV1, 0 },
		{ FAULT_UNREACHABLE, CAUSE_NONE, EADDRNOTAVAIL },
		{ FAULT_UNREACHABLE, CAUSE_NONE, EINVAL },
		{ FAULT_UNREACHABLE, CAUSE_NONE, ENETUNREACH },
		{ FAULT_UNREACHABLE, CAUSE_NONE, 0 },
		{ FAULT_BAD_RECORD, CAUSE_OTHER_KEYS, 0 },
		{ FAULT_MALFORMED, CAUSE_CLAIM, 0 },
		{ FAULT_TRUNCATED, CAUSE_NOT_CAPTURED, 0 },
		{ FAULT_TRUNCATED, CAUSE_NOT_ALL_CAPTURED, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_NO_PEER, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_SCOPE, 0 },
		{ FAULT_BAD_ADDRESS, CAUSE_OWN_DEST, 0 },
		{ FAULT_NO_PROPOSAL, CAUSE_AH_NAT, 0 },
		{ FAULT_NO_REPLY, CAUSE_NATT_PORT, 0 },
		{ FAULT_UNREACHABLE, CAUSE_NATT_PORT, 0 },
		{ FAULT_NO_REPLY, CAUSE_ELSEWHERE, 0 },
		{ FAULT_NO_REPLY, CAUSE_INVALID_ANSWER, 0 },
		{ FAULT_NO_REPLY, CAUSE_TWO_NATS, 0 },
		{ FAULT_NO_REPLY, CAUSE_ALIVE, 0 },
		{ FAULT_NO_REPLY, CAUSE_NONE, 0 },
		{ FAULT_AUTH_FAILED, CAUSE_NONE, 0 },
		{ FAULT_NATT_MISMATCH, CAUSE_NONE, 0 },
		{ FAULT_TS_MISMATCH, CAUSE_ROUTE_BASED, 0 },
		{ FAULT_UNKNOWN_PEER, CAUSE_STRANGE_ADDRESS, 0 },
		{ FAULT_UNKNOWN_PEER, CAUSE_STRANGE_EXCHANGE, 0 },
		{ FAULT_UNKNOWN_PEER, CAUSE_NONE, 0 },
		{ FAULT_NO_IKE_SA, CAUSE_NONE, 0 },
		{ FAULT_NO_CHILD, CAUSE_NONE, 0 },
	};
	struct fault f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		errno = t[i].sys;
		assert_int_equal(fault_because(&f, t[i].cause, fault_sys(&f, t[i].code, "x")), -1);
		expect(&f, t[i].cause, t[i].sys, false, 0);
	}
}

/* --- the table --- */

/* Runs after the tests above, which mark the rows that they found. */
/* What test_cert.c finds in certificates, by cause. */
static void
certificates(void **state)
{
	static const enum fault_cause causes[] = {
		CAUSE_OUR_CERT, CAUSE_CERT_NONE, CAUSE_CERT_ISSUER, CAUSE_CERT_CHAIN, CAUSE_CERT_DATES, CAUSE_CERT_REVOKED, CAUSE_CERT_CRL,
		CAUSE_CERT_NAME, CAUSE_CERT_USAGE, CAUSE_CERT_KEY, CAUSE_CERT_PINNED, CAUSE_SIGNATURE,
		CAUSE_LOGIN, CAUSE_NO_LOGIN, CAUSE_USER, CAUSE_GROUP,
	};
	struct fault f;
	size_t i;

	(void)state;
	(void)fault_because(&f, CAUSE_NO_CA, fault(&f, FAULT_CONFIG, "no authority"));
	expect_cause(&f, FAULT_CONFIG, CAUSE_NO_CA);
	(void)fault_because(&f, CAUSE_PASSPHRASE, fault(&f, FAULT_SECRET_FILE, "encrypted"));
	expect_cause(&f, FAULT_SECRET_FILE, CAUSE_PASSPHRASE);
	(void)fault_because(&f, CAUSE_POOL, fault(&f, FAULT_PROTOCOL, "all addresses are in use"));
	expect_cause(&f, FAULT_PROTOCOL, CAUSE_POOL);
	(void)fault_because(&f, CAUSE_NO_ADDRESS, fault(&f, FAULT_PROTOCOL, "no address"));
	expect_cause(&f, FAULT_PROTOCOL, CAUSE_NO_ADDRESS);
	(void)fault_because(&f, CAUSE_REDIRECT, fault(&f, FAULT_PEER_NOTIFY, "another gateway"));
	expect_cause(&f, FAULT_PEER_NOTIFY, CAUSE_REDIRECT);
	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		(void)fault_because(&f, causes[i], fault(&f, FAULT_AUTH_FAILED, "a certificate or a login"));
		expect_cause(&f, FAULT_AUTH_FAILED, causes[i]);
	}
}

static void
every_row_is_found(void **state)
{
	size_t i;

	(void)state;
	assert_true(hints_n <= ROWS_MAX);
	for (i = 0; i < hints_n; i++)
		if (!used[i])
			fail_msg("%s, %s: %s", fault_name(hints[i].code), fault_cause_name(hints[i].cause),
			    hints[i].text);
}

static void
rows_differ(void **state)
{
	const struct hint *a, *b;

	(void)state;
	for (a = hints; a < hints + hints_n; a++)
		for (b = a + 1; b < hints + hints_n; b++)
			if (a->code == b->code && a->cause == b->cause && a->sys == b->sys &&
			    a->phases == b->phases && a->message == b->message)
				fail_msg("%s, %s comes twice", fault_name(a->code),
				    fault_cause_name(a->cause));
}

static void
every_cause_has_a_hint(void **state)
{
	int cause;
	size_t i;

	(void)state;
	for (cause = CAUSE_NONE + 1; cause < FAULT_CAUSES; cause++) {
		for (i = 0; i < hints_n && (int)hints[i].cause != cause; i++)
			;
		if (i == hints_n)
			fail_msg("%s", fault_cause_name((enum fault_cause)cause));
	}
}

/* Codes whose fact needs no hint, or a different one each time, have no general hint. */
static bool
needs_none(enum fault_code code)
{
	switch (code) {
	case FAULT_NONE:
	case FAULT_USAGE:
	case FAULT_CONFIG:
	case FAULT_BAD_PROPOSAL:	/* each names its list as the cause */
	case FAULT_SECRET_FILE:
	case FAULT_SYSTEM:
	case FAULT_CRYPTO:
	case FAULT_DEVICE:
	case FAULT_MALFORMED:
	case FAULT_TOO_LARGE:
	case FAULT_PROTOCOL:
		return (true);
	default:
		return (false);
	}
}

static void
every_code_has_a_hint(void **state)
{
	struct fault f;
	int code;

	(void)state;
	for (code = 0; code < FAULT_CODES; code++) {
		(void)fault(&f, (enum fault_code)code, "x");
		if ((hint_for(&f) == NULL) != needs_none((enum fault_code)code))
			fail_msg("%s", fault_name((enum fault_code)code));
	}
}

/* Words that hints were once found by: now a text says nothing. */
static void
texts_decide_nothing(void **state)
{
	static const char *const words[] = { "is a terminal", "expired", "quick mode", "to message 5", "TUN",
		"UDP", "in use", "hex", "port", "--ike", "INVALID-COOKIE", "record" };
	struct fault plain, f;
	size_t i;
	int code;

	(void)state;
	for (code = 0; code < FAULT_CODES; code++)
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			(void)fault(&plain, (enum fault_code)code, "x");
			(void)fault(&f, (enum fault_code)code, "%s", words[i]);
			fault_where(&f, "%s", words[i]);
			assert_ptr_equal(hint_row(&f), hint_row(&plain));
		}
}

/* The first that knows a cause, an exchange or an option says it; what did not fail has none. */
static void
the_first_says_it(void **state)
{
	struct fault f = {0};

	(void)state;
	assert_int_equal(fault_because(&f, CAUSE_TUN, 0), 0);
	assert_int_equal(f.cause, CAUSE_NONE);
	assert_int_equal(fault_because(NULL, CAUSE_TUN, fault(NULL, FAULT_DEVICE, "x")), -1);
	assert_int_equal(fault_because(&f, CAUSE_MARK, fault_because(&f, CAUSE_TUN,
	    fault(&f, FAULT_PERMISSION, "x"))), -1);
	assert_int_equal(f.cause, CAUSE_TUN);
	fault_message(&f, PHASE_QUICK, 3);
	fault_message(&f, PHASE_MAIN, 1);
	assert_int_equal(f.phase, PHASE_QUICK);
	assert_int_equal(f.message, 3);
	fault_option(&f, "esp");
	fault_option(&f, "ike");
	assert_string_equal(f.option, "esp");
	(void)fault(&f, FAULT_DEVICE, "another");
	assert_int_equal(f.cause, CAUSE_NONE);
	assert_int_equal(f.phase, PHASE_NONE);
	assert_string_equal(f.option, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(no_terminal),
		cmocka_unit_test(options),
		cmocka_unit_test(peers_line),
		cmocka_unit_test(records),
		cmocka_unit_test(silence),
		cmocka_unit_test(mismatches),
		cmocka_unit_test(notifies),
		cmocka_unit_test(others),
		cmocka_unit_test(certificates),
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(rows_differ),
		cmocka_unit_test(every_cause_has_a_hint),
		cmocka_unit_test(every_code_has_a_hint),
		cmocka_unit_test(texts_decide_nothing),
		cmocka_unit_test(the_first_says_it),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
