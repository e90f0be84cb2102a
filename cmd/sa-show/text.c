/* Records as text for people. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/report.h"
#include "cli/term.h"
#include "os/clock.h"
#include "sa/item.h"
#include "show.h"

/* Longest: a revealed key of 1 KiB, or an ID, each with some words. */
#define ROW_TEXT	(ID_TEXT + 256)
#define ROOM_MIN	10	/* columns of a row's text, at least */

static void row(const char *label, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line, wrapped where the terminal ends; bytes that a terminal would act on come out escaped, whatever they came in with. */
static void
row(const char *label, const char *fmt, ...)
{
	const size_t columns = term_width(STDOUT_FILENO);
	char text[ROW_TEXT], shown[4 * ROW_TEXT];
	const char *rest;
	va_list ap;
	int used;
	size_t n;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rest = escape_put(shown, sizeof(shown), span_str(text));
	used = printf("    %-12s ", label);
	for (;;) {
		n = term_cut(rest, columns == 0 ? 0 : columns > (size_t)used + ROOM_MIN ? columns - (size_t)used : ROOM_MIN);
		(void)printf("%.*s\n", (int)n, rest);
		rest += n + strspn(rest + n, " ");
		if (*rest == '\0')
			break;
		(void)printf("%*s", used, "");
	}
	wipe(text, sizeof(text));
	wipe(shown, sizeof(shown));
}

/* "1 d 2 h", "59 min 3 s": two units are enough to plan by. */
static char *
span_text(char out[48], uint64_t s)
{
	static const struct { uint64_t s; const char *unit; } units[] = {
		{ 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" },
	};
	size_t i = 0;
	int n;

	while (i < 3 && s < units[i].s)
		i++;
	n = snprintf(out, 48, "%llu %s", (unsigned long long)(s / units[i].s), units[i].unit);
	if (i < 3 && s % units[i].s >= units[i + 1].s)
		(void)snprintf(out + n, 48 - (size_t)n, " %llu %s",
		    (unsigned long long)(s % units[i].s / units[i + 1].s), units[i + 1].unit);
	return (out);
}

static void
end_row(const char *label, const struct sa_end *e)
{
	char at[ENDPOINT_TEXT], id[ID_TEXT];

	/* ESP without UDP has no ports. */
	if (e->at.port == 0)
		(void)addr_text(at, &e->at.addr);
	else
		(void)endpoint_text(at, &e->at);
	if (e->id.type == 0)
		row(label, "%s", at);
	else
		row(label, "%s  %s", at, id_text(id, &e->id));
}

static void
lifetime_rows(const struct sa_lifetime *l, uint64_t established, uint64_t now)
{
	char at[CLOCK_TEXT], whole[48], rest[48], kb[48] = "";
	bool over = l->expires <= now;

	row("established", "%s", clock_text(at, established));
	if (l->kilobytes != 0)
		(void)snprintf(kb, sizeof(kb), " or %llu kB", (unsigned long long)l->kilobytes);
	row("lifetime", over ? "%s%s; expired %s, %s ago" : "%s%s; until %s, %s left",
	    span_text(whole, l->seconds), kb, clock_text(at, l->expires),
	    span_text(rest, over ? now - l->expires : l->expires - now));
}

struct key {
	const char	*label;
	struct span	 v;
};

/* Hidden keys share a line: only their presence is of interest. */
static void
key_rows(const struct key *k, size_t n, bool reveal)
{
	char names[128] = "", hex[2 * 1024 + 1];
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		if (k[i].v.len == 0)
			continue;
		if (reveal)
			row(k[i].label, "%s", hex_put(hex, sizeof(hex), k[i].v));
		else
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
			    len > 0 ? ", " : "", k[i].label);
	}
	if (len > 0)
		row("keys", "%s: hidden", names);
	wipe(hex, sizeof(hex));
}

/* "aes-cbc 256" */
static char *
cipher_text(char out[SA_WORD + 8], const char *name, unsigned bits)
{
	(void)snprintf(out, SA_WORD + 8, bits != 0 ? "%s %u" : "%s", name, bits);
	return (out);
}

