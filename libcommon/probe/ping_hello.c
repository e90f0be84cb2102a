/*
 * Listening for the peer's heartbeats, ike/heartbeat.h, and saying hello in the place of a
 * resident tool that is not there.
 */
#include "probe/ping_priv.h"

static uint64_t
peer_us(const struct ike_ping *p)
{
	return ((uint64_t)p->hello.interval_ms * 1000);
}

void
ping_hello_begin(struct ike_ping *p, struct now now)
{
	p->listens = p->waiting = true;
	p->hello.interval_ms = v1_heartbeat_announced(p->sa);
	p->hello.at_us = now_us(now);
	p->seq = 0;
	p->next_us = p->conf.hello_ms != 0 ? now_us(now) : UINT64_MAX;
	p->give_up_us = now_us(now) + peer_us(p) * 3 / 2;
}

/* One more hello of the peer's was due. */
static void
settle(struct ike_ping *p)
{
	if (p->conf.count != 0 && p->stats.sent >= p->conf.count)
		p->over = true;
}

static void
say(struct ike_ping *p, struct now now, struct ike_outbox *out)
{
	struct ike_hello h = { .interval_ms = p->conf.hello_ms, .heard = p->hello.seq };
	uint64_t every = (uint64_t)p->conf.hello_ms * 1000;

	h.seq = p->seq += p->seq == UINT32_MAX ? 2 : 1;		/* 0 is none */
	p->next_us += ((now_us(now) - p->next_us) / every + 1) * every;	/* in step */
	v1_heartbeat_send(p->sa, &h, out);
}

static void
lost(struct ike_ping *p, struct now now)
{
	struct ike_ping_event ev = { .what = IKE_PING_LOST, .count = ++p->stats.sent };

	ev.lost = ++p->hello.lost;
	ev.seq = p->hello.seq != 0 ? p->hello.seq + p->hello.lost : 0;
	p->scolded = false;
	p->give_up_us = now_us(now) + peer_us(p);
	p->conf.tell(p->conf.ctx, &ev);
	if (p->hello.lost == p->conf.threshold) {
		ev.what = IKE_PING_DEAD;
		p->conf.tell(p->conf.ctx, &ev);
	}
	settle(p);
}

void
ping_hello_timeout(struct ike_ping *p, struct now now, struct ike_outbox *out)
{
	if (ping_expired(p, now))
		return;
	if (now_us(now) >= p->next_us)
		say(p, now, out);
	if (now_us(now) >= p->give_up_us)
		lost(p, now);
}

/*
 * How many hellos were due from the last one to this, ${seq}, inclusive: the difference of the numbers,
 * limited by the elapsed time, because numbers may jump when another process continues for the peer.
 */
static uint32_t
due(const struct ike_ping *p, struct now now, uint32_t seq)
{
	uint64_t most = (now_us(now) - p->hello.at_us) / peer_us(p) + 1;

	if (p->hello.seq == 0)
		return (p->hello.lost + 1);
	return (seq - p->hello.seq < most ? seq - p->hello.seq : (uint32_t)most);
}

void
ping_hello_take(struct ike_ping *p, struct now now, const struct ike_hello *h)
{
	struct ike_ping_event ev = {
		.what = IKE_PING_HELLO, .seq = h->seq, .interval_ms = h->interval_ms, .heard = h->heard,
	};
	uint32_t n;

	if (!v1_heartbeat_newer(h->seq, p->hello.seq)) {
		ev.what = IKE_PING_REPLAY;
		p->conf.tell(p->conf.ctx, &ev);
		return;
	}
	n = due(p, now, h->seq);
	ev.lost = n - 1;
	/* A hello that timed out is already counted, and may only have been late. */
	p->stats.sent += n > p->hello.lost ? n - p->hello.lost : 0;
	ev.count = p->stats.sent;
	p->stats.answered++;
	if (p->hello.seq != 0 && h->seq - p->hello.seq == 1) {
		ev.rtt_us = now_us(now) - p->hello.at_us;
		ping_measured(&p->stats, ev.rtt_us);
	}
	p->hello.seq = h->seq;
	p->hello.interval_ms = h->interval_ms;
	p->hello.lost = 0;
	p->hello.at_us = now_us(now);
	p->give_up_us = now_us(now) + peer_us(p) * 3 / 2;
	/* Another process sends or sent hellos for this end: our numbers continue above its. */
	if (h->heard != 0 && v1_heartbeat_newer(h->heard, p->seq))
		p->seq = h->heard;
	p->conf.tell(p->conf.ctx, &ev);
	settle(p);
}
