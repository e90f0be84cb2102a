/* Phase 1 with signatures: two engines with certificates, both modes, each method; chains, requests, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/engine_priv.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/phase1_cert.h"
#include "pki.h"
#include "sim.h"
#include "wire/isakmp.h"

#define KINDS	5

/* For each kind of key: a root, an intermediate, and the two ends below each. */
static const struct { enum sign_kind kind; uint16_t auth; const char *word; } kinds[KINDS] = {
	{ SIGN_RSA, AUTH_RSA_SIG, "rsa" }, { SIGN_EC256, AUTH_ECDSA_256, "ecdsa" },
	{ SIGN_EC384, AUTH_ECDSA_384, "ecdsa" }, { SIGN_EC521, AUTH_ECDSA_521, "ecdsa" },
	{ SIGN_DSS, AUTH_DSS_SIG, "dss" },
};
static struct tree { struct pki root, middle, left, right, left_below, right_below; } trees[KINDS];

static void
make_tree(struct tree *t, enum sign_kind kind)
{
	t->root = pki_make(&(struct pki_spec){ .cn = "Root", .kind = kind, .ca = true });
	t->middle = pki_make(&(struct pki_spec){ .cn = "Middle", .issuer = &t->root, .kind = kind, .ca = true });
	t->left = pki_make(&(struct pki_spec){ .cn = "left", .issuer = &t->root, .kind = kind,
	    .san = "DNS:left.example" });
	t->right = pki_make(&(struct pki_spec){ .cn = "right", .issuer = &t->root, .kind = kind,
	    .san = "DNS:right.example" });
	t->left_below = pki_make(&(struct pki_spec){ .cn = "left below", .issuer = &t->middle, .key = &t->left,
	    .san = "DNS:left.example" });
	t->right_below = pki_make(&(struct pki_spec){ .cn = "right below", .issuer = &t->middle, .key = &t->right,
	    .san = "DNS:right.example" });
}

static int
make_all(void **state)
{
	size_t i;

	(void)state;
	(void)secret_init();
	for (i = 0; i < KINDS; i++)
		make_tree(&trees[i], kinds[i].kind);
	return (0);
}

static int
free_all(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++) {
		pki_free(&trees[i].root);
		pki_free(&trees[i].middle);
		pki_free(&trees[i].left);
		pki_free(&trees[i].right);
		pki_free(&trees[i].left_below);
		pki_free(&trees[i].right_below);
	}
	return (0);
}

struct pair {
	struct ike_policy	left, right, more[2];
	struct sim		sim;
	unsigned		certs[2], requests[2];	/* payloads in clear from each end */
	bool			hide_requests;
};

/* Counts what is in clear: aggressive mode's first two messages. */
static bool
look(struct sim *s, int from, uint8_t *data, size_t len)
{
	struct pair *p = s->tap_arg;
	struct isakmp_msg m;
	struct fault f;
	size_t i;

	if (isakmp_hdr_get(&m.hdr, span_of(data, len), &f) != 0 || (m.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0)
		return (true);
	m.raw = span_of(data, len);
	if (isakmp_chain_get(&m, span_of(data + ISAKMP_HDR_LEN, len - ISAKMP_HDR_LEN), false, &f) != 0)
		return (true);
	for (i = 0; i < m.n; i++) {
		p->certs[from] += m.pl[i].type == PAYLOAD_CERT;
		p->requests[from] += m.pl[i].type == PAYLOAD_CR;
		if (m.pl[i].type == PAYLOAD_CR && p->hide_requests)
			data[m.pl[i].body.p - data] = 7;	/* for a CRL */
	}
	return (true);
}

static void
give(struct ike_policy *p, uint16_t auth, const struct pki *own, const struct pki *ca)
{
	creds_free(&p->creds);
	p->n_auths = 1;
	p->auths[0] = auth;
	pki_add(&p->creds.own, own);
	p->creds.key = pki_key(own);
	if (ca != NULL)
		pki_add(&p->creds.ca, ca);
}

static struct pair *
pair_new(size_t kind, enum sa_exchange exchange, uint64_t seed)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct tree *t = &trees[kind];

	assert_non_null(p);
	/* A hash that is none of RFC 4754's: the method has its own. */
	sim_pair_init(&p->sim, &p->left, &p->right, "aes128-sha1-modp1024", "aes128-sha256", seed);
	p->left.exchange = p->right.exchange = exchange;
	give(&p->left, kinds[kind].auth, &t->left, &t->root);
	give(&p->right, kinds[kind].auth, &t->right, &t->root);
	p->sim.now.epoch = PKI_NOW;
	p->sim.tap = look;
	p->sim.tap_arg = p;
	return (p);
}

