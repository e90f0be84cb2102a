/* The states of a monitored tunnel, and the transitions after each probe. */
#include "monitor/monitor.h"

#include <stddef.h>

void
monitor_start(struct monitor *m, const struct monitor_conf *conf, struct now now)
{
	*m = (struct monitor){ .conf = *conf, .state = MONITOR_READY, .why = MONITOR_STARTED,
	    .since_us = now_us(now), .deadline_us = now_us(now) };
}

static void
change(struct monitor *m, struct monitor_do *d, enum monitor_state s, enum monitor_why why,
    struct now now)
{
	m->state = s;
	m->why = why;
	m->since_us = now_us(now);
	m->changes++;
	d->changed = true;
}

/* A sign of life. */
static void
alive(struct monitor *m, struct monitor_do *d, enum monitor_why why, struct now now)
{
	m->misses = m->unsent = m->grace = 0;
	if (m->state != MONITOR_UP)
		change(m, d, MONITOR_UP, why, now);
	if (m->deadline_us == MONITOR_NEVER)
		m->deadline_us = now_us(now) + m->conf.interval_us;
}

static void
down(struct monitor *m, struct monitor_do *d, struct now now)
{
	change(m, d, MONITOR_DOWN, m->unsent >= m->misses ? MONITOR_UNSENT : MONITOR_SILENCE, now);
	d->rekey = m->conf.rekey;
	/* The time until a failed command is noticed. */
	m->rekey_wait_us = m->conf.interval_us * m->conf.threshold;
	m->rekey_us = now_us(now) + m->rekey_wait_us;
}

static void
rekey_again(struct monitor *m, struct monitor_do *d, struct now now)
{
	uint64_t cap = m->conf.interval_us * m->conf.threshold;

	if (cap < MONITOR_REKEY_MAX_US)
		cap = MONITOR_REKEY_MAX_US;
	d->rekey = true;
	m->rekey_wait_us = m->rekey_wait_us > cap / 2 ? cap : m->rekey_wait_us * 2;
	m->rekey_us = now_us(now) + m->rekey_wait_us;
}

/* Packets that were no answers to our probes. */
static bool
traffic(struct monitor *m, const uint64_t *rx)
{
	bool seen = false;

	if (m->conf.optimized && rx != NULL) {
		seen = m->rx_known && *rx > m->rx && *rx - m->rx > m->heard;
		m->rx = *rx;
		m->rx_known = true;
	}
	m->heard = 0;
	return (seen);
}

struct monitor_do
monitor_turn(struct monitor *m, struct now now, const uint64_t *rx)
{
	struct monitor_do d = {0};
	bool busy = traffic(m, rx);

	if (busy)
		alive(m, &d, MONITOR_TRAFFIC, now);
	else if (m->out) {
		m->misses++;
		if (m->misses >= m->conf.threshold && m->state != MONITOR_DOWN)
			down(m, &d, now);
	}
	m->out = false;
	if (m->state == MONITOR_DOWN && m->conf.rekey && !d.rekey && now_us(now) >= m->rekey_us)
		rekey_again(m, &d, now);
	d.probe = !busy && (m->state != MONITOR_DOWN || m->conf.rekey || m->conf.persist ||
	    m->grace > 0);
	if (d.probe) {
		if (m->grace > 0)
			m->grace--;
		d.seq = (uint16_t)m->sent;
		m->ring[m->sent++ % MONITOR_RING].us = now_us(now);
		m->ring[d.seq % MONITOR_RING].out = true;
		m->out = true;
	}
	/* After a suspend of the machine or of this process: continue from now, without the missed probes. */
	m->deadline_us += m->conf.interval_us;
	if (m->deadline_us <= now_us(now))
		m->deadline_us = now_us(now) + m->conf.interval_us;
	if (!d.probe && m->state == MONITOR_DOWN && !m->conf.optimized)
		m->deadline_us = MONITOR_NEVER;
	return (d);
}

struct monitor_do
monitor_answer(struct monitor *m, struct now now, uint16_t seq)
{
	struct monitor_do d = {0};
	/* How long ago, in probes; the number wraps, the count does not. */
	uint16_t ago = (uint16_t)((uint16_t)m->sent - seq);

	if (ago == 0 || ago > MONITOR_RING || ago > m->sent || !m->ring[seq % MONITOR_RING].out)
		return (d);
	m->ring[seq % MONITOR_RING].out = false;
	m->rtt_us = now_us(now) - m->ring[seq % MONITOR_RING].us;
	m->ring[seq % MONITOR_RING].us = m->rtt_us;
	m->answered++;
	m->heard++;
	if (ago == 1)
		m->out = false;
	alive(m, &d, MONITOR_ANSWERED, now);
	return (d);
}

void
monitor_unsent(struct monitor *m, int sys)
{
	m->unsent++;
	m->sys = sys;
}

void
monitor_nudge(struct monitor *m, struct now now)
{
	if (m->state != MONITOR_DOWN)
		return;
	m->grace = m->conf.threshold;
	m->deadline_us = now_us(now);
	m->rekey_us = now_us(now);
}

enum monitor_fate
monitor_probe(const struct monitor *m, uint64_t ago, uint64_t *rtt_us)
{
	uint64_t at = (m->sent - ago) % MONITOR_RING;

	*rtt_us = m->ring[at].us;
	if (!m->ring[at].out)
		return (MONITOR_HEARD);
	return (ago == 1 && m->out ? MONITOR_WAITING : MONITOR_LOST);
}

double
monitor_loss(const struct monitor *m)
{
	uint64_t n = m->sent < MONITOR_RING ? m->sent : MONITOR_RING, counted = 0, lost = 0, rtt, i;
	enum monitor_fate fate;

	for (i = 1; i <= n; i++) {
		fate = monitor_probe(m, i, &rtt);
		counted += fate != MONITOR_WAITING;
		lost += fate == MONITOR_LOST;
	}
	return (counted == 0 ? 0 : (double)lost * 100 / (double)counted);
}

const char *
monitor_state_name(enum monitor_state s)
{
	static const char *const names[] = { [MONITOR_READY] = "ready", [MONITOR_UP] = "up",
	    [MONITOR_DOWN] = "down" };

	return (names[s]);
}

const char *
monitor_why_name(enum monitor_why w)
{
	static const char *const names[] = { [MONITOR_STARTED] = "started",
	    [MONITOR_ANSWERED] = "answered", [MONITOR_TRAFFIC] = "traffic",
	    [MONITOR_SILENCE] = "no-answer", [MONITOR_UNSENT] = "not-sent" };

	return (names[w]);
}
