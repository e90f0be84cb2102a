/* One JSON object a line: messages and refused packets as they come, then SPIs, then a summary. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "cli/js.h"
#include "nhrp/ext.h"
#include "nhrp/words.h"
#include "os/clock.h"
#include "trace.h"
#include "inside.h"
#include "words.h"

static void
set_text(json_t *o, const char *key, const char *text)
{
	(void)json_object_set_new(o, key, js_text(text));
}

static void
set_int(json_t *o, const char *key, uint64_t v)
{
	(void)json_object_set_new(o, key, json_integer((json_int_t)v));
}

static void
set_flag(json_t *o, const char *key, bool v)
{
	(void)json_object_set_new(o, key, json_boolean(v));
}

/* RFC 3339 with microseconds. */
static void
set_time(json_t *o, const char *key, uint64_t us)
{
	char text[CLOCK_TEXT];

	set_text(o, key, clock_text_part(text, us, 6));
}

static json_t *
packet(const struct capture_packet *p, const char *type)
{
	json_t *o = json_object();
	char text[ENDPOINT_TEXT];

	set_text(o, "type", type);
	set_int(o, "frame", p->number);
	set_time(o, "time", p->time_us);
	if (p->src.addr.family != 0) {
		set_text(o, "from", endpoint_text(text, &p->src));
		set_text(o, "to", endpoint_text(text, &p->dst));
	}
	return (o);
}

static json_t *
payload(const struct trace *t, const struct v1_told *m, size_t i)
{
	const struct isakmp_payload *pl = &m->msg.pl[i];
	char words[V1_WORDS], name[NUM_TEXT], *line, *end;
	json_t *o = json_object(), *lines = json_array();
	struct isakmp_notify n;

	set_text(o, "type", isakmp_payload_name(v1_payload_meant(pl->type, m->msg.hdr.exchange), name));
	set_int(o, "number", pl->type);
	set_int(o, "length", pl->raw.len);
	if (pl->type == PAYLOAD_N && isakmp_notify_get(&n, pl->body, NULL) == 0) {
		set_text(o, "notify", isakmp_notify_name(n.type, name));
		set_int(o, "notify-number", n.type);
	}
	(void)v1_told_words(words, sizeof(words), m, i, t->o->reveal);
	for (line = words; *line != '\0'; line = end + 1) {
		end = line + strcspn(line, "\n");
		if (*end == '\0') {
			(void)json_array_append_new(lines, js_text(line));
			break;
		}
		*end = '\0';
		(void)json_array_append_new(lines, js_text(line));
	}
	(void)json_object_set_new(o, "text", lines);
	return (o);
}

