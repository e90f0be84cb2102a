/* Messages under the keys of phase 1: quick mode, informational exchanges, transactions. */
#include "explain/walk_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "explain/records.h"

void
walk_late_free(void *late)
{
	struct walk_late *x = late;

	x->walk->kept--;
	calc_wipe(&x->c);
	bytes_free(&x->offer);
	free(x);
}

/* Copies the values of phase 1 that an exchange needs. */
static int
inherit(struct walk_late *x, const struct walk_sa *s, struct fault *f)
{
	static const enum val all[] = { V_CKY_I, V_CKY_R, V_SKEYID_D, V_SKEYID_A, V_KA };
	struct calc *c = &x->c;
	size_t i;

	c->sub = SUB_WALK;
	c->phase2 = true;
	c->steps = s->c.steps;
	c->hash = s->c.hash;
	c->enc = s->c.enc;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (calc_copy(c, all[i], &s->c, all[i], f) == -1)
			return (-1);
	/* While phase 1 is not complete, its last block so far. */
	return (calc_copy(c, V_LAST, &s->c, s->c.has[V_LAST] ? V_LAST : V_PREVIOUS, f));
}

static struct walk_late *
late_new(struct walk *w, const struct walk_sa *s, struct fault *f)
{
	struct walk_late *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an exchange");
		return (NULL);
	}
	x->walk = w;
	w->kept++;
	if (inherit(x, s, f) == 0)
		return (x);
	walk_late_free(x);
	return (NULL);
}

/* --- payloads --- */

static int
quick_payload(struct walk_late *x, const struct v1_told *m, size_t i, struct fault *f)
{
	bool first = m->by_initiator == m->begun_by_initiator;

	switch (m->msg.pl[i].type) {
	case PAYLOAD_NONCE:
		return (walk_from_wire(&x->c, first ? V_NI : V_NR, m->msg.pl[i].body, m, NULL, f));
	case PAYLOAD_KE:
		return (walk_from_wire(&x->c, first ? V_GXI : V_GXR, m->msg.pl[i].body, m, NULL, f));
	case PAYLOAD_SA:
		if (first && bytes_set(&x->offer, m->msg.pl[i].body) != 0)
			return (fault(f, FAULT_MEMORY, "no memory for an offer"));
		return (walk_payload(&x->c, m, i, f));
	default:
		return (walk_payload(&x->c, m, i, f));
	}
}

/* HASH(1) to HASH(3) by the message number in quick mode; in every other exchange HASH(1). */
static int
proof(struct walk_late *x, const struct v1_told *m, size_t i, struct fault *f)
{
	const struct isakmp_payload *pl = &m->msg.pl[i], *last = &m->msg.pl[m->msg.n - 1];
	const uint8_t *rest = pl->raw.p + pl->raw.len;
	struct calc *c = &x->c;
	struct step *step;
	enum val v = V_HASH1;
	int rc = 0;

	if (m->msg.hdr.exchange == EXCHANGE_QUICK && (m->message == 2 || m->message == 3))
		v = m->message == 2 ? V_HASH2 : V_HASH3;
	calc_unset(c, v);
	if (v != V_HASH3 && rest < last->raw.p + last->raw.len)
		rc = calc_set(c, V_MESSAGE, span_of(rest, (size_t)(last->raw.p + last->raw.len - rest)), f);
	c->from[V_MESSAGE] = c->from[V_PLAINTEXT];
	if (rc == -1 || walk_derive(c, v, SPAN_NONE, &step, f) == -1)
		return (-1);
	calc_unset(c, V_MESSAGE);
	return (step != NULL && step->missing[0] == '\0' ? step_hold(step, "on the wire", pl->body, f) : 0);
}

/* --- KEYMAT --- */

/* The keys of ${spi} in the state; NULL: none. */
static void
recorded(const struct sa_set *state, uint8_t proto, const uint8_t spi[4], const struct secret **enc,
    const struct secret **auth)
{
	const struct sa_rec *r;
	size_t at = 0;

	*enc = *auth = NULL;
	while (state != NULL && (r = sa_set_next(state, &at, NULL)) != NULL) {
		if (r->type != SA_CHILD || (r->child.protocol == SA_AH) != (proto == PROTO_AH))
			continue;
		if (memcmp(r->child.spi_in, spi, 4) == 0) {
			*enc = &r->child.enc_in;
			*auth = &r->child.auth_in;
		} else if (memcmp(r->child.spi_out, spi, 4) == 0) {
			*enc = &r->child.enc_out;
			*auth = &r->child.auth_out;
		}
	}
}

static struct span
key(const struct secret *s)
{
	return (s != NULL ? secret_span(s) : SPAN_NONE);
}

static int
set_of(struct step *s, const uint8_t spi[4], const char *direction)
{
	if (s != NULL)
		(void)snprintf(s->of, sizeof(s->of), "SPI %08x, %s", get_be32(spi), direction);
	return (0);
}

