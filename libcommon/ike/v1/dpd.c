/*
 * Dead peer detection, RFC 3706.
 *
 * Numbers: a peer may drop an R-U-THERE whose number is not above all earlier ones. Two
 * processes may send R-U-THEREs under one SA: the resident engine and an occasional dpd-ping.
 * Neither knows the numbers of the other. Both count up one by one from a base that is derived from
 * the cookies. A process that does not know the current number computes it from the time since the machine started, which
 * all of its processes share and nobody sets: a hundred a second, which is faster than any process sends. The engine
 * also receives the ACKs of the other process, and continues above their numbers.
 */
#include "ike/v1/dpd.h"

#include <stdio.h>

#include "ike/v1run/ike_sa.h"
#include "ike/v1run/info_send.h"

/* R-U-THEREs whose number is at most this far back are late, not replayed. */
#define DPD_WINDOW	16
#define DPD_TICK_MS	10	/* a number each */
#define DPD_LAP		(1U << 30)	/* ticks: 124 days */

/*
 * RFC 3706 section 5.4 wants a random start with the top bit zero: cookies are random, and the ticks of one lap have 30 bits.
 */
static uint32_t
base(const struct v1_sa *sa)
{
	return ((get_be32(sa->ike.spi_i) ^ get_be32(sa->ike.spi_r)) & 0x3fffffff);
}

/*
 * The date only says in which lap the SA was established, so that its numbers go on in the next one. An SA that is older than
 * this start of the machine gets the lap above all of an earlier start.
 */
uint32_t
v1_dpd_start(const struct v1_sa *sa, struct now now)
{
	uint64_t date_ms = now_epoch_ms(now), begun_ms = sa->ike.established * 1000;
	uint64_t age_ms = date_ms > begun_ms ? date_ms - begun_ms : 0;
	uint64_t ticks = now.ms / DPD_TICK_MS, first = now.ms > age_ms ? (now.ms - age_ms) / DPD_TICK_MS : 0;
	uint32_t seq;

	ticks = now.ms + 1000 < age_ms ? DPD_LAP + ticks % DPD_LAP : ticks - first / DPD_LAP * DPD_LAP;
	seq = base(sa) + (uint32_t)ticks;
	if (sa->dpd.has_seq_out && (int32_t)(seq - sa->dpd.seq_out) <= 0)
		seq = sa->dpd.seq_out + 1;
	return (seq);
}

void
v1_dpd_leap(struct v1_sa *sa, struct now now)
{
	sa->dpd.seq_out = base(sa) + DPD_LAP + (uint32_t)(now.ms / DPD_TICK_MS % DPD_LAP);
	sa->dpd.has_seq_out = true;
}

void
v1_dpd_send(struct v1_sa *sa, uint16_t type, uint32_t seq, struct ike_outbox *out)
{
	uint8_t spi[2 * COOKIE_LEN], data[4];

	v1_sa_id(sa, spi);
	put_be32(data, seq);
	v1_info_notify(sa, PROTO_ISAKMP, type, SPAN_ARRAY(spi), SPAN_ARRAY(data), out);
}

bool
v1_dpd_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	const struct ike_policy *p = sa->ike.policy;
	uint64_t idle_ms = (uint64_t)p->dpd_seconds * 1000, retry_ms;

	if (now.ms < sa->dpd.at_ms)
		return (true);
	if (sa->dpd.tries == 0 && now.ms < sa->ike.heard_ms + idle_ms) {
		sa->dpd.at_ms = sa->ike.heard_ms + idle_ms;	/* it was heard since */
		return (true);
	}
	if (sa->dpd.tries >= p->dpd_tries) {
		if (sa->dpd.odd > 0)
			ike_sa_note(&sa->ike, out, NOTE_WARN, "the peer is taken for dead: it answered %u of %u "
			    "R-U-THERE, and wrongly (%s)", sa->dpd.odd, sa->dpd.tries, sa->dpd.odd_why);
		else
			ike_sa_note(&sa->ike, out, NOTE_WARN, "the peer is dead: %u R-U-THERE unanswered",
			    sa->dpd.tries);
		return (false);
	}
	/* No answer: lost, or its number was too low. The next number is above all of this second. */
	if (sa->dpd.tries > 0)
		sa->dpd.seq_out = v1_dpd_start(sa, (struct now){ .ms = now.ms + 1000, .epoch = now.epoch + 1 });
	else {
		sa->dpd.odd = 0;
		sa->dpd.first = sa->dpd.seq_out = sa->dpd.has_seq_out ? sa->dpd.seq_out + 1 : base(sa);
	}
	sa->dpd.has_seq_out = true;
	sa->dpd.tries++;
	retry_ms = idle_ms < V1_DPD_RETRY_MS ? idle_ms : V1_DPD_RETRY_MS;
	sa->dpd.at_ms = now.ms + retry_ms;
	v1_dpd_send(sa, NOTIFY_R_U_THERE, sa->dpd.seq_out, out);
	return (true);
}

