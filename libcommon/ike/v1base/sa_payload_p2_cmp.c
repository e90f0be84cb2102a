/* SA payloads of phase 2: the transforms that are offered, compared with those that are configured. */
#include "ike/v1base/sa_payload_p2_priv.h"

#include <stdio.h>

const struct sa_rules p2_rules = {
	.basic = 1U << IPSEC_ATTR_GROUP | 1U << IPSEC_ATTR_ENCAP_MODE | 1U << IPSEC_ATTR_AUTH |
	    1U << IPSEC_ATTR_KEY_LENGTH | 1U << IPSEC_ATTR_ESN,
	.life_type = IPSEC_ATTR_LIFE_TYPE,
	.life_duration = IPSEC_ATTR_LIFE_DURATION,
	.name = ipsec_attr_name,
};

uint8_t
p2_proto_num(enum sa_proto proto)
{
	return (proto == SA_AH ? PROTO_AH : PROTO_ESP);
}

/* How many proposals have the number ${num}, of ${proto} (0: of any): all of a number make one offer (RFC 2408, 4.2). */
size_t
p2_of_number(const struct isakmp_sa *sa, uint8_t num, uint8_t proto)
{
	size_t i, n = 0;

	for (i = 0; i < sa->np; i++)
		n += sa->p[i].num == num && (proto == 0 || sa->p[i].proto == proto);
	return (n);
}

static void
t2_refuse(struct t2 *t, const char *why)
{
	if (t->v.why[0] == '\0')
		(void)snprintf(t->v.why, SA_WHY, "%s", why);
}

void
p2_get(struct t2 *t, const struct isakmp_sa *sa, const struct isakmp_proposal *prop,
    const struct isakmp_transform *wire, size_t ke_len)
{
	struct sa_values *v = &t->v;
	const struct alg_group *g;

	*t = (struct t2){ .proto = prop->proto, .id = wire->id };
	sa_values_get(v, wire->attrs, &p2_rules);
	t->encap = v->v[IPSEC_ATTR_ENCAP_MODE];
	t->p.integ = alg_integ_auth(v->v[IPSEC_ATTR_AUTH]);
	t->p.group = g = alg_group_num(v->v[IPSEC_ATTR_GROUP]);
	t->p.esn = v->v[IPSEC_ATTR_ESN] == ESN_64BIT;
	if (prop->proto == PROTO_ESP)
		t->p.enc = alg_enc_esp(wire->id, v->v[IPSEC_ATTR_KEY_LENGTH]);
	if (p2_of_number(sa, prop->num, PROTO_IPCOMP) > 0)
		t2_refuse(t, "compression (IPComp) is not supported");
	if (prop->proto != PROTO_ESP && prop->proto != PROTO_AH)
		t2_refuse(t, "its protocol is neither ESP nor AH");
	if (p2_of_number(sa, prop->num, 0) > 1)
		t2_refuse(t, "it is a bundle of several protocols, and a single one is configured");
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

unsigned
p2_diff(const struct t2 *t, const struct esp_proposal *p, const struct want *w)
{
	bool group = p->group != NULL ? t->p.group == p->group :
	    !sa_has(&t->v, IPSEC_ATTR_GROUP);
	unsigned d = (t->proto != p2_proto_num(w->proto) ? D_PROTO : 0U) |
	    (t->p.enc != p->enc ? D_ENC : 0U) | (!integ_fits(t, p->integ) ? D_INTEG : 0U) |
	    (t->p.esn != p->esn ? D_ESN : 0U) | (!encap_fits(t, w) ? D_ENCAP : 0U) |
	    (!group ? D_GROUP : 0U);

	return (t->v.why[0] != '\0' ? d | D_REFUSED : d);
}

/* Text of ${t}; algorithms that the registry does not have are printed as numbers. */
char *
p2_text(char out[SA_WORDS], const struct t2 *t, const struct want *w)
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
	if (t->proto != p2_proto_num(w->proto))
		sa_text_add(&x, "%s ", isakmp_proto_name(t->proto, name));
	sa_text_p2(&x, t->proto, &n);
	if (!encap_fits(t, w))
		sa_text_add(&x, " (%s)", ipsec_encap_name(t->encap, name));
	return (out);
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
			p2_get(&t, sa, &sa->p[i], &sa->t[sa->p[i].first + j], w->ke_len);
			for (k = 0; k < w->own->n; k++) {
				d = p2_diff(&t, &w->own->p[k], w);
				if (least != UINT32_MAX &&
				    __builtin_popcount(d) >= __builtin_popcount(least))
					continue;
				least = d;
				*best = t;
				*conf = &w->own->p[k];
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
		    isakmp_proto_name(t->proto, a), isakmp_proto_name(p2_proto_num(w->proto), b));
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
unsigned
p2_difference(struct sa_text *x, const struct isakmp_sa *sa, const struct want *w)
{
	const struct esp_proposal *conf = NULL;
	struct t2 t = {0};
	char words[SA_WORDS];
	unsigned d;

	if (sa->nt == 0 || w->own->n == 0) {
		sa_text_add(x, sa->nt == 0 ? "no transform is offered" :
		    "no proposal is configured");
		return (D_REFUSED);
	}
	d = closest(sa, w, &conf, &t);
	sa_text_add(x, "%s, the closest offer, ", p2_text(words, &t, w));
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

	p2_get(&t, sa, p, wire, w->ke_len);
	(void)p2_text(words, &t, w);
}

static void
own_words(const void *ctx, char words[PROPOSAL_TEXT], size_t i)
{
	(void)esp_proposal_text(words, &((const struct want *)ctx)->own->p[i]);
}

static void
difference_words(const void *ctx, struct sa_text *x, const struct isakmp_sa *sa)
{
	(void)p2_difference(x, sa, ctx);
}

char *
p2_mismatch_text(char *out, size_t cap, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len)
{
	const struct want want = { p, &p->esp, p->proto, encaps, n_encaps, ke_len };
	const struct sa_words w = { &want, p->esp.n, offered_words, own_words, difference_words };

	return (sa_mismatch_text(out, cap, sa_body, &w));
}