static void
ike_rows(const struct sa_ike *s, uint64_t now, bool reveal)
{
	static const char *const markers[] = { "", ", non-ESP marker", ", non-IKE marker" };
	char spi_i[17], spi_r[17], cipher[SA_WORD + 8];
	size_t i;

	(void)printf("ike-sa %s:%s\n", hex_put(spi_i, sizeof(spi_i), SPAN_ARRAY(s->spi_i)),
	    hex_put(spi_r, sizeof(spi_r), SPAN_ARRAY(s->spi_r)));
	if (s->name[0] != '\0')
		row("name", "%s", s->name);
	row("exchange", "IKEv1 %s mode as %s, %s",
	    s->exchange == SA_MAIN ? "main" : "aggressive",
	    s->role == SA_INITIATOR ? "initiator" : "responder", s->auth);
	end_row("local", &s->local);
	end_row("remote", &s->remote);
	row("proposal", "%s, %s, %s", cipher_text(cipher, s->encryption, s->key_bits), s->hash,
	    s->group);
	row("nat-t", "%s, %s%s%s", s->natt.version, s->natt.local_nat && s->natt.remote_nat ?
	    "NAT at both ends" : s->natt.local_nat ? "NAT in front of us" : s->natt.remote_nat ?
	    "NAT in front of the peer" : "no NAT", s->natt.forced ? ", forced" : "",
	    s->natt.tcp ? ", in TCP" : markers[s->natt.marker]);
	/* --failed-sa: it never had a life */
	if (s->established == s->lifetime.expires) {
		char at[CLOCK_TEXT];

		row("failed", "%s, before it was established", clock_text(at, s->established));
	} else
		lifetime_rows(&s->lifetime, s->established, now);
	if (s->n_vids > 0 || s->dpd || s->implementation[0] != '\0')
		row("peer", "%s%s%s, %zu vendor ID%s", s->implementation,
		    s->implementation[0] != '\0' ? ", " : "", s->dpd ? "DPD" : "no DPD", s->n_vids,
		    s->n_vids == 1 ? "" : "s");
	if (s->has_dpd_seq)
		row("dpd-seq", "%u", s->dpd_seq);
	if (s->xauth_status[0] != '\0')
		row("xauth", "user %s: %s%s%s", s->xauth_user, s->xauth_status, s->xauth_group[0] != '\0' ? ", group " : "",
		    s->xauth_group);
	if (s->has_config && s->address[0] != '\0')
		row("address", "%s%s%s", s->address, s->netmask[0] != '\0' ? " netmask " : "",
		    s->netmask);
	if (s->has_config && s->address6[0] != '\0')
		row("address6", "%s", s->address6);
	for (i = 0; i < s->n_dns; i++)
		row("dns", "%s", s->dns[i]);
	for (i = 0; i < s->n_nbns; i++)
		row("nbns", "%s", s->nbns[i]);
	for (i = 0; i < s->n_split; i++)
		row("split", "%s", s->split[i]);
	for (i = 0; i < s->n_local_lan; i++)
		row("local-lan", "%s", s->local_lan[i]);
	if (s->split_dns[0] != '\0')
		row("split-dns", "%s", s->split_dns);
	if (s->gateway_version[0] != '\0')
		row("gateway", "%s", s->gateway_version);
	if (s->domain[0] != '\0')
		row("domain", "%s", s->domain);
	if (s->banner[0] != '\0')
		row("banner", "%s", s->banner);
	key_rows((struct key[]){
		{ "SKEYID", secret_span(&s->skeyid) },
		{ "SKEYID_d", secret_span(&s->skeyid_d) },
		{ "SKEYID_a", secret_span(&s->skeyid_a) },
		{ "SKEYID_e", secret_span(&s->skeyid_e) },
		{ "cipher", secret_span(&s->cipher) },
		{ "IV", span_of(s->iv, s->iv_len) },
	}, 6, reveal);
}

