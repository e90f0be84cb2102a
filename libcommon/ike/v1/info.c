/*
 * Informational exchanges, RFC 2409 section 5.7: notifies, deletes, and DPD
 * (RFC 3706). One message each way, none of them answered but R-U-THERE.
 */
#include <stdio.h>

#include "ike/v1/sa.h"

#define INFO_MAX	1024	/* bytes of an informational message that we build */
/* R-U-THEREs whose number lies no further back are late, not replayed. */
#define DPD_WINDOW	16

/* --- sending --- */

/* Sends one payload under the SA's keys: HDR*, HASH(1), N or D. */
static void
send_secret(struct v1_sa *sa, uint8_t type, struct span body, struct ike_outbox *out)
{
	struct rand *r = &sa->engine->conf.rand;
	uint8_t buf[INFO_MAX], mid[4], iv[BLOCK_MAX], digest[HASH_MAX] = {0};
	size_t len = sa->proposal.hash->len, at = ISAKMP_HDR_LEN + ISAKMP_PAYLOAD_HDR_LEN;
	struct isakmp_builder b;
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO };
	struct fault f;

	do {
		if (r->fill(r->state, mid, sizeof(mid)) != 0)
			return;
	} while (get_be32(mid) == 0);
	h.mid = get_be32(mid);
	memcpy(h.cky_i, sa->rec.ike.spi_i, COOKIE_LEN);
	memcpy(h.cky_r, sa->rec.ike.spi_r, COOKIE_LEN);
	isakmp_begin(&b, buf, sizeof(buf), &h);
	isakmp_payload_put(&b, PAYLOAD_HASH, span_of(digest, len));
	isakmp_payload_put(&b, type, body);
	if (b.w.bad || v1_quick_hash1(sa->proposal.hash, secret_span(&sa->rec.ike.skeyid_a),
	    h.mid, span_of(buf + at + len, b.w.len - at - len), digest, &f) != 0)
		return;
	memcpy(buf + at, digest, len);
	if (v1_sa_message_iv(sa, h.mid, iv, &f) != 0 || v1_encrypt(sa, iv, &b, &f) != 0)
		return;
	v1_sa_send(sa, isakmp_end(&b), out);
}

static struct span
notify_body(uint8_t *buf, size_t cap, uint8_t proto, uint16_t type, struct span spi,
    struct span data)
{
	struct wr w = wr_of(buf, cap);
	struct isakmp_notify n = {
		.doi = DOI_IPSEC, .proto = proto, .type = type, .spi = spi, .data = data,
	};

	isakmp_notify_put(&w, &n);
	return (wr_span(&w));
}

void
v1_info_notify(struct v1_sa *sa, uint8_t proto, uint16_t type, struct span spi,
    struct span data, struct ike_outbox *out)
{
	uint8_t buf[INFO_MAX / 2];

	send_secret(sa, PAYLOAD_N, notify_body(buf, sizeof(buf), proto, type, spi, data), out);
}

void
v1_info_notify_clear(struct v1_sa *sa, uint16_t type, struct ike_outbox *out)
{
	uint8_t buf[INFO_MAX], body[INFO_MAX / 2], mid[4];
	struct rand *r = &sa->engine->conf.rand;
	struct isakmp_builder b;
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_INFO };

	if (r->fill(r->state, mid, sizeof(mid)) != 0)
		return;
	h.mid = get_be32(mid);
	memcpy(h.cky_i, sa->rec.ike.spi_i, COOKIE_LEN);
	memcpy(h.cky_r, sa->rec.ike.spi_r, COOKIE_LEN);
	isakmp_begin(&b, buf, sizeof(buf), &h);
	isakmp_payload_put(&b, PAYLOAD_N,
	    notify_body(body, sizeof(body), PROTO_ISAKMP, type, SPAN_NONE, SPAN_NONE));
	v1_sa_send(sa, isakmp_end(&b), out);
}

void
v1_info_delete(struct v1_sa *sa, uint8_t proto, struct span spi, struct ike_outbox *out)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct isakmp_delete d = {
		.doi = DOI_IPSEC, .proto = proto, .spi_len = (uint8_t)spi.len, .n = 1, .spis = spi,
	};

	isakmp_delete_put(&w, &d);
	send_secret(sa, PAYLOAD_D, wr_span(&w), out);
}

/* --- DPD --- */

static void
dpd_send(struct v1_sa *sa, uint16_t type, uint32_t seq, struct ike_outbox *out)
{
	uint8_t spi[2 * COOKIE_LEN], data[4];

	v1_sa_id(sa, spi);
	put_be32(data, seq);
	v1_info_notify(sa, PROTO_ISAKMP, type, SPAN_ARRAY(spi), SPAN_ARRAY(data), out);
}

