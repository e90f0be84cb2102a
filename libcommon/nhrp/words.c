/* NHRP packets in words. */
#include "nhrp/words.h"

#include <stdarg.h>
#include <stdio.h>

#include "nhrp/acvpn.h"

struct text {
	char	*out;
	size_t	 cap, n;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->out + t->n, t->cap - t->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->n = t->n + (size_t)n < t->cap ? t->n + (size_t)n : t->cap - 1;
}

static const char *
addr_or_none(char out[ADDR_TEXT], const struct addr *a)
{
	return (a->family == 0 ? "none" : addr_text(out, a));
}

static bool
is_reply(uint8_t type)
{
	return (type == NHRP_RESOLUTION_REPLY || type == NHRP_REGISTRATION_REPLY || type == NHRP_PURGE_REPLY);
}

char *
nhrp_label(char out[NHRP_LABEL], const struct nhrp_packet *p)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT], num[NHRP_NUM_TEXT], more[NHRP_NUM_TEXT];
	struct text t = { out, NHRP_LABEL, 0 };

	out[0] = '\0';
	add(&t, "%s", nhrp_type_words(p->type, num));
	if (p->type == NHRP_ERROR_INDICATION)
		add(&t, " (%s)", nhrp_error_words(p->error, more));
	else if (!nhrp_is_indication(p->type))
		add(&t, " %u", p->id);
	add(&t, ": %s -> %s", addr_or_none(src, &p->src), addr_or_none(dst, &p->dst));
	if (is_reply(p->type) && p->n_cies > 0)
		add(&t, ", %s", nhrp_code_words(p->cie[0].code, more));
	return (out);
}

struct flag {
	uint16_t	 bit;
	const char	*words;
};

char *
nhrp_flag_words(char *out, size_t cap, const struct nhrp_packet *p)
{
	static const struct flag resolution[] = { { NHRP_RES_ROUTER, "router" },
	    { NHRP_RES_AUTHORITATIVE, "authoritative" }, { NHRP_RES_STABLE, "stable" }, { NHRP_RES_UNIQUE, "unique" },
	    { NHRP_RES_SOURCE_STABLE, "source-stable" }, { NHRP_FLAG_NAT, "NAT" }, { 0, NULL } };
	static const struct flag registration[] = { { NHRP_REG_UNIQUE, "unique" }, { NHRP_FLAG_NAT, "NAT" }, { 0, NULL } };
	static const struct flag purge[] = { { NHRP_PURGE_NO_REPLY, "no-reply" }, { 0, NULL } };
	static const struct flag none[] = { { 0, NULL } };
	const struct flag *f = p->type <= NHRP_RESOLUTION_REPLY ? resolution : p->type <= NHRP_REGISTRATION_REPLY ?
	    registration : p->type <= NHRP_PURGE_REPLY ? purge : none;
	struct text t = { out, cap, 0 };
	uint16_t left = p->flags;

	out[0] = '\0';
	for (; f->words != NULL; f++) {
		if ((p->flags & f->bit) == 0)
			continue;
		add(&t, "%s%s", t.n > 0 ? " " : "", f->words);
		left &= (uint16_t)~f->bit;
	}
	if (left != 0)
		add(&t, "%s0x%04x", t.n > 0 ? " " : "", left);
	return (out);
}

char *
nhrp_cie_words(char *out, size_t cap, const struct nhrp_cie *c, bool reply)
{
	char a[ADDR_TEXT], num[NHRP_NUM_TEXT];
	struct text t = { out, cap, 0 };

	out[0] = '\0';
	if (reply || c->code != 0)
		add(&t, "%s, ", nhrp_code_words(c->code, num));
	add(&t, "%s", addr_or_none(a, &c->proto));
	if (c->prefix == 0xff)
		add(&t, " (unique)");
	else if (c->prefix != 0)
		add(&t, "/%u", c->prefix);
	add(&t, " at %s", addr_or_none(a, &c->nbma));
	if (c->mtu != 0)
		add(&t, ", MTU %u", c->mtu);
	if (c->holding != 0)
		add(&t, ", holding time %u s", c->holding);
	if (c->preference != 0)
		add(&t, ", preference %u", c->preference);
	return (out);
}

/* The packet that an indication is about. */
static void
inner_words(struct text *t, struct span s)
{
	char src[ADDR_TEXT], dst[ADDR_TEXT], num[NHRP_NUM_TEXT];
	struct addr a, b;

	if (s.len >= 20 && s.p[0] >> 4 == 4) {
		a = addr_make(4, s.p + 12);
		b = addr_make(4, s.p + 16);
	} else if (s.len >= 40 && s.p[0] >> 4 == 6) {
		a = addr_make(6, s.p + 8);
		b = addr_make(6, s.p + 24);
	} else {
		if (s.len > 17 && s.p[16] == NHRP_VERSION)
			add(t, "about: %s\n", nhrp_type_words(s.p[17], num));
		else
			add(t, "about: %zu bytes of a packet\n", s.len);
		return;
	}
	add(t, "about: %s -> %s\n", addr_text(src, &a), addr_text(dst, &b));
}

static void
ext_words(struct text *t, const struct nhrp_packet *p, const struct nhrp_ext *e)
{
	struct nhrp_cie cie[NHRP_CIES_MAX];
	char num[NHRP_NUM_TEXT], line[1024];
	struct acvpn own;
	size_t i, n = 0;

	add(t, "%s%s", nhrp_ext_words(e->type, num), e->compulsory ? "" : " (optional)");
	if (e->type == NHRP_EXT_AUTH) {
		add(t, ": %s, %zu bytes\n", e->data.len <= 12 && e->data.len >= 4 && get_be32(e->data.p) == 1 ? "clear text" :
		    "keyed hash", e->data.len);
		return;
	}
	if (e->type == NHRP_EXT_VENDOR && acvpn_get(&own, e) == 0) {
		add(t, ": %s\n", acvpn_words(line, sizeof(line), &own));
		return;
	}
	if (e->type != NHRP_EXT_RESPONDER && e->type != NHRP_EXT_FORWARD && e->type != NHRP_EXT_REVERSE &&
	    e->type != NHRP_EXT_NAT) {
		add(t, ": %zu bytes\n", e->data.len);
		return;
	}
	if (nhrp_ext_cies(e, p, cie, NHRP_CIES_MAX, &n) != 0) {
		add(t, ": malformed, %zu bytes\n", e->data.len);
		return;
	}
	add(t, n == 0 ? ": empty\n" : ":\n");
	for (i = 0; i < n; i++)
		add(t, "  %s\n", nhrp_cie_words(line, sizeof(line), &cie[i], false));
}

char *
nhrp_words(char *out, size_t cap, const struct nhrp_packet *p)
{
	char a[ADDR_TEXT], flags[128], line[256];
	struct text t = { out, cap, 0 };
	size_t i;

	out[0] = '\0';
	add(&t, "from %s, hop count %u", addr_or_none(a, &p->src_nbma), p->hops);
	if (nhrp_flag_words(flags, sizeof(flags), p)[0] != '\0')
		add(&t, ", %s", flags);
	add(&t, "\n");
	for (i = 0; i < p->n_cies; i++)
		add(&t, "%s\n", nhrp_cie_words(line, sizeof(line), &p->cie[i], is_reply(p->type)));
	if (nhrp_is_indication(p->type)) {
		if (p->type == NHRP_ERROR_INDICATION)
			add(&t, "offset %u\n", p->error_at);
		inner_words(&t, p->inner);
	}
	for (i = 0; i < p->n_exts; i++)
		ext_words(&t, p, &p->ext[i]);
	return (out);
}
