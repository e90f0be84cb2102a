/* SA payloads of phase 2: RFC 2407 sections 4.4 and 4.5, RFC 4106, RFC 4304. */
#include "ike/v1base/sa_payload_p2.h"

#include <stdio.h>

#define SPI_LEN		4
#define SPI_RESERVED	255	/* SPIs up to here are IANA's, RFC 4303 section 2.1 */
#define ESN_64BIT	1	/* RFC 4304 */

static const struct sa_rules rules = {
	.basic = 1U << IPSEC_ATTR_GROUP | 1U << IPSEC_ATTR_ENCAP_MODE | 1U << IPSEC_ATTR_AUTH |
	    1U << IPSEC_ATTR_KEY_LENGTH | 1U << IPSEC_ATTR_ESN,
	.life_type = IPSEC_ATTR_LIFE_TYPE,
	.life_duration = IPSEC_ATTR_LIFE_DURATION,
	.name = ipsec_attr_name,
};

/* The requirements of one end, besides its list. */
struct want {
	const struct ike_policy	*p;
	const uint16_t		*encaps;
	size_t			 n_encaps;
	size_t			 ke_len;
};

/*
 * A transform as offered; members of the proposal are NULL where the registry has no such row.
 * ESP's integrity and 96-bit SHA-256 share a number, so integ is but the first with it.
 */
struct t2 {
	struct sa_values	v;
	uint8_t			proto, id;
	struct esp_proposal	p;
	uint16_t		encap;		/* 0: named none */
};

/* The differences of two proposals, in the order of reporting. */
enum {
	D_PROTO = 1, D_ENC = 2, D_INTEG = 4, D_ESN = 8, D_ENCAP = 16, D_GROUP = 32, D_REFUSED = 64,
	D_MODE = 128,		/* nothing but D_ENCAP, and it is tunnel against transport */
};

static uint8_t
proto_num(enum sa_proto proto)
{
	return (proto == SA_AH ? PROTO_AH : PROTO_ESP);
}

/* Whether another proposal has the number of ${p}: both together make one offer then. */
static bool
is_and(const struct isakmp_sa *sa, const struct isakmp_proposal *p)
{
	size_t i, n = 0;

	for (i = 0; i < sa->np; i++)
		if (sa->p[i].num == p->num)
			n++;
	return (n > 1);
}

static void
t2_refuse(struct t2 *t, const char *why)
{
	if (t->v.why[0] == '\0')
		(void)snprintf(t->v.why, SA_WHY, "%s", why);
}

static void
t2_get(struct t2 *t, const struct isakmp_sa *sa, const struct isakmp_proposal *prop,
    const struct isakmp_transform *wire, size_t ke_len)
{
	struct sa_values *v = &t->v;
	const struct alg_group *g;

	*t = (struct t2){ .proto = prop->proto, .id = wire->id };
	sa_values_get(v, wire->attrs, &rules);
	t->encap = v->v[IPSEC_ATTR_ENCAP_MODE];
	t->p.integ = alg_integ_auth(v->v[IPSEC_ATTR_AUTH]);
	t->p.group = g = alg_group_num(v->v[IPSEC_ATTR_GROUP]);
	t->p.esn = v->v[IPSEC_ATTR_ESN] == ESN_64BIT;
	if (prop->proto == PROTO_ESP)
		t->p.enc = alg_enc_esp(wire->id, v->v[IPSEC_ATTR_KEY_LENGTH]);
	if (prop->proto != PROTO_ESP && prop->proto != PROTO_AH)
		t2_refuse(t, "its protocol is neither ESP nor AH");
	if (is_and(sa, prop))
		t2_refuse(t, "several protocols at once are not supported");
	if (prop->spi.len != SPI_LEN || get_be32(prop->spi.p) <= SPI_RESERVED)
		t2_refuse(t, "its SPI is not 4 bytes or is reserved");
	if (sa_has(v, IPSEC_ATTR_KEY_LENGTH) && (v->v[IPSEC_ATTR_KEY_LENGTH] == 0 ||
	    prop->proto == PROTO_AH))
		t2_refuse(t, "it has a key length where none belongs");
	if (sa_has(v, IPSEC_ATTR_ESN) && !t->p.esn)
		t2_refuse(t, "its ESN value is unknown");
	if (prop->proto == PROTO_AH && t->p.integ != NULL && t->p.integ->ah != wire->id)
		t2_refuse(t, "its AH transform and its authentication attribute disagree");
	if (t->p.enc != NULL && t->p.enc->form == ALG_AEAD && sa_has(v, IPSEC_ATTR_AUTH))
		t2_refuse(t, "it has an authentication attribute beside an AEAD");
	if (sa_has(v, IPSEC_ATTR_GROUP) && ke_len == 0)
		t2_refuse(t, "it has a group, but no KE payload came along");
	else if (g != NULL && ke_len != g->pub_len)
		t2_refuse(t, "the KE payload's length is not that of its group");
	else if (!sa_has(v, IPSEC_ATTR_GROUP) && ke_len != 0)
		t2_refuse(t, "it has no group, but a KE payload came along");
}

