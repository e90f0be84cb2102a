/* The environment that scripts written for vpnc and openconnect know. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "esp_tun.h"

void
tool_config(struct tool *t, const struct sa_ike *s)
{
	if (t->script.helper.fd == -1)
		return;
	if (t->config == NULL && (t->config = calloc(1, sizeof(*t->config))) == NULL)
		return;
	t->config->n_dns = s->n_dns;
	t->config->n_nbns = s->n_nbns;
	t->config->n_split = s->n_split;
	t->config->n_local_lan = s->n_local_lan;
	memcpy(t->config->dns, s->dns, sizeof(s->dns));
	memcpy(t->config->nbns, s->nbns, sizeof(s->nbns));
	memcpy(t->config->split, s->split, sizeof(s->split));
	memcpy(t->config->local_lan, s->local_lan, sizeof(s->local_lan));
	memcpy(t->config->address, s->address, sizeof(s->address));
	memcpy(t->config->address6, s->address6, sizeof(s->address6));
	memcpy(t->config->netmask, s->netmask, sizeof(s->netmask));
	memcpy(t->config->domain, s->domain, sizeof(s->domain));
	memcpy(t->config->split_dns, s->split_dns, sizeof(s->split_dns));
	memcpy(t->config->banner, s->banner, sizeof(s->banner));
}

/* Those of ${words} that are addresses of ${family}, with blanks between them. */
static void
set_list(struct script_env *e, const char *name, char words[][ADDR_TEXT], size_t n, uint8_t family)
{
	char text[SA_LIST_MAX * (ADDR_TEXT + 1)] = "";
	struct addr a;
	size_t len = 0;

	for (size_t i = 0; i < n && i < SA_LIST_MAX; i++)
		if (addr_parse(&a, words[i]) == 0 && a.family == family)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "", words[i]);
	if (len > 0)
		script_set(e, name, "%s", text);
}

