/* Phase 1: certificates, sent and received, and requests for them. */
#include "ike/v1/phase1_cert.h"

#include "ike/v1/auth.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/ike_sa.h"

#define ENCODING_PKCS7	1	/* RFC 2408 section 3.9 */
#define ENCODING_X509	4

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

int
v1_put_certs(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	const struct ike_policy *p = x->sa->ike.policy;
	const struct v1_phase1 *part = x->part;
	size_t i;

	(void)f;
	if (!signs(x, x->role) || p->cert_policy == CERT_NEVER || (p->cert_policy == CERT_ASKED && !part->cert_asked))
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

/* Whose certificates are asked for counts for nothing: this end has only one of its own. */
int
v1_take_cert_req(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	(void)f;
	if (pl->body.len >= 1 && (pl->body.p[0] == ENCODING_X509 || pl->body.p[0] == ENCODING_PKCS7))
		((struct v1_phase1 *)x->part)->cert_asked = true;
	return (0);
}
