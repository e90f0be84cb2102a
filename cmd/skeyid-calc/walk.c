#include "walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/js.h"
#include "cli/report.h"
#include "tool/state_files.h"
#include "print.h"

/* --- values --- */

void
walk_note(char out[STEP_NOTE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, STEP_NOTE, fmt, ap);
	va_end(ap);
}

int
walk_derive(struct calc *c, enum val v, struct span state, struct step **step, struct fault *f)
{
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
		    calc_hold(s, "in the state", state, f) == -1)
			return (-1);
	} else if (state.len > 0) {
		if ((s = calc_given(c, v, state, "from the state", f)) == NULL)
			return (-1);
		walk_note(s->note, "to compute it takes %s",
		    got == -1 ? why.what : c->missing);
	} else {
		if ((s = calc_step(c, f)) == NULL)
			return (-1);
		s->name = calc_name(c, v);
		walk_note(s->missing, "%s%s", got == -1 ? "" : "it takes ",
		    got == -1 ? why.what : c->missing);
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
	/* A length that cannot be is the sender's fault, and no reason to stop. */
	if (f->code != FAULT_USAGE || (s = calc_step(c, f)) == NULL)
		return (-1);
	s->name = calc_name(c, v);
	walk_note(s->missing, "%zu bytes on the wire are none", value.len);
	return (0);
}

int
walk_payload(struct calc *c, const struct v1_told *m, size_t i, struct fault *f)
{
	struct step *s = calc_step(c, f);
	char words[V1_WORDS], name[NUM_TEXT], *line;

	if (s == NULL)
		return (-1);
	s->name = "payload";
	s->formula = m->by_initiator ? "on the wire, from the initiator" :
	    "on the wire, from the responder";
	s->given = true;
	(void)snprintf(s->of, sizeof(s->of), "%s", isakmp_payload_name(m->msg.pl[i].type, name));
	(void)v1_told_words(words, sizeof(words), m, i, true);
	for (line = words; (line = strchr(line, '\n')) != NULL; line++)
		*line = line[1] != '\0' ? ' ' : '\0';
	walk_note(s->note, "%s", words);
	if (secret_set(&s->out, m->msg.pl[i].body) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for a step"));
	return (0);
}

int
walk_copy(struct calc *to, enum val v, const struct calc *from, enum val of, struct fault *f)
{
	if (!from->has[of])
		return (0);
	if (calc_set(to, v, secret_span(&from->v[of]), f) == -1)
		return (-1);
	to->from[v] = from->from[of];
	return (0);
}

/* --- opening --- */

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
		if (walk_from_wire(c, V_CIPHERTEXT, body, m, NULL, f) == -1 || (s = calc_step(c, f)) == NULL)
			return (-1);
		s->name = calc_name(c, V_PLAINTEXT);
		walk_note(s->missing, "it takes phase 1, which is not in the capture, or --sa with its keys");
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
		if (s != NULL && !m->readable) {
			s->wrong = true;
			walk_note(s->note, "no payloads come out (%s): other keys, or a "
			    "message before it is missing", why.what);
		} else if (s != NULL)
			walk_note(s->note, "%zu payload%s, then %zu bytes of padding",
			    m->msg.n, m->msg.n == 1 ? "" : "s", m->msg.trailer.len);
	}
	/* Whether or not it could be read: the next one's IV. */
	if (walk_derive(c, V_LAST_BLOCK, SPAN_NONE, NULL, f) == -1 ||
	    walk_copy(c, V_PREVIOUS, c, V_LAST_BLOCK, f) == -1)
		return (-1);
	calc_unset(c, V_CIPHERTEXT);
	c->has[V_PLAINTEXT] = false;	/* its bytes are in w->plain, its step is still known */
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
walk_dh(struct walk *w, struct calc *c, struct fault *f)
{
	const struct calc_privates *p = w->privates;
	enum val own, peer;
	struct step *s;
	size_t i;

	for (i = 0; c->group != NULL && i < p->n && !c->has[V_PRIVATE]; i++) {
		own = makes(c, &p->v[i], V_GXI) ? V_GXI : V_GXR;
		peer = own == V_GXI ? V_GXR : V_GXI;
		if (own == V_GXR && !makes(c, &p->v[i], V_GXR))
			continue;
		if (calc_given(c, V_PRIVATE, secret_span(&p->v[i]), own == V_GXI ?
		    "the initiator's, from --private" : "the responder's, from --private", f) == NULL ||
		    walk_derive(c, V_GX, SPAN_NONE, &s, f) == -1 ||
		    walk_copy(c, V_PUBLIC, c, peer, f) == -1)
			return (-1);
		if (s == NULL)
			continue;
		s->name = calc_name(c, own);
		if (calc_hold(s, "on the wire", secret_span(&c->v[own]), f) == -1)
			return (-1);
	}
	if (c->has[V_GXY])
		return (0);
	if (c->has[V_PRIVATE])
		return (walk_derive(c, V_GXY, SPAN_NONE, NULL, f));
	if ((s = calc_step(c, f)) == NULL)
		return (-1);
	s->name = calc_name(c, V_GXY);
	walk_note(s->missing, "both ends forget it once the keys are made: it takes "
	    "--private of either%s", c->phase2 ? "" : ", or --gxy");
	return (0);
}