static void
set_address(struct script_env *e, const char *text)
{
	struct addr a;

	if (addr_parse(&a, text) == 0)
		script_set(e, a.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS", "%s", text);
}

/* The netmask, and the network that it makes of the address. */
static void
set_netmask(struct script_env *e, const char *address, const char *netmask)
{
	struct addr a, mask;
	char text[ADDR_TEXT];
	uint32_t m;

	if (addr_parse(&a, address) != 0 || addr_parse(&mask, netmask) != 0 || a.family != 4 || mask.family != 4)
		return;
	m = get_be32(mask.b);
	if ((~m & (~m + 1)) != 0)
		return;
	script_set(e, "INTERNAL_IP4_NETMASK", "%s", netmask);
	script_set(e, "INTERNAL_IP4_NETMASKLEN", "%d", m == 0 ? 0 : 32 - __builtin_ctz(m));
	put_be32(a.b, get_be32(a.b) & m);
	script_set(e, "INTERNAL_IP4_NETADDR", "%s", addr_text(text, &a));
}

/* One network as variables of "split include" (${inc}) or "split exclude". */
static void
set_split(struct script_env *e, bool inc, const struct selector *s, unsigned *n4, unsigned *n6)
{
	bool v4 = s->first.family == 4;
	const char *base = inc ? (v4 ? "CISCO_SPLIT_INC" : "CISCO_IPV6_SPLIT_INC") :
	    v4 ? "CISCO_SPLIT_EXC" : "CISCO_IPV6_SPLIT_EXC";
	unsigned n = v4 ? (*n4)++ : (*n6)++;
	int prefix = selector_prefix(s);
	char name[64], a[ADDR_TEXT];
	uint8_t mask[4];

	(void)snprintf(name, sizeof(name), "%s_%u_ADDR", base, n);
	script_set(e, name, "%s", addr_text(a, &s->first));
	if (prefix < 0)
		prefix = 0;	/* a range that is no net has no mask */
	(void)snprintf(name, sizeof(name), "%s_%u_MASKLEN", base, n);
	script_set(e, name, "%d", prefix);
	if (v4) {
		put_be32(mask, prefix == 0 ? 0 : UINT32_MAX << (32 - prefix));
		(void)snprintf(name, sizeof(name), "%s_%u_MASK", base, n);
		script_set(e, name, "%u.%u.%u.%u", mask[0], mask[1], mask[2], mask[3]);
	}
}

/* Networks of a record; false: they do not have ${one}. */
static bool
set_networks(struct script_env *e, bool inc, char nets[][SELECTOR_TEXT], size_t n, const struct selector *one)
{
	unsigned n4 = 0, n6 = 0;
	bool has = one == NULL;
	struct selector s;
	size_t i;

	for (i = 0; i < n && !has; i++)
		has = selector_parse(&s, nets[i]) == 0 && addr_cmp(&s.first, &one->first) == 0 &&
		    addr_cmp(&s.last, &one->last) == 0;
	if (!has)
		return (false);
	for (i = 0; i < n; i++)
		if (selector_parse(&s, nets[i]) == 0)
			set_split(e, inc, &s, &n4, &n6);
	if (n4 > 0)
		script_set(e, inc ? "CISCO_SPLIT_INC" : "CISCO_SPLIT_EXC", "%u", n4);
	if (n6 > 0)
		script_set(e, inc ? "CISCO_IPV6_SPLIT_INC" : "CISCO_IPV6_SPLIT_EXC", "%u", n6);
	return (true);
}

/*
 * The networks behind the peer. Where mode config names them, each has a child SA of its own, and ${pair} is the first:
 * all are set.
 */
static void
set_remote(struct script_env *e, struct sa_ike *config, const struct esp_pair *pair)
{
	unsigned n4 = 0, n6 = 0;

	if (config != NULL && pair->out.n_dst_ts > 0 &&
	    set_networks(e, true, config->split, config->n_split, &pair->out.dst_ts[0]))
		return;
	for (size_t i = 0; i < pair->out.n_dst_ts; i++)
		set_split(e, true, &pair->out.dst_ts[i], &n4, &n6);
	if (n4 > 0)
		script_set(e, "CISCO_SPLIT_INC", "%u", n4);
	if (n6 > 0)
		script_set(e, "CISCO_IPV6_SPLIT_INC", "%u", n6);
}

/* The values of mode config beside addresses and networks to reach. */
static void
set_config(struct script_env *e, struct sa_ike *c)
{
	set_netmask(e, c->address, c->netmask);
	set_list(e, "INTERNAL_IP4_DNS", c->dns, c->n_dns, 4);
	set_list(e, "INTERNAL_IP6_DNS", c->dns, c->n_dns, 6);
	set_list(e, "INTERNAL_IP4_NBNS", c->nbns, c->n_nbns, 4);
	(void)set_networks(e, false, c->local_lan, c->n_local_lan, NULL);
	if (c->domain[0] != '\0')
		script_set(e, "CISCO_DEF_DOMAIN", "%s", c->domain);
	if (c->split_dns[0] != '\0')
		script_set(e, "CISCO_SPLIT_DNS", "%s", c->split_dns);
	if (c->banner[0] != '\0')
		script_set(e, "CISCO_BANNER", "%s", c->banner);
}

void
tool_script(struct tool *t, const char *reason, const struct esp_pair *pair)
{
	static struct script_env e;
	char a[ADDR_TEXT];
	const struct selector *own = pair->out.src_ts;	/* one at least, if only zeros */
	struct addr local = own->first;

	if (t->script.helper.fd == -1)
		return;
	e.len = 0;
	script_set(&e, "reason", "%s", reason);
	script_set(&e, "TUNDEV", "%s", datapath_tun(t->dp));
	script_set(&e, "VPNPID", "%ld", (long)getpid());
	script_set(&e, "VPNGATEWAY", "%s", addr_text(a, &pair->remote.addr));
	script_set(&e, "SAPIPE_NAME", "%s", pair->name);
	script_set(&e, local.family == 4 ? "INTERNAL_IP4_MTU" : "INTERNAL_IP6_MTU", "%zu",
	    datapath_mtu(t->dp));
	if (t->config != NULL && (t->config->address[0] != '\0' || t->config->address6[0] != '\0')) {
		set_address(&e, t->config->address);
		set_address(&e, t->config->address6);
	} else if (t->n_addresses > 0)
		script_set(&e, t->addresses[0].net.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS", "%s",
		    addr_text(a, &t->addresses[0].net));
	else if (addr_cmp(&own->first, &own->last) == 0)
		script_set(&e, local.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS", "%s",
		    addr_text(a, &local));
	set_remote(&e, t->config, pair);
	if (t->config != NULL)
		set_config(&e, t->config);
	if (script_run(&t->script, &e) != 0)
		report_warn("the script could not be run for \"%s\"", reason);
}
