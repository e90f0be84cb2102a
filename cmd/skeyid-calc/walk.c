/* walk: prints the values that explain/ finds in a capture, message by message. */
#include <stdio.h>

#include "cli/js.h"
#include "explain/walk.h"
#include "opts.h"
#include "print.h"
#include "tool/state_files.h"

/* How the messages are printed. */
struct show {
	struct walk	*walk;
	json_t		*messages;	/* NULL: text */
	bool		 explain;	/* with formulas and inputs */
	bool		 first;		/* no message was printed yet */
};

static void
print_message(const struct show *w, const struct walk_message *msg)
{
	const struct v1_told *m = msg->told;
	const struct steps *steps = msg->values;
	char label[V1_LABEL], line[V1_LABEL + 64], from[ENDPOINT_TEXT], to[ENDPOINT_TEXT];
	const char *story = v1_told_story(m);
	size_t i;

	(void)snprintf(line, sizeof(line), "== frame %llu: %s", (unsigned long long)msg->seen->number,
	    v1_told_label(label, sizeof(label), m));
	if (!w->first)
		(void)putchar('\n');
	print_words(line, 0);
	(void)snprintf(line, sizeof(line), "%s -> %s, IKE SA %u", endpoint_text(from, &msg->seen->src),
	    endpoint_text(to, &msg->seen->dst), m->sa);
	print_words(line, 3);
	if (m->found_one_way)
		print_words("the addresses do not tell the two ends apart: from here on the exchange shows the sender", 3);
	if (story != NULL)
		print_words(story, 3);
	if (m->again_of != 0) {
		(void)snprintf(line, sizeof(line), "sent again: the same as frame %llu",
		    (unsigned long long)m->again_of);
		print_words(line, 3);
	}
	for (i = 0; i < steps->n; i++) {
		if (w->explain || i == 0)
			(void)putchar('\n');
		print_step(&steps->v[i], "", w->explain);
	}
}

static void
add_json(const struct show *w, const struct walk_message *msg)
{
	const struct v1_told *m = msg->told;
	const struct steps *steps = msg->values;
	json_t *o = json_object(), *values = json_array();
	char label[V1_LABEL], text[ENDPOINT_TEXT], name[NUM_TEXT], mid[16];
	size_t i;

	(void)snprintf(mid, sizeof(mid), "%08x", m->msg.hdr.mid);
	json_object_set_new(o, "frame", json_integer((json_int_t)msg->seen->number));
	json_object_set_new(o, "sa", json_integer(m->sa));
	json_object_set_new(o, "exchange", js_text(v1_mode_name(m->msg.hdr.exchange, name)));
	json_object_set_new(o, "message-id", json_string(mid));
	json_object_set_new(o, "message", json_integer(m->message));
	json_object_set_new(o, "label", js_text(v1_told_label(label, sizeof(label), m)));
	if (m->sure)
		json_object_set_new(o, "sender", json_string(m->by_initiator ? "initiator" : "responder"));
	if (m->begun_before)
		json_object_set_new(o, "begun-before", json_true());
	if (m->one_way)
		json_object_set_new(o, "one-way", json_true());
	json_object_set_new(o, "from", json_string(endpoint_text(text, &msg->seen->src)));
	json_object_set_new(o, "to", json_string(endpoint_text(text, &msg->seen->dst)));
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
print_sums(const struct walk_sums *s)
{
	(void)putchar('\n');
	sum(s->same, "comparison", "with the wire and the state: the same", "");
	sum(s->differ, "comparison", s->differ > 0 ? "DIFFERENT: " : "different", s->differing);
	if (s->other > 0)
		sum(s->other, "NAT-D value", "of an address that is not seen here", "");
	sum(s->computed, "other value", "computed", "");
	sum(s->given, "value", "read from the wire, the state or the options", "");
	if (s->unknown > 0)
		sum(s->unknown, "value", "not known: ", s->unknowns);
}

static void
print_json(struct show *w, const struct walk_sums *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "messages", w->messages);
	w->messages = NULL;
	json_object_set_new(o, "same", json_integer((json_int_t)s->same));
	json_object_set_new(o, "differ", json_integer((json_int_t)s->differ));
	json_object_set_new(o, "other", json_integer((json_int_t)s->other));
	json_object_set_new(o, "given", json_integer((json_int_t)s->given));
	json_object_set_new(o, "computed", json_integer((json_int_t)s->computed));
	json_object_set_new(o, "unknown", json_integer((json_int_t)s->unknown));
	js_print(o, false, stdout);
}

/* --- reading --- */

static int
print_one(void *arg, const struct walk_message *m, struct fault *f)
{
	struct show *w = arg;

	(void)f;
	if (w->messages != NULL)
		add_json(w, m);
	else
		print_message(w, m);
	w->first = false;
	return (0);
}

static int
one_datagram(void *arg, const struct v1_seen *in, struct fault *f)
{
	struct show *w = arg;

	return (walk_datagram(w->walk, in, print_one, w, f));
}

/* Prints all messages and the sums; the messages before a damaged part of the file count. */
static int
print_capture(struct show *w, const char *path, bool cookie, struct fault *f)
{
	const struct walk_sums *s = walk_sums(w->walk);
	int rc = calc_messages(path, one_datagram, w, f);

	if (s->messages == 0)
		return (rc != 0 ? -1 : fault_because(f, CAUSE_NOT_CAPTURED,
		    fault(f, FAULT_TRUNCATED, "the capture holds no IKEv1%s", cookie ?
		    " with that cookie" : "")));
	if (w->messages != NULL)
		print_json(w, s);
	else
		print_sums(s);
	if (rc == 0 && s->differ > 0)
		return (fault_because(f, CAUSE_VALUES_DIFFER,
		    fault(f, FAULT_PROTOCOL, "%zu of the values differ: %s", s->differ, s->differing)));
	return (rc);
}

int
calc_walk(const struct calc *c, const char *path, const char *sa, const struct calc_privates *privates,
    const struct creds *trust, const struct calc_opts *o, struct fault *f)
{
	struct sa_set *state = sa_set_new();
	const struct walk_given given = {
		.values = c, .privates = privates->v, .n_privates = privates->n, .state = state,
		.trust = trust,
	};
	struct show w = {
		.walk = walk_new(&given), .messages = o->json ? json_array() : NULL,
		.explain = o->explain, .first = true,
	};
	int rc = -1;

	if (state == NULL || w.walk == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for keys");
	else if (sa_keys_read(state, sa != NULL ? 1 : 0, &sa, f) == 0)
		rc = print_capture(&w, path, c->has[V_CKY_I], f);
	walk_free(w.walk);
	json_decref(w.messages);
	sa_set_free(state);
	return (rc);
}
