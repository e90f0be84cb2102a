/* SA payloads in words: one line a transform. */
#include <stdio.h>

#include "ike/v1base/sa_payload.h"
#include "trace/payload_text.h"

#define OTHERS	160	/* bytes of text for attributes that have no place in a proposal */

/* The values of one transform, known or not; 0: absent. */
struct values {
	uint64_t	enc, bits, hash, auth, group, mode, esn;
	char		others[OTHERS];
	struct sa_text	more;
};

static void
life(struct values *v, uint64_t type, uint64_t value)
{
	sa_text_add(&v->more, ", %llu %s", (unsigned long long)value,
	    type == LIFE_TYPE_SECONDS ? "s" : type == LIFE_TYPE_KILOBYTES ? "kB" :
	    "of an unknown unit of life");
}

static void
get1(struct values *v, const struct isakmp_attr *a, uint64_t *life_type)
{
	char name[NUM_TEXT];

	switch (a->type) {
	case IKE_ATTR_ENCRYPTION:
		v->enc = a->value;
		break;
	case IKE_ATTR_KEY_LENGTH:
		v->bits = a->value;
		break;
	case IKE_ATTR_HASH:
		v->hash = a->value;
		break;
	case IKE_ATTR_AUTH:
		v->auth = a->value;
		break;
	case IKE_ATTR_GROUP:
		v->group = a->value;
		break;
	case IKE_ATTR_LIFE_TYPE:
		*life_type = a->value;
		break;
	case IKE_ATTR_LIFE_DURATION:
		life(v, *life_type, a->value);
		break;
	default:
		sa_text_add(&v->more, ", %s %llu", ike_attr_name(a->type, name),
		    (unsigned long long)a->value);
	}
}

static void
get2(struct values *v, const struct isakmp_attr *a, uint64_t *life_type)
{
	char name[NUM_TEXT];

	switch (a->type) {
	case IPSEC_ATTR_AUTH:
		v->auth = a->value;
		break;
	case IPSEC_ATTR_KEY_LENGTH:
		v->bits = a->value;
		break;
	case IPSEC_ATTR_GROUP:
		v->group = a->value;
		break;
	case IPSEC_ATTR_ENCAP_MODE:
		v->mode = a->value;
		break;
	case IPSEC_ATTR_ESN:
		v->esn = a->value;
		break;
	case IPSEC_ATTR_LIFE_TYPE:
		*life_type = a->value;
		break;
	case IPSEC_ATTR_LIFE_DURATION:
		life(v, *life_type, a->value);
		break;
	default:
		sa_text_add(&v->more, ", %s %llu", ipsec_attr_name(a->type, name),
		    (unsigned long long)a->value);
	}
}

static void
values_get(struct values *v, struct span attrs,
    void (*get)(struct values *, const struct isakmp_attr *, uint64_t *))
{
	struct isakmp_attrs list;
	uint64_t life_type = 0;
	size_t i;

	*v = (struct values){0};
	v->more = (struct sa_text){ v->others, OTHERS, 0 };
	if (isakmp_attrs_get(&list, attrs, NULL) != 0) {
		sa_text_add(&v->more, ", malformed attributes");
		return;
	}
	for (i = 0; i < list.n; i++)
		get(v, &list.a[i], &life_type);
}

static unsigned
small(uint64_t v)
{
	return (v > UINT16_MAX ? UINT16_MAX : (unsigned)v);
}

static struct sa_numbers
numbers(const struct values *v, uint64_t enc, uint64_t integ)
{
	return ((struct sa_numbers){
		.enc = enc, .integ = integ, .bits = v->bits, .group = v->group,
		.has_bits = v->bits != 0, .has_integ = integ != 0, .has_group = v->group != 0,
		.esn = v->esn != 0,
	});
}

