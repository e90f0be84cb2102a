/* IKE_SA_INIT of IKEv2, to find out whether a peer that does not answer IKEv1 speaks IKEv2. */
#include "probe/probe_msg.h"

#include "crypto/alg.h"
#include "probe/v2_answer.h"

#define EXCHANGE_SA_INIT	34
#define FLAG_INITIATOR		0x08
#define NONCE_BYTES		32
#define KE_BYTES		256
#define GROUP_2048		14
#define VERSION_2		0x20

enum { V2_NONE = 0, V2_SA = 33, V2_KE = 34, V2_NONCE = 40, V2_NOTIFY = 41 };

/* RFC 7296, 3.3.2: type and ID, with the key length of a cipher. */
static const struct { uint8_t type; uint16_t id, key_bits; } transforms[] = {
	{ 1, 12, 256 }, { 1, 12, 128 },			/* AES-CBC */
	{ 2, 5, 0 }, { 2, 2, 0 },			/* PRF: HMAC-SHA-256, HMAC-SHA-1 */
	{ 3, 12, 0 }, { 3, 2, 0 },			/* integrity: the same */
	{ 4, GROUP_2048, 0 }, { 4, 19, 0 }, { 4, 2, 0 },	/* modp2048, ecp256, modp1024 */
};
#define TRANSFORMS	(sizeof(transforms) / sizeof(transforms[0]))

static void
payload(struct wr *w, uint8_t next, size_t body)
{
	wr_u8(w, next);
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)(ISAKMP_PAYLOAD_HDR_LEN + body));
}

static void
put_sa(struct wr *w)
{
	uint8_t buf[TRANSFORMS * 12];
	struct wr t = wr_of(buf, sizeof(buf));
	size_t i;

	for (i = 0; i < TRANSFORMS; i++) {
		wr_u8(&t, i + 1 < TRANSFORMS ? 3 : 0);
		wr_u8(&t, 0);
		wr_u16(&t, transforms[i].key_bits != 0 ? 12 : 8);
		wr_u8(&t, transforms[i].type);
		wr_u8(&t, 0);
		wr_u16(&t, transforms[i].id);
		if (transforms[i].key_bits != 0) {
			wr_u16(&t, 0x8000 | 14);
			wr_u16(&t, transforms[i].key_bits);
		}
	}
	payload(w, V2_KE, 8 + t.len);
	wr_u8(w, 0);			/* the last proposal */
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)(8 + t.len));
	wr_u8(w, 1);			/* its number */
	wr_u8(w, 1);			/* of IKE */
	wr_u8(w, 0);			/* no SPI */
	wr_u8(w, TRANSFORMS);
	wr_bytes(w, span_of(buf, t.len));
}

/* NAT_DETECTION_SOURCE_IP or NAT_DETECTION_DESTINATION_IP. False: the hash failed. */
static bool
put_natd(struct wr *w, uint8_t next, uint16_t type, const uint8_t cky_i[COOKIE_LEN], const struct endpoint *e)
{
	static const uint8_t none[COOKIE_LEN];
	const struct alg_hash *sha1 = alg_hash_word("sha1");
	uint8_t hash[HASH_MAX];

	if (sha1 == NULL || natd_hash(sha1, cky_i, none, e, hash, NULL) != 0)
		return (false);
	payload(w, next, 4 + sha1->len);
	wr_u8(w, 0);			/* protocol and SPI: none */
	wr_u8(w, 0);
	wr_u16(w, type);
	wr_bytes(w, span_of(hash, sha1->len));
	return (true);
}

struct span
ask_v2_init(uint8_t buf[PROBE_MSG_MAX], const struct rand *rand, uint8_t cky_i[COOKIE_LEN],
    const struct endpoint *local, const struct endpoint *remote)
{
	struct isakmp_hdr h = { .next = V2_SA, .version = VERSION_2, .exchange = EXCHANGE_SA_INIT, .flags = FLAG_INITIATOR };
	struct wr w = wr_of(buf, PROBE_MSG_MAX);
	uint8_t ke[KE_BYTES], nonce[NONCE_BYTES];

	if (rand->fill(rand->state, cky_i, COOKIE_LEN) != 0 || rand->fill(rand->state, ke, sizeof(ke)) != 0 ||
	    rand->fill(rand->state, nonce, sizeof(nonce)) != 0)
		return (SPAN_NONE);
	ke[0] &= 0x7f;			/* below the prime; no one knows its logarithm, and no one needs it */
	memcpy(h.cky_i, cky_i, COOKIE_LEN);
	isakmp_hdr_put(&w, &h);
	put_sa(&w);
	payload(&w, V2_NONCE, 4 + sizeof(ke));
	wr_u16(&w, GROUP_2048);
	wr_u16(&w, 0);
	wr_bytes(&w, SPAN_ARRAY(ke));
	payload(&w, local != NULL ? V2_NOTIFY : V2_NONE, sizeof(nonce));
	wr_bytes(&w, SPAN_ARRAY(nonce));
	if (local != NULL && (!put_natd(&w, V2_NOTIFY, V2_NAT_SOURCE, cky_i, local) ||
	    !put_natd(&w, V2_NONE, V2_NAT_DESTINATION, cky_i, remote)))
		return (SPAN_NONE);
	if (w.bad)
		return (SPAN_NONE);
	put_be32(buf + ISAKMP_HDR_LEN - 4, (uint32_t)w.len);
	return (span_of(buf, w.len));
}
