/* subjectAltName: comparison and text; dates as text. */
#include "crypto/cert_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"

static struct span
string_span(const ASN1_STRING *s)
{
	return (span_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)));
}

/* Host names and the like: ASCII, without regard to case. */
static bool
text_eq(struct span a, struct span b)
{
	return (a.len == b.len && a.len > 0 && memchr(a.p, 0, a.len) == NULL &&
	    strncasecmp((const char *)a.p, (const char *)b.p, a.len) == 0);
}

/* RFC 5280 section 7.5: the local part counts as it is written. */
static bool
email_eq(struct span a, struct span b)
{
	const uint8_t *at = a.len > 0 ? memchr(a.p, '@', a.len) : NULL;
	size_t local = at != NULL ? (size_t)(at - a.p) : 0;

	return (local > 0 && text_eq(a, b) && span_eq(span_of(a.p, local), span_of(b.p, local)));
}

static bool
dn_is(X509_NAME *n, struct span der)
{
	unsigned char *own = NULL;
	int len = i2d_X509_NAME(n, &own);
	bool is = len >= 0 && span_eq(span_of(own, (size_t)len), der);

	OPENSSL_free(own);
	return (is);
}

static bool
name_is(const GENERAL_NAME *g, enum cert_name kind, struct span name)
{
	switch (g->type) {
	case GEN_DNS:
		return (kind == CERT_DNS && text_eq(string_span(g->d.dNSName), name));
	case GEN_EMAIL:
		return (kind == CERT_EMAIL && email_eq(string_span(g->d.rfc822Name), name));
	case GEN_IPADD:
		return (kind == CERT_IP && span_eq(string_span(g->d.iPAddress), name));
	case GEN_DIRNAME:
		return (kind == CERT_DN && dn_is(g->d.directoryName, name));
	default:
		return (false);
	}
}

static GENERAL_NAMES *
names_of(const struct cert *c)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(c->x, NID_subject_alt_name, NULL, NULL);

	ERR_clear_error();
	return (names);
}

bool
cert_has_name(const struct cert *c, enum cert_name kind, struct span name)
{
	GENERAL_NAMES *names = names_of(c);
	bool has = false;
	int i;

	for (i = 0; !has && i < sk_GENERAL_NAME_num(names); i++)
		has = name_is(sk_GENERAL_NAME_value(names, i), kind, name);
	GENERAL_NAMES_free(names);
	return (has);
}

static bool
add_bytes(char *out, size_t cap, size_t *n, struct span s)
{
	char c[8];
	size_t i;

	for (i = 0; i < s.len; i++) {
		(void)snprintf(c, sizeof(c), s.p[i] > 0x20 && s.p[i] < 0x7f && s.p[i] != '\\' ? "%c" : "\\x%02x", s.p[i]);
		if (!text_add(out, cap, n, c))
			return (false);
	}
	return (true);
}

static bool
add_address(char *out, size_t cap, size_t *n, struct span s)
{
	char text[48];
	size_t i, at = 0;

	if (s.len == 4)
		(void)snprintf(text, sizeof(text), "%u.%u.%u.%u", s.p[0], s.p[1], s.p[2], s.p[3]);
	else if (s.len == 16)
		for (i = 0; i < 16; i += 2)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%x", i > 0 ? ":" : "",
			    (unsigned)(s.p[i] << 8 | s.p[i + 1]));
	else
		return (add_bytes(out, cap, n, s));
	return (text_add(out, cap, n, text));
}

void
cert_names_text(char *out, size_t cap, const struct cert *c)
{
	GENERAL_NAMES *names = names_of(c);
	const GENERAL_NAME *g;
	size_t n = 0;
	bool room = true;
	int i;

	out[0] = '\0';
	for (i = 0; room && i < sk_GENERAL_NAME_num(names); i++) {
		g = sk_GENERAL_NAME_value(names, i);
		if (g->type != GEN_DNS && g->type != GEN_EMAIL && g->type != GEN_IPADD)
			continue;
		room = (n == 0 || text_add(out, cap, &n, ", "));
		if (room && g->type == GEN_DNS)
			room = text_add(out, cap, &n, "DNS:") && add_bytes(out, cap, &n, string_span(g->d.dNSName));
		else if (room && g->type == GEN_EMAIL)
			room = text_add(out, cap, &n, "email:") && add_bytes(out, cap, &n, string_span(g->d.rfc822Name));
		else if (room)
			room = text_add(out, cap, &n, "IP:") && add_address(out, cap, &n, string_span(g->d.iPAddress));
	}
	GENERAL_NAMES_free(names);
}

char *
cert_time_text(char out[CERT_TIME_TEXT], int64_t epoch)
{
	struct tm tm;
	time_t t = (time_t)epoch;

	if (gmtime_r(&t, &tm) == NULL || strftime(out, CERT_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out, CERT_TIME_TEXT, "%lld", (long long)epoch);
	return (out);
}
