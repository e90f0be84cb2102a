/* The values of mode config, and their form in records. */
#include "ike/settings.h"

#include <stdio.h>
#include <stdlib.h>

struct ike_settings *
ike_settings_new(void)
{
	return (calloc(1, sizeof(struct ike_settings)));
}

void
ike_settings_text(char *out, size_t cap, struct span from)
{
	size_t i;

	for (i = 0; i < from.len && i < cap - 1; i++)
		out[i] = (char)((from.p[i] < ' ' && from.p[i] != '\n') || from.p[i] == 0x7f ? '?' : from.p[i]);
	out[i] = '\0';
}

void
ike_settings_record(const struct ike_settings *c, struct sa_ike *s)
{
	size_t i;

	(void)snprintf(s->domain, sizeof(s->domain), "%s", c->domain);
	(void)snprintf(s->split_dns, sizeof(s->split_dns), "%s", c->split_dns);
	(void)snprintf(s->banner, sizeof(s->banner), "%s", c->banner);
	(void)snprintf(s->gateway_version, sizeof(s->gateway_version), "%s", c->version);
	for (i = 0; i < c->n_dns; i++)
		(void)addr_text(s->dns[i], &c->dns[i]);
	for (i = 0; i < c->n_nbns; i++)
		(void)addr_text(s->nbns[i], &c->nbns[i]);
	for (i = 0; i < c->n_split; i++)
		(void)selector_net_text(s->split[i], &c->split[i]);
	for (i = 0; i < c->n_local_lan; i++)
		(void)selector_net_text(s->local_lan[i], &c->local_lan[i]);
	s->n_dns = c->n_dns;
	s->n_nbns = c->n_nbns;
	s->n_split = c->n_split;
	s->n_local_lan = c->n_local_lan;
}

int
ike_settings_adopt(struct ike_settings *c, const struct sa_ike *s)
{
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < s->n_dns; i++)
		ok = addr_parse(&c->dns[i], s->dns[i]) == 0;
	for (i = 0; ok && i < s->n_nbns; i++)
		ok = addr_parse(&c->nbns[i], s->nbns[i]) == 0;
	for (i = 0; ok && i < s->n_split; i++)
		ok = selector_parse(&c->split[i], s->split[i]) == 0;
	for (i = 0; ok && i < s->n_local_lan; i++)
		ok = selector_parse(&c->local_lan[i], s->local_lan[i]) == 0;
	c->n_dns = s->n_dns;
	c->n_nbns = s->n_nbns;
	c->n_split = s->n_split;
	c->n_local_lan = s->n_local_lan;
	(void)snprintf(c->domain, sizeof(c->domain), "%s", s->domain);
	(void)snprintf(c->split_dns, sizeof(c->split_dns), "%s", s->split_dns);
	(void)snprintf(c->banner, sizeof(c->banner), "%s", s->banner);
	(void)snprintf(c->version, sizeof(c->version), "%s", s->gateway_version);
	return (ok ? 0 : -1);
}
