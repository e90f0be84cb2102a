/*
 * IKE heartbeats: hellos that both ends send unsolicited, so that each detects the death of the
 * other. ike/heartbeat.h describes the format and its relation to ScreenOS.
 *
 * Numbers: a hello whose number is not above all before it is a replay and does not count
 * as a sign of life. Two processes may send under one SA, the resident engine and a dpd-ping
 * --heartbeat, so each continues above the highest number that the peer reports.
 */
#include "ike/v1/heartbeat.h"

#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"

struct span
v1_heartbeat_vid(uint8_t buf[HEARTBEAT_VID_LEN], uint32_t interval_ms)
{
	const struct vid *v = vid_of(VID_HEARTBEAT);

	memcpy(buf, v->bytes.p, v->bytes.len);
	put_be32(buf + v->bytes.len, interval_ms);
	return (span_of(buf, HEARTBEAT_VID_LEN));
}

static bool
is_interval(uint32_t ms)
{
	return (ms >= HEARTBEAT_MIN_MS && ms <= HEARTBEAT_MAX_MS);
}

uint32_t
v1_heartbeat_vid_ms(struct span body)
{
	const struct vid *v = vid_find(body);
	uint32_t ms;

	if (v == NULL || v->kind != VID_HEARTBEAT || body.len != HEARTBEAT_VID_LEN)
		return (0);
	ms = get_be32(body.p + v->bytes.len);
	return (is_interval(ms) ? ms : 0);
}

uint32_t
ike_heartbeat_announced(const struct sa_ike *s)
{
	uint32_t ms = 0;
	size_t i;

	for (i = 0; i < s->n_vids && ms == 0; i++)
		ms = v1_heartbeat_vid_ms(span_of(s->vids[i].b, s->vids[i].len));
	return (ms);
}

uint32_t
v1_heartbeat_announced(const struct v1_sa *sa)
{
	struct span body;
	uint32_t ms = 0;
	size_t at = 0;

	while (ms == 0 && v1_vids_next(&sa->vids, &at, &body))
		ms = v1_heartbeat_vid_ms(body);
	return (ms);
}

/* --- hellos --- */

/* Both cookies, the sender's first; ${ours}: we send. */
static void
spi_of(const struct v1_sa *sa, bool ours, uint8_t spi[2 * COOKIE_LEN])
{
	const struct ike_sa *s = &sa->ike;
	bool by_initiator = ours == (s->role == SA_INITIATOR);

	memcpy(spi, by_initiator ? s->spi_i : s->spi_r, COOKIE_LEN);
	memcpy(spi + COOKIE_LEN, by_initiator ? s->spi_r : s->spi_i, COOKIE_LEN);
}

void
v1_heartbeat_send(struct v1_sa *sa, const struct ike_hello *h, struct ike_outbox *out)
{
	uint8_t spi[2 * COOKIE_LEN], data[HELLO_LEN];

	spi_of(sa, true, spi);
	put_be32(data, h->seq);
	put_be32(data + 4, h->interval_ms);
	put_be32(data + 8, h->heard);
	v1_info_notify(sa, PROTO_ISAKMP, NOTIFY_HEARTBEAT, SPAN_ARRAY(spi), SPAN_ARRAY(data), out);
}

bool
v1_heartbeat_get(const struct v1_sa *sa, const struct isakmp_msg *m, struct ike_hello *h)
{
	struct isakmp_notify n;
	uint8_t spi[2 * COOKIE_LEN];

	*h = (struct ike_hello){0};
	if (m->n != 2 || m->pl[1].type != PAYLOAD_N ||
	    isakmp_notify_get(&n, m->pl[1].body, NULL) != 0 || n.type != NOTIFY_HEARTBEAT)
		return (false);
	spi_of(sa, false, spi);
	if (n.data.len != HELLO_LEN || !span_eq(n.spi, SPAN_ARRAY(spi)) ||
	    !is_interval(get_be32(n.data.p + 4)))
		return (true);
	h->seq = get_be32(n.data.p);
	h->interval_ms = get_be32(n.data.p + 4);
	h->heard = get_be32(n.data.p + 8);
	return (true);
}

