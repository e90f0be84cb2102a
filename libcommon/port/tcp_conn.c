/* The connections of Cisco's TCP encapsulation: handshake, numbers, timers, eviction. */
#include "port/tcp_conn.h"

#include "base/hash.h"
#include "base/siphash.h"

#define COOKIE_SHIFT	16	/* a SYN cookie is valid for 65 to 131 seconds */
#define AHEAD_MAX	(1u << 22)	/* bytes that loss may have taken between two segments */

/* --- the table --- */

/* By address alone: a peer with many ports fills only its own bucket. */
static unsigned
bucket_of(const struct tcp_table *t, const struct addr *remote)
{
	return ((unsigned)hash_bytes(remote->b, sizeof(remote->b), get_be64(t->key)) % TCP_BUCKETS);
}

static bool
is_between(const struct tcp_conn *c, const struct endpoint *local, const struct endpoint *remote)
{
	return (c->state != TCP_FREE && c->remote.port == remote->port && c->local.port == local->port &&
	    addr_cmp(&c->remote.addr, &remote->addr) == 0 && addr_cmp(&c->local.addr, &local->addr) == 0);
}

static struct tcp_conn *
find(struct tcp_table *t, const struct endpoint *local, const struct endpoint *remote)
{
	unsigned b = bucket_of(t, &remote->addr);
	size_t i;

	for (i = 0; i < TCP_WAYS; i++)
		if (is_between(&t->conn[b][i], local, remote))
			return (&t->conn[b][i]);
	return (NULL);
}

static void
forget(struct tcp_table *t, struct tcp_conn *c)
{
	uint16_t *used = &t->used[bucket_of(t, &c->remote.addr)];

	*c = (struct tcp_conn){0};
	if (*used > 0)
		(*used)--;
}

/* Whether ${a} should go rather than ${b}. */
static bool
goes_first(const struct tcp_conn *a, const struct tcp_conn *b)
{
	if (a->proven != b->proven)
		return (a->proven == 0);
	return (a->heard_ms < b->heard_ms);
}

/* A new connection, in place of the oldest of its bucket if that is full. */
static struct tcp_conn *
make(struct tcp_table *t, uint64_t now_ms, const struct endpoint *local, const struct endpoint *remote)
{
	unsigned b = bucket_of(t, &remote->addr);
	struct tcp_conn *c = NULL, *one;
	size_t i;

	for (i = 0; i < TCP_WAYS; i++) {
		one = &t->conn[b][i];
		if (one->state == TCP_FREE) {
			c = one;
			t->used[b]++;
			break;
		}
		if (c == NULL || goes_first(one, c))
			c = one;
	}
	*c = (struct tcp_conn){ .local = *local, .remote = *remote, .heard_ms = now_ms, .sent_ms = now_ms };
	return (c);
}

/* --- numbers --- */

/* A number that only the key's owner can tell. */
static uint32_t
number_of(const struct tcp_table *t, const struct endpoint *local, const struct endpoint *remote, uint64_t salt)
{
	uint8_t in[2 * 16 + 2 * 2 + 8];

	memcpy(in, local->addr.b, 16);
	memcpy(in + 16, remote->addr.b, 16);
	put_be16(in + 32, local->port);
	put_be16(in + 34, remote->port);
	put_be64(in + 36, salt);
	return ((uint32_t)siphash(in, sizeof(in), t->key));
}

/* The number of a SYN-ACK: the same again for a minute. */
static uint32_t
cookie(const struct tcp_table *t, uint64_t now_ms, unsigned age, const struct endpoint *local,
    const struct endpoint *remote)
{
	return (number_of(t, local, remote, (now_ms >> COOKIE_SHIFT) - age));
}

static bool
returns_cookie(const struct tcp_table *t, uint64_t now_ms, const struct endpoint *local,
    const struct endpoint *remote, uint32_t ack)
{
	return (ack - 1 == cookie(t, now_ms, 0, local, remote) || ack - 1 == cookie(t, now_ms, 1, local, remote));
}

static struct ctcp_segment
segment(const struct endpoint *local, const struct endpoint *remote, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return ((struct ctcp_segment){ .sport = local->port, .dport = remote->port, .flags = flags, .seq = seq, .ack = ack });
}

static void
answer(struct tcp_step *step, const struct endpoint *local, const struct endpoint *remote, uint8_t flags, uint32_t seq,
    uint32_t ack)
{
	step->send = true;
	step->out = segment(local, remote, flags, seq, ack);
}

