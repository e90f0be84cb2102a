/*
 * The peer's certificate (ike/v1base/auth_cert): what is accepted, and for each refusal its cause and its text. The
 * texts are golden: they name the payload, and what both ends have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/alg.h"
#include "crypto/crypto.h"
#include "ike/v1base/auth_cert.h"
#include "pki.h"

/* The certificates of all tests; keys take time to make. */
static struct pki root, other_root, middle, limited, leaf, rsa_root, rsa_leaf;

static int
make_all(void **state)
{
	(void)state;
	(void)secret_init();
	root = pki_make(&(struct pki_spec){ .cn = "Root", .kind = SIGN_EC256, .ca = true,
	    .usage = "critical,keyCertSign,cRLSign" });
	other_root = pki_make(&(struct pki_spec){ .cn = "Other Root", .kind = SIGN_EC256, .ca = true });
	middle = pki_make(&(struct pki_spec){ .cn = "Middle", .issuer = &root, .kind = SIGN_EC256, .ca = true });
	limited = pki_make(&(struct pki_spec){ .cn = "Limited", .issuer = &root, .kind = SIGN_EC256, .ca = true,
	    .constraints = "critical,permitted;DNS:example.org" });
	leaf = pki_make(&(struct pki_spec){ .cn = "gw", .issuer = &root, .kind = SIGN_EC256,
	    .san = "DNS:gw.example,IP:192.0.2.1,email:admin@gw.example", .usage = "critical,digitalSignature" });
	rsa_root = pki_make(&(struct pki_spec){ .cn = "RSA Root", .kind = SIGN_RSA, .ca = true });
	rsa_leaf = pki_make(&(struct pki_spec){ .cn = "rsa", .issuer = &rsa_root, .kind = SIGN_RSA,
	    .san = "DNS:gw.example" });
	return (0);
}

static int
free_all(void **state)
{
	struct pki *all[] = { &root, &other_root, &middle, &limited, &leaf, &rsa_root, &rsa_leaf };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		pki_free(all[i]);
	return (0);
}

static const uint8_t hash[32] = "the hash of an exchange, 32 byte";

/* One end that trusts, and what the peer shows it. */
struct show {
	struct creds		 creds;
	struct certs		 sent;
	struct id		 id;
	struct v1_cert_in	 in;
	struct bytes		 sig;
	struct fault		 f;
};

static void
id_is(struct show *s, const char *text)
{
	struct fault f;

	if (id_parse(&s->id, text, &f) != 0)
		fail_msg("%s", f.what);
}

static void
sign_with(struct show *s, const struct pki *who, size_t len)
{
	struct sign_key *k = pki_key(who);

	assert_int_equal(sign_make(k, span_of(hash, len), &s->sig, &s->f), 0);
	s->in.kind = sign_key_kind(k);
	sign_key_free(k);
}

/* The CA is ${ca}; the peer sends ${certs}, the first of which is its own. */
static struct show *
show_new(const struct pki *ca, const struct pki *const *certs, size_t n)
{
	struct show *s = calloc(1, sizeof(*s));
	size_t i;

	assert_non_null(s);
	s->in = (struct v1_cert_in){ &s->creds, &s->sent, &s->id, SIGN_EC256, PKI_NOW };
	if (ca != NULL)
		pki_add(&s->creds.ca, ca);
	for (i = 0; i < n; i++)
		pki_add(&s->sent, certs[i]);
	id_is(s, "gw.example");
	if (n > 0)
		sign_with(s, certs[0], sizeof(hash));
	return (s);
}

static struct show *
show_one(const struct pki *ca, const struct pki *cert)
{
	return (show_new(ca, &cert, 1));
}

static void
show_free(struct show *s)
{
	creds_free(&s->creds);
	certs_free(&s->sent);
	bytes_free(&s->sig);
	free(s);
}

static int
check(struct show *s)
{
	s->f = (struct fault){0};
	return (v1_cert_check(&s->in, SPAN_ARRAY(hash), bytes_span(&s->sig), &s->f));
}

