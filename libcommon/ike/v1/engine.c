/*
 * The engine: which datagram is whose, how many strangers may knock at once, and
 * what was wanted and has to be begun anew.
 */
#include <stdlib.h>

#include "ike/v1/auth.h"
#include "ike/v1/child.h"
#include "ike/v1/child_life.h"
#include "ike/v1/conn.h"
#include "ike/v1/engine_priv.h"
#include "ike/v1/ike_sa.h"
#include "ike/v1/ike_sa_life.h"
#include "ike/v1/info_receive.h"
#include "ike/v1/phase1.h"
#include "ike/v1/policy_match.h"
#include "ike/v1/quick.h"

static const uint8_t no_cookie[COOKIE_LEN];

struct ike_engine *
ike_engine_new(const struct ike_conf *conf, struct fault *f)
{
	struct ike_engine *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the IKE engine");
		return (NULL);
	}
	e->conf = *conf;
	if (e->conf.half_open_max == 0)
		e->conf.half_open_max = HALF_OPEN_MAX_DEFAULT;
	if (e->conf.half_open_per_addr == 0)
		e->conf.half_open_per_addr = HALF_OPEN_PER_ADDR_DEFAULT;
	return (e);
}

void
ike_engine_free(struct ike_engine *e)
{
	struct v1_sa *sa;
	struct v1_conn *conn;

	if (e == NULL)
		return;
	while ((sa = e->sas) != NULL) {
		e->sas = sa->next;
		v1_sa_free(sa);
	}
	while (e->children != NULL)
		v1_child_remove(e, e->children);
	while ((conn = e->conns) != NULL) {
		e->conns = conn->next;
		free(conn);
	}
	free(e);
}

/* Frees what is over. Nothing else frees an SA that is linked. */
static void
sweep(struct ike_engine *e)
{
	struct v1_sa **at, *sa;

	for (at = &e->sas; (sa = *at) != NULL;) {
		if (sa->ike.state == IKE_SA_DEAD) {
			*at = sa->next;
			v1_sa_free(sa);
		} else
			at = &sa->next;
	}
}

/* --- half-open exchanges --- */

static bool
too_many_half_open(const struct ike_engine *e, const struct addr *remote)
{
	const struct v1_sa *sa;
	uint32_t all = 0, from_there = 0;

	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if ((sa->ike.state != IKE_SA_HALF_OPEN && sa->ike.state != IKE_SA_AUTHENTICATING) ||
		    sa->ike.role != SA_RESPONDER)
			continue;
		all++;
		from_there += addr_cmp(&sa->ike.remote.at.addr, remote) == 0;
	}
	return (all >= e->conf.half_open_max || from_there >= e->conf.half_open_per_addr);
}

/* The first message of a stranger. */
static void
knock(struct ike_engine *e, struct now now, const struct endpoint *local,
    const struct endpoint *remote, const struct isakmp_hdr *h, struct span data,
    struct ike_outbox *out)
{
	enum sa_exchange exchange = h->exchange == EXCHANGE_MAIN ? SA_MAIN : SA_AGGRESSIVE;
	struct ike_policy *policy;
	struct v1_exchange *x;
	struct v1_sa *sa;
	char from[ENDPOINT_TEXT];

	if (!e->conf.respond || (h->flags & ISAKMP_FLAG_ENCRYPTED) != 0)
		return;
	for (sa = e->sas; sa != NULL; sa = sa->next)
		if (sa->ike.role == SA_RESPONDER && sa->ike.state != IKE_SA_DEAD &&
		    memcmp(sa->ike.spi_i, h->cky_i, COOKIE_LEN) == 0 &&
		    endpoint_eq(&sa->ike.remote.at, remote)) {
			/* Its first message again. */
			if ((x = v1_sa_exchange(sa, 0)) != NULL)
				(void)v1_exchange_datagram(x, now, h, data, out);
			return;
		}
	if ((policy = v1_policy_for_stranger(&e->conf, &remote->addr, exchange)) == NULL) {
		outbox_note(out, NOTE_WARN, "%s asks for %s mode, which no policy allows there",
		    endpoint_text(from, remote), exchange == SA_MAIN ? "main" : "aggressive");
		return;
	}
	if (too_many_half_open(e, &remote->addr)) {
		outbox_note(out, NOTE_DEBUG, "%s: too many half-open exchanges",
		    endpoint_text(from, remote));
		return;
	}
	if ((sa = v1_sa_new(e, policy, SA_RESPONDER, local, remote)) == NULL)
		return;
	memcpy(sa->ike.spi_i, h->cky_i, COOKIE_LEN);
	sa->ike.from_local = *local;
	sa->ike.from_remote = *remote;
	if (v1_cookie(e, sa->ike.spi_r, NULL) != 0) {
		v1_sa_free(sa);
		return;
	}
	if ((x = v1_phase1_new(sa, SA_RESPONDER, now)) == NULL) {
		v1_sa_free(sa);
		return;
	}
	if (!v1_exchange_datagram(x, now, h, data, out)) {
		v1_exchange_fail(x, now, &x->why);
		v1_sa_report(sa, now, out);
		v1_sa_free(sa);
		return;
	}
	sa->next = e->sas;
	e->sas = sa;
	v1_sa_report(sa, now, out);
}

