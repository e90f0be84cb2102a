/* Main and aggressive mode: the values in each message, and the values computed from them. */
#include "explain/walk_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/sa.h"
#include "ike/v1base/natd.h"
#include "wire/vid.h"

#define VID_SHORTEST	8	/* bytes of the digest that a vendor ID begins with: XAuth's */

struct walk_sa *
walk_sa_new(struct walk *w, struct fault *f)
{
	struct walk_sa *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an IKE SA");
		return (NULL);
	}
	s->walk = w;
	s->c.sub = SUB_WALK;
	s->c.steps = &w->steps;
	w->kept++;
	return (s);
}

void
walk_sa_free(void *sa)
{
	struct walk_sa *s = sa;

	s->walk->kept--;
	calc_wipe(&s->c);
	free(s);
}

static enum calc_auth
made_of(uint16_t auth)
{
	switch (auth) {
	case AUTH_PSK: case AUTH_XAUTH_INIT_PSK: case AUTH_XAUTH_RESP_PSK:
		return (CALC_PSK);
	case AUTH_RSA_ENC: case AUTH_RSA_REV_ENC:
		return (CALC_PKE);
	default:
		return (CALC_SIG);
	}
}

static bool
algorithms(struct calc *c, const struct sa_ike *keys)
{
	if (c->hash != NULL)
		return (true);
	c->hash = alg_hash_word(keys->hash);
	c->enc = alg_enc_name(keys->encryption, keys->key_bits);
	c->group = alg_group_word(keys->group);
	return (c->hash != NULL);
}

/* --- payloads --- */

static int
chosen(struct walk_sa *s, const struct v1_told *m, size_t i, struct fault *f)
{
	struct ike_proposal p = {0};

	if (v1_sa_chosen(m->msg.pl[i].body, &p, &s->auth)) {
		s->c.hash = p.hash;
		s->c.enc = p.enc;
		s->c.group = p.group;
		s->c.auth = made_of(s->auth);
		s->c.auth_hash = v1_signature_hash(s->auth, p.hash);
	}
	return (walk_payload(&s->c, m, i, f));
}

/* The body of a known vendor ID is the digest of its text, or begins with it. */
static int
vendor(struct walk_sa *s, const struct v1_told *m, size_t i, struct fault *f)
{
	struct span body = m->msg.pl[i].body;
	const struct vid *row = vid_find(body);
	struct calc c = { .sub = SUB_WALK, .steps = s->c.steps, .hash = alg_hash_word("md5") };
	struct step *step;
	size_t n = 0;
	int rc = -1;

	if (row == NULL || row->text == NULL)
		return (walk_payload(&s->c, m, i, f));
	if (calc_set(&c, V_TEXT, span_str(row->text), f) == 0 &&
	    walk_derive(&c, V_VID, SPAN_NONE, &step, f) == 0 && step != NULL &&
	    step_hold(step, "on the wire", body, f) == 0) {
		(void)snprintf(step->of, sizeof(step->of), "%s", row->name);
		while (n < body.len && n < step->out.len && body.p[n] == step->out.p[n])
			n++;
		if (!step->held[0].same && n >= VID_SHORTEST) {
			/* A version or a capability follows the digest. */
			secret_cut(&step->out, n);
			step->held[0].same = true;
			if (n < body.len)
				step_note(step->note, "the digest's first %zu bytes, and behind them %zu more on the "
				    "wire: a version, or what the peer can do", n, body.len - n);
			else
				step_note(step->note, "the digest's first %zu bytes", n);
		}
		rc = 0;
	}
	calc_wipe(&c);
	return (rc);
}

/* The known address with that hash; if there is none, the address that the payload should be of. */
static struct endpoint
whose(const struct walk_sa *s, struct span hash, const struct endpoint *should)
{
	const uint16_t ports[] = { should->port, 500, NATT_PORT };
	const struct calc *c = &s->c;
	uint8_t digest[HASH_MAX];
	struct endpoint e;
	size_t i, j;

	for (i = 0; i <= s->n_ends; i++)
		for (j = 0; j < 1 + sizeof(ports) / sizeof(ports[0]); j++) {
			e = i == 0 ? *should : s->ends[i - 1];
			if (j > 0)
				e.port = ports[j - 1];
			if (natd_hash(c->hash, c->v[V_CKY_I].p, c->v[V_CKY_R].p, &e, digest, NULL) == 0 &&
			    span_eq(hash, span_of(digest, c->hash->len)))
				return (e);
		}
	return (*should);
}