static void
accepted(struct show *s)
{
	if (check(s) != 0)
		fail_msg("%s", s->f.what);
	show_free(s);
}

static void
refused(struct show *s, enum fault_cause cause, const char *text)
{
	assert_int_equal(check(s), -1);
	assert_int_equal(s->f.code, FAULT_AUTH_FAILED);
	assert_string_equal(s->f.what, text);
	assert_string_equal(fault_cause_name(s->f.cause), fault_cause_name(cause));
	show_free(s);
}

/* A certificate like leaf's, except for what ${s} sets. */
static struct pki
like_leaf(struct pki_spec s)
{
	s.cn = s.cn != NULL ? s.cn : "gw";
	s.issuer = s.issuer != NULL ? s.issuer : &root;
	s.key = &leaf;
	s.san = s.san != NULL ? s.san : "DNS:gw.example";
	return (pki_make(&s));
}

static void
a_certificate_of_the_ca_with_the_name_is_accepted(void **state)
{
	static const char *const ids[] = {
		"gw.example", "GW.Example", "192.0.2.1", "admin@gw.example", "O=Test, CN=gw", "O=test, CN=GW",
	};
	struct show *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		s = show_one(&root, &leaf);
		id_is(s, ids[i]);
		accepted(s);
	}
	accepted(show_one(&rsa_root, &rsa_leaf));
}

static void
a_certificate_of_another_name_is_refused(void **state)
{
	static const struct { const char *id, *text; } t[] = {
		{ "other.example", "CERT payload: \"O=Test, CN=gw\" does not have the name other.example of the ID payload; "
		    "subjectAltName has DNS:gw.example, IP:192.0.2.1, email:admin@gw.example" },
		{ "192.0.2.2", "CERT payload: \"O=Test, CN=gw\" does not have the name 192.0.2.2 of the ID payload; "
		    "subjectAltName has DNS:gw.example, IP:192.0.2.1, email:admin@gw.example" },
		{ "Admin@gw.example", "CERT payload: \"O=Test, CN=gw\" does not have the name Admin@gw.example of the ID "
		    "payload; subjectAltName has DNS:gw.example, IP:192.0.2.1, email:admin@gw.example" },
		{ "CN=gw", "CERT payload: \"O=Test, CN=gw\" does not have the name CN=gw of the ID payload; "
		    "subjectAltName has DNS:gw.example, IP:192.0.2.1, email:admin@gw.example" },
		{ "keyid:67772e6578616d706c65", "CERT payload: \"O=Test, CN=gw\" does not have the name "
		    "keyid:67772e6578616d706c65 of the ID payload; "
		    "subjectAltName has DNS:gw.example, IP:192.0.2.1, email:admin@gw.example" },
	};
	struct show *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		s = show_one(&root, &leaf);
		id_is(s, t[i].id);
		refused(s, CAUSE_CERT_NAME, t[i].text);
	}
}

/* Neither the CN nor a wildcard is a host name. */
static void
only_the_very_name_counts(void **state)
{
	struct pki wild = like_leaf((struct pki_spec){ .cn = "gw.example", .san = "DNS:*.example" });

	(void)state;
	refused(show_one(&root, &wild), CAUSE_CERT_NAME, "CERT payload: \"O=Test, CN=gw.example\" does not have the name "
	    "gw.example of the ID payload; subjectAltName has DNS:*.example");
	pki_free(&wild);
}

static void
another_ca_is_refused(void **state)
{
	const struct pki *with_root[] = { &leaf, &root };

	(void)state;
	refused(show_one(&other_root, &leaf), CAUSE_CERT_ISSUER, "CERT payload: \"O=Test, CN=gw\" was issued by "
	    "\"O=Test, CN=Root\", whose certificate was not sent, and the CA here is \"O=Test, CN=Other Root\"");
	refused(show_new(&other_root, with_root, 2), CAUSE_CERT_ISSUER, "CERT payload: the chain ends at "
	    "\"O=Test, CN=Root\", and the CA here is \"O=Test, CN=Other Root\"");
}