/*
 * The initiator goes on while this end still waits: the last message of its phase 1 was lost,
 * and in aggressive mode it has no way of knowing. Our answer again makes it send it again.
 */
static void
ask_again(struct v1_sa *sa, struct ike_outbox *out)
{
	const struct v1_exchange *x = v1_sa_exchange(sa, 0);

	if (x != NULL && x->role == SA_RESPONDER && !x->over && x->answered &&
	    !v1_exchange_waits(x))
		v1_sa_send(sa, bytes_span(&x->sent), out);
}

/* The peer begins, or goes on with, an exchange of phase 2. */
static void
quick_datagram(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h,
    struct span data, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, h->mid);
	size_t n = 0;

	if (sa->ike.state == IKE_SA_HALF_OPEN) {
		ask_again(sa, out);
		return;
	}
	if (sa->ike.state == IKE_SA_AUTHENTICATING) {
		outbox_note(out, NOTE_DEBUG, "quick mode before the end of XAuth");
		return;
	}
	if (x == NULL) {
		for (x = sa->exchanges; x != NULL; x = x->next)
			n++;
		if (n >= V1_EXCHANGES_MAX || h->mid == 0 || v1_sa_seen(sa, h->mid) ||
		    !(sa->ike.engine->conf.respond || sa->ike.engine->conf.keep))
			return;
		if ((x = v1_quick_new(sa, SA_RESPONDER, h->mid, now)) == NULL)
			return;
		if (!v1_exchange_datagram(x, now, h, data, out)) {
			/* Only what proves to be the peer's may take up memory. */
			if (x->why.code != FAULT_MALFORMED && x->why.code != FAULT_NONE)
				v1_exchange_refuse(x, now, out);
			v1_exchange_free(x);
			return;
		}
		x->next = sa->exchanges;
		sa->exchanges = x;
		v1_sa_saw(sa, h->mid);
		v1_sa_heard(sa, now);
		return;
	}
	/* Message ID 0 is phase 1's. */
	if (v1_quick_of(x) != NULL && v1_exchange_datagram(x, now, h, data, out))
		v1_sa_heard(sa, now);
}

void
ike_engine_datagram(struct ike_engine *e, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	struct isakmp_hdr h;
	struct v1_exchange *x;
	struct v1_sa *sa;
	struct fault f;
	char from[ENDPOINT_TEXT];

	if (isakmp_hdr_get(&h, data, &f) != 0) {
		outbox_note(out, NOTE_DEBUG, "%s sends no ISAKMP: %s",
		    endpoint_text(from, remote), f.what);
		return;
	}
	if (h.version >> 4 != ISAKMP_VERSION_1 >> 4) {
		outbox_note(out, NOTE_DEBUG, "%s speaks IKE version %u.%u",
		    endpoint_text(from, remote), h.version >> 4, h.version & 15);
		return;
	}
	sa = v1_sa_find(e, h.cky_i, h.cky_r);
	if (sa == NULL)		/* the answer to our first message brings the second cookie */
		sa = v1_sa_find(e, h.cky_i, no_cookie);
	if (sa == NULL) {
		if (memcmp(h.cky_r, no_cookie, COOKIE_LEN) == 0 && h.mid == 0 &&
		    (h.exchange == EXCHANGE_MAIN || h.exchange == EXCHANGE_AGGRESSIVE))
			knock(e, now, local, remote, &h, data, out);
		sweep(e);
		return;
	}
	sa->ike.from_local = *local;
	sa->ike.from_remote = *remote;
	switch (h.exchange) {
	case EXCHANGE_MAIN:
	case EXCHANGE_AGGRESSIVE:
		x = v1_sa_exchange(sa, 0);
		if (x != NULL && h.mid == 0 && h.exchange == x->kind->number)
			(void)v1_exchange_datagram(x, now, &h, data, out);
		break;
	case EXCHANGE_QUICK:
		quick_datagram(sa, now, &h, data, out);
		break;
	case EXCHANGE_INFO:
		v1_inform(sa, now, &h, data, out);
		break;
	default:
		outbox_note(out, NOTE_DEBUG, "%s: exchange %u is not ours",
		    endpoint_text(from, remote), h.exchange);
	}
	v1_sa_report(sa, now, out);
	sweep(e);
}