bool
v1_heartbeat_newer(uint32_t seq, uint32_t than)
{
	return (than == 0 || (int32_t)(seq - than) > 0);
}

/* --- the two ends --- */

/* The next hello is due after one interval; half an interval more allows for a late one. */
static uint64_t
hello_timeout(struct now now, uint32_t interval_ms)
{
	return (now.ms + interval_ms + interval_ms / 2);
}

void
v1_heartbeat_start(struct v1_sa *sa, struct now now)
{
	sa->hb.peer_ms = v1_heartbeat_announced(sa);
	if (sa->ike.adopted)	/* the earlier announcement is not known: use the present configuration */
		sa->hb.own_ms = sa->ike.policy->heartbeat_ms;
	if (sa->hb.own_ms == 0 || sa->hb.peer_ms == 0)
		return;
	sa->hb.send_ms = now.ms;
	sa->hb.late_ms = hello_timeout(now, sa->hb.peer_ms);
}

void
v1_heartbeat_stop(struct v1_sa *sa)
{
	sa->hb.send_ms = sa->hb.late_ms = UINT64_MAX;
}

uint64_t
v1_heartbeat_deadline(const struct v1_sa *sa)
{
	return (sa->hb.send_ms < sa->hb.late_ms ? sa->hb.send_ms : sa->hb.late_ms);
}

bool
v1_heartbeat_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	uint32_t threshold = sa->ike.policy->heartbeat_threshold;
	struct ike_hello h = { .interval_ms = sa->hb.own_ms, .heard = sa->hb.seq_in };

	if (now.ms >= sa->hb.send_ms) {
		h.seq = sa->hb.seq_out += sa->hb.seq_out == UINT32_MAX ? 2 : 1;	/* 0 is none */
		/* In step, however late this call comes. */
		sa->hb.send_ms += ((now.ms - sa->hb.send_ms) / sa->hb.own_ms + 1) * sa->hb.own_ms;
		v1_heartbeat_send(sa, &h, out);
	}
	if (now.ms < sa->hb.late_ms)
		return (true);
	/* One timeout counts one hello, however late: this process may have been stopped for an hour. */
	sa->hb.late_ms = now.ms + sa->hb.peer_ms;
	if (++sa->hb.lost < threshold) {
		ike_sa_note(&sa->ike, out, NOTE_INFO, "%u of %u heartbeats of the peer lost, the last was %u",
		    sa->hb.lost, threshold, sa->hb.seq_in);
		return (true);
	}
	ike_sa_note(&sa->ike, out, NOTE_WARN, "the peer is dead: %u heartbeats lost", sa->hb.lost);
	return (false);
}

bool
v1_heartbeat_take(struct v1_sa *sa, struct now now, const struct ike_hello *h,
    struct ike_outbox *out)
{
	if (!v1_heartbeat_newer(h->seq, sa->hb.seq_in)) {
		ike_sa_note(&sa->ike, out, NOTE_DEBUG, "heartbeat %u is a replay: %u was heard", h->seq,
		    sa->hb.seq_in);
		return (false);
	}
	ike_sa_note(&sa->ike, out, sa->hb.lost > 0 ? NOTE_INFO : NOTE_DEBUG, "heartbeat %u of the peer%s",
	    h->seq, sa->hb.lost > 0 ? ": it is back" : "");
	sa->hb.seq_in = h->seq;
	sa->hb.peer_ms = h->interval_ms;
	sa->hb.lost = 0;
	if (sa->hb.late_ms != UINT64_MAX)
		sa->hb.late_ms = hello_timeout(now, sa->hb.peer_ms);
	/* Above the numbers of this process: another process sends under this SA, too. */
	if (h->heard != 0 && v1_heartbeat_newer(h->heard, sa->hb.seq_out))
		sa->hb.seq_out = h->heard;
	return (true);
}