/* A certificate that the CA did not sign, in its name. */
static void
a_forged_certificate_is_refused(void **state)
{
	struct pki fake_root = pki_make(&(struct pki_spec){ .cn = "Root", .kind = SIGN_EC256, .ca = true });
	struct pki fake = like_leaf((struct pki_spec){ .issuer = &fake_root });

	(void)state;
	refused(show_one(&root, &fake), CAUSE_CERT_ISSUER, "CERT payload: \"O=Test, CN=gw\" does not have the signature "
	    "of its issuer \"O=Test, CN=Root\"");
	pki_free(&fake);
	pki_free(&fake_root);
}

static void
a_chain_is_followed_in_any_order_and_not_guessed(void **state)
{
	struct pki below = like_leaf((struct pki_spec){ .issuer = &middle });
	const struct pki *chain[] = { &below, &middle };
	struct show *s;

	(void)state;
	accepted(show_new(&root, chain, 2));
	s = show_new(&root, chain, 2);
	certs_free(&s->sent);
	pki_add(&s->sent, &middle);
	pki_add(&s->sent, &below);
	accepted(s);
	/* An intermediate that is configured is trusted as it is. */
	accepted(show_one(&middle, &below));
	refused(show_one(&root, &below), CAUSE_CERT_ISSUER, "CERT payload: \"O=Test, CN=gw\" was issued by "
	    "\"O=Test, CN=Middle\", whose certificate was not sent, and the CA here is \"O=Test, CN=Root\"");
	pki_free(&below);
}

/* CVE-2014-1492's class: a certificate of the CA that is no CA issues another one. */
static void
a_certificate_without_ca_issues_none(void **state)
{
	struct pki below = like_leaf((struct pki_spec){ .cn = "below", .issuer = &leaf });
	const struct pki *chain[] = { &below, &leaf };
	struct show *s = show_new(&root, chain, 2);

	(void)state;
	/* leaf has the name, too, and would be picked: the peer shows another one. */
	id_is(s, "O=Test, CN=below");
	refused(s, CAUSE_CERT_CHAIN, "CERT payload: \"O=Test, CN=gw\" is no certificate that may issue others");
	pki_free(&below);
}

static void
dates_count(void **state)
{
	struct pki old = like_leaf((struct pki_spec){ .from = -100, .to = -1 });
	struct pki young = like_leaf((struct pki_spec){ .from = 60, .to = 100 });
	struct pki old_middle = pki_make(&(struct pki_spec){ .cn = "Middle", .issuer = &root, .key = &middle, .ca = true,
	    .from = -100, .to = -1 });
	struct pki below = like_leaf((struct pki_spec){ .issuer = &middle });
	const struct pki *chain[] = { &below, &old_middle };

	(void)state;
	refused(show_one(&root, &old), CAUSE_CERT_DATES, "CERT payload: \"O=Test, CN=gw\" expired at "
	    "2025-12-31T23:59:59Z, and here it is 2026-01-01T00:00:00Z");
	refused(show_one(&root, &young), CAUSE_CERT_DATES, "CERT payload: \"O=Test, CN=gw\" is valid from "
	    "2026-01-01T00:01:00Z, and here it is 2026-01-01T00:00:00Z");
	refused(show_new(&root, chain, 2), CAUSE_CERT_DATES, "CERT payload: \"O=Test, CN=Middle\" of its chain expired at "
	    "2025-12-31T23:59:59Z, and here it is 2026-01-01T00:00:00Z");
	pki_free(&old);
	pki_free(&young);
	pki_free(&old_middle);
	pki_free(&below);
}

static void
key_usage_must_allow_signatures(void **state)
{
	struct pki crypt = like_leaf((struct pki_spec){ .usage = "keyEncipherment,keyAgreement" });
	struct pki non_rep = like_leaf((struct pki_spec){ .usage = "nonRepudiation" });

	(void)state;
	refused(show_one(&root, &crypt), CAUSE_CERT_USAGE, "CERT payload: the keyUsage of \"O=Test, CN=gw\" is "
	    "keyEncipherment, keyAgreement, without digitalSignature or nonRepudiation");
	accepted(show_one(&root, &non_rep));
	pki_free(&crypt);
	pki_free(&non_rep);
}