/* --- telling --- */

/* Appends to a list of names, once. */
static void
note_name(char *list, size_t cap, const char *name, uint64_t frame)
{
	size_t have = strlen(list);
	char one[64];

	(void)snprintf(one, sizeof(one), frame != 0 ? "%s of frame %llu" : "%s", name,
	    (unsigned long long)frame);
	if (strstr(list, one) == NULL)
		(void)snprintf(list + have, cap - have, "%s%s", have > 0 ? ", " : "", one);
}

static void
tally(struct walk *w, const struct step *s, uint64_t frame)
{
	size_t i;

	if (s->missing[0] != '\0') {
		w->unknown++;
		note_name(w->missing, sizeof(w->missing), s->name, 0);
		return;
	}
	if (s->wrong) {
		w->differ++;
		note_name(w->differing, sizeof(w->differing), s->name, frame);
		return;
	}
	for (i = 0; i < s->n_held; i++) {
		if (s->held[i].same)
			w->same++;
		else if (s->held[i].other)
			w->other++;
		else {
			w->differ++;
			note_name(w->differing, sizeof(w->differing), s->name, frame);
		}
	}
	if (s->n_held == 0)
		*(s->given ? &w->given_n : &w->alone) += 1;
}

static void
tell_text(struct walk *w, const struct capture_packet *p, const struct v1_told *m,
    const struct steps *steps)
{
	char label[V1_LABEL], line[V1_LABEL + 64], from[ENDPOINT_TEXT], to[ENDPOINT_TEXT];
	const char *story = v1_told_story(m);
	size_t i;

	(void)snprintf(line, sizeof(line), "== frame %llu: %s", (unsigned long long)p->number,
	    v1_told_label(label, sizeof(label), m));
	if (w->told > 1)
		(void)putchar('\n');
	print_words(line, 0);
	(void)snprintf(line, sizeof(line), "%s -> %s, IKE SA %u", endpoint_text(from, &p->src),
	    endpoint_text(to, &p->dst), m->sa);
	print_words(line, 3);
	if (story != NULL)
		print_words(story, 3);
	if (m->again_of != 0) {
		(void)snprintf(line, sizeof(line), "sent again: the same as frame %llu",
		    (unsigned long long)m->again_of);
		print_words(line, 3);
	}
	for (i = 0; i < steps->n; i++) {
		if (w->o->explain || i == 0)
			(void)putchar('\n');
		print_step(&steps->v[i], "", w->o->explain);
	}
}

