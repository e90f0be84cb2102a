/*
 * Verifies a pre-shared key against a captured phase 1. Aggressive mode shows HASH_R in clear. Main mode encrypts its
 * proof: with a private value of either end, message 5 can be decrypted.
 */
#include "explain/check.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "ike/v1base/message.h"

#define PHASES_MAX	256	/* of a capture; later ones are not looked at */

/* The values of a phase 1 on the wire. */
struct phase1 {
	struct phase1		*next;
	unsigned		 sa;		/* its number in the trace */
	uint8_t			 exchange;
	bool			 chosen;	/* message 2 was captured */
	struct ike_proposal	 p;
	uint16_t		 auth;
	struct bytes		 proof;		/* the first encrypted message of the initiator, as it came */
	struct bytes		 cky_i, cky_r, sai, ni, nr, gxi, gxr, idi, idr, hash_i, hash_r;
};

struct check {
	struct v1_trace		*trace;
	struct bytes		 only;		/* the CKY-I of the phase 1; empty: the first one that can be checked */
	unsigned		 n, skipped;
	struct fault		 why;		/* why the first one was skipped */
	struct phase1		*first, **last;
};

struct check *
check_new(struct span cky_i)
{
	struct check *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return (NULL);
	w->last = &w->first;
	if ((w->trace = v1_trace_new(NULL)) == NULL || bytes_set(&w->only, cky_i) != 0) {
		check_free(w);
		return (NULL);
	}
	return (w);
}

static void
phase1_free(struct phase1 *w)
{
	struct bytes *all[] = { &w->proof, &w->cky_i, &w->cky_r, &w->sai, &w->ni, &w->nr, &w->gxi, &w->gxr, &w->idi,
	    &w->idr, &w->hash_i, &w->hash_r };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		bytes_free(all[i]);
	free(w);
}

void
check_free(struct check *w)
{
	struct phase1 *one;

	if (w == NULL)
		return;
	while ((one = w->first) != NULL) {
		w->first = one->next;
		phase1_free(one);
	}
	bytes_free(&w->only);
	v1_trace_free(w->trace);
	free(w);
}

/* --- the messages --- */

static int
keep_payload(struct phase1 *w, const struct v1_told *m, const struct isakmp_payload *pl)
{
	bool i = m->by_initiator;

	switch (pl->type) {
	case PAYLOAD_SA:
		if (i)
			return (bytes_set(&w->sai, pl->body));
		w->chosen = v1_sa_chosen(pl->body, &w->p, &w->auth);
		return (0);
	case PAYLOAD_KE:
		return (bytes_set(i ? &w->gxi : &w->gxr, pl->body));
	case PAYLOAD_NONCE:
		return (bytes_set(i ? &w->ni : &w->nr, pl->body));
	case PAYLOAD_ID:
		return (bytes_set(i ? &w->idi : &w->idr, pl->body));
	case PAYLOAD_HASH:
		return (bytes_set(i ? &w->hash_i : &w->hash_r, pl->body));
	default:
		return (0);
	}
}

