/* XAuth: the user's end. */
#include "ike/v1/xauth.h"

#include <stdio.h>

static int
no_memory(struct fault *f)
{
	return (fault(f, FAULT_MEMORY, "no memory for XAuth"));
}

bool
v1_xauth_is_user(const struct v1_sa *sa)
{
	if (sa->auth != NULL && sa->auth->next == V1_AUTH_THEN_XAUTH)
		return (v1_auth_user(sa->auth) == sa->ike.role);
	/* After another method a gateway may ask as well. */
	return (sa->ike.policy->xauth_user[0] != '\0');
}

bool
v1_xauth_due(const struct v1_sa *sa)
{
	return (sa->auth != NULL && sa->auth->next == V1_AUTH_THEN_XAUTH &&
	    (sa->ike.config == NULL || sa->ike.config->xauth != IKE_XAUTH_OK));
}

/* --- the user --- */

/* Type and values of a REQUEST. */
struct question {
	uint64_t	type;		/* enum config_xauth_type */
	bool		has_type;
};

static int
parse(struct question *q, const struct config *in, struct fault *f)
{
	struct isakmp_attr a;

	*q = (struct question){0};
	if (config_find(in, CONFIG_XAUTH_TYPE, &a)) {
		q->has_type = true;
		q->type = a.value;
	}
	if (q->type != XAUTH_GENERIC)
		return (fault(f, FAULT_PROTOCOL, "the gateway asks for XAuth type %llu, which is not implemented",
		    (unsigned long long)q->type));
	return (0);
}

static int
answer_request(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	const struct ike_policy *p = x->sa->ike.policy;
	struct ike_config *c = ike_sa_config(&x->sa->ike);
	struct rd r = in->attrs;
	struct isakmp_attr a;
	struct question q;
	char text[SA_TEXT];

	if (c == NULL)
		return (no_memory(f));
	if (x->sa->login.rounds >= V1_XAUTH_ROUNDS_MAX)
		return (fault(f, FAULT_PROTOCOL, "the gateway asks for more than %d times", V1_XAUTH_ROUNDS_MAX));
	if (parse(&q, in, f) != 0)
		return (-1);
	if (p->xauth_user[0] == '\0')
		return (fault(f, FAULT_AUTH_FAILED, "the gateway asks for a user and password, and none is configured"));
	while (config_next(&r, &a)) {
		if (a.type == CONFIG_XAUTH_TYPE)
			isakmp_attr_put(w, CONFIG_XAUTH_TYPE, (uint32_t)q.type);
		else if (a.type == CONFIG_XAUTH_USER)
			isakmp_attr_put_bytes(w, a.type, span_str(p->xauth_user));
		else if (a.type == CONFIG_XAUTH_PASSWORD || a.type == CONFIG_XAUTH_PASSCODE)
			isakmp_attr_put_bytes(w, a.type, secret_span(&p->xauth_password));
		else if (a.type == CONFIG_XAUTH_MESSAGE && a.bytes.len > 0) {
			ike_config_text(text, a.bytes);
			outbox_note(out, NOTE_WARN, "the gateway says: %s", text);
		}
	}
	(void)snprintf(c->user, sizeof(c->user), "%s", p->xauth_user);
	c->xauth = IKE_XAUTH_PENDING;
	x->sa->login.answered = true;
	x->sa->login.rounds++;
	return (0);
}

/* The gateway's verdict. */
static int
take_status(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	struct ike_config *c = ike_sa_config(&x->sa->ike);
	struct isakmp_attr a;
	char text[SA_TEXT];

	if (c == NULL)
		return (no_memory(f));
	if (config_find(in, CONFIG_XAUTH_MESSAGE, &a) && a.bytes.len > 0) {
		ike_config_text(text, a.bytes);
		outbox_note(out, NOTE_WARN, "the gateway says: %s", text);
	}
	if (!config_find(in, CONFIG_XAUTH_STATUS, &a))
		return (fault(f, FAULT_PROTOCOL, "the gateway's SET has no XAUTH_STATUS"));
	c->xauth = a.value == XAUTH_OK ? IKE_XAUTH_OK : IKE_XAUTH_FAILED;
	isakmp_attr_put_bytes(w, CONFIG_XAUTH_STATUS, SPAN_NONE);
	return (0);
}

/* --- both --- */

static int
answer(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	/* A user cannot grant itself access: only the gateway sets the status. */
	if (!v1_xauth_is_user(x->sa))
		return (fault(f, FAULT_PROTOCOL, "the user sends %s, which only a gateway sends",
		    in->type == CONFIG_SET ? "a status of XAuth" : "a question of XAuth"));
	return (in->type == CONFIG_REQUEST ? answer_request(x, in, w, out, f) : take_status(x, in, w, out, f));
}

static int
judge(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	(void)x;
	(void)in;
	(void)out;
	return (fault(f, FAULT_PROTOCOL, "this end is no gateway"));
}

const struct v1_transactor v1_xauth = { "XAuth", PHASE_XAUTH, answer, judge };
