/* SA payloads of phase 2: RFC 2407 sections 4.4 and 4.5, RFC 4106, RFC 4304: our offer, and the choices of both ends. */
#include "ike/v1base/sa_payload_p2.h"

#include "ike/v1base/sa_payload_p2_priv.h"

const struct alg_group *
p2_group(const struct ike_policy *p)
{
	return (p->esp.n > 0 ? p->esp.p[0].group : NULL);
}

bool
p2_next_group(const struct ike_policy *p, const struct alg_group *last, const struct alg_group **next)
{
	const struct esp_proposals *own = &p->esp;
	bool passed = false;
	size_t i, j;

	for (i = 0; i < own->n; i++) {
		for (j = 0; j < i && own->p[j].group != own->p[i].group; j++)
			;
		if (j < i)	/* it had its turn */
			continue;
		if (passed) {
			*next = own->p[i].group;
			return (true);
		}
		passed = own->p[i].group == last;
	}
	return (false);
}

bool
p2_offered(struct span sa_body, uint8_t spi[4], uint16_t *group)
{
	struct isakmp_sa sa;
	struct sa_values v;
	size_t i;

	if (isakmp_sa_get(&sa, sa_body, NULL) != 0 || sa.np == 0 || sa.p[0].spi.len != SPI_LEN)
		return (false);
	memcpy(spi, sa.p[0].spi.p, SPI_LEN);
	for (i = 0, *group = 0; i < sa.nt && *group == 0; i++) {
		sa_values_get(&v, sa.t[i].attrs, &p2_rules);
		*group = sa_has(&v, IPSEC_ATTR_GROUP) ? v.v[IPSEC_ATTR_GROUP] : 0;
	}
	return (true);
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
	sa_life_put(a, &p2_rules, life);
	if (one->esn)
		isakmp_attr_put(a, IPSEC_ATTR_ESN, ESN_64BIT);
}

/* Adds proposal 1 of ${proto}, with the transforms of ${list} whose group is ${pfs}; ${a} has room for their attributes. */
static void
proposal_add(struct isakmp_sa *sa, struct wr *a, enum sa_proto proto, const struct esp_proposals *list, const uint8_t spi[4],
    uint16_t encap, const struct alg_group *pfs, const struct sa_life *life)
{
	const struct esp_proposal *one;
	size_t i, from, first = sa->nt;

	for (i = 0; i < list->n; i++) {
		one = &list->p[i];
		if (one->group != pfs)
			continue;
		from = a->len;
		attrs_put(a, one, encap, life);
		sa->t[sa->nt] = (struct isakmp_transform){ (uint8_t)(sa->nt - first + 1),
		    one->enc != NULL ? one->enc->esp : one->integ->ah,
		    span_of(a->p + from, a->len - from) };
		sa->nt++;
	}
	a->bad = a->bad || sa->nt == first;
	sa->p[sa->np++] = (struct isakmp_proposal){ 1, p2_proto_num(proto), span_of(spi, SPI_LEN), sa->nt - first, first };
}

/* ${p}'s AH of a bundle, with ${group} in each of its proposals. */
static struct esp_proposals
around(const struct ike_policy *p, const struct alg_group *group)
{
	struct esp_proposals ah = p->ah;
	size_t i;

	for (i = 0; i < ah.n; i++)
		ah.p[i].group = group;
	return (ah);
}

void
p2_offer(struct wr *w, const struct ike_policy *p, const uint8_t *spis, uint16_t encap,
    const struct alg_group *pfs)
{
	uint8_t buf[2 * PROPOSALS_MAX * 64];
	struct wr a = wr_of(buf, sizeof(buf));
	const struct sa_life life = { p->esp_seconds, p->esp_kilobytes };
	const struct esp_proposals ah = around(p, pfs);
	struct isakmp_sa sa;

	sa.doi = DOI_IPSEC;
	sa.situation = SIT_IDENTITY_ONLY;
	sa.np = sa.nt = 0;
	proposal_add(&sa, &a, p->proto, &p->esp, spis, encap, pfs, &life);
	if (ah.n > 0)
		proposal_add(&sa, &a, SA_AH, &ah, spis + SPI_LEN, encap, pfs, &life);
	if (a.bad)
		w->bad = true;
	isakmp_sa_put(w, &sa);
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
	const struct esp_proposals *own = w->own;
	struct found c;
	size_t i, j;

	*best = (struct found){ .k = own->n + 1 };
	for (i = 0; i < sa->np; i++)
		for (j = 0; j < sa->p[i].n; j++) {
			c.prop = &sa->p[i];
			c.wire = &sa->t[sa->p[i].first + j];
			p2_get(&c.t, sa, c.prop, c.wire, w->ke_len);
			for (c.k = 0; c.k < own->n; c.k++)
				if (p2_diff(&c.t, &own->p[c.k], w) == 0)
					break;
			if (c.k == own->n && (!w->p->accept_all || !all_known(&c.t) ||
			    p2_diff(&c.t, &c.t.p, w) != 0))
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
	    .proto = w->proto, .said = t->v.life };
	memcpy(out->spi, prop->spi.p, SPI_LEN);
	out->encap = sa_has(&t->v, IPSEC_ATTR_ENCAP_MODE) ? t->encap : w->encaps[0];
	out->shorter = sa_life_min(&out->life, &own, &out->said);
}