static void
json_message(struct trace *t, const struct capture_packet *p, const struct v1_told *m)
{
	static const char *const proofs[] = { NULL, "right", "wrong", "unknown" };
	static const char *const signers[] = { NULL, "unchecked", "trusted", "refused" };
	json_t *o = packet(p, "message"), *list;
	char name[NUM_TEXT], mid[16];
	const char *why = open_text(m);
	size_t i;

	set_int(o, "sa", m->sa);
	(void)json_object_set_new(o, "cky-i", js_hex(SPAN_ARRAY(m->msg.hdr.cky_i)));
	(void)json_object_set_new(o, "cky-r", js_hex(SPAN_ARRAY(m->msg.hdr.cky_r)));
	set_text(o, "exchange", v1_mode_name(m->msg.hdr.exchange, name));
	set_int(o, "exchange-number", m->msg.hdr.exchange);
	(void)snprintf(mid, sizeof(mid), "%08x", m->msg.hdr.mid);
	set_text(o, "message-id", mid);
	if (m->sure)
		set_text(o, "sender", m->by_initiator ? "initiator" : "responder");
	set_flag(o, "encrypted", (m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0);
	set_int(o, "length", m->msg.hdr.length);
	if (m->one_way)
		set_flag(o, "one-way", true);
	if (m->moved)
		set_flag(o, "ports-changed", true);
	if (m->again_of != 0) {
		set_int(o, "again-of", m->again_of);
	} else {
		if (m->message != 0)
			set_int(o, "message", m->message);
		else if (m->begun_before)
			set_flag(o, "begun-before", true);
		else
			set_flag(o, "fragment", true);
		if (m->fragments != 0)
			set_int(o, "fragments", m->fragments);
		set_flag(o, "readable", m->readable);
		if (!m->readable)
			set_text(o, "reason", why != NULL ? why : m->why.what);
		if (proofs[m->proof] != NULL)
			set_text(o, "hash", proofs[m->proof]);
		if (proofs[m->signature.proof] != NULL) {
			set_text(o, "signature", proofs[m->signature.proof]);
			if (signers[m->signature.signer] != NULL)
				set_text(o, "certificate", signers[m->signature.signer]);
			set_text(o, "signature-text", m->signature.text);
		}
		list = json_array();
		for (i = 0; i < m->msg.n; i++)
			(void)json_array_append_new(list, payload(t, m, i));
		(void)json_object_set_new(o, "payloads", list);
	}
	js_print(o, false, stdout);
}

static void
json_refused(struct trace *t, const struct capture_packet *p, const char *why)
{
	json_t *o = packet(p, "refused");

	(void)t;
	set_text(o, "reason", why);
	js_print(o, false, stdout);
}

static void
set_addr(json_t *o, const char *key, const struct addr *a)
{
	char text[ADDR_TEXT];

	if (a->family != 0)
		set_text(o, key, addr_text(text, a));
}

static void
set_carrier(json_t *o, const struct trace_carrier *by)
{
	set_text(o, "carrier", by->gre ? "gre" : "ip");
	if (by->key >= 0)
		set_int(o, "key", (uint64_t)by->key);
	if (by->ipsec != 0)
		(void)json_object_set_new(o, by->ipsec == 50 ? "esp" : "ah", js_hex(SPAN_ARRAY(by->spi)));
}

static json_t *
nhrp_entries(const struct nhrp_cie *cie, size_t n)
{
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < n; i++) {
		o = json_object();
		set_int(o, "code", cie[i].code);
		set_int(o, "prefix", cie[i].prefix);
		set_int(o, "mtu", cie[i].mtu);
		set_int(o, "holding", cie[i].holding);
		set_int(o, "preference", cie[i].preference);
		set_addr(o, "nbma", &cie[i].nbma);
		set_addr(o, "proto", &cie[i].proto);
		(void)json_array_append_new(list, o);
	}
	return (list);
}

/* The CIEs of one that has some; of others the length only, as it may be a secret in clear text. */
static json_t *
nhrp_extension(const struct nhrp_packet *m, const struct nhrp_ext *e)
{
	struct nhrp_cie cie[NHRP_CIES_MAX];
	json_t *o = json_object();
	size_t n = 0;

	set_int(o, "type", e->type);
	set_flag(o, "compulsory", e->compulsory);
	set_int(o, "length", e->data.len);
	if (e->type != NHRP_EXT_AUTH && e->type != NHRP_EXT_VENDOR && nhrp_ext_cies(e, m, cie, NHRP_CIES_MAX, &n) == 0)
		(void)json_object_set_new(o, "entries", nhrp_entries(cie, n));
	return (o);
}

static void
json_nhrp(struct trace *t, const struct capture_packet *p, const struct nhrp_packet *m, const struct trace_carrier *by)
{
	json_t *o = packet(p, "nhrp"), *list = json_array();
	char text[NHRP_LABEL], num[NHRP_NUM_TEXT];
	size_t i;

	(void)t;
	set_text(o, "message", nhrp_type_words(m->type, num));
	set_text(o, "text", nhrp_label(text, m));
	set_carrier(o, by);
	set_int(o, "hops", m->hops);
	if (nhrp_is_indication(m->type)) {
		set_int(o, "error", m->error);
		set_int(o, "offset", m->error_at);
		(void)json_object_set_new(o, "inner", js_hex(m->inner));
	} else {
		set_int(o, "id", m->id);
		set_int(o, "flags", m->flags);
		(void)json_object_set_new(o, "entries", nhrp_entries(m->cie, m->n_cies));
	}
	set_addr(o, "src-nbma", &m->src_nbma);
	set_addr(o, "src", &m->src);
	set_addr(o, "dst", &m->dst);
	for (i = 0; i < m->n_exts; i++)
		(void)json_array_append_new(list, nhrp_extension(m, &m->ext[i]));
	(void)json_object_set_new(o, "extensions", list);
	js_print(o, false, stdout);
}