static void
transform1(struct sa_text *t, const struct isakmp_transform *wire)
{
	struct sa_numbers n;
	struct values v;
	char name[NUM_TEXT];

	values_get(&v, wire->attrs, get1);
	n = numbers(&v, v.enc, v.hash);
	sa_text_p1(t, &n);
	sa_text_add(t, ", %s%s\n", ike_auth_name((uint16_t)small(v.auth), name), v.others);
}

static void
transform2(struct sa_text *t, uint8_t proto, const struct isakmp_transform *wire)
{
	struct sa_numbers n;
	struct values v;
	char name[NUM_TEXT];

	values_get(&v, wire->attrs, get2);
	n = numbers(&v, wire->id, v.auth);
	sa_text_p2(t, proto, &n);
	if (v.mode != 0)
		sa_text_add(t, ", %s", ipsec_encap_name((uint16_t)small(v.mode), name));
	sa_text_add(t, "%s\n", v.others);
}

void
v1_sa_words(struct sa_text *out, struct span body, bool phase1)
{
	const struct isakmp_proposal *p;
	struct isakmp_sa sa;
	char name[NUM_TEXT], hex[2 * 16 + 1];
	struct fault f;
	size_t i, j, k, n = 0;

	if (isakmp_sa_get(&sa, body, &f) != 0) {
		sa_text_add(out, "unreadable: %s\n", f.what);
		return;
	}
	for (i = 0; i < sa.np; i++) {
		p = &sa.p[i];
		for (j = 0; j < p->n; j++, n++) {
			if (n >= V1_WORDS_ROWS - 1)
				continue;
			if (!phase1 || p->proto != PROTO_ISAKMP) {
				for (k = 0; k < p->spi.len && k < 16; k++)
					(void)snprintf(hex + 2 * k, 3, "%02x", p->spi.p[k]);
				hex[2 * k] = '\0';
				sa_text_add(out, "%s%s %s: ", sa.np > 1 && i > 0 &&
				    p->num == sa.p[i - 1].num ? "and " : "",
				    isakmp_proto_name(p->proto, name), hex);
			}
			if (p->proto == PROTO_ISAKMP)
				transform1(out, &sa.t[p->first + j]);
			else
				transform2(out, p->proto, &sa.t[p->first + j]);
		}
	}
	if (n >= V1_WORDS_ROWS)
		sa_text_add(out, "and %zu more\n", n - (V1_WORDS_ROWS - 1));
	if (n == 0)
		sa_text_add(out, "no transform\n");
}

bool
v1_sa_chosen(struct span body, struct ike_proposal *p, uint16_t *auth)
{
	struct isakmp_sa sa;
	struct values v;

	if (isakmp_sa_get(&sa, body, NULL) != 0 || sa.nt != 1)
		return (false);
	values_get(&v, sa.t[0].attrs, get1);
	p->hash = alg_hash_ike(small(v.hash));
	p->enc = alg_enc_ike(small(v.enc), small(v.bits));
	p->group = alg_group_num(small(v.group));
	if (auth != NULL)
		*auth = (uint16_t)small(v.auth);
	return (true);
}

bool
v1_sa_proposal(struct span body, size_t i, struct v1_sa_proposal *out)
{
	const struct isakmp_proposal *p;
	struct isakmp_sa sa;
	struct values v;

	if (isakmp_sa_get(&sa, body, NULL) != 0 || i >= sa.np || sa.p[i].n == 0 || sa.p[i].spi.len != 4)
		return (false);
	p = &sa.p[i];
	*out = (struct v1_sa_proposal){ .num = p->num, .proto = p->proto };
	memcpy(out->spi, p->spi.p, sizeof(out->spi));
	values_get(&v, sa.t[p->first].attrs, get2);
	out->p.integ = alg_integ_auth(small(v.auth));
	out->p.group = alg_group_num(small(v.group));
	out->p.esn = v.esn != 0;
	if (p->proto == PROTO_ESP)
		out->p.enc = alg_enc_esp(sa.t[p->first].id, small(v.bits));
	return (true);
}