/* What a refusal of ${sa} says, the bits of the difference. -1. */
static int
refuse(const struct isakmp_sa *sa, const struct want *w, struct fault *f)
{
	char why[256] = "";
	struct sa_text x = { why, sizeof(why), 0 };
	unsigned d = p2_difference(&x, sa, w);

	(void)fault(f, d == D_GROUP ? FAULT_PFS_MISMATCH : FAULT_NO_PROPOSAL,
	    "none of %zu phase 2 proposals is configured: %s", sa->nt, why);
	return (d == D_MODE ? fault_because(f, CAUSE_ENCAP_MODE, -1) : -1);
}

/* --- bundles --- */

/* The proposal of ${proto} under ${num}, as if it were alone. */
static void
half_of(struct isakmp_sa *out, const struct isakmp_sa *sa, uint8_t num, uint8_t proto)
{
	size_t i;

	out->doi = sa->doi;
	out->situation = sa->situation;
	out->np = out->nt = 0;
	for (i = 0; i < sa->np && out->np == 0; i++)
		if (sa->p[i].num == num && sa->p[i].proto == proto) {
			out->p[out->np] = sa->p[i];
			out->p[out->np++].first = 0;
			out->nt = sa->p[i].n;
			memcpy(out->t, sa->t + sa->p[i].first, out->nt * sizeof(out->t[0]));
		}
}

/* Whether ${num} is ESP and AH, each once, and nothing else. */
static bool
is_bundle(const struct isakmp_sa *sa, uint8_t num)
{
	return (p2_of_number(sa, num, 0) == 2 && p2_of_number(sa, num, PROTO_ESP) == 1 && p2_of_number(sa, num, PROTO_AH) == 1);
}

/* Fills in the AH of ${out}. */
static void
choice_around(struct p2_choice *out, const struct found *ah, const struct esp_proposals *own)
{
	out->bundle = true;
	out->ah = ah->k < own->n ? own->p[ah->k] : ah->t.p;
	memcpy(out->ah_spi, ah->prop->spi.p, SPI_LEN);
}

/* As p2_choose(), of the first bundle that fits. */
static int
choose_bundle(struct p2_choice *out, const struct isakmp_sa *sa, const struct want *w, const uint8_t *spis,
    struct wr *reply, struct fault *f)
{
	struct want wa = *w;
	struct esp_proposals own;
	struct isakmp_sa esp, ah, both;
	struct found e, a;
	size_t i, bundles = 0;

	wa.own = &own;
	wa.proto = SA_AH;
	for (i = 0; i < sa->np; i++) {
		if (sa->p[i].proto != PROTO_ESP || !is_bundle(sa, sa->p[i].num))
			continue;
		bundles++;
		half_of(&esp, sa, sa->p[i].num, PROTO_ESP);
		half_of(&ah, sa, sa->p[i].num, PROTO_AH);
		find(&e, &esp, w);
		own = around(w->p, e.wire != NULL ? e.t.p.group : NULL);
		find(&a, &ah, &wa);
		if (e.wire == NULL || a.wire == NULL)
			continue;
		choice_fill(out, &e.t, e.k < w->own->n ? &w->own->p[e.k] : NULL, e.prop, e.wire, w);
		choice_around(out, &a, &own);
		both = (struct isakmp_sa){ .doi = sa->doi, .situation = sa->situation, .np = 2, .nt = 2 };
		both.p[0] = (struct isakmp_proposal){ e.prop->num, PROTO_ESP, span_of(spis, SPI_LEN), 1, 0 };
		both.p[1] = (struct isakmp_proposal){ a.prop->num, PROTO_AH, span_of(spis + SPI_LEN, SPI_LEN), 1, 1 };
		both.t[0] = *e.wire;
		both.t[1] = *a.wire;
		isakmp_sa_put(reply, &both);
		return (0);
	}
	if (bundles == 0)
		return (fault(f, FAULT_NO_PROPOSAL, "the peer offers no bundle of ESP and AH, which is configured"));
	return (e.wire == NULL ? refuse(&esp, w, f) : refuse(&ah, &wa, f));
}

