/* The probing side: sends questions, handles their timeouts and the answers. */
#include "probe/ping.h"

#include <stdlib.h>

#include "probe/ping_priv.h"
#include "probe/probe.h"
#include "probe/probe_msg.h"

#define KNOCK_V2	1	/* after one silence IKE_SA_INIT is tried, then the other offers */
/*
 * A responder may answer a repeated message once in half a second, counted from its last answer (V1_AGAIN_MS of ours is
 * a little less). It gave that answer before we received it.
 */
#define REPEAT_MS	500

static struct ike_ping *
ping_new(const struct ike_ping_conf *conf, struct fault *f)
{
	struct ike_ping *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the probe");
		return (NULL);
	}
	p->conf = *conf;
	p->stats.min_us = UINT64_MAX;
	ike_policy_default(&p->policy);
	return (p);
}

struct ike_ping *
ike_ping_sa(const struct sa_ike *s, const struct ike_ping_conf *conf, struct now now,
    struct fault *f)
{
	struct ike_ping *p = ping_new(conf, f);
	struct ike_conf ec = { .rand = conf->rand };
	struct sa_rec rec = { .type = SA_IKE };
	int rc;

	if (p == NULL)
		return (NULL);
	if ((p->engine = ike_engine_new(&ec, f)) == NULL)
		goto bad;
	if (sa_ike_copy(&rec.ike, s) != 0) {
		(void)fault(f, FAULT_MEMORY, "no memory for the IKE SA");
		goto bad;
	}
	rc = ike_engine_adopt(p->engine, now, &rec, &p->policy, f);
	sa_rec_wipe(&rec);
	if (rc != 0)
		goto bad;
	p->sa = v1_sa_of(ike_sa_find(p->engine, s->spi_i, s->spi_r));
	p->remote = s->remote.at;
	p->seq = v1_dpd_start(p->sa, now) - 1;
	return (p);
bad:
	ike_ping_free(p);
	return (NULL);
}

struct ike_ping *
ike_ping_heartbeats(const struct sa_ike *s, const struct ike_ping_conf *conf,
    struct now now, struct fault *f)
{
	struct ike_ping *p;

	if (ike_heartbeat_announced(s) == 0) {
		(void)fault_because(f, CAUSE_NO_HEARTBEATS,
		    fault(f, FAULT_PROTOCOL, "the peer has not announced heartbeats under this IKE SA"));
		return (NULL);
	}
	if ((p = ike_ping_sa(s, conf, now, f)) != NULL)
		ping_hello_begin(p, now);
	return (p);
}

static int
new_cookie(struct ike_ping *p)
{
	p->renew = false;
	return (p->conf.rand.fill(p->conf.rand.state, p->cky_i, COOKIE_LEN));
}

struct ike_ping *
ike_ping_peer(const struct endpoint *local, const struct endpoint *remote,
    const struct ike_ping_conf *conf, struct fault *f)
{
	struct ike_ping *p = ping_new(conf, f);

	if (p == NULL)
		return (NULL);
	p->local = *local;
	p->remote = *remote;
	if (new_cookie(p) != 0) {
		(void)fault(f, FAULT_CRYPTO, "no random bytes");
		ike_ping_free(p);
		return (NULL);
	}
	return (p);
}

void
ike_ping_free(struct ike_ping *p)
{
	if (p == NULL)
		return;
	ike_engine_free(p->engine);
	ike_policy_wipe(&p->policy);
	free(p);
}

void
ike_ping_id(const struct ike_ping *p, uint8_t id[16])
{
	if (p->sa != NULL) {
		v1_sa_id(p->sa, id);
		return;
	}
	memset(id, 0, 16);
	memcpy(id, p->cky_i, COOKIE_LEN);
}

const struct ike_ping_stats *
ike_ping_stats(const struct ike_ping *p)
{
	return (&p->stats);
}

/* The last question has its outcome. */
static void
settle(struct ike_ping *p)
{
	p->waiting = false;
	if (p->conf.count != 0 && p->stats.sent >= p->conf.count)
		p->over = true;
}

/* --- asking --- */

/*
 * Without an SA, all questions use one cookie while the peer answers with a chosen proposal: it then
 * keeps one half-open exchange and answers apparent retransmissions. After any other result a new
 * cookie is used, and after a timeout another offer, too: some peers ignore offers that they reject.
 */
