/* The bindings of next hops, as a table and as JSON. */
#include <stdio.h>

#include "cli/js.h"
#include "stat.h"

void
hops_text(const struct stat_report *r)
{
	char hop[ADDR_TEXT], at[ENDPOINT_TEXT];
	struct sa_next_hop h;

	(void)printf("%s: %zu next hop%s\n", r->tun.tun, r->n, r->n == 1 ? "" : "s");
	if (r->n > 0)
		(void)printf("\n%-23s %-9s %-5s %-8s %-8s %-23s %s\n", "next hop", "flag", "state", "SPI in", "SPI out", "peer", "name");
	for (size_t i = 0; i < r->n; i++) {
		stat_hop(r, i, &h);
		(void)printf("%-23s %-9s %-5s ", addr_text(hop, &h.hop), sa_hop_flag_word(h.flag), sa_hop_state_word(h.state));
		if (h.has_sa)
			(void)printf("%08x %08x ", get_be32(h.spi_in), get_be32(h.spi_out));
		else
			(void)printf("%-8s %-8s ", "-", "-");
		(void)printf("%-23s %s\n", h.has_remote ? endpoint_text(at, &h.remote) : "-", h.name[0] != '\0' ? h.name : "-");
	}
}

static json_t *
one(const struct sa_next_hop *h)
{
	char hop[ADDR_TEXT], at[ENDPOINT_TEXT];
	json_t *o = json_object();

	(void)json_object_set_new(o, "hop", json_string(addr_text(hop, &h->hop)));
	(void)json_object_set_new(o, "flag", json_string(sa_hop_flag_word(h->flag)));
	(void)json_object_set_new(o, "state", json_string(sa_hop_state_word(h->state)));
	if (h->name[0] != '\0')
		(void)json_object_set_new(o, "name", js_text(h->name));
	if (h->has_sa) {
		(void)json_object_set_new(o, "spi-in", js_hex(SPAN_ARRAY(h->spi_in)));
		(void)json_object_set_new(o, "spi-out", js_hex(SPAN_ARRAY(h->spi_out)));
	}
	if (h->has_remote)
		(void)json_object_set_new(o, "remote", json_string(endpoint_text(at, &h->remote)));
	return (o);
}

void
hops_json(const struct stat_report *r)
{
	json_t *o = json_object(), *hops = json_array();
	struct sa_next_hop h;

	(void)json_object_set_new(o, "time", json_integer((json_int_t)r->tun.time));
	(void)json_object_set_new(o, "tun", js_text(r->tun.tun));
	for (size_t i = 0; i < r->n; i++) {
		stat_hop(r, i, &h);
		(void)json_array_append_new(hops, one(&h));
	}
	(void)json_object_set_new(o, "next-hops", hops);
	js_print(o, false, stdout);
}