/* No protocol may be in a bundle twice. 0, or -1. */
static int
check_bundles(const struct isakmp_sa *sa, struct fault *f)
{
	char name[NUM_TEXT];
	size_t i;

	for (i = 0; i < sa->np; i++)
		if (p2_of_number(sa, sa->p[i].num, sa->p[i].proto) > 1)
			return (fault_because(f, CAUSE_BAD_OFFER, fault(f, FAULT_PROTOCOL, "proposal %u has protocol %s twice",
			    sa->p[i].num, isakmp_proto_name(sa->p[i].proto, name))));
	return (0);
}

int
p2_choose(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    const uint16_t *encaps, size_t n_encaps, size_t ke_len, const uint8_t *spis,
    struct wr *reply, struct fault *f)
{
	const struct want w = { p, &p->esp, p->proto, encaps, n_encaps, ke_len };
	struct isakmp_sa sa;
	struct found best;

	if (isakmp_sa_get(&sa, sa_body, f) != 0 || check_bundles(&sa, f) != 0)
		return (-1);
	if (p->ah.n > 0)
		return (choose_bundle(out, &sa, &w, spis, reply, f));
	find(&best, &sa, &w);
	if (best.wire == NULL)
		return (refuse(&sa, &w, f));
	choice_fill(out, &best.t, best.k < p->esp.n ? &p->esp.p[best.k] : NULL, best.prop,
	    best.wire, &w);
	sa_reply_put(reply, best.prop, best.wire, span_of(spis, SPI_LEN));
	return (0);
}

/* The own proposal that ${sa}, one transform of one proposal, repeats. -1: none. */
static int
accept_one(struct found *out, const struct isakmp_sa *sa, const struct want *w, const struct alg_group *pfs, struct fault *f)
{
	char words[SA_WORDS];

	*out = (struct found){ .prop = &sa->p[0], .wire = &sa->t[0] };
	p2_get(&out->t, sa, out->prop, out->wire, w->ke_len);
	for (; out->k < w->own->n; out->k++)
		if (w->own->p[out->k].group == pfs && p2_diff(&out->t, &w->own->p[out->k], w) == 0)
			return (0);
	return (fault(f, FAULT_PROTOCOL, "the peer chose %s%s%s, which was not offered",
	    p2_text(words, &out->t, w), out->t.v.why[0] != '\0' ? ": " : "", out->t.v.why));
}

static int
accept_bundle(struct p2_choice *out, const struct isakmp_sa *sa, const struct want *w, const struct alg_group *pfs,
    struct fault *f)
{
	const struct esp_proposals own = around(w->p, pfs);
	struct want wa = *w;
	struct isakmp_sa esp, ah;
	struct found e, a;

	wa.own = &own;
	wa.proto = SA_AH;
	if (sa->np != 2 || sa->nt != 2 || sa->p[0].n != 1 || !is_bundle(sa, sa->p[0].num))
		return (fault(f, FAULT_PROTOCOL, "the peer chose %zu proposals with %zu transforms "
		    "instead of a bundle of ESP and AH", sa->np, sa->nt));
	half_of(&esp, sa, sa->p[0].num, PROTO_ESP);
	half_of(&ah, sa, sa->p[0].num, PROTO_AH);
	if (accept_one(&e, &esp, w, pfs, f) != 0 || accept_one(&a, &ah, &wa, pfs, f) != 0)
		return (-1);
	choice_fill(out, &e.t, &w->own->p[e.k], e.prop, e.wire, w);
	choice_around(out, &a, &own);
	return (0);
}

int
p2_accept(struct p2_choice *out, struct span sa_body, const struct ike_policy *p,
    uint16_t encap, const struct alg_group *pfs, struct fault *f)
{
	const struct want w = { p, &p->esp, p->proto, &encap, 1, pfs != NULL ? pfs->pub_len : 0 };
	struct isakmp_sa sa;
	struct found c;

	if (isakmp_sa_get(&sa, sa_body, f) != 0)
		return (-1);
	if (p->ah.n > 0)
		return (accept_bundle(out, &sa, &w, pfs, f));
	if (sa.np != 1 || sa.nt != 1)
		return (fault(f, FAULT_PROTOCOL, "the peer chose %zu proposals with %zu transforms "
		    "instead of one", sa.np, sa.nt));
	if (accept_one(&c, &sa, &w, pfs, f) != 0)
		return (-1);
	choice_fill(out, &c.t, &p->esp.p[c.k], c.prop, c.wire, &w);
	return (0);
}
