/* The report as a table. */
#include <stdio.h>

#include "os/clock.h"
#include "stat.h"

/* "12.3k" of units of thousands, in at most 6 characters. */
static const char *
short_number(char out[16], double v)
{
	static const char units[] = " kMGTPE";
	size_t u = 0;

	while (v >= 9999.5 && u + 2 < sizeof(units)) {
		v /= 1000;
		u++;
	}
	(void)snprintf(out, 16, u == 0 ? "%.0f" : "%.1f%c", v, units[u]);
	return (out);
}

static const char *
bits(char out[16], const struct stat_rate *r, double bytes)
{
	return (r->known ? short_number(out, bytes * 8) : "-");
}

static const char *
ago(char out[16], uint64_t now, uint64_t last)
{
	uint64_t s = now > last ? now - last : 0;

	if (last == 0)
		return ("-");
	(void)snprintf(out, 16, s < 600 ? "%llus" : s < 36000 ? "%llum" : "%lluh",
	    (unsigned long long)(s < 600 ? s : s < 36000 ? s / 60 : s / 3600));
	return (out);
}

static void
drops(const char *indent, const char *where, const struct sa_count *c)
{
	if (c->n_drops == 0)
		return;
	(void)printf("%sdropped %s:", indent, where);
	for (size_t i = 0; i < c->n_drops; i++)
		(void)printf("%s %s %llu", i > 0 ? "," : "", c->drops[i].reason, (unsigned long long)c->drops[i].packets);
	(void)printf("\n");
}

static void
networks(const char *name, const struct selector *ts, size_t n)
{
	char text[SELECTOR_TEXT];

	(void)printf("%s", name);
	for (size_t i = 0; i < n; i++)
		(void)printf("%s%s", i > 0 ? ", " : " ", selector_text(text, &ts[i]));
}

static void
tun_lines(const struct stat_report *r, const struct stat_before *b, uint64_t now_ms)
{
	const struct sa_tun_stat *t = &r->tun;
	struct stat_rate rate = stat_rate_tun(b, t, now_ms);
	char since[CLOCK_TEXT], in[16], out[16];

	(void)printf("%s: MTU %llu, ", t->tun, (unsigned long long)t->mtu);
	if (t->has_bindings)
		(void)printf("%llu binding%s", (unsigned long long)t->bindings, t->bindings == 1 ? "" : "s");
	else
		(void)printf("%llu child SA%s, %llu since the start", (unsigned long long)t->sas, t->sas == 1 ? "" : "s",
		    (unsigned long long)t->ever);
	(void)printf(", counted from %s\n", clock_text(since, t->since));
	(void)printf("in %llu packets, %llu bytes; out %llu packets, %llu bytes\n", (unsigned long long)t->in.packets,
	    (unsigned long long)t->in.bytes, (unsigned long long)t->out.packets, (unsigned long long)t->out.bytes);
	if (b->at_ms != 0)
		(void)printf("in %s bit/s, out %s bit/s\n", bits(in, &rate, rate.in), bits(out, &rate, rate.out));
	if ((t->fragmented | t->cut | t->unsent | t->unwritten | t->remaps) != 0)
		(void)printf("fragmented %llu, too long %llu, not sent %llu, not delivered %llu, NAT mappings moved %llu\n",
		    (unsigned long long)t->fragmented, (unsigned long long)t->cut, (unsigned long long)t->unsent,
		    (unsigned long long)t->unwritten, (unsigned long long)t->remaps);
	if ((t->believed | t->forged) != 0)
		(void)printf("ICMP errors about the size of packets: believed %llu, forged %llu\n", (unsigned long long)t->believed,
		    (unsigned long long)t->forged);
	drops("", "inbound", &t->in);
	drops("", "outbound", &t->out);
}

static void
sa_lines(const struct sa_stat *s, const struct stat_before *b, uint64_t now, uint64_t now_ms)
{
	struct stat_rate rate = stat_rate_sa(b, s, now_ms);
	uint64_t last = s->in.last > s->out.last ? s->in.last : s->out.last;
	char at[ENDPOINT_TEXT], n[4][16], rates[2][16], used[16];

	(void)printf("%08x %08x %-3s %-23s %7s %7s %7s %7s %5s %5llu", get_be32(s->spi_in), get_be32(s->spi_out),
	    s->protocol == SA_ESP ? "ESP" : "AH", endpoint_text(at, &s->remote), short_number(n[0], (double)s->in.packets),
	    short_number(n[1], (double)s->in.bytes), short_number(n[2], (double)s->out.packets),
	    short_number(n[3], (double)s->out.bytes), ago(used, now, last), (unsigned long long)s->mtu);
	if (b->at_ms != 0)
		(void)printf(" %8s %8s", bits(rates[0], &rate, rate.in), bits(rates[1], &rate, rate.out));
	networks("\n  ", s->local_ts, s->n_local_ts);
	networks(" to", s->remote_ts, s->n_remote_ts);
	(void)printf("%s%s%s", s->name[0] != '\0' ? ", " : "", s->name, s->use == SA_USE_IN ? ", receives only" : "");
	if (s->path_mtu != 0)
		(void)printf(", path MTU %llu", (unsigned long long)s->path_mtu);
	(void)printf("\n");
	drops("  ", "inbound", &s->in);
	drops("  ", "outbound", &s->out);
}

void
text_report(const struct stat_report *r, const struct stat_before *b, uint64_t now_ms)
{
	struct sa_stat s;

	tun_lines(r, b, now_ms);
	if (r->n > 0)
		(void)printf("\n%-8s %-8s     %-23s %7s %7s %7s %7s %5s %5s%s\n", "SPI in", "SPI out", "peer", "in", "bytes", "out",
		    "bytes", "last", "MTU", b->at_ms != 0 ? "   in b/s  out b/s" : "");
	for (size_t i = 0; i < r->n; i++) {
		stat_sa(r, i, &s);
		sa_lines(&s, b, r->tun.time, now_ms);
	}
}