static void
pair_free(struct pair *p)
{
	sim_pair_free(&p->sim, &p->left, &p->right);
	free(p);
}

static void
connect_pair(struct pair *p, uint64_t ms)
{
	struct fault f = {0};

	if (sim_connect(&p->sim, &p->left, true, &f) != 0)
		fail_msg("%s", f.what);
	sim_run(&p->sim, ms, NULL);
}

static void
assert_tunnel(struct pair *p, const char *word)
{
	struct sim_end *l = &p->sim.end[0], *r = &p->sim.end[1];

	if (l->n_ike < 1 || r->n_ike < 1 || l->n_children < 1 || !sim_children_agree(&p->sim))
		fail_msg("left %s: %s\n%s---\nright %s: %s\n%s", l->why.where, l->why.what, l->notes, r->why.where,
		    r->why.what, r->notes);
	assert_string_equal(l->ike.auth, word);
	assert_string_equal(r->ike.auth, word);
}

static void
each_method_in_both_exchanges(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 2 * KINDS; i++) {
		bool aggressive = i % 2 == 1;
		struct pair *p = pair_new(i / 2, aggressive ? SA_AGGRESSIVE : SA_MAIN, i);

		/* What a fragment holds is not counted. */
		p->right.fragmentation = FRAGMENTATION_OFF;
		connect_pair(p, 5000);
		assert_tunnel(p, kinds[i / 2].word);
		/* In main mode certificates are encrypted, and so is the initiator's request. */
		assert_int_equal(p->certs[0], 0);
		assert_int_equal(p->certs[1] > 0, aggressive);
		assert_int_equal(p->requests[0] > 0, aggressive);
		assert_true(p->requests[1] > 0);
		pair_free(p);
	}
}

static void
a_chain_goes_along(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 2 * KINDS; i++) {
		struct pair *p = pair_new(i / 2, i % 2 == 1 ? SA_AGGRESSIVE : SA_MAIN, i);
		struct tree *t = &trees[i / 2];

		give(&p->left, kinds[i / 2].auth, &t->left_below, &t->root);
		give(&p->right, kinds[i / 2].auth, &t->right_below, &t->root);
		pki_add(&p->left.creds.own, &t->middle);
		pki_add(&p->right.creds.own, &t->middle);
		connect_pair(p, 5000);
		assert_tunnel(p, kinds[i / 2].word);
		pair_free(p);
	}
}

static void
a_bad_net_does_no_harm(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 0; seed < 40; seed++) {
		struct pair *p = pair_new(seed % KINDS, seed % 3 == 0 ? SA_AGGRESSIVE : SA_MAIN, 100 + seed);

		p->sim.loss = p->sim.dup = p->sim.reorder = 20;
		p->sim.nat = seed % 4 == 0;
		p->left.timeout_ms = p->right.timeout_ms = 120000;
		p->left.dpd_seconds = p->right.dpd_seconds = 0;
		connect_pair(p, 100000);
		assert_tunnel(p, kinds[seed % KINDS].word);
		pair_free(p);
	}
}

