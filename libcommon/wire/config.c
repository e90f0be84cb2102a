/* The attributes payload of the transaction exchange: XAuth and mode config. */
#include "wire/config.h"

#define AF	0x8000	/* attribute format bit: basic attribute */

bool
config_next(struct rd *r, struct isakmp_attr *a)
{
	uint16_t type, v;
	size_t i;

	if (r->left == 0 || r->bad)
		return (false);
	type = rd_u16(r);
	v = rd_u16(r);
	*a = (struct isakmp_attr){ .type = type & (AF - 1), .basic = (type & AF) != 0 };
	if (r->bad)
		return (false);
	if (a->basic) {
		a->value = v;
		a->bytes = span_of(r->p - 2, 2);
		return (true);
	}
	a->bytes = rd_bytes(r, v);
	for (i = 0; i < a->bytes.len; i++)
		a->value = a->value > UINT64_MAX >> 8 ? UINT64_MAX : a->value << 8 | a->bytes.p[i];
	return (!r->bad);
}

int
config_get(struct config *c, struct span body, struct fault *f)
{
	struct rd r = rd_of(body), each;
	struct isakmp_attr a;
	size_t n = 0;

	c->type = rd_u8(&r);
	(void)rd_u8(&r);
	c->id = rd_u16(&r);
	if (r.bad)
		return (fault_at(f, FAULT_MALFORMED, 0, "an attributes payload of %zu bytes is cut short", body.len));
	c->attrs = each = r;
	while (config_next(&each, &a))
		if (++n > CONFIG_ATTRS_MAX)
			return (fault_at(f, FAULT_TOO_LARGE, each.pos, "more than %d attributes", CONFIG_ATTRS_MAX));
	if (each.bad)
		return (fault_at(f, FAULT_MALFORMED, each.pos, "attribute %zu is cut short", n + 1));
	return (0);
}

bool
config_find(const struct config *c, uint16_t type, struct isakmp_attr *a)
{
	struct rd r = c->attrs;

	while (config_next(&r, a))
		if (a->type == type)
			return (true);
	return (false);
}

bool
config_is_xauth(const struct config *c)
{
	struct rd r = c->attrs;
	struct isakmp_attr a;

	while (config_next(&r, &a))
		if (a.type >= CONFIG_XAUTH_TYPE && a.type <= CONFIG_XAUTH_ANSWER)
			return (true);
	return (false);
}

void
config_begin(struct wr *w, uint8_t type, uint16_t id)
{
	wr_u8(w, type);
	wr_u8(w, 0);
	wr_u16(w, id);
}
