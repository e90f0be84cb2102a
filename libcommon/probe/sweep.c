/* Probes many hosts for IKE. Hosts with a probe in progress are in a ring, in the order in which their probes began. */
#include "probe/sweep.h"

#include <stdlib.h>

#include "probe/probe_msg.h"
#include "probe/retry.h"

#define RESEND_MS	1000	/* for a first answer; doubles */
#define ICMP_WAIT_MS	500	/* after an ICMP error, for an answer that disproves it */

struct asked {
	size_t		host;		/* index */
	bool		over, v2;	/* v2: the message is IKE_SA_INIT */
	uint8_t		cky_i[COOKIE_LEN];
	unsigned	sent;
	int		sys;
	uint64_t	sent_us, end_ms;
	struct retry	retry;
};

struct ike_sweep {
	struct ike_sweep_conf	conf;
	struct asked		*ring;
	size_t			cap, first, n;	/* in the ring */
	size_t			next, done;	/* hosts begun, hosts decided */
	uint64_t		next_ms, mark;
	struct now		now;
};

struct ike_sweep *
ike_sweep_new(const struct ike_sweep_conf *conf, struct fault *f)
{
	struct ike_sweep *s = calloc(1, sizeof(*s));
	size_t cap = conf->timeout_ms / (conf->gap_ms > 0 ? conf->gap_ms : 1) + 2;

	if (s != NULL) {
		s->conf = *conf;
		/* As many as can begin during the timeout of one. */
		s->cap = cap < conf->n ? cap : conf->n;
		s->ring = calloc(s->cap, sizeof(*s->ring));
	}
	if (s == NULL || s->ring == NULL) {
		free(s);
		(void)fault(f, FAULT_MEMORY, "no memory to ask %zu hosts", conf->n);
		return (NULL);
	}
	return (s);
}

void
ike_sweep_free(struct ike_sweep *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->cap; i++)
		retry_free(&s->ring[i].retry);
	free(s->ring);
	free(s);
}

static struct asked *
at(struct ike_sweep *s, size_t i)
{
	return (&s->ring[(s->first + i) % s->cap]);
}

static void
transmit(struct ike_sweep *s, struct asked *a, struct ike_outbox *out)
{
	const struct sweep_host *h = &s->conf.hosts[a->host];

	outbox_datagram(out, &h->local, &h->remote, bytes_span(&a->retry.msg));
	a->sent_us = now_us(s->now);
	a->sent++;
}

/* Another message to this host, under a cookie of its own. */
static void
ask(struct ike_sweep *s, struct asked *a, bool v2, uint32_t timeout_ms, struct ike_outbox *out)
{
	const struct sweep_host *h = &s->conf.hosts[a->host];
	uint8_t buf[PROBE_MSG_MAX];
	struct probe_offer offer;
	struct span msg;

	a->v2 = v2;
	if (v2)
		msg = ask_v2_init(buf, &s->conf.rand, a->cky_i, &h->local, &h->remote);
	else {
		(void)probe_offer_broad(&offer, 0);
		msg = ask_main1(buf, &s->conf.rand, a->cky_i, &offer, PROBE_VIDS | PROBE_VID_FRAGMENTS);
	}
	s->mark++;
	if (retry_begin(&a->retry, msg, RESEND_MS, timeout_ms, s->now))
		transmit(s, a, out);
}

static void
begin(struct ike_sweep *s, struct ike_outbox *out)
{
	struct asked *a = at(s, s->n++);

	retry_free(&a->retry);
	*a = (struct asked){ .host = s->next++, .end_ms = s->now.ms + s->conf.timeout_ms };
	s->next_ms = s->now.ms + s->conf.gap_ms;
	/* Half of the timeout for each version. */
	ask(s, a, s->conf.v2_only, s->conf.v2_only ? s->conf.timeout_ms : s->conf.timeout_ms / 2, out);
}

static void
decide(struct ike_sweep *s, struct asked *a, const struct probe_answer *v1, const struct v2_answer *v2, bool answered)
{
	struct sweep_found what = {
		.host = &s->conf.hosts[a->host], .sent = a->sent, .sys = a->sys, .v1 = v1, .v2 = v2,
		.rtt_us = (uint32_t)(now_us(s->now) - a->sent_us),
		.what = v1 != NULL ? SWEEP_IKEV1 : answered ? SWEEP_IKEV2 : a->sys != 0 ? SWEEP_UNREACHABLE : SWEEP_SILENT,
	};

	a->over = true;
	s->mark++;
	s->done++;
	s->conf.found(s->conf.ctx, &what);
	while (s->n > 0 && at(s, 0)->over) {
		s->first = (s->first + 1) % s->cap;
		s->n--;
	}
}

