/*
 * The result of quick mode: a child SA with its keys (RFC 2409 section 5.5) and its record.
 */
#include "ike/v1/quick_child.h"

#include "ike/child.h"
#include "ike/v1/exchange_part.h"
#include "ike/v1/quick_natoa.h"
#include "ike/v1run/ike_sa.h"

static uint64_t
shorter(uint64_t a, uint64_t b)		/* of two limits, where 0 is none */
{
	return (a == 0 ? b : b == 0 || a < b ? a : b);
}

/* The keys of one direction: for packets to the end that chose ${spi}. */
static int
make_keys(struct v1_exchange *x, enum sa_proto proto, const struct esp_proposal *p, struct span gqmxy, const uint8_t spi[4],
    struct secret *enc, struct secret *auth, struct fault *f)
{
	struct v1_quick *q = x->part;
	struct secret keymat = {0};
	size_t enc_len, auth_len;
	int r;

	esp_key_sizes(p, &enc_len, &auth_len);
	r = v1_keymat(x->sa->proposal.hash, secret_span(&x->sa->keys.skeyid_d), gqmxy,
	    v1_proto_number(proto), spi, bytes_span(&q->ni_b), bytes_span(&q->nr_b),
	    enc_len + auth_len, &keymat, f);
	if (r == 0)
		r = v1_keymat_cut(p, secret_span(&keymat), enc, auth, f);
	secret_free(&keymat);
	return (r);
}

/* The keys of ${c}: KEYMAT for each protocol and SPI (RFC 2409, 5.5). */
static int
make_all_keys(struct v1_exchange *x, struct span gqmxy, struct ike_child *c, struct fault *f)
{
	struct secret none = {0};

	if (make_keys(x, c->protocol, &c->proposal, gqmxy, c->spi_in, &c->enc_in, &c->auth_in, f) != 0 ||
	    make_keys(x, c->protocol, &c->proposal, gqmxy, c->spi_out, &c->enc_out, &c->auth_out, f) != 0)
		return (-1);
	if (!c->ah.on)
		return (0);
	if (make_keys(x, SA_AH, &c->ah.proposal, gqmxy, c->ah.spi_in, &none, &c->ah.auth_in, f) != 0 ||
	    make_keys(x, SA_AH, &c->ah.proposal, gqmxy, c->ah.spi_out, &none, &c->ah.auth_out, f) != 0)
		return (-1);
	return (0);
}

static int
fill_child(struct v1_exchange *x, struct ike_child *c)
{
	struct v1_quick *q = x->part;

	if ((c->name = strdup(ike(x)->name)) == NULL ||
	    ike_id_copy(&c->local.id, ike(x)->local.id) != 0 ||
	    ike_id_copy(&c->remote.id, ike(x)->remote.id) != 0)
		return (-1);
	v1_sa_id(x->sa, c->ike);
	c->initiator = x->role == SA_INITIATOR;
	memcpy(c->replaces, q->replaces, sizeof(c->replaces));
	c->protocol = q->choice.proto;
	c->mode = q->policy->mode;
	memcpy(c->spi_in, q->spi_in, sizeof(c->spi_in));
	c->ah.on = q->choice.bundle;
	if (c->ah.on) {
		memcpy(c->ah.spi_in, q->spi_in + 4, sizeof(c->ah.spi_in));
		memcpy(c->ah.spi_out, q->choice.ah_spi, sizeof(c->ah.spi_out));
		c->ah.proposal = q->choice.ah;
	}
	memcpy(c->spi_out, q->choice.spi, sizeof(c->spi_out));
	c->local.at = ike(x)->local.at;
	c->remote.at = ike(x)->remote.at;
	if (ike(x)->natt.tcp)
		c->encap = SA_ENCAP_TCP;
	else if (v1_sa_natt_in_use(x->sa))
		c->encap = x->sa->natt->floats || ike(x)->floated ? SA_ENCAP_UDP : SA_ENCAP_UDP_DRAFT;
	else	/* ESP has no ports: those of IKE would mislead */
		c->local.at.port = c->remote.at.port = 0;
	c->proposal = q->choice.proposal;
	c->local_ts = q->local_ts;
	c->remote_ts = q->remote_ts;
	c->local_seen = v1_quick_seen(x, &q->local_ts, true);
	c->remote_seen = v1_quick_seen(x, &q->remote_ts, false);
	c->oa_local = q->oa_local;
	c->oa_remote = q->oa_remote;
	c->established = x->now.epoch;
	c->lifetime.seconds = shorter(q->choice.life.seconds, q->responder_seconds);
	c->lifetime.kilobytes = shorter(q->choice.life.kilobytes, q->responder_kilobytes);
	/* This second has begun already: without one more a reader would end a life of five
	 * seconds after four, before it is rekeyed. */
	c->lifetime.expires = x->now.epoch + c->lifetime.seconds + 1;
	return (0);
}

const char *
v1_replay_text(struct span data)
{
	if (data.len != 4)
		return ("");
	return (get_be32(data.p) != 0 ? ": it checks for replays" : ": it does not check for replays");
}

int
v1_quick_make_child(struct v1_exchange *x, enum sa_use use, struct ike_outbox *out, struct fault *f)
{
	struct v1_quick *q = x->part;
	struct ike_child *c;
	struct secret gqmxy = {0};
	int r;

	if (q->dh != NULL && dh_shared(q->dh, bytes_span(&q->gx_peer), &gqmxy, f) != 0)
		return (-1);
	if ((c = ike_child_new(q->policy)) == NULL || fill_child(x, c) != 0) {
		secret_free(&gqmxy);
		ike_child_free(c);
		return (fault(f, FAULT_MEMORY, "no memory for a child SA"));
	}
	r = make_all_keys(x, secret_span(&gqmxy), c, f);
	secret_free(&gqmxy);
	if (r != 0) {
		ike_child_free(c);
		return (-1);
	}
	q->child = c;
	if (q->has_replay)
		ike_sa_note(ike(x), out, NOTE_INFO, "the peer sent REPLAY-STATUS%s", v1_replay_text(SPAN_ARRAY(q->replay)));
	ike_child_record(c, use, out);
	return (0);
}
