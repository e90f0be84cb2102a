/*
 * Cisco's TCP encapsulation: segments of a stranger and of a peer, packets of our own and the passage of time, for the codec
 * and the table of connections. Each operation is 20 bytes of input and a payload.
 */
#include <stdlib.h>

#include "port/tcp_conn.h"
#include "must.h"

#define OP	20

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Every packet lies in the payload, and each step advances. */
static void
cut_packets(struct span payload)
{
	struct span data, one;
	size_t len;

	while (payload.len > 0 && (len = ctcp_packet_len(payload)) > 0) {
		must(len <= payload.len);
		one = span_of(payload.p, len);
		if (ctcp_packet_get(&data, one) != 0)
			must(data.p >= one.p && data.p + data.len + CTCP_TRAILER <= one.p + one.len);
		payload = span_of(payload.p + len, payload.len - len);
	}
}

static void
on_each(void *ctx, const struct tcp_conn *c, const struct tcp_step *step)
{
	must(c->state <= TCP_DOWN && (step->send || step->event != TCP_NOTHING));
	*(size_t *)ctx += 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tcp_table *t;
	struct endpoint local = { .addr = { 4, { 192, 0, 2, 1 }, 0 }, .port = CTCP_PORT }, remote = local;
	uint64_t now = 1000;
	uint32_t syn_ack = 0;
	size_t up = 0, told = 0;

	if (t == NULL && (t = malloc(sizeof(*t))) == NULL)
		return (0);
	memset(t, 0, sizeof(*t));
	memset(t->key, 7, sizeof(t->key));
	for (; size >= OP; data += OP, size -= OP) {
		struct ctcp_segment s = { .sport = CTCP_PORT, .dport = CTCP_PORT, .flags = data[1] & 0x1f,
		    .seq = get_be32(data + 4), .ack = get_be32(data + 8) };
		size_t len = data[2] < size - OP ? data[2] : size - OP;
		struct tcp_step step;
		struct ctcp_mark mark;

		remote.addr.b[3] = data[3];
		/* The one number that a fuzzer cannot guess is that of our own SYN-ACK. */
		if (data[12] == 1)
			s.ack = syn_ack + 1;
		s.payload = span_of(data + OP, len);
		switch (data[0] % 4) {
		case 0:
			tcp_receive(t, now, &local, &remote, &s, &step);
			if (step.send && step.out.flags == (CTCP_SYN | CTCP_ACK))
				syn_ack = step.out.seq;
			must(!step.send || step.out.payload.len == 0);
			if (step.deliver)
				cut_packets(s.payload);
			break;
		case 1:
			if (tcp_send(t, now, &local, &remote, len, data[13] & 1, &mark, &s, &step) == TCP_SEND)
				must(s.flags == CTCP_ACK && s.dport == remote.port);
			break;
		case 2:
			now += get_be16(data + 14);
			tcp_tick(t, now, on_each, &told);
			break;
		case 3:
			(void)ctcp_segment_get(&s, span_of(data + OP, len));
			cut_packets(span_of(data + OP, len));
			tcp_proven(t, &local, &remote);
			break;
		}
		data += len;
		size -= len;
	}
	up = tcp_count(t, TCP_UP);
	told = 0;
	tcp_close(t, on_each, &told);
	must(told >= up && tcp_count(t, TCP_FREE) == TCP_BUCKETS * TCP_WAYS);
	return (0);
}
