/* Parses the answer to IKE_SA_INIT, RFC 7296, 1.2. */
#include "probe/v2_answer.h"

#include <stdio.h>

#include "crypto/alg.h"
#include "ike/v1base/natd.h"
#include "wire/rd.h"

#define EXCHANGE_SA_INIT	34
#define FLAG_RESPONSE		0x20
#define FLAG_INITIATOR		0x08
#define KEY_LENGTH		(0x8000 | 14)

enum { V2_PAYLOAD_SA = 33, V2_PAYLOAD_NOTIFY = 41, V2_PAYLOAD_VID = 43 };
enum { TRANSFORM_CIPHER = 1, TRANSFORM_PRF, TRANSFORM_INTEGRITY, TRANSFORM_GROUP };

static bool
get_transform(struct v2_answer *a, struct rd *r)
{
	struct v2_transform *t;
	struct rd in;
	size_t len;

	(void)rd_u8(r);
	(void)rd_u8(r);
	len = rd_u16(r);
	if (r->bad || len < 8)
		return (false);
	in = rd_of(rd_bytes(r, len - 4));
	if (r->bad || a->n_transforms == V2_TRANSFORMS_MAX)
		return (false);
	t = &a->transforms[a->n_transforms];
	*t = (struct v2_transform){0};
	t->type = rd_u8(&in);
	(void)rd_u8(&in);
	t->id = rd_u16(&in);
	if (in.left >= 4 && rd_u16(&in) == KEY_LENGTH)
		t->key_bits = rd_u16(&in);
	a->n_transforms++;
	return (!in.bad);
}

/* The proposal that a responder chose: one, for IKE, without an SPI. */
static bool
get_sa(struct v2_answer *a, struct span body)
{
	struct rd r = rd_of(body);
	uint8_t more, protocol, spi, n;

	if (a->chosen)
		return (false);
	more = rd_u8(&r);
	(void)rd_u8(&r);
	if (rd_u16(&r) != body.len || more != 0)
		return (false);
	(void)rd_u8(&r);
	protocol = rd_u8(&r);
	spi = rd_u8(&r);
	n = rd_u8(&r);
	if (r.bad || protocol != 1 || spi != 0 || n == 0)
		return (false);
	while (n-- > 0)
		if (!get_transform(a, &r))
			return (false);
	a->chosen = r.left == 0;
	return (a->chosen);
}

/* The peer hashes address and port of both ends as it sees them. If our hash differs, a NAT changed them. */
static enum v2_nat
changed(const struct isakmp_hdr *h, const struct endpoint *e, struct span hash)
{
	const struct alg_hash *sha1 = alg_hash_word("sha1");
	uint8_t ours[HASH_MAX];

	if (sha1 == NULL || hash.len != sha1->len || natd_hash(sha1, h->cky_i, h->cky_r, e, ours, NULL) != 0)
		return (V2_NAT_UNKNOWN);
	return (memcmp(hash.p, ours, hash.len) == 0 ? V2_NAT_NO : V2_NAT_YES);
}

static bool
get_notify(struct v2_answer *a, const struct isakmp_hdr *h, const struct endpoint *local,
    const struct endpoint *remote, struct span body)
{
	struct rd r = rd_of(body);
	uint16_t type;
	uint8_t spi;

	(void)rd_u8(&r);
	spi = rd_u8(&r);
	type = rd_u16(&r);
	(void)rd_bytes(&r, spi);
	if (r.bad)
		return (false);
	body = rd_bytes(&r, r.left);
	if (type == V2_NAT_SOURCE) {
		/* A peer with several addresses sends one for each. */
		if (a->there != V2_NAT_NO)
			a->there = changed(h, remote, body);
	} else if (type == V2_NAT_DESTINATION)
		a->here = changed(h, local, body);
	else if (a->notify == 0 && (type < 16384 || type == V2_COOKIE))
		a->notify = type;
	if (type == V2_INVALID_KE_PAYLOAD && body.len == 2)
		a->wanted_group = get_be16(body.p);
	return (true);
}