static void
certificates_are_sent_by_policy(void **state)
{
	/* Asked for one of our CA, or of a CA that is not ours. */
	static const struct { enum cert_policy policy; bool asked, other; unsigned sent; } t[] = {
		{ CERT_ALWAYS, true, false, 1 }, { CERT_ALWAYS, false, false, 1 }, { CERT_ALWAYS, true, true, 1 },
		{ CERT_ASKED, true, false, 1 }, { CERT_ASKED, false, false, 0 }, { CERT_ASKED, true, true, 0 },
		{ CERT_NEVER, true, false, 0 }, { CERT_NEVER, false, false, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pair *p = pair_new(1, SA_AGGRESSIVE, i);

		/* The initiator has the responder's certificate already. */
		pki_add(&p->left.creds.pinned, &trees[1].right);
		if (t[i].other) {
			certs_free(&p->left.creds.ca);
			pki_add(&p->left.creds.ca, &trees[0].middle);
		}
		p->right.cert_policy = t[i].policy;
		p->hide_requests = !t[i].asked;
		connect_pair(p, 5000);
		assert_int_equal(p->certs[1], t[i].sent);
		assert_tunnel(p, "ecdsa");
		pair_free(p);
	}
}

/* "asked": one CERTREQ of many names the CA of our certificate, or of an intermediate; or any CA. */
static void
a_request_names_a_ca(void **state)
{
	static const struct { int others, ours; bool any, asked; } t[] = {
		{ 47, 0, false, false }, { 47, 1, false, true }, { 3, 0, true, true }, { 3, 2, false, true },
	};
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct v1_phase1 part = {0};
		struct v1_exchange x = { .part = &part };
		struct isakmp_payload pl = { .type = PAYLOAD_CR };
		struct creds c = {0};
		struct fault f = {0};
		uint8_t body[512] = { 4 };
		struct span name;

		pki_add(&c.own, &trees[1].left_below);
		pki_add(&c.own, &trees[1].middle);
		for (k = 0; k < t[i].others + t[i].ours; k++) {
			struct certs l = {0};

			/* The issuer of the second certificate, and of the first. */
			pki_add(&l, k < t[i].others ? &trees[1].left : t[i].ours == 1 ? &trees[1].root : &trees[1].middle);
			name = cert_subject(l.c[0]);
			memcpy(body + 1, name.p, name.len);
			pl.body = span_of(body, 1 + name.len);
			assert_int_equal(v1_take_cert_req(&x, &pl, &f), 0);
			certs_free(&l);
		}
		pl.body = span_of(body, 1);
		if (t[i].any)
			assert_int_equal(v1_take_cert_req(&x, &pl, &f), 0);
		/* No name, a name with bytes behind it, a huge one: nobody's. */
		memset(body + 1, 0x30, sizeof(body) - 1);
		pl.body = SPAN_ARRAY(body);
		assert_int_equal(v1_take_cert_req(&x, &pl, &f), 0);
		assert_int_equal(v1_cert_is_asked(&part, &c), t[i].asked);
		bytes_free(&part.cert_cas);
		creds_free(&c);
	}
}

static void
a_stranger_is_refused_by_either_end(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		bool aggressive = i % 2 == 1, initiator = i / 2 == 1;
		struct pair *p = pair_new(1, aggressive ? SA_AGGRESSIVE : SA_MAIN, i);
		struct tree *t = &trees[1];
		struct sim_end *judge = &p->sim.end[initiator ? 0 : 1];

		/* The other end has a certificate of the same CA, but not this name. */
		give(initiator ? &p->right : &p->left, AUTH_ECDSA_256, initiator ? &t->left : &t->right, &t->root);
		connect_pair(p, 60000);
		assert_int_equal(judge->n_ike, 0);
		assert_int_equal(judge->n_child, 0);
		assert_int_equal(judge->why.code, FAULT_AUTH_FAILED);
		assert_int_equal(judge->why.cause, CAUSE_CERT_NAME);
		assert_int_equal(judge->why.message, aggressive ? (initiator ? 2 : 3) : initiator ? 6 : 5);
		assert_string_equal(judge->why.what, initiator ?
		    "CERT payload: \"O=Test, CN=left\" does not have the name right.example of the ID payload; "
		    "subjectAltName has DNS:left.example" :
		    "CERT payload: \"O=Test, CN=right\" does not have the name left.example of the ID payload; "
		    "subjectAltName has DNS:right.example");
		/* The other end is told, and says so; in aggressive mode it has sent its proof by then, too. */
		if (!initiator) {
			assert_int_equal(p->sim.end[0].why.cause, CAUSE_OUR_CERT);
			assert_string_equal(p->sim.end[0].why.what, "the peer rejects our certificate (INVALID-CERTIFICATE)");
		}
		pair_free(p);
	}
}

/* A CERT payload of an encoding, as the peer sends it. */
static int
take(struct v1_phase1 *part, uint8_t encoding, struct span data, struct fault *f)
{
	struct v1_exchange x = { .part = part };
	struct isakmp_payload pl = { .type = PAYLOAD_CERT };
	uint8_t *body = malloc(data.len + 1);
	int rc;

	assert_non_null(body);
	body[0] = encoding;
	if (data.len > 0)
		memcpy(body + 1, data.p, data.len);
	pl.body = span_of(body, data.len + 1);
	*f = (struct fault){0};
	rc = v1_take_cert(&x, &pl, f);
	free(body);
	return (rc);
}

