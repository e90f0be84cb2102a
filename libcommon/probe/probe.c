/* Builds the first messages of probes and parses the answers. */
#include "probe/probe.h"

#include "ike/v1base/natd.h"
#include "ike/v1base/sa_payload.h"

#define V2_FLAG_RESPONSE 0x20	/* RFC 7296, 3.1 */
#define KEY_IKE		1	/* the one transform ID of PROTO_ISAKMP, RFC 2407 section 4.4.2 */
#define LIFE_SECONDS	28800	/* short enough for any peer that compares lifetimes */

static const struct sa_rules rules = {
	.basic = 1U << IKE_ATTR_ENCRYPTION | 1U << IKE_ATTR_HASH | 1U << IKE_ATTR_AUTH |
	    1U << IKE_ATTR_GROUP | 1U << IKE_ATTR_KEY_LENGTH,
	.life_type = IKE_ATTR_LIFE_TYPE,
	.life_duration = IKE_ATTR_LIFE_DURATION,
	.name = ike_attr_name,
};

#define WORDS_MAX	4

/* A row is a product: each cipher with each hash and each group. */
static const struct broad {
	uint16_t	auth;
	const char	*enc[WORDS_MAX], *hash[WORDS_MAX], *group[WORDS_MAX];
} broad[] = {
	{ AUTH_PSK, { "aes256", "aes128", "3des" }, { "sha256", "sha1", "md5" },
	    { "modp2048", "modp1536", "modp1024" } },
	{ AUTH_RSA_SIG, { "aes256", "aes128", "3des" }, { "sha256", "sha1", "md5" },
	    { "modp2048", "modp1536", "modp1024" } },
	{ AUTH_XAUTH_INIT_PSK, { "aes256", "aes128", "3des" }, { "sha256", "sha1", "md5" },
	    { "modp2048", "modp1536", "modp1024" } },
	{ AUTH_PSK, { "aes256", "aes128" }, { "sha256", "sha384", "sha1" },
	    { "ecp256", "ecp384", "modp3072", "modp4096" } },
	{ AUTH_RSA_SIG, { "aes256", "aes128" }, { "sha256", "sha384", "sha1" },
	    { "ecp256", "ecp384", "modp3072", "modp4096" } },
	{ AUTH_HYBRID_INIT_RSA, { "aes256", "aes128", "3des" }, { "sha256", "sha1", "md5" },
	    { "modp2048", "modp1536", "modp1024" } },
	{ AUTH_XAUTH_INIT_RSA, { "aes256", "aes128", "3des" }, { "sha256", "sha1", "md5" },
	    { "modp2048", "modp1536", "modp1024" } },
	{ AUTH_ECDSA_256, { "aes256", "aes128" }, { "sha256" },
	    { "ecp256", "modp2048" } },
};

bool
probe_offer_broad(struct probe_offer *o, size_t i)
{
	const struct alg_enc *enc[WORDS_MAX];
	const struct alg_hash *hash[WORDS_MAX];
	const struct alg_group *group;
	const struct broad *b;
	size_t g, e, h, n_enc = 0, n_hash = 0;

	o->n = 0;
	if (i >= sizeof(broad) / sizeof(broad[0]))
		return (false);
	b = &broad[i];
	for (; n_enc < WORDS_MAX && b->enc[n_enc] != NULL; n_enc++)
		enc[n_enc] = alg_enc_word(b->enc[n_enc]);
	for (; n_hash < WORDS_MAX && b->hash[n_hash] != NULL; n_hash++)
		hash[n_hash] = alg_hash_word(b->hash[n_hash]);
	for (g = 0; g < WORDS_MAX && b->group[g] != NULL; g++) {
		group = alg_group_word(b->group[g]);
		for (e = 0; e < n_enc; e++)
			for (h = 0; h < n_hash && o->n < PROBE_OFFER_MAX; h++)
				o->t[o->n++] = (struct probe_transform){ { enc[e], hash[h], group }, b->auth };
	}
	return (true);
}

