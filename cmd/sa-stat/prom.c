/* The report in the text format of Prometheus: all samples of a name follow one another. */
#include <stdio.h>

#include "cli/prom.h"
#include "stat.h"

#define LABELS	512

struct metric {
	const char	*name, *type, *help;
	uint64_t	 (*get)(const struct sa_stat *s, const struct sa_count *c);
	bool		 both;		/* one for each direction */
};

static uint64_t
get_packets(const struct sa_stat *s, const struct sa_count *c)
{
	(void)s;
	return (c->packets);
}

static uint64_t
get_bytes(const struct sa_stat *s, const struct sa_count *c)
{
	(void)s;
	return (c->bytes);
}

static uint64_t
get_last(const struct sa_stat *s, const struct sa_count *c)
{
	(void)s;
	return (c->last);
}

static uint64_t
get_expires(const struct sa_stat *s, const struct sa_count *c)
{
	(void)c;
	return (s->expires);
}

static uint64_t
get_mtu(const struct sa_stat *s, const struct sa_count *c)
{
	(void)c;
	return (s->mtu);
}

static uint64_t
get_path_mtu(const struct sa_stat *s, const struct sa_count *c)
{
	(void)c;
	return (s->path_mtu);
}

static const struct metric metrics[] = {
	{ "sa_packets_total", "counter", "Inner packets of a child SA", get_packets, true },
	{ "sa_bytes_total", "counter", "Bytes of inner packets of a child SA", get_bytes, true },
	{ "sa_last_packet_timestamp_seconds", "gauge", "When the last packet passed, 0: none yet", get_last, true },
	{ "sa_expires_timestamp_seconds", "gauge", "When a child SA expires", get_expires, false },
	{ "sa_mtu_bytes", "gauge", "Longest inner packet that needs no outer fragments, 0: not known", get_mtu, false },
	{ "sa_path_mtu_bytes", "gauge", "MTU of the outer path to the peer, 0: not known", get_path_mtu, false },
};

static void
head(const char *name, const char *type, const char *help)
{
	(void)printf("# HELP esp_tun_%s %s\n# TYPE esp_tun_%s %s\n", name, help, name, type);
}

/* The labels of an SA, and of a direction. */
static void
labels(char out[LABELS], const struct stat_report *r, const struct sa_stat *s)
{
	char spi[9], at[ENDPOINT_TEXT];

	prom_label(out, LABELS, "tun", r->tun.tun, true);
	if (s == NULL)
		return;
	(void)snprintf(spi, sizeof(spi), "%08x", get_be32(s->spi_in));
	prom_label(out, LABELS, "spi_in", spi, false);
	prom_label(out, LABELS, "remote", endpoint_text(at, &s->remote), false);
	if (s->name[0] != '\0')
		prom_label(out, LABELS, "name", s->name, false);
}

static void
sample(const char *name, const char *l, const char *direction, uint64_t v)
{
	if (direction != NULL)
		(void)printf("esp_tun_%s{%s,direction=\"%s\"} %llu\n", name, l, direction, (unsigned long long)v);
	else
		(void)printf("esp_tun_%s{%s} %llu\n", name, l, (unsigned long long)v);
}

static void
drop_samples(const char *name, const char *l, const char *direction, const struct sa_count *c)
{
	char with[LABELS];

	for (size_t i = 0; i < c->n_drops; i++) {
		(void)snprintf(with, sizeof(with), "%s", l);
		prom_label(with, sizeof(with), "reason", c->drops[i].reason, false);
		sample(name, with, direction, c->drops[i].packets);
	}
}

static void
tun_samples(const struct stat_report *r)
{
	const struct sa_tun_stat *t = &r->tun;
	const struct { const char *name, *type, *help; uint64_t v; } gauges[] = {
		{ "child_sas", "gauge", "Child SAs", t->sas },
		{ "mtu_bytes", "gauge", "MTU of the device", t->mtu },
		{ "fragmented_packets_total", "counter", "Packets fragmented before encryption", t->fragmented },
		{ "cut_packets_total", "counter", "Packets from the device that were longer than any packet", t->cut },
		{ "believed_icmp_errors_total", "counter", "ICMP errors about the size of outer packets that were believed", t->believed },
		{ "forged_icmp_errors_total", "counter", "ICMP errors about the size of outer packets that were not believed", t->forged },
		{ "unsent_packets_total", "counter", "Packets that the kernel did not send", t->unsent },
		{ "undelivered_packets_total", "counter", "Packets that the device did not accept", t->unwritten },
		{ "remaps_total", "counter", "NAT mappings of peers that have moved", t->remaps },
	};
	char l[LABELS];

	labels(l, r, NULL);
	head("packets_total", "counter", "Inner packets, also of SAs that have ended");
	sample("packets_total", l, "in", t->in.packets);
	sample("packets_total", l, "out", t->out.packets);
	head("bytes_total", "counter", "Bytes of inner packets, also of SAs that have ended");
	sample("bytes_total", l, "in", t->in.bytes);
	sample("bytes_total", l, "out", t->out.bytes);
	head("dropped_packets_total", "counter", "Packets dropped, by reason");
	drop_samples("dropped_packets_total", l, "in", &t->in);
	drop_samples("dropped_packets_total", l, "out", &t->out);
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		head(gauges[i].name, gauges[i].type, gauges[i].help);
		sample(gauges[i].name, l, NULL, gauges[i].v);
	}
}

void
prom_report(const struct stat_report *r)
{
	struct sa_stat s;
	char l[LABELS];
	size_t i, m;

	tun_samples(r);
	for (m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		head(metrics[m].name, metrics[m].type, metrics[m].help);
		for (i = 0; i < r->n; i++) {
			stat_sa(r, i, &s);
			labels(l, r, &s);
			sample(metrics[m].name, l, metrics[m].both ? "in" : NULL, metrics[m].get(&s, &s.in));
			if (metrics[m].both)
				sample(metrics[m].name, l, "out", metrics[m].get(&s, &s.out));
		}
	}
	head("sa_dropped_packets_total", "counter", "Packets dropped of a child SA, by reason");
	for (i = 0; i < r->n; i++) {
		stat_sa(r, i, &s);
		labels(l, r, &s);
		drop_samples("sa_dropped_packets_total", l, "in", &s.in);
		drop_samples("sa_dropped_packets_total", l, "out", &s.out);
	}
}
