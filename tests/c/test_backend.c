/*
 * A crypto backend that completes jobs out of order, fails some, and hands the array back shuffled: packets of two
 * backends in one batch, sealed and opened, and the window of their SA. Then what transport mode does to a packet.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "esp/flow.h"

/* ---- the mock: libcrypto's work, in a mock's order */

struct esp_backend_ctx {
	struct esp_backend_ctx *real;
	unsigned	 batches, jobs;
};

static uint32_t seed;
static unsigned fail_every;		/* of the jobs, by their number; 0: none */
static int contexts;			/* that are open */

static unsigned
chance(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return ((seed >> 8) % n);
}

static struct esp_backend_ctx *
mock_ctx_new(struct fault *f)
{
	struct esp_backend_ctx *ctx = calloc(1, sizeof(*ctx));

	assert_non_null(ctx);
	ctx->real = esp_backend_ossl.ctx_new(f);
	contexts++;
	return (ctx);
}

static void
mock_ctx_free(struct esp_backend_ctx *ctx)
{
	if (ctx == NULL)
		return;
	esp_backend_ossl.ctx_free(ctx->real);
	free(ctx);
	contexts--;
}

static bool
mock_supports(const struct esp_suite *s)
{
	return (s->enc->form == ALG_AEAD);
}

static struct esp_key *
mock_key_new(const struct esp_suite *s, struct span enc, struct span auth, bool seal, struct fault *f)
{
	return (esp_backend_ossl.key_new(s, enc, auth, seal, f));
}

static void
mock_key_free(struct esp_key *k)
{
	esp_backend_ossl.key_free(k);
}

/* Each job is compared, in the new order of the array. */
static void
work(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n,
    void (*one)(struct esp_backend_ctx *, struct esp_job *, size_t))
{
	struct esp_job t;
	size_t i, j;

	assert_true(n > 0 && n <= ESP_BATCH);
	for (i = n; i-- > 1; ) {
		j = chance((unsigned)i + 1);
		t = jobs[i];
		jobs[i] = jobs[j];
		jobs[j] = t;
	}
	ctx->batches++;
	for (i = 0; i < n; i++) {
		one(ctx->real, &jobs[i], 1);
		if (fail_every != 0 && ++ctx->jobs % fail_every == 0)
			jobs[i].ok = false;
	}
}

static void
mock_seal(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	work(ctx, jobs, n, esp_backend_ossl.seal);
}

static void
mock_open(struct esp_backend_ctx *ctx, struct esp_job *jobs, size_t n)
{
	work(ctx, jobs, n, esp_backend_ossl.open);
}

static const struct esp_backend mock = {
	.name = "mock",
	.ctx_new = mock_ctx_new,
	.ctx_free = mock_ctx_free,
	.supports = mock_supports,
	.key_new = mock_key_new,
	.key_free = mock_key_free,
	.seal = mock_seal,
	.open = mock_open,
};

static const struct esp_backend *const both[] = { &mock, &esp_backend_ossl, NULL };

/* ---- two ends */

static struct sadb *left, *right;
static struct esp_ctx *ctx;
static uint8_t slots[ESP_BATCH][2048];

static int
setup(void **state)
{
	struct sadb_config c = { .sa = { .backends = both, .rand = rand_system, .replay = 64 } };

	(void)state;
	seed = 4711;
	fail_every = 0;
	ctx = esp_ctx_new(both, &rand_system, NULL);
	left = sadb_new(&c, NULL);
	right = sadb_new(&c, NULL);
	return (ctx != NULL && left != NULL && right != NULL ? 0 : -1);
}

static int
teardown(void **state)
{
	(void)state;
	sadb_free(left);
	sadb_free(right);
	esp_ctx_free(ctx);
	return (contexts == 0 ? 0 : -1);
}

static void
key(struct secret *s, size_t n, uint8_t fill)
{
	uint8_t *p = secret_make(s, n);

	assert_non_null(p);
	memset(p, fill, n);
}

