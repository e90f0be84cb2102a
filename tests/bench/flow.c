/*
 * The data path without a device and a network: nanoseconds of processor time for a packet of BYTES (1400) bytes through
 * flow_out() and flow_in(), batches of 45, with 1, 100 and 10,000 SAs; what adding and deleting one of them costs; memory.
 *
 *	flow [BYTES [SUITE [SAS]]]	one: all packets through one SA; all: a random one for each packet
 */
#include <err.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp/flow.h"
#include "esp/selftest.h"

#define BATCH	45
#define ROOM	2048
#define TURNS	1000
#define ROUNDS	5

static uint8_t slots[BATCH][ROOM];
static const char *suite = "aes128gcm16";

static double
cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9);
}

static void
key(struct secret *s, size_t n, uint32_t seed)
{
	uint8_t *p = secret_make(s, n);

	if (p == NULL)
		errx(1, "no memory for keys");
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(seed * 31 + i);
}

/* SA ${n} as ${local} (1 left, 2 right) has it: 10.9.0.0/16 to 10.128 + n / 256.n % 256.0/24. */
static void
child(struct sa_child *c, uint32_t n, uint8_t local)
{
	const char *dash = strchr(suite, '-');
	const struct alg_enc *e;
	const struct alg_integ *a = dash != NULL ? alg_integ_word(dash + 1) : NULL;
	uint8_t remote = (uint8_t)(3 - local);
	char word[32], net[32];

	(void)snprintf(word, sizeof(word), "%.*s", dash != NULL ? (int)(dash - suite) : 31, suite);
	if ((e = alg_enc_word(word)) == NULL || (dash != NULL && a == NULL))
		errx(2, "%s: no suite", suite);
	*c = (struct sa_child){ .use = SA_USE_BOTH, .key_bits = e->key_bits, .n_local_ts = 1, .n_remote_ts = 1,
	    .lifetime.expires = UINT64_MAX };
	(void)snprintf(c->encryption, sizeof(c->encryption), "%s", e->name);
	(void)snprintf(c->integrity, sizeof(c->integrity), "%s", a != NULL ? a->name : "");
	put_be32(c->spi_in, 0x1000000u * local + n);
	put_be32(c->spi_out, 0x1000000u * remote + n);
	c->local.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, local });
	c->remote.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, remote });
	key(&c->enc_in, (size_t)e->key_len + e->salt_len, n * 2 + local);
	key(&c->enc_out, (size_t)e->key_len + e->salt_len, n * 2 + remote);
	if (a != NULL) {
		key(&c->auth_in, a->key_len, n * 2 + local);
		key(&c->auth_out, a->key_len, n * 2 + remote);
	}
	(void)snprintf(net, sizeof(net), "10.%u.%u.0/24", 128 + n / 256, n % 256);
	(void)selector_parse(local == 1 ? &c->local_ts[0] : &c->remote_ts[0], "10.9.0.0/16");
	(void)selector_parse(local == 1 ? &c->remote_ts[0] : &c->local_ts[0], net);
}

static struct esp_pair *
add(struct sadb *db, uint32_t n, uint8_t local, double *took)
{
	static struct sa_child c;
	struct esp_pair *pair;
	struct fault f;
	double begin;
	bool old;

	child(&c, n, local);
	begin = cpu_s();
	pair = sadb_add(db, &c, 1, (struct now){0}, &old, &f);
	*took += cpu_s() - begin;
	if (pair == NULL)
		errx(1, "%s", f.what);
	sa_child_wipe(&c);
	return (pair);
}

static void
fill(struct pkt *k, size_t i, uint32_t n, size_t len)
{
	uint8_t *p = slots[i] + ESP_HEADROOM;

	memcpy(p, "\x45\0\0\0\0\1\x40\0\x40\x11\0\0\x0a\x09\0\1\x0a\0\0\1\x12\x34\x43\x21", 24);
	put_be16(p + 2, (uint16_t)len);
	p[17] = (uint8_t)(128 + n / 256);
	p[18] = (uint8_t)n;
	*k = (struct pkt){ .p = p, .len = len, .buf = slots[i], .cap = ROOM, .tos = PKT_TOS_NONE };
}