static bool
encap_fits(const struct t2 *t, const struct want *w)
{
	size_t i;

	for (i = 0; i < w->n_encaps; i++)
		if (w->encaps[i] == t->encap)
			return (true);
	return (!sa_has(&t->v, IPSEC_ATTR_ENCAP_MODE) && w->n_encaps > 0);
}

static bool
integ_fits(const struct t2 *t, const struct alg_integ *want)
{
	if (want == NULL)	/* beside an AEAD it is refused already */
		return (!sa_has(&t->v, IPSEC_ATTR_AUTH) ||
		    (t->p.enc != NULL && t->p.enc->form == ALG_AEAD));
	return (t->v.v[IPSEC_ATTR_AUTH] == want->auth);
}

static unsigned
t2_diff(const struct t2 *t, const struct esp_proposal *p, const struct want *w)
{
	bool group = p->group != NULL ? t->p.group == p->group :
	    !sa_has(&t->v, IPSEC_ATTR_GROUP);
	unsigned d = (t->proto != proto_num(w->p->proto) ? D_PROTO : 0U) |
	    (t->p.enc != p->enc ? D_ENC : 0U) | (!integ_fits(t, p->integ) ? D_INTEG : 0U) |
	    (t->p.esn != p->esn ? D_ESN : 0U) | (!encap_fits(t, w) ? D_ENCAP : 0U) |
	    (!group ? D_GROUP : 0U);

	return (t->v.why[0] != '\0' ? d | D_REFUSED : d);
}

/* Text of ${t}; algorithms that the registry does not have are printed as numbers. */
static char *
t2_text(char out[SA_WORDS], const struct t2 *t, const struct want *w)
{
	struct sa_text x = { out, SA_WORDS, 0 };
	const struct sa_values *v = &t->v;
	const struct sa_numbers n = {
		.enc = t->id, .integ = v->v[IPSEC_ATTR_AUTH], .group = v->v[IPSEC_ATTR_GROUP],
		.bits = v->v[IPSEC_ATTR_KEY_LENGTH],
		.has_bits = sa_has(v, IPSEC_ATTR_KEY_LENGTH),
		.has_integ = sa_has(v, IPSEC_ATTR_AUTH), .has_group = sa_has(v, IPSEC_ATTR_GROUP),
		.esn = t->p.esn,
	};
	char name[NUM_TEXT];

	out[0] = '\0';
	if (t->proto != proto_num(w->p->proto))
		sa_text_add(&x, "%s ", isakmp_proto_name(t->proto, name));
	sa_text_p2(&x, t->proto, &n);
	if (!encap_fits(t, w))
		sa_text_add(&x, " (%s)", ipsec_encap_name(t->encap, name));
	return (out);
}

const struct alg_group *
p2_group(const struct ike_policy *p)
{
	return (p->esp.n > 0 ? p->esp.p[0].group : NULL);
}

