/*
 * What the SA payloads of both phases share.
 */
#include "ike/v1base/sa_payload.h"

#include <stdarg.h>
#include <stdio.h>

/* Bits of sa_values.set above those of attribute types: the durations that were present. */
#define SEEN_SECONDS	(1U << 30)
#define SEEN_KILOBYTES	(1U << 31)

/* Notes why a transform is refused; the first reason stays. */
static void
refuse(struct sa_values *out, const char *what, const char *name)
{
	if (out->why[0] == '\0')
		(void)snprintf(out->why, SA_WHY, "%s %s", name, what);
}

/* One attribute; ${*life_type} is the life type that waits for its duration, or 0. */
static void
attr_take(struct sa_values *out, const struct isakmp_attr *a, const struct sa_rules *r,
    uint64_t *life_type)
{
	char buf[NUM_TEXT];
	const char *name = r->name(a->type, buf);
	bool seconds = *life_type == LIFE_TYPE_SECONDS;
	uint32_t seen = seconds ? SEEN_SECONDS : SEEN_KILOBYTES;

	if (a->type == r->life_type) {
		if (*life_type != 0)
			refuse(out, "has no duration", name);
		if (!a->basic || a->value < LIFE_TYPE_SECONDS || a->value > LIFE_TYPE_KILOBYTES)
			refuse(out, "is unknown", name);
		*life_type = a->value;
	} else if (a->type == r->life_duration) {
		/* RFC 2407 section 4.5: a duration follows its type. */
		if (*life_type == 0)
			refuse(out, "has no type", name);
		if (*life_type != 0 && (out->set & seen) != 0)
			refuse(out, "occurs twice for one type", name);
		out->set |= seen;
		*(seconds ? &out->life.seconds : &out->life.kilobytes) = a->value;
		*life_type = 0;
	} else if (a->type >= SA_ATTR_TYPES || (r->basic >> a->type & 1) == 0) {
		refuse(out, "is not supported", name);
	} else if (!a->basic) {
		refuse(out, "is not in the basic form", name);
	} else if (sa_has(out, a->type)) {
		refuse(out, "occurs twice", name);
	} else {
		out->set |= 1U << a->type;
		out->v[a->type] = (uint16_t)a->value;
	}
}

void
sa_values_get(struct sa_values *out, struct span attrs, const struct sa_rules *rules)
{
	struct isakmp_attrs list;
	uint64_t life_type = 0;
	size_t i;

	*out = (struct sa_values){0};
	if (isakmp_attrs_get(&list, attrs, NULL) != 0) {
		refuse(out, "are malformed", "its attributes");
		return;
	}
	/* Continue after a bad one: the text of a mismatch lists the others, too. */
	for (i = 0; i < list.n; i++)
		attr_take(out, &list.a[i], rules, &life_type);
	if (life_type != 0)
		refuse(out, "has no duration", "LIFE-TYPE");
}

static void
life_put(struct wr *w, const struct sa_rules *rules, uint16_t type, uint64_t v)
{
	if (v == 0)
		return;
	isakmp_attr_put(w, rules->life_type, type);
	isakmp_attr_put(w, rules->life_duration, v > UINT32_MAX ? UINT32_MAX : (uint32_t)v);
}

void
sa_life_put(struct wr *w, const struct sa_rules *rules, const struct sa_life *life)
{
	life_put(w, rules, LIFE_TYPE_SECONDS, life->seconds);
	life_put(w, rules, LIFE_TYPE_KILOBYTES, life->kilobytes);
}

int
sa_life_get(struct sa_life *out, struct span data, struct fault *f)
{
	struct isakmp_attrs a;
	size_t i;

	*out = (struct sa_life){0};
	if (isakmp_attrs_get(&a, data, f) != 0)
		return (-1);
	for (i = 0; i + 1 < a.n; i++) {
		const struct isakmp_attr *type = &a.a[i], *life = &a.a[i + 1];

		if (!(type->type == IPSEC_ATTR_LIFE_TYPE && life->type == IPSEC_ATTR_LIFE_DURATION) &&
		    !(type->type == IKE_ATTR_LIFE_TYPE && life->type == IKE_ATTR_LIFE_DURATION))
			continue;
		if (type->value == LIFE_TYPE_SECONDS)
			out->seconds = life->value;
		else if (type->value == LIFE_TYPE_KILOBYTES)
			out->kilobytes = life->value;
		i++;
	}
	return (0);
}

static bool
shorter(uint64_t *out, uint64_t own, uint64_t said)
{
	*out = own == 0 || (said != 0 && said < own) ? said : own;
	return (own != 0 && (said == 0 || own < said));
}

bool
sa_life_min(struct sa_life *out, const struct sa_life *own, const struct sa_life *said)
{
	bool s = shorter(&out->seconds, own->seconds, said->seconds);
	bool k = shorter(&out->kilobytes, own->kilobytes, said->kilobytes);

	return (s || k);
}

