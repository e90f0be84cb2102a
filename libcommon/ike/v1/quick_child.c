/*
 * What quick mode makes: a child SA with its keys (RFC 2409 section 5.5) and its record.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ike/v1/quick_child.h"

#include "ike/v1/child.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/quick.h"

static struct sa_ike *
ike(const struct v1_exchange *x)
{
	return (&x->sa->rec.ike);
}

static uint64_t
shorter(uint64_t a, uint64_t b)		/* of two limits, where 0 is none */
{
	return (a == 0 ? b : b == 0 || a < b ? a : b);
}

/* The keys of one direction: those that the end which chose ${spi} receives with. */
static int
make_keys(struct v1_exchange *x, struct span gqmxy, const uint8_t spi[4], struct secret *enc,
    struct secret *auth, struct fault *f)
{
	struct v1_quick *q = x->part;
	struct secret keymat = {0};
	size_t enc_len, auth_len;
	int r;

	esp_key_sizes(&q->choice.proposal, &enc_len, &auth_len);
	r = v1_keymat(x->sa->proposal.hash, secret_span(&ike(x)->skeyid_d), gqmxy,
	    v1_proto_number(q->choice.proto), spi, bytes_span(&q->ni_b), bytes_span(&q->nr_b),
	    enc_len + auth_len, &keymat, f);
	if (r == 0)
		r = v1_keymat_cut(&q->choice.proposal, secret_span(&keymat), enc, auth, f);
	secret_free(&keymat);
	return (r);
}

static void
fill_child(struct v1_exchange *x, struct v1_child *child)
{
	struct v1_quick *q = x->part;
	struct sa_child *c = &child->rec.child;
	const struct esp_proposal *alg = &q->choice.proposal;

	child->policy = q->policy;
	child->rec.type = SA_CHILD;
	(void)snprintf(c->name, sizeof(c->name), "%s", ike(x)->name);
	v1_sa_id(x->sa, c->ike);
	c->initiator = x->role == SA_INITIATOR;
	memcpy(c->replaces, q->replaces, sizeof(c->replaces));
	c->protocol = q->choice.proto;
	c->mode = q->policy->mode;
	memcpy(c->spi_in, q->spi_in, sizeof(c->spi_in));
	memcpy(c->spi_out, q->choice.spi, sizeof(c->spi_out));
	c->local = ike(x)->local;
	c->remote = ike(x)->remote;
	if (v1_sa_natt_in_use(x->sa))
		c->encap = x->sa->natt->floats ? SA_ENCAP_UDP : SA_ENCAP_UDP_DRAFT;
	else	/* ESP has no ports: those of IKE would mislead */
		c->local.at.port = c->remote.at.port = 0;
	if (alg->enc != NULL) {
		(void)snprintf(c->encryption, sizeof(c->encryption), "%s", alg->enc->name);
		c->key_bits = alg->enc->key_bits;
	}
	if (alg->integ != NULL)
		(void)snprintf(c->integrity, sizeof(c->integrity), "%s", alg->integ->name);
	if (alg->group != NULL)
		(void)snprintf(c->group, sizeof(c->group), "%s", alg->group->word);
	c->esn = alg->esn;
	c->n_local_ts = c->n_remote_ts = 1;
	c->local_ts[0] = q->local_ts;
	c->remote_ts[0] = q->remote_ts;
	c->established = x->now.epoch;
	c->lifetime.seconds = shorter(q->choice.life.seconds, q->responder_seconds);
	c->lifetime.kilobytes = shorter(q->choice.life.kilobytes, q->responder_kilobytes);
	/* This second has begun already: without one more a reader would end a life of five
	 * seconds after four, before it is rekeyed. */
	c->lifetime.expires = x->now.epoch + c->lifetime.seconds + 1;
}

int
v1_quick_make_child(struct v1_exchange *x, enum sa_use use, struct ike_outbox *out, struct fault *f)
{
	struct v1_quick *q = x->part;
	struct v1_child *child;
	struct sa_child *c;
	struct secret gqmxy = {0};
	int r;

	if (q->dh != NULL && dh_shared(q->dh, bytes_span(&q->gx_peer), &gqmxy, f) != 0)
		return (-1);
	if ((child = calloc(1, sizeof(*child))) == NULL) {
		secret_free(&gqmxy);
		return (fault(f, FAULT_MEMORY, "no memory for a child SA"));
	}
	child->soft_ms = child->hard_ms = child->delete_ms = UINT64_MAX;
	fill_child(x, child);
	c = &child->rec.child;
	c->use = use;
	r = make_keys(x, secret_span(&gqmxy), c->spi_in, &c->enc_in, &c->auth_in, f);
	if (r == 0)
		r = make_keys(x, secret_span(&gqmxy), c->spi_out, &c->enc_out, &c->auth_out, f);
	secret_free(&gqmxy);
	if (r != 0) {
		sa_rec_wipe(&child->rec);
		free(child);
		return (-1);
	}
	q->child = child;
	outbox_record(out, &child->rec);
	return (0);
}