static void
certificates_come_in_two_encodings(void **state)
{
	const struct pki *both[] = { &trees[1].middle, &trees[1].left_below };
	struct bytes p7 = pki_pkcs7(both, 2);
	struct v1_phase1 part = {0};
	struct v1_exchange x = { .part = &part };
	struct isakmp_payload empty = { .type = PAYLOAD_CERT };
	struct certs l = {0};
	struct fault f;
	size_t i;

	(void)state;
	pki_add(&l, &trees[1].left);
	assert_int_equal(take(&part, 1, bytes_span(&p7), &f), 0);
	assert_int_equal(part.certs.n, 2);
	assert_int_equal(take(&part, 4, cert_der(l.c[0]), &f), 0);
	assert_int_equal(part.certs.n, 3);
	/* A CRL, an attribute certificate, an encoding that nobody knows: ignored. */
	assert_int_equal(take(&part, 7, SPAN_NONE, &f), 0);
	assert_int_equal(take(&part, 10, cert_der(l.c[0]), &f), 0);
	assert_int_equal(take(&part, 200, cert_der(l.c[0]), &f), 0);
	assert_int_equal(part.certs.n, 3);
	assert_int_equal(take(&part, 1, cert_der(l.c[0]), &f), -1);
	assert_int_equal(f.code, FAULT_MALFORMED);
	assert_memory_equal(f.what, "CERT payload: ", 14);
	assert_int_equal(take(&part, 4, bytes_span(&p7), &f), -1);
	assert_int_equal(take(&part, 4, SPAN_NONE, &f), -1);
	assert_int_equal(v1_take_cert(&x, &empty, &f), -1);
	assert_string_equal(f.what, "CERT payload: it is empty");
	assert_int_equal(part.certs.n, 3);
	for (i = 3; i < V1_CERTS_MAX; i++)
		assert_int_equal(take(&part, 4, cert_der(l.c[0]), &f), 0);
	assert_int_equal(take(&part, 4, cert_der(l.c[0]), &f), -1);
	assert_string_equal(f.what, "CERT payload: more than 16 certificates");
	certs_free(&part.certs);
	certs_free(&l);
	bytes_free(&p7);
}

static void
another_curve_is_another_method(void **state)
{
	struct pair *p = pair_new(1, SA_MAIN, 1);

	(void)state;
	give(&p->right, AUTH_ECDSA_384, &trees[2].right, &trees[2].root);
	connect_pair(p, 60000);
	assert_int_equal(p->sim.end[1].why.code, FAULT_NO_PROPOSAL);
	assert_non_null(strstr(p->sim.end[1].why.what, "authentication ECDSA-256 where ECDSA-384 is configured"));
	pair_free(p);
}

/* A responder with a section for pre-shared keys and one for signatures, in either order. */
static void
the_method_selects_the_section(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct pair *p = pair_new(1, SA_MAIN, i);
		struct ike_conf *conf = &p->sim.end[1].engine->conf;
		bool psk_first = i % 2 == 0, want_psk = i / 2 == 0;
		struct ike_policy *psk = &p->more[psk_first ? 0 : 1], *sig = &p->more[psk_first ? 1 : 0];

		*sig = p->right;
		p->right = (struct ike_policy){0};
		*psk = *sig;
		psk->psk = (struct secret){0};
		psk->creds = (struct creds){0};
		assert_int_equal(secret_set(&psk->psk, span_str("secret")), 0);
		secret_free(&sig->psk);
		psk->auths[0] = AUTH_PSK;
		psk->remote_id = (struct id){0};
		conf->policies = p->more;
		conf->n_policies = 2;
		if (want_psk) {
			creds_free(&p->left.creds);
			p->left.auths[0] = AUTH_PSK;
			assert_int_equal(secret_set(&p->left.psk, span_str("secret")), 0);
			/* An ID that the other section does not name. */
			assert_int_equal(id_parse(&p->left.local_id, "road.example", NULL), 0);
		}
		connect_pair(p, 5000);
		assert_tunnel(p, want_psk ? "psk" : "ecdsa");
		sim_free(&p->sim);
		ike_policy_wipe(&p->left);
		ike_policy_wipe(&p->more[0]);
		ike_policy_wipe(&p->more[1]);
		free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_method_in_both_exchanges),
		cmocka_unit_test(a_chain_goes_along),
		cmocka_unit_test(a_bad_net_does_no_harm),
		cmocka_unit_test(certificates_are_sent_by_policy),
		cmocka_unit_test(a_request_names_a_ca),
		cmocka_unit_test(a_stranger_is_refused_by_either_end),
		cmocka_unit_test(certificates_come_in_two_encodings),
		cmocka_unit_test(another_curve_is_another_method),
		cmocka_unit_test(the_method_selects_the_section),
	};

	return (cmocka_run_group_tests_name("sig", tests, make_all, free_all));
}
