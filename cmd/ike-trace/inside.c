/* GRE and NHRP, in clear or inside of ESP and AH whose keys are known. */
#include "inside.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/report.h"
#include "esp/offline.h"
#include "esp/selftest.h"
#include "gre/gre.h"

struct inside {
	struct esp_choice backends;
	struct offline	*esp;		/* NULL: there are no keys */
	struct capture	*frames;	/* finds GRE and NHRP in decrypted packets */
	struct gre_flow	 flow[GRE_FLOWS];
	size_t		 n_flows;
};

/* --- keys --- */

/* Adds the child SAs of ${t}. The number of them that can decrypt. */
static size_t
add_keys(struct offline *esp, const struct trace *t)
{
	const struct sa_rec *r;
	struct fault f = {0};
	size_t at = 0, n = 0;

	while ((r = sa_set_next(t->keys, &at, NULL)) != NULL)
		if (r->type == SA_CHILD) {
			if (offline_add(esp, &r->child, &f) == 0)
				n++;
			else
				report_note(&f);
		}
	return (n);
}

struct inside *
inside_new(const struct trace *t, struct fault *f)
{
	struct inside *in = calloc(1, sizeof(*in));
	struct offline_conf c = { .sa = { .rand = rand_system } };

	if (in == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a trace");
		return (NULL);
	}
	if (t->o->sa.n == 0)
		return (in);
	if ((in->frames = capture_of_frames(CAPTURE_LINK_RAW, f)) == NULL || esp_choose(&in->backends, esp_backends, NULL, f) != 0)
		goto err;
	c.sa.backends = in->backends.list;
	if ((in->esp = offline_new(&c, f)) == NULL)
		goto err;
	if (add_keys(in->esp, t) == 0) {
		offline_free(in->esp);
		in->esp = NULL;
	}
	return (in);
err:
	inside_free(in);
	return (NULL);
}

void
inside_free(struct inside *in)
{
	if (in == NULL)
		return;
	offline_free(in->esp);
	capture_close(in->frames);
	free(in);
}

/* --- packets --- */

static void
nhrp(struct trace *t, const struct trace_view *v, const struct capture_packet *p, struct span data, const struct trace_carrier *by)
{
	static struct nhrp_packet m;
	struct fault f = {0};

	t->n.nhrp++;
	if (nhrp_decode(&m, data, &f) == 0) {
		v->nhrp(t, p, &m, by);
		return;
	}
	t->n.bad++;
	v->refused(t, p, f.what);
}

/* The flow of ${p}, a new one perhaps; NULL: there are too many. */
static struct gre_flow *
flow_of(struct inside *in, const struct capture_packet *p, const struct trace_carrier *by)
{
	struct gre_flow *f;

	for (f = in->flow; f < in->flow + in->n_flows; f++)
		if (f->by.key == by->key && (f->by.ipsec != 0) == (by->ipsec != 0) && addr_cmp(&f->src, &p->src.addr) == 0 &&
		    addr_cmp(&f->dst, &p->dst.addr) == 0)
			return (f);
	if (in->n_flows == GRE_FLOWS)
		return (NULL);
	in->n_flows++;
	*f = (struct gre_flow){ .src = p->src.addr, .dst = p->dst.addr, .by = *by, .first_us = p->time_us };
	return (f);
}

static void
count(struct trace *t, const struct trace_view *v, const struct capture_packet *p, uint16_t proto, const struct trace_carrier *by)
{
	struct gre_flow *f = flow_of(t->inside, p, by);

	if (f == NULL)
		return;
	f->packets++;
	f->bytes += p->data.len + p->lost;
	f->last_us = p->time_us;
	if (proto == GRE_NHRP)
		f->nhrp++;
	else if (proto == GRE_IPV4)
		f->ipv4++;
	else if (proto == GRE_IPV6)
		f->ipv6++;
	else
		f->other++;
	if (f->packets > 1)
		return;
	f->begins = proto;
	v->gre(t, p, f);
}

