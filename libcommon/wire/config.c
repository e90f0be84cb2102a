/* The attributes payload of the transaction exchange: XAuth and mode config. */
#include "wire/config.h"

#include <stdio.h>

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

static bool
is_check_point(uint16_t type)
{
	return (type >= CONFIG_CHECK_POINT_TYPE && type <= CONFIG_CHECK_POINT_STATUS);
}

bool
config_is_xauth(const struct config *c, bool check_point)
{
	struct rd r = c->attrs;
	struct isakmp_attr a;

	while (config_next(&r, &a))
		if ((a.type >= CONFIG_XAUTH_TYPE && a.type <= CONFIG_XAUTH_ANSWER) || (check_point && is_check_point(a.type)))
			return (true);
	return (false);
}

/* Both lists have the attributes TYPE to STATUS in one order. */
uint16_t
config_xauth_number(uint16_t type)
{
	return (is_check_point(type) ? (uint16_t)(type - CONFIG_CHECK_POINT_TYPE + CONFIG_XAUTH_TYPE) : type);
}

uint16_t
config_check_point_number(uint16_t type)
{
	if (type < CONFIG_XAUTH_TYPE || type > CONFIG_XAUTH_STATUS)
		return (0);
	return ((uint16_t)(type - CONFIG_XAUTH_TYPE + CONFIG_CHECK_POINT_TYPE));
}

void
config_begin(struct wr *w, uint8_t type, uint16_t id)
{
	wr_u8(w, type);
	wr_u8(w, 0);
	wr_u16(w, id);
}

static const struct { uint16_t type; const char *name; } names[] = {
	{ CONFIG_IP4_ADDRESS, "INTERNAL_IP4_ADDRESS" }, { CONFIG_IP4_NETMASK, "INTERNAL_IP4_NETMASK" },
	{ CONFIG_IP4_DNS, "INTERNAL_IP4_DNS" }, { CONFIG_IP4_NBNS, "INTERNAL_IP4_NBNS" },
	{ CONFIG_ADDRESS_EXPIRY, "INTERNAL_ADDRESS_EXPIRY" }, { CONFIG_IP4_DHCP, "INTERNAL_IP4_DHCP" },
	{ CONFIG_APPLICATION_VERSION, "APPLICATION_VERSION" }, { CONFIG_IP6_ADDRESS, "INTERNAL_IP6_ADDRESS" },
	{ CONFIG_IP6_NETMASK, "INTERNAL_IP6_NETMASK" }, { CONFIG_IP6_DNS, "INTERNAL_IP6_DNS" },
	{ CONFIG_IP6_NBNS, "INTERNAL_IP6_NBNS" }, { CONFIG_IP6_DHCP, "INTERNAL_IP6_DHCP" },
	{ CONFIG_IP4_SUBNET, "INTERNAL_IP4_SUBNET" }, { CONFIG_SUPPORTED, "SUPPORTED_ATTRIBUTES" },
	{ CONFIG_IP6_SUBNET, "INTERNAL_IP6_SUBNET" },
	{ CONFIG_XAUTH_TYPE, "XAUTH_TYPE" }, { CONFIG_XAUTH_USER, "XAUTH_USER_NAME" },
	{ CONFIG_XAUTH_PASSWORD, "XAUTH_USER_PASSWORD" }, { CONFIG_XAUTH_PASSCODE, "XAUTH_PASSCODE" },
	{ CONFIG_XAUTH_MESSAGE, "XAUTH_MESSAGE" }, { CONFIG_XAUTH_CHALLENGE, "XAUTH_CHALLENGE" },
	{ CONFIG_XAUTH_DOMAIN, "XAUTH_DOMAIN" }, { CONFIG_XAUTH_STATUS, "XAUTH_STATUS" },
	{ CONFIG_XAUTH_NEXT_PIN, "XAUTH_NEXT_PIN" }, { CONFIG_XAUTH_ANSWER, "XAUTH_ANSWER" },
	{ CONFIG_UNITY_BANNER, "UNITY_BANNER" }, { CONFIG_UNITY_SAVE_PASSWD, "UNITY_SAVE_PASSWD" },
	{ CONFIG_UNITY_DEF_DOMAIN, "UNITY_DEF_DOMAIN" }, { CONFIG_UNITY_SPLITDNS, "UNITY_SPLITDNS_NAME" },
	{ CONFIG_UNITY_SPLIT_INCLUDE, "UNITY_SPLIT_INCLUDE" }, { CONFIG_UNITY_NATT_PORT, "UNITY_NATT_PORT" },
	{ CONFIG_UNITY_LOCAL_LAN, "UNITY_SPLIT_EXCLUDE" }, { CONFIG_UNITY_PFS, "UNITY_PFS" },
	{ CONFIG_UNITY_FW_TYPE, "UNITY_FW_TYPE" }, { CONFIG_UNITY_BACKUP_SERVERS, "UNITY_BACKUP_SERVERS" },
	{ CONFIG_UNITY_DDNS_HOSTNAME, "UNITY_DDNS_HOSTNAME" },
};

const char *
config_attr_name(uint16_t type, char buf[NUM_TEXT])
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return (names[i].name);
	(void)snprintf(buf, NUM_TEXT, "attribute %u", type);
	return (buf);
}
