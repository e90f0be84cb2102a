/* Handles the end of IKEv1 exchanges: establishes IKE SAs and child SAs, or reports the failure. */
#include "ike/v1/sa_events.h"

#include "ike/child_life.h"
#include "ike/conn.h"
#include "ike/follow.h"
#include "ike/sa_life.h"
#include "ike/v1/mode_config.h"
#include "ike/v1/phase1.h"
#include "ike/v1/phase1_notify.h"
#include "ike/v1/quick.h"
#include "ike/v1/xauth.h"
#include "ike/v1run/info_send.h"
#include "ike/v1run/redirect.h"

void
v1_sa_up(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, MID_PHASE1);
	const struct v1_phase1 *p = x != NULL ? v1_phase1_of(x) : NULL;
	char peer[ENDPOINT_TEXT];

	ike_sa_note(&sa->ike, out, NOTE_INFO, "phase 1 with %s established (%s)",
	    endpoint_text(peer, &sa->ike.remote.at), sa->exchange == SA_MAIN ? "main mode" :
	    "aggressive mode");
	if (p != NULL && p->responder_seconds != 0)
		ike_sa_shorten(&sa->ike, now, p->responder_seconds, out);
	ike_sa_up(&sa->ike, now, p != NULL && p->initial_contact, out);
	if (p != NULL)
		v1_phase1_tell_life(x, out);
}

/* Phase 1 has ended, and no child SA is negotiated before XAuth and mode config have: v1_sa_up() then. */
static void
await_login(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	ike_sa_set_state(&sa->ike, IKE_SA_AUTHENTICATING);
	sa->ike.hard_ms = now.ms + (v1_xauth_expected(sa) ? V1_XAUTH_EXPECT_MS : sa->ike.policy->answer_ms);
	ike_sa_heard(&sa->ike, now);
	/* Somebody types, or judges; that may take longer than a NAT keeps a mapping. */
	ike_sa_keep_mapping(&sa->ike, now);
	ike_sa_note(&sa->ike, out, NOTE_DEBUG, "phase 1 has ended, %s follows",
	    v1_xauth_due(sa) ? "XAuth" : v1_mode_config_due(sa) ? "mode config" : "a redirect");
}

static void
show_keys(struct v1_sa *sa, enum ike_out_kind kind, struct now now, struct ike_outbox *out)
{
	const struct v1_exchange *x = v1_sa_exchange(sa, MID_PHASE1);

	if (x != NULL)
		v1_sa_record_keys(sa, kind, x->has_iv_refused ? x->iv_refused : x->iv, now, out);
}

/* The SA comes to nothing before it is established. */
static void
came_to_nothing(struct v1_sa *sa, struct now now, enum sa_role begun_by, const struct fault *why,
    struct ike_outbox *out)
{
	uint8_t id[16];

	v1_sa_id(sa, id);
	show_keys(sa, IKE_OUT_FAILED_SA, now, out);
	ike_conn_wake(sa->ike.engine, now, sa->ike.policy, IKE_CONN_WAIT_MS);
	outbox_verdict(out, begun_by == SA_INITIATOR ? IKE_FAILED : IKE_REFUSED, id, 0, why);
	ike_sa_set_state(&sa->ike, IKE_SA_DEAD);
}

/* XAuth or mode config failed: the peer, which has the IKE SA, deletes it too. */
static void
login_failed(struct v1_sa *sa, struct now now, const struct fault *why, struct ike_outbox *out)
{
	uint8_t id[16];

	v1_sa_id(sa, id);
	v1_info_delete(sa, PROTO_ISAKMP, SPAN_ARRAY(id), out);
	came_to_nothing(sa, now, sa->ike.role, why, out);
}

/* The user's login was judged: it is not let in. */
static void
rejected(const struct v1_sa *sa, struct fault *f)
{
	const struct ike_config *c = sa->ike.config;

	(void)fault_because(f, CAUSE_USER, fault(f, FAULT_AUTH_FAILED, "user %s is rejected", c->user));
	if (c->group[0] != '\0')	/* the login itself was right */
		(void)fault_because(f, CAUSE_GROUP, fault(f, FAULT_AUTH_FAILED, "user %s is of group %s, which has no "
		    "section [group %s]", c->user, c->group, c->group));
	f->evidence = EVIDENCE_PROVEN;
}

static bool
is_rejected(const struct v1_sa *sa)
{
	return (v1_xauth_status_set(sa) && sa->ike.config->xauth == IKE_XAUTH_FAILED && sa->ike.state == IKE_SA_AUTHENTICATING);
}

