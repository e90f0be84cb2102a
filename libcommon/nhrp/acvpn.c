/* The codec of the extensions of an AutoConnect VPN. */
#include "nhrp/acvpn.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/hex.h"
#include "wire/rd.h"
#include "wire/wr.h"

#define BIT(name)	(UINT32_C(1) << ACVPN_ATTR_##name)

struct attr {
	const char	*words;
	uint16_t	 least, most;
};

#define X(num, name, words, least, most) [num] = { words, least, most },
static const struct attr attrs[] = { ACVPN_ATTRS(X) };
#undef X
#define X(num, name, words) [num] = (words),
static const char *const kinds[] = { ACVPN_KINDS(X) };
#undef X

/* What a message of a kind cannot do without. */
static const uint32_t needs[] = {
	[ACVPN_SET] = BIT(REGISTRATION) | BIT(SERIAL) | BIT(NBMA) | BIT(PROTO) | BIT(ROLE) | BIT(HOLDING),
	[ACVPN_ACK] = BIT(SERIAL) | BIT(CODE),
};

static bool
get_addr(struct addr *a, struct span v)
{
	if (v.len != 4 && v.len != 16)
		return (false);
	*a = addr_make(v.len == 4 ? 4 : 6, v.p);
	return (true);
}

static bool
get_net(struct acvpn *a, struct span v)
{
	struct nhrp_net *n = &a->nets[a->n_nets];

	if (a->n_nets == ACVPN_NETS || !get_addr(&n->net, span_of(v.p + 1, v.len - 1)) || v.p[0] > 8 * (v.len - 1))
		return (false);
	n->prefix = v.p[0];
	a->n_nets++;
	return (true);
}

/* Proposals as their option has them: nothing else gets into a record. */
static bool
get_words(char out[SA_PROPOSALS], struct span v)
{
	for (size_t i = 0; i < v.len; i++) {
		const uint8_t c = v.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == ','))
			return (false);
		out[i] = (char)c;
	}
	out[v.len] = '\0';
	return (true);
}

static bool
get_value(struct acvpn *a, uint8_t type, struct span v)
{
	switch (type) {
	case ACVPN_ATTR_REGISTRATION:
		a->registration = get_be32(v.p);
		break;
	case ACVPN_ATTR_SERIAL:
		a->serial = get_be32(v.p);
		break;
	case ACVPN_ATTR_NBMA:
		return (get_addr(&a->nbma, v));
	case ACVPN_ATTR_PROTO:
		return (get_addr(&a->proto, v));
	case ACVPN_ATTR_INNER:
		return (get_addr(&a->inner, v));
	case ACVPN_ATTR_NET:
		return (get_net(a, v));
	case ACVPN_ATTR_CERT:
		memcpy(a->cert, v.p, sizeof(a->cert));
		break;
	case ACVPN_ATTR_ROLE:
		a->role = v.p[0];
		return (a->role >= ACVPN_INITIATOR && a->role <= ACVPN_BOTH);
	case ACVPN_ATTR_HOLDING:
		a->holding = get_be16(v.p);
		return (a->holding > 0);
	case ACVPN_ATTR_IDLE:
		a->idle = get_be32(v.p);
		break;
	case ACVPN_ATTR_IKE:
		return (get_words(a->profile.ike, v));
	case ACVPN_ATTR_ESP:
		return (get_words(a->profile.esp, v));
	case ACVPN_ATTR_IKE_LIFETIME:
		a->profile.ike_seconds = get_be32(v.p);
		break;
	case ACVPN_ATTR_ESP_LIFETIME:
		a->profile.esp_seconds = get_be32(v.p);
		break;
	default:
		a->code = v.p[0];
	}
	return (true);
}

