/* Asks for one authentication method after the other, in both modes, and keeps what a gateway shows of certificates. */
#include "probe/methods.h"

#include <stdlib.h>

#include "probe/probe_msg.h"
#include "probe/retry.h"
#include "wire/dn.h"

#define RESEND_MS	500	/* first wait for an answer; doubles */
#define RESEND_MAX_MS	4000
#define REPLY_MS	3000	/* once the peer has answered, a longer silence is its answer */

enum { ENCODING_PKCS7 = 1, ENCODING_X509 = 4 };	/* RFC 2408 section 3.9 */

/*
 * ${signs}: the gateway signs, so that it may ask for certificates and show its own. ${shares}: message 3 is a plain KE
 * and nonce.
 */
static const struct { uint16_t auth; bool signs, shares; } rows[] = {
	{ AUTH_PSK, false, true }, { AUTH_XAUTH_INIT_PSK, false, true }, { AUTH_RSA_SIG, true, true },
	{ AUTH_XAUTH_INIT_RSA, true, true }, { AUTH_HYBRID_INIT_RSA, true, true }, { AUTH_ECDSA_256, true, true },
	{ AUTH_ECDSA_384, true, true }, { AUTH_ECDSA_521, true, true }, { AUTH_DSS_SIG, true, true },
	{ AUTH_RSA_ENC, false, false }, { AUTH_RSA_REV_ENC, false, false },
};
#define ROWS	(sizeof(rows) / sizeof(rows[0]))

struct ike_methods {
	struct ike_methods_conf	  conf;
	struct ike_methods_result r;
	bool			  over, live;
	bool			  heard;	/* the peer has answered one of these messages */
	bool			  sharing;	/* message 3 is out */
	size_t			  at;		/* row times two, and 1 for aggressive mode */
	struct ask_key		  key;
	struct retry		  retry;
	uint64_t		  pace_ms;
};

struct ike_methods *
ike_methods_new(const struct ike_methods_conf *conf, struct fault *f)
{
	struct ike_methods *m = calloc(1, sizeof(*m));
	size_t i;

	if (m == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a probe");
		return (NULL);
	}
	m->conf = *conf;
	m->r.n = ROWS;
	m->r.to_ask = 2 * ROWS;
	for (i = 0; i < ROWS; i++)
		m->r.of[i].auth = rows[i].auth;
	return (m);
}

void
ike_methods_free(struct ike_methods *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < m->r.n_cas; i++)
		bytes_free(&m->r.cas[i]);
	certs_free(&m->r.certs);
	retry_free(&m->retry);
	free(m);
}

const struct ike_methods_result *
ike_methods_result(const struct ike_methods *m)
{
	return (&m->r);
}

/* --- sending --- */

static void
transmit(struct ike_methods *m, struct ike_outbox *out)
{
	outbox_datagram(out, &m->conf.local, &m->conf.remote, bytes_span(&m->retry.msg));
	m->r.sent++;
}

/* False: the message cannot be made. */
static bool
fire(struct ike_methods *m, struct span msg, struct now now, struct ike_outbox *out)
{
	uint32_t ms = m->heard && m->conf.timeout_ms > REPLY_MS ? REPLY_MS : m->conf.timeout_ms;

	m->live = msg.len > 0 && retry_begin(&m->retry, msg, RESEND_MS, ms, now);
	if (m->live)
		transmit(m, out);
	return (m->live);
}

/* The next question that can be asked, or the end. */
static void
next(struct ike_methods *m, struct now now, struct ike_outbox *out)
{
	struct probe_offer o = { .n = 1 };
	uint8_t buf[PROBE_MSG_MAX];

	for (; !m->live && m->at < 2 * ROWS; m->at += !m->live) {
		m->sharing = false;
		m->key = (struct ask_key){0};
		m->r.asked = m->at + 1;
		o.t[0] = (struct probe_transform){ m->conf.proposal, rows[m->at / 2].auth };
		o.cert_req = rows[m->at / 2].signs;
		m->pace_ms = now.ms + m->conf.gap_ms;
		(void)fire(m, m->at % 2 == 1 ? ask_aggressive1(buf, &m->conf.rand, m->key.cky_i, &o, &m->conf.id) :
		    ask_main1(buf, &m->conf.rand, m->key.cky_i, &o, PROBE_VIDS), now, out);
	}
	m->over = !m->live;
}

static void
ended(struct ike_methods *m, enum method_end end, uint16_t notify)
{
	struct ike_methods_result *r = &m->r;

	m->live = false;
	if (!m->sharing) {
		r->of[m->at / 2].mode[m->at % 2].end = end;
		r->of[m->at / 2].mode[m->at % 2].notify = notify;
	}
	m->at++;
}

