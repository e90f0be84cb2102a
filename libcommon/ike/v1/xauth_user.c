/* XAuth, the user's end: answers what the gateway asks for. */
#include <stdio.h>

#include "ike/v1/xauth_priv.h"

/* A REQUEST. */
struct asked {
	bool		wants[V1_XAUTH_VALUES];
	struct span	challenge;
};

static void
say(const struct isakmp_attr *a, struct ike_outbox *out)
{
	char text[SA_TEXT];

	if (a->bytes.len == 0)
		return;
	ike_config_text(text, a->bytes);
	outbox_note(out, NOTE_WARN, "the gateway says: %s", text);
}

/* Reads which values the REQUEST ${in} asks for into ${q}, and its texts into ${t}. */
static void
parse(struct v1_xauth *t, struct asked *q, const struct config *in)
{
	struct rd r = in->attrs;
	struct isakmp_attr a;
	size_t i;

	*q = (struct asked){0};
	t->type = XAUTH_GENERIC;
	t->message[0] = t->text[0] = '\0';
	t->check_point = !config_is_xauth(in, false);
	while (config_next(&r, &a)) {
		if (t->check_point)
			a.type = config_xauth_number(a.type);
		if (a.type == CONFIG_XAUTH_TYPE)
			t->type = (uint8_t)(a.value > UINT8_MAX ? UINT8_MAX : a.value);
		else if (a.type == CONFIG_XAUTH_MESSAGE)
			ike_config_text(t->message, a.bytes);
		else if (a.type == CONFIG_XAUTH_CHALLENGE) {
			q->challenge = a.bytes;
			ike_config_text(t->text, a.bytes);
		}
		for (i = 0; i < V1_XAUTH_VALUES; i++)
			q->wants[i] = q->wants[i] || a.type == v1_xauth_values[i].attr;
	}
}

static int
cannot(struct fault *f, const char *what, const char *why)
{
	return (fault_because(f, CAUSE_NO_LOGIN, fault(f, FAULT_AUTH_FAILED, "the gateway asks for %s, %s", what, why)));
}

/* The answer of the tool for ${v}. */
static int
take_answer(struct v1_xauth *t, enum v1_xauth_value v, const struct ike_answer *a, struct fault *f)
{
	t->waits = false;
	if (a->no || a->data.len == 0 || a->data.len >= SA_TEXT)
		return (cannot(f, v1_xauth_values[v].name, a->no ? "and nobody answers" :
		    a->data.len == 0 ? "and the answer is empty" : "and the answer is too long"));
	return (secret_set(&t->value[v], a->data) != 0 ? v1_xauth_no_memory(f) : 0);
}

/*
 * The configured value for ${v}. The password goes out once: a gateway that asks again has rejected it, or wants another
 * one, and the same again may lock the account. The types of one-time passwords want none that stays.
 */
static struct span
configured(const struct v1_xauth *t, enum v1_xauth_value v, const struct ike_policy *p)
{
	if (v == V1_XAUTH_USER)
		return (span_str(p->xauth_user));
	if ((v == V1_XAUTH_PASSWORD || v == V1_XAUTH_PASSCODE) && t->type <= XAUTH_CHAP && !t->sent_password)
		return (secret_span(&p->xauth_password));
	return (SPAN_NONE);
}

/* Makes sure of a value for ${v}: 0, -1, or IKE_LATER: the tool is asked. */
static int
have(struct v1_exchange *x, struct v1_xauth *t, enum v1_xauth_value v, struct fault *f)
{
	const struct ike_policy *p = x->sa->ike.policy;
	struct span value = configured(t, v, p);
	char question[96];

	if (t->value[v].len > 0)
		return (0);
	if (t->waits && t->wanted == v && x->answer != NULL)
		return (take_answer(t, v, x->answer, f));
	if (value.len > 0)
		return (secret_set(&t->value[v], value) != 0 ? v1_xauth_no_memory(f) : 0);
	if (p->xauth_ask) {
		t->waits = true;
		t->wanted = v;
		(void)snprintf(question, sizeof(question), "the gateway asks for %s", v1_xauth_values[v].name);
		return (ike_later(f, question));
	}
	if (v == V1_XAUTH_DOMAIN)
		return (0);
	return (cannot(f, v1_xauth_values[v].name, v <= V1_XAUTH_PASSWORD && t->sent_password ?
	    "again, and there is no other answer" : "and none is configured"));
}

/* The values are complete: writes them. */
static int
put_values(struct v1_xauth *t, const struct asked *q, struct wr *w, struct fault *f)
{
	uint8_t chap[1 + IKE_CHAP_LEN];
	struct span value;
	size_t i;

	v1_xauth_put_number(t, w, CONFIG_XAUTH_TYPE, t->type);
	for (i = 0; i < V1_XAUTH_VALUES; i++) {
		value = secret_span(&t->value[i]);
		if (!q->wants[i] || value.len == 0)
			continue;
		if (i == V1_XAUTH_PASSWORD && t->type == XAUTH_CHAP) {
			if (v1_xauth_chap(chap, (uint8_t)t->rounds, value, q->challenge, f) != 0)
				return (-1);
			value = SPAN_ARRAY(chap);
		}
		v1_xauth_put(t, w, v1_xauth_values[i].attr, value);
	}
	return (0);
}

