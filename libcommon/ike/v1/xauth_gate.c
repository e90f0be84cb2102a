/*
 * XAuth, the gateway's end: asks for name and password, and for what the one who judges them wants besides. And the row of
 * both ends.
 */
#include <stdio.h>

#include "ike/policy_match.h"
#include "ike/v1/xauth_priv.h"

/* The first round asks for name and password, a later one for the answer to a challenge. */
static int
put_question(struct v1_sa *sa, struct v1_xauth *t, struct wr *w, struct fault *f)
{
	struct rand *r = &sa->ike.engine->conf.rand;
	bool chap = sa->ike.policy->xauth_chap && t->rounds == 0;

	v1_xauth_put_number(t, w, CONFIG_XAUTH_TYPE, chap ? XAUTH_CHAP : XAUTH_GENERIC);
	if (t->rounds > 0) {
		if (t->message[0] != '\0')
			v1_xauth_put(t, w, CONFIG_XAUTH_MESSAGE, span_str(t->message));
		v1_xauth_put(t, w, v1_xauth_values[t->asks].attr, SPAN_NONE);
		return (0);
	}
	if (chap) {
		if (r->fill(r->state, t->challenge, sizeof(t->challenge)) != 0)
			return (fault(f, FAULT_CRYPTO, "no random bytes"));
		v1_xauth_put(t, w, CONFIG_XAUTH_CHALLENGE, SPAN_ARRAY(t->challenge));
	}
	v1_xauth_put(t, w, CONFIG_XAUTH_USER, SPAN_NONE);
	v1_xauth_put(t, w, CONFIG_XAUTH_PASSWORD, SPAN_NONE);
	return (0);
}

int
v1_xauth_ask(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f)
{
	const struct ike_config *c = sa->ike.config;
	struct v1_xauth *t = v1_xauth_of(sa, f);
	uint8_t buf[SA_TEXT + 128];
	struct wr w = wr_of(buf, sizeof(buf));
	bool known = c != NULL && (c->xauth == IKE_XAUTH_OK || c->xauth == IKE_XAUTH_FAILED);

	if (t == NULL)
		return (-1);
	if (known) {
		v1_xauth_put_number(t, &w, CONFIG_XAUTH_STATUS, c->xauth == IKE_XAUTH_OK ? XAUTH_OK : XAUTH_FAIL);
		if (t->message[0] != '\0')
			v1_xauth_put(t, &w, CONFIG_XAUTH_MESSAGE, span_str(t->message));
		t->status_set = true;
	} else if (put_question(sa, t, &w, f) != 0)
		return (-1);
	if (v1_transaction_begin(sa, &v1_xauth, known ? CONFIG_SET : CONFIG_REQUEST, wr_span(&w), now, out, f) != 0)
		return (-1);
	/* Somebody types the answer. */
	if (!known)
		sa->ike.hard_ms = sa->exchanges->give_up_ms = now.ms + sa->ike.policy->answer_ms;
	return (0);
}

/* Whether the bytes can be a user's name or password: checkpassword ends each by a NUL. */
static bool
can_be_given(struct span s)
{
	return (s.len < SA_TEXT && (s.len == 0 || memchr(s.p, '\0', s.len) == NULL));
}

/* The value that the user was asked for, or another that it sends instead. */
static bool
find_value(const struct v1_xauth *t, const struct config *in, struct isakmp_attr *a)
{
	size_t i;

	if (v1_xauth_find(t, in, v1_xauth_values[t->rounds == 0 ? V1_XAUTH_PASSWORD : t->asks].attr, a))
		return (true);
	for (i = V1_XAUTH_PASSWORD; i <= V1_XAUTH_ANSWER; i++)
		if (v1_xauth_find(t, in, v1_xauth_values[i].attr, a))
			return (true);
	return (false);
}

/* Keeps what the user sent, to be judged outside. 1; 0: there is nothing to judge; -1: no memory. */
static int
keep_given(const struct v1_sa *sa, struct v1_xauth *t, struct ike_config *c, const struct config *in)
{
	bool chap = sa->ike.policy->xauth_chap && t->rounds == 0;
	struct isakmp_attr user, value;

	if (t->rounds == 0) {
		if (!v1_xauth_find(t, in, CONFIG_XAUTH_USER, &user) || !can_be_given(user.bytes) || user.bytes.len == 0)
			return (0);
		ike_config_text(c->user, user.bytes);
		if (secret_set(&t->user, user.bytes) != 0)
			return (-1);
	}
	/* The name of a later round is that of the first: the state of the one who judges is for that user. */
	if (!find_value(t, in, &value))
		return (0);
	secret_free(&t->password);
	secret_free(&t->chap);
	if (chap && value.bytes.len != 1 + IKE_CHAP_LEN)
		return (0);
	if (!chap && !can_be_given(value.bytes))
		return (0);
	return (secret_set(chap ? &t->chap : &t->password, value.bytes) != 0 ? -1 : 1);
}

