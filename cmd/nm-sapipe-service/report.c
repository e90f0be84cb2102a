/* The environment of esp-tun's script, sent to the service, and as dictionaries of NetworkManager. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "nm_sapipe.h"

#define ROUTES_MAX	1024

int
report_send(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 3;
	static char text[REPORT_MAX];
	size_t len = 0, n;

	for (char **e = environ; *e != NULL; e++) {
		n = strlen(*e) + 1;
		if (n <= sizeof(text) - len) {
			memcpy(text + len, *e, n);
			len += n;
		}
	}
	if (fd != -1 && (size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) < sizeof(to.sun_path) &&
	    sendto(fd, text, len, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)len)
		rc = 0;
	else
		(void)fprintf(stderr, "nm-sapipe-service: cannot write to %s: %s\n", path, strerror(errno));
	if (fd != -1)
		(void)close(fd);
	return (rc);
}

GHashTable *
report_parse(const char *data, gsize len)
{
	GHashTable *vars;
	const char *end = data + len, *eq;

	if (len == 0 || data[len - 1] != '\0')
		return (NULL);
	vars = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (; data < end; data += strlen(data) + 1)
		if ((eq = strchr(data, '=')) != NULL)
			(void)g_hash_table_replace(vars, g_strndup(data, (gsize)(eq - data)), g_strdup(eq + 1));
	return (vars);
}

/* A number from 0 to ${max}; FALSE: no variable, or something else. */
static gboolean
get_number(GHashTable *vars, const char *name, guint64 max, guint64 *n)
{
	const char *text = g_hash_table_lookup(vars, name);

	return (text != NULL && g_ascii_string_to_unsigned(text, 10, 0, max, n, NULL));
}

static gboolean
get_ip4(const char *text, guint32 *a)
{
	return (text != NULL && inet_pton(AF_INET, text, a) == 1);
}

static GVariant *
bytes(const void *p)
{
	return (g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, p, 16, 1));
}

static void
put(GVariantDict *d, const char *key, GVariant *value)
{
	g_variant_dict_insert_value(d, key, value);
}

/* The addresses of a list with blanks in between, as arrays of each family. */
static void
put_list(GVariantDict *d, const char *key, const char *text, int family)
{
	g_auto(GStrv) words = g_strsplit(text != NULL ? text : "", " ", 0);
	GVariantBuilder list;
	gsize n = 0;
	guint8 a[16];

	g_variant_builder_init(&list, family == AF_INET ? G_VARIANT_TYPE("au") : G_VARIANT_TYPE("aay"));
	for (char **w = words; *w != NULL; w++) {
		guint32 v4;

		if (inet_pton(family, *w, a) != 1)
			continue;
		memcpy(&v4, a, sizeof(v4));
		g_variant_builder_add_value(&list, family == AF_INET ? g_variant_new_uint32(v4) : bytes(a));
		n++;
	}
	if (n > 0)
		put(d, key, g_variant_builder_end(&list));
	else
		g_variant_builder_clear(&list);
}

/*
 * The networks behind the peer as routes, and "never-default" where none of them is everything. A range that is no network
 * has no prefix, and no route.
 */
static void
put_routes(GVariantDict *d, GHashTable *vars, int family)
{
	const char *base = family == AF_INET ? "CISCO_SPLIT_INC" : "CISCO_IPV6_SPLIT_INC";
	gboolean all = FALSE;
	GVariantBuilder list;
	guint64 n = 0, prefix;
	guint8 a[16], none[16] = {0};

	(void)get_number(vars, base, ROUTES_MAX, &n);
	g_variant_builder_init(&list, family == AF_INET ? G_VARIANT_TYPE("aau") : G_VARIANT_TYPE("a(ayuayu)"));
	for (guint64 i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("%s_%u_ADDR", base, (unsigned)i);
		g_autofree char *len = g_strdup_printf("%s_%u_MASKLEN", base, (unsigned)i);
		const char *text = g_hash_table_lookup(vars, name);
		guint32 route[4] = {0};

		memset(a, 0, sizeof(a));
		if (text == NULL || inet_pton(family, text, a) != 1 ||
		    !get_number(vars, len, family == AF_INET ? 32 : 128, &prefix))
			continue;
		if (prefix == 0) {
			all |= memcmp(a, none, sizeof(a)) == 0;
			continue;
		}
		if (family == AF_INET) {
			memcpy(&route[0], a, sizeof(route[0]));
			route[1] = (guint32)prefix;
			g_variant_builder_add_value(&list, g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, route, 4, 4));
		} else
			g_variant_builder_add_value(&list, g_variant_new("(@ayu@ayu)", bytes(a), (guint32)prefix, bytes(none), 0U));
	}
	put(d, NM_VPN_PLUGIN_IP4_CONFIG_ROUTES, g_variant_builder_end(&list));
	put(d, NM_VPN_PLUGIN_IP4_CONFIG_NEVER_DEFAULT, g_variant_new_boolean(!all));
}