int
acvpn_get(struct acvpn *a, const struct nhrp_ext *e)
{
	struct rd r = rd_of(e->data);
	struct span v;
	uint32_t oui;
	uint8_t version, type;

	*a = (struct acvpn){0};
	oui = (uint32_t)rd_u8(&r) << 16;
	oui |= rd_u16(&r);
	version = rd_u8(&r);
	a->kind = rd_u8(&r);
	if (r.bad || e->data.len > ACVPN_EXT_MAX || oui != ACVPN_OUI || version != ACVPN_VERSION || a->kind < ACVPN_OFFER ||
	    a->kind > ACVPN_ACK)
		return (-1);
	while (r.left > 0) {
		type = rd_u8(&r);
		v = rd_bytes(&r, rd_u16(&r));
		if (r.bad)
			return (-1);
		if (type == 0 || type >= ACVPN_ATTR_END)
			continue;
		if (v.len < attrs[type].least || v.len > attrs[type].most || (type != ACVPN_ATTR_NET && acvpn_has(a, (enum acvpn_attr)type)) ||
		    !get_value(a, type, v))
			return (-1);
		acvpn_set(a, (enum acvpn_attr)type);
	}
	return ((a->has & needs[a->kind]) == needs[a->kind] ? 0 : -1);
}

int
acvpn_find(struct acvpn *a, const struct nhrp_packet *p, enum acvpn_kind kind)
{
	for (size_t i = 0; i < p->n_exts; i++)
		if (p->ext[i].type == NHRP_EXT_VENDOR && acvpn_get(a, &p->ext[i]) == 0 && a->kind == kind)
			return (0);
	return (-1);
}

static void
put_head(struct wr *w, unsigned type, size_t len)
{
	wr_u8(w, (uint8_t)type);
	wr_u16(w, (uint16_t)len);
}

static void
put_number(struct wr *w, unsigned type, uint32_t v, size_t len)
{
	put_head(w, type, len);
	if (len == 4)
		wr_u32(w, v);
	else if (len == 2)
		wr_u16(w, (uint16_t)v);
	else
		wr_u8(w, (uint8_t)v);
}

static void
put_bytes(struct wr *w, unsigned type, struct span v)
{
	put_head(w, type, v.len);
	wr_bytes(w, v);
}

static void
put_value(struct wr *w, const struct acvpn *a, unsigned type)
{
	const struct sa_profile *p = &a->profile;
	const uint32_t number[ACVPN_ATTR_END] = { [ACVPN_ATTR_REGISTRATION] = a->registration, [ACVPN_ATTR_SERIAL] = a->serial,
	    [ACVPN_ATTR_ROLE] = a->role, [ACVPN_ATTR_HOLDING] = a->holding, [ACVPN_ATTR_IDLE] = a->idle,
	    [ACVPN_ATTR_IKE_LIFETIME] = (uint32_t)p->ike_seconds, [ACVPN_ATTR_ESP_LIFETIME] = (uint32_t)p->esp_seconds,
	    [ACVPN_ATTR_CODE] = a->code };

	switch (type) {
	case ACVPN_ATTR_NBMA:
		put_bytes(w, type, span_of(a->nbma.b, addr_len(&a->nbma)));
		break;
	case ACVPN_ATTR_PROTO:
		put_bytes(w, type, span_of(a->proto.b, addr_len(&a->proto)));
		break;
	case ACVPN_ATTR_INNER:
		put_bytes(w, type, span_of(a->inner.b, addr_len(&a->inner)));
		break;
	case ACVPN_ATTR_NET:
		for (size_t i = 0; i < a->n_nets; i++) {
			put_head(w, type, 1 + addr_len(&a->nets[i].net));
			wr_u8(w, a->nets[i].prefix);
			wr_bytes(w, span_of(a->nets[i].net.b, addr_len(&a->nets[i].net)));
		}
		break;
	case ACVPN_ATTR_CERT:
		put_bytes(w, type, SPAN_ARRAY(a->cert));
		break;
	case ACVPN_ATTR_IKE:
		put_bytes(w, type, span_str(p->ike));
		break;
	case ACVPN_ATTR_ESP:
		put_bytes(w, type, span_str(p->esp));
		break;
	default:
		put_number(w, type, number[type], attrs[type].least);
	}
}