static void
a_revoked_certificate_is_refused(void **state)
{
	struct bytes all = pki_crl(&root, NULL, -60), revoked = pki_crl(&root, &leaf, -60),
	    old = pki_crl(&root, NULL, -86401), other = pki_crl(&other_root, NULL, -60);
	static const char revoked_text[] = "CERT payload: \"O=Test, CN=gw\", serial number ";
	struct show *s;

	(void)state;
	s = show_one(&root, &leaf);
	assert_int_equal(crls_add_file(&s->creds.crls, bytes_span(&all), &s->f), 0);
	accepted(s);
	s = show_one(&root, &leaf);
	assert_int_equal(crls_add_file(&s->creds.crls, bytes_span(&revoked), &s->f), 0);
	assert_int_equal(check(s), -1);
	assert_int_equal(s->f.cause, CAUSE_CERT_REVOKED);
	assert_memory_equal(s->f.what, revoked_text, sizeof(revoked_text) - 1);
	assert_non_null(strstr(s->f.what, ", was revoked at 2025-12-31T23:59:00Z by \"O=Test, CN=Root\""));
	show_free(s);
	s = show_one(&root, &leaf);
	assert_int_equal(crls_add_file(&s->creds.crls, bytes_span(&old), &s->f), 0);
	refused(s, CAUSE_CERT_CRL, "CERT payload: the CRL of \"O=Test, CN=Root\", the issuer of \"O=Test, CN=gw\", is valid "
	    "until 2025-12-31T23:59:59Z, and here it is 2026-01-01T00:00:00Z");
	s = show_one(&root, &leaf);
	assert_int_equal(crls_add_file(&s->creds.crls, bytes_span(&other), &s->f), 0);
	refused(s, CAUSE_CERT_CRL, "CERT payload: no CRL here is of \"O=Test, CN=Root\", the issuer of \"O=Test, CN=gw\"");
	bytes_free(&all);
	bytes_free(&revoked);
	bytes_free(&old);
	bytes_free(&other);
}

static void
name_constraints_hold(void **state)
{
	struct pki outside = like_leaf((struct pki_spec){ .issuer = &limited });
	struct pki inside = like_leaf((struct pki_spec){ .issuer = &limited, .san = "DNS:gw.example.org" });
	const struct pki *no[] = { &outside, &limited }, *yes[] = { &inside, &limited };
	struct show *s;

	(void)state;
	refused(show_new(&root, no, 2), CAUSE_CERT_NAME, "CERT payload: the name constraints of a CA exclude a name of "
	    "\"O=Test, CN=gw\"");
	s = show_new(&root, yes, 2);
	id_is(s, "gw.example.org");
	accepted(s);
	pki_free(&outside);
	pki_free(&inside);
}

static void
the_key_is_of_the_kind_of_the_method(void **state)
{
	struct show *s = show_one(&rsa_root, &rsa_leaf);

	(void)state;
	s->in.kind = SIGN_EC384;
	refused(s, CAUSE_CERT_KEY, "CERT payload: the key of \"O=Test, CN=rsa\" is RSA, and the method needs ECDSA P-384");
}

static void
no_certificate_is_said(void **state)
{
	(void)state;
	refused(show_new(&root, NULL, 0), CAUSE_CERT_NONE, "CERT payload: the peer sent no certificate, and the CA here is "
	    "\"O=Test, CN=Root\"");
}