void
probe_offer_put(struct wr *w, const struct probe_offer *o)
{
	uint8_t buf[PROBE_OFFER_MAX * 32];
	struct wr a = wr_of(buf, sizeof(buf));
	const struct sa_life life = { LIFE_SECONDS, 0 };
	struct isakmp_sa sa;
	size_t i, from;

	sa.doi = DOI_IPSEC;
	sa.situation = SIT_IDENTITY_ONLY;
	sa.np = 1;
	for (i = 0; i < o->n; i++) {
		const struct probe_transform *t = &o->t[i];

		from = a.len;
		isakmp_attr_put(&a, IKE_ATTR_ENCRYPTION, t->p.enc->ike);
		if (t->p.enc->key_bits != 0)
			isakmp_attr_put(&a, IKE_ATTR_KEY_LENGTH, t->p.enc->key_bits);
		isakmp_attr_put(&a, IKE_ATTR_HASH, t->p.hash->ike);
		isakmp_attr_put(&a, IKE_ATTR_GROUP, t->p.group->num);
		isakmp_attr_put(&a, IKE_ATTR_AUTH, t->auth);
		sa_life_put(&a, &rules, &life);
		sa.t[i] = (struct isakmp_transform){ (uint8_t)(i + 1), KEY_IKE,
		    span_of(buf + from, a.len - from) };
	}
	sa.nt = o->n;
	sa.p[0] = (struct isakmp_proposal){ 1, PROTO_ISAKMP, SPAN_NONE, sa.nt, 0 };
	if (sa.nt == 0 || a.bad)
		w->bad = true;
	isakmp_sa_put(w, &sa);
}

static void
put_vids(struct isakmp_builder *b)
{
	const struct natt_version *v;
	size_t i;

	for (i = 0; (v = natt_version_row(i)) != NULL; i++)
		if ((NATT_ALL & 1U << v->kind) != 0)
			isakmp_payload_put(b, PAYLOAD_VID, vid_of(v->kind)->bytes);
	isakmp_payload_put(b, PAYLOAD_VID, vid_of(VID_DPD)->bytes);
}

static void
begin(struct isakmp_builder *b, uint8_t *buf, size_t cap, uint8_t exchange,
    const uint8_t cky_i[COOKIE_LEN], const uint8_t *cky_r)
{
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = exchange };

	memcpy(h.cky_i, cky_i, COOKIE_LEN);
	if (cky_r != NULL)
		memcpy(h.cky_r, cky_r, COOKIE_LEN);
	isakmp_begin(b, buf, cap, &h);
}

static void
put_offer(struct isakmp_builder *b, const struct probe_offer *o)
{
	isakmp_payload_begin(b, PAYLOAD_SA);
	probe_offer_put(&b->w, o);
	isakmp_payload_end(b);
}

struct span
probe_main1(uint8_t buf[PROBE_MSG_MAX], const uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, unsigned vids)
{
	struct isakmp_builder b;

	begin(&b, buf, PROBE_MSG_MAX, EXCHANGE_MAIN, cky_i, NULL);
	put_offer(&b, o);
	if ((vids & PROBE_VID_FRAGMENTS) != 0)
		isakmp_payload_put(&b, PAYLOAD_VID, vid_of(VID_FRAGMENTATION)->bytes);
	if ((vids & PROBE_VIDS) != 0)
		put_vids(&b);
	return (isakmp_end(&b));
}

/* Up to ${len} bytes, by a vendor ID of zeros. */
static void
fill(struct isakmp_builder *b, size_t len)
{
	isakmp_payload_begin(b, PAYLOAD_VID);
	wr_zeros(&b->w, len > b->w.len ? len - b->w.len : 0);
	isakmp_payload_end(b);
}

struct span
probe_main1_long(uint8_t *buf, size_t cap, const uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, size_t len)
{
	struct isakmp_builder b;

	begin(&b, buf, cap, EXCHANGE_MAIN, cky_i, NULL);
	put_offer(&b, o);
	fill(&b, len);
	return (isakmp_end(&b));
}

struct span
probe_main3(uint8_t *buf, size_t cap, const uint8_t cky_i[COOKIE_LEN],
    const uint8_t cky_r[COOKIE_LEN], struct span ke, struct span nonce, uint8_t natd_type,
    const struct span *natd, size_t n_natd, size_t len)
{
	struct isakmp_builder b;
	size_t i;

	begin(&b, buf, cap, EXCHANGE_MAIN, cky_i, cky_r);
	isakmp_payload_put(&b, PAYLOAD_KE, ke);
	isakmp_payload_put(&b, PAYLOAD_NONCE, nonce);
	for (i = 0; i < n_natd && natd_type != 0; i++)
		isakmp_payload_put(&b, natd_type, natd[i]);
	if (len > 0)
		fill(&b, len);
	return (isakmp_end(&b));
}

