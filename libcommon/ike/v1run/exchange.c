/* The state of an exchange: begun, waiting, sending again, over. runner.c sends and receives its messages. */
#include "ike/v1run/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/sa_life.h"
#include "ike/v1run/ike_sa.h"

struct v1_exchange *
v1_exchange_new(struct v1_sa *sa, const struct v1_kind *kind, enum sa_role role,
    uint32_t mid, struct now now)
{
	struct v1_exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return (NULL);
	x->sa = sa;
	x->kind = kind;
	x->role = role;
	x->mid = mid;
	x->now = now;
	x->begun_ms = now.ms;
	x->resend_ms = UINT64_MAX;
	x->give_up_ms = now.ms + sa->ike.policy->timeout_ms;
	x->forget_ms = UINT64_MAX;
	return (x);
}

static void
wait_free(struct v1_wait *w)
{
	if (w == NULL)
		return;
	bytes_free(&w->dgram);
	free(w);
}

void
v1_exchange_wait_end(struct v1_exchange *x)
{
	wait_free(x->wait);
	x->wait = NULL;
}

bool
v1_exchange_waits(const struct v1_exchange *x)
{
	return (x->wait != NULL && !x->wait->answered);
}

void
v1_exchange_free(struct v1_exchange *x)
{
	if (x == NULL)
		return;
	v1_exchange_wait_end(x);
	x->kind->free(x);
	bytes_free(&x->sent);
	free(x);
}

void
v1_exchange_where(const struct v1_exchange *x, size_t at, struct fault *f)
{
	char from[ENDPOINT_TEXT + SA_NAME + 4] = "", peer[ENDPOINT_TEXT];
	const char *name = x->sa->ike.name;

	fault_message(f, x->kind->phase, at < x->kind->n_rows ? at + 1 : 0);
	if (f == NULL || f->where[0] != '\0')
		return;
	/* An initiator has one peer; a responder has many, so name the peer. */
	if (x->sa->ike.role == SA_RESPONDER || !x->sa->ike.engine->conf.one_peer)
		(void)snprintf(from, sizeof(from), "%s%s%s, ", name, name[0] != '\0' ? " at " : "",
		    endpoint_text(peer, &x->sa->ike.remote.at));
	f->peer_len = (uint8_t)(from[0] != '\0' ? strlen(from) - 2 : 0);
	if (at < x->kind->n_rows)
		fault_where(f, "%s%s, message %zu (%s)", from, x->kind->name, at + 1,
		    x->kind->rows[at].story);
	else
		fault_where(f, "%s%s", from, x->kind->name);
}

void
v1_exchange_where_before(const struct v1_exchange *x, struct fault *f)
{
	v1_exchange_where(x, x->at > 0 ? x->at - 1 : 0, f);
}

bool
v1_listed(const uint8_t list[V1_CARRIES_MAX], uint8_t type)
{
	size_t i;

	for (i = 0; i < V1_CARRIES_MAX && list[i] != V1_NOTHING; i++)
		if (list[i] == type)
			return (true);
	return (false);
}

void
v1_exchange_finish(struct v1_exchange *x, struct now now)
{
	x->over = true;
	x->resend_ms = x->give_up_ms = UINT64_MAX;
	x->forget_ms = now.ms + (x->sa->ike.engine->conf.linger_ms != 0 ?
	    x->sa->ike.engine->conf.linger_ms : V1_LINGER_MS);
}

/* Whether the peer has answered a message of this end. */
static bool
was_answered(const struct v1_exchange *x)
{
	bool sent = false;
	size_t i;

	for (i = 0; i < x->at; i++)
		if (x->kind->rows[i].from == x->role)
			sent = true;
		else if (sent)
			return (true);
	return (false);
}

/* Whether this end, having sent and waiting, may send again unasked. */
static bool
may_resend(const struct v1_exchange *x)
{
	return (x->role == SA_INITIATOR || was_answered(x) || x->kind->unasked || x->sa->ike.returned);
}

static uint64_t
resend_wait(const struct v1_exchange *x)
{
	uint64_t wait = V1_RESEND_MS;
	uint32_t i;

	for (i = 0; i < x->resends && wait < V1_RESEND_MAX_MS; i++)
		wait *= 2;
	return (wait < V1_RESEND_MAX_MS ? wait : V1_RESEND_MAX_MS);
}

void
v1_exchange_resend_later(struct v1_exchange *x, struct now now)
{
	if (may_resend(x))
		x->resend_ms = now.ms + resend_wait(x);
}