/* The SA to 10.N.0.0/24 as ${local} (1 left, 2 right) has it: AES-GCM if ${aead}, else AES-CBC with SHA-1. */
static void
child(struct sa_child *c, uint8_t n, uint8_t local, bool aead)
{
	uint8_t remote = (uint8_t)(3 - local);
	char net[32] = "10.0.0.0/24";

	*c = (struct sa_child){ .use = SA_USE_BOTH, .key_bits = 128, .n_local_ts = 1, .n_remote_ts = 1,
	    .lifetime.expires = UINT64_MAX };
	(void)strcpy(c->encryption, aead ? "aes-gcm-16" : "aes-cbc");
	(void)strcpy(c->integrity, aead ? "" : "hmac-sha1-96");
	put_be32(c->spi_in, 0x1000u * local + n);
	put_be32(c->spi_out, 0x1000u * remote + n);
	c->local.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, local });
	c->remote.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, remote });
	key(&c->enc_in, aead ? 20 : 16, (uint8_t)(n * 4 + local));
	key(&c->enc_out, aead ? 20 : 16, (uint8_t)(n * 4 + remote));
	if (!aead) {
		key(&c->auth_in, 20, (uint8_t)(n * 4 + local));
		key(&c->auth_out, 20, (uint8_t)(n * 4 + remote));
	}
	net[3] = (char)('0' + n);
	assert_int_equal(selector_parse(local == 1 ? &c->local_ts[0] : &c->remote_ts[0], "10.9.0.0/24"), 0);
	assert_int_equal(selector_parse(local == 1 ? &c->remote_ts[0] : &c->local_ts[0], net), 0);
}

static struct esp_pair *
add(struct sadb *db, struct sa_child *c)
{
	struct esp_pair *pair;
	struct fault f;
	bool old;

	if ((pair = sadb_add(db, c, 1, (struct now){0}, &old, &f)) == NULL)
		fail_msg("%s", f.what);
	sa_child_wipe(c);
	return (pair);
}

/* An IPv4 packet of ${len} bytes in slot ${i}, each with bytes of its own. */
static struct pkt
packet(size_t i, const uint8_t src[4], const uint8_t dst[4], uint8_t proto, size_t len)
{
	uint8_t *p = slots[i] + ESP_HEADROOM;

	memset(p, (int)(i + 1), len);
	memcpy(p, "\x45\0\0\0\0\0\0\0\x40", 9);
	put_be16(p + 2, (uint16_t)len);
	p[9] = proto;
	memcpy(p + 12, src, 4);
	memcpy(p + 16, dst, 4);
	return ((struct pkt){ .p = p, .len = len, .buf = slots[i], .cap = sizeof(slots[i]) });
}

static void
test_out_of_order(void **state)
{
	struct pkt k[ESP_BATCH];
	struct sa_child c;

	(void)state;
	for (uint8_t n = 1; n <= 2; n++)
		for (uint8_t local = 1; local <= 2; local++) {
			child(&c, n, local, n == 1);
			(void)add(local == 1 ? left : right, &c);
		}
	assert_ptr_equal(sadb_at(left, 0)->out.xf.be, &mock);
	assert_ptr_equal(sadb_at(left, 1)->out.xf.be, &esp_backend_ossl);
	for (int round = 0; round < 20; round++) {
		/* Runs of several packets for each backend, or a shuffle would change nothing. */
		for (size_t i = 0; i < ESP_BATCH; i++)
			k[i] = packet(i, (const uint8_t[]){ 10, 9, 0, 1 },
			    (const uint8_t[]){ 10, i % 16 < 12 ? 1 : 2, 0, 1 }, 253, 60 + i);
		flow_out(left, ctx, k, ESP_BATCH);
		for (size_t i = 0; i < ESP_BATCH; i++) {
			assert_int_equal(k[i].verdict, ESP_OK);
			/* Numbers are in the order of the packets, whatever the order of the work. */
			if (i > 0 && i % 16 != 0 && i % 16 != 12)
				assert_int_equal(get_be32(k[i].p + 4), get_be32(k[i - 1].p + 4) + 1);
			k[i] = (struct pkt){ .p = k[i].p, .len = k[i].len, .tos = PKT_TOS_NONE };
		}
		k[5].p[k[5].len - 1] ^= 1;	/* ICVs of one packet of each backend */
		k[13].p[k[13].len - 1] ^= 1;
		flow_in(right, ctx, k, ESP_BATCH);
		for (size_t i = 0; i < ESP_BATCH; i++) {
			assert_int_equal(k[i].verdict, i == 5 || i == 13 ? ESP_BAD_ICV : ESP_OK);
			if (k[i].verdict != ESP_OK)
				continue;
			assert_int_equal(k[i].inner_len, 60 + i);
			for (size_t b = 20; b < 60 + i; b++)
				assert_int_equal(k[i].p[b], i + 1);
		}
	}
	assert_int_equal(sadb_at(right, 0)->in.seq, 20 * ESP_BATCH / 16 * 12);
	assert_true(esp_ctx_of(ctx, &mock)->batches > 100);
}