static void
json_flow(struct trace *t, const struct capture_packet *p, const struct watch_flow *f)
{
	(void)t;
	(void)p;
	(void)f;		/* reported at the end, with its numbers */
}

static void
json_gre(struct trace *t, const struct capture_packet *p, const struct gre_flow *f)
{
	(void)t;
	(void)p;
	(void)f;		/* likewise */
}

static void
gre(const struct gre_flow *f)
{
	json_t *o = json_object();

	set_text(o, "type", "gre");
	set_addr(o, "from", &f->src);
	set_addr(o, "to", &f->dst);
	set_carrier(o, &f->by);
	set_int(o, "packets", f->packets);
	set_int(o, "bytes", f->bytes);
	set_time(o, "first-time", f->first_us);
	set_time(o, "last-time", f->last_us);
	set_int(o, "ipv4", f->ipv4);
	set_int(o, "ipv6", f->ipv6);
	set_int(o, "nhrp", f->nhrp);
	set_int(o, "other", f->other);
	js_print(o, false, stdout);
}

static void
flow(const struct trace *t, const struct watch_flow *f)
{
	json_t *o = json_object(), *gaps = json_array();
	char text[ENDPOINT_TEXT], child[CHILD_TEXT];
	unsigned i;

	set_text(o, "type", f->proto == 50 ? "esp" : "ah");
	(void)json_object_set_new(o, "spi", js_hex(SPAN_ARRAY(f->spi)));
	set_text(o, "from", endpoint_text(text, &f->src));
	set_text(o, "to", endpoint_text(text, &f->dst));
	if (icv96_found(t, f))
		set_flag(o, "icv-96", true);
	set_int(o, "packets", f->packets);
	set_int(o, "bytes", f->bytes);
	set_time(o, "first-time", f->first_us);
	set_time(o, "last-time", f->last_us);
	set_int(o, "low", f->low);
	set_int(o, "high", f->high);
	set_int(o, "missing", watch_missing(f));
	for (i = 0; i < f->n_gaps; i++)
		(void)json_array_append_new(gaps, json_pack("[I,I]", (json_int_t)f->gap[i].from,
		    (json_int_t)f->gap[i].to));
	(void)json_object_set_new(o, "gaps", gaps);
	set_flag(o, "gaps-complete", !f->gaps_cut);
	set_int(o, "replays", f->replays);
	set_int(o, "number-zero", f->zeros);
	set_int(o, "reordered", f->reordered);
	set_int(o, "late", f->late);
	set_int(o, "wraps", f->wraps);
	if (child_text(child, t, f)[0] != '\0')
		set_text(o, "sa", child);
	js_print(o, false, stdout);
}

static void
json_end(struct trace *t)
{
	const struct capture_stats *c = capture_stats(t->capture);
	const struct watch_flow *f;
	const struct gre_flow *g;
	json_t *o = json_object();
	size_t i;

	for (i = 0; (f = watch_flow(t->esp, i)) != NULL; i++)
		flow(t, f);
	for (i = 0; (g = inside_flow(t->inside, i)) != NULL; i++)
		gre(g);
	set_text(o, "type", "summary");
	set_int(o, "frames", c->frames);
	set_int(o, "messages", t->n.ike);
	set_int(o, "sas", t->n.sas);
	set_int(o, "again", t->n.again);
	set_int(o, "unopened", t->n.unopened);
	set_int(o, "malformed", t->n.bad + c->bad);
	set_int(o, "ikev2", t->n.v2);
	set_int(o, "keepalives", t->n.keepalives);
	set_int(o, "tcp", t->n.tcp);
	set_int(o, "nhrp", t->n.nhrp);
	set_int(o, "gre", t->n.gre);
	set_int(o, "captured-twice", c->copies);
	set_int(o, "cut", c->cut);
	set_int(o, "fragments", c->fragments);
	set_int(o, "incomplete", c->incomplete);
	js_print(o, false, stdout);
}

const struct trace_view json_view = { json_message, json_refused, json_flow, json_nhrp, json_gre, json_end };