struct span
probe_aggressive1(uint8_t buf[PROBE_MSG_MAX], const uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, struct span ke, struct span nonce, const struct id *id)
{
	struct isakmp_builder b;

	begin(&b, buf, PROBE_MSG_MAX, EXCHANGE_AGGRESSIVE, cky_i, NULL);
	put_offer(&b, o);
	isakmp_payload_put(&b, PAYLOAD_KE, ke);
	isakmp_payload_put(&b, PAYLOAD_NONCE, nonce);
	isakmp_payload_begin(&b, PAYLOAD_ID);
	id_put(&b.w, id);
	isakmp_payload_end(&b);
	if (o->cert_req)
		isakmp_payload_put(&b, PAYLOAD_CR, span_of("\4", 1));
	put_vids(&b);
	return (isakmp_end(&b));
}

/* The transform of a reply: it has to be the only one. */
static void
take_choice(struct probe_answer *a)
{
	struct isakmp_sa sa;
	struct sa_values v;

	if (isakmp_sa_get(&sa, a->sa_b, NULL) != 0 || sa.np != 1 || sa.nt != 1)
		return;
	sa_values_get(&v, sa.t[0].attrs, &rules);
	a->choice.p.enc = alg_enc_ike(v.v[IKE_ATTR_ENCRYPTION], v.v[IKE_ATTR_KEY_LENGTH]);
	a->choice.p.hash = alg_hash_ike(v.v[IKE_ATTR_HASH]);
	a->choice.p.group = alg_group_num(v.v[IKE_ATTR_GROUP]);
	a->choice.auth = v.v[IKE_ATTR_AUTH];
	a->life_s = v.life.seconds;
	a->chosen = a->choice.p.enc != NULL && a->choice.p.hash != NULL &&
	    a->choice.p.group != NULL;
}

static void
take_payload(struct probe_answer *a, const struct isakmp_payload *pl)
{
	struct isakmp_notify n;

	switch (pl->type) {
	case PAYLOAD_SA:
		a->sa_b = pl->body;
		break;
	case PAYLOAD_KE:
		a->ke_b = pl->body;
		break;
	case PAYLOAD_NONCE:
		a->nonce_b = pl->body;
		break;
	case PAYLOAD_ID:
		a->id_b = pl->body;
		break;
	case PAYLOAD_VID:
		if (a->n_vids < PROBE_VIDS_MAX)
			a->vids[a->n_vids++] = pl->body;
		break;
	case PAYLOAD_NAT_D:
	case PAYLOAD_NAT_D_DRAFT:
		if (a->n_natd < sizeof(a->natd) / sizeof(a->natd[0]))
			a->natd[a->n_natd++] = pl->body;
		break;
	case PAYLOAD_CERT:
		if (a->n_certs < PROBE_CERTS_MAX)
			a->certs[a->n_certs++] = pl->body;
		break;
	case PAYLOAD_CR:
		if (a->n_cert_reqs < PROBE_CERT_REQS_MAX)
			a->cert_reqs[a->n_cert_reqs++] = pl->body;
		break;
	case PAYLOAD_N:
		if (isakmp_notify_get(&n, pl->body, NULL) == 0) {
			a->kind = PROBE_NOTIFY;
			a->notify = n.type;
		}
		break;
	}
}

void
probe_answer_get(struct probe_answer *a, const uint8_t cky_i[COOKIE_LEN], struct span dgram)
{
	static const uint8_t none[COOKIE_LEN];
	struct isakmp_msg m;
	size_t i;

	*a = (struct probe_answer){ .kind = PROBE_NO_ANSWER };
	if (isakmp_hdr_get(&a->hdr, dgram, NULL) != 0 ||
	    memcmp(a->hdr.cky_i, cky_i, COOKIE_LEN) != 0)
		return;
	if (a->hdr.version >> 4 != ISAKMP_VERSION_1 >> 4) {
		/* IKE_SA_INIT without the responder's SPI and without the flag R is our own, come back. */
		if (memcmp(a->hdr.cky_r, none, COOKIE_LEN) == 0 && (a->hdr.flags & V2_FLAG_RESPONSE) == 0)
			return;
		a->kind = PROBE_VERSION;
		return;
	}
	/* A first message bears no responder's cookie: this is our own, come back. */
	if (a->hdr.exchange != EXCHANGE_INFO && memcmp(a->hdr.cky_r, none, COOKIE_LEN) == 0)
		return;
	a->kind = PROBE_OTHER;
	if ((a->hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0)
		return;
	if (isakmp_msg_get(&m, dgram, NULL) != 0) {
		a->kind = PROBE_NO_ANSWER;
		return;
	}
	for (i = 0; i < m.n; i++)
		take_payload(a, &m.pl[i]);
	/* An answer that goes on counts more than a notify beside it. */
	if (a->sa_b.len > 0) {
		a->kind = PROBE_CHOICE;
		take_choice(a);
	} else if (a->ke_b.len > 0)
		a->kind = PROBE_KEY;
}
