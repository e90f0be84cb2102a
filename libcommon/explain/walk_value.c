/* The values of a message: from the wire, computed, from the state; and its decryption, value by value. */
#include "explain/walk_priv.h"

#include <stdio.h>

#include "explain/rules.h"

int
walk_derive(struct calc *c, enum val v, struct span state, struct step **step, struct fault *f)
{
	const struct rule *r;
	struct fault why = {0};
	struct step *s = NULL;
	int got;

	if (step != NULL)
		*step = NULL;
	c->missing[0] = '\0';
	if ((got = calc_want(c, v, &why)) == -1 && why.code == FAULT_MEMORY) {
		*f = why;
		return (-1);
	}
	if (got == 1) {
		if ((s = calc_step_of(c, v)) != NULL && state.len > 0 &&
		    step_hold(s, "in the state", state, f) == -1)
			return (-1);
	} else if (state.len > 0) {
		if ((s = calc_given(c, v, state, "from the state", f)) == NULL)
			return (-1);
		step_note(s->note, "to compute it needs %s",
		    got == -1 ? why.what : c->missing);
	} else {
		if ((s = steps_add(c->steps, f)) == NULL)
			return (-1);
		s->name = calc_name(c, v);
		step_note(s->missing, "%s%s", got == -1 ? "" : "it needs ",
		    got == -1 ? why.what : c->missing);
	}
	if (got != 1 && (r = rule_for(c, v)) != NULL) {
		s->would = r->formula;
		s->would_section = r->section;
	}
	c->missing[0] = '\0';
	if (step != NULL)
		*step = s;
	return (0);
}

int
walk_from_wire(struct calc *c, enum val v, struct span value, const struct v1_told *m,
    struct step **step, struct fault *f)
{
	struct step *s = calc_given(c, v, value, m->by_initiator ? "on the wire, from the initiator" :
	    "on the wire, from the responder", f);

	if (step != NULL)
		*step = s;
	if (s != NULL)
		return (0);
	/* An impossible length is an error of the sender; the walk continues. */
	if (f->code != FAULT_USAGE || (s = steps_add(c->steps, f)) == NULL)
		return (-1);
	s->name = calc_name(c, v);
	step_note(s->missing, "%zu bytes on the wire are none", value.len);
	return (0);
}