/* The keys of the direction towards the end that chose ${spi}. */
static int
keys_of(struct walk *w, struct walk_late *x, const struct v1_sa_proposal *p, const uint8_t spi[4],
    const char *direction, struct fault *f)
{
	const struct secret *enc, *auth;
	struct secret all = {0};
	struct calc *c = &x->c;
	struct step *s;
	int rc = -1;

	recorded(w->given.state, p->proto, spi, &enc, &auth);
	if (enc != NULL && calc_join(&all, enc, auth, f) == -1)
		return (-1);
	c->esp = p->p;
	if (calc_set(c, V_PROTOCOL, span_of(&p->proto, 1), f) == 0 &&
	    calc_set(c, V_SPI, span_of(spi, 4), f) == 0 &&
	    walk_derive(c, V_KEYMAT, secret_span(&all), &s, f) == 0 && set_of(s, spi, direction) == 0)
		rc = 0;
	if (rc == 0 && c->has[V_KEYMAT] && p->p.enc != NULL && p->p.enc->key_len > 0) {
		rc = walk_derive(c, V_ENC_KEY, key(enc), &s, f);
		(void)set_of(s, spi, direction);
	}
	if (rc == 0 && c->has[V_KEYMAT] && p->p.integ != NULL) {
		rc = walk_derive(c, V_AUTH_KEY, key(auth), &s, f);
		(void)set_of(s, spi, direction);
	}
	secret_free(&all);
	calc_unset(c, V_KEYMAT);
	calc_unset(c, V_ENC_KEY);
	calc_unset(c, V_AUTH_KEY);
	calc_unset(c, V_SPI);
	return (rc);
}

/* For each chosen protocol the keys of both directions. */
static int
keymat(struct walk *w, struct walk_late *x, const struct v1_told *m, struct span answer, struct fault *f)
{
	struct v1_sa_proposal chosen, offered;
	size_t i, j;

	for (i = 0; v1_sa_proposal(answer, i, &chosen); i++) {
		x->c.pfs = x->c.has[V_GXI] && x->c.has[V_GXR];
		x->c.group = chosen.p.group;
		if (i == 0 && x->c.pfs && walk_dh(w, &x->c, f) == -1)
			return (-1);
		if (chosen.p.enc == NULL && chosen.p.integ == NULL)
			continue;	/* unknown algorithms; the text of the payload says so */
		for (j = 0; v1_sa_proposal(bytes_span(&x->offer), j, &offered); j++)
			if (offered.num == chosen.num && offered.proto == chosen.proto)
				break;
		if (keys_of(w, x, &chosen, chosen.spi, m->begun_by_initiator ? "initiator to responder" :
		    "responder to initiator", f) == -1)
			return (-1);
		if (offered.proto == chosen.proto && x->offer.len > 0 &&
		    keys_of(w, x, &chosen, offered.spi, m->begun_by_initiator ? "responder to initiator" :
		    "initiator to responder", f) == -1)
			return (-1);
	}
	return (0);
}

/* --- a message --- */

int
walk_late(struct walk *w, struct walk_sa *s, struct v1_told *m, struct fault *f)
{
	bool encrypted = (m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0;
	const struct isakmp_payload *answer;
	struct walk_late *x;
	uint8_t mid[4];
	size_t i;
	int rc = 0;

	if (!s->c.has[V_CKY_I] && (calc_set(&s->c, V_CKY_I, SPAN_ARRAY(m->msg.hdr.cky_i), f) == -1 ||
	    calc_set(&s->c, V_CKY_R, SPAN_ARRAY(m->msg.hdr.cky_r), f) == -1))
		return (-1);
	if (encrypted && walk_adopt(s, m->keys, true, f) == -1)
		return (-1);
	if (*m->beside_exchange == NULL && (*m->beside_exchange = late_new(w, s, f)) == NULL)
		return (-1);
	x = *m->beside_exchange;
	put_be32(mid, m->msg.hdr.mid);
	if (!x->c.has[V_MID] && encrypted && walk_from_wire(&x->c, V_MID, SPAN_ARRAY(mid), m, NULL, f) == -1)
		return (-1);
	if (encrypted && walk_open(w, &x->c, m, f) == -1)
		return (-1);
	for (i = 0; i < m->msg.n && rc == 0; i++)
		if (m->msg.hdr.exchange == EXCHANGE_QUICK && m->msg.pl[i].type != PAYLOAD_HASH)
			rc = quick_payload(x, m, i, f);
		else if (m->msg.pl[i].type != PAYLOAD_HASH || !encrypted)
			rc = walk_payload(&x->c, m, i, f);
	if (rc == 0 && encrypted && m->msg.n > 0 && m->msg.pl[0].type == PAYLOAD_HASH)
		rc = proof(x, m, 0, f);
	answer = isakmp_find(&m->msg, PAYLOAD_SA, NULL);
	if (rc == 0 && m->msg.hdr.exchange == EXCHANGE_QUICK && m->by_initiator != m->begun_by_initiator && answer != NULL)
		rc = keymat(w, x, m, answer->body, f);
	return (rc);
}
