/* Phase 1: what the two ends notify each other of, with and without the exchange. */
#include <stdlib.h>

#include "ike/v1/phase1_notify.h"

#include "ike/engine_priv.h"
#include "ike/sa_life.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1base/sa_payload_p1.h"
#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"

/* --- N --- */

static void
put_notify(const struct v1_exchange *x, struct isakmp_builder *b, uint16_t type, struct span data)
{
	uint8_t spi[2 * COOKIE_LEN] = {0};
	struct isakmp_notify n = {
		.doi = DOI_IPSEC, .proto = PROTO_ISAKMP, .type = type, .spi = SPAN_ARRAY(spi), .data = data,
	};

	v1_sa_id(x->sa, spi);
	isakmp_payload_begin(b, PAYLOAD_N);
	isakmp_notify_put(&b->w, &n);
	isakmp_payload_end(b);
}

/*
 * INITIAL-CONTACT: this is the only SA between the two systems (RFC 2407 section 4.6.3.3), and the system is
 * the host. So only a process that stays says it, only when it starts, and only if neither it nor
 * another tool has SAs with the peer. Only an encrypted message may carry it.
 */
static bool
is_initial_contact(const struct v1_exchange *x)
{
	const struct ike_conf *conf = &ike(x)->engine->conf;

	return (x->role == SA_INITIATOR && phase1_of(x)->begin == IKE_BEGIN_FIRST &&
	    conf->keep && !conf->others &&
	    !(x->kind->number == EXCHANGE_AGGRESSIVE && ike(x)->policy->aggressive_clear) &&
	    !ike_sa_has_others(ike(x)));
}

/* Our shorter life, for a RESPONDER-LIFETIME notify; in ${buf}. */
static struct span
life_data(const struct v1_exchange *x, uint8_t *buf, size_t cap)
{
	struct wr w = wr_of(buf, cap);

	isakmp_attr_put(&w, IKE_ATTR_LIFE_TYPE, LIFE_TYPE_SECONDS);
	isakmp_attr_put(&w, IKE_ATTR_LIFE_DURATION, (uint32_t)ike(x)->lifetime.seconds);
	return (wr_span(&w));
}

/* Called for the encrypted messages: 5 and 6 of main mode, 3 of aggressive mode. */
int
v1_put_notify(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f)
{
	uint8_t buf[32];

	(void)f;
	if (is_initial_contact(x))
		put_notify(x, b, NOTIFY_INITIAL_CONTACT, SPAN_NONE);
	if (x->role == SA_RESPONDER && phase1_of(x)->shorter_life)
		put_notify(x, b, NOTIFY_RESPONDER_LIFETIME, life_data(x, buf, sizeof(buf)));
	return (0);
}

void
v1_phase1_tell_life(struct v1_exchange *x, struct ike_outbox *out)
{
	uint8_t buf[32], spi[2 * COOKIE_LEN];

	if (x->role != SA_RESPONDER || x->kind->number != EXCHANGE_AGGRESSIVE || !phase1_of(x)->shorter_life)
		return;
	v1_sa_id(x->sa, spi);
	v1_info_notify(x->sa, PROTO_ISAKMP, NOTIFY_RESPONDER_LIFETIME, SPAN_ARRAY(spi),
	    life_data(x, buf, sizeof(buf)), out);
}

int
v1_take_notify(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f)
{
	struct isakmp_notify n;
	struct sa_life life;

	if (isakmp_notify_get(&n, pl->body, f) != 0)
		return (-1);
	if (n.type == NOTIFY_INITIAL_CONTACT)
		phase1_of(x)->initial_contact = true;
	/* It cannot be meant for another SA, whatever its SPI. */
	if (n.type == NOTIFY_RESPONDER_LIFETIME && n.proto == PROTO_ISAKMP && x->role == SA_INITIATOR &&
	    sa_life_get(&life, n.data, NULL) == 0)
		phase1_of(x)->responder_seconds = life.seconds;
	return (0);
}

/* --- refusals --- */

/* The notify for ${why} (RFC 2408 section 3.14.1); 0: none. */
static uint16_t
notify_for(const struct fault *why)
{
	if (why->code != FAULT_AUTH_FAILED)
		return (why->code == FAULT_NO_PROPOSAL ? NOTIFY_NO_PROPOSAL_CHOSEN :
		    why->code == FAULT_WRONG_PSK ? NOTIFY_PAYLOAD_MALFORMED :
		    why->code == FAULT_ID_MISMATCH ? NOTIFY_INVALID_ID_INFORMATION : 0);
	return (why->cause == CAUSE_NONE ? NOTIFY_AUTHENTICATION_FAILED :
	    why->cause == CAUSE_CERT_NONE ? NOTIFY_CERTIFICATE_UNAVAILABLE :
	    why->cause == CAUSE_CERT_ISSUER ? NOTIFY_INVALID_CERT_AUTHORITY :
	    why->cause == CAUSE_SIGNATURE ? NOTIFY_INVALID_SIGNATURE : NOTIFY_INVALID_CERTIFICATE);
}

/* Notifies the peer once why it was rejected, unless that reveals a secret. */
void
v1_phase1_refused(struct v1_exchange *x, const struct fault *why, struct ike_outbox *out)
{
	uint16_t type = notify_for(why);
	uint8_t id[16] = {0};
	char *text, peer[IKE_PEER_TEXT];

	if (type == 0 || x->told)
		return;
	x->told = true;
	if (type == NOTIFY_NO_PROPOSAL_CHOSEN && (text = malloc(SA_MISMATCH_TEXT)) != NULL) {
		outbox_note_peer(out, NOTE_WARN, ike_sa_peer_text(peer, &x->sa->ike), "%sthe proposals:\n%s", peer, p1_mismatch_text(text, SA_MISMATCH_TEXT,
		    bytes_span(&phase1_of(x)->sai_b), x->sa->ike.policy));
		free(text);
	}
	if (x->role == SA_RESPONDER)
		v1_info_notify_clear(x->sa, type, out);
	else if (type != NOTIFY_NO_PROPOSAL_CHOSEN && phase1_of(x)->has_keys) {
		/* For the responder the SA is already established. */
		v1_sa_id(x->sa, id);
		v1_info_notify(x->sa, PROTO_ISAKMP, type, SPAN_NONE, SPAN_NONE, out);
		v1_info_delete(x->sa, PROTO_ISAKMP, SPAN_ARRAY(id), out);
	}
}
