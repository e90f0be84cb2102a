/* Packets of RADIUS. */
#include "radius.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/crypto.h"

#define HEAD		20
#define AUTH_AT		4	/* the authenticator, */
#define AUTH_LEN	16	/* and its length, which is that of MD5 */

static int
md5(uint8_t out[AUTH_LEN], const struct span *parts, size_t n, struct fault *f)
{
	uint8_t digest[HASH_MAX];

	if (hash_parts(alg_hash_word("md5"), digest, parts, n, f) != 0)
		return (-1);
	memcpy(out, digest, AUTH_LEN);
	wipe(digest, sizeof(digest));
	return (0);
}

int
radius_begin(struct radius *p, enum radius_code code, struct fault *f)
{
	static const uint8_t zero[AUTH_LEN];

	*p = (struct radius){ .len = HEAD, .b = { (uint8_t)code } };
	if (rand_system.fill(rand_system.state, p->b + 1, 1) != 0 ||
	    rand_system.fill(rand_system.state, p->b + AUTH_AT, AUTH_LEN) != 0)
		return (fault(f, FAULT_CRYPTO, "no random bytes"));
	if (code == RADIUS_ACCOUNT_REQUEST)
		return (0);
	/* It comes first: no bytes that an attacker chooses may precede it (CVE-2024-3596). */
	radius_put(p, RADIUS_MESSAGE_AUTHENTICATOR, SPAN_ARRAY(zero));
	return (0);
}

void
radius_put(struct radius *p, enum radius_attr type, struct span value)
{
	if (value.len == 0 || value.len > RADIUS_VALUE_MAX || value.len + 2 > sizeof(p->b) - p->len) {
		p->bad = true;
		return;
	}
	p->b[p->len] = (uint8_t)type;
	p->b[p->len + 1] = (uint8_t)(value.len + 2);
	memcpy(p->b + p->len + 2, value.p, value.len);
	p->len += value.len + 2;
}

void
radius_put_number(struct radius *p, enum radius_attr type, uint32_t value)
{
	uint8_t b[4];

	put_be32(b, value);
	radius_put(p, type, SPAN_ARRAY(b));
}

int
radius_put_password(struct radius *p, struct span password, struct span secret, struct fault *f)
{
	uint8_t hidden[RADIUS_PASSWORD_MAX] = {0}, mask[AUTH_LEN];
	struct span before = span_of(p->b + AUTH_AT, AUTH_LEN);
	size_t len = password.len == 0 ? AUTH_LEN : (password.len + AUTH_LEN - 1) / AUTH_LEN * AUTH_LEN, at, i;

	if (password.len > sizeof(hidden))
		return (fault(f, FAULT_AUTH_FAILED, "the password has more than %d bytes", RADIUS_PASSWORD_MAX));
	if (password.len > 0)
		memcpy(hidden, password.p, password.len);
	for (at = 0; at < len; at += AUTH_LEN) {
		const struct span parts[] = { secret, before };

		if (md5(mask, parts, 2, f) != 0)
			return (-1);
		for (i = 0; i < AUTH_LEN; i++)
			hidden[at + i] ^= mask[i];
		before = span_of(hidden + at, AUTH_LEN);
	}
	radius_put(p, RADIUS_USER_PASSWORD, span_of(hidden, len));
	wipe(mask, sizeof(mask));
	return (0);
}

/* HMAC-MD5 over the packet with the authenticator of the request and zeroes for the attribute's value at ${at}. */
static int
sign(uint8_t out[AUTH_LEN], const struct radius *p, const uint8_t *authenticator, size_t at, struct span secret,
    struct fault *f)
{
	static const uint8_t zero[AUTH_LEN];
	const struct span parts[] = {
		span_of(p->b, AUTH_AT), span_of(authenticator, AUTH_LEN), span_of(p->b + HEAD, at - HEAD), SPAN_ARRAY(zero),
		span_of(p->b + at + AUTH_LEN, p->len - at - AUTH_LEN),
	};
	struct secret mac = {0};

