/* The peer's certificate, and the signature that it made. */
#include "ike/v1base/auth_cert.h"

#include <stdio.h>

#include "base/hex.h"
#include "wire/dn.h"

#define NAME_TEXT	V1_CERT_NAME_TEXT
#define HASH_TEXT	(2 * TRUST_HASH_LEN + 1)

/* --- words --- */

const char *
v1_cert_name_text(char out[NAME_TEXT], struct span der)
{
	size_t cap = 2 * der.len + 2;
	char *all = der.len <= CERT_DER_MAX ? malloc(cap) : NULL;

	if (all == NULL)
		(void)snprintf(out, NAME_TEXT, "a name of %zu bytes", der.len);
	else {
		dn_text(all, cap, der);
		(void)snprintf(out, NAME_TEXT, "%s", all);
	}
	free(all);
	return (out);
}

/* Our CAs: the first, and how many more. */
static const char *
ca_text(char out[NAME_TEXT + 32], const struct creds *c)
{
	char name[NAME_TEXT];

	if (c->ca.n == 0)
		(void)snprintf(out, NAME_TEXT + 32, "there is no CA here");
	else if (c->ca.n == 1)
		(void)snprintf(out, NAME_TEXT + 32, "the CA here is \"%s\"", v1_cert_name_text(name, cert_subject(c->ca.c[0])));
	else
		(void)snprintf(out, NAME_TEXT + 32, "the CAs here are \"%s\" and %zu more",
		    v1_cert_name_text(name, cert_subject(c->ca.c[0])), c->ca.n - 1);
	return (out);
}

static int
refuse(struct fault *f, enum fault_cause cause)
{
	return (fault_because(f, cause, -1));
}

static int
untrusted(const struct v1_cert_in *in, const struct trust_result *r, struct fault *f)
{
	char subject[NAME_TEXT], issuer[NAME_TEXT], ca[NAME_TEXT + 32], when[CERT_TIME_TEXT], now[CERT_TIME_TEXT];
	const char *whose = r->is_leaf ? "" : " of its chain";

	(void)v1_cert_name_text(subject, bytes_span(&r->subject));
	(void)v1_cert_name_text(issuer, bytes_span(&r->issuer));
	(void)cert_time_text(when, r->when);
	(void)cert_time_text(now, (int64_t)in->epoch);
	switch (r->why) {
	case TRUST_NO_ISSUER:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\"%s was issued by \"%s\", whose certificate was not "
		    "sent, and %s", subject, whose, issuer, ca_text(ca, in->creds));
		return (refuse(f, CAUSE_CERT_ISSUER));
	case TRUST_OTHER_CA:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: the chain ends at \"%s\", and %s", subject,
		    ca_text(ca, in->creds));
		return (refuse(f, CAUSE_CERT_ISSUER));
	case TRUST_NOT_CA:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\" is no certificate that may issue others",
		    subject);
		return (refuse(f, CAUSE_CERT_CHAIN));
	case TRUST_BAD_SIGNATURE:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\"%s does not have the signature of its issuer \"%s\"",
		    subject, whose, issuer);
		return (refuse(f, CAUSE_CERT_ISSUER));
	case TRUST_EARLY:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\"%s is valid from %s, and here it is %s", subject,
		    whose, when, now);
		return (refuse(f, CAUSE_CERT_DATES));
	case TRUST_EXPIRED:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\"%s expired at %s, and here it is %s", subject,
		    whose, when, now);
		return (refuse(f, CAUSE_CERT_DATES));
	case TRUST_REVOKED:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\"%s, serial number %s, was revoked at %s by \"%s\"",
		    subject, whose, r->serial, when, issuer);
		return (refuse(f, CAUSE_CERT_REVOKED));
	case TRUST_NO_CRL:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: no CRL here is of \"%s\", the issuer of \"%s\"%s", issuer,
		    subject, whose);
		return (refuse(f, CAUSE_CERT_CRL));
	case TRUST_OLD_CRL:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: the CRL of \"%s\", the issuer of \"%s\"%s, is valid until "
		    "%s, and here it is %s", issuer, subject, whose, when, now);
		return (refuse(f, CAUSE_CERT_CRL));
	case TRUST_CONSTRAINED:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: the name constraints of a CA exclude a name of \"%s\"",
		    subject);
		return (refuse(f, CAUSE_CERT_NAME));
	default:
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\"%s is not valid: %s", subject, whose,
		    r->text != NULL ? r->text : "libcrypto gives no reason");
		return (refuse(f, CAUSE_CERT_CHAIN));
	}
}

/* --- names, RFC 4945 section 3 --- */

static bool
names_id(const struct cert *c, const struct id *id)
{
	struct span data = span_of(id->data, id->len);

	switch (id->type) {
	case ID_FQDN:
		return (cert_has_name(c, CERT_DNS, data));
	case ID_USER_FQDN:
		return (cert_has_name(c, CERT_EMAIL, data));
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		return (cert_has_name(c, CERT_IP, data));
	case ID_DER_ASN1_DN:
		return (dn_eq(cert_subject(c), data));
	default:
		return (false);
	}
}

static int
other_name(const struct v1_cert_in *in, const struct cert *c, struct fault *f)
{
	char subject[NAME_TEXT], names[NAME_TEXT], *id = malloc(ID_TEXT);

	cert_names_text(names, sizeof(names), c);
	if (id == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a name"));
	(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\" does not have the name %.120s of the ID payload; "
	    "subjectAltName has %s", v1_cert_name_text(subject, cert_subject(c)), id_text(id, in->id),
	    names[0] != '\0' ? names : "none");
	free(id);
	return (refuse(f, CAUSE_CERT_NAME));
}

/* --- which certificate --- */

/*
 * Of a list in any order: the one with the name of the ID payload, else the first that is no CA's, else the first.
 * NULL: it is empty.
 */
static const struct cert *
pick(const struct certs *l, const struct id *id)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (!cert_is_ca(l->c[i]) && names_id(l->c[i], id))
			return (l->c[i]);
	for (i = 0; i < l->n; i++)
		if (!cert_is_ca(l->c[i]))
			return (l->c[i]);
	return (l->n > 0 ? l->c[0] : NULL);
}