/* The attributes of one transform. */
static void
attrs_put(struct wr *a, const struct esp_proposal *one, uint16_t encap,
    const struct sa_life *life)
{
	if (one->group != NULL)
		isakmp_attr_put(a, IPSEC_ATTR_GROUP, one->group->num);
	isakmp_attr_put(a, IPSEC_ATTR_ENCAP_MODE, encap);
	if (one->integ != NULL)
		isakmp_attr_put(a, IPSEC_ATTR_AUTH, one->integ->auth);
	/* RFC 4106 section 8.2: of GCM too the key's bits, without the salt. */
	if (one->enc != NULL && one->enc->key_bits != 0)
		isakmp_attr_put(a, IPSEC_ATTR_KEY_LENGTH, one->enc->key_bits);
	sa_life_put(a, &rules, life);
	if (one->esn)
		isakmp_attr_put(a, IPSEC_ATTR_ESN, ESN_64BIT);
}

void
p2_offer(struct wr *w, const struct ike_policy *p, const uint8_t spi[4], uint16_t encap,
    const struct alg_group *pfs)
{
	uint8_t buf[PROPOSALS_MAX * 64];
	struct wr a = wr_of(buf, sizeof(buf));
	const struct esp_proposal *one;
	const struct sa_life life = { p->esp_seconds, p->esp_kilobytes };
	struct isakmp_sa sa;
	size_t i, from;

	sa.doi = DOI_IPSEC;
	sa.situation = SIT_IDENTITY_ONLY;
	sa.np = 1;
	sa.nt = 0;
	for (i = 0; i < p->esp.n; i++) {
		one = &p->esp.p[i];
		if (one->group != pfs)
			continue;
		from = a.len;
		attrs_put(&a, one, encap, &life);
		sa.t[sa.nt] = (struct isakmp_transform){ (uint8_t)(sa.nt + 1),
		    one->enc != NULL ? one->enc->esp : one->integ->ah,
		    span_of(buf + from, a.len - from) };
		sa.nt++;
	}
	sa.p[0] = (struct isakmp_proposal){ 1, proto_num(p->proto), span_of(spi, SPI_LEN), sa.nt,
	    0 };
	if (sa.nt == 0 || a.bad)
		w->bad = true;
	isakmp_sa_put(w, &sa);
}

static unsigned
closest(const struct isakmp_sa *sa, const struct want *w, const struct esp_proposal **conf,
    struct t2 *best)
{
	struct t2 t;
	size_t i, j, k;
	unsigned d, least = UINT32_MAX;

	for (i = 0; i < sa->np; i++)
		for (j = 0; j < sa->p[i].n; j++) {
			t2_get(&t, sa, &sa->p[i], &sa->t[sa->p[i].first + j], w->ke_len);
			for (k = 0; k < w->p->esp.n; k++) {
				d = t2_diff(&t, &w->p->esp.p[k], w);
				if (least != UINT32_MAX &&
				    __builtin_popcount(d) >= __builtin_popcount(least))
					continue;
				least = d;
				*best = t;
				*conf = &w->p->esp.p[k];
			}
		}
	return (least);
}

static const char *
group_word(const struct alg_group *g)
{
	return (g != NULL ? g->word : "none");
}

