/* The report as one JSON object. */
#include "cli/js.h"
#include "stat.h"

static void
put(json_t *o, const char *key, uint64_t v)
{
	(void)json_object_set_new(o, key, json_integer((json_int_t)v));
}

static json_t *
count(const struct sa_count *c, const struct stat_rate *rate, double bytes)
{
	json_t *o = json_object(), *drops;

	put(o, "packets", c->packets);
	put(o, "bytes", c->bytes);
	if (rate->known)
		(void)json_object_set_new(o, "bit/s", json_real(bytes * 8));
	if (c->last != 0)
		put(o, "last", c->last);
	drops = json_object();
	for (size_t i = 0; i < c->n_drops; i++)
		put(drops, c->drops[i].reason, c->drops[i].packets);
	(void)json_object_set_new(o, "drops", drops);
	return (o);
}

static json_t *
selectors(const struct selector *ts, size_t n)
{
	char text[SELECTOR_TEXT];
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(a, json_string(selector_text(text, &ts[i])));
	return (a);
}

static json_t *
sa(const struct sa_stat *s, const struct stat_before *b, uint64_t now_ms)
{
	static const char *const encaps[] = { "none", "udp", "udp-draft", "tcp" };
	struct stat_rate rate = stat_rate_sa(b, s, now_ms);
	char at[ENDPOINT_TEXT];
	json_t *o = json_object();

	if (s->name[0] != '\0')
		(void)json_object_set_new(o, "name", js_text(s->name));
	(void)json_object_set_new(o, "protocol", json_string(s->protocol == SA_ESP ? "esp" : "ah"));
	(void)json_object_set_new(o, "mode", json_string(s->mode == SA_TUNNEL ? "tunnel" : "transport"));
	(void)json_object_set_new(o, "encap", json_string(encaps[s->encap]));
	(void)json_object_set_new(o, "use", json_string(s->use == SA_USE_IN ? "in" : "both"));
	(void)json_object_set_new(o, "spi-in", js_hex(SPAN_ARRAY(s->spi_in)));
	(void)json_object_set_new(o, "spi-out", js_hex(SPAN_ARRAY(s->spi_out)));
	(void)json_object_set_new(o, "local", json_string(endpoint_text(at, &s->local)));
	(void)json_object_set_new(o, "remote", json_string(endpoint_text(at, &s->remote)));
	(void)json_object_set_new(o, "local-ts", selectors(s->local_ts, s->n_local_ts));
	(void)json_object_set_new(o, "remote-ts", selectors(s->remote_ts, s->n_remote_ts));
	put(o, "established", s->established);
	put(o, "expires", s->expires);
	if (s->mtu != 0)
		put(o, "mtu", s->mtu);
	if (s->path_mtu != 0)
		put(o, "path-mtu", s->path_mtu);
	(void)json_object_set_new(o, "in", count(&s->in, &rate, rate.in));
	(void)json_object_set_new(o, "out", count(&s->out, &rate, rate.out));
	return (o);
}

void
json_report(const struct stat_report *r, const struct stat_before *b, uint64_t now_ms)
{
	struct stat_rate rate = stat_rate_tun(b, &r->tun, now_ms);
	json_t *o = json_object(), *sas = json_array();
	struct sa_stat s;

	put(o, "time", r->tun.time);
	put(o, "since", r->tun.since);
	(void)json_object_set_new(o, "tun", js_text(r->tun.tun));
	put(o, "mtu", r->tun.mtu);
	put(o, "ever", r->tun.ever);
	if (r->tun.has_bindings)
		put(o, "bindings", r->tun.bindings);
	put(o, "remaps", r->tun.remaps);
	put(o, "cut", r->tun.cut);
	put(o, "fragmented", r->tun.fragmented);
	put(o, "believed", r->tun.believed);
	put(o, "forged", r->tun.forged);
	put(o, "unsent", r->tun.unsent);
	put(o, "unwritten", r->tun.unwritten);
	(void)json_object_set_new(o, "in", count(&r->tun.in, &rate, rate.in));
	(void)json_object_set_new(o, "out", count(&r->tun.out, &rate, rate.out));
	for (size_t i = 0; i < r->n; i++) {
		stat_sa(r, i, &s);
		(void)json_array_append_new(sas, sa(&s, b, now_ms));
	}
	(void)json_object_set_new(o, "sas", sas);
	js_print(o, false, stdout);
}
