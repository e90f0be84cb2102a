/* Phase 1: certificates, sent and received, and requests for them. */
#include "ike/v1/phase1_cert.h"

#include "ike/v1/exchange_part.h"
#include "ike/v1base/auth.h"
#include "ike/v1base/auth_cert.h"
#include "wire/dn.h"
#include "wire/rd.h"

#define ENCODING_PKCS7	1	/* RFC 2408 section 3.9 */
#define ENCODING_X509	4
#define V1_CERT_CAS_MAX	16384	/* bytes of the CAs that a peer names, in all its CERTREQs */

/* Whether ${who} signs, by the method that is agreed on, or the first that this end offers. */
static bool
signs(const struct v1_exchange *x, enum sa_role who)
{
	const struct ike_policy *p = x->sa->ike.policy;
	const struct v1_auth *a = x->sa->auth;

	if (a == NULL && p->n_auths > 0)
		a = v1_auth_find(p->auths[0]);
	return (a != NULL && v1_auth_proof(a, who) == PAYLOAD_SIG);
}

static void
put(struct isakmp_builder *b, uint8_t type, struct span data)
{
	isakmp_payload_begin(b, type);
	wr_u8(&b->w, ENCODING_X509);
	wr_bytes(&b->w, data);
	isakmp_payload_end(b);
}

/* Whether ${ca}, a name in DER, issued our certificate or one of the chain above it. */
static bool
issued_ours(const struct creds *c, struct span ca)
{
	size_t i;

	for (i = 0; i < c->own.n; i++)
		if (dn_eq(cert_issuer(c->own.c[i]), ca))
			return (true);
	return (false);
}

bool
v1_cert_is_asked(const struct v1_phase1 *part, const struct creds *c)
{
	struct rd r = rd_of(bytes_span(&part->cert_cas));

	while (r.left > 0 && !r.bad)
		if (issued_ours(c, rd_bytes(&r, rd_u16(&r))))
			return (true);
	return (part->any_cert_asked);
}

int
v1_put_certs(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct ike_policy *p = x->sa->ike.policy;
	const struct v1_phase1 *part = x->part;
	size_t i;

	(void)f;
	if (!signs(x, x->role) || p->cert_policy == CERT_NEVER || (p->cert_policy == CERT_ASKED && !v1_cert_is_asked(part, &p->creds)))
		return (0);
	for (i = 0; i < p->creds.own.n; i++)
		put(b, PAYLOAD_CERT, cert_der(p->creds.own.c[i]));
	return (0);
}

int
v1_take_cert(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_phase1 *part = x->part;
	struct fault why = {0};
	struct span data;
	int rc;

	if (pl->body.len < 1)
		return (fault(f, FAULT_MALFORMED, "CERT payload: it is empty"));
	data = span_of(pl->body.p + 1, pl->body.len - 1);
	if (pl->body.p[0] == ENCODING_X509)
		rc = certs_add_der(&part->certs, data, V1_CERTS_MAX, &why);
	else if (pl->body.p[0] == ENCODING_PKCS7)
		rc = certs_add_pkcs7(&part->certs, data, V1_CERTS_MAX, &why);
	else		/* a CRL and the like: not needed, not trusted */
		return (0);
	return (rc == 0 ? 0 : fault(f, why.code, "CERT payload: %.400s", why.what));
}

int
v1_keep_certs(struct v1_sa *sa, const struct certs *certs, struct fault *f)
{
	size_t i, len = 0;
	struct span der;
	uint8_t *p;

	bytes_free(&sa->certs);
	if (certs->n == 0)
		return (0);
	for (i = 0; i < certs->n; i++)
		len += 4 + cert_der(certs->c[i]).len;
	if ((p = malloc(len)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a certificate"));
	sa->certs = (struct bytes){ .p = p, .len = len };
	for (i = 0; i < certs->n; i++) {
		der = cert_der(certs->c[i]);
		put_be32(p, (uint32_t)der.len);
		memcpy(p + 4, der.p, der.len);
		p += 4 + der.len;
	}
	return (0);
}

int
v1_cert_still_valid(const struct ike_sa *ike, const struct ike_policy *p, uint64_t epoch, struct fault *f)
{
	const struct v1_sa *sa = (const struct v1_sa *)ike;
	struct rd r = rd_of(bytes_span(&sa->certs));
	struct certs certs = {0};
	struct id id = ike_id_get(ike->remote.id);
	struct v1_cert_in in = { .creds = &p->creds, .sent = &certs, .id = &id, .epoch = epoch };
	int rc = 0;

	if (sa->auth == NULL)
		return (fault(f, FAULT_AUTH_FAILED, "the IKE SA came from a record, which does not have the peer's certificate"));
	if (r.left == 0)
		return (0);
	while (rc == 0 && r.left > 0 && !r.bad)
		rc = certs_add_der(&certs, rd_bytes(&r, rd_u32(&r)), V1_CERTS_MAX, f);
	if (rc == 0)
		rc = v1_cert_unrevoked(&in, f);
	certs_free(&certs);
	return (rc);
}

/* Main mode: the responder asks in message 4, the initiator in 5, where it is encrypted. */
static bool
is_time(const struct v1_exchange *x)
{
	if (x->kind->number == EXCHANGE_AGGRESSIVE)
		return (true);
	return (x->at == (x->role == SA_RESPONDER ? 3 : 4));
}

int
v1_put_cert_req(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct creds *c = &x->sa->ike.policy->creds;
	size_t i;

	(void)f;
	if (!signs(x, x->role == SA_INITIATOR ? SA_RESPONDER : SA_INITIATOR) || !is_time(x))
		return (0);
	/* Without a CA any certificate is asked for: the configured one is known by itself. */
	if (c->ca.n == 0)
		put(b, PAYLOAD_CR, SPAN_NONE);
	for (i = 0; i < c->ca.n && i < V1_CERTS_MAX; i++)
		put(b, PAYLOAD_CR, cert_subject(c->ca.c[i]));
	return (0);
}

/* Which of our CAs it is about is decided when we send: until then the peer's section may change. */
int
v1_take_cert_req(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct v1_phase1 *part = x->part;
	struct bytes *all = &part->cert_cas;
	struct span ca;
	uint8_t *more;

	if (pl->body.len < 1 || (pl->body.p[0] != ENCODING_X509 && pl->body.p[0] != ENCODING_PKCS7))
		return (0);
	ca = span_of(pl->body.p + 1, pl->body.len - 1);
	if (ca.len == 0)
		part->any_cert_asked = true;
	/* A CA that is no name, or one too many, is one that we do not know. */
	if (ca.len > V1_CERT_CAS_MAX - 2 || all->len > V1_CERT_CAS_MAX - 2 - ca.len || !dn_valid(ca))
		return (0);
	if ((more = realloc(all->p, all->len + 2 + ca.len)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a CERTREQ payload"));
	put_be16(more + all->len, (uint16_t)ca.len);
	memcpy(more + all->len + 2, ca.p, ca.len);
	*all = (struct bytes){ more, all->len + 2 + ca.len };
	return (0);
}
