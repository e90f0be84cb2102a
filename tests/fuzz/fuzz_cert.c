/*
 * CERT payloads: a certificate, a PKCS#7, a file of either, a CRL; then all that is asked of a certificate, up to the
 * path to a CA and a signature. The first byte says which.
 */
#include <stdlib.h>

#include "ike/v1base/auth_cert.h"
#include "must.h"

/* All that is read from a certificate. */
static void
look(const struct cert *c)
{
	char text[160], usage[CERT_USAGE_TEXT], serial[CERT_SERIAL_TEXT];
	uint8_t hash[TRUST_HASH_LEN];

	must(cert_der(c).len > 0 && cert_eq(c, c));
	cert_names_text(text, sizeof(text), c);
	must(strlen(text) < sizeof(text) && strlen(cert_usage_text(usage, c)) < sizeof(usage) &&
	    strlen(cert_serial_text(serial, c)) < sizeof(serial));
	(void)cert_begins(c);
	(void)cert_ends(c);
	(void)cert_is_ca(c);
	(void)cert_kind(c);
	must(cert_hash(c, hash) == 0);
}

static void
judge(const struct certs *sent, struct crls *crls)
{
	static const char *const ids[] = { "gw.example", "a@gw.example", "192.0.2.1", "CN=gw" };
	static const uint8_t hash[32] = { 1 }, sig[256] = { 2 };
	struct creds creds = { .crls = crls };
	struct id id;
	struct v1_cert_in in = { &creds, sent, &id, SIGN_NONE, 1767225600 };
	struct fault f = {0};
	size_t i;

	/* The last is trusted, so that there is a path for the others. */
	if (sent->n > 0)
		must(certs_add_der(&creds.ca, cert_der(sent->c[sent->n - 1]), CERTS_FILE_MAX, &f) == 0);
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		must(id_parse(&id, ids[i], &f) == 0);
		in.kind = sent->n > 0 ? cert_kind(sent->c[0]) : SIGN_RSA;
		if (v1_cert_check(&in, SPAN_ARRAY(hash), span_of(sig, in.kind == SIGN_RSA ? 256 : 64), &f) != 0)
			must((f.code == FAULT_AUTH_FAILED && f.cause != CAUSE_NONE) || f.code == FAULT_MEMORY);
		else
			abort();	/* nobody signed that */
	}
	certs_free(&creds.ca);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certs l = {0};
	struct crls *crls = NULL;
	struct fault f = {0};
	struct span in;
	size_t i;
	int rc;

	if (size < 1)
		return (0);
	in = span_of(data + 1, size - 1);
	rc = data[0] % 4 == 0 ? certs_add_der(&l, in, 16, &f) : data[0] % 4 == 1 ? certs_add_pkcs7(&l, in, 16, &f) :
	    data[0] % 4 == 2 ? certs_add_file(&l, in, 16, &f) : crls_add_file(&crls, in, &f);
	if (rc != 0)
		must(l.n == 0 && f.what[0] != '\0');
	must(l.n <= 16);
	for (i = 0; i < l.n; i++)
		look(l.c[i]);
	if (rc == 0)
		judge(&l, crls);
	certs_free(&l);
	crls_free(crls);
	return (0);
}