static int
nat_d(struct walk_sa *s, const struct v1_told *m, size_t i, unsigned nth, struct fault *f)
{
	const struct endpoint *should = nth == 0 ? m->words.dst : m->words.src;
	struct span body = m->msg.pl[i].body;
	struct calc *c = &s->c;
	struct endpoint e;
	struct step *step;
	char text[ENDPOINT_TEXT];
	int rc = -1;

	if (c->hash == NULL || !c->has[V_CKY_R] || should == NULL)
		return (walk_payload(c, m, i, f));
	e = whose(s, body, should);
	if (calc_set_endpoint(c, V_IP, V_PORT, &e, f) == 0 &&
	    walk_derive(c, V_NAT_D, SPAN_NONE, &step, f) == 0 && step != NULL &&
	    step_hold(step, "on the wire", body, f) == 0) {
		(void)snprintf(step->of, sizeof(step->of), "%s's end %s", nth == 0 ? "receiver" : "sender",
		    endpoint_text(text, &e));
		if (!step->held[0].same) {
			step->held[0].other = true;
			step_note(step->note, "of no address seen here: there is a NAT before "
			    "the %s (--ip and --port name its outer side), or NAT traversal is forced by a hash of "
			    "nothing", nth == 0 ? "receiver" : "sender");
		} else if (!endpoint_eq(&e, should))
			step_note(step->note, "and not of %s, where the datagram %s: a NAT "
			    "on the way", endpoint_text(text, should), nth == 0 ? "goes to" : "comes from");
		rc = 0;
	}
	calc_unset(c, V_NAT_D);
	calc_unset(c, V_IP);
	calc_unset(c, V_PORT);
	return (rc);
}

static int
value(struct walk_sa *s, const struct v1_told *m, size_t i, enum val v, struct fault *f)
{
	struct step *step;
	char words[V1_WORDS];

	if (walk_from_wire(&s->c, v, m->msg.pl[i].body, m, &step, f) == -1)
		return (-1);
	if (step == NULL || (v != V_IDI && v != V_IDR && v != V_SAI))
		return (0);
	(void)v1_told_words(words, sizeof(words), m, i, true);
	words[strcspn(words, "\n")] = '\0';
	step_note(step->note, "%s%s", words, v == V_SAI ? ", ..." : "");
	return (0);
}

/* The signature of HASH_I or HASH_R, which is known if it could be computed. */
static int
signature(struct walk_sa *s, const struct v1_seen *in, const struct v1_told *m, size_t i, struct fault *f)
{
	const enum val hash = m->by_initiator ? V_HASH_I : V_HASH_R, id = m->by_initiator ? V_IDI : V_IDR;
	struct v1_signature sig;
	struct calc *c = &s->c;
	struct step *step;

	if (walk_payload(c, m, i, f) == -1)
		return (-1);
	v1_signature_check(&sig, &(struct v1_signature_in){
		.msg = &m->msg, .message = m->message, .auth = s->auth, .sig = m->msg.pl[i].body,
		.id = c->has[id] ? secret_span(&c->v[id]) : SPAN_NONE,
		.hash = c->has[hash] ? secret_span(&c->v[hash]) : SPAN_NONE,
		.trust = s->walk->given.trust, .epoch = in->epoch,
	});
	step = &c->steps->v[c->steps->n - 1];
	step->name = m->by_initiator ? "SIG_I" : "SIG_R";
	step->of[0] = '\0';
	step->payload = false;
	step->open = STEP_OPEN;
	step->wrong = sig.proof == V1_PROOF_BAD || sig.signer == V1_SIGNER_REFUSED;
	step_note(step->note, "the signature of %s by the sender's private key (RFC 2409, 5.1): %s",
	    calc_name(c, hash), sig.text);
	return (0);
}