int
walk_payload(struct calc *c, const struct v1_told *m, size_t i, struct fault *f)
{
	struct step *s = steps_add(c->steps, f);
	char words[V1_WORDS], name[NUM_TEXT], *line;

	if (s == NULL)
		return (-1);
	s->name = "payload";
	s->formula = m->by_initiator ? "on the wire, from the initiator" :
	    "on the wire, from the responder";
	s->given = true;
	s->payload = true;
	s->open = STEP_CONTENT;
	(void)snprintf(s->of, sizeof(s->of), "%s", isakmp_payload_name(m->msg.pl[i].type, name));
	(void)v1_told_words(words, sizeof(words), m, i, true);
	for (line = words; (line = strchr(line, '\n')) != NULL; line++)
		*line = line[1] != '\0' ? ' ' : '\0';
	step_note(s->note, "%s", words);
	if (secret_set(&s->out, m->msg.pl[i].body) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for a step"));
	return (0);
}

/* --- decryption --- */

int
walk_open(struct walk *w, struct calc *c, struct v1_told *m, struct fault *f)
{
	struct span body;
	struct step *s;
	struct fault why = {0};

	m->readable = false;
	m->msg.n = 0;
	if (m->msg.raw.len < ISAKMP_HDR_LEN)
		return (0);
	body = span_of(m->msg.raw.p + ISAKMP_HDR_LEN, m->msg.raw.len - ISAKMP_HDR_LEN);
	if (c->enc == NULL) {
		if (walk_from_wire(c, V_CIPHERTEXT, body, m, NULL, f) == -1 || (s = steps_add(c->steps, f)) == NULL)
			return (-1);
		s->name = calc_name(c, V_PLAINTEXT);
		step_note(s->missing, "it needs phase 1, which is not in the capture, or --sa with its keys");
		return (0);
	}
	if (body.len < c->enc->block)
		return (0);
	calc_unset(c, V_PLAINTEXT);
	calc_unset(c, V_LAST_BLOCK);
	calc_unset(c, V_IV);
	if (walk_from_wire(c, V_CIPHERTEXT, body, m, NULL, f) == -1 ||
	    walk_derive(c, V_IV, SPAN_NONE, NULL, f) == -1 ||
	    walk_derive(c, V_PLAINTEXT, SPAN_NONE, &s, f) == -1)
		return (-1);
	if (c->has[V_PLAINTEXT]) {
		secret_move(&w->plain, &c->v[V_PLAINTEXT]);
		m->readable = isakmp_chain_get(&m->msg, secret_span(&w->plain), true, &why) == 0;
		if (s != NULL && !m->readable && m->begun_before)
			step_note(s->missing, "it needs the message before it, which is not in the capture");
		else if (s != NULL && !m->readable) {
			s->wrong = true;
			step_note(s->note, "no payloads come out (%s): other keys, or a "
			    "message before it is missing", why.what);
		} else if (s != NULL)
			step_note(s->note, "%zu payload%s, then %zu bytes of padding",
			    m->msg.n, m->msg.n == 1 ? "" : "s", m->msg.trailer.len);
	}
	/* The IV of the next message, whether or not this one has payloads. */
	if (walk_derive(c, V_LAST_BLOCK, SPAN_NONE, NULL, f) == -1 ||
	    calc_copy(c, V_PREVIOUS, c, V_LAST_BLOCK, f) == -1)
		return (-1);
	calc_unset(c, V_CIPHERTEXT);
	c->has[V_PLAINTEXT] = false;	/* its bytes are in w->plain; ${from} still names its step */
	return (m->readable ? 1 : 0);
}

/* --- Diffie-Hellman --- */

/* Whether ${x} makes ${gx}. */
static bool
makes(const struct calc *c, const struct secret *x, enum val gx)
{
	struct dh *d = dh_from_private(c->group, secret_span(x), NULL);
	bool yes = d != NULL && c->has[gx] && ct_eq(dh_public(d), secret_span(&c->v[gx]));

	dh_free(d);
	return (yes);
}

int
walk_dh(const struct walk *w, struct calc *c, struct fault *f)
{
	const struct secret *x = w->given.privates;
	enum val own, peer;
	struct step *s;
	size_t i;

	for (i = 0; c->group != NULL && i < w->given.n_privates && !c->has[V_PRIVATE]; i++) {
		own = makes(c, &x[i], V_GXI) ? V_GXI : V_GXR;
		peer = own == V_GXI ? V_GXR : V_GXI;
		if (own == V_GXR && !makes(c, &x[i], V_GXR))
			continue;
		if (calc_given(c, V_PRIVATE, secret_span(&x[i]), own == V_GXI ?
		    "the initiator's, from --private" : "the responder's, from --private", f) == NULL ||
		    walk_derive(c, V_GX, SPAN_NONE, &s, f) == -1 ||
		    calc_copy(c, V_PUBLIC, c, peer, f) == -1)
			return (-1);
		if (s == NULL)
			continue;
		s->name = calc_name(c, own);
		if (step_hold(s, "on the wire", secret_span(&c->v[own]), f) == -1)
			return (-1);
	}
	if (c->has[V_GXY])
		return (0);
	if (c->has[V_PRIVATE])
		return (walk_derive(c, V_GXY, SPAN_NONE, NULL, f));
	if ((s = steps_add(c->steps, f)) == NULL)
		return (-1);
	s->name = calc_name(c, V_GXY);
	step_note(s->missing, "both ends forget it once the keys are made: it needs "
	    "--private of either%s", c->phase2 ? "" : ", or --gxy");
	return (0);
}
