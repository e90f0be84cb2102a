/*
 * Phase 1: main mode and aggressive mode. Below are the two tables, as RFC 2409 section 5 draws them, and the functions
 * that write and parse each payload: see the phase1_*.h.
 */
#include <stdlib.h>

#include "ike/v1/phase1.h"

#include "ike/engine_priv.h"
#include "ike/v1/phase1_cert.h"
#include "ike/v1/phase1_natt.h"
#include "ike/v1/phase1_notify.h"
#include "ike/v1/phase1_policy.h"
#include "ike/v1/phase1_proof.h"
#include "ike/v1run/payload.h"
#include "ike/v1run/runner.h"

enum { I = SA_INITIATOR, R = SA_RESPONDER };
enum {
	SA = PAYLOAD_SA, KE = PAYLOAD_KE, NONCE = PAYLOAD_NONCE, ID = PAYLOAD_ID,
	AUTH = V1_AUTH, VID = PAYLOAD_VID, NAT_D = PAYLOAD_NAT_D, N = PAYLOAD_N,
	CR = PAYLOAD_CR, CERT = PAYLOAD_CERT,
};

/*
 * Main mode (RFC 2409 sections 5.1 and 5.4), NAT-D as RFC 3947 section 3.2. AUTH is HASH_I and
 * HASH_R with a pre-shared key, SIG behind the CERT payloads with signatures; the authentication
 * method decides. CERTREQ may be in each message from the third on:
 *
 *	HDR, SA                        -->
 *	                               <--    HDR, SA
 *	HDR, KE, Ni, NAT-D, NAT-D      -->
 *	                               <--    HDR, KE, Nr, NAT-D, NAT-D
 *	HDR*, IDii, AUTH               -->
 *	                               <--    HDR*, IDir, AUTH
 */
static const struct v1_message main_mode[] = {
	{ I, V1_CLEAR,  { SA },        { VID },         NULL, v1_agree_natt, "offers proposals" },
	{ R, V1_CLEAR,  { SA },        { VID },         NULL, v1_agree_natt, "chooses one" },
	{ I, V1_CLEAR,  { KE, NONCE }, { NAT_D, VID, CR }, NULL, v1_detect_nat, "sends its key" },
	{ R, V1_CLEAR,  { KE, NONCE }, { NAT_D, VID, CR }, NULL, v1_detect_nat, "sends its key" },
	{ I, V1_SECRET, { ID, AUTH },  { CERT, CR, N, VID }, NULL, NULL, "authenticates" },
	{ R, V1_SECRET, { ID, AUTH },  { CERT, CR, N, VID }, NULL, NULL, "authenticates" },
};

/*
 * Aggressive mode (the same sections):
 *
 *	HDR, SA, KE, Ni, IDii          -->
 *	                               <--    HDR, SA, KE, Nr, IDir, AUTH, NAT-D, NAT-D
 *	HDR*, AUTH, NAT-D, NAT-D       -->
 */
static const struct v1_message aggressive_mode[] = {
	{ I, V1_CLEAR,  { SA, KE, NONCE, ID }, { VID, CR },
	    NULL, v1_agree_natt, "offers proposals and its key" },
	{ R, V1_CLEAR,  { SA, KE, NONCE, ID, AUTH }, { CERT, NAT_D, VID, CR },
	    NULL, v1_agree_and_detect_nat, "chooses one, authenticates" },
	{ I, V1_EITHER, { AUTH }, { CERT, NAT_D, N, VID },
	    NULL, v1_detect_nat, "authenticates" },
};

/* In the order of processing: the identity selects the policy, the policy the
 * proposal, and the proposal the keys. */
static const struct v1_payload payloads[] = {
	{ PAYLOAD_VID,		32,		v1_put_vid,	v1_take_vid },
	{ PAYLOAD_ID,		1,		v1_put_id,	v1_take_id },
	{ PAYLOAD_SA,		1,		v1_put_sa,	v1_take_sa },
	{ PAYLOAD_KE,		1,		v1_put_ke,	v1_take_ke },
	{ PAYLOAD_NONCE,	1,		v1_put_nonce,	v1_take_nonce },
	{ PAYLOAD_NAT_D,	32,		v1_put_natd,	v1_take_natd },
	{ PAYLOAD_CR,		V1_CERT_REQS_MAX, v1_put_cert_req, v1_take_cert_req },
	/* V1_AUTH puts them: they precede it. */
	{ PAYLOAD_CERT,		V1_CERTS_MAX,	v1_put_nothing,	v1_take_cert },
	{ V1_AUTH,		1,		v1_put_auth,	v1_take_auth },
	{ PAYLOAD_N,		8,		v1_put_notify,	v1_take_notify },
	{ V1_NOTHING,		0,		NULL,		NULL },
};

