/* AH in an IP packet: finds it, and computes its ICV over the immutable fields. */
#include "esp/ah.h"

#include "base/secret.h"

#define V4_HDR		20
#define V6_HDR		40
#define EXT_MAX		16
#define P_HOPOPTS	0
#define P_ROUTING	43
#define P_FRAGMENT	44
#define P_DSTOPTS	60
#define OPT_CHANGES	0x20	/* of an IPv6 option's type: its data may change in transit */

size_t
ah_len(const struct esp_xf *xf, uint8_t family)
{
	size_t align = family == 4 ? 4 : 8;

	return (((size_t)AH_HDR + xf->icv_len + align - 1) / align * align);
}

/* --- its place --- */

static int
find_v4(struct ah_at *at, struct span ip)
{
	size_t head;
	uint16_t frag;

	if (ip.len < V4_HDR)
		return (-1);
	head = (ip.p[0] & 15U) * 4U;
	at->end = get_be16(ip.p + 2);
	if (head < V4_HDR || at->end < head || at->end > ip.len)
		return (-1);
	frag = get_be16(ip.p + 6);
	at->fragment = (frag & 0x3fff) != 0;
	at->next = ip.p[9];
	at->prev = 9;
	at->off = head;
	return (0);
}

static int
find_v6(struct ah_at *at, struct span ip)
{
	size_t turns, len;

	if (ip.len < V6_HDR)
		return (-1);
	at->end = V6_HDR + (size_t)get_be16(ip.p + 4);
	if (at->end > ip.len)
		return (-1);
	at->next = ip.p[6];
	at->prev = 6;
	at->off = V6_HDR;
	for (turns = 0; at->next == P_HOPOPTS || at->next == P_ROUTING || at->next == P_DSTOPTS; turns++) {
		if (turns == EXT_MAX || at->end - at->off < 8)
			return (-1);
		len = ((size_t)ip.p[at->off + 1] + 1) * 8;
		if (len > at->end - at->off)
			return (-1);
		at->next = ip.p[at->off];
		at->prev = at->off;
		at->off += len;
	}
	at->fragment = at->next == P_FRAGMENT;
	return (0);
}

int
ah_find(struct ah_at *at, struct span ip)
{
	int rc = -1;

	*at = (struct ah_at){0};
	if (ip.len == 0)
		return (-1);
	at->family = ip.p[0] >> 4;
	if (at->family == 4)
		rc = find_v4(at, ip);
	else if (at->family == 6)
		rc = find_v6(at, ip);
	if (rc != 0 || at->next != AH_PROTO)
		return (rc);
	if (at->end - at->off < AH_HDR)
		return (-1);
	at->len = ((size_t)ip.p[at->off + 1] + 2) * 4;
	return (at->len >= AH_HDR && at->len <= at->end - at->off ? 0 : -1);
}

/* --- mutable fields count as zero --- */

/* RFC 4302 appendix A1: options that no router changes; of all others nothing counts. */
static bool
v4_option_stays(uint8_t type)
{
	return (type == 0 || type == 1 || type == 130 || type == 133 || type == 134 || type == 148 ||
	    type == 149);
}

static void
blank_v4(uint8_t *ip, size_t head)
{
	size_t i, n;

	ip[1] = 0;			/* DSCP and ECN */
	memset(ip + 6, 0, 2);		/* flags and fragment offset */
	ip[8] = 0;			/* time to live */
	memset(ip + 10, 0, 2);		/* checksum */
	for (i = V4_HDR; i < head && ip[i] != 0; i += n) {
		n = ip[i] == 1 ? 1 : i + 1 < head ? ip[i + 1] : 0;
		if (n == 0 || (n == 1 && ip[i] != 1) || n > head - i)
			n = head - i;	/* malformed: the rest counts as one option at both ends */
		if (!v4_option_stays(ip[i]))
			memset(ip + i, 0, n);
	}
}

/* Options of a hop-by-hop or destination options header of ${len} bytes at ${p}. */
static void
blank_v6_options(uint8_t *p, size_t len)
{
	size_t i, n;

	for (i = 2; i < len; i += n) {
		if (p[i] == 0) {	/* one byte of padding */
			n = 1;
			continue;
		}
		n = i + 1 < len ? (size_t)p[i + 1] + 2 : 0;
		if (n == 0 || n > len - i)
			return;
		if ((p[i] & OPT_CHANGES) != 0)
			memset(p + i + 2, 0, n - 2);
	}
}

static void
blank_v6(uint8_t *ip, size_t off)
{
	size_t at, len;
	uint8_t type = ip[6];

	ip[0] = 0x60;			/* DSCP, ECN and flow label */
	memset(ip + 1, 0, 3);
	ip[7] = 0;			/* hop limit */
	/* A routing header is as it arrives: predictable, and here it has arrived. */
	for (at = V6_HDR; at < off; at += len) {
		len = ((size_t)ip[at + 1] + 1) * 8;	/* ah_find() has seen that it fits */
		if (type == P_HOPOPTS || type == P_DSTOPTS)
			blank_v6_options(ip + at, len);
		type = ip[at];
	}
}

/* The ICV, at ctx->work + at->end. False: libcrypto failed. */
static bool
icv(struct esp_ctx *ctx, const struct esp_xf *xf, const uint8_t *ip, const struct ah_at *at, uint32_t seq_hi)
{
	uint8_t *work = ctx->work;
	struct esp_job j = { .key = xf->key, .p = work, .len = at->end + xf->icv_len, .seq_hi = seq_hi };

	if (j.len > ESP_WORK)
		return (false);
	memcpy(work, ip, at->end);
	if (at->family == 4)
		blank_v4(work, at->off);
	else
		blank_v6(work, at->off);
	memset(work + at->off + AH_HDR, 0, xf->icv_len);
	xf->be->seal(esp_ctx_of(ctx, xf->be), &j, 1);
	return (j.ok);
}

enum esp_verdict
ah_check(struct esp_ctx *ctx, const struct esp_xf *xf, struct span ip, const struct ah_at *at, uint32_t seq_hi)
{
	size_t least = ah_len(xf, at->family);

	/* Some pad IPv4 to 8 bytes too. */
	if (at->fragment || at->len < least || at->len > least + 4)
		return (ESP_SHORT);
	if (!icv(ctx, xf, ip.p, at, seq_hi))
		return (ESP_FAILED);
	return (ct_eq(span_of(ctx->work + at->end, xf->icv_len),
	    span_of(ip.p + at->off + AH_HDR, xf->icv_len)) ? ESP_OK : ESP_BAD_ICV);
}

enum esp_verdict
ah_sign(struct esp_ctx *ctx, const struct esp_xf *xf, uint8_t *ip, const struct ah_at *at, uint32_t seq_hi)
{
	if (at->fragment || at->len != ah_len(xf, at->family) || !icv(ctx, xf, ip, at, seq_hi))
		return (ESP_FAILED);
	memcpy(ip + at->off + AH_HDR, ctx->work + at->end, xf->icv_len);
	return (ESP_OK);
}