/*
 * The highest byte seen is what we acknowledge. A number far ahead may be forged to make filters on the path drop what
 * follows: it counts only when the next segment continues from it.
 */
static void
follow(struct tcp_conn *c, const struct ctcp_segment *s)
{
	uint32_t past = s->seq + (uint32_t)s->payload.len, ahead = past - c->peer;

	if (ahead <= AHEAD_MAX || s->seq == c->stray)
		c->peer = past;
	else if ((int32_t)ahead > 0 || -ahead > AHEAD_MAX)
		c->stray = past;
}

/* --- segments --- */

static void
begin_syn(struct tcp_table *t, struct tcp_conn *c, uint64_t now_ms, struct tcp_step *step)
{
	c->state = TCP_SYN_SENT;
	c->ours = true;
	c->syns = 1;
	c->seq = number_of(t, &c->local, &c->remote, now_ms << 20 ^ ++t->opened);
	c->sent_ms = c->heard_ms = now_ms;
	answer(step, &c->local, &c->remote, CTCP_SYN, c->seq, 0);
}

/* The handshake is complete; ${seq} is our next number. */
static void
established(struct tcp_conn *c, uint64_t now_ms, uint32_t seq, uint32_t peer)
{
	c->state = TCP_UP;
	c->again = false;
	c->syns = 0;
	c->seq = seq;
	c->peer = c->stray = peer;
	c->heard_ms = now_ms;
}

static void
on_reset(struct tcp_table *t, struct tcp_conn *c, const struct ctcp_segment *s, struct tcp_step *step)
{
	bool refused = c->state == TCP_SYN_SENT && (s->flags & CTCP_ACK) != 0 && s->ack == c->seq + 1;

	/* Whoever cannot see the connection cannot guess its number (RFC 5961 section 3). */
	if (!refused && (c->state != TCP_UP || s->seq - c->peer > CTCP_WINDOW))
		return;
	step->event = refused ? TCP_REFUSED : TCP_CLOSED;
	if (c->ours)
		c->state = TCP_DOWN;
	else
		forget(t, c);
}

/* A segment of a connection that was not there, or that its peer has begun again: false if nothing proves that. */
static bool
admit(struct tcp_table *t, struct tcp_conn *c, uint64_t now_ms, const struct endpoint *local,
    const struct endpoint *remote, const struct ctcp_segment *s)
{
	if (!returns_cookie(t, now_ms, local, remote, s->ack))
		return (false);
	if (c == NULL)
		c = make(t, now_ms, local, remote);
	established(c, now_ms, s->ack, s->seq);
	return (true);
}

void
tcp_receive(struct tcp_table *t, uint64_t now_ms, const struct endpoint *local, const struct endpoint *remote,
    const struct ctcp_segment *s, struct tcp_step *step)
{
	struct tcp_conn *c = find(t, local, remote);

	*step = (struct tcp_step){0};
	if ((s->flags & CTCP_RST) != 0) {
		if (c != NULL)
			on_reset(t, c, s, step);
		return;
	}
	if ((s->flags & (CTCP_SYN | CTCP_ACK)) == CTCP_SYN) {
		if (c != NULL)
			c->again = true;
		answer(step, local, remote, CTCP_SYN | CTCP_ACK, cookie(t, now_ms, 0, local, remote), s->seq + 1);
		return;
	}
	if ((s->flags & CTCP_ACK) == 0)
		return;
	if ((s->flags & CTCP_SYN) != 0) {
		if (c == NULL || c->state != TCP_SYN_SENT || s->ack != c->seq + 1)
			return;
		established(c, now_ms, s->ack, s->seq + 1);
		c->sent_ms = now_ms;
		answer(step, local, remote, CTCP_ACK, c->seq, c->peer);
		step->event = TCP_OPENED;
		return;
	}
	if (c == NULL || c->state != TCP_UP || c->again) {
		if (admit(t, c, now_ms, local, remote, s))
			c = find(t, local, remote);
		else if (c == NULL || c->state != TCP_UP)
			return;
	}
	follow(c, s);
	c->heard_ms = now_ms;
	step->deliver = s->payload.len > 0;
}