static void
put_domains(GVariantDict *d, GHashTable *vars)
{
	const char *domain = g_hash_table_lookup(vars, "CISCO_DEF_DOMAIN"), *split = g_hash_table_lookup(vars, "CISCO_SPLIT_DNS");
	GVariantBuilder list;
	gsize n = 0;

	if (domain != NULL)
		put(d, NM_VPN_PLUGIN_IP4_CONFIG_DOMAIN, g_variant_new_string(domain));
	if (split == NULL)
		return;
	g_variant_builder_init(&list, G_VARIANT_TYPE("as"));
	g_auto(GStrv) words = g_strsplit_set(split, ", ", 0);

	for (char **w = words; *w != NULL; w++)
		if (**w != '\0' && ++n <= ROUTES_MAX)
			g_variant_builder_add(&list, "s", *w);
	put(d, NM_VPN_PLUGIN_IP4_CONFIG_DOMAINS, g_variant_builder_end(&list));
}

/* What IPv4 and IPv6 share. The policy decides what is behind the peer, so the address has no network of its own. */
static GVariant *
family_config(GHashTable *vars, int family, GVariant *address)
{
	gboolean v4 = family == AF_INET;
	g_auto(GVariantDict) d = G_VARIANT_DICT_INIT(NULL);

	put(&d, NM_VPN_PLUGIN_IP4_CONFIG_ADDRESS, address);
	put(&d, NM_VPN_PLUGIN_IP4_CONFIG_PREFIX, g_variant_new_uint32(v4 ? 32 : 128));
	put_list(&d, NM_VPN_PLUGIN_IP4_CONFIG_DNS, g_hash_table_lookup(vars, v4 ? "INTERNAL_IP4_DNS" : "INTERNAL_IP6_DNS"), family);
	if (v4)
		put_list(&d, NM_VPN_PLUGIN_IP4_CONFIG_NBNS, g_hash_table_lookup(vars, "INTERNAL_IP4_NBNS"), family);
	put_domains(&d, vars);
	put_routes(&d, vars, family);
	return (g_variant_ref_sink(g_variant_dict_end(&d)));
}

static void
put_gateway(GVariantDict *d, const char *text)
{
	guint8 a[16];
	guint32 v4;

	if (get_ip4(text, &v4))
		put(d, NM_VPN_PLUGIN_CONFIG_EXT_GATEWAY, g_variant_new_uint32(v4));
	else if (text != NULL && inet_pton(AF_INET6, text, a) == 1)
		put(d, NM_VPN_PLUGIN_CONFIG_EXT_GATEWAY, bytes(a));
}

gboolean
report_config(GHashTable *vars, GVariant **config, GVariant **ip4, GVariant **ip6, GError **err)
{
	const char *device = g_hash_table_lookup(vars, "TUNDEV"), *banner = g_hash_table_lookup(vars, "CISCO_BANNER");
	const char *text6 = g_hash_table_lookup(vars, "INTERNAL_IP6_ADDRESS");
	guint32 a4;
	guint8 a6[16];
	guint64 mtu;
	gboolean has4 = get_ip4(g_hash_table_lookup(vars, "INTERNAL_IP4_ADDRESS"), &a4);
	gboolean has6 = text6 != NULL && inet_pton(AF_INET6, text6, a6) == 1;
	g_auto(GVariantDict) d = G_VARIANT_DICT_INIT(NULL);

	*ip4 = *ip6 = NULL;
	if (device == NULL || (!has4 && !has6)) {
		g_set_error_literal(err, NM_VPN_PLUGIN_ERROR, NM_VPN_PLUGIN_ERROR_FAILED,
		    "the device has no address: set mode-config = yes, if the gateway assigns one, or tun-address");
		return (FALSE);
	}
	put(&d, NM_VPN_PLUGIN_CONFIG_TUNDEV, g_variant_new_string(device));
	put_gateway(&d, g_hash_table_lookup(vars, "VPNGATEWAY"));
	if (get_number(vars, has4 ? "INTERNAL_IP4_MTU" : "INTERNAL_IP6_MTU", 65535, &mtu))
		put(&d, NM_VPN_PLUGIN_CONFIG_MTU, g_variant_new_uint32((guint32)mtu));
	put(&d, NM_VPN_PLUGIN_CONFIG_HAS_IP4, g_variant_new_boolean(has4));
	put(&d, NM_VPN_PLUGIN_CONFIG_HAS_IP6, g_variant_new_boolean(has6));
	/* ike-initiate reconnects by itself. */
	put(&d, NM_VPN_PLUGIN_CAN_PERSIST, g_variant_new_boolean(TRUE));
	if (banner != NULL)
		put(&d, NM_VPN_PLUGIN_CONFIG_BANNER, g_variant_new_string(banner));
	*config = g_variant_ref_sink(g_variant_dict_end(&d));
	if (has4)
		*ip4 = family_config(vars, AF_INET, g_variant_new_uint32(a4));
	if (has6)
		*ip6 = family_config(vars, AF_INET6, bytes(a6));
	return (TRUE);
}