static void
test_failures(void **state)
{
	struct esp_backend_ctx *m = esp_ctx_of(ctx, &mock);
	struct pkt k[ESP_BATCH];
	unsigned sealed = 0, opened = 0;
	struct sa_child c;
	size_t n = 0;

	(void)state;
	for (uint8_t local = 1; local <= 2; local++) {
		child(&c, 1, local, true);
		(void)add(local == 1 ? left : right, &c);
	}
	for (size_t i = 0; i < ESP_BATCH; i++)
		k[i] = packet(i, (const uint8_t[]){ 10, 9, 0, 1 }, (const uint8_t[]){ 10, 1, 0, 1 }, 253, 100);
	fail_every = 5;
	flow_out(left, ctx, k, ESP_BATCH);
	for (size_t i = 0; i < ESP_BATCH; i++) {
		if (k[i].verdict == ESP_FAILED)
			continue;
		assert_int_equal(k[i].verdict, ESP_OK);
		k[n++] = (struct pkt){ .p = k[i].p, .len = k[i].len, .tos = PKT_TOS_NONE };
	}
	sealed = ESP_BATCH - (unsigned)n;
	assert_int_equal(sealed, ESP_BATCH / 5);
	assert_int_equal(esp_sa_drops(&sadb_at(left, 0)->out)[ESP_FAILED], sealed);
	/* What failed to open was not seen: it may come again, and is then new. */
	m->jobs = 0;
	flow_in(right, ctx, k, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(k[i].verdict == (k[i].seen ? ESP_OK : ESP_BAD_ICV));
		opened += k[i].verdict == ESP_OK;
	}
	assert_int_equal(opened, n - n / 5);
	assert_int_equal(esp_sa_drops(&sadb_at(right, 0)->in)[ESP_BAD_ICV], n / 5);
	assert_int_equal(sadb_at(right, 0)->in.count.packets, opened);
}

/* ---- transport mode */

static uint16_t
sum(const uint8_t *ip, size_t len)
{
	uint32_t s = (uint32_t)(len - 20) + ip[9];

	for (size_t i = 12; i + 1 < len; i += 2)
		s += get_be16(ip + i);
	if (len % 2 != 0)
		s += (uint32_t)ip[len - 1] << 8;
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return ((uint16_t)~s);
}