static void
ts_rows(const char *label, const struct selector *s, size_t n)
{
	char text[SELECTOR_TEXT];
	size_t i;

	for (i = 0; i < n; i++)
		row(i == 0 ? label : "", "%s", selector_text(text, &s[i]));
}

static void
child_rows(const struct sa_child *s, uint64_t now, bool reveal)
{
	static const char *const encaps[] = { "", " in UDP", " in UDP (draft)", " in TCP" };
	char cipher[SA_WORD + 8], ike_i[17], ike_r[17], a[ADDR_TEXT], b[ADDR_TEXT];
	const char *proto = s->protocol == SA_ESP ? "ESP" : "AH";

	(void)printf("child-sa %s in %08x out %08x\n", proto, get_be32(s->spi_in),
	    get_be32(s->spi_out));
	if (s->name[0] != '\0')
		row("name", "%s", s->name);
	row("mode", "%s, %s%s, negotiated as %s%s", s->mode == SA_TUNNEL ? "tunnel" : "transport", proto,
	    encaps[s->encap], s->initiator ? "initiator" : "responder",
	    s->use == SA_USE_IN ? "; receive only" : "");
	end_row("local", &s->local);
	end_row("remote", &s->remote);
	row("proposal", "%s%s%s%s%s%s",
	    s->encryption[0] != '\0' ? cipher_text(cipher, s->encryption, s->key_bits) : "",
	    s->encryption[0] != '\0' && s->integrity[0] != '\0' ? ", " : "", s->integrity,
	    s->group[0] != '\0' ? ", PFS " : "", s->group, s->esn ? ", ESN" : "");
	ts_rows("local-ts", s->local_ts, s->n_local_ts);
	ts_rows("remote-ts", s->remote_ts, s->n_remote_ts);
	if (s->has_nat_oa)
		row("nat-oa", "local %s, remote %s", addr_text(a, &s->nat_oa_local),
		    addr_text(b, &s->nat_oa_remote));
	lifetime_rows(&s->lifetime, s->established, now);
	if (s->has_replay)
		row("replay", s->replay == 0 ? "window off" : "window of %u packets", s->replay);
	if (s->takeovers != 0)
		row("takeovers", "%u, by gateways of the same address", s->takeovers);
	if (get_be32(s->bundle) != 0)
		row("bundle", "with %s in %08x", s->protocol == SA_ESP ? "AH" : "ESP", get_be32(s->bundle));
	if (get_be32(s->replaces) != 0)
		row("replaces", "in %08x", get_be32(s->replaces));
	row("ike-sa", "%s:%s", hex_put(ike_i, sizeof(ike_i), span_of(s->ike, 8)),
	    hex_put(ike_r, sizeof(ike_r), span_of(s->ike + 8, 8)));
	key_rows((struct key[]){
		{ "enc-in", secret_span(&s->enc_in) },
		{ "auth-in", secret_span(&s->auth_in) },
		{ "enc-out", secret_span(&s->enc_out) },
		{ "auth-out", secret_span(&s->auth_out) },
	}, 4, reveal);
}

static void
delete_rows(const struct sa_del *d)
{
	char spi_i[17], spi_r[17];

	(void)printf("sa-delete\n");
	if (d->has_ike)
		row("ike-sa", "%s:%s", hex_put(spi_i, sizeof(spi_i), span_of(d->ike, 8)),
		    hex_put(spi_r, sizeof(spi_r), span_of(d->ike + 8, 8)));
	if (d->has_protocol)
		row("protocol", "%s", d->protocol == SA_ESP ? "ESP" : "AH");
	if (d->has_spi_in)
		row("spi-in", "%08x", get_be32(d->spi_in));
	if (d->has_spi_out)
		row("spi-out", "%08x", get_be32(d->spi_out));
	if (sa_del_reason(d)[0] != '\0')
		row("reason", "%s", sa_del_reason(d));
}

