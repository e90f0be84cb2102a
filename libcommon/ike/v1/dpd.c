/*
 * Dead peer detection, RFC 3706: a question when nothing was heard for a while.
 */
#include "ike/v1/sa.h"

/* R-U-THEREs whose number lies no further back are late, not replayed. */
#define DPD_WINDOW	16

static void
dpd_send(struct v1_sa *sa, uint16_t type, uint32_t seq, struct ike_outbox *out)
{
	uint8_t spi[2 * COOKIE_LEN], data[4];

	v1_sa_id(sa, spi);
	put_be32(data, seq);
	v1_info_notify(sa, PROTO_ISAKMP, type, SPAN_ARRAY(spi), SPAN_ARRAY(data), out);
}


bool
v1_dpd_timeout(struct v1_sa *sa, struct ike_now now, struct ike_outbox *out)
{
	const struct ike_policy *p = sa->policy;
	struct sa_ike *s = &sa->rec.ike;
	struct rand *r = &sa->engine->conf.rand;
	uint64_t idle_ms = (uint64_t)p->dpd_seconds * 1000, retry_ms;
	uint8_t seq[4];

	if (now.ms < sa->dpd.at_ms)
		return (true);
	if (sa->dpd.tries == 0 && now.ms < sa->heard_ms + idle_ms) {
		sa->dpd.at_ms = sa->heard_ms + idle_ms;	/* it was heard since */
		return (true);
	}
	if (sa->dpd.tries >= p->dpd_tries) {
		outbox_note(out, NOTE_WARN, "the peer is dead: %u R-U-THERE unanswered",
		    sa->dpd.tries);
		return (false);
	}
	if (!s->has_dpd_seq) {
		/* RFC 3706 section 6.2: it starts at random, with the top bit zero. */
		if (r->fill(r->state, seq, sizeof(seq)) != 0)
			return (true);
		s->dpd_seq = get_be32(seq) & 0x7fffffff;
		s->has_dpd_seq = true;
	} else if (sa->dpd.tries == 0)
		s->dpd_seq++;
	sa->dpd.tries++;
	retry_ms = idle_ms < V1_DPD_RETRY_MS ? idle_ms : V1_DPD_RETRY_MS;
	sa->dpd.at_ms = now.ms + retry_ms;
	dpd_send(sa, NOTIFY_R_U_THERE, s->dpd_seq, out);
	return (true);
}


void
v1_dpd_take(struct v1_sa *sa, const struct isakmp_notify *n, struct ike_outbox *out)
{
	uint8_t id[16];
	uint32_t seq;

	v1_sa_id(sa, id);
	if (n->data.len != 4 || !span_eq(n->spi, SPAN_ARRAY(id)))
		return;
	seq = get_be32(n->data.p);
	if (n->type == NOTIFY_R_U_THERE) {
		/* A number far below the last is a replay (RFC 3706 section 6.3). */
		if (sa->dpd.has_seq_in && (int32_t)(seq - sa->dpd.seq_in) < -DPD_WINDOW)
			return;
		if (!sa->dpd.has_seq_in || (int32_t)(seq - sa->dpd.seq_in) > 0)
			sa->dpd.seq_in = seq;
		sa->dpd.has_seq_in = true;
		dpd_send(sa, NOTIFY_R_U_THERE_ACK, seq, out);
	} else if (seq == sa->rec.ike.dpd_seq)
		sa->dpd.tries = 0;
}