	if (prf_parts(alg_hash_word("md5"), secret, &mac, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	memcpy(out, mac.p, AUTH_LEN);
	secret_free(&mac);
	return (0);
}

/* The authenticator of an Accounting-Request (RFC 2866 section 3). */
static int
authenticate(struct radius *p, struct span secret, struct fault *f)
{
	static const uint8_t zero[AUTH_LEN];
	const struct span parts[] = { span_of(p->b, AUTH_AT), SPAN_ARRAY(zero), span_of(p->b + HEAD, p->len - HEAD), secret };
	uint8_t sum[AUTH_LEN];

	if (md5(sum, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	memcpy(p->b + AUTH_AT, sum, AUTH_LEN);
	return (0);
}

int
radius_seal(struct radius *p, struct span secret, struct fault *f)
{
	if (p->bad)
		return (fault(f, FAULT_AUTH_FAILED, "a value has more than %d bytes", RADIUS_VALUE_MAX));
	put_be16(p->b + 2, (uint16_t)p->len);
	if (p->b[0] == RADIUS_ACCOUNT_REQUEST)
		return (authenticate(p, secret, f));
	return (sign(p->b + HEAD + 2, p, p->b + AUTH_AT, HEAD + 2, secret, f));
}

struct span
radius_attrs(const struct radius *p)
{
	return (span_of(p->b + HEAD, p->len - HEAD));
}

bool
radius_next(struct span attrs, size_t *at, uint8_t *type, struct span *value)
{
	const uint8_t *a = attrs.p + *at;

	if (attrs.len - *at < 2 || a[1] < 2 || a[1] > attrs.len - *at)
		return (false);
	*type = a[0];
	*value = span_of(a + 2, (size_t)a[1] - 2);
	*at += a[1];
	return (true);
}

bool
radius_find(const struct radius *p, enum radius_attr type, struct span *value)
{
	size_t at = 0;
	uint8_t is;

	while (radius_next(radius_attrs(p), &at, &is, value))
		if (is == type)
			return (true);
	return (false);
}

/* Whether the attributes fill the packet. */
static bool
well_formed(const struct radius *p)
{
	struct span value;
	size_t at = 0;
	uint8_t type;

	if (p->len < HEAD || get_be16(p->b + 2) != p->len)
		return (false);
	while (radius_next(radius_attrs(p), &at, &type, &value))
		;
	return (at == p->len - HEAD);
}

int
radius_check(const struct radius *request, const struct radius *reply, struct span secret, bool need, struct fault *f)
{
	const uint8_t *asked = request->b + AUTH_AT;
	const struct span parts[] = {
		span_of(reply->b, AUTH_AT), span_of(asked, AUTH_LEN), span_of(reply->b + HEAD, reply->len - HEAD), secret,
	};
	uint8_t want[AUTH_LEN];
	struct span mac;

	if (!well_formed(reply) || reply->b[1] != request->b[1])
		return (fault(f, FAULT_PROTOCOL, "a reply is malformed, or of another request"));
	if (md5(want, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	if (!ct_eq(SPAN_ARRAY(want), span_of(reply->b + AUTH_AT, AUTH_LEN)))
		return (fault(f, FAULT_PROTOCOL, "a reply is not authentic: the server has another secret, or somebody else sent it"));
	if (!radius_find(reply, RADIUS_MESSAGE_AUTHENTICATOR, &mac))
		return (need ? fault(f, FAULT_PROTOCOL, "a reply has no Message-Authenticator") : 0);
	if (mac.len != AUTH_LEN || sign(want, reply, asked, (size_t)(mac.p - reply->b), secret, f) != 0 ||
	    !ct_eq(SPAN_ARRAY(want), mac))
		return (fault(f, FAULT_PROTOCOL, "the Message-Authenticator of a reply is wrong"));
	return (0);
}