enum tcp_verdict
tcp_send(struct tcp_table *t, uint64_t now_ms, const struct endpoint *local, const struct endpoint *remote, size_t len,
    bool open, struct ctcp_mark *mark, struct ctcp_segment *out, struct tcp_step *step)
{
	struct tcp_conn *c = find(t, local, remote);

	*step = (struct tcp_step){0};
	if (c == NULL && open)
		c = make(t, now_ms, local, remote);
	if (c == NULL)
		return (TCP_NO);
	/* One that was open is opened again at once, one that was refused is not. */
	if (c->state == TCP_FREE || (c->state == TCP_DOWN && (c->syns == 0 || now_ms - c->sent_ms >= TCP_SYN_MS)))
		begin_syn(t, c, now_ms, step);
	if (c->state != TCP_UP)
		return (TCP_WAIT);
	*out = segment(local, remote, CTCP_ACK, c->seq, c->peer);
	c->seq += (uint32_t)len;
	c->sent_ms = now_ms;
	if (mark != NULL)
		*mark = (struct ctcp_mark){ ++c->number, c->ours != 0 };
	return (TCP_SEND);
}

void
tcp_proven(struct tcp_table *t, const struct endpoint *local, const struct endpoint *remote)
{
	struct tcp_conn *c = find(t, local, remote);

	if (c != NULL)
		c->proven = true;
}

/* --- timers --- */

/* One connection. False: nothing to send, nothing to tell. */
static bool
tick_one(struct tcp_conn *c, uint64_t now_ms, struct tcp_step *step)
{
	uint64_t since_sent = now_ms - c->sent_ms, silent = now_ms - c->heard_ms;

	*step = (struct tcp_step){0};
	if (c->state == TCP_SYN_SENT && since_sent >= TCP_SYN_MS) {
		if (c->syns >= TCP_SYNS) {
			c->state = TCP_DOWN;
			step->event = TCP_UNANSWERED;
			return (true);
		}
		c->syns++;
		c->sent_ms = now_ms;
		answer(step, &c->local, &c->remote, CTCP_SYN, c->seq, 0);
		return (true);
	}
	if (c->state != TCP_UP)
		return (false);
	if (silent >= (c->ours ? TCP_SILENT_MS : TCP_IDLE_MS)) {
		c->state = TCP_DOWN;
		step->event = TCP_CLOSED;
		return (true);
	}
	if (since_sent < TCP_KEEPALIVE_MS)
		return (false);
	c->sent_ms = now_ms;
	answer(step, &c->local, &c->remote, CTCP_ACK, c->seq, c->peer);
	return (true);
}

void
tcp_tick(struct tcp_table *t, uint64_t now_ms,
    void (*each)(void *ctx, const struct tcp_conn *c, const struct tcp_step *step), void *ctx)
{
	struct tcp_step step;
	struct tcp_conn *c;
	size_t b, i;

	for (b = 0; b < TCP_BUCKETS; b++)
		for (i = 0; t->used[b] > 0 && i < TCP_WAYS; i++) {
			c = &t->conn[b][i];
			if (c->state == TCP_FREE)
				continue;
			if (tick_one(c, now_ms, &step))
				each(ctx, c, &step);
			/* Nobody has had a packet for it for so long. */
			if (c->state == TCP_DOWN && (!c->ours || now_ms - c->sent_ms >= 10 * TCP_IDLE_MS))
				forget(t, c);
		}
}

void
tcp_close(struct tcp_table *t, void (*each)(void *ctx, const struct tcp_conn *c, const struct tcp_step *step), void *ctx)
{
	struct tcp_step step;
	struct tcp_conn *c;
	size_t b, i;

	for (b = 0; b < TCP_BUCKETS; b++)
		for (i = 0; t->used[b] > 0 && i < TCP_WAYS; i++) {
			c = &t->conn[b][i];
			if (c->state == TCP_FREE)
				continue;
			step = (struct tcp_step){ .event = TCP_CLOSED };
			answer(&step, &c->local, &c->remote, CTCP_RST | CTCP_ACK, c->seq, c->peer);
			step.send = c->state == TCP_UP;
			each(ctx, c, &step);
			forget(t, c);
		}
}

size_t
tcp_count(const struct tcp_table *t, enum tcp_state state)
{
	size_t b, i, n = 0;

	for (b = 0; b < TCP_BUCKETS; b++)
		for (i = 0; i < TCP_WAYS; i++)
			n += t->conn[b][i].state == state;
	return (n);
}