void
sa_reply_put(struct wr *w, const struct isakmp_proposal *p, const struct isakmp_transform *t,
    struct span spi)
{
	struct isakmp_sa sa;

	sa.doi = DOI_IPSEC;
	sa.situation = SIT_IDENTITY_ONLY;
	sa.np = sa.nt = 1;
	sa.p[0] = (struct isakmp_proposal){ p->num, p->proto, spi, 1, 0 };
	sa.t[0] = *t;
	isakmp_sa_put(w, &sa);
}

/* --- words --- */

void
sa_text_add(struct sa_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->cap == 0 || t->n + 1 >= t->cap)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->n += (size_t)n < t->cap - t->n ? (size_t)n : t->cap - t->n - 1;
}

/* Appends ${known}, or the class and its number; a hyphen separates it from the previous one. */
static void
word(struct sa_text *t, bool *first, const char *known, const char *what, uint64_t num)
{
	const char *sep = *first ? "" : "-";

	*first = false;
	if (known != NULL)
		sa_text_add(t, "%s%s", sep, known);
	else
		sa_text_add(t, "%s%s(%llu)", sep, what, (unsigned long long)num);
}

/* No number of the registry is as large as that. */
static unsigned
small(uint64_t v)
{
	return (v > UINT16_MAX ? UINT16_MAX : (unsigned)v);
}

static void
encryption(struct sa_text *t, bool *first, const struct alg_enc *e, const struct sa_numbers *n)
{
	if (e == NULL && n->has_bits) {
		*first = false;
		sa_text_add(t, "encryption(%llu,%llu bits)", (unsigned long long)n->enc,
		    (unsigned long long)n->bits);
	} else
		word(t, first, e != NULL ? e->word : NULL, "encryption", n->enc);
}

static void
group(struct sa_text *t, bool *first, const struct sa_numbers *n)
{
	const struct alg_group *g = alg_group_num(small(n->group));

	word(t, first, g != NULL ? g->word : NULL, "group", n->group);
}

void
sa_text_p1(struct sa_text *t, const struct sa_numbers *n)
{
	const struct alg_enc *e = n->has_bits && n->bits == 0 ? NULL :
	    alg_enc_ike(small(n->enc), small(n->bits));
	const struct alg_hash *h = alg_hash_ike(small(n->integ));
	bool first = true;

	encryption(t, &first, e, n);
	word(t, &first, h != NULL ? h->word : NULL, "hash", n->integ);
	group(t, &first, n);
}

void
sa_text_p2(struct sa_text *t, uint8_t proto, const struct sa_numbers *n)
{
	const struct alg_integ *i = alg_integ_auth(small(n->integ));
	bool first = true;

	if (proto == PROTO_ESP)
		encryption(t, &first, alg_enc_esp(small(n->enc), small(n->bits)), n);
	else if (proto != PROTO_AH)
		word(t, &first, NULL, "transform", n->enc);
	if (n->has_integ || proto == PROTO_AH)
		word(t, &first, i != NULL ? i->word : NULL, "integrity", n->integ);
	if (n->has_group)
		group(t, &first, n);
	if (n->esn)
		sa_text_add(t, "-esn");
}

char *
sa_mismatch_text(char *out, size_t cap, struct span sa_body, const struct sa_words *w)
{
	struct sa_text x = { out, cap, 0 };
	struct isakmp_sa sa;
	struct fault f;
	char words[SA_WORDS], conf[PROPOSAL_TEXT];
	size_t i = 0, j = 0, row;

	if (cap > 0)
		out[0] = '\0';
	if (isakmp_sa_get(&sa, sa_body, &f) != 0) {
		sa_text_add(&x, "the offer is malformed: %s\n", f.what);
		return (out);
	}
	sa_text_add(&x, "  %-40s %s\n", "offered", "configured");
	for (row = 0; (row < sa.nt && row < SA_SHOWN) || row < w->n_own; row++) {
		words[0] = conf[0] = '\0';
		while (i < sa.np && j == sa.p[i].n) {
			i++;
			j = 0;
		}
		if (i < sa.np && row < SA_SHOWN)
			w->offered(w->ctx, words, &sa, &sa.p[i], &sa.t[sa.p[i].first + j++]);
		if (row < w->n_own)
			w->own(w->ctx, conf, row);
		sa_text_add(&x, conf[0] != '\0' ? "  %-40s %s\n" : "  %s%s\n", words, conf);
	}
	if (sa.nt > SA_SHOWN)
		sa_text_add(&x, "  ... and %zu more\n", sa.nt - SA_SHOWN);
	sa_text_add(&x, "  first difference: ");
	w->difference(w->ctx, &x, &sa);
	sa_text_add(&x, "\n");
	return (out);
}