static const struct cert *
pick_pinned(const struct v1_cert_in *in)
{
	size_t i;

	for (i = 0; i < in->sent->n; i++)
		if (trust_is_pinned(in->sent->c[i], in->creds))
			return (in->sent->c[i]);
	/* A peer whose certificate is configured need not send it. */
	return (in->sent->n == 0 ? pick(&in->creds->pinned, in->id) : NULL);
}

static int
none_sent(const struct v1_cert_in *in, struct fault *f)
{
	char ca[NAME_TEXT + 32];

	(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: the peer sent no certificate, and %s",
	    in->creds->n_hashes > 0 ? "only its hash is configured here" : ca_text(ca, in->creds));
	return (refuse(f, CAUSE_CERT_NONE));
}

static int
not_pinned(const struct v1_cert_in *in, const struct cert *c, struct fault *f)
{
	char subject[NAME_TEXT], theirs[HASH_TEXT] = "", ours[HASH_TEXT] = "";
	uint8_t hash[TRUST_HASH_LEN];

	if (cert_hash(c, hash) == 0)
		(void)hex_put(theirs, sizeof(theirs), SPAN_ARRAY(hash));
	if (in->creds->n_hashes > 0)
		(void)hex_put(ours, sizeof(ours), span_of(in->creds->hash[0], TRUST_HASH_LEN));
	else if (cert_hash(in->creds->pinned.c[0], hash) == 0)
		(void)hex_put(ours, sizeof(ours), SPAN_ARRAY(hash));
	(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: \"%s\" is not the configured certificate: its SHA-256 is %s, "
	    "not %s", v1_cert_name_text(subject, cert_subject(c)), theirs, ours);
	return (refuse(f, CAUSE_CERT_PINNED));
}

/* What libcrypto checks along a path, for a certificate that needs none. */
static int
check_pinned_dates(const struct v1_cert_in *in, const struct cert *c, struct fault *f)
{
	int64_t now = (int64_t)in->epoch;
	struct trust_result r = { .is_leaf = true };
	int rc;

	if (cert_begins(c) <= now && now <= cert_ends(c))
		return (0);
	r.why = cert_begins(c) > now ? TRUST_EARLY : TRUST_EXPIRED;
	r.when = r.why == TRUST_EARLY ? cert_begins(c) : cert_ends(c);
	rc = bytes_set(&r.subject, cert_subject(c)) == 0 ? untrusted(in, &r, f) :
	    fault(f, FAULT_MEMORY, "no memory for a certificate");
	trust_result_free(&r);
	return (rc);
}

static int
check_path(const struct v1_cert_in *in, const struct cert *c, struct fault *f)
{
	struct trust_result r;
	int rc;

	if (trust_check(&r, c, in->sent, in->creds, in->epoch, f) != 0)
		return (-1);
	rc = r.why == TRUST_OK ? 0 : untrusted(in, &r, f);
	trust_result_free(&r);
	if (rc == 0 && !names_id(c, in->id))
		return (other_name(in, c, f));
	return (rc);
}

int
v1_cert_check(const struct v1_cert_in *in, struct span hash_ir, struct span sig, struct fault *f)
{
	char subject[NAME_TEXT], usage[CERT_USAGE_TEXT];
	const struct cert *c = pick_pinned(in);

	if (c != NULL) {
		if (check_pinned_dates(in, c, f) != 0)
			return (-1);
	} else if ((c = pick(in->sent, in->id)) == NULL)
		return (none_sent(in, f));
	else if (in->creds->ca.n == 0 && (in->creds->pinned.n > 0 || in->creds->n_hashes > 0))
		return (not_pinned(in, c, f));
	else if (check_path(in, c, f) != 0)
		return (-1);
	(void)v1_cert_name_text(subject, cert_subject(c));
	if (!cert_may_sign(c)) {
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: the keyUsage of \"%s\" is %s, without digitalSignature or "
		    "nonRepudiation", subject, cert_usage_text(usage, c));
		return (refuse(f, CAUSE_CERT_USAGE));
	}
	if (cert_kind(c) != in->kind) {
		(void)fault(f, FAULT_AUTH_FAILED, "CERT payload: the key of \"%s\" is %s, and the method needs %s", subject,
		    sign_kind_name(cert_kind(c)), sign_kind_name(in->kind));
		return (refuse(f, CAUSE_CERT_KEY));
	}
	if (!sign_check(c, in->kind, hash_ir, sig)) {
		(void)fault(f, FAULT_AUTH_FAILED, "SIG payload: it is no signature of \"%s\" over this exchange", subject);
		return (refuse(f, CAUSE_SIGNATURE));
	}
	return (0);
}

int
v1_cert_unrevoked(const struct v1_cert_in *in, struct fault *f)
{
	const struct cert *c = pick_pinned(in);
	struct trust_result r;
	int rc = 0;

	/* No list says anything about a pinned one. */
	if (c != NULL || (c = pick(in->sent, in->id)) == NULL)
		return (0);
	if (trust_check(&r, c, in->sent, in->creds, in->epoch, f) != 0)
		return (-1);
	if (r.why == TRUST_REVOKED)
		rc = untrusted(in, &r, f);
	trust_result_free(&r);
	return (rc);
}
