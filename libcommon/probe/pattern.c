/* The fingerprint: three answers of the peer are left unanswered, and its retransmissions noted. */
#include "probe/pattern.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "probe/probe_msg.h"
#include "probe/retry.h"

#define RESEND_MS	1000	/* for a first answer; doubles */
#define LOOSE_MS	300	/* by which intervals may differ from a row's, */
#define LOOSE_PART	8	/* or by this part of them: networks and peers are busy */

struct left {
	bool		live;		/* still waited for */
	bool		sharing;	/* message 3 is out */
	struct ask_key	key;
	struct retry	retry;		/* of message 1 or 3 */
	struct bytes	first;		/* the first answer */
	uint64_t	last_ms;
};

struct ike_pattern {
	struct ike_pattern_conf	  conf;
	struct ike_pattern_result r;
	bool			  begun, over;
	struct now		  now;
	uint64_t		  begun_ms;
	struct left		  left[PATTERN_ANSWERS];
};

struct ike_pattern *
ike_pattern_new(const struct ike_pattern_conf *conf, struct fault *f)
{
	struct ike_pattern *p = calloc(1, sizeof(*p));

	if (p == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for the fingerprint");
	else
		p->conf = *conf;
	return (p);
}

void
ike_pattern_free(struct ike_pattern *p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < PATTERN_ANSWERS; i++) {
		retry_free(&p->left[i].retry);
		bytes_free(&p->left[i].first);
	}
	free(p);
}

static void
transmit(struct ike_pattern *p, struct left *l, struct ike_outbox *out)
{
	outbox_datagram(out, &l->key.local, &l->key.remote, bytes_span(&l->retry.msg));
	p->r.sent++;
}

/* A message that cannot be created (memory, randomness) leaves its answer out of the fingerprint. */
static void
fire(struct ike_pattern *p, struct left *l, struct span msg, struct ike_outbox *out)
{
	l->live = retry_begin(&l->retry, msg, RESEND_MS, p->conf.timeout_ms, p->now);
	if (l->live)
		transmit(p, l, out);
}

/* A first message under a new cookie: an answer under an earlier one is no retransmission. */
static struct span
make_first(struct ike_pattern *p, enum pattern_of i, uint8_t buf[PROBE_MSG_MAX])
{
	struct left *l = &p->left[i];
	struct probe_offer o = { .n = 1 };

	o.t[0] = p->conf.offer;
	l->key.local = p->conf.local;
	l->key.remote = p->conf.remote;
	l->key.natt = natt_choose(NATT_ALL, p->conf.natt);
	return (i == PATTERN_AGGRESSIVE_2 ?
	    ask_aggressive1(buf, &p->conf.rand, l->key.cky_i, &o, &p->conf.id) :
	    ask_main1(buf, &p->conf.rand, l->key.cky_i, &o, PROBE_VIDS));
}

static void
ask(struct ike_pattern *p, enum pattern_of i, struct ike_outbox *out)
{
	uint8_t buf[PROBE_MSG_MAX];

	p->r.of[i].asked = true;
	fire(p, &p->left[i], make_first(p, i, buf), out);
}

static void
run(struct ike_pattern *p, enum pattern_of i, struct ike_outbox *out)
{
	struct left *l = &p->left[i];
	uint8_t buf[PROBE_MSG_MAX];

	if (!l->live)
		return;
	if (retry_is_over(&l->retry, p->now)) {
		l->live = false;
		p->r.of[i].ended = p->r.of[i].answered;
	} else if (retry_is_due(&l->retry, p->now)) {
		if (l->sharing)
			retry_again(&l->retry, UINT32_MAX, p->now);
		else
			l->live = retry_replace(&l->retry, make_first(p, i, buf), UINT32_MAX, p->now);
		if (l->live)
			transmit(p, l, out);
	}
}

static void
settle(struct ike_pattern *p)
{
	size_t i;

	p->r.elapsed_ms = p->now.ms - p->begun_ms;
	p->over = true;
	for (i = 0; i < PATTERN_ANSWERS; i++)
		p->over = p->over && !p->left[i].live;
	p->over = p->over || p->r.elapsed_ms >= p->conf.limit_ms;
}

static void
pattern_timeout(void *machine, struct now now, struct ike_outbox *out)
{
	struct ike_pattern *p = machine;
	enum pattern_of i;

	if (p->over)
		return;
	p->now = now;
	if (!p->begun)
		p->begun_ms = now.ms;
	for (i = 0; i < PATTERN_ANSWERS; i++)
		if (p->begun)
			run(p, i, out);
		else if (i == PATTERN_AGGRESSIVE_2 || !p->conf.no_main)
			ask(p, i, out);
	p->begun = true;
	settle(p);
}

static uint64_t
pattern_deadline_us(const void *machine)
{
	const struct ike_pattern *p = machine;
	uint64_t d = p->begun ? p->begun_ms + p->conf.limit_ms : 0;
	size_t i;

	if (p->over)
		return (UINT64_MAX);
	for (i = 0; i < PATTERN_ANSWERS; i++)
		if (p->left[i].live && retry_deadline_ms(&p->left[i].retry) < d)
			d = retry_deadline_ms(&p->left[i].retry);
	return (retry_us(d));
}

