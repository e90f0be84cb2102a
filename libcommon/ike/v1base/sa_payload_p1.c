/* SA payloads of phase 1: RFC 2409 section 5 and appendix A. */
#include "ike/v1base/sa_payload_p1.h"

#include <stdio.h>

#define KEY_IKE	1	/* the one transform ID of PROTO_ISAKMP, RFC 2407 section 4.4.2 */

static const struct sa_rules rules = {
	.basic = 1U << IKE_ATTR_ENCRYPTION | 1U << IKE_ATTR_HASH | 1U << IKE_ATTR_AUTH |
	    1U << IKE_ATTR_GROUP | 1U << IKE_ATTR_KEY_LENGTH,
	.life_type = IKE_ATTR_LIFE_TYPE,
	.life_duration = IKE_ATTR_LIFE_DURATION,
	.name = ike_attr_name,
};

/* A transform as offered; proposal members are NULL where the registry has no such row. */
struct t1 {
	struct sa_values	v;
	struct ike_proposal	p;
	uint16_t		auth;
};

/* The differences of two proposals. */
enum { D_AUTH = 1, D_ENC = 2, D_HASH = 4, D_GROUP = 8, D_REFUSED = 16 };

static void
t1_get(struct t1 *t, const struct isakmp_proposal *prop, const struct isakmp_transform *wire)
{
	struct sa_values *v = &t->v;

	*t = (struct t1){0};
	sa_values_get(v, wire->attrs, &rules);
	if (!sa_has(v, IKE_ATTR_KEY_LENGTH) || v->v[IKE_ATTR_KEY_LENGTH] != 0)
		t->p.enc = alg_enc_ike(v->v[IKE_ATTR_ENCRYPTION], v->v[IKE_ATTR_KEY_LENGTH]);
	t->p.hash = alg_hash_ike(v->v[IKE_ATTR_HASH]);
	t->p.group = alg_group_num(v->v[IKE_ATTR_GROUP]);
	t->auth = v->v[IKE_ATTR_AUTH];
	if (v->why[0] != '\0')
		return;
	if (prop->proto != PROTO_ISAKMP)
		(void)snprintf(v->why, SA_WHY, "its protocol is %u, not ISAKMP", prop->proto);
	else if (wire->id != KEY_IKE)
		(void)snprintf(v->why, SA_WHY, "its transform ID is %u, not KEY_IKE", wire->id);
}

/* The place of ${auth} among the methods of ${p}; their number: it is none of them. */
static size_t
auth_index(const struct ike_policy *p, uint16_t auth)
{
	size_t i;

	for (i = 0; i < p->n_auths && p->auths[i] != auth; i++)
		;
	return (i);
}

/*
 * Text of ${t}; algorithms that the registry does not have are printed as numbers. Includes the method
 * if ${p} has several; ${p} NULL: without it.
 */
static char *
t1_text(char out[SA_WORDS], const struct t1 *t, const struct ike_policy *p)
{
	struct sa_text x = { out, SA_WORDS, 0 };
	const struct sa_values *v = &t->v;
	const struct sa_numbers n = {
		.enc = v->v[IKE_ATTR_ENCRYPTION], .integ = v->v[IKE_ATTR_HASH],
		.group = v->v[IKE_ATTR_GROUP], .bits = v->v[IKE_ATTR_KEY_LENGTH],
		.has_bits = sa_has(v, IKE_ATTR_KEY_LENGTH),
	};
	char name[NUM_TEXT];

	out[0] = '\0';
	sa_text_p1(&x, &n);
	if (p != NULL && (p->n_auths != 1 || auth_index(p, t->auth) != 0))
		sa_text_add(&x, " (%s)", ike_auth_name(t->auth, name));
	return (out);
}

static unsigned
t1_diff(const struct t1 *t, const struct ike_proposal *one, const struct ike_policy *p)
{
	return ((t->v.why[0] != '\0' ? D_REFUSED : 0U) |
	    (auth_index(p, t->auth) == p->n_auths ? D_AUTH : 0U) |
	    (t->p.enc != one->enc ? D_ENC : 0U) | (t->p.hash != one->hash ? D_HASH : 0U) |
	    (t->p.group != one->group ? D_GROUP : 0U));
}

const struct alg_group *
p1_group(const struct ike_policy *p)
{
	return (p->ike.n > 0 ? p->ike.p[0].group : NULL);
}

static bool
p1_offered(const struct ike_policy *p, const struct ike_proposal *one)
{
	return (p->exchange != SA_AGGRESSIVE || one->group == p1_group(p));
}

