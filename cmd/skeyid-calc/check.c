/*
 * A candidate key against a phase 1 on the wire. Aggressive mode shows HASH_R in clear. Main mode hides its proof
 * behind the key exchange: with one end's private value message 5 can be opened, as that end did.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "opts.h"

/* What was on the wire. */
struct wire {
	struct span		 only;		/* the CKY-I that counts; empty: the first */
	unsigned		 sa;		/* its number in the trace; 0: none yet */
	uint8_t			 exchange;
	bool			 chosen;	/* message 2 was there */
	struct ike_proposal	 p;
	uint16_t		 auth;
	uint64_t		 proof_frame;	/* of the encrypted message with the proof; 0: none */
	struct bytes		 cky_i, cky_r, sai, ni, nr, gxi, gxr, idi, idr, hash_i, hash_r;
};

static void
wire_free(struct wire *w)
{
	struct bytes *all[] = { &w->cky_i, &w->cky_r, &w->sai, &w->ni, &w->nr, &w->gxi, &w->gxr,
	    &w->idi, &w->idr, &w->hash_i, &w->hash_r };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		bytes_free(all[i]);
}

static int
keep_payload(struct wire *w, const struct v1_told *m, const struct isakmp_payload *pl)
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
keep_message(struct wire *w, const struct capture_packet *p, const struct v1_told *m)
{
	size_t i;
	int rc = 0;

	w->exchange = m->msg.hdr.exchange;
	if ((m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0 && m->by_initiator && w->proof_frame == 0)
		w->proof_frame = p->number;
	if (bytes_set(&w->cky_i, SPAN_ARRAY(m->msg.hdr.cky_i)) != 0 ||
	    bytes_set(&w->cky_r, SPAN_ARRAY(m->msg.hdr.cky_r)) != 0)
		return (-1);
	for (i = 0; i < m->msg.n && rc == 0; i++)
		rc = keep_payload(w, m, &m->msg.pl[i]);
	return (rc);
}

/* Keeps what is of the first phase 1, or of that of w->only where it is not empty. */
static int
keep(void *arg, const struct capture_packet *p, struct v1_told *m, struct fault *f)
{
	struct wire *w = arg;

	if (m->again_of != 0 || (m->msg.hdr.exchange != EXCHANGE_MAIN &&
	    m->msg.hdr.exchange != EXCHANGE_AGGRESSIVE))
		return (0);
	if (w->sa == 0 && (w->only.len == 0 || span_eq(w->only, SPAN_ARRAY(m->msg.hdr.cky_i))))
		w->sa = m->sa;
	if (m->sa == w->sa && keep_message(w, p, m) != 0)
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
give_all(struct calc *c, const struct wire *w, struct fault *f)
{
	const bool main_mode = w->exchange == EXCHANGE_MAIN;
	char name[NUM_TEXT];

	if (w->sa == 0)
		return (fault_because(f, CAUSE_NOT_CAPTURED,
		    fault(f, FAULT_TRUNCATED, "the capture holds no phase 1%s",
		    c->has[V_CKY_I] ? " with that cookie" : "")));
	if (!w->chosen || w->sai.len == 0 || w->gxi.len == 0 || w->gxr.len == 0 || w->ni.len == 0 ||
	    w->nr.len == 0 || (!main_mode && (w->idr.len == 0 || w->hash_r.len == 0)))
		return (fault_because(f, CAUSE_NOT_ALL_CAPTURED,
		    fault(f, FAULT_TRUNCATED, "the phase 1 is not there up to message %d",
		    main_mode ? 4 : 2)));
	if (w->auth != AUTH_PSK && w->auth != AUTH_XAUTH_INIT_PSK && w->auth != AUTH_XAUTH_RESP_PSK)
		return (fault(f, FAULT_USAGE, "the phase 1 goes by %s: it has no pre-shared key",
		    ike_auth_name(w->auth, name)));
	c->hash = w->p.hash;
	c->enc = w->p.enc;
	c->group = w->p.group;
	if (c->hash == NULL || c->enc == NULL || c->group == NULL)
		return (fault(f, FAULT_MALFORMED, "the phase 1 uses algorithms that are not known here"));
	return (give(c, V_CKY_I, &w->cky_i, f) != 0 || give(c, V_CKY_R, &w->cky_r, f) != 0 ||
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
	return (yes ? 0 : fault(f, FAULT_WRONG_PSK, "this is not the key of that phase 1"));
}

/* Computes ${v} and holds it against what was sent. */
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

/* The private value belongs to one of the ends: the public one of the other makes g^xy. */
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

/* SKEYID and what follows, as a record that opens the messages. */
static int
make_keys(struct calc *c, struct sa_set *set, struct fault *f)
{
	static const enum val all[] = { V_SKEYID, V_SKEYID_D, V_SKEYID_A, V_SKEYID_E, V_KA };
	struct sa_rec r = { .type = SA_IKE };
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (calc_result(c, all[i], NULL, f) != 0)
			return (-1);
	if (c->missing[0] != '\0')
		return (fault(f, FAULT_USAGE, "check: missing %s", c->missing));
	memcpy(r.ike.spi_i, c->v[V_CKY_I].p, COOKIE_LEN);
	memcpy(r.ike.spi_r, c->v[V_CKY_R].p, COOKIE_LEN);
	(void)strncat(r.ike.encryption, c->enc->name, SA_WORD - 1);
	(void)strncat(r.ike.hash, c->hash->word, SA_WORD - 1);
	r.ike.key_bits = c->enc->key_bits;
	r.ike.lifetime.expires = UINT64_MAX;
	if (secret_set(&r.ike.skeyid, secret_span(&c->v[V_SKEYID])) != 0 ||
	    secret_set(&r.ike.skeyid_d, secret_span(&c->v[V_SKEYID_D])) != 0 ||
	    secret_set(&r.ike.skeyid_a, secret_span(&c->v[V_SKEYID_A])) != 0 ||
	    secret_set(&r.ike.cipher, secret_span(&c->v[V_KA])) != 0)
		rc = fault(f, FAULT_MEMORY, "no memory for keys");
	else if (sa_set_apply(set, 0, &r, NULL, NULL, f) == SA_BAD)
		rc = -1;
	sa_rec_wipe(&r);
	return (rc);
}

static int
check_main(struct calc *c, const char *path, const struct wire *first, struct fault *f)
{
	struct sa_set *set = sa_set_new();
	struct wire w = { .only = bytes_span(&first->cky_i) };
	int rc = -1;

	if (set == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for keys");
	else if (first->proof_frame == 0)
		(void)fault_because(f, CAUSE_NOT_ALL_CAPTURED,
		    fault(f, FAULT_TRUNCATED, "the phase 1 is not there up to message 5"));
	else if (find_end(c, f) == 0 && make_keys(c, set, f) == 0 &&
	    calc_messages(path, set, keep, &w, f) == 0) {
		/* With other keys message 5 decrypts to noise. */
		if (w.idi.len < 4 || w.hash_i.len == 0)
			rc = verdict(c, false, f);
		else if (give(c, V_IDI, &w.idi, f) == 0)
			rc = compare(c, V_HASH_I, &w.hash_i, f);
	}
	wire_free(&w);
	sa_set_free(set);
	return (rc);
}

int
calc_check(struct calc *c, const char *path, struct fault *f)
{
	struct wire w = { .only = secret_span(&c->v[V_CKY_I]) };
	int rc = -1;

	if (strcmp(path, "-") == 0)
		return (fault(f, FAULT_USAGE, "check: the capture is read twice, it has to be a file"));
	if (!c->has[V_PSK] && !c->has[V_SKEYID])
		return (fault(f, FAULT_USAGE, "check: missing --psk, --psk-text or --psk-file"));
	if (calc_messages(path, NULL, keep, &w, f) == 0 && give_all(c, &w, f) == 0)
		rc = w.exchange == EXCHANGE_MAIN ? check_main(c, path, &w, f) :
		    compare(c, V_HASH_R, &w.hash_r, f);
	wire_free(&w);
	return (rc);
}
