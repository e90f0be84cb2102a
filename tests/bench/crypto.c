/*
 * Bulk crypto alone: nanoseconds of processor time for a packet of BYTES (1404) bytes, for each suite and backend, sealed and
 * opened, alone and in batches:
 *
 *	crypto [BYTES [SUITE...]]	SUITE as in proposals: aes128gcm16 aes256-sha256
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "esp/selftest.h"

#define ROOM	2048
#define TARGET_S 0.03		/* of one measurement; the least of ROUNDS counts */
#define ROUNDS	5

static uint8_t bytes[ESP_BATCH][ROOM], keep[ESP_BATCH][ROOM];

static double
cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9);
}

/* What reading the clock twice adds. */
static double
clock_cost(void)
{
	double least = 1;

	for (int i = 0; i < 1000; i++) {
		double begin = cpu_s(), t = cpu_s() - begin;

		least = t < least ? t : least;
	}
	return (least);
}

/* Seconds a packet; a batch that is opened is put back first, which is not measured. */
static double
once(const struct esp_backend *be, struct esp_backend_ctx *ctx, struct esp_key *key, bool seal, size_t n, size_t len)
{
	struct esp_job jobs[ESP_BATCH];
	double begin, took = 0, clock = clock_cost();
	size_t turns = 0;

	do {
		for (size_t i = 0; i < n; i++) {
			if (!seal)
				memcpy(bytes[i], keep[i], len);
			jobs[i] = (struct esp_job){ .key = key, .p = bytes[i], .len = len };
		}
		begin = cpu_s();
		(seal ? be->seal : be->open)(ctx, jobs, n);
		took += cpu_s() - begin - clock;
		turns++;
		for (size_t i = 0; i < n; i++)
			if (!jobs[i].ok)
				errx(1, "%s: a packet failed", be->name);
	} while (took < TARGET_S);
	return (took / (double)(turns * n));
}

static void
measure(const struct esp_backend *be, const struct esp_suite *s, size_t size)
{
	static const size_t batches[] = { 1, 2, 3, 4, 8, 16, 45, 64 };
	struct esp_backend_ctx *ctx = be->ctx_new(NULL);
	size_t icv = s->integ != NULL ? s->integ->icv_len : s->enc->icv_len, head = (size_t)ESP_HDR + s->enc->iv_len;
	size_t align = s->enc->block > 4 ? s->enc->block : 4, len = head + (size - head - icv) / align * align + icv;
	uint8_t key[64], auth[64];
	struct span e = span_of(key, (size_t)s->enc->key_len + s->enc->salt_len);
	struct span a = span_of(auth, s->integ != NULL ? s->integ->key_len : 0);
	struct esp_key *ks, *ko;

	memset(key, 7, sizeof(key));
	memset(auth, 9, sizeof(auth));
	if (ctx == NULL || (ks = be->key_new(s, e, a, true, NULL)) == NULL || (ko = be->key_new(s, e, a, false, NULL)) == NULL)
		errx(1, "%s: no key", be->name);
	for (size_t b = 0; b < sizeof(batches) / sizeof(batches[0]); b++) {
		double seal = 1, open = 1, t;
		struct esp_job j;

		for (int r = 0; r < ROUNDS; r++) {
			t = once(be, ctx, ks, true, batches[b], len);
			seal = t < seal ? t : seal;
		}
		for (size_t i = 0; i < ESP_BATCH; i++) {
			j = (struct esp_job){ .key = ks, .p = keep[i], .len = len };
			be->seal(ctx, &j, 1);
		}
		for (int r = 0; r < ROUNDS; r++) {
			t = once(be, ctx, ko, false, batches[b], len);
			open = t < open ? t : open;
		}
		printf("  %zu: %.0f/%.0f", batches[b], seal * 1e9, open * 1e9);
		(void)fflush(stdout);
	}
	be->key_free(ks);
	be->key_free(ko);
	be->ctx_free(ctx);
}

int
main(int argc, char *argv[])
{
	static char *usual[] = { "aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes128-sha1", "aes256-sha256", "aes256-sha512",
	    "aes128ctr-sha256", "3des-md5", "null-sha1", "aes128-aesxcbc", NULL };
	size_t size = argc > 1 ? (size_t)atoi(argv[1]) : 1404;
	char **suites = argc > 2 ? argv + 2 : usual;

	if (size < 128 || size > ROOM)
		errx(2, "from 128 to %d bytes", ROOM);
	(void)secret_init();
	printf("ns a packet of %zu bytes, batch: sealed/opened\n", size);
	for (; *suites != NULL; suites++)
		for (size_t i = 0; esp_backends[i] != NULL; i++) {
			struct esp_suite s = { NULL, NULL, false };
			char word[64], *dash;

			(void)snprintf(word, sizeof(word), "%s", *suites);
			if ((dash = strchr(word, '-')) != NULL)
				*dash = '\0';
			s.enc = alg_enc_word(word);
			s.integ = dash != NULL ? alg_integ_word(dash + 1) : NULL;
			if (s.enc == NULL || (s.enc->form != ALG_AEAD && s.integ == NULL))
				errx(2, "%s: no suite", *suites);
			if (!esp_backends[i]->supports(&s))
				continue;
			printf("%-18s%-10s", *suites, esp_backends[i]->name);
			measure(esp_backends[i], &s, size);
			putchar('\n');
		}
	return (0);
}
