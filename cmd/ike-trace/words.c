/* Words that both reports use. */
#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/report.h"
#include "esp/icv96.h"

double
trace_seconds(const struct trace *t, uint64_t time_us)
{
	return (time_us >= t->begin_us ? (double)(time_us - t->begin_us) / 1e6 :
	    -(double)(t->begin_us - time_us) / 1e6);
}

const char *
open_text(const struct v1_told *m)
{
	switch (m->open) {
	case V1_OPEN_NO_KEYS:
		return ("no SA state with its keys (--sa)");
	case V1_OPEN_NO_IV:
		return ("its IV follows from messages that are not in the capture");
	case V1_OPEN_BAD:
		return ("it does not decrypt: other keys, or a message is missing before it");
	case V1_OPEN_CLEAR:
	case V1_OPEN_DONE:
		break;
	}
	return (NULL);
}

static const char *
words_of(const char *enc, unsigned bits, const char *integ, char *out, size_t cap)
{
	const struct alg_enc *e = alg_enc_name(enc, bits);
	const struct alg_integ *i = alg_integ_name(integ);

	(void)snprintf(out, cap, "%s%s%s", e != NULL ? e->word : enc,
	    i != NULL && enc[0] != '\0' ? "-" : "", i != NULL ? i->word : integ);
	return (out);
}

/* The child SA of an SPI in the state, and whether the SPI is the inbound one of its record; NULL: none. */
static const struct sa_child *
child_of(const struct trace *t, const struct watch_flow *f, bool *in)
{
	enum sa_proto proto = f->proto == 50 ? SA_ESP : SA_AH;
	const struct sa_child *c;
	const struct sa_rec *r;
	size_t at = 0;

	while ((r = sa_set_next(t->keys, &at, NULL)) != NULL) {
		if (r->type != SA_CHILD || r->child.protocol != proto)
			continue;
		c = &r->child;
		*in = memcmp(c->spi_in, f->spi, 4) == 0 && addr_cmp(&c->local.at.addr, &f->dst.addr) == 0;
		if (*in || (memcmp(c->spi_out, f->spi, 4) == 0 && addr_cmp(&c->remote.at.addr, &f->dst.addr) == 0))
			return (c);
	}
	return (NULL);
}

/* ", in AH 0a0b0c0d": the other SA of ${c}'s bundle; "" if it has none. */
static const char *
bundle_text(char *out, size_t cap, const struct trace *t, const struct sa_child *c, bool in)
{
	enum sa_proto other = c->protocol == SA_ESP ? SA_AH : SA_ESP;
	const char *word = c->protocol == SA_ESP ? ", in AH" : ", around ESP";
	const struct sa_rec *r;
	size_t at = 0;

	out[0] = '\0';
	if (get_be32(c->bundle) == 0)
		return (out);
	(void)snprintf(out, cap, "%s", word);
	while ((r = sa_set_next(t->keys, &at, NULL)) != NULL)
		if (r->type == SA_CHILD && r->child.protocol == other && memcmp(r->child.spi_in, c->bundle, 4) == 0 &&
		    addr_cmp(&r->child.local.at.addr, &c->local.at.addr) == 0)
			(void)snprintf(out, cap, "%s %08x", word, get_be32(in ? r->child.spi_in : r->child.spi_out));
	return (out);
}

char *
child_text(char out[CHILD_TEXT], const struct trace *t, const struct watch_flow *f)
{
	char alg[80], bundle[32], from[SELECTOR_TEXT], to[SELECTOR_TEXT];
	const struct sa_child *c;
	bool in;

	out[0] = '\0';
	if ((c = child_of(t, f, &in)) != NULL)
		(void)snprintf(out, CHILD_TEXT, "%s%s, %s -> %s",
		    words_of(c->encryption, c->key_bits, c->integrity, alg, sizeof(alg)),
		    bundle_text(bundle, sizeof(bundle), t, c, in),
		    selector_text(from, in ? &c->remote_ts[0] : &c->local_ts[0]),
		    selector_text(to, in ? &c->local_ts[0] : &c->remote_ts[0]));
	return (out);
}