static int
keep_message(struct phase1 *w, const struct v1_told *m)
{
	size_t i;
	int rc = 0;

	w->exchange = m->msg.hdr.exchange;
	if ((m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0 && m->by_initiator && w->proof.len == 0 &&
	    m->msg.raw.len > 0 && bytes_set(&w->proof, m->msg.raw) != 0)
		return (-1);
	if (bytes_set(&w->cky_i, SPAN_ARRAY(m->msg.hdr.cky_i)) != 0 ||
	    bytes_set(&w->cky_r, SPAN_ARRAY(m->msg.hdr.cky_r)) != 0)
		return (-1);
	for (i = 0; i < m->msg.n && rc == 0; i++)
		rc = keep_payload(w, m, &m->msg.pl[i]);
	return (rc);
}

int
check_datagram(struct check *w, const struct v1_seen *in, struct fault *f)
{
	struct phase1 *one;
	struct v1_told m;

	if (v1_trace_take(w->trace, in, &m, NULL) != 0 || m.again_of != 0 ||
	    (m.msg.hdr.exchange != EXCHANGE_MAIN && m.msg.hdr.exchange != EXCHANGE_AGGRESSIVE))
		return (0);
	if (w->only.len > 0 && !span_eq(bytes_span(&w->only), SPAN_ARRAY(m.msg.hdr.cky_i)))
		return (0);
	for (one = w->first; one != NULL && one->sa != m.sa; one = one->next)
		;
	if (one == NULL && w->n == PHASES_MAX)
		return (0);
	if (one == NULL && (one = calloc(1, sizeof(*one))) != NULL) {
		one->sa = m.sa;
		*w->last = one;
		w->last = &one->next;
		w->n++;
	}
	if (one == NULL || keep_message(one, &m) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a message"));
	return (0);
}

/* --- the values --- */

static int
give(struct calc *c, enum val v, const struct bytes *b, struct fault *f)
{
	return (b->len > 0 ? calc_set(c, v, bytes_span(b), f) : 0);
}

static int
give_all(struct calc *c, const struct phase1 *w, struct fault *f)
{
	const bool main_mode = w->exchange == EXCHANGE_MAIN;
	char name[NUM_TEXT];

	if (!w->chosen || w->sai.len == 0 || w->gxi.len == 0 || w->gxr.len == 0 || w->ni.len == 0 ||
	    w->nr.len == 0 || (!main_mode && (w->idr.len == 0 || w->hash_r.len == 0)))
		return (fault_because(f, CAUSE_NOT_ALL_CAPTURED,
		    fault(f, FAULT_TRUNCATED, "the capture does not contain phase 1 up to message %d",
		    main_mode ? 4 : 2)));
	if (w->auth != AUTH_PSK && w->auth != AUTH_XAUTH_INIT_PSK && w->auth != AUTH_XAUTH_RESP_PSK)
		return (fault(f, FAULT_USAGE, "phase 1 authenticates by %s: it has no pre-shared key",
		    ike_auth_name(w->auth, name)));
	c->hash = w->p.hash;
	c->enc = w->p.enc;
	c->group = w->p.group;
	if (c->hash == NULL || c->enc == NULL || c->group == NULL)
		return (fault(f, FAULT_MALFORMED, "phase 1 uses algorithms that are not supported"));
	return (calc_fit(c, V_GXY, f) != 0 || give(c, V_CKY_I, &w->cky_i, f) != 0 || give(c, V_CKY_R, &w->cky_r, f) != 0 ||
	    give(c, V_SAI, &w->sai, f) != 0 || give(c, V_NI, &w->ni, f) != 0 ||
	    give(c, V_NR, &w->nr, f) != 0 || give(c, V_GXI, &w->gxi, f) != 0 ||
	    give(c, V_GXR, &w->gxr, f) != 0 || give(c, V_IDI, &w->idi, f) != 0 ||
	    give(c, V_IDR, &w->idr, f) != 0 ? -1 : 0);
}

static int
verdict(struct calc *c, bool yes, struct fault *f)
{
	if (calc_result_text(c, "check", yes ? "yes" : "no", f) != 0)
		return (-1);
	return (yes ? 0 : fault(f, FAULT_WRONG_PSK, "this is not the key of phase 1"));
}

/* Computes ${v} and compares it with the value on the wire. */
static int
compare(struct calc *c, enum val v, const struct bytes *sent, struct fault *f)
{
	if (calc_result(c, v, NULL, f) != 0)
		return (-1);
	if (c->missing[0] != '\0')
		return (fault(f, FAULT_USAGE, "check: missing %s", c->missing));
	return (verdict(c, ct_eq(secret_span(&c->v[v]), bytes_span(sent)), f));
}

/* --- main mode --- */

/* Finds the end that the private value belongs to; with the other end's public value it makes g^xy. */
static int
find_end(struct calc *c, struct fault *f)
{
	const struct secret *gx = &c->v[V_GX];

	if (!c->has[V_PRIVATE])
		return (c->has[V_GXY] ? 0 : fault(f, FAULT_USAGE, "check: main mode hides its proof behind "
		    "the key exchange: missing --private of either end, or --gxy"));
	if (calc_want(c, V_GX, f) < 0)
		return (-1);
	if (ct_eq(secret_span(gx), secret_span(&c->v[V_GXI])))
		return (calc_set(c, V_PUBLIC, secret_span(&c->v[V_GXR]), f));
	if (ct_eq(secret_span(gx), secret_span(&c->v[V_GXR])))
		return (calc_set(c, V_PUBLIC, secret_span(&c->v[V_GXI]), f));
	return (fault(f, FAULT_USAGE, "--private is the private value of neither end"));
}

/* SKEYID and the values derived from it, as results. */
static int
make_keys(struct calc *c, struct fault *f)
{
	static const enum val all[] = { V_SKEYID, V_SKEYID_D, V_SKEYID_A, V_SKEYID_E, V_KA };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (calc_result(c, all[i], NULL, f) != 0)
			return (-1);
	return (c->missing[0] == '\0' ? 0 : fault(f, FAULT_USAGE, "check: missing %s", c->missing));
}

/* Decrypts message 5 into ${plain} and keeps its payloads; with other keys it has none, or random ones. */
static int
open_proof(struct phase1 *w, const struct calc *c, struct secret *plain, struct fault *f)
{
	const struct v1_message_keys k = {
		.hash = c->hash, .enc = c->enc, .cipher = secret_span(&c->v[V_KA]),
	};
	struct v1_told m = { .msg = { .raw = bytes_span(&w->proof) }, .by_initiator = true };
	uint8_t iv[BLOCK_MAX];
	size_t i;

	if (secret_make(plain, w->proof.len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a message"));
	if (isakmp_hdr_get(&m.msg.hdr, m.msg.raw, f) != 0 || v1_phase1_iv(k.hash, k.enc, bytes_span(&w->gxi),
	    bytes_span(&w->gxr), iv, f) != 0)
		return (-1);
	if (v1_message_open(&k, iv, &m.msg, plain->p, NULL) != V1_OPENED)
		return (0);
	for (i = 0; i < m.msg.n; i++)
		if (keep_payload(w, &m, &m.msg.pl[i]) != 0)
			return (fault(f, FAULT_MEMORY, "no memory for a message"));
	return (0);
}

static int
check_main(struct phase1 *w, struct calc *c, struct fault *f)
{
	struct secret plain = {0};
	int rc;

	if (w->proof.len == 0)
		return (fault_because(f, CAUSE_NOT_ALL_CAPTURED,
		    fault(f, FAULT_TRUNCATED, "the capture does not contain phase 1 up to message 5")));
	if (find_end(c, f) != 0 || make_keys(c, f) != 0)
		return (-1);
	rc = open_proof(w, c, &plain, f);
	secret_free(&plain);
	if (rc == -1)
		return (-1);
	if (w->idi.len < 4 || w->hash_i.len == 0)
		return (verdict(c, false, f));
	return (give(c, V_IDI, &w->idi, f) == 0 ? compare(c, V_HASH_I, &w->hash_i, f) : -1);
}

/* Whether another phase 1 may do better: the fault of this one is no verdict, and not of this machine. */
static bool
cannot_be_checked(const struct fault *f)
{
	return (f->code == FAULT_TRUNCATED || f->code == FAULT_USAGE || f->code == FAULT_MALFORMED);
}

int
check_end(struct check *w, struct calc *c, struct fault *f)
{
	struct phase1 *one;

	if (w->first == NULL)
		return (fault_because(f, CAUSE_NOT_CAPTURED, fault(f, FAULT_TRUNCATED, "the capture contains no phase 1%s",
		    w->only.len > 0 ? " with that cookie" : "")));
	for (one = w->first; one != NULL; one = one->next) {
		calc_unset(c, V_GX);
		calc_unset(c, V_PUBLIC);
		if (give_all(c, one, f) == 0 &&
		    (one->exchange == EXCHANGE_MAIN ? check_main(one, c, f) : compare(c, V_HASH_R, &one->hash_r, f)) == 0)
			return (0);
		if (!cannot_be_checked(f))
			return (-1);
		if (w->skipped++ == 0)
			w->why = *f;
	}
	*f = w->why;
	return (-1);
}

unsigned
check_skipped(const struct check *w, const struct fault **why)
{
	*why = &w->why;
	return (w->skipped < w->n ? w->skipped : 0);
}