/* HASH_I or HASH_R; with a signature the hash that it signs. */
static int
proof(struct walk_sa *s, const struct v1_seen *in, const struct v1_told *m, size_t i, struct fault *f)
{
	const struct isakmp_payload *pl = &m->msg.pl[i];
	struct step *step;

	if (!m->sure)	/* which of the two hashes it is cannot be known */
		return (walk_payload(&s->c, m, i, f));
	if (walk_derive(&s->c, m->by_initiator ? V_HASH_I : V_HASH_R, SPAN_NONE, &step, f) == -1)
		return (-1);
	if (pl->type == PAYLOAD_HASH)
		return (step != NULL && step->missing[0] == '\0' ? step_hold(step, "on the wire", pl->body, f) : 0);
	return (signature(s, in, m, i, f));
}

static int
payload(struct walk_sa *s, const struct v1_told *m, size_t i, unsigned nth, struct fault *f)
{
	const bool left = m->by_initiator;

	switch (m->msg.pl[i].type) {
	case PAYLOAD_SA:
		return (left ? value(s, m, i, V_SAI, f) : chosen(s, m, i, f));
	case PAYLOAD_KE:
		return (value(s, m, i, left ? V_GXI : V_GXR, f));
	case PAYLOAD_NONCE:
		return (value(s, m, i, left ? V_NI : V_NR, f));
	case PAYLOAD_ID:
		return (value(s, m, i, left ? V_IDI : V_IDR, f));
	case PAYLOAD_VID:
		return (vendor(s, m, i, f));
	case PAYLOAD_NAT_D: case PAYLOAD_NAT_D_DRAFT:
		return (nat_d(s, m, i, nth, f));
	case PAYLOAD_HASH: case PAYLOAD_SIG:
		return (0);	/* later, when their inputs are known */
	default:
		return (walk_payload(&s->c, m, i, f));
	}
}

/* --- keys --- */

static const struct sa_ike nothing;	/* for a phase 1 that is not in the state */

/* --gxy, with the leading zeros that it has in the group. */
static int
given_gxy(struct calc *c, const struct calc *g, struct fault *f)
{
	struct secret whole = {0};
	int rc = -1;

	if (calc_copy(c, V_GXY, g, V_GXY, f) == 0 && (c->group == NULL || calc_fit(c, V_GXY, f) == 0) &&
	    secret_set(&whole, secret_span(&c->v[V_GXY])) == 0 &&
	    calc_given(c, V_GXY, secret_span(&whole), c->note[0] != '\0' ? "from --gxy, padded with zeros in front" :
	    "from --gxy", f) != NULL)
		rc = 0;
	secret_free(&whole);
	return (rc);
}

/* The keys, once both public values are known. */
static int
family(struct walk *w, struct walk_sa *s, const struct sa_ike *keys, struct fault *f)
{
	const struct calc *g = w->given.values;
	struct calc *c = &s->c;

	if (keys == NULL)
		keys = &nothing;
	s->keyed = true;
	if (g->has[V_GXY] && given_gxy(c, g, f) == -1)
		return (-1);
	if (g->has[V_SKEYID] && calc_given(c, V_SKEYID, secret_span(&g->v[V_SKEYID]), "from --skeyid",
	    f) == NULL)
		return (-1);
	if (c->auth == CALC_PSK && g->has[V_PSK] &&
	    calc_given(c, V_PSK, secret_span(&g->v[V_PSK]), "the pre-shared key, from the options",
	    f) == NULL)
		return (-1);
	/* With public-key encryption the nonces on the wire are encrypted. */
	if (c->auth == CALC_PKE) {
		calc_unset(c, V_NI);
		calc_unset(c, V_NR);
	}
	if (walk_dh(w, c, f) == -1 ||
	    walk_derive(c, V_SKEYID, secret_span(&keys->skeyid), NULL, f) == -1 ||
	    walk_derive(c, V_SKEYID_D, secret_span(&keys->skeyid_d), NULL, f) == -1 ||
	    walk_derive(c, V_SKEYID_A, secret_span(&keys->skeyid_a), NULL, f) == -1 ||
	    walk_derive(c, V_SKEYID_E, secret_span(&keys->skeyid_e), NULL, f) == -1 ||
	    walk_derive(c, V_KA, secret_span(&keys->cipher), NULL, f) == -1)
		return (-1);
	return (0);
}

static int
adopt_keys(struct calc *c, const struct sa_ike *keys, struct fault *f)
{
	const struct { enum val v; struct span value; } all[] = {
		{ V_SKEYID_D, secret_span(&keys->skeyid_d) }, { V_SKEYID_A, secret_span(&keys->skeyid_a) },
		{ V_KA, secret_span(&keys->cipher) },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!c->has[all[i].v] && all[i].value.len > 0 &&
		    calc_given(c, all[i].v, all[i].value, "from the state", f) == NULL)
			return (-1);
	return (0);
}