/* The answer, for the first time or again; nothing is sent after it. */
static void
note(struct ike_pattern *p, enum pattern_of i, struct span data)
{
	struct left *l = &p->left[i];
	uint64_t gap = p->now.ms - l->last_ms, wait = p->conf.quiet_ms;

	if (!p->r.of[i].answered) {
		p->r.of[i].answered = true;
		l->live = bytes_set(&l->first, data) == 0;
	} else if (!span_eq(data, bytes_span(&l->first)) || p->r.of[i].n == PATTERN_MAX)
		return;		/* another word in the same exchange, or enough of them */
	else {
		p->r.of[i].after_ms[p->r.of[i].n++] = (uint32_t)gap;
		/* Intervals grow: the next may be much longer than the last. */
		wait = 3 * gap > wait ? 3 * gap : wait;
	}
	l->last_ms = p->now.ms;
	retry_listen(&l->retry, wait, p->now);
}

static void
pattern_datagram(void *machine, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	struct ike_pattern *p = machine;
	struct probe_answer a;
	uint8_t buf[PROBE_MSG_MAX];
	enum pattern_of i;

	(void)local;
	(void)remote;		/* the cookies identify the exchange */
	p->now = now;
	for (i = 0; i < PATTERN_ANSWERS && !p->over; i++) {
		struct left *l = &p->left[i];

		probe_answer_get(&a, l->key.cky_i, data);
		if (!l->live || a.kind == PROBE_NO_ANSWER || retry_is_own(&l->retry, data))
			continue;
		if (i == PATTERN_MAIN_4 && a.kind == PROBE_CHOICE && a.chosen && !l->sharing) {
			memcpy(l->key.cky_r, a.hdr.cky_r, COOKIE_LEN);
			l->key.choice = a.choice.p;
			l->sharing = true;
			fire(p, l, ask_main3(buf, sizeof(buf), &p->conf.rand, &l->key, 0), out);
		} else if (i == PATTERN_MAIN_4 ? a.kind == PROBE_KEY : a.kind == PROBE_CHOICE)
			note(p, i, data);
		else if (a.kind == PROBE_NOTIFY && !p->r.of[i].answered)
			l->live = false;	/* a refusal */
		settle(p);
		return;
	}
}

static void
pattern_ids(const void *machine, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	const struct ike_pattern *p = machine;
	size_t i;

	for (i = 0; i < PATTERN_ANSWERS; i++)
		ask_id(&p->left[i].key, each, ctx);
}

static bool
pattern_over(const void *machine)
{
	return (((const struct ike_pattern *)machine)->over);
}

struct ike_machine
ike_pattern_machine(struct ike_pattern *p)
{
	static const struct ike_machine_ops ops = {
		.timeout = pattern_timeout, .datagram = pattern_datagram,
		.unreachable = machine_ignores, .deadline_us = pattern_deadline_us,
		.over = pattern_over, .ids = pattern_ids,
	};

	return ((struct ike_machine){ &ops, p });
}

const struct ike_pattern_result *
ike_pattern_result(const struct ike_pattern *p)
{
	return (&p->r);
}

/*
 * Retransmission patterns, each measured with the real implementation; ${after_ms} ends with 0.
 * strongSwan 5.9.8 with its defaults, which deletes half-open SAs after 30 s; ike-respond.
 */
static const struct {
	const char	*name;
	enum pattern_of	 of;
	uint32_t	 after_ms[PATTERN_MAX + 1];
} habits[] = {
	{ "strongSwan 5", PATTERN_AGGRESSIVE_2, { 4000, 7200, 12960, 0 } },
	{ "libreswan", PATTERN_AGGRESSIVE_2, { 500, 500, 1000, 2000, 4000, 8000, 16000, 0 } },
	{ "libreswan", PATTERN_MAIN_4, { 500, 500, 1000, 2000, 4000, 8000, 16000, 0 } },
	{ "sapipe", PATTERN_MAIN_4, { 500, 1000, 2000, 4000, 8000, 8000, 0 } },
};

/* strongSwan's intervals grow by 1.8, whatever its retransmit_timeout is: at least two ratios show it. */
static bool
grows_as_strongswan(const struct ike_pattern_result *r)
{
	const uint32_t *ms = r->of[PATTERN_AGGRESSIVE_2].after_ms;
	size_t i, n = r->of[PATTERN_AGGRESSIVE_2].n;

	for (i = 1; i < n; i++)
		if (10 * ms[i] < 17 * ms[i - 1] || 10 * ms[i] > 19 * ms[i - 1])
			return (false);
	return (n >= 3);
}

const char *
ike_pattern_like(const struct ike_pattern_result *r)
{
	size_t i, k;
	uint32_t want, is, off;

	for (i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
		for (k = 0; k < r->of[habits[i].of].n && (want = habits[i].after_ms[k]) != 0; k++) {
			is = r->of[habits[i].of].after_ms[k];
			off = is > want ? is - want : want - is;
			if (off > LOOSE_MS && off > want / LOOSE_PART)
				break;
		}
		if (k > 0 && k == r->of[habits[i].of].n && habits[i].after_ms[k] == 0)
			return (habits[i].name);
	}
	return (grows_as_strongswan(r) ? habits[0].name : NULL);
}