void
v1_sa_deleted(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct fault why = {0};

	if (sa->login.redirects > 0) {		/* it goes there */
		ike_sa_set_state(&sa->ike, IKE_SA_DEAD);
		return;
	}
	(void)fault(&why, FAULT_PEER_NOTIFY, "the peer deletes the IKE SA before the end of %s",
	    v1_xauth_due(sa) ? "XAuth" : "mode config");
	if (v1_xauth_cannot(sa) != NULL)
		why = *v1_xauth_cannot(sa);
	else if (is_rejected(sa))
		rejected(sa, &why);
	why.evidence = EVIDENCE_PROVEN;
	fault_message(&why, v1_xauth_due(sa) ? PHASE_XAUTH : PHASE_CONFIG, 0);
	came_to_nothing(sa, now, sa->ike.role, &why, out);
}

void
v1_sa_redirected(struct v1_sa *sa, struct now now, const struct isakmp_notify *n, struct ike_outbox *out)
{
	struct fault why = {0};
	uint8_t id[16];

	if (!v1_redirect_take(sa, n, &why, out))
		return;
	if (sa->ike.state == IKE_SA_AUTHENTICATING) {
		login_failed(sa, now, &why, out);
		return;
	}
	v1_sa_id(sa, id);
	outbox_verdict(out, IKE_FAILED, id, 0, &why);
	ike_sa_end(&sa->ike, now, SA_REASON_REPLACED, true, out);
}

/* The next exchange that this end begins between phase 1 and quick mode; after the last the IKE SA is established. */
static void
login_next(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct fault f = {0};

	if (sa->login.redirects > 0)
		return;
	if (v1_xauth_due(sa)) {		/* the gateway asks */
		if (!v1_xauth_is_user(sa) && sa->ike.policy->xauth_check && v1_xauth_ask(sa, now, out, &f) != 0)
			login_failed(sa, now, &f, out);
		return;
	}
	if (!v1_mode_config_due(sa))
		v1_sa_up(sa, now, out);
	else if (!sa->login.asked && v1_mode_config_begin(sa, now, out, &f) != 0)
		login_failed(sa, now, &f, out);
}

void
v1_xauth_timed_out(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct fault why = {0};
	uint8_t id[16];

	if (sa->login.redirects > 0) {
		if (v1_redirect_send(sa, now, out))
			return;
		v1_sa_id(sa, id);
		v1_info_delete(sa, PROTO_ISAKMP, SPAN_ARRAY(id), out);
		ike_sa_set_state(&sa->ike, IKE_SA_DEAD);
		return;
	}
	if (v1_xauth_expected(sa)) {
		ike_sa_note(&sa->ike, out, NOTE_INFO, "the gateway announced XAuth and does not ask for a login: going on without");
		sa->login.waited = true;
		sa->ike.hard_ms = now.ms + sa->ike.policy->answer_ms;
		login_next(sa, now, out);
		return;
	}
	(void)fault(&why, FAULT_NO_REPLY, "%s did not end within %u s", v1_xauth_due(sa) ? "XAuth" : "mode config",
	    sa->ike.policy->answer_ms / 1000);
	if (v1_xauth_cannot(sa) != NULL)
		why = *v1_xauth_cannot(sa);
	fault_message(&why, v1_xauth_due(sa) ? PHASE_XAUTH : PHASE_CONFIG, 0);
	login_failed(sa, now, &why, out);
}

void
v1_sa_hold(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x;

	if (sa->ike.state != IKE_SA_ESTABLISHED || !v1_xauth_due(sa))
		return;
	for (x = sa->exchanges; x != NULL; x = x->next) {
		if (x->over || x->role != SA_INITIATOR || x->at != 1 || v1_quick_of(x) == NULL)
			continue;
		v1_exchange_forsake(x, now);
		if (!sa->login.held)
			ike_sa_note(&sa->ike, out, NOTE_INFO, "the gateway asks for a login first: quick mode waits");
		sa->login.held = true;
	}
}

/* After a login that an established SA was asked for. */
static void
resume_held(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	if (!sa->login.held || v1_xauth_due(sa))
		return;
	sa->login.held = false;
	v1_sa_record(sa, out);		/* it has a user now */
	ike_sa_want_children(&sa->ike, now, out);
}