void
v1_dpd_check(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	if (!sa->dpd.peer_can || sa->ike.state != IKE_SA_ESTABLISHED ||
	    (sa->dpd.checking && now.ms < sa->dpd.check_ms + V1_DPD_RETRY_MS))
		return;
	sa->dpd.checking = true;
	sa->dpd.alive = false;
	sa->dpd.check_ms = now.ms;
	if (sa->dpd.tries > 0) {	/* a question is on its way already */
		sa->dpd.check = sa->dpd.first;
		return;
	}
	sa->dpd.check = sa->dpd.seq_out = v1_dpd_start(sa, now);
	sa->dpd.has_seq_out = true;
	v1_dpd_send(sa, NOTIFY_R_U_THERE, sa->dpd.check, out);
}

bool
v1_dpd_checked(const struct v1_sa *sa, uint64_t since_ms)
{
	return (sa->dpd.checking && sa->dpd.check_ms >= since_ms);
}

bool
v1_dpd_number(const struct v1_sa *sa, const struct isakmp_notify *n, uint32_t *seq)
{
	uint8_t id[2 * COOKIE_LEN];

	v1_sa_id(sa, id);
	if (n->data.len != 4 || !span_eq(n->spi, SPAN_ARRAY(id)))
		return (false);
	*seq = get_be32(n->data.p);
	return (true);
}

bool
v1_dpd_newest(const struct v1_sa *sa, const struct isakmp_notify *n)
{
	uint32_t seq;

	if (n->type != NOTIFY_R_U_THERE && n->type != NOTIFY_R_U_THERE_ACK)
		return (true);
	if (!v1_dpd_number(sa, n, &seq))
		return (false);
	if (n->type == NOTIFY_R_U_THERE)
		return (!sa->dpd.has_seq_in || (int32_t)(seq - sa->dpd.seq_in) > 0);
	return (sa->dpd.has_seq_out && (int32_t)(seq - sa->dpd.seq_out) >= 0);
}

/* An ACK that answers nothing that was asked: RFC 3706 section 6.1 wants it refused, and people want to know. */
static void
odd(struct v1_sa *sa, struct ike_outbox *out)
{
	sa->dpd.odd++;
	if (!sa->dpd.odd_said)
		ike_sa_note(&sa->ike, out, NOTE_WARN, "the peer's dead peer detection is at fault: it answers "
		    "R-U-THERE %s; set its DPD right, or ours off (--dpd-interval 0)", sa->dpd.odd_why);
	sa->dpd.odd_said = true;
}

const char *
v1_dpd_odd(const struct v1_sa *sa, const struct isakmp_notify *n, uint32_t asked, char text[V1_DPD_ODD])
{
	uint32_t seq;

	if (n->data.len != 4)
		(void)snprintf(text, V1_DPD_ODD, "with %zu bytes in place of the number", n->data.len);
	else if (v1_dpd_number(sa, n, &seq))
		(void)snprintf(text, V1_DPD_ODD, "with number %u where %u was asked", seq, asked);
	else if (n->spi.len == 0)
		(void)snprintf(text, V1_DPD_ODD, "without the cookies of this IKE SA");
	else
		(void)snprintf(text, V1_DPD_ODD, "with other cookies than those of this IKE SA");
	return (text);
}

void
v1_dpd_take_again(struct v1_sa *sa, const struct isakmp_notify *n, struct ike_outbox *out)
{
	/* HASH(1) is the peer's, since this end has sent no ACK under that message ID; it may be an old one. */
	if (n->type != NOTIFY_R_U_THERE_ACK || sa->dpd.tries == 0)
		return;
	(void)snprintf(sa->dpd.odd_why, sizeof(sa->dpd.odd_why), "under the message ID of another message");
	odd(sa, out);
}

void
v1_dpd_take(struct v1_sa *sa, const struct isakmp_notify *n, struct ike_outbox *out)
{
	bool about = v1_dpd_number(sa, n, &(uint32_t){0});
	uint32_t seq = about ? get_be32(n->data.p) : 0;

	if (n->type == NOTIFY_R_U_THERE_ACK && sa->dpd.tries > 0 &&
	    (!about || (int32_t)(seq - sa->dpd.first) < -DPD_WINDOW)) {
		(void)v1_dpd_odd(sa, n, sa->dpd.seq_out, sa->dpd.odd_why);
		odd(sa, out);
	}
	if (!about)
		return;
	if (n->type == NOTIFY_R_U_THERE) {
		/* A number far below the last is a replay (RFC 3706 section 6.3). */
		if (sa->dpd.has_seq_in && (int32_t)(seq - sa->dpd.seq_in) < -DPD_WINDOW)
			return;
		if (!sa->dpd.has_seq_in || (int32_t)(seq - sa->dpd.seq_in) > 0)
			sa->dpd.seq_in = seq;
		sa->dpd.has_seq_in = true;
		v1_dpd_send(sa, NOTIFY_R_U_THERE_ACK, seq, out);
		return;
	}
	/* Below the first number of this round it may be a late answer. Above the last one it answers
	 * another process, and proves as well that the peer is alive. */
	if (sa->dpd.tries > 0 && (int32_t)(seq - sa->dpd.first) >= 0)
		sa->dpd.tries = sa->dpd.odd = 0;
	if (sa->dpd.checking && (int32_t)(seq - sa->dpd.check) >= 0)
		sa->dpd.alive = true;
	if (!sa->dpd.has_seq_out || (int32_t)(seq - sa->dpd.seq_out) > 0)
		sa->dpd.seq_out = seq;
	sa->dpd.has_seq_out = true;
}