static void
step(struct ike_sweep *s, struct asked *a, struct ike_outbox *out)
{
	if (a->over)
		return;
	if (retry_is_over(&a->retry, s->now)) {
		if (a->v2 || a->sys != 0 || s->now.ms >= a->end_ms)
			decide(s, a, NULL, NULL, false);
		else
			ask(s, a, true, (uint32_t)(a->end_ms - s->now.ms), out);
	} else if (retry_is_due(&a->retry, s->now)) {
		transmit(s, a, out);
		retry_again(&a->retry, s->conf.timeout_ms, s->now);
	}
}

static void
on_timeout(void *m, struct now now, struct ike_outbox *out)
{
	struct ike_sweep *s = m;
	size_t i, n;

	s->now = now;
	/* A result may remove hosts at the front, so use positions in the ring. */
	for (i = s->first, n = s->n; n > 0; n--, i = (i + 1) % s->cap)
		step(s, &s->ring[i], out);
	while (s->next < s->conf.n && s->n < s->cap && now.ms >= s->next_ms)
		begin(s, out);
}

static void
on_datagram(void *m, struct now now, const struct endpoint *local, const struct endpoint *remote, struct span data,
    struct ike_outbox *out)
{
	struct ike_sweep *s = m;
	struct probe_answer v1;
	struct v2_answer v2;
	struct asked *a;
	size_t i;

	(void)out;
	s->now = now;
	for (i = 0; i < s->n; i++) {
		a = at(s, i);
		if (a->over || data.len < COOKIE_LEN || memcmp(data.p, a->cky_i, COOKIE_LEN) != 0)
			continue;
		if (addr_cmp(&s->conf.hosts[a->host].remote.addr, &remote->addr) != 0 || retry_is_own(&a->retry, data))
			return;
		probe_answer_get(&v1, a->cky_i, data);
		if (v1.kind == PROBE_NO_ANSWER)
			return;
		if (v1.kind != PROBE_VERSION)
			decide(s, a, &v1, NULL, true);
		else
			decide(s, a, NULL, v2_answer_get(&v2, a->cky_i, local, remote, data) ? &v2 : NULL, true);
		return;
	}
}

static void
on_unreachable(void *m, struct now now, const struct endpoint *remote, int sys, struct ike_outbox *out)
{
	struct ike_sweep *s = m;
	struct asked *a;
	size_t i;

	(void)out;
	s->now = now;
	for (i = 0; i < s->n; i++) {
		a = at(s, i);
		if (a->over || a->sys != 0 || addr_cmp(&s->conf.hosts[a->host].remote.addr, &remote->addr) != 0)
			continue;
		a->sys = sys;
		retry_listen(&a->retry, ICMP_WAIT_MS, now);
		return;
	}
}

static uint64_t
deadline_us(const void *m)
{
	const struct ike_sweep *s = m;
	uint64_t ms = UINT64_MAX, t;
	size_t i, k;

	if (s->next < s->conf.n && s->n < s->cap)
		ms = s->next_ms;
	for (i = s->first, k = 0; k < s->n; k++, i = (i + 1) % s->cap)
		if (!s->ring[i].over && (t = retry_deadline_ms(&s->ring[i].retry)) < ms)
			ms = t;
	return (retry_us(ms));
}

static bool
over(const void *m)
{
	const struct ike_sweep *s = m;

	return (s->done == s->conf.n);
}

static void
ids(const void *m, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	const struct ike_sweep *s = m;
	uint8_t id[2 * COOKIE_LEN] = {0};
	size_t i, k;

	for (i = s->first, k = 0; k < s->n; k++, i = (i + 1) % s->cap)
		if (!s->ring[i].over) {
			memcpy(id, s->ring[i].cky_i, COOKIE_LEN);
			each(ctx, id);
		}
}

static uint64_t
ids_mark(const void *m)
{
	const struct ike_sweep *s = m;

	return (s->mark);
}

struct ike_machine
ike_sweep_machine(struct ike_sweep *s)
{
	static const struct ike_machine_ops ops = {
		.timeout = on_timeout, .datagram = on_datagram, .unreachable = on_unreachable,
		.deadline_us = deadline_us, .over = over, .ids = ids, .ids_mark = ids_mark,
	};

	return ((struct ike_machine){ &ops, s });
}

size_t
ike_sweep_done(const struct ike_sweep *s)
{
	return (s->done);
}
