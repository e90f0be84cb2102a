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
	memcpy(t->config->dns, s->dns, sizeof(s->dns));
	memcpy(t->config->nbns, s->nbns, sizeof(s->nbns));
	memcpy(t->config->address, s->address, sizeof(s->address));
	memcpy(t->config->netmask, s->netmask, sizeof(s->netmask));
	memcpy(t->config->domain, s->domain, sizeof(s->domain));
	memcpy(t->config->banner, s->banner, sizeof(s->banner));
}

/* Words with blanks between them. */
static void
set_list(struct script_env *e, const char *name, char words[][ADDR_TEXT], size_t n)
{
	char text[SA_LIST_MAX * (ADDR_TEXT + 1)] = "";
	size_t len = 0;

	for (size_t i = 0; i < n && i < SA_LIST_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", words[i]);
	if (n > 0)
		script_set(e, name, "%s", text);
}

/* One remote selector as a "split include". */
static void
set_split(struct script_env *e, const struct selector *s, unsigned *n4, unsigned *n6)
{
	bool v4 = s->first.family == 4;
	const char *base = v4 ? "CISCO_SPLIT_INC" : "CISCO_IPV6_SPLIT_INC";
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

void
tool_script(struct tool *t, const char *reason, const struct esp_pair *pair)
{
	static struct script_env e;
	unsigned n4 = 0, n6 = 0;
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
	if (t->config != NULL && t->config->address[0] != '\0')
		script_set(&e, "INTERNAL_IP4_ADDRESS", "%s", t->config->address);
	else if (t->n_addresses > 0)
		script_set(&e, t->addresses[0].net.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS", "%s",
		    addr_text(a, &t->addresses[0].net));
	else if (addr_cmp(&own->first, &own->last) == 0)
		script_set(&e, local.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS", "%s",
		    addr_text(a, &local));
	for (size_t i = 0; i < pair->out.n_dst_ts; i++)
		set_split(&e, &pair->out.dst_ts[i], &n4, &n6);
	if (n4 > 0)
		script_set(&e, "CISCO_SPLIT_INC", "%u", n4);
	if (n6 > 0)
		script_set(&e, "CISCO_IPV6_SPLIT_INC", "%u", n6);
	if (t->config != NULL) {
		if (t->config->netmask[0] != '\0')
			script_set(&e, "INTERNAL_IP4_NETMASK", "%s", t->config->netmask);
		set_list(&e, "INTERNAL_IP4_DNS", t->config->dns, t->config->n_dns);
		set_list(&e, "INTERNAL_IP4_NBNS", t->config->nbns, t->config->n_nbns);
		if (t->config->domain[0] != '\0')
			script_set(&e, "CISCO_DEF_DOMAIN", "%s", t->config->domain);
		if (t->config->banner[0] != '\0')
			script_set(&e, "CISCO_BANNER", "%s", t->config->banner);
	}
	if (script_run(&t->script, &e) != 0)
		report_warn("the script could not be run for \"%s\"", reason);
}