void
icv96_look(struct trace *t, const struct watch_flow *f, struct span esp)
{
	const struct secret *key;
	const struct sa_child *c;
	bool in;

	if (f->proto == 50 && t->n_icv96 < ICV96_MAX && (c = child_of(t, f, &in)) != NULL &&
	    (key = icv96_key(c, in)) != NULL && icv96_is(key, esp))
		memcpy(t->icv96[t->n_icv96++], f->spi, 4);
}

bool
icv96_found(const struct trace *t, const struct watch_flow *f)
{
	unsigned i;

	for (i = 0; i < t->n_icv96 && memcmp(t->icv96[i], f->spi, 4) != 0; i++)
		;
	return (f->proto == 50 && i < t->n_icv96);
}

/* --- lines --- */

struct lines {
	words_line	*line;
	void		*arg;
};

static void put(const struct lines *l, bool red, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
put(const struct lines *l, bool red, const char *fmt, ...)
{
	char text[V1_WORDS];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	l->line(l->arg, red, text);
}

void
remarks(struct trace *t, const struct capture_packet *p, const struct v1_told *m, words_line *line, void *arg)
{
	const struct lines l = { line, arg };
	const char *why = open_text(m);

	if ((p->by == CAPTURE_BY_UDP_MARKER) != t->marked)
		put(&l, false, t->marked ? "without non-ESP marker" : "with non-ESP marker");
	t->marked = p->by == CAPTURE_BY_UDP_MARKER;
	if (m->msg.hdr.exchange == EXCHANGE_QUICK && isakmp_find(&m->msg, PAYLOAD_KE, NULL) != NULL)
		put(&l, false, "PFS: the KE is for this child SA only");
	if (m->found_one_way)
		put(&l, false, "the addresses do not tell the two ends apart: the exchange does");
	if (p->fragments > 1)
		put(&l, false, "reassembled from %u fragments", p->fragments);
	if (m->fragments > 0)
		put(&l, false, "reassembled from %u IKE fragments", m->fragments);
	if (why != NULL)
		put(&l, false, "encrypted: %s", why);
	else if (!m->readable)
		put(&l, false, "unreadable: %s", m->why.what);
}

static const char *
proto_text(const struct watch_flow *f)
{
	return (f->proto == 50 ? "ESP" : "AH");
}

char *
flow_label(char out[FLOW_LABEL], const struct watch_flow *f)
{
	(void)snprintf(out, FLOW_LABEL, "%s %08x starts at sequence number %u", proto_text(f), get_be32(f->spi), f->first);
	return (out);
}

static void
gaps(const struct lines *l, const struct watch_flow *f)
{
	char text[WATCH_GAPS * 24 + 8] = "";
	size_t len = 0;
	unsigned i;

	for (i = 0; i < f->n_gaps; i++)
		if (f->gap[i].from == f->gap[i].to)
			len += (size_t)snprintf(text + len, sizeof(text) - len, " %u", f->gap[i].from);
		else
			len += (size_t)snprintf(text + len, sizeof(text) - len, " %u-%u",
			    f->gap[i].from, f->gap[i].to);
	put(l, false, "%llu missing:%s%s", (unsigned long long)watch_missing(f), text, f->gaps_cut ? " ..." : "");
}

void
flow_words(struct trace *t, const struct watch_flow *f, words_line *line, void *arg)
{
	const struct lines l = { line, arg };
	char s[ENDPOINT_TEXT], d[ENDPOINT_TEXT], child[CHILD_TEXT];
	const char *way = f->dst.port != 0 ? " in UDP" : "";

	put(&l, false, "%s %08x  %s -> %s%s%s%s", proto_text(f), get_be32(f->spi),
	    f->src.port != 0 ? endpoint_text(s, &f->src) : addr_text(s, &f->src.addr),
	    f->dst.port != 0 ? endpoint_text(d, &f->dst) : addr_text(d, &f->dst.addr), way,
	    child_text(child, t, f)[0] != '\0' ? ", " : "", child);
	put(&l, false, "%llu packet%s, %llu bytes in %.3f s, numbers %u to %u",
	    (unsigned long long)f->packets, f->packets == 1 ? "" : "s", (unsigned long long)f->bytes,
	    (double)(f->last_us >= f->first_us ? f->last_us - f->first_us : 0) / 1e6, f->low, f->high);
	if (icv96_found(t, f))
		put(&l, false, "ICV of 96 bits, not 128: " ICV96_HINT);
	if (watch_missing(f) > 0)
		gaps(&l, f);
	if (f->replays > 0)
		put(&l, true, "%llu REPLAYED: sequence number received before", (unsigned long long)f->replays);
	if (f->zeros > 0)
		put(&l, false, "%llu with number 0, which no sender uses", (unsigned long long)f->zeros);
	if (f->reordered > 0 || f->late > 0)
		put(&l, false, "%llu out of order, %llu of them too late for any window",
		    (unsigned long long)f->reordered + f->late, (unsigned long long)f->late);
	if (f->wraps > 0)
		put(&l, false, "sequence numbers restarted %llu times", (unsigned long long)f->wraps);
}

char *
sum_text(char out[SUM_TEXT], const struct trace *t)
{
	const struct capture_stats *c = capture_stats(t->capture);
	const struct { uint64_t n; const char *what; } counts[] = {
		{ t->n.again, "sent again" }, { t->n.unopened, "not opened" }, { t->n.bad + c->bad, "malformed" },
		{ t->n.v2, "of IKEv2" }, { t->n.keepalives, "NAT keepalives" },
		{ t->n.tcp, "unknown segments on TCP 10000" }, { t->n.nhrp, "of NHRP" }, { t->n.gre, "of other GRE" },
		{ c->copies, "captured twice" }, { c->cut, "truncated by the capture" },
		{ c->incomplete, "datagrams with missing fragments" },
		{ watch_others(t->esp), "of ESP or AH above the limit of SPIs" },
	};
	size_t i, n = (size_t)snprintf(out, SUM_TEXT, "%llu frames, %llu IKE messages in %u IKE SA%s",
	    (unsigned long long)c->frames, (unsigned long long)t->n.ike, t->n.sas, t->n.sas == 1 ? "" : "s");

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]) && n < SUM_TEXT; i++)
		if (counts[i].n > 0)
			n += (size_t)snprintf(out + n, SUM_TEXT - n, ", %llu %s", (unsigned long long)counts[i].n,
			    counts[i].what);
	return (out);
}