/* --- what this end begins --- */

int
ike_engine_connect(struct ike_engine *e, struct now now, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, bool children,
    uint8_t id[8], struct ike_outbox *out, struct fault *f)
{
	struct v1_sa *sa = v1_phase1_begin(e, now, policy, local, remote, false, out, f);

	if (sa == NULL)
		return (-1);
	if (v1_conn_new(e, policy, local, remote, children) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a connection"));
	sa->ike.want_children = children;
	if (id != NULL)
		memcpy(id, sa->ike.spi_i, COOKIE_LEN);
	return (0);
}

static bool
busy(const struct v1_sa *sa)
{
	const struct v1_exchange *x;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if (!x->over)
			return (true);
	return (false);
}

/* Compares what stands with what is wanted, and begins what is missing. */
static void
look_after(struct ike_engine *e, struct v1_conn *conn, struct now now,
    struct ike_outbox *out)
{
	struct v1_sa *sa, *up = NULL;
	struct fault f = {0};
	uint64_t wait = (uint64_t)V1_CONN_WAIT_MS << (conn->tries < 6 ? conn->tries : 6);

	conn->at_ms = UINT64_MAX;
	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (sa->ike.policy != conn->policy)
			continue;
		if (busy(sa)) {		/* wait for what comes of it */
			conn->at_ms = now.ms + V1_CONN_WAIT_MS;
			return;
		}
		if (sa->ike.state == IKE_SA_ESTABLISHED && !sa->ike.replaced)
			up = sa;
	}
	conn->tries++;
	if (up != NULL) {
		if (conn->children)
			v1_sa_want_children(up, now, out);
		return;
	}
	outbox_note(out, NOTE_INFO, "the connection is lost: beginning anew");
	sa = v1_phase1_begin(e, now, conn->policy, &conn->local, &conn->remote, false, out, &f);
	if (sa != NULL)
		sa->ike.want_children = conn->children;
	/* Should that fail, it wakes us; the next try then comes later. */
	conn->at_ms = now.ms + conn->policy->timeout_ms +
	    (wait < V1_CONN_WAIT_MAX_MS ? wait : V1_CONN_WAIT_MAX_MS);
}

/* --- SAs from their records --- */

/* What the engine needs of a record. */
static int
copy_ike(struct v1_sa *sa, const struct sa_ike *s)
{
	size_t i;

	if (ike_sa_set_name(&sa->ike, s->name) != 0 ||
	    ike_id_set(&sa->ike.local.id, &s->local.id) != 0 ||
	    ike_id_set(&sa->ike.remote.id, &s->remote.id) != 0 ||
	    secret_set(&sa->keys.skeyid, secret_span(&s->skeyid)) != 0 ||
	    secret_set(&sa->keys.skeyid_d, secret_span(&s->skeyid_d)) != 0 ||
	    secret_set(&sa->keys.skeyid_a, secret_span(&s->skeyid_a)) != 0 ||
	    secret_set(&sa->keys.skeyid_e, secret_span(&s->skeyid_e)) != 0 ||
	    secret_set(&sa->keys.cipher, secret_span(&s->cipher)) != 0)
		return (-1);
	memcpy(sa->ike.spi_i, s->spi_i, sizeof(sa->ike.spi_i));
	memcpy(sa->ike.spi_r, s->spi_r, sizeof(sa->ike.spi_r));
	sa->ike.natt = s->natt;
	sa->ike.established = s->established;
	sa->ike.lifetime = s->lifetime;
	sa->exchange = s->exchange;
	memcpy(sa->iv, s->iv, s->iv_len);
	sa->dpd.peer_can = s->dpd;
	sa->dpd.has_seq_out = s->has_dpd_seq;
	sa->dpd.seq_out = s->dpd_seq;
	for (i = 0; i < s->n_vids; i++)
		v1_vids_add(&sa->vids, span_of(s->vids[i].b, s->vids[i].len));
	return (0);
}