static void
event_rows(const struct sa_event *e)
{
	char at[CLOCK_TEXT], remote[ENDPOINT_TEXT];

	(void)printf("event\n");
	row("what", "%s, from %s", sa_event_word(e), e->source);
	row("time", "%s", clock_text(at, e->time));
	if (e->has_spi_in)
		row("spi-in", "%08x", get_be32(e->spi_in));
	if (e->sas.len > 0)
		row("sas", "%zu", e->sas.len / SA_TRAFFIC_LEN);
	if (e->has_remote)
		row("remote", "%s", endpoint_text(remote, &e->remote));
	if (e->tun[0] != '\0')
		row("tun", "%s", e->tun);
	if (e->text[0] != '\0')
		row("text", "%s", e->text);
}

static void
count_row(const char *name, const struct sa_count *c)
{
	char last[CLOCK_TEXT];

	row(name, "%llu packets, %llu bytes%s%s", (unsigned long long)c->packets, (unsigned long long)c->bytes,
	    c->last != 0 ? ", the last one at " : "", c->last != 0 ? clock_text(last, c->last) : "");
	for (size_t i = 0; i < c->n_drops; i++)
		row("", "dropped, %s: %llu", c->drops[i].reason, (unsigned long long)c->drops[i].packets);
}

static void
stat_rows(const struct sa_stat *s)
{
	char at[ENDPOINT_TEXT];

	(void)printf("sa-stat %s in %08x out %08x\n", s->protocol == SA_ESP ? "ESP" : "AH", get_be32(s->spi_in),
	    get_be32(s->spi_out));
	if (s->name[0] != '\0')
		row("name", "%s", s->name);
	row("local", "%s", endpoint_text(at, &s->local));
	row("remote", "%s", endpoint_text(at, &s->remote));
	ts_rows("local-ts", s->local_ts, s->n_local_ts);
	ts_rows("remote-ts", s->remote_ts, s->n_remote_ts);
	if (s->mtu != 0)
		row("mtu", "%llu", (unsigned long long)s->mtu);
	if (s->path_mtu != 0)
		row("path-mtu", "%llu", (unsigned long long)s->path_mtu);
	count_row("in", &s->in);
	count_row("out", &s->out);
}

static void
tun_stat_rows(const struct sa_tun_stat *s)
{
	char at[CLOCK_TEXT];

	(void)printf("tun-stat %s\n", s->tun);
	row("time", "%s", clock_text(at, s->time));
	row("since", "%s", clock_text(at, s->since));
	row("mtu", "%llu", (unsigned long long)s->mtu);
	row("child SAs", "%llu", (unsigned long long)s->sas);
	if (s->has_bindings)
		row("bindings", "%llu", (unsigned long long)s->bindings);
	row("fragmented", "%llu", (unsigned long long)s->fragmented);
	row("ICMP errors", "believed %llu, forged %llu", (unsigned long long)s->believed, (unsigned long long)s->forged);
	count_row("in", &s->in);
	count_row("out", &s->out);
}

/* "10.2.0.0/24" */
static char *
net_text(char out[ADDR_TEXT + 4], const struct addr *a, unsigned prefix)
{
	size_t n = strlen(addr_text(out, a));

	if (prefix != 8 * addr_len(a))
		(void)snprintf(out + n, ADDR_TEXT + 4 - n, "/%u", prefix);
	return (out);
}

static void
addr_row(const char *label, const struct addr *a)
{
	char text[ADDR_TEXT];

	if (a->family != 0)
		row(label, "%s", addr_text(text, a));
}