int
v1_exchange_wait(struct v1_exchange *x, struct now now, struct span dgram, const uint8_t *digest,
    struct ike_outbox *out, struct fault *f)
{
	struct v1_wait *w = calloc(1, sizeof(*w));
	uint8_t id[16];

	if (w == NULL || (dgram.len > 0 && bytes_set(&w->dgram, dgram) != 0)) {
		wait_free(w);
		return (fault(f, FAULT_MEMORY, "no memory for a message"));
	}
	if (digest != NULL)
		memcpy(w->digest, digest, sizeof(w->digest));
	w->local = x->sa->ike.from_local;
	w->remote = x->sa->ike.from_remote;
	(void)snprintf(w->question, sizeof(w->question), "%.*s", (int)sizeof(w->question) - 1, f->what);
	v1_exchange_wait_end(x);
	x->wait = w;
	x->resend_ms = UINT64_MAX;
	x->give_up_ms = now.ms + x->sa->ike.policy->answer_ms;
	v1_sa_id(x->sa, id);
	ike_sa_note(&x->sa->ike, out, NOTE_DEBUG, "%s, message %zu waits: %s", x->kind->name, x->at + 1,
	    w->question);
	outbox_verdict(out, IKE_ASKS, id, x->mid, f);
	return (0);
}

/* A malformed message may be from anyone and is no information about the peer. */
static bool
is_noise(enum fault_code code)
{
	return (code == FAULT_MALFORMED || code == FAULT_TRUNCATED || code == FAULT_PROTOCOL ||
	    code == FAULT_TOO_LARGE);
}

void
v1_exchange_hint(struct v1_exchange *x, struct now now, const struct fault *why,
    struct ike_outbox *out)
{
	if (x->over)
		return;
	if (x->why.code == FAULT_NONE)
		outbox_note(out, NOTE_DEBUG, "%s: %s", why->where, why->what);
	/* A malformed message may be from anyone and is no information about the peer. */
	if (is_noise(why->code)) {
		x->invalid++;
		if (x->why.code == FAULT_NONE || is_noise(x->why.code))
			x->why = *why;
		return;
	}
	/* No message in clear takes the place of a cause that is better known. */
	if (x->why.code == FAULT_NONE || is_noise(x->why.code) || why->evidence >= x->why.evidence)
		x->why = *why;
	/* A peer cannot shorten the wait for an answer at this end. */
	if (!v1_exchange_waits(x) && x->give_up_ms > now.ms + V1_HINT_WAIT_MS)
		x->give_up_ms = now.ms + V1_HINT_WAIT_MS;
}

void
v1_exchange_fail(struct v1_exchange *x, struct now now, const struct fault *why)
{
	if (x->over)
		return;
	x->over = x->failed = true;
	v1_exchange_wait_end(x);
	x->why = *why;
	x->resend_ms = x->give_up_ms = UINT64_MAX;
	x->forget_ms = now.ms;
}

void
v1_exchange_forsake(struct v1_exchange *x, struct now now)
{
	if (x->over)
		return;
	x->over = x->failed = x->reported = true;
	x->resend_ms = x->give_up_ms = UINT64_MAX;
	x->forget_ms = now.ms;
}

/* No answer came, or none that counts: an unauthenticated message is no answer, but it is reported. */
static void
no_answer(const struct v1_exchange *x, struct now now, struct fault *f)
{
	const struct fault last = x->why;
	const struct endpoint *other = &x->sa->ike.elsewhere;
	bool moved = other->addr.family != 0 && x->sa->ike.state == IKE_SA_HALF_OPEN;
	char where[ENDPOINT_TEXT], from[ENDPOINT_TEXT], times[32] = "once", also[300] = "";

	if (x->resends > 0)
		(void)snprintf(times, sizeof(times), "%u times", x->resends + 1);
	if (last.code != FAULT_NONE)
		(void)snprintf(also, sizeof(also), "; what came from there makes no sense (%u message%s, the last: %.200s)",
		    x->invalid, x->invalid == 1 ? "" : "s", last.what);
	else if (moved)		/* it has our cookie */
		(void)snprintf(also, sizeof(also), "; answers came from %s, which is another address: dropped",
		    endpoint_text(from, other));
	(void)fault(f, FAULT_NO_REPLY, "no answer from %s to message %zu, sent %s in %llu s%s",
	    endpoint_text(where, &x->sa->ike.remote.at), x->at, times,
	    (unsigned long long)(now.ms - x->begun_ms) / 1000, also);
	v1_sa_blame_float(x->sa, f);
	if (last.code != FAULT_NONE)
		(void)fault_because(f, CAUSE_INVALID_ANSWER, -1);
	else if (moved)
		(void)fault_because(f, CAUSE_ELSEWHERE, -1);
	else if (x->sa->ike.natt.tcp && x->sa->ike.state == IKE_SA_HALF_OPEN && x->at == 1)
		(void)fault_because(f, CAUSE_TCP_SILENT, -1);
	else if (x->kind->unanswered != NULL)
		x->kind->unanswered(x, f);
}