static void
knock(struct ike_ping *p, struct ike_outbox *out)
{
	uint8_t buf[PROBE_MSG_MAX];
	struct probe_offer offer;
	bool v2 = p->offer == KNOCK_V2;

	if (p->renew && new_cookie(p) != 0)
		return;
	if (!probe_offer_broad(&offer, p->offer - (p->offer > KNOCK_V2))) {
		p->offer = 0;
		(void)probe_offer_broad(&offer, 0);
	}
	/* Some gateways answer only who announces NAT traversal, and some only IKEv2. */
	outbox_datagram(out, &p->local, &p->remote, v2 ? ask_v2_init(buf, &p->conf.rand, p->cky_i, NULL, NULL) :
	    probe_main1(buf, p->cky_i, &offer, PROBE_VIDS));
}

static void
ask(struct ike_ping *p, struct now now, struct ike_outbox *out)
{
	uint32_t count = ++p->stats.sent;
	struct asked *a = &p->asked[count % ASKED_MAX];

	p->seq++;
	p->odd[0] = '\0';
	*a = (struct asked){ count, p->sa != NULL ? p->seq : count, now_us(now), false };
	if (p->sa != NULL)
		v1_dpd_send(p->sa, NOTIFY_R_U_THERE, p->seq, out);
	else
		knock(p, out);
	p->waiting = true;
	p->scolded = false;
	p->next_us = now_us(now) + (uint64_t)p->conf.interval_ms * 1000;
	p->give_up_us = now_us(now) + (uint64_t)p->conf.wait_ms * 1000;
}

static void
ping_timeout(void *machine, struct now now, struct ike_outbox *out)
{
	struct ike_ping *p = machine;

	if (p->over)
		return;
	if (p->listens) {
		ping_hello_timeout(p, now, out);
		return;
	}
	if (p->waiting && now_us(now) >= p->give_up_us) {
		if (!p->scolded && p->odd[0] != '\0')
			p->stats.odd++;
		if (!p->scolded)
			ping_tell(p, p->odd[0] != '\0' ? IKE_PING_ODD : IKE_PING_SILENCE, 0, 0);
		p->renew = true;
		p->offer += p->stats.answered == 0;
		settle(p);
	}
	if (p->over || p->waiting || now_us(now) < p->next_us)
		return;
	if (!ping_expired(p, now))
		ask(p, now, out);
}

static uint64_t
ping_deadline_us(const void *machine)
{
	const struct ike_ping *p = machine;

	if (p->over)
		return (UINT64_MAX);
	if (p->listens)
		return (p->next_us < p->give_up_us ? p->next_us : p->give_up_us);
	return (p->waiting ? p->give_up_us : p->next_us);
}

/* --- received messages --- */

static void
answered(struct ike_ping *p, struct asked *a, struct now now, uint16_t notify,
    uint8_t version)
{
	struct ike_ping_stats *st = &p->stats;
	bool last = a->count == st->sent;
	struct ike_ping_event ev = {
		.what = last && p->waiting ? IKE_PING_ANSWERED : IKE_PING_LATE,
		.count = a->count, .seq = a->seq, .rtt_us = now_us(now) - a->sent_us,
		.notify = notify, .version = version,
	};

	if (a->answered)
		return;			/* a duplicate */
	a->answered = true;
	st->answered++;
	ping_measured(st, ev.rtt_us);
	if (last && p->waiting)
		settle(p);
	p->conf.tell(p->conf.ctx, &ev);
}

static void
take_ack(struct ike_ping *p, struct now now, uint32_t seq)
{
	size_t i;

	for (i = 0; i < ASKED_MAX; i++)
		if (p->asked[i].count != 0 && p->asked[i].seq == seq) {
			answered(p, &p->asked[i], now, 0, ISAKMP_VERSION_1);
			return;
		}
	/* To somebody else's question, the resident tool's; ours go on above it. */
	if ((int32_t)(seq - p->seq) > 0)
		p->seq = seq;
}

static void
take_proven(struct ike_ping *p, struct now now, const struct isakmp_payload *pl)
{
	struct isakmp_notify n;
	struct isakmp_delete d;
	uint8_t id[16];
	uint32_t seq;
	size_t i;

	v1_sa_id(p->sa, id);
	if (pl->type == PAYLOAD_N && isakmp_notify_get(&n, pl->body, NULL) == 0) {
		if (n.type == NOTIFY_R_U_THERE_ACK) {
			if (p->listens)
				return;
			if (v1_dpd_number(p->sa, &n, &seq))
				take_ack(p, now, seq);
			if (p->waiting)		/* it answered something else */
				(void)v1_dpd_odd(p->sa, &n, p->seq, p->odd);
		} else if (n.type != NOTIFY_R_U_THERE && n.type != NOTIFY_HEARTBEAT)
			ping_tell(p, IKE_PING_NOTIFY, n.type, 0);	/* the resident tool handles them */
	} else if (pl->type == PAYLOAD_D && isakmp_delete_get(&d, pl->body, NULL) == 0 &&
	    d.proto == PROTO_ISAKMP && d.spi_len == sizeof(id)) {
		for (i = 0; i < d.n && !p->over; i++)
			if (memcmp(d.spis.p + i * d.spi_len, id, sizeof(id)) == 0) {
				ping_tell(p, IKE_PING_DELETED, 0, 0);
				p->over = true;
			}
	}
}