static void
tell_json(struct walk *w, const struct capture_packet *p, const struct v1_told *m,
    const struct steps *steps)
{
	json_t *o = json_object(), *values = json_array();
	char label[V1_LABEL], text[ENDPOINT_TEXT], name[NUM_TEXT], mid[16];
	size_t i;

	(void)snprintf(mid, sizeof(mid), "%08x", m->msg.hdr.mid);
	json_object_set_new(o, "frame", json_integer((json_int_t)p->number));
	json_object_set_new(o, "sa", json_integer(m->sa));
	json_object_set_new(o, "exchange", js_text(v1_mode_name(m->msg.hdr.exchange, name)));
	json_object_set_new(o, "message-id", json_string(mid));
	json_object_set_new(o, "message", json_integer(m->message));
	json_object_set_new(o, "label", js_text(v1_told_label(label, sizeof(label), m)));
	json_object_set_new(o, "sender", json_string(m->by_initiator ? "initiator" : "responder"));
	json_object_set_new(o, "from", json_string(endpoint_text(text, &p->src)));
	json_object_set_new(o, "to", json_string(endpoint_text(text, &p->dst)));
	if (m->again_of != 0)
		json_object_set_new(o, "again-of", json_integer((json_int_t)m->again_of));
	for (i = 0; i < steps->n; i++)
		json_array_append_new(values, json_step(&steps->v[i]));
	json_object_set_new(o, "values", values);
	json_array_append_new(w->messages, o);
}

/* "7 values" or "1 value", then the rest of the sentence. */
static void
sum(size_t n, const char *what, const char *rest, const char *names)
{
	char line[512];

	(void)snprintf(line, sizeof(line), "%zu %s%s %s%s", n, what, n == 1 ? "" : "s", rest, names);
	print_words(line, 0);
}

static void
tell_sums(const struct walk *w)
{
	(void)putchar('\n');
	sum(w->same, "comparison", "with the wire and the state: the same", "");
	sum(w->differ, "comparison", w->differ > 0 ? "DIFFERENT: " : "different", w->differing);
	if (w->other > 0)
		sum(w->other, "NAT-D value", "of an address that is not seen here", "");
	sum(w->alone, "other value", "computed", "");
	sum(w->given_n, "value", "taken from the wire, the state or the options", "");
	if (w->unknown > 0)
		sum(w->unknown, "value", "not known: ", w->missing);
}

static int
tell_end(struct walk *w, struct fault *f)
{
	json_t *o;

	if (w->messages != NULL) {
		o = json_object();
		json_object_set_new(o, "messages", w->messages);
		w->messages = NULL;
		json_object_set_new(o, "same", json_integer((json_int_t)w->same));
		json_object_set_new(o, "differ", json_integer((json_int_t)w->differ));
		json_object_set_new(o, "other", json_integer((json_int_t)w->other));
		json_object_set_new(o, "given", json_integer((json_int_t)w->given_n));
		json_object_set_new(o, "computed", json_integer((json_int_t)w->alone));
		json_object_set_new(o, "unknown", json_integer((json_int_t)w->unknown));
		js_print(o, false, stdout);
	} else {
		tell_sums(w);
	}
	if (w->differ == 0)
		return (0);
	return (fault_because(f, CAUSE_VALUES_DIFFER,
	    fault(f, FAULT_PROTOCOL, "%zu of the values differ: %s", w->differ, w->differing)));
}

/* --- following --- */

static void
sa_free(struct walk_sa *s)
{
	while (s->late != NULL)
		walk_late_drop(s);
	calc_wipe(&s->c);
	free(s);
}

/* The one seen longest ago. */
static void
drop_sa(struct walk *w)
{
	struct walk_sa *s, **p;

	for (p = &w->sas; (s = *p) != NULL && s->next != NULL; p = &s->next)
		;
	if (s == NULL)
		return;
	*p = NULL;
	w->n_sas--;
	sa_free(s);
}

/* Large values, and many of them, are no reason to end: what is oldest goes. */
static void
make_room(struct walk *w, struct walk_sa *now)
{
	while (secret_room() < WALK_ROOM && (w->n_sas > 1 || now->n_late > 0))
		if (w->n_sas > 1)
			drop_sa(w);
		else
			walk_late_drop(now);
}

static struct walk_sa *
find_sa(struct walk *w, unsigned number)
{
	struct walk_sa *s, **p;

	for (p = &w->sas; (s = *p) != NULL; p = &s->next)
		if (s->number == number) {
			*p = s->next;
			break;
		}
	if (s == NULL) {
		if (w->n_sas == WALK_SAS)
			drop_sa(w);
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return (NULL);
		s->number = number;
		s->c.sub = SUB_WALK;
		s->c.steps = w->given->steps;
		w->n_sas++;
	}
	s->next = w->sas;
	w->sas = s;
	return (s);
}