/* Message 3, after the choice of main mode. False: there is no need, or it cannot be made. */
static bool
share(struct ike_methods *m, const struct probe_answer *a, struct now now, struct ike_outbox *out)
{
	uint8_t buf[PROBE_MSG_MAX];
	struct ask_key *k = &m->key;

	if (!rows[m->at / 2].shares || m->at % 2 == 1 || !a->chosen)
		return (false);
	m->r.of[m->at / 2].mode[0].end = METHOD_ACCEPTED;
	memcpy(k->cky_r, a->hdr.cky_r, COOKIE_LEN);
	k->choice = a->choice.p;
	k->natt = natt_choose(NATT_ALL, m->conf.natt);
	k->local = m->conf.local;
	k->remote = m->conf.remote;
	m->sharing = true;
	return (fire(m, ask_main3(buf, sizeof(buf), &m->conf.rand, k, 0), now, out));
}

/* --- certificates --- */

static void
take_ca(struct ike_methods_result *r, struct span body)
{
	struct span name;
	size_t i;

	if (body.len == 0 || (body.p[0] != ENCODING_X509 && body.p[0] != ENCODING_PKCS7))
		return;
	name = span_of(body.p + 1, body.len - 1);
	if (name.len == 0)
		r->any_ca = true;
	if (!dn_valid(name) || name.len > PROBE_CA_MAX || r->n_cas == METHODS_CAS_MAX)
		return;
	for (i = 0; i < r->n_cas; i++)
		if (dn_eq(bytes_span(&r->cas[i]), name))
			return;
	if (bytes_set(&r->cas[r->n_cas], name) == 0)
		r->n_cas++;
}

static void
take_cert(struct ike_methods *m, struct span body)
{
	struct certs *l = &m->r.certs;
	struct span data;
	struct certs one = {0};
	size_t i;

	if (body.len < 1 || l->n == METHODS_CERTS_MAX)
		return;
	data = span_of(body.p + 1, body.len - 1);
	/* The same certificate may come under each method. */
	if (body.p[0] != ENCODING_X509 || certs_add_der(&one, data, 1, NULL) != 0)
		return;
	for (i = 0; i < l->n && !cert_eq(l->c[i], one.c[0]); i++)
		;
	if (i == l->n && certs_add_der(l, data, METHODS_CERTS_MAX, NULL) == 0 && m->r.certs_auth == 0)
		m->r.certs_auth = rows[m->at / 2].auth;
	certs_free(&one);
}

static void
take_all(struct ike_methods *m, const struct probe_answer *a)
{
	size_t i;

	for (i = 0; i < a->n_cert_reqs; i++)
		take_ca(&m->r, a->cert_reqs[i]);
	for (i = 0; i < a->n_certs; i++)
		take_cert(m, a->certs[i]);
}

/* --- the machine --- */

static void
methods_timeout(void *machine, struct now now, struct ike_outbox *out)
{
	struct ike_methods *m = machine;

	if (m->over)
		return;
	if (m->live && retry_is_over(&m->retry, now))
		ended(m, METHOD_SILENT, 0);
	else if (m->live && retry_is_due(&m->retry, now)) {
		transmit(m, out);
		retry_again(&m->retry, RESEND_MAX_MS, now);
	}
	if (!m->live && now.ms >= m->pace_ms)
		next(m, now, out);
}

static void
methods_datagram(void *machine, struct now now, const struct endpoint *local, const struct endpoint *remote,
    struct span data, struct ike_outbox *out)
{
	struct ike_methods *m = machine;
	struct probe_answer a;

	(void)local;
	(void)remote;
	if (m->over || !m->live)
		return;
	probe_answer_get(&a, m->key.cky_i, data);
	if (a.kind == PROBE_NO_ANSWER || a.kind == PROBE_OTHER || retry_is_own(&m->retry, data) ||
	    (m->sharing && a.kind == PROBE_CHOICE) || (!m->sharing && a.kind == PROBE_KEY))
		return;
	m->heard = true;
	take_all(m, &a);
	if (m->sharing) {
		m->r.of[m->at / 2].message_4 = a.kind == PROBE_KEY;
		ended(m, METHOD_ACCEPTED, 0);
	} else if (a.kind != PROBE_CHOICE)
		ended(m, METHOD_REJECTED, a.notify);
	else if (a.choice.auth != rows[m->at / 2].auth)
		ended(m, METHOD_REJECTED, 0);
	else if (!share(m, &a, now, out))
		ended(m, METHOD_ACCEPTED, 0);
}

static uint64_t
methods_deadline_us(const void *machine)
{
	const struct ike_methods *m = machine;

	if (m->over)
		return (UINT64_MAX);
	return (retry_us(m->live ? retry_deadline_ms(&m->retry) : m->pace_ms));
}

static bool
methods_over(const void *machine)
{
	return (((const struct ike_methods *)machine)->over);
}

static void
methods_ids(const void *machine, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	ask_id(&((const struct ike_methods *)machine)->key, each, ctx);
}

struct ike_machine
ike_methods_machine(struct ike_methods *m)
{
	static const struct ike_machine_ops ops = {
		.timeout = methods_timeout, .datagram = methods_datagram, .unreachable = machine_ignores,
		.deadline_us = methods_deadline_us, .over = methods_over, .ids = methods_ids,
	};

	return ((struct ike_machine){ &ops, m });
}