/* An unencrypted notify is only a hint: report it once per question and go on waiting. */
static void
take_clear(struct ike_ping *p, const struct isakmp_msg *m)
{
	struct isakmp_notify n;
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->pl[i].type == PAYLOAD_N && p->waiting && !p->scolded &&
		    isakmp_notify_get(&n, m->pl[i].body, NULL) == 0 &&
		    (n.type == NOTIFY_INVALID_COOKIE || n.type == NOTIFY_INVALID_SPI)) {
			p->scolded = true;
			ping_tell(p, IKE_PING_UNKNOWN_SA, n.type, 0);
		}
}

static void
datagram_sa(struct ike_ping *p, struct now now, struct span data)
{
	uint8_t buf[ISAKMP_MSG_MAX];
	struct ike_hello hello;
	struct isakmp_hdr h;
	struct isakmp_msg m;
	size_t i;

	if (isakmp_hdr_get(&h, data, NULL) != 0 || h.exchange != EXCHANGE_INFO ||
	    h.version >> 4 != ISAKMP_VERSION_1 >> 4 ||
	    memcmp(h.cky_i, p->sa->ike.spi_i, COOKIE_LEN) != 0 ||
	    memcmp(h.cky_r, p->sa->ike.spi_r, COOKIE_LEN) != 0)
		return;
	if ((h.flags & ISAKMP_FLAG_ENCRYPTED) == 0) {
		if (isakmp_msg_get(&m, data, NULL) == 0)
			take_clear(p, &m);
		return;
	}
	if (v1_info_open(p->sa, &h, data, buf, &m) != 0)
		return;
	if (p->listens && v1_heartbeat_get(p->sa, &m, &hello) && hello.seq != 0)
		ping_hello_take(p, now, &hello);
	for (i = 1; i < m.n && !p->over; i++)
		take_proven(p, now, &m.pl[i]);
}

static void
datagram_peer(struct ike_ping *p, struct now now, struct span data)
{
	struct probe_answer a;
	uint64_t again_us;
	bool open;

	probe_answer_get(&a, p->cky_i, data);
	if (a.kind == PROBE_NO_ANSWER)
		return;
	/* Answers to a repeated question do not identify it: count them for the last one. */
	open = p->waiting;
	answered(p, &p->asked[p->stats.sent % ASKED_MAX], now, a.notify, a.hdr.version);
	if (open)
		p->renew = a.kind != PROBE_CHOICE;
	/* An answer that was late must not make the next question too early. Shorter intervals are the user's own. */
	again_us = now_us(now) + REPEAT_MS * 1000;
	if (!p->renew && p->conf.interval_ms >= REPEAT_MS && p->next_us < again_us)
		p->next_us = again_us;
}

static void
ping_datagram(void *machine, struct now now, const struct endpoint *local,
    const struct endpoint *remote, struct span data, struct ike_outbox *out)
{
	struct ike_ping *p = machine;

	(void)local, (void)remote;	/* the cookies identify the question */
	(void)out;
	if (p->over || (p->stats.sent == 0 && !p->listens))
		return;
	if (p->sa != NULL)
		datagram_sa(p, now, data);
	else
		datagram_peer(p, now, data);
}

static void
ping_unreachable(void *machine, struct now now, const struct endpoint *remote, int sys,
    struct ike_outbox *out)
{
	struct ike_ping *p = machine;

	(void)now, (void)out;
	if (p->over || !p->waiting || p->scolded || !endpoint_eq(remote, &p->remote))
		return;
	p->scolded = true;
	ping_tell(p, IKE_PING_UNREACHABLE, 0, sys);
}

static void
ping_ids(const void *machine, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	uint8_t id[2 * COOKIE_LEN];

	ike_ping_id(machine, id);
	each(ctx, id);
}

static bool
ping_over(const void *machine)
{
	return (((const struct ike_ping *)machine)->over);
}

struct ike_machine
ike_ping_machine(struct ike_ping *p)
{
	static const struct ike_machine_ops ops = {
		.timeout = ping_timeout, .datagram = ping_datagram,
		.unreachable = ping_unreachable, .deadline_us = ping_deadline_us,
		.over = ping_over, .ids = ping_ids,
	};

	return ((struct ike_machine){ &ops, p });
}