/* The text of one bit of a difference. */
static void
difference_text(struct sa_text *x, unsigned d, const struct t2 *t,
    const struct esp_proposal *conf, const struct want *w)
{
	const uint16_t *v = t->v.v;
	char a[NUM_TEXT], b[NUM_TEXT];

	if (d & D_PROTO)
		sa_text_add(x, "has protocol %s where %s is configured",
		    isakmp_proto_name(t->proto, a), isakmp_proto_name(proto_num(w->p->proto), b));
	else if ((d & D_ENC) && t->p.enc != NULL)
		sa_text_add(x, "has cipher %s where %s is configured", t->p.enc->word,
		    conf->enc->word);
	else if ((d & D_ENC) && !sa_has(&t->v, IPSEC_ATTR_KEY_LENGTH) &&
	    alg_enc_esp(t->id, 128) != NULL)
		sa_text_add(x, "has AES without a key length");
	else if (d & D_ENC)
		sa_text_add(x, "has cipher %u with a key of %u bits where %s is configured", t->id,
		    v[IPSEC_ATTR_KEY_LENGTH], conf->enc->word);
	else if ((d & D_INTEG) && t->p.integ != NULL)
		sa_text_add(x, "has integrity %s where %s is configured", t->p.integ->word,
		    conf->integ != NULL ? conf->integ->word : "none");
	else if (d & D_INTEG)
		sa_text_add(x, "has integrity %u where %s is configured", v[IPSEC_ATTR_AUTH],
		    conf->integ != NULL ? conf->integ->word : "none");
	else if (d & D_ESN)
		sa_text_add(x, t->p.esn ? "has ESN where none is configured" :
		    "has no ESN where it is configured");
	else if (d & D_ENCAP)
		sa_text_add(x, "has mode %s where %s is configured",
		    ipsec_encap_name(t->encap, a),
		    w->n_encaps > 0 ? ipsec_encap_name(w->encaps[0], b) : "none");
	else if ((d & D_GROUP) && t->p.group == NULL && sa_has(&t->v, IPSEC_ATTR_GROUP))
		sa_text_add(x, "has PFS group %u where %s is configured", v[IPSEC_ATTR_GROUP],
		    group_word(conf->group));
	else if (d & D_GROUP)
		sa_text_add(x, "has PFS group %s where %s is configured",
		    group_word(t->p.group), group_word(conf->group));
	else
		sa_text_add(x, "is refused: %s", t->v.why);
}

static bool
is_tunnel(uint16_t encap)
{
	return (encap == ENCAP_TUNNEL || encap == ENCAP_UDP_TUNNEL || encap == ENCAP_UDP_TUNNEL_DRAFT);
}

/* The first difference of the closest offer, as text and as bits. */
static unsigned
difference(struct sa_text *x, const struct isakmp_sa *sa, const struct want *w)
{
	const struct esp_proposal *conf = NULL;
	struct t2 t = {0};
	char words[SA_WORDS];
	unsigned d;

	if (sa->nt == 0 || w->p->esp.n == 0) {
		sa_text_add(x, sa->nt == 0 ? "no transform is offered" :
		    "no proposal is configured");
		return (D_REFUSED);
	}
	d = closest(sa, w, &conf, &t);
	sa_text_add(x, "%s, the closest offer, ", t2_text(words, &t, w));
	difference_text(x, d, &t, conf, w);
	return (d == D_ENCAP && w->n_encaps > 0 && is_tunnel(t.encap) != is_tunnel(w->encaps[0]) ? D_MODE : d);
}

/* --- the mismatch as a table --- */

static void
offered_words(const void *ctx, char words[SA_WORDS], const struct isakmp_sa *sa,
    const struct isakmp_proposal *p, const struct isakmp_transform *wire)
{
	const struct want *w = ctx;
	struct t2 t;

	t2_get(&t, sa, p, wire, w->ke_len);
	(void)t2_text(words, &t, w);
}

static void
own_words(const void *ctx, char words[PROPOSAL_TEXT], size_t i)
{
	(void)esp_proposal_text(words, &((const struct want *)ctx)->p->esp.p[i]);
}

static void
difference_words(const void *ctx, struct sa_text *x, const struct isakmp_sa *sa)
{
	(void)difference(x, sa, ctx);
}

char *
p2_mismatch_text(char *out, size_t cap, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len)
{
	const struct want want = { p, encaps, n_encaps, ke_len };
	const struct sa_words w = { &want, p->esp.n, offered_words, own_words, difference_words };

	return (sa_mismatch_text(out, cap, sa_body, &w));
}

/* --- choosing --- */

/* Whether the registry knows all of a transform that is otherwise in order. */
static bool
all_known(const struct t2 *t)
{
	if (sa_has(&t->v, IPSEC_ATTR_GROUP) && t->p.group == NULL)
		return (false);
	if (t->proto == PROTO_AH)
		return (t->p.integ != NULL);
	return (t->p.enc != NULL && (t->p.enc->form == ALG_AEAD || t->p.integ != NULL));
}

/* The result of p2_choose(), as in sa_payload_p1.c. */
struct found {
	size_t				 k;	/* own proposal; list length: known only */
	const struct isakmp_proposal	*prop;
	const struct isakmp_transform	*wire;	/* NULL: nothing */
	struct t2			 t;
};