/* The attributes of one transform. */
static void
attrs_put(struct wr *a, const struct ike_proposal *one, uint16_t auth, const struct sa_life *life)
{
	isakmp_attr_put(a, IKE_ATTR_ENCRYPTION, one->enc->ike);
	if (one->enc->key_bits != 0)
		isakmp_attr_put(a, IKE_ATTR_KEY_LENGTH, one->enc->key_bits);
	isakmp_attr_put(a, IKE_ATTR_HASH, one->hash->ike);
	isakmp_attr_put(a, IKE_ATTR_GROUP, one->group->num);
	isakmp_attr_put(a, IKE_ATTR_AUTH, auth);
	sa_life_put(a, &rules, life);
}

void
p1_offer(struct wr *w, const struct ike_policy *p)
{
	uint8_t buf[POLICY_AUTHS_MAX * PROPOSALS_MAX * 64];
	struct wr a = wr_of(buf, sizeof(buf));
	const struct sa_life life = { p->ike_seconds, 0 };
	struct isakmp_sa sa;
	size_t i, m, from;

	sa.doi = DOI_IPSEC;
	sa.situation = SIT_IDENTITY_ONLY;
	sa.np = 1;
	sa.nt = 0;
	for (m = 0; m < p->n_auths; m++)
		for (i = 0; i < p->ike.n; i++) {
			if (!p1_offered(p, &p->ike.p[i]))
				continue;
			from = a.len;
			attrs_put(&a, &p->ike.p[i], p->auths[m], &life);
			sa.t[sa.nt] = (struct isakmp_transform){ (uint8_t)(sa.nt + 1), KEY_IKE,
			    span_of(buf + from, a.len - from) };
			sa.nt++;
		}
	sa.p[0] = (struct isakmp_proposal){ 1, PROTO_ISAKMP, SPAN_NONE, sa.nt, 0 };
	if (sa.nt == 0 || a.bad)
		w->bad = true;
	isakmp_sa_put(w, &sa);
}

/* The configured proposal and the transform that differ least; the first of equals. */
static unsigned
closest(const struct isakmp_sa *sa, const struct ike_policy *p, const struct ike_proposal **conf,
    struct t1 *best)
{
	struct t1 t;
	size_t i, j, k;
	unsigned d, least = UINT32_MAX;

	for (i = 0; i < sa->np; i++)
		for (j = 0; j < sa->p[i].n; j++) {
			t1_get(&t, &sa->p[i], &sa->t[sa->p[i].first + j]);
			for (k = 0; k < p->ike.n; k++) {
				d = t1_diff(&t, &p->ike.p[k], p);
				if (least != UINT32_MAX &&
				    __builtin_popcount(d) >= __builtin_popcount(least))
					continue;
				least = d;
				*best = t;
				*conf = &p->ike.p[k];
			}
		}
	return (least);
}

/* "has authentication RSA_SIG where PSK is configured" */
static void
auth_difference(struct sa_text *x, uint16_t auth, const struct ike_policy *p)
{
	char name[NUM_TEXT];
	size_t i;

	sa_text_add(x, "has authentication %s where ", ike_auth_name(auth, name));
	for (i = 0; i < p->n_auths; i++)
		sa_text_add(x, "%s%s", i > 0 ? " or " : "", ike_auth_name(p->auths[i], name));
	sa_text_add(x, "%s is configured", p->n_auths == 0 ? "none" : "");
}

/* The first difference as text: "cipher 3des where aes128 is configured". */
static void
difference(struct sa_text *x, const struct isakmp_sa *sa, const struct ike_policy *p)
{
	const struct ike_proposal *conf = NULL;
	struct t1 t = {0};
	char words[SA_WORDS];
	unsigned d;

	if (sa->nt == 0 || p->ike.n == 0) {
		sa_text_add(x, sa->nt == 0 ? "no transform is offered" :
		    "no proposal is configured");
		return;
	}
	d = closest(sa, p, &conf, &t);
	sa_text_add(x, "%s, the closest offer, ", t1_text(words, &t, NULL));
	if (d & D_REFUSED)
		sa_text_add(x, "is refused: %s", t.v.why);
	else if (d & D_AUTH)
		auth_difference(x, t.auth, p);
	else if ((d & D_ENC) && t.p.enc == NULL && alg_enc_ike(t.v.v[IKE_ATTR_ENCRYPTION], 128) &&
	    !sa_has(&t.v, IKE_ATTR_KEY_LENGTH))
		sa_text_add(x, "has AES without a key length");
	else if (d & D_ENC)
		sa_text_add(x, "has cipher %.*s where %s is configured",
		    (int)strcspn(words, "-"), words, conf->enc->word);
	else if ((d & D_HASH) && t.p.hash != NULL)
		sa_text_add(x, "has hash %s where %s is configured", t.p.hash->word,
		    conf->hash->word);
	else if (d & D_HASH)
		sa_text_add(x, "has hash %u where %s is configured", t.v.v[IKE_ATTR_HASH],
		    conf->hash->word);
	else if (t.p.group != NULL)
		sa_text_add(x, "has group %s where %s is configured", t.p.group->word,
		    conf->group->word);
	else
		sa_text_add(x, "has group %u where %s is configured", t.v.v[IKE_ATTR_GROUP],
		    conf->group->word);
}