bool
v1_xauth_question(const struct v1_sa *sa, struct ike_question *q)
{
	const struct v1_xauth *t = sa->login.xauth;

	if (t != NULL && t->waits) {
		v1_xauth_user_question(sa, q);
		return (true);
	}
	if (t == NULL || t->user.len == 0)
		return (false);
	*q = (struct ike_question){
		.kind = IKE_QUESTION_LOGIN, .remote = sa->ike.remote.at, .user = secret_span(&t->user),
		.password = secret_span(&t->password), .round = t->rounds + 1, .state = secret_span(&t->state),
		.challenge = t->chap.len > 0 ? SPAN_ARRAY(t->challenge) : SPAN_NONE, .chap = secret_span(&t->chap),
	};
	return (true);
}

/* A further round, if there may be one. */
static int
take_challenge(struct v1_xauth *t, struct ike_config *c, const struct ike_login *l, struct fault *f)
{
	static const enum v1_xauth_value asks[] = {
		[IKE_ASK_ANSWER] = V1_XAUTH_ANSWER, [IKE_ASK_PASSCODE] = V1_XAUTH_PASSCODE,
		[IKE_ASK_PASSWORD] = V1_XAUTH_PASSWORD, [IKE_ASK_NEXT_PIN] = V1_XAUTH_NEXT_PIN,
	};

	t->asks = asks[l->ask];
	if (t->check_point && t->asks > V1_XAUTH_PASSCODE)	/* it has no number for these */
		t->asks = V1_XAUTH_PASSCODE;
	if (t->rounds >= V1_XAUTH_ROUNDS_MAX)
		c->xauth = IKE_XAUTH_FAILED;
	return (secret_set(&t->state, span_of(l->state, l->state_len)) != 0 ? v1_xauth_no_memory(f) : 0);
}

static int
judged(struct v1_xauth *t, struct ike_config *c, const struct ike_answer *a, struct fault *f)
{
	const struct ike_login *l = a->no ? NULL : a->login;

	secret_free(&t->password);
	secret_free(&t->chap);
	secret_free(&t->state);
	t->rounds++;
	(void)snprintf(t->message, sizeof(t->message), "%s", l != NULL ? l->message : "");
	if (l != NULL && l->verdict == IKE_LOGIN_CHALLENGE)
		return (take_challenge(t, c, l, f));
	c->xauth = l != NULL && l->verdict == IKE_LOGIN_YES ? IKE_XAUTH_OK : IKE_XAUTH_FAILED;
	secret_free(&t->user);
	if (c->xauth == IKE_XAUTH_OK) {
		(void)snprintf(c->group, sizeof(c->group), "%s", l->group);
		c->login_address = l->address;
	}
	return (0);
}

/* The group of a user that is let in decides on its addresses and networks. Of a group without a policy nobody is let in. */
static int
join_group(struct ike_sa *sa)
{
	struct ike_config *c = sa->config;

	if (c->xauth != IKE_XAUTH_OK || c->group[0] == '\0' || sa->engine->conf.n_groups == 0)
		return (0);
	if ((sa->group = ike_policy_group(&sa->engine->conf, c->group)) == NULL)
		c->xauth = IKE_XAUTH_FAILED;
	return (0);
}

/* The user's REPLY, which the tool judges, or its ACK. */
static int
judge(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	struct v1_xauth *t = v1_xauth_of(x->sa, f);
	struct ike_config *c = ike_sa_config(&x->sa->ike);
	char question[SA_TEXT + 32];
	int r;

	(void)out;
	if (t == NULL)
		return (-1);
	if (c == NULL)
		return (v1_xauth_no_memory(f));
	if (in->type == CONFIG_ACK) {
		t->told = true;
		return (0);
	}
	if (x->answer != NULL)
		return (judged(t, c, x->answer, f) != 0 ? -1 : join_group(&x->sa->ike));
	c->xauth = IKE_XAUTH_PENDING;
	if ((r = keep_given(x->sa, t, c, in)) < 0)
		return (v1_xauth_no_memory(f));
	if (r == 0) {		/* it has no password, or none that a helper can read, or a status */
		c->xauth = IKE_XAUTH_FAILED;
		return (0);
	}
	/* Who judges it has as much time as the user had. */
	x->sa->ike.hard_ms = x->now.ms + x->sa->ike.policy->answer_ms;
	(void)snprintf(question, sizeof(question), "the login of user %s", c->user);
	return (ike_later(f, question));
}

static int
answer(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	/* A user cannot grant itself access: only the gateway sets the status. */
	if (!v1_xauth_is_user(x->sa))
		return (fault(f, FAULT_PROTOCOL, "the user sends %s, which only a gateway sends",
		    in->type == CONFIG_SET ? "a status of XAuth" : "a question of XAuth"));
	return (v1_xauth_user_answer(x, in, w, out, f));
}

const struct v1_transactor v1_xauth = { "XAuth", PHASE_XAUTH, answer, judge };