int
walk_adopt(struct walk_sa *s, const struct sa_ike *keys, bool late, struct fault *f)
{
	struct calc *c = &s->c;

	if (keys == NULL || !algorithms(c, keys))
		return (0);
	if (!s->adopted && adopt_keys(c, keys, f) == -1)
		return (-1);
	s->adopted = true;
	/* Not before phase 1 is complete. */
	if (late && !c->has[V_LAST] && keys->iv_len > 0 &&
	    calc_given(c, V_LAST, span_of(keys->iv, keys->iv_len), "from the state", f) == NULL)
		return (-1);
	return (0);
}

/* Whether ${m} is the last message of phase 1: all later IVs are derived from its last block. */
static bool
is_last(const struct v1_told *m)
{
	return (m->message == (m->msg.hdr.exchange == EXCHANGE_MAIN ? 6 : 3));
}

static int
ending(struct walk_sa *s, const struct v1_told *m, struct fault *f)
{
	const struct sa_ike *keys = m->keys;
	struct calc *c = &s->c;
	struct step *step;

	/* Message 3 of aggressive mode in clear: later IVs are derived from its unused IV. */
	if (!c->has[V_LAST_BLOCK]) {
		if (walk_derive(c, V_IV, SPAN_NONE, &step, f) == -1 ||
		    calc_copy(c, V_LAST_BLOCK, c, V_IV, f) == -1)
			return (-1);
	} else
		step = calc_step_of(c, V_LAST_BLOCK);
	if (calc_copy(c, V_LAST, c, V_LAST_BLOCK, f) == -1)
		return (-1);
	if (step == NULL || keys == NULL || keys->iv_len == 0 || step->missing[0] != '\0')
		return (0);
	(void)snprintf(step->next, sizeof(step->next), "the IV of every later exchange: hash(this | M-ID)");
	return (step_hold(step, "in the state", span_of(keys->iv, keys->iv_len), f));
}

/* --- a message --- */

static int
cookies(struct walk_sa *s, const struct v1_told *m, struct fault *f)
{
	struct calc *c = &s->c;

	if (!c->has[V_CKY_I] &&
	    calc_given(c, V_CKY_I, SPAN_ARRAY(m->msg.hdr.cky_i), "8 bytes of the initiator's choice, in every header",
	    f) == NULL)
		return (-1);
	if (!c->has[V_CKY_R] && get_be64(m->msg.hdr.cky_r) != 0 &&
	    calc_given(c, V_CKY_R, SPAN_ARRAY(m->msg.hdr.cky_r), "8 bytes of the responder's choice, in every header",
	    f) == NULL)
		return (-1);
	return (0);
}

int
walk_phase1(struct walk *w, struct walk_sa *s, const struct v1_seen *in, struct v1_told *m, struct fault *f)
{
	bool encrypted = (m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0;
	struct calc *c = &s->c;
	unsigned nth = 0;
	size_t i;

	calc_unset(c, V_LAST_BLOCK);
	if (cookies(s, m, f) == -1)
		return (-1);
	/* A capture that begins after message 2: the state has the hash of the NAT-D payloads. */
	if (m->keys != NULL && m->message > 2)
		(void)algorithms(c, m->keys);
	if (encrypted && (walk_adopt(s, m->keys, false, f) == -1 || walk_open(w, c, m, f) == -1))
		return (-1);
	for (i = 0; i < m->msg.n; i++) {
		if (payload(s, m, i, nth, f) == -1)
			return (-1);
		nth += m->msg.pl[i].type == PAYLOAD_NAT_D || m->msg.pl[i].type == PAYLOAD_NAT_D_DRAFT;
	}
	if (!s->keyed && c->has[V_GXI] && c->has[V_GXR] && family(w, s, m->keys, f) == -1)
		return (-1);
	for (i = 0; i < m->msg.n; i++)
		if ((m->msg.pl[i].type == PAYLOAD_HASH || m->msg.pl[i].type == PAYLOAD_SIG) &&
		    proof(s, in, m, i, f) == -1)
			return (-1);
	return (is_last(m) ? ending(s, m, f) : 0);
}