/* The login failed, and the gateway lets no quick mode pass without. */
static void
fail_held(struct v1_sa *sa, struct now now, const struct fault *why, struct ike_outbox *out)
{
	uint8_t id[16];

	v1_sa_id(sa, id);
	sa->login.held = false;
	outbox_verdict(out, IKE_FAILED, id, 0, why);
	ike_sa_end(&sa->ike, now, SA_REASON_UNFINISHED, true, out);
}

static void
transaction_over(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	struct v1_sa *sa = x->sa;
	struct fault f = x->why;

	if (is_rejected(sa)) {
		rejected(sa, &f);
		v1_exchange_where(x, 0, &f);
	} else if (!x->failed && v1_xauth_cannot(sa) != NULL) {
		/* The gateway was told, and sets the status. */
		if (sa->ike.state == IKE_SA_AUTHENTICATING && sa->ike.config->xauth == IKE_XAUTH_PENDING) {
			sa->ike.hard_ms = now.ms + V1_XAUTH_LEAVE_MS;
			return;
		}
		f = *v1_xauth_cannot(sa);
		f.evidence = EVIDENCE_PROVEN;
		v1_exchange_where(x, 0, &f);
	} else if (!x->failed && v1_xauth_is_user(sa) && sa->ike.config != NULL && sa->ike.config->xauth == IKE_XAUTH_FAILED) {
		(void)fault(&f, FAULT_AUTH_FAILED, "the gateway rejects user %s or the password", sa->ike.config->user);
		(void)fault_because(&f, CAUSE_LOGIN, -1);
		f.evidence = EVIDENCE_PROVEN;
		v1_exchange_where(x, 0, &f);
	} else if (!x->failed) {
		if (sa->ike.state == IKE_SA_AUTHENTICATING) {
			sa->ike.hard_ms = now.ms + sa->ike.policy->answer_ms;
			login_next(sa, now, out);
		} else
			resume_held(sa, now, out);
		return;
	}
	if (sa->ike.state == IKE_SA_AUTHENTICATING)
		login_failed(sa, now, &f, out);
	else if (sa->ike.state == IKE_SA_ESTABLISHED && sa->login.held)
		fail_held(sa, now, &f, out);
	else
		ike_sa_note(&sa->ike, out, NOTE_WARN, "%s: %s", f.where, f.what);
}

static void
phase1_over(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	struct v1_sa *sa = x->sa;

	if (x->failed) {
		came_to_nothing(sa, now, x->role, &x->why, out);
		return;
	}
	memcpy(sa->iv, x->iv, sizeof(sa->iv));
	if (v1_redirect_due(sa, out)) {
		await_login(sa, now, out);
		(void)v1_redirect_send(sa, now, out);
	} else if (v1_xauth_due(sa) || v1_mode_config_due(sa)) {
		await_login(sa, now, out);
		login_next(sa, now, out);
	} else
		v1_sa_up(sa, now, out);
}

static void
quick_over(struct v1_exchange *x, struct v1_quick *q, struct now now, struct ike_outbox *out)
{
	struct ike_engine *e = x->sa->ike.engine;
	struct ike_child *child = q->child;
	uint8_t id[16];

	q->child = NULL;
	if (!x->failed) {
		ike_child_catch_up(child, &x->sa->ike, now, out);
		ike_child_up(&x->sa->ike, x->mid, child, now, out);
		return;
	}
	v1_sa_id(x->sa, id);
	ike_conn_wake(e, now, q->policy, IKE_CONN_WAIT_MS);
	if (child != NULL)	/* its record was written: write an sa-delete */
		ike_child_end(e, child, SA_REASON_UNFINISHED, true, out);
	outbox_verdict(out, x->role == SA_INITIATOR ? IKE_FAILED : IKE_REFUSED, id, x->mid,
	    &x->why);
}

static void
report(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	struct v1_quick *q = v1_quick_of(x);

	x->reported = true;
	if (q != NULL)
		quick_over(x, q, now, out);
	else if (v1_is_transaction(x))
		transaction_over(x, now, out);
	else
		phase1_over(x, now, out);
}

void
v1_sa_report(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	struct v1_exchange *x;

	if (sa->ike.state == IKE_SA_HALF_OPEN && !sa->keys_shown && sa->keys.cipher.len > 0) {
		sa->keys_shown = true;
		show_keys(sa, IKE_OUT_KEYS, now, out);
	}
	/* Handlers may add exchanges at the head of the list, but free none. */
	for (x = sa->exchanges; x != NULL; x = x->next)
		if (x->over && !x->reported)
			report(x, now, out);
}

void
v1_exchange_refuse(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	v1_exchange_fail(x, now, &x->why);
	report(x, now, out);
}