void
v1_dpd_timeout(struct v1_sa *sa, struct ike_now now, struct ike_outbox *out)
{
	const struct ike_policy *p = sa->policy;
	struct sa_ike *s = &sa->rec.ike;
	struct rand *r = &sa->engine->conf.rand;
	uint64_t idle_ms = (uint64_t)p->dpd_seconds * 1000, retry_ms;
	uint8_t seq[4];

	if (now.ms < sa->dpd.at_ms)
		return;
	if (sa->dpd.tries == 0 && now.ms < sa->heard_ms + idle_ms) {
		sa->dpd.at_ms = sa->heard_ms + idle_ms;	/* it was heard since */
		return;
	}
	if (sa->dpd.tries >= p->dpd_tries) {
		outbox_note(out, NOTE_WARN, "the peer is dead: %u R-U-THERE unanswered",
		    sa->dpd.tries);
		v1_sa_dead(sa, now, out);
		return;
	}
	if (!s->has_dpd_seq) {
		/* RFC 3706 section 6.2: it starts at random, with the top bit zero. */
		if (r->fill(r->state, seq, sizeof(seq)) != 0)
			return;
		s->dpd_seq = get_be32(seq) & 0x7fffffff;
		s->has_dpd_seq = true;
	} else if (sa->dpd.tries == 0)
		s->dpd_seq++;
	sa->dpd.tries++;
	retry_ms = idle_ms < V1_DPD_RETRY_MS ? idle_ms : V1_DPD_RETRY_MS;
	sa->dpd.at_ms = now.ms + retry_ms;
	dpd_send(sa, NOTIFY_R_U_THERE, s->dpd_seq, out);
}

static void
take_dpd(struct v1_sa *sa, const struct isakmp_notify *n, struct ike_outbox *out)
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

/* --- what the peer's notifies mean --- */

void
v1_notify_fault(struct fault *f, uint16_t type, const struct v1_exchange *x)
{
	char name[NUM_TEXT];
	const char *said = isakmp_notify_name(type, name);
	bool phase1 = x->mid == 0;

	switch (type) {
	case NOTIFY_NO_PROPOSAL_CHOSEN:
	case NOTIFY_ATTRIBUTES_NOT_SUPPORTED:
	case NOTIFY_BAD_PROPOSAL_SYNTAX:
		(void)fault(f, !phase1 && x->quick->pfs != NULL ? FAULT_PFS_MISMATCH :
		    FAULT_NO_PROPOSAL, "the peer takes none of our proposals (%s)", said);
		break;
	case NOTIFY_INVALID_ID_INFORMATION:
		if (phase1)
			(void)fault(f, FAULT_ID_MISMATCH,
			    "the peer does not accept our identity (%s)", said);
		else
			(void)fault(f, FAULT_TS_MISMATCH,
			    "the peer does not accept the traffic selectors (%s)", said);
		break;
	case NOTIFY_PAYLOAD_MALFORMED:
	case NOTIFY_INVALID_PAYLOAD_TYPE:
	case NOTIFY_UNEQUAL_PAYLOAD_LENGTHS:
		if (phase1 && x->at >= 5)
			(void)fault(f, FAULT_WRONG_PSK,
			    "the peer could not read our proof (%s): "
			    "the two ends' pre-shared keys differ", said);
		else
			(void)fault(f, FAULT_PEER_NOTIFY, "the peer says %s", said);
		break;
	case NOTIFY_AUTHENTICATION_FAILED:
	case NOTIFY_INVALID_HASH_INFORMATION:
		(void)fault(f, phase1 ? FAULT_WRONG_PSK : FAULT_AUTH_FAILED,
		    "the peer rejects our proof (%s)", said);
		break;
	default:
		(void)fault(f, FAULT_PEER_NOTIFY, "the peer says %s", said);
	}
}

/* The exchange that an error notify is about: the newest that still waits. */
static struct v1_exchange *
waiting(struct v1_sa *sa)
{
	struct v1_exchange *x;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if (!x->over && x->role == SA_INITIATOR)
			return (x);
	return (NULL);
}

static void
take_notify(struct v1_sa *sa, struct ike_now now, struct span body, bool authentic,
    struct ike_outbox *out)
{
	struct isakmp_notify n;
	struct v1_exchange *x;
	struct fault f = {0};
	char name[NUM_TEXT];

	if (isakmp_notify_get(&n, body, &f) != 0)
		return;
	if (authentic && (n.type == NOTIFY_R_U_THERE || n.type == NOTIFY_R_U_THERE_ACK)) {
		take_dpd(sa, &n, out);
		return;
	}
	outbox_note(out, authentic ? NOTE_INFO : NOTE_DEBUG, "the peer says %s%s",
	    isakmp_notify_name(n.type, name), authentic ? "" : " (in clear: a hint, no more)");
	/* Status notifies fail nothing. */
	if (n.type >= NOTIFY_CONNECTED || (x = waiting(sa)) == NULL)
		return;
	v1_notify_fault(&f, n.type, x);
	v1_exchange_where(x, x->at > 0 ? x->at - 1 : 0, &f);
	/* Only quick mode has a peer that has proven itself. */
	if (authentic && x->mid != 0)
		v1_exchange_fail(x, now, &f, out);
	else
		v1_exchange_hint(x, now, &f, out);
}