/* Seconds for a packet, outbound and inbound, over ${n} SAs. */
static void
run(struct sadb *db[2], struct esp_ctx *ctx, uint32_t n, size_t len, double *out, double *in)
{
	struct pkt k[BATCH];
	double a, b, c, so = 0, si = 0;
	uint32_t seed = 1;

	for (int t = 0; t < TURNS; t++) {
		for (size_t i = 0; i < BATCH; i++) {
			seed = seed * 1664525 + 1013904223;
			fill(&k[i], i, (uint32_t)((uint64_t)seed * n >> 32), len);
		}
		a = cpu_s();
		flow_out(db[0], ctx, k, BATCH);
		b = cpu_s();
		for (size_t i = 0; i < BATCH; i++) {
			if (k[i].verdict != ESP_OK)
				errx(1, "out: %s", esp_verdict_text(k[i].verdict));
			k[i] = (struct pkt){ .p = k[i].p, .len = k[i].len, .tos = PKT_TOS_NONE, .buf = slots[i], .cap = ROOM };
		}
		so += b - a;
		b = cpu_s();
		flow_in(db[1], ctx, k, BATCH);
		c = cpu_s();
		si += c - b;
		for (size_t i = 0; i < BATCH; i++)
			if (k[i].verdict != ESP_OK)
				errx(1, "in: %s", esp_verdict_text(k[i].verdict));
	}
	so /= TURNS * BATCH;
	si /= TURNS * BATCH;
	*out = so < *out ? so : *out;
	*in = si < *in ? si : *in;
}

int
main(int argc, char *argv[])
{
	uint32_t many[] = { 1, 100, 10000 };
	size_t kinds = sizeof(many) / sizeof(many[0]);
	struct sadb_config conf = { .mss_mode = SADB_MSS_CLAMP };
	size_t len = argc > 1 ? (size_t)atoi(argv[1]) : 1400;
	struct esp_choice choice;
	struct esp_ctx *ctx;
	struct fault f;

	suite = argc > 2 ? argv[2] : suite;
	if (argc > 3 && (many[0] = (uint32_t)atoi(argv[3])) > 0 && many[0] <= 20000)
		kinds = 1;
	if (len < 28 || len > 1500)
		errx(2, "from 28 to 1500 bytes");
	(void)secret_init();
	if (esp_choose(&choice, esp_backends, getenv("BACKEND"), &f) != 0 || (ctx = esp_ctx_new(choice.list, &rand_system, &f)) == NULL)
		errx(1, "%s", f.what);
	conf.sa = (struct esp_sa_conf){ .backends = choice.list, .rand = rand_system, .replay = 1024 };
	printf("%s, %zu bytes by %s: ns a packet, out and in\n", suite, len, choice.list[0]->name);
	for (size_t m = 0; m < kinds; m++) {
		struct sadb *db[2] = { sadb_new(&conf, &f), sadb_new(&conf, &f) };
		double one[2] = { 1, 1 }, all[2] = { 1, 1 }, joins = 0, last = 0, leaves = 0, begin;
		size_t before;
		struct pkt k;

		if (db[0] == NULL || db[1] == NULL)
			errx(1, "%s", f.what);
		before = mallinfo2().uordblks + mallinfo2().hblkhd;
		for (uint32_t n = 0; n < many[m]; n++) {
			(void)add(db[0], n, 1, &joins);
			(void)add(db[1], n, 2, &joins);
		}
		before = mallinfo2().uordblks + mallinfo2().hblkhd - before;
		for (int r = 0; r < ROUNDS; r++) {
			run(db, ctx, 1, len, &one[0], &one[1]);
			run(db, ctx, many[m], len, &all[0], &all[1]);
		}
		/* One more, the packet after it, and its end: what others wait for. */
		for (uint32_t n = 0; n < 20; n++) {
			struct esp_pair *pair = add(db[0], 20000 + n, 1, &last);

			fill(&k, 0, 0, len);
			begin = cpu_s();
			flow_out(db[0], ctx, &k, 1);
			last += cpu_s() - begin;
			begin = cpu_s();
			sadb_remove(db[0], pair);
			fill(&k, 0, 0, len);
			flow_out(db[0], ctx, &k, 1);
			leaves += cpu_s() - begin;
		}
		printf("%6u SAs  one %.0f/%.0f  all %.0f/%.0f  %zu bytes a pair  add %.1f us, the last with a packet %.1f us, "
		    "remove with a packet %.1f us\n", many[m], one[0] * 1e9, one[1] * 1e9, all[0] * 1e9, all[1] * 1e9,
		    before / (2 * many[m]), joins / (2 * many[m]) * 1e6, last / 20 * 1e6, leaves / 20 * 1e6);
		sadb_free(db[0]);
		sadb_free(db[1]);
	}
	esp_ctx_free(ctx);
	return (0);
}