bool
v2_answer_get(struct v2_answer *a, const uint8_t cky_i[COOKIE_LEN], const struct endpoint *local,
    const struct endpoint *remote, struct span dgram)
{
	struct isakmp_hdr h;
	struct span body;
	struct rd r;
	uint8_t next;
	size_t len;
	bool good = true;

	*a = (struct v2_answer){0};
	if (isakmp_hdr_get(&h, dgram, NULL) != 0 || memcmp(h.cky_i, cky_i, COOKIE_LEN) != 0 || h.version >> 4 != 2 ||
	    h.exchange != EXCHANGE_SA_INIT || (h.flags & FLAG_RESPONSE) == 0 || (h.flags & FLAG_INITIATOR) != 0)
		return (false);
	r = rd_of(span_of(dgram.p + ISAKMP_HDR_LEN, h.length - ISAKMP_HDR_LEN));
	for (next = h.next; good && next != 0; ) {
		const uint8_t type = next;

		next = rd_u8(&r);
		(void)rd_u8(&r);	/* the critical bit: what is not understood here is not acted on either */
		len = rd_u16(&r);
		if (r.bad || len < ISAKMP_PAYLOAD_HDR_LEN)
			return (false);
		body = rd_bytes(&r, len - ISAKMP_PAYLOAD_HDR_LEN);
		if (r.bad)
			return (false);
		if (type == V2_PAYLOAD_SA)
			good = get_sa(a, body);
		else if (type == V2_PAYLOAD_NOTIFY)
			good = get_notify(a, &h, local, remote, body);
		else if (type == V2_PAYLOAD_VID && a->n_vids < V2_VIDS_MAX)
			a->vids[a->n_vids++] = body;
	}
	return (good && r.left == 0);
}

/*
 * The names of IANA's registry of IKEv2, shortened as RFC 8247 spells them. Groups have the numbers of IKEv1: alg_group_num() knows
 * them. One has another name there, and scripts know this one.
 */
static const struct { uint8_t type; uint16_t id; const char *name; } names[] = {
	{ TRANSFORM_CIPHER, 3, "3des" }, { TRANSFORM_CIPHER, 12, "aes-cbc" }, { TRANSFORM_CIPHER, 20, "aes-gcm-16" },
	{ TRANSFORM_PRF, 1, "prf-hmac-md5" }, { TRANSFORM_PRF, 2, "prf-hmac-sha1" },
	{ TRANSFORM_PRF, 5, "prf-hmac-sha2-256" }, { TRANSFORM_PRF, 6, "prf-hmac-sha2-384" },
	{ TRANSFORM_PRF, 7, "prf-hmac-sha2-512" },
	{ TRANSFORM_INTEGRITY, 1, "hmac-md5-96" }, { TRANSFORM_INTEGRITY, 2, "hmac-sha1-96" },
	{ TRANSFORM_INTEGRITY, 12, "hmac-sha2-256-128" }, { TRANSFORM_INTEGRITY, 13, "hmac-sha2-384-192" },
	{ TRANSFORM_INTEGRITY, 14, "hmac-sha2-512-256" },
	{ TRANSFORM_GROUP, 31, "x25519" },
};

const char *
v2_transform_text(const struct v2_transform *t, char buf[V2_TRANSFORM_TEXT])
{
	static const char *const kinds[] = { "type", "cipher", "prf", "integrity", "group" };
	const struct alg_group *group = t->type == TRANSFORM_GROUP ? alg_group_num(t->id) : NULL;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == t->type && names[i].id == t->id) {
			if (t->key_bits == 0)
				return (names[i].name);
			(void)snprintf(buf, V2_TRANSFORM_TEXT, "%s-%u", names[i].name, t->key_bits);
			return (buf);
		}
	if (group != NULL)
		return (group->word);
	(void)snprintf(buf, V2_TRANSFORM_TEXT, "%s-%u", kinds[t->type <= TRANSFORM_GROUP ? t->type : 0], t->id);
	return (buf);
}

const char *
v2_notify_text(uint16_t type)
{
	static const struct { uint16_t type; const char *name; } rows[] = {
		{ 1, "UNSUPPORTED_CRITICAL_PAYLOAD" }, { 4, "INVALID_IKE_SPI" }, { 5, "INVALID_MAJOR_VERSION" },
		{ 7, "INVALID_SYNTAX" }, { V2_NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN" },
		{ V2_INVALID_KE_PAYLOAD, "INVALID_KE_PAYLOAD" }, { 24, "AUTHENTICATION_FAILED" },
		{ 43, "TEMPORARY_FAILURE" }, { V2_COOKIE, "COOKIE" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].type == type)
			return (rows[i].name);
	return (NULL);
}