static int
adopt_ike(struct ike_engine *e, struct now now, const struct sa_ike *s,
    struct ike_policy *policy, struct fault *f)
{
	struct v1_sa *sa;
	const struct alg_enc *enc = alg_enc_name(s->encryption, s->key_bits);
	const struct alg_hash *hash = alg_hash_word(s->hash);
	const struct alg_group *group = alg_group_word(s->group);

	if (enc == NULL || enc->ike == 0 || hash == NULL || group == NULL ||
	    s->cipher.len != enc->key_len || s->iv_len != enc->block ||
	    s->skeyid_a.len != hash->len || s->skeyid_d.len != hash->len)
		return (fault(f, FAULT_BAD_RECORD,
		    "the ike-sa record's algorithms and keys do not go together"));
	if (s->lifetime.expires <= now.epoch)
		return (fault(f, FAULT_NO_IKE_SA, "the IKE SA of the record has expired"));
	sa = v1_sa_new(e, policy, s->role, &s->local.at, &s->remote.at);
	if (sa == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an IKE SA"));
	if (copy_ike(sa, s) != 0) {
		v1_sa_free(sa);
		return (fault(f, FAULT_MEMORY, "no memory for an IKE SA"));
	}
	sa->proposal = (struct ike_proposal){ enc, hash, group };
	sa->natt = natt_version_word(s->natt.version);
	sa->ike.state = IKE_SA_ESTABLISHED;
	sa->ike.adopted = true;
	v1_sa_heard(sa, now);
	v1_sa_timers(sa, now, s->lifetime.expires - now.epoch);
	if (!v1_auth_ready(policy))
		sa->ike.soft_ms = UINT64_MAX;	/* no secret to make a successor with */
	sa->next = e->sas;
	e->sas = sa;
	return (0);
}

int
ike_engine_adopt(struct ike_engine *e, struct now now, const struct sa_rec *rec,
    struct ike_policy *policy, struct fault *f)
{
	if (rec->type == SA_IKE)
		return (adopt_ike(e, now, &rec->ike, policy, f));
	if (rec->type == SA_CHILD && rec->child.n_local_ts > 0 && rec->child.n_remote_ts > 0)
		return (v1_child_adopt(e, policy, now, &rec->child) ? 0 :
		    fault(f, FAULT_MEMORY, "no memory for a child SA"));
	return (fault(f, FAULT_BAD_RECORD, "the record is of no SA"));
}

int
ike_engine_children(struct ike_engine *e, struct now now, const uint8_t id[16],
    struct ike_outbox *out, struct fault *f)
{
	struct v1_sa *sa = v1_sa_find(e, id, id + COOKIE_LEN);

	if (sa == NULL || sa->ike.state != IKE_SA_ESTABLISHED)
		return (fault(f, FAULT_NO_IKE_SA, "there is no such IKE SA"));
	v1_sa_want_children(sa, now, out);
	return (0);
}

bool
ike_engine_answer(struct ike_engine *e, struct now now, const uint8_t id[16], uint32_t mid,
    const struct ike_answer *answer, struct ike_outbox *out)
{
	struct v1_sa *sa = v1_sa_find(e, id, id + COOKIE_LEN);
	struct v1_exchange *x = sa != NULL ? v1_sa_exchange(sa, mid) : NULL;
	bool waited = x != NULL && v1_exchange_answer(x, now, answer, out);

	if (waited)
		v1_sa_report(sa, now, out);
	sweep(e);
	return (waited);
}

void
ike_engine_shutdown(struct ike_engine *e, struct now now, struct ike_outbox *out)
{
	struct v1_sa *sa;

	e->conf.keep = e->conf.respond = false;		/* nothing begins anew */
	while (e->children != NULL)
		v1_child_end(e, e->children, SA_REASON_SHUT_DOWN, true, out);
	for (sa = e->sas; sa != NULL; sa = sa->next) {
		if (!sa->ike.adopted || !e->conf.borrowed)
			v1_sa_end(sa, now, SA_REASON_SHUT_DOWN, true, out);
		sa->ike.state = IKE_SA_DEAD;
	}
	sweep(e);
}

/* --- the data path's word, time --- */

void
ike_engine_event(struct ike_engine *e, struct now now, const struct sa_event *ev,
    struct ike_outbox *out)
{
	struct ike_child *c;
	struct v1_sa *sa;