/* --- deletes --- */

static void
take_delete(struct v1_sa *sa, struct ike_now now, struct span body, struct ike_outbox *out)
{
	struct isakmp_delete d;
	struct v1_child *c;
	struct fault f;
	uint8_t id[16];
	size_t i;

	if (isakmp_delete_get(&d, body, &f) != 0)
		return;
	v1_sa_id(sa, id);
	for (i = 0; i < d.n; i++) {
		const uint8_t *spi = d.spis.p + i * d.spi_len;
		struct v1_sa *of;

		if (d.proto == PROTO_ISAKMP && d.spi_len == 16) {
			/* Of this SA, or of another with the same, proven, peer. */
			of = v1_engine_find(sa->engine, spi, spi + COOKIE_LEN);
			if (of != NULL && of->state == V1_UP && v1_same_peer(of, sa))
				v1_sa_end(of, now, "deleted by the peer", false, out);
		} else if ((d.proto == PROTO_ESP || d.proto == PROTO_AH) && d.spi_len == 4) {
			/* The SPI is the one that the peer receives with. */
			c = v1_child_find(sa->engine, &sa->rec.ike.remote.at.addr,
			    d.proto == PROTO_AH ? SA_AH : SA_ESP, NULL, spi);
			if (c != NULL)
				v1_child_lost(sa, c, now, out);
		}
	}
}

/* --- receiving --- */

static void
take_clear(struct v1_sa *sa, struct ike_now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out)
{
	struct isakmp_msg m = { .hdr = *h };
	struct fault f;
	size_t i;

	if (isakmp_chain_get(&m, span_of(dgram.p + ISAKMP_HDR_LEN, h->length - ISAKMP_HDR_LEN),
	    false, &f) != 0)
		return;
	for (i = 0; i < m.n; i++)
		if (m.pl[i].type == PAYLOAD_N)
			take_notify(sa, now, m.pl[i].body, false, out);
		else if (m.pl[i].type == PAYLOAD_D)
			outbox_note(out, NOTE_INFO, "a delete in clear is not obeyed");
}

/* An answer to our proof that makes no sense under our keys. */
static void
take_nonsense(struct v1_sa *sa, struct ike_now now, struct ike_outbox *out)
{
	struct v1_exchange *x = v1_sa_exchange(sa, 0);
	struct fault f = {0};

	if (sa->state != V1_LARVAL || x == NULL || x->over || x->role != SA_INITIATOR ||
	    x->kind->number != EXCHANGE_MAIN || x->at < 5)
		return;
	(void)fault(&f, FAULT_WRONG_PSK, "the peer's answer to our proof decrypts to nonsense: "
	    "the two ends' pre-shared keys differ");
	v1_exchange_where(x, x->at - 1, &f);
	v1_exchange_hint(x, now, &f, out);
}

void
v1_info_datagram(struct v1_sa *sa, struct ike_now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out)
{
	uint8_t buf[ISAKMP_MSG_MAX], iv[BLOCK_MAX], expected[HASH_MAX];
	struct isakmp_msg m = { .hdr = *h };
	const struct isakmp_payload *last;
	const uint8_t *rest;
	struct fault f;
	size_t i;

	if ((h->flags & ISAKMP_FLAG_ENCRYPTED) == 0) {
		take_clear(sa, now, h, dgram, out);
		return;
	}
	if (sa->rec.ike.cipher.len == 0)
		return;
	if (v1_sa_message_iv(sa, h->mid, iv, &f) != 0 ||
	    v1_decrypt(sa, iv, h, dgram, buf, &f) != 0 ||
	    isakmp_chain_get(&m, span_of(buf + ISAKMP_HDR_LEN, h->length - ISAKMP_HDR_LEN),
	    true, &f) != 0 || m.n < 2 || m.pl[0].type != PAYLOAD_HASH) {
		take_nonsense(sa, now, out);
		return;
	}
	last = &m.pl[m.n - 1];
	rest = m.pl[0].raw.p + m.pl[0].raw.len;
	if (v1_quick_hash1(sa->proposal.hash, secret_span(&sa->rec.ike.skeyid_a), h->mid,
	    span_of(rest, (size_t)(last->raw.p + last->raw.len - rest)), expected, &f) != 0)
		return;
	if (!ct_eq(span_of(expected, sa->proposal.hash->len), m.pl[0].body)) {
		outbox_note(out, NOTE_INFO, "an informational message with a wrong HASH(1) is ignored");
		return;
	}
	if (sa->state == V1_UP) {
		v1_sa_follow(sa, out);
		v1_sa_heard(sa, now);
	}
	for (i = 1; i < m.n; i++)
		if (m.pl[i].type == PAYLOAD_N)
			take_notify(sa, now, m.pl[i].body, sa->state == V1_UP, out);
		else if (m.pl[i].type == PAYLOAD_D && sa->state == V1_UP)
			take_delete(sa, now, m.pl[i].body, out);
}