size_t
acvpn_put(uint8_t *out, size_t cap, const struct acvpn *a)
{
	struct wr w = wr_of(out, cap);

	wr_u8(&w, ACVPN_OUI >> 16);
	wr_u16(&w, ACVPN_OUI & 0xffff);
	wr_u8(&w, ACVPN_VERSION);
	wr_u8(&w, a->kind);
	for (unsigned t = 1; t < ACVPN_ATTR_END; t++)
		if (acvpn_has(a, (enum acvpn_attr)t))
			put_value(&w, a, t);
	return (w.bad ? 0 : w.len);
}

int
acvpn_add(struct nhrp_packet *p, const struct acvpn *a, uint8_t buf[ACVPN_EXT_MAX])
{
	size_t len = acvpn_put(buf, ACVPN_EXT_MAX, a);

	return (len > 0 ? nhrp_ext_add(p, NHRP_EXT_VENDOR, false, span_of(buf, len)) : -1);
}

static void
add(char *out, size_t cap, size_t *n, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
add(char *out, size_t cap, size_t *n, const char *fmt, ...)
{
	va_list ap;
	int m;

	va_start(ap, fmt);
	m = vsnprintf(out + *n, cap - *n, fmt, ap);
	va_end(ap);
	if (m > 0)
		*n = *n + (size_t)m < cap ? *n + (size_t)m : cap - 1;
}

static void
value_words(char *out, size_t cap, size_t *n, const struct acvpn *a, unsigned type)
{
	char text[ADDR_TEXT], hex[2 * sizeof(a->cert) + 1];
	const struct sa_profile *p = &a->profile;

	switch (type) {
	case ACVPN_ATTR_NBMA:
		add(out, cap, n, " %s", addr_text(text, &a->nbma));
		break;
	case ACVPN_ATTR_PROTO:
		add(out, cap, n, " %s", addr_text(text, &a->proto));
		break;
	case ACVPN_ATTR_INNER:
		add(out, cap, n, " %s", addr_text(text, &a->inner));
		break;
	case ACVPN_ATTR_NET:
		for (size_t i = 0; i < a->n_nets; i++)
			add(out, cap, n, " %s/%u", addr_text(text, &a->nets[i].net), a->nets[i].prefix);
		break;
	case ACVPN_ATTR_CERT:
		add(out, cap, n, " %s", hex_put(hex, sizeof(hex), SPAN_ARRAY(a->cert)));
		break;
	case ACVPN_ATTR_ROLE:
		add(out, cap, n, " %s", a->role == ACVPN_INITIATOR ? "initiator" : a->role == ACVPN_RESPONDER ? "responder" : "both begin");
		break;
	case ACVPN_ATTR_HOLDING:
		add(out, cap, n, " %u s", a->holding);
		break;
	case ACVPN_ATTR_IDLE:
		add(out, cap, n, " %u s", a->idle);
		break;
	case ACVPN_ATTR_IKE:
		add(out, cap, n, " %s", p->ike);
		break;
	case ACVPN_ATTR_ESP:
		add(out, cap, n, " %s", p->esp);
		break;
	case ACVPN_ATTR_IKE_LIFETIME:
		add(out, cap, n, " %llu s", (unsigned long long)p->ike_seconds);
		break;
	case ACVPN_ATTR_ESP_LIFETIME:
		add(out, cap, n, " %llu s", (unsigned long long)p->esp_seconds);
		break;
	default:
		add(out, cap, n, " %u", type == ACVPN_ATTR_CODE ? a->code : type == ACVPN_ATTR_SERIAL ? a->serial : a->registration);
	}
}

char *
acvpn_words(char *out, size_t cap, const struct acvpn *a)
{
	size_t n = 0;

	out[0] = '\0';
	add(out, cap, &n, "%s", kinds[a->kind]);
	for (unsigned t = 1; t < ACVPN_ATTR_END; t++)
		if (acvpn_has(a, (enum acvpn_attr)t)) {
			add(out, cap, &n, ", %s", attrs[t].words);
			value_words(out, cap, &n, a, t);
		}
	return (out);
}
