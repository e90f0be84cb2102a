/* Words that both reports use. */
#include "words.h"

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