	if (!ev->has_spi_in)
		return;
	for (c = e->children; c != NULL; c = c->next)
		if (memcmp(c->spi_in, ev->spi_in, sizeof(ev->spi_in)) == 0)
			break;
	if (c == NULL)
		return;
	if (ev->what == SA_EVENT_SOFT)
		v1_child_rekey(e, c, now, out);
	else if (ev->what == SA_EVENT_HARD) {
		struct ike_policy *policy = c->policy;

		v1_child_end(e, c, SA_REASON_VOLUME, true, out);
		v1_conn_wake(e, now, policy, 0);
	} else if (ev->what == SA_EVENT_TRAFFIC || ev->what == SA_EVENT_REMAP) {
		for (sa = e->sas; sa != NULL; sa = sa->next) {
			if (sa->ike.state != IKE_SA_ESTABLISHED || !v1_child_of(c, sa))
				continue;
			v1_sa_heard(sa, now);
			/* Behind a NAT, IKE and ESP share one mapping. */
			if (ev->what == SA_EVENT_REMAP && ev->has_remote &&
			    sa->ike.natt.marker != SA_MARKER_NONE)
				sa->ike.remote.at = ev->remote;
		}
	}
}

void
ike_engine_unreachable(struct ike_engine *e, struct now now,
    const struct endpoint *remote, struct ike_outbox *out)
{
	struct v1_sa *sa;
	struct v1_exchange *x;
	struct fault f = {0};
	char to[ENDPOINT_TEXT];

	for (sa = e->sas; sa != NULL; sa = sa->next) {
		x = v1_sa_exchange(sa, 0);
		if (sa->ike.state != IKE_SA_HALF_OPEN || x == NULL || x->over ||
		    !endpoint_eq(&sa->ike.remote.at, remote))
			continue;
		(void)fault(&f, FAULT_UNREACHABLE, "%s is unreachable: nothing listens there",
		    endpoint_text(to, remote));
		v1_exchange_where(x, x->at > 0 ? x->at - 1 : 0, &f);
		v1_exchange_hint(x, now, &f, out);
	}
}

void
ike_engine_timeout(struct ike_engine *e, struct now now, struct ike_outbox *out)
{
	struct v1_sa *sa;
	struct ike_child *c, *next;
	struct v1_conn *conn;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		v1_sa_timeout(sa, now, out);
	for (c = e->children; c != NULL; c = next) {
		next = c->next;
		v1_child_timeout(e, c, now, out);
	}
	sweep(e);
	for (conn = e->conns; conn != NULL; conn = conn->next)
		if (now.ms >= conn->at_ms)
			look_after(e, conn, now, out);
}

uint64_t
ike_engine_deadline(const struct ike_engine *e)
{
	const struct v1_sa *sa;
	const struct ike_child *c;
	const struct v1_conn *conn;
	uint64_t d = UINT64_MAX, one;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		if ((one = v1_sa_deadline(sa)) < d)
			d = one;
	for (c = e->children; c != NULL; c = c->next)
		if ((one = v1_child_deadline(c)) < d)
			d = one;
	for (conn = e->conns; conn != NULL; conn = conn->next)
		if (conn->at_ms < d)
			d = conn->at_ms;
	return (d);
}

/* --- looking in --- */

void
ike_engine_ids(const struct ike_engine *e, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	const struct v1_sa *sa;
	uint8_t id[16];

	for (sa = e->sas; sa != NULL; sa = sa->next) {
		v1_sa_id(sa, id);
		each(ctx, id);
	}
}

uint64_t
ike_engine_ids_mark(const struct ike_engine *e)
{
	const struct v1_sa *sa;
	uint64_t sum = 0;

	/* One half of each pair is our own choice and random, so equal sums mean equal sets. */
	for (sa = e->sas; sa != NULL; sa = sa->next)
		sum += get_be64(sa->ike.spi_i) * 3 + get_be64(sa->ike.spi_r) * 5 + 1;
	return (sum);
}

size_t
ike_engine_count_ike(const struct ike_engine *e)
{
	const struct v1_sa *sa;
	size_t n = 0;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		n += sa->ike.state == IKE_SA_ESTABLISHED;
	return (n);
}

size_t
ike_engine_count_children(const struct ike_engine *e)
{
	const struct ike_child *c;
	size_t n = 0;

	for (c = e->children; c != NULL; c = c->next)
		n++;
	return (n);
}

size_t
ike_engine_count_running(const struct ike_engine *e)
{
	const struct v1_sa *sa;
	const struct v1_exchange *x;
	size_t n = 0;

	for (sa = e->sas; sa != NULL; sa = sa->next)
		for (x = sa->exchanges; x != NULL; x = x->next)
			n += !x->over;
	return (n);
}