static void
add_end(struct walk_sa *s, const struct endpoint *e)
{
	size_t i;

	for (i = 0; i < s->n_ends; i++)
		if (endpoint_eq(&s->ends[i], e))
			return;
	if (s->n_ends < WALK_ENDS)
		s->ends[s->n_ends++] = *e;
}

/* Addresses that NAT-D hashes may be of: from the datagram, the state and the options. */
static void
add_ends(struct walk *w, struct walk_sa *s, const struct capture_packet *p, const struct v1_told *m)
{
	const struct calc *g = w->given;
	struct endpoint e;

	add_end(s, &p->src);
	add_end(s, &p->dst);
	if (m->keys != NULL) {
		add_end(s, &m->keys->local.at);
		add_end(s, &m->keys->remote.at);
	}
	if (!g->has[V_IP])
		return;
	e = (struct endpoint){ .addr = addr_make(g->v[V_IP].len == 4 ? 4 : 6, g->v[V_IP].p), .port = 500 };
	if (g->has[V_PORT])
		e.port = get_be16(g->v[V_PORT].p);
	add_end(s, &e);
}

static bool
wanted(const struct walk *w, const struct v1_told *m)
{
	const struct secret *cky = &w->given->v[V_CKY_I];

	return (!w->given->has[V_CKY_I] || span_eq(secret_span(cky), SPAN_ARRAY(m->msg.hdr.cky_i)));
}

static int
message(void *arg, const struct capture_packet *p, struct v1_told *m, struct fault *f)
{
	struct walk *w = arg;
	struct walk_sa *s;
	struct steps *steps = w->given->steps;
	bool phase1 = m->msg.hdr.exchange == EXCHANGE_MAIN || m->msg.hdr.exchange == EXCHANGE_AGGRESSIVE;
	size_t i;
	int rc = 0;

	if (!wanted(w, m))
		return (0);
	if ((s = find_sa(w, m->sa)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an IKE SA"));
	make_room(w, s);
	add_ends(w, s, p, m);
	if (m->again_of == 0)
		rc = phase1 ? walk_phase1(w, s, m, f) : walk_late(w, s, m, f);
	if (rc == -1) {
		fault_where(f, "frame %llu", (unsigned long long)p->number);
		return (-1);
	}
	w->told++;
	for (i = 0; i < steps->n; i++)
		tally(w, &steps->v[i], p->number);
	if (w->messages != NULL)
		tell_json(w, p, m, steps);
	else
		tell_text(w, p, m, steps);
	calc_steps_clear(steps);
	secret_free(&w->plain);
	return (0);
}

static int
read_capture(struct walk *w, const char *path, struct fault *f)
{
	int rc = calc_messages(path, w->state, message, w, f);

	if (rc == 0 && w->told == 0)
		rc = fault_because(f, CAUSE_NOT_CAPTURED,
		    fault(f, FAULT_TRUNCATED, "the capture holds no IKEv1%s", w->given->has[V_CKY_I] ?
		    " with that cookie" : ""));
	return (rc);
}

int
calc_walk(struct calc *c, const char *path, const char *sa, const struct calc_privates *privates,
    const struct calc_opts *o, struct fault *f)
{
	struct walk w = {
		.given = c, .o = o, .privates = privates, .state = sa_set_new(),
		.messages = o->json ? json_array() : NULL,
	};
	struct walk_sa *s;
	struct fault end = {0};
	int rc = -1;

	if (w.state == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for keys");
	else if (sa_keys_read(w.state, sa != NULL ? 1 : 0, &sa, f) == 0)
		rc = read_capture(&w, path, f);
	/* What came before a break in the file counts. */
	if (w.told > 0 && tell_end(&w, &end) == -1 && rc == 0) {
		*f = end;
		rc = -1;
	}
	while ((s = w.sas) != NULL) {
		w.sas = s->next;
		sa_free(s);
	}
	json_decref(w.messages);
	sa_set_free(w.state);
	secret_free(&w.plain);
	return (rc);
}
