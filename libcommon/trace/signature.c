/* Signatures of captured phases 1. */
#include "trace/signature.h"

#include <stdio.h>

#include "ike/v1base/auth.h"
#include "ike/v1base/auth_cert.h"

enum { ENCODING_PKCS7 = 1, ENCODING_X509 = 4 };	/* RFC 2408 section 3.9 */

const struct alg_hash *
v1_signature_hash(uint16_t auth, const struct alg_hash *h)
{
	const struct v1_auth *a = v1_auth_find(auth);

	return (a != NULL && a->hash != NULL ? alg_hash_word(a->hash) : h);
}

/* The certificates of the message; others than X.509, and those that cannot be read, are left out. */
static void
collect(struct certs *out, const struct isakmp_msg *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		struct span b = m->pl[i].body;

		if (m->pl[i].type != PAYLOAD_CERT || b.len < 1)
			continue;
		if (b.p[0] == ENCODING_X509)
			(void)certs_add_der(out, span_of(b.p + 1, b.len - 1), V1_SIGNATURE_CERTS, NULL);
		else if (b.p[0] == ENCODING_PKCS7)
			(void)certs_add_pkcs7(out, span_of(b.p + 1, b.len - 1), V1_SIGNATURE_CERTS, NULL);
	}
}

/* The certificate whose key made the signature; NULL: none of the list. */
static const struct cert *
signer(const struct certs *l, enum sign_kind kind, const struct v1_signature_in *in)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (sign_check(l->c[i], kind, in->hash, in->sig))
			return (l->c[i]);
	return (NULL);
}

/* Adds whether the certificate is trusted to the text, which is ${n} long. */
static void
judge(struct v1_signature *out, size_t n, const struct v1_signature_in *in, const struct certs *sent,
    enum sign_kind kind)
{
	struct v1_cert_in c = {
		.creds = in->trust, .sent = sent, .kind = kind, .epoch = in->epoch,
	};
	struct fault why = {0};
	struct id id;

	out->signer = V1_SIGNER_UNCHECKED;
	if (in->trust == NULL || (in->trust->ca.n == 0 && in->trust->pinned.n == 0)) {
		(void)snprintf(out->text + n, sizeof(out->text) - n, "; the certificate was not checked");
		return;
	}
	c.id = &id;
	if (in->id.len == 0 || id_get(&id, in->id, &why) != 0) {
		(void)snprintf(out->text + n, sizeof(out->text) - n, "; the certificate was not checked: its ID payload is %s",
		    in->id.len == 0 ? "not known" : "unreadable");
		return;
	}
	if (v1_cert_check(&c, in->hash, in->sig, &why) == 0) {
		out->signer = V1_SIGNER_TRUSTED;
		(void)snprintf(out->text + n, sizeof(out->text) - n, "; the certificate is trusted");
		return;
	}
	out->signer = V1_SIGNER_REFUSED;
	(void)snprintf(out->text + n, sizeof(out->text) - n, "; the certificate is NOT trusted: %s", why.what);
}

/* Which certificates none of whose keys made the signature. */
static void
wrong(struct v1_signature *out, const struct v1_signature_in *in, const struct certs *l, enum sign_kind kind)
{
	char name[V1_CERT_NAME_TEXT];

	out->proof = V1_PROOF_BAD;
	(void)v1_cert_name_text(name, cert_subject(l->c[0]));
	if (l->n > 1)
		(void)snprintf(out->text, sizeof(out->text), "not signed by a key of the %zu certificates in message %u, the "
		    "first of \"%s\"", l->n, in->message, name);
	else if (cert_kind(l->c[0]) != kind)
		(void)snprintf(out->text, sizeof(out->text), "not signed by the key of the certificate in message %u, of \"%s\": "
		    "it is %s, and the method needs %s", in->message, name, sign_kind_name(cert_kind(l->c[0])),
		    sign_kind_name(kind));
	else
		(void)snprintf(out->text, sizeof(out->text), "not signed by the key of the certificate in message %u, of \"%s\"",
		    in->message, name);
}

static void
unknown(struct v1_signature *out, const char *why)
{
	out->proof = V1_PROOF_UNKNOWN;
	(void)snprintf(out->text, sizeof(out->text), "not verified: %s", why);
}

/* With the certificates of the message, or else with those that are configured. */
static void
check(struct v1_signature *out, const struct v1_signature_in *in, const struct certs *sent, enum sign_kind kind)
{
	const struct certs *configured = in->trust != NULL ? &in->trust->pinned : sent;
	const struct cert *c = signer(sent, kind, in);
	char name[V1_CERT_NAME_TEXT];
	int n;

	if (c == NULL && sent->n > 0) {
		wrong(out, in, sent, kind);
		return;
	}
	if (c != NULL)
		n = snprintf(out->text, sizeof(out->text), "signed by the key of the certificate in message %u, of \"%s\"",
		    in->message, v1_cert_name_text(name, cert_subject(c)));
	else if ((c = signer(configured, kind, in)) != NULL)
		n = snprintf(out->text, sizeof(out->text), "signed by the key of the given certificate of \"%s\"; message %u has "
		    "none", v1_cert_name_text(name, cert_subject(c)), in->message);
	else {
		unknown(out, configured->n > 0 ? "the message has no certificate, and the key of none that is given made it" :
		    "the message has no certificate");
		return;
	}
	out->proof = V1_PROOF_GOOD;
	judge(out, n > 0 ? strlen(out->text) : 0, in, sent, kind);
}

void
v1_signature_check(struct v1_signature *out, const struct v1_signature_in *in)
{
	const struct v1_auth *a = v1_auth_find(in->auth);
	struct certs sent = {0};

	*out = (struct v1_signature){0};
	if (in->auth == 0)
		unknown(out, "the message that chooses the method is not in the capture");
	else if (a == NULL || a->sign == SIGN_NONE)
		unknown(out, "signatures of this method are not implemented");
	else if (in->hash.len == 0)
		unknown(out, "what it signs is not known");
	else {
		collect(&sent, in->msg);
		check(out, in, &sent, a->sign);
		certs_free(&sent);
	}
}