static void
nonsense(const struct v1_exchange *x, struct fault *f)
{
	const struct v1_auth *auth = x->sa->auth;

	if (auth->nonsense != FAULT_NONE)
		(void)fault(f, auth->nonsense, "it decrypts to nonsense: %s", auth->nonsense_text);
}

static void
forget(struct v1_exchange *x)
{
	phase1_of(x)->n_natd = 0;
	phase1_of(x)->initial_contact = false;
	certs_free(&phase1_of(x)->certs);
}

static void
phase1_free(struct v1_exchange *x)
{
	struct v1_phase1 *p = x->part;

	if (p == NULL)
		return;
	dh_free(p->dh);
	bytes_free(&p->sai_b);
	bytes_free(&p->sar_b);
	bytes_free(&p->gx_peer);
	bytes_free(&p->ni_b);
	bytes_free(&p->nr_b);
	bytes_free(&p->idii_b);
	bytes_free(&p->idir_b);
	certs_free(&p->certs);
	bytes_free(&p->cert_cas);
	free(p->wrong_id);
	free(p);
}

static const struct v1_kind kinds[] = {
	[SA_MAIN] = {
		"phase 1 (main mode)", PHASE_MAIN, EXCHANGE_MAIN, main_mode,
		sizeof(main_mode) / sizeof(main_mode[0]), payloads,
		false,		/* the initiator retransmits */
		NULL, NULL, v1_phase1_proof, v1_phase1_keys, nonsense, forget, v1_phase1_refused, NULL, NULL, NULL,
		phase1_free,
	},
	[SA_AGGRESSIVE] = {
		"phase 1 (aggressive mode)", PHASE_AGGRESSIVE, EXCHANGE_AGGRESSIVE, aggressive_mode,
		sizeof(aggressive_mode) / sizeof(aggressive_mode[0]), payloads,
		false,		/* nor here: see ask_again() in receive.c */
		NULL, NULL, v1_phase1_proof, v1_phase1_keys, nonsense, forget, v1_phase1_refused, NULL, NULL, NULL,
		phase1_free,
	},
};

struct v1_phase1 *
v1_phase1_of(const struct v1_exchange *x)
{
	return (x->kind == &kinds[SA_MAIN] || x->kind == &kinds[SA_AGGRESSIVE] ? x->part : NULL);
}

const struct v1_auth *
v1_phase1_auth(const struct v1_exchange *x)
{
	const struct ike_policy *policy;

	if (v1_phase1_of(x) == NULL)
		return (NULL);
	if (x->sa->auth != NULL)
		return (x->sa->auth);
	policy = x->sa->ike.policy;
	return (policy->n_auths == 1 ? v1_auth_find(policy->auths[0]) : NULL);
}

bool
v1_phase1_proof_sent(const struct v1_exchange *x)
{
	return (v1_phase1_of(x) != NULL && v1_exchange_has_sent_type(x, V1_AUTH));
}

struct v1_exchange *
v1_phase1_new(struct v1_sa *sa, enum sa_role role, struct now now)
{
	struct v1_exchange *x = v1_exchange_new(sa, &kinds[sa->ike.policy->exchange], role, 0, now);

	if (x == NULL || (x->part = calloc(1, sizeof(struct v1_phase1))) == NULL) {
		v1_exchange_free(x);
		return (NULL);
	}
	sa->exchanges = x;
	return (x);
}

int
v1_phase1_begin(struct v1_sa *sa, struct now now, enum ike_begin why, struct ike_outbox *out, struct fault *f)
{
	struct v1_exchange *x = v1_phase1_new(sa, SA_INITIATOR, now);

	if (x == NULL)
		return (phase1_no_memory(f));
	phase1_of(x)->begin = why;
	if (ike_engine_spi(sa->ike.engine, sa->ike.spi_i, f) != 0 || v1_exchange_run(x, now, out, f) != 0)
		return (-1);
	return (ike_engine_link(sa->ike.engine, &sa->ike) != 0 ? phase1_no_memory(f) : 0);
}
