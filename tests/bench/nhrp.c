/*
 * A next hop server with N registered clients (2000), simulated by one process without a network: registrations and refreshes
 * a second of processor time, the latency of a resolution that is handed on to the client, and the memory of a registration.
 * Refreshes and resolutions are compared to those of a server with 10 clients.
 *
 *	nhrp [N]
 *
 * prints: N, registrations/s, refreshes/s few and many, us of a resolution at p50 and p99 few and many, bytes of a registration.
 */
#include <stdio.h>
#include <stdlib.h>

#include "nhrp/serve.h"
#include "usage.h"

#define FEW	10
#define ASKS	20000

static struct nhrp_serve serve;
static struct nhrp_node node = { .source = "bench", .tun = "", .nbma = { 4, { 203, 0, 113, 254 }, 0 },
    .proto = { 4, { 10, 255, 255, 254 }, 0 }, .holding = 7200, .id = 1 };
static uint8_t last[NHRP_PACKET_MAX];	/* what the server sent last */
static size_t last_len;
static struct now now = { .ms = 1000, .epoch = 1 };

static void
on_send(void *ctx, const struct addr *to, struct span packet)
{
	(void)ctx, (void)to;
	memcpy(last, packet.p, packet.len);
	last_len = packet.len;
}

static void
on_binding(void *ctx, const struct sa_nhrp_binding *b)
{
	(void)ctx, (void)b;
}

static void
on_event(void *ctx, const struct sa_nhrp_event *e)
{
	(void)ctx, (void)e;
}

/* 10.N.N.0/24 is behind 100.64.N.N. */
static bool
route(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix)
{
	(void)ctx;
	*via = (struct addr){ 4, { 100, 64, dst->b[1], dst->b[2] }, 0 };
	*prefix = 24;
	return (true);
}

static void
give(const struct addr *from, const uint8_t *b, size_t len)
{
	static struct nhrp_in in;

	if (nhrp_node_receive(&node, &in, from, span_of(b, len), now, NULL) != 0)
		exit(1);
	nhrp_serve_receive(&serve, &in, now);
}

/* Addresses of client ${i}. */
static struct addr
at(uint8_t a, uint8_t b, size_t i)
{
	return ((struct addr){ 4, { a, b, (uint8_t)(i >> 8), (uint8_t)i }, 0 });
}

/* Makes the packets of ${n} registrations first; returns the seconds of the server. */
static double
registrations(size_t n)
{
	uint8_t (*b)[128] = calloc(n, sizeof(*b));
	size_t *len = calloc(n, sizeof(*len)), i;
	struct nhrp_packet p;
	double begin;

	if (b == NULL || len == NULL)
		exit(3);
	for (i = 0; i < n; i++) {
		struct nhrp_node c = { .nbma = at(198, 18, i), .proto = at(100, 64, i) };

		nhrp_node_packet(&c, &p, NHRP_REGISTRATION_REQUEST);
		p.id = (uint32_t)i;
		p.dst = node.proto;
		p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 32, .holding = 7200 };
		nhrp_node_records(&p);
		len[i] = nhrp_encode(b[i], sizeof(b[i]), &p);
	}
	begin = cpu_s();
	for (i = 0; i < n; i++) {
		struct addr from = at(198, 18, i);

		give(&from, b[i], len[i]);
	}
	begin = cpu_s() - begin;
	free(b);
	free(len);
	return (begin);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

/* A request of one client for a network behind another, handed on, its reply handed back: us of the server, p50 and p99. */
static void
resolutions(size_t n, double *p50, double *p99)
{
	static double us[ASKS];
	static uint8_t b[256], r[NHRP_PACKET_MAX];
	struct nhrp_packet p;
	size_t i, len, rlen;
	double begin;

	for (i = 0; i < ASKS; i++) {
		size_t from = i % n, to = (i * 7 + 3) % n;
		struct nhrp_node c = { .nbma = at(198, 18, from), .proto = at(100, 64, from) };
		struct addr to_nbma = at(198, 18, to);

		nhrp_node_packet(&c, &p, NHRP_RESOLUTION_REQUEST);
		p.id = (uint32_t)i;
		p.dst = (struct addr){ 4, { 10, (uint8_t)(to >> 8), (uint8_t)to, 1 }, 0 };
		p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = 32, .holding = 7200 };
		nhrp_node_records(&p);
		len = nhrp_encode(b, sizeof(b), &p);
		begin = cpu_s();
		give(&c.nbma, b, len);
		us[i] = cpu_s() - begin;
		if (nhrp_decode(&p, span_of(last, last_len), NULL) != 0 || p.type != NHRP_RESOLUTION_REQUEST)
			exit(1);
		p.type = NHRP_RESOLUTION_REPLY;
		p.cie[0] = (struct nhrp_cie){ .prefix = 24, .holding = 7200, .nbma = to_nbma, .proto = at(100, 64, to) };
		rlen = nhrp_encode(r, sizeof(r), &p);
		begin = cpu_s();
		give(&to_nbma, r, rlen);
		us[i] = (us[i] + cpu_s() - begin) * 1e6;
		if (get_be16(last + 10) == 0 || last[17] != NHRP_RESOLUTION_REPLY)
			exit(1);
	}
	qsort(us, ASKS, sizeof(us[0]), by_value);
	*p50 = us[ASKS / 2];
	*p99 = us[ASKS / 100 * 99];
}

int
main(int argc, char *argv[])
{
	struct nhrp_serve_conf conf = { .salt = 12345, .limit = 1000000, .route = route };
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	double few_refresh, many_first, many_refresh, few50, few99, many50, many99, before;

	if (n < FEW || n > 65536)
		return (2);
	node.sink = (struct nhrp_sink){ on_send, on_binding, on_event, NULL };
	if (nhrp_serve_open(&serve, &node, &conf) != 0)
		return (3);
	(void)registrations(FEW);
	few_refresh = 0;
	for (size_t i = 0; i < n / FEW; i++)
		few_refresh += registrations(FEW);
	resolutions(FEW, &few50, &few99);
	before = rss();
	many_first = registrations(n);
	many_refresh = registrations(n);
	resolutions(n, &many50, &many99);
	(void)printf("%zu %.0f %.0f %.0f %.2f %.2f %.2f %.2f %.0f\n", n, (double)n / many_first, (double)(n - n % FEW) / few_refresh,
	    (double)n / many_refresh, few50, few99, many50, many99, (rss() - before) / (double)(n - FEW));
	nhrp_serve_close(&serve);
	return (0);
}
