/* XAuth: the user's end and the gateway's. */
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
	    (sa->ike.config == NULL || sa->ike.config->xauth != IKE_XAUTH_OK ||
	    (!v1_xauth_is_user(sa) && !sa->login.told)));
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
		return (fault_because(f, CAUSE_NO_LOGIN, fault(f, FAULT_AUTH_FAILED,
		    "the gateway asks for a user and password, and none is configured")));
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

/* --- the gateway --- */

int
v1_xauth_ask(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f)
{
	const struct ike_config *c = sa->ike.config;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	if (c != NULL && (c->xauth == IKE_XAUTH_OK || c->xauth == IKE_XAUTH_FAILED)) {
		isakmp_attr_put(&w, CONFIG_XAUTH_STATUS, c->xauth == IKE_XAUTH_OK ? XAUTH_OK : XAUTH_FAIL);
		sa->login.status_set = true;
		return (v1_transaction_begin(sa, &v1_xauth, CONFIG_SET, wr_span(&w), now, out, f));
	}
	isakmp_attr_put(&w, CONFIG_XAUTH_TYPE, XAUTH_GENERIC);
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_USER, SPAN_NONE);
	isakmp_attr_put_bytes(&w, CONFIG_XAUTH_PASSWORD, SPAN_NONE);
	return (v1_transaction_begin(sa, &v1_xauth, CONFIG_REQUEST, wr_span(&w), now, out, f));
}

/* Whether the bytes can be a user's name or password: checkpassword ends each by a NUL. */
static bool
can_be_given(struct span s)
{
	return (s.len <= SA_TEXT && (s.len == 0 || memchr(s.p, '\0', s.len) == NULL));
}

/* Keeps what the user sent, to be judged outside. 1; 0: there is nothing to judge; -1: no memory. */
static int
keep_given(struct v1_sa *sa, struct ike_config *c, const struct config *in)
{
	struct isakmp_attr user, password;
	uint8_t *p;

	if (!config_find(in, CONFIG_XAUTH_USER, &user) || !can_be_given(user.bytes) || user.bytes.len == 0)
		return (0);
	ike_config_text(c->user, user.bytes);
	if (!config_find(in, CONFIG_XAUTH_PASSWORD, &password) || !can_be_given(password.bytes))
		return (0);
	if ((p = secret_make(&sa->login.given, user.bytes.len + password.bytes.len + 2)) == NULL)
		return (-1);
	memcpy(p, user.bytes.p, user.bytes.len);
	p[user.bytes.len] = '\0';
	if (password.bytes.len > 0)
		memcpy(p + user.bytes.len + 1, password.bytes.p, password.bytes.len);
	p[user.bytes.len + 1 + password.bytes.len] = '\0';
	return (1);
}

bool
v1_xauth_question(const struct v1_sa *sa, struct ike_question *q)
{
	const struct secret *g = &sa->login.given;
	size_t n;

	if (g->len == 0)
		return (false);
	n = strlen((const char *)g->p);
	*q = (struct ike_question){
		.user = span_of(g->p, n), .password = span_of(g->p + n + 1, g->len - n - 2), .remote = sa->ike.remote.at,
	};
	return (true);
}

/* The user's REPLY, which the tool judges, or its ACK. */
static int
judge(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	struct v1_sa *sa = x->sa;
	struct ike_config *c = ike_sa_config(&sa->ike);
	char question[SA_TEXT + 32];
	int r;

	(void)out;
	if (c == NULL)
		return (no_memory(f));
	if (in->type == CONFIG_ACK) {
		sa->login.told = true;
		return (0);
	}
	if (x->answer == NULL) {
		c->xauth = IKE_XAUTH_PENDING;
		if ((r = keep_given(sa, c, in)) < 0)
			return (no_memory(f));
		if (r == 0) {		/* it has no password, or none that a helper can read */
			c->xauth = IKE_XAUTH_FAILED;
			return (0);
		}
		(void)snprintf(question, sizeof(question), "the login of user %s", c->user);
		return (ike_later(f, question));
	}
	secret_free(&sa->login.given);
	c->xauth = !x->answer->no && x->answer->data.len == 1 && x->answer->data.p[0] == 1 ? IKE_XAUTH_OK :
	    IKE_XAUTH_FAILED;
	return (0);
}

const struct v1_transactor v1_xauth = { "XAuth", PHASE_XAUTH, answer, judge };