static void
a_pinned_certificate_needs_no_ca(void **state)
{
	struct pki self = pki_make(&(struct pki_spec){ .cn = "self", .kind = SIGN_EC256 });
	struct pki old = pki_make(&(struct pki_spec){ .cn = "old", .key = &self, .from = -100, .to = -1 });
	struct show *s;

	(void)state;
	/* Its names do not count; it need not be sent. */
	s = show_one(NULL, &self);
	pki_add(&s->creds.pinned, &self);
	accepted(s);
	s = show_one(NULL, &self);
	pki_add(&s->creds.pinned, &self);
	certs_free(&s->sent);
	accepted(s);
	s = show_one(NULL, &self);
	assert_int_equal(cert_hash(s->sent.c[0], s->creds.hash[s->creds.n_hashes++]), 0);
	accepted(s);
	s = show_one(NULL, &old);
	pki_add(&s->creds.pinned, &old);
	refused(s, CAUSE_CERT_DATES, "CERT payload: \"O=Test, CN=old\" expired at 2025-12-31T23:59:59Z, and here it is "
	    "2026-01-01T00:00:00Z");
	pki_free(&old);
	pki_free(&self);
}

static void
another_certificate_than_the_pinned_is_refused(void **state)
{
	static const char start[] = "CERT payload: \"O=Test, CN=gw\" is not the configured certificate: its SHA-256 is ";
	struct show *s = show_one(NULL, &leaf);

	(void)state;
	pki_add(&s->creds.pinned, &rsa_leaf);
	assert_int_equal(check(s), -1);
	assert_int_equal(s->f.cause, CAUSE_CERT_PINNED);
	assert_memory_equal(s->f.what, start, sizeof(start) - 1);
	assert_int_equal(strlen(s->f.what), sizeof(start) - 1 + 64 + strlen(", not ") + 64);
	certs_free(&s->creds.pinned);
	s->creds.n_hashes = 1;
	assert_int_equal(check(s), -1);
	assert_non_null(strstr(s->f.what, ", not 0000000000"));
	certs_free(&s->sent);
	refused(s, CAUSE_CERT_NONE, "CERT payload: the peer sent no certificate, and only its hash is configured here");
}

static void
a_wrong_signature_is_refused(void **state)
{
	const struct pki *who[][2] = { { &root, &leaf }, { &rsa_root, &rsa_leaf } };
	struct show *s;
	size_t i, j;

	(void)state;
	for (i = 0; i < 2; i++)
		for (j = 0; j < 4; j++) {
			s = show_one(who[i][0], who[i][1]);
			switch (j) {
			case 0: s->sig.p[s->sig.len / 2] ^= 1; break;
			case 1: s->sig.len--; break;
			case 2: memset(s->sig.p, 0, s->sig.len); break;
			default: sign_with(s, who[i][1], sizeof(hash) - 1); break;	/* of a part of the hash */
			}
			refused(s, CAUSE_SIGNATURE, i == 0 ?
			    "SIG payload: it is no signature of \"O=Test, CN=gw\" over this exchange" :
			    "SIG payload: it is no signature of \"O=Test, CN=rsa\" over this exchange");
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_of_the_ca_with_the_name_is_accepted),
		cmocka_unit_test(a_certificate_of_another_name_is_refused),
		cmocka_unit_test(only_the_very_name_counts),
		cmocka_unit_test(another_ca_is_refused),
		cmocka_unit_test(a_forged_certificate_is_refused),
		cmocka_unit_test(a_chain_is_followed_in_any_order_and_not_guessed),
		cmocka_unit_test(a_certificate_without_ca_issues_none),
		cmocka_unit_test(dates_count),
		cmocka_unit_test(key_usage_must_allow_signatures),
		cmocka_unit_test(a_revoked_certificate_is_refused),
		cmocka_unit_test(name_constraints_hold),
		cmocka_unit_test(the_key_is_of_the_kind_of_the_method),
		cmocka_unit_test(no_certificate_is_said),
		cmocka_unit_test(a_pinned_certificate_needs_no_ca),
		cmocka_unit_test(another_certificate_than_the_pinned_is_refused),
		cmocka_unit_test(a_wrong_signature_is_refused),
	};

	return (cmocka_run_group_tests_name("cert", tests, make_all, free_all));
}