static void
binding_rows(const struct sa_nhrp_binding *b, uint64_t now)
{
	char net[ADDR_TEXT + 4], at[CLOCK_TEXT], rest[48], whole[48];
	bool over = b->expires <= now;

	(void)printf("nhrp-binding %s\n", net_text(net, &b->proto, b->prefix));
	row("kind", "%s%s%s%s%s%s", nhrp_kind_word(b->kind), b->flags.unique ? ", unique" : "",
	    b->flags.router ? ", router" : "", b->flags.authoritative ? ", authoritative" : "",
	    b->flags.nat ? ", NAT" : "", b->flags.used ? ", in use" : "");
	addr_row("via", &b->via);
	addr_row("nbma", &b->nbma);
	addr_row("nat-nbma", &b->nat_nbma);
	addr_row("nhs", &b->nhs);
	if (b->tun[0] != '\0')
		row("tun", "%s", b->tun);
	if (b->mtu != 0)
		row("mtu", "%u", b->mtu);
	if (b->holding == 0)
		row("holding", "0 s: withdrawn");
	else if (b->expires == UINT64_MAX)
		row("holding", "never expires");
	else
		row("holding", over ? "%s; expired %s, %s ago" : "%s; until %s, %s left", span_text(whole, b->holding),
		    clock_text(at, b->expires), span_text(rest, over ? now - b->expires : b->expires - now));
	if (b->source[0] != '\0')
		row("from", "%s", b->source);
}

static void
next_hop_rows(const struct sa_next_hop *h)
{
	char at[ENDPOINT_TEXT], hop[ADDR_TEXT];

	(void)printf("next-hop %s\n", addr_text(hop, &h->hop));
	row("state", "%s, %s", sa_hop_state_word(h->state), sa_hop_flag_word(h->flag));
	if (h->name[0] != '\0')
		row("peer", "%s", h->name);
	if (h->has_remote)
		row("remote", "%s", endpoint_text(at, &h->remote));
	if (h->has_sa)
		row("spi", "in %08x, out %08x", get_be32(h->spi_in), get_be32(h->spi_out));
}

static void
nhrp_event_rows(const struct sa_nhrp_event *e)
{
	char at[CLOCK_TEXT], net[ADDR_TEXT + 4];

	(void)printf("nhrp-event\n");
	row("what", "%s, from %s", e->what, e->source);
	row("time", "%s", clock_text(at, e->time));
	if (e->proto.family != 0)
		row("proto", "%s", net_text(net, &e->proto, e->prefix != 0 ? e->prefix : 8 * (unsigned)addr_len(&e->proto)));
	addr_row("remote", &e->remote);
	addr_row("nhs", &e->nhs);
	if (e->has_code)
		row("code", "%u", e->code);
	if (e->tun[0] != '\0')
		row("tun", "%s", e->tun);
	if (e->text[0] != '\0')
		row("text", "%s", e->text);
}

void
text_record(const struct sa_rec *r, uint64_t now, bool reveal)
{
	switch (r->type) {
	case SA_IKE:
		ike_rows(&r->ike, now, reveal);
		break;
	case SA_CHILD:
		child_rows(&r->child, now, reveal);
		break;
	case SA_DELETE:
		delete_rows(&r->del);
		break;
	case SA_EVENT:
		event_rows(&r->event);
		break;
	case SA_STAT:
		stat_rows(&r->stat);
		break;
	case SA_TUN_STAT:
		tun_stat_rows(&r->tun_stat);
		break;
	case SA_NHRP_BINDING:
		binding_rows(&r->binding, now);
		break;
	case SA_NHRP_EVENT:
		nhrp_event_rows(&r->nhrp_event);
		break;
	case SA_NEXT_HOP:
		next_hop_rows(&r->next_hop);
		break;
	case SA_NONE:
		break;
	}
}

void
text_unknown(struct span raw)
{
	struct item map, k, v;
	size_t off;
	uint64_t i;

	(void)printf("record of an unknown type\n");
	(void)item_get(&map, raw, 0);
	for (i = 0, off = map.next; i < map.n; i++, off = item_skip(raw, k.next)) {
		(void)item_get(&k, raw, off);
		(void)item_get(&v, raw, k.next);
		if (k.kind != ITEM_TEXT || k.bytes.len > 12)
			continue;
		if (v.kind == ITEM_TEXT && !v.indefinite && v.bytes.len < 256)
			row("", "%.*s: %.*s", (int)k.bytes.len, (const char *)k.bytes.p,
			    (int)v.bytes.len, (const char *)v.bytes.p);
		else if (v.kind == ITEM_UINT)
			row("", "%.*s: %llu", (int)k.bytes.len, (const char *)k.bytes.p,
			    (unsigned long long)v.n);
	}
}