static void
find(struct found *best, const struct isakmp_sa *sa, const struct want *w)
{
	const struct esp_proposals *own = &w->p->esp;
	struct found c;
	size_t i, j;

	*best = (struct found){ .k = own->n + 1 };
	for (i = 0; i < sa->np; i++)
		for (j = 0; j < sa->p[i].n; j++) {
			c.prop = &sa->p[i];
			c.wire = &sa->t[sa->p[i].first + j];
			t2_get(&c.t, sa, c.prop, c.wire, w->ke_len);
			for (c.k = 0; c.k < own->n; c.k++)
				if (t2_diff(&c.t, &own->p[c.k], w) == 0)
					break;
			if (c.k == own->n && (!w->p->accept_all || !all_known(&c.t) ||
			    t2_diff(&c.t, &c.t.p, w) != 0))
				continue;
			if (c.k < best->k)
				*best = c;
		}
}

/* ${conf} is the configured proposal that fits, or NULL: then as offered. */
static void
choice_fill(struct p2_choice *out, const struct t2 *t, const struct esp_proposal *conf,
    const struct isakmp_proposal *prop, const struct isakmp_transform *wire, const struct want *w)
{
	const struct sa_life own = { w->p->esp_seconds, w->p->esp_kilobytes };

	*out = (struct p2_choice){ .proposal = conf != NULL ? *conf : t->p, .num = wire->num,
	    .proto = w->p->proto, .said = t->v.life };
	memcpy(out->spi, prop->spi.p, SPI_LEN);
	out->encap = sa_has(&t->v, IPSEC_ATTR_ENCAP_MODE) ? t->encap : w->encaps[0];
	out->shorter = sa_life_min(&out->life, &own, &out->said);
}

int
p2_choose(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len, const uint8_t spi[4],
    struct wr *reply, struct fault *f)
{
	const struct want w = { p, encaps, n_encaps, ke_len };
	struct isakmp_sa sa;
	struct found best;
	char why[256] = "";
	struct sa_text x = { why, sizeof(why), 0 };
	unsigned d;

	if (isakmp_sa_get(&sa, sa_body, f) != 0)
		return (-1);
	find(&best, &sa, &w);
	if (best.wire == NULL) {
		d = difference(&x, &sa, &w);
		(void)fault(f, d == D_GROUP ? FAULT_PFS_MISMATCH : FAULT_NO_PROPOSAL,
		    "none of %zu phase 2 proposals is configured: %s", sa.nt, why);
		return (d == D_MODE ? fault_because(f, CAUSE_ENCAP_MODE, -1) : -1);
	}
	choice_fill(out, &best.t, best.k < p->esp.n ? &p->esp.p[best.k] : NULL, best.prop,
	    best.wire, &w);
	sa_reply_put(reply, best.prop, best.wire, span_of(spi, SPI_LEN));
	return (0);
}

int
p2_accept(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    uint16_t encap, const struct alg_group *pfs, struct fault *f)
{
	const struct want w = { p, &encap, 1, pfs != NULL ? pfs->pub_len : 0 };
	struct isakmp_sa sa;
	struct t2 t;
	char words[SA_WORDS];
	size_t i;

	if (isakmp_sa_get(&sa, sa_body, f) != 0)
		return (-1);
	if (sa.np != 1 || sa.nt != 1)
		return (fault(f, FAULT_PROTOCOL, "the peer chose %zu proposals with %zu transforms "
		    "instead of one", sa.np, sa.nt));
	t2_get(&t, &sa, &sa.p[0], &sa.t[0], w.ke_len);
	for (i = 0; i < p->esp.n; i++)
		if (p->esp.p[i].group == pfs && t2_diff(&t, &p->esp.p[i], &w) == 0)
			break;
	if (i == p->esp.n)
		return (fault(f, FAULT_PROTOCOL, "the peer chose %s%s%s, which was not offered",
		    t2_text(words, &t, &w), t.v.why[0] != '\0' ? ": " : "", t.v.why));
	choice_fill(out, &t, &p->esp.p[i], &sa.p[0], &sa.t[0], &w);
	return (0);
}
