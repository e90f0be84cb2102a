/* Keepalives of GRE. */
#include "gre/keepalive.h"

#include "base/csum.h"

#define TTL	255

bool
keepalive_tick(struct keepalive *k)
{
	bool was = k->down;

	if (k->waits && ++k->missed >= k->retries)
		k->down = true;
	k->waits = true;
	return (k->down && !was);
}

bool
keepalive_answered(struct keepalive *k)
{
	bool was = k->down;

	k->waits = k->down = false;
	k->missed = 0;
	return (was);
}

size_t
keepalive_put(uint8_t out[KEEPALIVE_MAX], const struct gre_head *h, const struct addr *local, const struct addr *remote)
{
	const struct gre_head inner = { .proto = GRE_KEEPALIVE, .csum = h->csum, .has_key = h->has_key, .key = h->key };
	const bool v6 = remote->family == 6;
	const size_t ip = v6 ? 40 : 20, len = gre_head_len(&inner);

	memset(out, 0, ip);
	(void)gre_put(&inner, out + ip + len, 0);
	if (v6) {
		out[0] = 0x60;
		put_be16(out + 4, (uint16_t)len);
		out[6] = GRE_IP_PROTO;
		out[7] = TTL;
		memcpy(out + 8, remote->b, 16);
		memcpy(out + 24, local->b, 16);
		return (ip + len);
	}
	out[0] = 0x45;
	out[1] = 0xc0;
	put_be16(out + 2, (uint16_t)(ip + len));
	out[8] = TTL;
	out[9] = GRE_IP_PROTO;
	memcpy(out + 12, remote->b, 4);
	memcpy(out + 16, local->b, 4);
	csum_put(out + 10, csum_bytes(out, ip), false);
	return (ip + len);
}

/* The payload of ${ip} if it is a whole packet of GRE; its addresses. False: it is something else. */
static bool
gre_within(struct span *gre, struct addr *src, struct addr *dst, struct span ip)
{
	size_t head = ip.len >= 20 && ip.p[0] >> 4 == 4 ? (size_t)(ip.p[0] & 15) * 4 : 40, len;

	if (head < 20 || ip.len < head)
		return (false);
	if (ip.p[0] >> 4 == 4) {
		len = get_be16(ip.p + 2);
		if (ip.p[9] != GRE_IP_PROTO || (get_be16(ip.p + 6) & 0x3fff) != 0 || len < head || len > ip.len)
			return (false);
		*src = addr_make(4, ip.p + 12);
		*dst = addr_make(4, ip.p + 16);
		*gre = span_of(ip.p + head, len - head);
		return (true);
	}
	if (ip.p[0] >> 4 != 6 || ip.p[6] != GRE_IP_PROTO || (len = get_be16(ip.p + 4)) > ip.len - head)
		return (false);
	*src = addr_make(6, ip.p + 8);
	*dst = addr_make(6, ip.p + 24);
	*gre = span_of(ip.p + head, len);
	return (true);
}

enum keepalive_kind
keepalive_get(struct span *gre, struct span ip, const struct gre_head *h, const struct addr *from, const struct addr *to)
{
	struct addr src, dst;
	struct gre_head g;
	size_t len;

	if (!gre_within(gre, &src, &dst, ip) || addr_cmp(&dst, from) != 0)
		return (KEEPALIVE_NONE);
	if (addr_cmp(&src, to) != 0 || gre_parse(&g, &len, *gre) != GRE_OK || g.proto != GRE_KEEPALIVE || len != gre->len ||
	    g.has_seq || g.has_key != h->has_key || g.key != h->key)
		return (KEEPALIVE_BAD);
	return (KEEPALIVE_ASKS);
}

bool
keepalive_allowed(struct keepalive_limit *l, uint64_t now_ms)
{
	if (l->second != now_ms / 1000)
		*l = (struct keepalive_limit){ .second = now_ms / 1000 };
	return (l->n++ < KEEPALIVE_ANSWERS);
}
