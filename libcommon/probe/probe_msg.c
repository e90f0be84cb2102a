/* Probe messages with random cookies, nonces and keys, which are thrown away. */
#include "probe/probe_msg.h"

#define NONCE_BYTES	32

static bool
draw(const struct rand *rand, uint8_t *p, size_t n)
{
	return (rand->fill(rand->state, p, n) == 0);
}

struct span
ask_main1(uint8_t buf[PROBE_MSG_MAX], const struct rand *rand, uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, unsigned vids)
{
	if (!draw(rand, cky_i, COOKIE_LEN))
		return (SPAN_NONE);
	return (probe_main1(buf, cky_i, o, vids));
}

struct span
ask_aggressive1(uint8_t buf[PROBE_MSG_MAX], const struct rand *rand, uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, const struct id *id)
{
	uint8_t nonce[NONCE_BYTES];
	struct span msg = SPAN_NONE;
	struct dh *dh;

	if (!draw(rand, cky_i, COOKIE_LEN) || !draw(rand, nonce, sizeof(nonce)) ||
	    (dh = dh_new(o->t[0].p.group, rand, NULL)) == NULL)
		return (msg);
	msg = probe_aggressive1(buf, cky_i, o, dh_public(dh), SPAN_ARRAY(nonce), id);
	dh_free(dh);
	return (msg);
}

struct span
ask_main3(uint8_t *buf, size_t cap, const struct rand *rand, const struct ask_key *k, size_t len)
{
	uint8_t nonce[NONCE_BYTES], hash[2][HASH_MAX];
	const struct endpoint *ends[2] = { &k->remote, &k->local };
	struct span natd[2], msg = SPAN_NONE;
	struct dh *dh;
	int i;

	for (i = 0; i < 2; i++) {
		if (natd_hash(k->choice.hash, k->cky_i, k->cky_r, ends[i], hash[i], NULL) != 0)
			return (msg);
		natd[i] = span_of(hash[i], k->choice.hash->len);
	}
	if (!draw(rand, nonce, sizeof(nonce)) ||
	    (dh = dh_new(k->choice.group, rand, NULL)) == NULL)
		return (msg);
	msg = probe_main3(buf, cap, k->cky_i, k->cky_r, dh_public(dh), SPAN_ARRAY(nonce),
	    k->natt != NULL ? k->natt->natd : 0, natd, 2, len);
	dh_free(dh);
	return (msg);
}

static bool
is_of(const struct ask_key *k, struct span natd, const struct endpoint *e)
{
	uint8_t hash[HASH_MAX];

	return (natd_hash(k->choice.hash, k->cky_i, k->cky_r, e, hash, NULL) == 0 &&
	    memcmp(hash, natd.p, natd.len) == 0);
}

bool
ask_seen(struct endpoint *seen, const struct ask_key *k, struct span natd,
    const struct addr *addrs, size_t n, uint16_t guess)
{
	size_t i;
	uint32_t port;

	if (natd.len != k->choice.hash->len)
		return (false);
	for (i = 0; i < n; i++) {
		*seen = (struct endpoint){ addrs[i], guess };
		if (is_of(k, natd, seen))
			return (true);
	}
	for (i = 0; i < n; i++)
		for (port = 0; port <= UINT16_MAX; port++) {
			*seen = (struct endpoint){ addrs[i], (uint16_t)port };
			if (is_of(k, natd, seen))
				return (true);
		}
	return (false);
}

void
ask_id(const struct ask_key *k, void (*each)(void *ctx, const uint8_t id[16]), void *ctx)
{
	static const uint8_t none[COOKIE_LEN];
	uint8_t id[2 * COOKIE_LEN] = {0};

	memcpy(id, k->cky_i, COOKIE_LEN);
	if (memcmp(k->cky_i, none, COOKIE_LEN) != 0)
		each(ctx, id);
}