static void
gre(struct trace *t, const struct trace_view *v, const struct capture_packet *p, struct trace_carrier by)
{
	struct gre_head h;
	size_t len;
	enum gre_verdict what = gre_parse(&h, &len, p->data);

	if (what == GRE_SHORT || (what == GRE_CSUM && p->lost == 0)) {
		t->n.bad++;
		v->refused(t, p, what == GRE_SHORT ? "GRE that ends within its header" : "GRE with a wrong checksum");
		return;
	}
	/* PPTP, source routes, and what the capture has cut before its checksum could be checked. */
	if (what != GRE_OK) {
		t->n.gre++;
		return;
	}
	by.gre = true;
	by.key = h.has_key ? (int64_t)h.key : -1;
	t->n.gre += h.proto != GRE_NHRP;
	count(t, v, p, h.proto, &by);
	if (h.proto == GRE_NHRP)
		nhrp(t, v, p, span_of(p->data.p + len, p->data.len - len), &by);
}

static void
either(struct trace *t, const struct trace_view *v, const struct capture_packet *p, struct trace_carrier by)
{
	if (p->what == CAPTURE_GRE)
		gre(t, v, p, by);
	else if (p->what == CAPTURE_NHRP)
		nhrp(t, v, p, p->data, &by);
}

void
inside_packet(struct trace *t, const struct trace_view *v, const struct capture_packet *p)
{
	either(t, v, p, (struct trace_carrier){ .key = -1 });
}

void
inside_ipsec(struct trace *t, const struct trace_view *v, const struct capture_packet *p)
{
	struct trace_carrier by = { .key = -1, .ipsec = p->what == CAPTURE_ESP ? 50 : 51 };
	struct inside *in = t->inside;
	const struct esp_sa *sa;
	struct capture_packet q;
	struct span packet;

	if (in->esp == NULL || p->lost > 0 ||
	    offline_open(in->esp, by.ipsec, p->ip, &p->dst.addr, p->data, &packet, &sa) != ESP_OK)
		return;
	capture_frame(in->frames, packet, packet.len, p->time_us, &q);
	q.number = p->number;
	memcpy(by.spi, p->spi, sizeof(by.spi));
	either(t, v, &q, by);
}

const struct gre_flow *
inside_flow(const struct inside *in, size_t i)
{
	return (i < in->n_flows ? &in->flow[i] : NULL);
}

/* --- words --- */

char *
carrier_text(char out[CARRIER_TEXT], const struct trace_carrier *by)
{
	char key[24] = "", spi[24] = "";

	if (by->key >= 0)
		(void)snprintf(key, sizeof(key), " key %u", (uint32_t)by->key);
	if (by->ipsec != 0)
		(void)snprintf(spi, sizeof(spi), " in %s %08x", by->ipsec == 50 ? "ESP" : "AH", get_be32(by->spi));
	(void)snprintf(out, CARRIER_TEXT, "%s%s%s", by->gre ? "GRE" : "NHRP in IP", key, spi);
	return (out);
}

static const char *
proto_text(uint16_t proto, char buf[8])
{
	switch (proto) {
	case GRE_IPV4:
		return ("IPv4");
	case GRE_IPV6:
		return ("IPv6");
	case GRE_NHRP:
		return ("NHRP");
	case GRE_MPLS:
		return ("MPLS");
	default:
		(void)snprintf(buf, 8, "0x%04x", proto);
		return (buf);
	}
}

char *
gre_label(char out[GRE_LABEL], const struct gre_flow *f)
{
	char by[CARRIER_TEXT], proto[8];

	(void)snprintf(out, GRE_LABEL, "%s begins, with %s", carrier_text(by, &f->by), proto_text(f->begins, proto));
	return (out);
}

char *
gre_words(char out[GRE_WORDS], const struct gre_flow *f)
{
	const struct { uint64_t n; const char *what; } kinds[] = { { f->ipv4, "IPv4" }, { f->ipv6, "IPv6" }, { f->nhrp, "NHRP" },
	    { f->other, "others" } };
	char by[CARRIER_TEXT], s[ADDR_TEXT], d[ADDR_TEXT];
	size_t n = (size_t)snprintf(out, GRE_WORDS, "%s  %s -> %s\n%llu packet%s, %llu bytes in %.3f s", carrier_text(by, &f->by),
	    addr_text(s, &f->src), addr_text(d, &f->dst), (unsigned long long)f->packets, f->packets == 1 ? "" : "s",
	    (unsigned long long)f->bytes, (double)(f->last_us >= f->first_us ? f->last_us - f->first_us : 0) / 1e6);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && n < GRE_WORDS; i++)
		if (kinds[i].n > 0)
			n += (size_t)snprintf(out + n, GRE_WORDS - n, ", %llu %s", (unsigned long long)kinds[i].n, kinds[i].what);
	return (out);
}