/* Left (10.9.0.1, behind a NAT as 198.51.100.7) to right (192.0.2.2) in UDP; ${oa}: right was told of it. */
static struct pkt
through_nat(uint8_t proto, bool oa, bool checksum)
{
	static const uint8_t inside[4] = { 10, 9, 0, 1 }, outside[4] = { 198, 51, 100, 7 }, to[4] = { 192, 0, 2, 2 };
	size_t at = 20 + (proto == 6 ? 16u : 6u);
	struct sa_child c;
	struct pkt k;

	for (uint8_t local = 1; local <= 2; local++) {
		child(&c, 1, local, true);
		c.mode = SA_TRANSPORT;
		c.encap = SA_ENCAP_UDP;
		c.has_nat_oa = oa && local == 2;
		c.nat_oa_remote = addr_make(4, inside);
		c.nat_oa_local = addr_make(4, to);
		if (local == 2)
			c.remote.at.addr = addr_make(4, outside);
		assert_int_equal(selector_parse(local == 1 ? &c.local_ts[0] : &c.remote_ts[0],
		    local == 1 ? "10.9.0.1" : oa ? "10.9.0.1" : "198.51.100.7"), 0);
		assert_int_equal(selector_parse(local == 1 ? &c.remote_ts[0] : &c.local_ts[0], "192.0.2.2"), 0);
		(void)add(local == 1 ? left : right, &c);
	}
	k = packet(0, inside, to, proto, 61);
	put_be16(k.p + 6, 0);
	put_be16(k.p + at, 0);
	if (checksum)
		put_be16(k.p + at, sum(k.p, 61));
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.verdict, ESP_OK);
	assert_true(k.proto == 17 && k.net == 0);
	k = (struct pkt){ .p = k.p, .len = k.len, .tos = 0, .proto = 17, .remote.addr = addr_make(4, outside),
	    .local.addr = addr_make(4, to) };
	flow_in(right, ctx, &k, 1);
	assert_int_equal(k.verdict, ESP_OK);
	assert_int_equal(k.inner_len, 61);
	/* The addresses of the packet are those of the wire. */
	assert_memory_equal(k.p + 12, outside, 4);
	assert_memory_equal(k.p + 16, to, 4);
	assert_true(k.p[9] == proto && k.p[60] == 1);
	return (k);
}

static void
test_nat_checksums(void **state)
{
	struct pkt k;

	(void)state;
	for (int oa = 0; oa <= 1; oa++)
		for (int sums = 0; sums <= 1; sums++)
			for (int tcp = 0; tcp <= 1; tcp++) {
				if (tcp != 0 && sums == 0)
					continue;	/* TCP always has one */
				(void)teardown(NULL);
				assert_int_equal(setup(NULL), 0);
				k = through_nat(tcp != 0 ? 6 : 17, oa != 0, sums != 0);
				/* RFC 3948, 3.1.2: right for the new addresses, or none where UDP may do without. */
				if (tcp != 0 || (oa != 0 && sums != 0))
					assert_int_equal(sum(k.p, 61), 0);
				else
					assert_int_equal(get_be16(k.p + 26), 0);
			}
}

static void
test_fragments_are_put_together(void **state)
{
	struct sa_child c;
	struct pkt k;

	(void)state;
	child(&c, 1, 1, true);
	c.mode = SA_TRANSPORT;
	(void)add(left, &c);
	k = packet(0, (const uint8_t[]){ 10, 9, 0, 1 }, (const uint8_t[]){ 10, 1, 0, 1 }, 253, 100);
	put_be16(k.p + 6, 0x2000);
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.verdict, ESP_FRAGMENT);
	/* Out of order it is dropped, in order the packet is whole. */
	k = packet(0, (const uint8_t[]){ 10, 9, 0, 1 }, (const uint8_t[]){ 10, 1, 0, 1 }, 253, 100);
	put_be16(k.p + 6, 2);
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.verdict, ESP_FAILED);
	for (uint16_t i = 0; i < 2; i++) {
		k = packet(0, (const uint8_t[]){ 10, 9, 0, 1 }, (const uint8_t[]){ 10, 1, 0, 1 }, 253, 100);
		put_be16(k.p + 6, i == 0 ? 0x2000 : 10);
		flow_out(left, ctx, &k, 1);
	}
	assert_int_equal(k.verdict, ESP_OK);
	assert_int_equal(k.inner_len, 180);
}

int
main(void)
{
#define T(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_out_of_order), T(test_failures), T(test_nat_checksums), T(test_fragments_are_put_together),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