static void
give_up(struct v1_exchange *x, struct now now)
{
	struct fault f = x->why;

	if (v1_exchange_waits(x))
		(void)fault(&f, FAULT_NO_REPLY, "no answer to \"%s\" in %u s",
		    x->wait->question, x->sa->ike.policy->answer_ms / 1000);
	else if (f.code == FAULT_NONE || is_noise(f.code))
		no_answer(x, now, &f);
	v1_exchange_where(x, x->at, &f);
	v1_exchange_fail(x, now, &f);
}

static void
send_again(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	x->resends++;
	x->sent_ms = now.ms;
	v1_sa_send(x->sa, bytes_span(&x->sent), out);
	ike_sa_note(&x->sa->ike, out, x->role == SA_INITIATOR && x->resends > 1 ? NOTE_PROGRESS : NOTE_DEBUG,
	    "%s: message %zu sent again (%u), no answer yet", x->kind->name, x->at, x->resends);
	x->now = now;
	x->resend_ms = UINT64_MAX;
	v1_exchange_resend_later(x, now);
	/* The peer has no such SA, perhaps: see rekey_inherited(). */
	if (x->role == SA_INITIATOR && x->sa->ike.inherited)
		ike_sa_rekey_at(&x->sa->ike, now.ms);
	/* With a short timeout this one may be the last. */
	if (x->role == SA_INITIATOR && x->kind->silent != NULL &&
	    (x->resends == V1_SILENT || (x->resends < V1_SILENT && x->resend_ms >= x->give_up_ms)))
		x->kind->silent(x, out);
}

void
v1_exchange_timeout(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	x->now = now;
	if (now.ms >= x->give_up_ms) {
		if (x->kind->late == NULL || !x->kind->late(x, out))
			give_up(x, now);
	} else if (now.ms >= x->resend_ms)
		send_again(x, now, out);
}

void
v1_exchange_again(struct v1_exchange *x, struct now now, struct ike_outbox *out)
{
	if (now.ms < x->sent_ms + V1_AGAIN_MS)
		return;
	x->sent_ms = now.ms;
	v1_sa_send(x->sa, bytes_span(&x->sent), out);
}

bool
v1_exchange_has_sent(const struct v1_exchange *x)
{
	return (x->sent.len > 0);
}

bool
v1_exchange_has_sent_type(const struct v1_exchange *x, uint8_t type)
{
	size_t i;

	for (i = 0; i < x->at; i++)
		if (x->kind->rows[i].from == x->role && v1_listed(x->kind->rows[i].must, type))
			return (true);
	return (false);
}

uint64_t
v1_exchange_deadline(const struct v1_exchange *x)
{
	uint64_t d = x->resend_ms;

	if (x->give_up_ms < d)
		d = x->give_up_ms;
	return (x->forget_ms < d ? x->forget_ms : d);
}

int
v1_sa_message_iv(const struct v1_sa *sa, uint32_t mid, uint8_t iv[BLOCK_MAX],
    struct fault *f)
{
	const struct v1_exchange *x;
	const uint8_t *last = sa->iv;

	/* Phase 1 may not be over yet, at this end or at the other. */
	if (sa->ike.state == IKE_SA_HALF_OPEN)
		for (x = sa->exchanges; x != NULL; x = x->next)
			if (x->mid == MID_PHASE1)
				last = x->has_iv_refused ? x->iv_refused : x->iv;
	return (v1_message_iv(sa->proposal.hash, sa->proposal.enc, last, mid, iv, f));
}

int
v1_exchange_iv(struct v1_exchange *x, struct fault *f)
{
	if (x->has_iv)
		return (0);
	if (v1_sa_message_iv(x->sa, x->mid, x->iv, f) != 0)
		return (-1);
	x->has_iv = true;
	return (0);
}

struct v1_exchange *
v1_sa_exchange(struct v1_sa *sa, uint32_t mid)
{
	struct v1_exchange *x;

	for (x = sa->exchanges; x != NULL && x->mid != mid; x = x->next)
		;
	return (x);
}