/* --- the mismatch as a table --- */

static void
offered_words(const void *ctx, char words[SA_WORDS], const struct isakmp_sa *sa,
    const struct isakmp_proposal *p, const struct isakmp_transform *wire)
{
	struct t1 t;

	(void)sa;
	t1_get(&t, p, wire);
	(void)t1_text(words, &t, ctx);
}

static void
own_words(const void *ctx, char words[PROPOSAL_TEXT], size_t i)
{
	(void)ike_proposal_text(words, &((const struct ike_policy *)ctx)->ike.p[i]);
}

static void
difference_words(const void *ctx, struct sa_text *x, const struct isakmp_sa *sa)
{
	difference(x, sa, ctx);
}

char *
p1_mismatch_text(char *out, size_t cap, struct span sa_body, const struct ike_policy *p)
{
	const struct sa_words w = { p, p->ike.n, offered_words, own_words, difference_words };

	return (sa_mismatch_text(out, cap, sa_body, &w));
}

static void
choice_fill(struct p1_choice *out, const struct t1 *t, uint8_t num, const struct ike_policy *p)
{
	const struct sa_life own = { p->ike_seconds, 0 };

	*out = (struct p1_choice){ .proposal = t->p, .auth = t->auth, .num = num,
	    .said = t->v.life };
	out->shorter = sa_life_min(&out->life, &own, &out->said);
}

/* The result of p1_choose(): a place in our own offer, and the matching transform. */
struct found {
	size_t				 rank;	/* its number in our own offer; beyond that: known only */
	const struct isakmp_proposal	*prop;
	const struct isakmp_transform	*wire;	/* NULL: nothing */
	struct t1			 t;
};

/* One pass over the offer, as reading a transform costs more than comparing it. */
static void
find(struct found *best, const struct isakmp_sa *sa, const struct ike_policy *p)
{
	struct found c;
	size_t i, j, k;

	*best = (struct found){ .rank = SIZE_MAX };
	for (i = 0; i < sa->np; i++)
		for (j = 0; j < sa->p[i].n; j++) {
			c.prop = &sa->p[i];
			c.wire = &sa->t[sa->p[i].first + j];
			t1_get(&c.t, c.prop, c.wire);
			for (k = 0; k < p->ike.n; k++)
				if (t1_diff(&c.t, &p->ike.p[k], p) == 0)
					break;
			if (k == p->ike.n && (!p->accept_all || c.t.p.enc == NULL ||
			    c.t.p.hash == NULL || c.t.p.group == NULL ||
			    t1_diff(&c.t, &c.t.p, p) != 0))
				continue;
			c.rank = k < p->ike.n ? auth_index(p, c.t.auth) * p->ike.n + k :
			    p->n_auths * p->ike.n + auth_index(p, c.t.auth);
			if (c.rank < best->rank)
				*best = c;
		}
}

int
p1_choose(struct p1_choice *out, struct span sa_body, const struct ike_policy *p,
    struct wr *reply, struct fault *f)
{
	struct isakmp_sa sa;
	struct found best;
	char why[256] = "";
	struct sa_text x = { why, sizeof(why), 0 };

	if (isakmp_sa_get(&sa, sa_body, f) != 0)
		return (-1);
	find(&best, &sa, p);
	if (best.wire == NULL) {
		difference(&x, &sa, p);
		return (fault(f, FAULT_NO_PROPOSAL, "none of %zu phase 1 proposals is configured: %s",
		    sa.nt, why));
	}
	choice_fill(out, &best.t, best.wire->num, p);
	sa_reply_put(reply, best.prop, best.wire, best.prop->spi);
	return (0);
}

int
p1_accept(struct p1_choice *out, struct span sa_body, const struct ike_policy *p,
    struct fault *f)
{
	struct isakmp_sa sa;
	struct t1 t;
	char words[SA_WORDS];
	size_t i;

	if (isakmp_sa_get(&sa, sa_body, f) != 0)
		return (-1);
	if (sa.np != 1 || sa.nt != 1)
		return (fault(f, FAULT_PROTOCOL, "the peer chose %zu proposals with %zu transforms "
		    "instead of one", sa.np, sa.nt));
	t1_get(&t, &sa.p[0], &sa.t[0]);
	for (i = 0; i < p->ike.n; i++)
		if (p1_offered(p, &p->ike.p[i]) && t1_diff(&t, &p->ike.p[i], p) == 0)
			break;
	if (i == p->ike.n)
		return (fault(f, FAULT_PROTOCOL, "the peer chose %s%s%s, which was not offered",
		    t1_text(words, &t, p), t.v.why[0] != '\0' ? ": " : "", t.v.why));
	choice_fill(out, &t, sa.t[0].num, p);
	return (0);
}