static void
end_of_round(struct v1_xauth *t)
{
	size_t i;

	t->waits = false;
	t->sent_password = t->sent_password || t->value[V1_XAUTH_PASSWORD].len > 0 || t->value[V1_XAUTH_PASSCODE].len > 0;
	for (i = 0; i < V1_XAUTH_VALUES; i++)
		secret_free(&t->value[i]);
}

/* The name for logs and records. */
static void
note_user(struct ike_config *c, const struct v1_xauth *t)
{
	if (t->value[V1_XAUTH_USER].len > 0)
		ike_config_text(c->user, secret_span(&t->value[V1_XAUTH_USER]));
}

static int
gather(struct v1_exchange *x, struct v1_xauth *t, const struct asked *q, struct fault *f)
{
	size_t i;
	int r;

	if (t->rounds >= V1_XAUTH_ROUNDS_MAX)
		return (fault(f, FAULT_PROTOCOL, "the gateway asks for more than %d times", V1_XAUTH_ROUNDS_MAX));
	if (t->type > XAUTH_SKEY)
		return (fault(f, FAULT_PROTOCOL, "the gateway asks for XAuth type %u, which is unknown", t->type));
	if (t->type == XAUTH_CHAP && q->challenge.len == 0)
		return (fault(f, FAULT_PROTOCOL, "the gateway asks by CHAP, and sends no challenge"));
	for (i = 0; i < V1_XAUTH_VALUES; i++)
		if (q->wants[i] && (r = have(x, t, (enum v1_xauth_value)i, f)) != 0)
			return (r);
	return (0);
}

/*
 * A REQUEST. What cannot be answered is answered with a status, so that the gateway knows; the reason stays for
 * v1_xauth_cannot().
 */
static int
answer_request(struct v1_exchange *x, struct v1_xauth *t, const struct config *in, struct wr *w,
    struct ike_outbox *out, struct fault *f)
{
	struct ike_config *c = ike_sa_config(&x->sa->ike);
	struct isakmp_attr a;
	struct asked q;
	int r;

	if (c == NULL)
		return (v1_xauth_no_memory(f));
	/* The second time the tool has answered, and the texts were shown. */
	if (x->answer == NULL && (config_find(in, CONFIG_XAUTH_MESSAGE, &a) || (!config_is_xauth(in, false) &&
	    config_find(in, config_check_point_number(CONFIG_XAUTH_MESSAGE), &a))))
		say(&a, out);
	parse(t, &q, in);
	if ((r = gather(x, t, &q, f)) == IKE_LATER)
		return (r);
	c->xauth = IKE_XAUTH_PENDING;
	if (r == 0)
		r = put_values(t, &q, w, f);
	note_user(c, t);
	if (r != 0) {
		t->cannot = *f;
		v1_xauth_put_number(t, w, CONFIG_XAUTH_STATUS, XAUTH_FAIL);
	}
	end_of_round(t);
	t->rounds++;
	return (0);
}

/* The gateway's verdict. */
static int
take_status(struct v1_exchange *x, struct v1_xauth *t, const struct config *in, struct wr *w, struct ike_outbox *out,
    struct fault *f)
{
	struct ike_config *c = ike_sa_config(&x->sa->ike);
	struct isakmp_attr a;

	if (c == NULL)
		return (v1_xauth_no_memory(f));
	t->check_point = !config_is_xauth(in, false);
	if (v1_xauth_find(t, in, CONFIG_XAUTH_MESSAGE, &a))
		say(&a, out);
	if (!v1_xauth_find(t, in, CONFIG_XAUTH_STATUS, &a))
		return (fault(f, FAULT_PROTOCOL, "the gateway's SET has no XAUTH_STATUS"));
	c->xauth = a.value == XAUTH_OK ? IKE_XAUTH_OK : IKE_XAUTH_FAILED;
	v1_xauth_put(t, w, CONFIG_XAUTH_STATUS, SPAN_NONE);
	return (0);
}

int
v1_xauth_user_answer(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out,
    struct fault *f)
{
	struct v1_xauth *t = v1_xauth_of(x->sa, f);

	if (t == NULL)
		return (-1);
	if (x->sa->ike.state == IKE_SA_AUTHENTICATING)
		x->sa->ike.hard_ms = x->now.ms + x->sa->ike.policy->answer_ms;
	return (in->type == CONFIG_REQUEST ? answer_request(x, t, in, w, out, f) : take_status(x, t, in, w, out, f));
}

void
v1_xauth_user_question(const struct v1_sa *sa, struct ike_question *q)
{
	static const char *const types[] = {
		[XAUTH_GENERIC] = "generic", [XAUTH_CHAP] = "chap", [XAUTH_OTP] = "otp", [XAUTH_SKEY] = "skey",
	};
	const struct v1_xauth *t = sa->login.xauth;

	*q = (struct ike_question){
		.kind = IKE_QUESTION_VALUE, .remote = sa->ike.remote.at, .name = v1_xauth_values[t->wanted].word,
		.type = types[t->type], .message = t->message, .text = t->text,
		.shown = t->wanted == V1_XAUTH_USER || t->wanted == V1_XAUTH_DOMAIN,
	};
}
