/* The authentication extension: clear text, and HMAC over the packet. */
#include "nhrp/auth.h"

#include "crypto/crypto.h"
#include "nhrp/ext.h"
#include "wire/rd.h"

#define CLEAR_TYPE	1	/* of Cisco's form */
#define HEAD		NHRP_AUTH_HEAD
#define HMAC_LEN	16	/* of MD5 */
#define AT_CSUM		12

static int
hmac(const struct nhrp_auth *a, struct secret *out, struct span packet, struct fault *f)
{
	return (prf_parts(alg_hash_word("md5"), secret_span(&a->secret), out, &packet, 1, f));
}

/* Puts the extension where FRR has it: behind 4, 5 and 3, before the NAT address. */
static int
place(struct nhrp_packet *p, struct span data)
{
	struct nhrp_ext last;
	size_t i;

	nhrp_ext_drop(p, NHRP_EXT_AUTH);
	if (nhrp_ext_add(p, NHRP_EXT_AUTH, true, data) != 0)
		return (-1);
	last = p->ext[p->n_exts - 1];
	for (i = p->n_exts - 1; i > 0 && p->ext[i - 1].type > NHRP_EXT_AUTH; i--)
		p->ext[i] = p->ext[i - 1];
	p->ext[i] = last;
	return (0);
}

/* The extension's data in the encoded packet ${out}. */
static uint8_t *
find(uint8_t *out, size_t len, size_t data_len)
{
	struct nhrp_packet q;
	const struct nhrp_ext *e;

	if (nhrp_decode(&q, span_of(out, len), NULL) != 0 || (e = nhrp_ext_find(&q, NHRP_EXT_AUTH)) == NULL ||
	    e->data.len != data_len)
		return (NULL);
	return (out + (e->data.p - out));
}

static size_t
encode_hmac(uint8_t *out, size_t cap, struct nhrp_packet *p, const struct nhrp_auth *a, const struct addr *own,
    struct fault *f)
{
	uint8_t data[HEAD + 16 + HMAC_LEN] = {0};
	struct secret mac = {0};
	size_t n = HEAD + addr_len(&p->src), len;
	uint8_t *at;

	put_be16(data + 2, a->spi);
	if (own->family == p->src.family)
		memcpy(data + HEAD, own->b, addr_len(own));
	if (place(p, span_of(data, n + HMAC_LEN)) != 0 || (len = nhrp_encode(out, cap, p)) == 0 ||
	    (at = find(out, len, n + HMAC_LEN)) == NULL)
		return (0);
	put_be16(out + AT_CSUM, 0);
	if (hmac(a, &mac, span_of(out, len), f) != 0)
		return (0);
	memcpy(at + n, mac.p, HMAC_LEN);
	secret_free(&mac);
	nhrp_checksum_put(out, len);
	return (len);
}

size_t
nhrp_encode_auth(uint8_t *out, size_t cap, const struct nhrp_packet *p, const struct nhrp_auth *a,
    const struct addr *own, struct fault *f)
{
	struct nhrp_packet q = *p;
	uint8_t data[HEAD + NHRP_AUTH_CLEAR_MAX] = {0};
	size_t n = a->secret.len < NHRP_AUTH_CLEAR_MAX ? a->secret.len : NHRP_AUTH_CLEAR_MAX, len;

	if (a->kind == NHRP_AUTH_HMAC)
		return (encode_hmac(out, cap, &q, a, own, f));
	if (a->kind == NHRP_AUTH_NONE) {
		/* A key of the previous hop is not handed on. */
		nhrp_ext_drop(&q, NHRP_EXT_AUTH);
		return (nhrp_encode(out, cap, &q));
	}
	put_be32(data, CLEAR_TYPE);
	if (n > 0)
		memcpy(data + HEAD, a->secret.p, n);
	len = place(&q, span_of(data, HEAD + n)) == 0 ? nhrp_encode(out, cap, &q) : 0;
	wipe(data, sizeof(data));
	return (len);
}

static enum nhrp_auth_verdict
check_hmac(const struct nhrp_auth *a, const struct nhrp_packet *p, struct span s, const struct nhrp_ext *e)
{
	uint8_t copy[NHRP_PACKET_MAX];
	size_t n = HEAD + addr_len(&p->src), len = s.len < 12 ? 0 : get_be16(s.p + 10);
	enum nhrp_auth_verdict v = NHRP_AUTH_WRONG;
	struct secret mac = {0};

	if (e->data.len != n + HMAC_LEN)
		return (NHRP_AUTH_OTHER_FORM);
	if (len > sizeof(copy) || len > s.len || get_be16(e->data.p + 2) != a->spi)
		return (NHRP_AUTH_WRONG);
	memcpy(copy, s.p, len);
	memset(copy + (e->data.p - s.p) + n, 0, HMAC_LEN);
	put_be16(copy + AT_CSUM, 0);
	if (hmac(a, &mac, span_of(copy, len), NULL) == 0 &&
	    ct_eq(secret_span(&mac), span_of(e->data.p + n, HMAC_LEN)))
		v = NHRP_AUTH_GOOD;
	secret_free(&mac);
	return (v);
}

enum nhrp_auth_verdict
nhrp_auth_check(const struct nhrp_auth *a, const struct nhrp_packet *p, struct span s)
{
	const struct nhrp_ext *e = NULL;
	size_t i, n;

	if (a->kind == NHRP_AUTH_NONE)
		return (NHRP_AUTH_GOOD);
	for (i = 0; i < p->n_exts && e == NULL; i++)
		if (p->ext[i].type == NHRP_EXT_AUTH)
			e = &p->ext[i];
	if (e == NULL)
		return (NHRP_AUTH_MISSING);
	if (a->kind == NHRP_AUTH_HMAC)
		return (check_hmac(a, p, s, e));
	if (e->data.len < HEAD || e->data.len > HEAD + NHRP_AUTH_CLEAR_MAX || get_be32(e->data.p) != CLEAR_TYPE)
		return (NHRP_AUTH_OTHER_FORM);
	n = a->secret.len < NHRP_AUTH_CLEAR_MAX ? a->secret.len : NHRP_AUTH_CLEAR_MAX;
	return (ct_eq(span_of(e->data.p + HEAD, e->data.len - HEAD), span_of(a->secret.p, n)) ? NHRP_AUTH_GOOD :
	    NHRP_AUTH_WRONG);
}

const char *
nhrp_auth_words(enum nhrp_auth_verdict v)
{
	static const char *const words[] = { "good", "no authentication extension", "another form of authentication",
	    "a wrong secret" };

	return (words[v]);
}
