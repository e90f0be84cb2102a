/* A hostile peer by hand; a responder whose answers are counted. */
#include "forge.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/v1base/message.h"

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "forge: %s\n", what);
	abort();
}

static struct isakmp_hdr
header(const uint8_t cky_i[8], const uint8_t cky_r[8], uint8_t exchange, uint32_t mid)
{
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = exchange, .mid = mid };

	memcpy(h.cky_i, cky_i, COOKIE_LEN);
	memcpy(h.cky_r, cky_r, COOKIE_LEN);
	return (h);
}

struct span
forge_clear(uint8_t *buf, const uint8_t cky_i[8], const uint8_t cky_r[8], uint8_t exchange,
    uint32_t mid, const struct forged *list)
{
	struct isakmp_hdr h = header(cky_i, cky_r, exchange, mid);
	struct isakmp_builder b;

	isakmp_begin(&b, buf, FORGE_MAX, &h);
	for (; list->type != 0; list++)
		isakmp_payload_put(&b, list->type, list->body);
	return (isakmp_end(&b));
}

struct span
forge_keyed(uint8_t *buf, const struct sa_ike *s, uint8_t exchange, uint32_t mid,
    const struct forged *list, bool spoil)
{
	const struct v1_message_keys k = {
		.hash = alg_hash_word(s->hash), .enc = alg_enc_name(s->encryption, s->key_bits),
		.cipher = secret_span(&s->cipher), .skeyid_a = secret_span(&s->skeyid_a),
	};
	static const struct v1_hash_n hash_1 = { .n = 1 };
	struct isakmp_hdr h = header(s->spi_i, s->spi_r, exchange, mid);
	struct isakmp_builder b;
	struct span message = {0};
	uint8_t iv[BLOCK_MAX];
	struct fault f = {0};

	isakmp_begin(&b, buf, FORGE_MAX, &h);
	v1_message_hash_put(&k, &b);
	for (; list->type != 0; list++)
		isakmp_payload_put(&b, list->type, list->body);
	must(v1_message_hash_fill(&k, &hash_1, &b, &f) == 0, f.what);
	if (spoil)
		buf[ISAKMP_HDR_LEN + ISAKMP_PAYLOAD_HDR_LEN] ^= 1;
	must(v1_message_iv(k.hash, k.enc, s->iv, mid, iv, &f) == 0 &&
	    v1_message_seal(&k, iv, &b, &message, &f) == 0, f.what);
	return (message);
}

struct span
forge_find(struct span message, uint8_t type, uint8_t **body)
{
	struct isakmp_msg m;
	struct fault f;
	const struct isakmp_payload *pl;

	if (isakmp_msg_get(&m, message, &f) != 0 || (pl = isakmp_find(&m, type, NULL)) == NULL)
		return (SPAN_NONE);
	if (body != NULL)
		*body = (uint8_t *)(uintptr_t)pl->body.p;
	return (pl->body);
}

/* --- one engine without a second --- */

void
lone_init(struct lone *l, const struct ike_policy *policy, const struct endpoint *at, bool respond)
{
	struct ike_conf conf = { .policies = &l->policy, .n_policies = 1, .respond = respond };
	struct fault f;

	*l = (struct lone){ .policy = *policy, .at = *at, .now = { .ms = 100000, .epoch = 1700000000 } };
	conf.keep = respond;
	conf.rand = rand_seeded(&l->seed, SPAN_ARRAY(at->addr.b));
	must((l->engine = ike_engine_new(&conf, &f)) != NULL, "no engine");
}

void
lone_free(struct lone *l)
{
	ike_engine_free(l->engine);
	ike_policy_wipe(&l->policy);
}

static void
count(struct did *d, const struct ike_out *item)
{
	switch (item->kind) {
	case IKE_OUT_DATAGRAM:
		d->datagrams++;
		d->bytes += item->dgram.len;
		d->to = item->dgram.remote;
		must(item->dgram.len <= sizeof(d->last), "a long datagram");
		memcpy(d->last, item->dgram.data, item->dgram.len);
		d->last_len = item->dgram.len;
		break;
	case IKE_OUT_KEYS:
	case IKE_OUT_FAILED_SA:
		break;
	case IKE_OUT_RECORD:
		d->records++;
		break;
	case IKE_OUT_NOTE:
		d->notes++;
		d->warnings += item->note.level == NOTE_WARN;
		(void)snprintf(d->note, sizeof(d->note), "%s", item->note.text);
		if (getenv("SIM_NOTES") != NULL)
			fprintf(stderr, "lone: %s\n", item->note.text);
		break;
	case IKE_OUT_VERDICT:
		d->up += item->verdict.what == IKE_UP;
		d->children += item->verdict.what == IKE_CHILD_UP;
		d->gone += item->verdict.what == IKE_GONE;
		if (item->verdict.what == IKE_FAILED || item->verdict.what == IKE_REFUSED) {
			d->failed++;
			d->why = *item->verdict.why;
		}
		break;
	case IKE_OUT_KEEPALIVE:
		break;
	}
}

static void
take(struct lone *l, struct ike_outbox *out)
{
	struct ike_out *item;

	while ((item = outbox_take(out)) != NULL) {
		count(&l->did, item);
		ike_out_free(item);
	}
}

void
lone_put(struct lone *l, const struct endpoint *from, struct span message)
{
	struct ike_outbox out = {0};

	l->did = (struct did){0};
	ike_engine_datagram(l->engine, l->now, &l->at, from, message, &out);
	take(l, &out);
}

void
lone_wait(struct lone *l, uint64_t ms)
{
	uint64_t end = l->now.ms + ms, due;
	struct ike_outbox out = {0};

	l->did = (struct did){0};
	while ((due = ike_engine_deadline(l->engine)) <= end) {
		if (due > l->now.ms) {
			l->now.epoch += due / 1000 - l->now.ms / 1000;
			l->now.ms = due;
		}
		ike_engine_timeout(l->engine, l->now, &out);
		take(l, &out);
	}
	l->now.epoch += end / 1000 - l->now.ms / 1000;
	l->now.ms = end;
}

void
lone_connect(struct lone *l, const struct endpoint *to)
{
	struct ike_outbox out = {0};
	struct fault f = {0};

	l->did = (struct did){0};
	must(ike_engine_connect(l->engine, l->now, &l->policy, &l->at, to, true, NULL, &out, &f) == 0, f.what);
	take(l, &out);
}