/* --- which --sa fits --- */

void
states_mark(struct trace *t, const struct isakmp_hdr *h)
{
	uint8_t id[2 * COOKIE_LEN];
	size_t i;

	memcpy(id, h->cky_i, COOKIE_LEN);
	memcpy(id + COOKIE_LEN, h->cky_r, COOKIE_LEN);
	for (i = 0; i < t->o->sa.n; i++)
		t->states[i].fits = t->states[i].fits || sa_set_ike(t->states[i].set, id) != NULL;
}

/* Whether a child SA of ${set} has the SPI of a packet. */
static bool
has_packets(const struct trace *t, const struct sa_set *set)
{
	const struct watch_flow *f;
	const struct sa_rec *r;
	size_t at = 0, i;

	while ((r = sa_set_next(set, &at, NULL)) != NULL)
		for (i = 0; r->type == SA_CHILD && (f = watch_flow(t->esp, i)) != NULL; i++)
			if (memcmp(r->child.spi_in, f->spi, 4) == 0 || memcmp(r->child.spi_out, f->spi, 4) == 0)
				return (true);
	return (false);
}

void
states_report(struct trace *t)
{
	size_t i;

	for (i = 0; i < t->o->sa.n; i++)
		if (!t->states[i].fits && !has_packets(t, t->states[i].set))
			report_say(0, "%s: no message and no packet of the capture belongs to its SAs", t->o->sa.v[i]);
}
