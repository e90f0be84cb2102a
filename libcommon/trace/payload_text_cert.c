/* CERT and CERTREQ payloads in words: who the certificate is of, and who issued it. */
#include "trace/payload_text_cert.h"

#include "crypto/cert.h"
#include "wire/dn.h"

#define DN_SHOWN	2048	/* bytes of a name's text */
#define CERTS_SHOWN	16	/* certificates of a PKCS#7 */
#define NAMES_SHOWN	512

enum { PKCS7 = 1, X509_SIGNATURE = 4, X509_EXCHANGE = 5 };	/* RFC 2408 section 3.9 */

static void
put_dn(struct sa_text *t, struct span der)
{
	static char dn[DN_SHOWN];

	if (2 * der.len + 2 > sizeof(dn) || !dn_valid(der)) {
		sa_text_add(t, "a name of %zu bytes", der.len);
		return;
	}
	dn_text(dn, sizeof(dn), der);
	sa_text_add(t, "\"%s\"", dn);
}

static void
put_cert(struct sa_text *t, const struct cert *c)
{
	char from[CERT_TIME_TEXT], to[CERT_TIME_TEXT], names[NAMES_SHOWN];

	put_dn(t, cert_subject(c));
	if (cert_is_root(c))
		sa_text_add(t, ", self-signed");
	else {
		sa_text_add(t, ", issued by ");
		put_dn(t, cert_issuer(c));
	}
	cert_names_text(names, sizeof(names), c);
	sa_text_add(t, "%s%s%s, valid from %s to %s\n", cert_is_ca(c) ? ", CA" : "", names[0] != '\0' ? ", " : "", names,
	    cert_time_text(from, cert_begins(c)), cert_time_text(to, cert_ends(c)));
}

static void
put_certs(struct sa_text *t, struct span data, bool pkcs7)
{
	struct certs l = {0};
	struct fault f = {0};
	size_t i;

	if ((pkcs7 ? certs_add_pkcs7 : certs_add_der)(&l, data, CERTS_SHOWN, &f) != 0)
		sa_text_add(t, ", %zu bytes, unreadable: %s\n", data.len, f.what);
	else if (!pkcs7) {
		sa_text_add(t, ": ");
		put_cert(t, l.c[0]);
	} else {
		sa_text_add(t, ", %zu certificate%s\n", l.n, l.n == 1 ? "" : "s");
		for (i = 0; i < l.n; i++) {
			sa_text_add(t, "  ");
			put_cert(t, l.c[i]);
		}
	}
	certs_free(&l);
}

void
v1_cert_words(struct sa_text *t, struct span body, bool request)
{
	static const char *const kinds[] = {
		"none", "PKCS #7", "PGP", "DNS", "X.509 signature", "X.509 key exchange",
		"Kerberos", "CRL", "ARL", "SPKI", "X.509 attribute",
	};
	struct span rest;

	if (body.len == 0) {
		sa_text_add(t, "empty\n");
		return;
	}
	rest = span_of(body.p + 1, body.len - 1);
	if (body.p[0] < sizeof(kinds) / sizeof(kinds[0]))
		sa_text_add(t, "%s", kinds[body.p[0]]);
	else
		sa_text_add(t, "encoding %u", body.p[0]);
	if (!request && (body.p[0] == PKCS7 || body.p[0] == X509_SIGNATURE || body.p[0] == X509_EXCHANGE))
		put_certs(t, rest, body.p[0] == PKCS7);
	else if (request && rest.len == 0)
		sa_text_add(t, " of any CA\n");
	else if (request && dn_valid(rest)) {
		sa_text_add(t, " of ");
		put_dn(t, rest);
		sa_text_add(t, "\n");
	} else
		sa_text_add(t, ", %zu bytes\n", rest.len);
}
