/* Two ends in memory: policy, rekeys, deletes, expiry, replays, reservations, loss of batches. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "allocated.h"
#include "classes.h"
#include "esp/flow.h"
#include "esp/open.h"

#define NOW	1000000u
#define UP_MS	50000u		/* the monotonic clock at NOW */

static struct sadb *left, *right;
static struct esp_ctx *ctx;
static uint8_t slots[ESP_BATCH][4096];
static int told[4];		/* by enum sadb_event */
static int reserved_out, reserved_in, refuse;

static int
on_reserve_out(void *arg, struct esp_sa *sa, uint64_t seq)
{
	(void)arg;
	assert_true(seq >= sa->reserved);
	reserved_out++;
	if (refuse)
		return (-1);
	sa->reserved = seq + 10;
	return (0);
}

static int
on_reserve_in(void *arg, struct esp_sa *sa, uint64_t seq)
{
	(void)arg;
	reserved_in++;
	sa->reserved = seq + 10;
	return (0);
}

static void
on_event(void *arg, struct esp_pair *pair, enum sadb_event what)
{
	(void)arg, (void)pair;
	told[what]++;
}

/* ${ms} after NOW, with the wall clock right. */
static struct now
at(uint64_t ms)
{
	return ((struct now){ .ms = UP_MS + ms, .epoch = NOW + ms / 1000, .epoch_us = (uint32_t)(ms % 1000 * 1000) });
}

/* The same, with the wall clock set to another time, ${off} seconds away. */
static struct now
set(uint64_t ms, int64_t off)
{
	struct now t = at(ms);

	t.epoch = (uint64_t)((int64_t)t.epoch + off);
	return (t);
}

static struct sadb *
table(bool hooks)
{
	struct sadb_config c = { .sa = { .backends = esp_backends, .rand = rand_system, .replay = 64 },
	    .mss_mode = SADB_MSS_CLAMP };

	if (hooks)
		c.hooks = (struct sadb_hooks){ NULL, on_reserve_out, on_reserve_in, on_event, NULL };
	return (sadb_new(&c, NULL));
}

static int
setup(void **state)
{
	(void)state;
	left = table(false);
	right = table(false);
	memset(told, 0, sizeof(told));
	reserved_out = reserved_in = refuse = 0;
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	sadb_free(left);
	sadb_free(right);
	left = right = NULL;
	return (0);
}

static void
key(struct secret *s, size_t n, uint8_t fill)
{
	uint8_t *p = secret_make(s, n);

	assert_non_null(p);
	memset(p, fill, n);
}

/* SA number ${n} as ${local} sees it: 1 is left, 2 is right. AES-128-CBC, HMAC-SHA-1-96. */
static void
child(struct sa_child *c, unsigned n, int local, const char *lts, const char *rts)
{
	int remote = 3 - local;

	*c = (struct sa_child){ .use = SA_USE_BOTH, .key_bits = 128, .initiator = local == 1,
	    .n_local_ts = 1, .n_remote_ts = 1, .established = NOW, .lifetime.expires = NOW + 3600 };
	(void)strcpy(c->encryption, "aes-cbc");
	(void)strcpy(c->integrity, "hmac-sha1-96");
	put_be32(c->spi_in, 0x1000u * (unsigned)local + n);
	put_be32(c->spi_out, 0x1000u * (unsigned)remote + n);
	c->local.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, (uint8_t)local });
	c->remote.at.addr = addr_make(4, (const uint8_t[]){ 192, 0, 2, (uint8_t)remote });
	key(&c->enc_in, 16, (uint8_t)(n * 4 + (unsigned)local));
	key(&c->auth_in, 20, (uint8_t)(n * 4 + (unsigned)local));
	key(&c->enc_out, 16, (uint8_t)(n * 4 + (unsigned)remote));
	key(&c->auth_out, 20, (uint8_t)(n * 4 + (unsigned)remote));
	assert_int_equal(selector_parse(&c->local_ts[0], local == 1 ? lts : rts), 0);
	assert_int_equal(selector_parse(&c->remote_ts[0], local == 1 ? rts : lts), 0);
}

/* ... with AES-128-GCM instead. */
static void
gcm(struct sa_child *c)
{
	uint8_t salted[20] = {0};

	(void)strcpy(c->encryption, "aes-gcm-16");
	c->integrity[0] = '\0';
	assert_int_equal(secret_set(&c->enc_in, SPAN_ARRAY(salted)), 0);
	assert_int_equal(secret_set(&c->enc_out, SPAN_ARRAY(salted)), 0);
	secret_free(&c->auth_in);
	secret_free(&c->auth_out);
}

static struct esp_pair *
add(struct sadb *db, struct sa_child *c)
{
	struct esp_pair *sa;
	struct fault f;
	bool old;

	if ((sa = sadb_add(db, c, 1, at(0), &old, &f)) == NULL)
		fail_msg("%s", f.what);
	sa_child_wipe(c);
	return (sa);
}

static void
both(unsigned n, const char *lts, const char *rts)
{
	struct sa_child c;

	child(&c, n, 1, lts, rts);
	(void)add(left, &c);
	child(&c, n, 2, lts, rts);
	(void)add(right, &c);
}

/* A UDP packet in slot ${i}, ready for flow_out(). */
static struct pkt
udp(size_t i, const char *from, const char *to, uint16_t port, size_t len)
{
	uint8_t *p = slots[i] + ESP_HEADROOM;
	struct addr a, b;

	assert_true(addr_parse(&a, from) == 0 && addr_parse(&b, to) == 0);
	memset(p, 0x5a, len);
	p[0] = 0x45;
	p[1] = 0;
	put_be16(p + 2, (uint16_t)len);
	put_be32(p + 4, 0);
	p[9] = 17;
	memcpy(p + 12, a.b, 4);
	memcpy(p + 16, b.b, 4);
	put_be16(p + 20, port);
	put_be16(p + 22, port);
	return ((struct pkt){ .p = p, .len = len, .buf = slots[i], .cap = sizeof(slots[i]) });
}

/* One packet left to right; the verdict of whoever stopped it. */
static enum esp_verdict
across(const char *from, const char *to, uint16_t port)
{
	struct pkt k = udp(0, from, to, port, 100), r;

	flow_out(left, ctx, &k, 1);
	if (k.verdict != ESP_OK)
		return (k.verdict);
	r = (struct pkt){ .p = k.p, .len = k.len, .tos = PKT_TOS_NONE };
	flow_in(right, ctx, &r, 1);
	if (r.verdict == ESP_OK) {
		assert_int_equal(r.inner_len, 100);
		assert_int_equal(r.p[99], 0x5a);
	}
	return (r.verdict);
}

static void
test_policy(void **state)
{
	struct sa_child c;

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(across("10.1.1.1", "10.2.0.1", 7), ESP_POLICY);
	assert_int_equal(across("10.1.0.1", "10.2.1.1", 7), ESP_POLICY);
	assert_int_equal(across("10.1.0.1", "224.0.0.22", 7), ESP_LINK_LOCAL);
	/* Left lets more through than right wants: right checks for itself. */
	child(&c, 2, 1, "10.0.0.0/8", "10.0.0.0/8");
	(void)add(left, &c);
	child(&c, 2, 2, "10.1.0.0/24", "10.2.0.0/24");
	(void)add(right, &c);
	assert_int_equal(across("10.9.0.1", "10.2.0.1", 7), ESP_POLICY);
	assert_int_equal(across("10.1.0.1", "10.9.0.1", 7), ESP_POLICY);
	assert_int_equal(esp_sa_drops(&sadb_at(right, 1)->in)[ESP_POLICY], 2);
	/* Both know it, each in its own words: one SA's packets are not the other's. */
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(sadb_at(right, 0)->in.count.packets, 2);
}

static void
test_ports_and_fragments(void **state)
{
	struct sa_child c;
	struct pkt k;
	enum esp_verdict why;
	struct inner in;

	(void)state;
	for (int local = 1; local <= 2; local++) {
		child(&c, 1, local, "10.1.0.0/24", "10.2.0.0/24");
		c.local_ts[0].proto = c.remote_ts[0].proto = 17;
		if (local == 1)
			c.remote_ts[0].port = c.remote_ts[0].port_end = 53;
		else
			c.local_ts[0].port = c.local_ts[0].port_end = 53;
		(void)add(local == 1 ? left : right, &c);
	}
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 53), ESP_OK);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 54), ESP_POLICY);
	/* A later fragment follows its first one, and only that. */
	k = udp(0, "10.1.0.1", "10.2.0.1", 53, 100);
	put_be16(k.p + 4, 777);
	put_be16(k.p + 6, 0x0010);
	assert_int_equal(inner_parse(&in, k.p, 100), 0);
	assert_null(sadb_by_packet(left, &in, NULL, &why));
	assert_int_equal(why, ESP_POLICY);
	assert_false(sadb_admits(left, &sadb_at(left, 0)->in, &in));
	put_be16(k.p + 6, 0x2000);
	assert_int_equal(inner_parse(&in, k.p, 100), 0);
	assert_non_null(sadb_by_packet(left, &in, NULL, &why));
	put_be16(k.p + 6, 0x0010);
	assert_int_equal(inner_parse(&in, k.p, 100), 0);
	assert_non_null(sadb_by_packet(left, &in, NULL, &why));
	put_be16(k.p + 4, 778);
	assert_int_equal(inner_parse(&in, k.p, 100), 0);
	assert_null(sadb_by_packet(left, &in, NULL, &why));
	/* Outbound memory admits nothing inbound. */
	put_be16(k.p + 4, 777);
	assert_int_equal(inner_parse(&in, k.p, 100), 0);
	assert_false(sadb_admits(left, &sadb_at(left, 0)->in, &in));
}

static void
test_narrow_before_wide(void **state)
{
	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	both(2, "10.1.0.0/24", "10.0.0.0/8");	/* newer, and wider */
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(across("10.1.0.1", "10.3.0.1", 7), ESP_OK);
	assert_int_equal(sadb_at(left, 0)->out.count.packets, 1);
	assert_int_equal(sadb_at(left, 1)->out.count.packets, 1);
}

static void
test_rekey(void **state)
{
	struct sa_del d = { .has_spi_in = true };
	struct sa_child c;
	struct esp_pair *sa;
	bool old;

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	/* The new one may only receive at first. */
	child(&c, 2, 1, "10.1.0.0/24", "10.2.0.0/24");
	c.use = SA_USE_IN;
	(void)add(left, &c);
	child(&c, 2, 2, "10.1.0.0/24", "10.2.0.0/24");
	(void)add(right, &c);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(sadb_at(left, 0)->out.count.packets, 2);
	assert_int_equal(sadb_at(left, 1)->out.count.packets, 0);
	/* Then it may send; the newest one does. Its counters continue when its record arrives again. */
	child(&c, 2, 1, "10.1.0.0/24", "10.2.0.0/24");
	sa = sadb_add(left, &c, 1, at(0), &old, NULL);
	assert_true(old && sa == sadb_at(left, 1));
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(sa->out.seq, 1);
	assert_ptr_equal(sadb_add(left, &c, 1, at(0), &old, NULL), sa);
	assert_int_equal(sa->out.seq, 1);
	sa_child_wipe(&c);
	/* Deleted, the old one still receives for a moment, as there is an heir. */
	put_be32(d.spi_in, 0x2001);
	assert_int_equal(sadb_delete(right, &d, 2, at(0)), 0);	/* another source's word */
	assert_int_equal(sadb_delete(right, &d, 1, at(0)), 1);
	assert_int_equal(sadb_count(right), 2);
	assert_int_equal(sadb_next_expiry_ms(right), UP_MS + SADB_LINGER_MS);
	assert_int_equal(sadb_delete(right, &d, 1, at(0)), 0);
	assert_int_equal(sadb_expire(right, at(SADB_LINGER_MS)), 1);
	/* The last one goes at once. */
	put_be32(d.spi_in, 0x2002);
	assert_int_equal(sadb_delete(right, &d, 1, at(0)), 1);
	assert_int_equal(sadb_count(right), 0);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_UNKNOWN_SPI);
	/* A delete that names only the IKE SA deletes no child SA. */
	d = (struct sa_del){ .has_ike = true };
	assert_int_equal(sadb_delete(left, &d, 1, at(0)), 0);
	d = (struct sa_del){ .has_spi_out = true };
	put_be32(d.spi_out, 0x2002);
	assert_int_equal(sadb_delete(left, &d, 1, at(0)), 1);
}

static void
test_only_inbound(void **state)
{
	struct sa_child c;

	(void)state;
	child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");
	c.use = SA_USE_IN;
	(void)add(left, &c);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_NO_SA);
}

static void
refused(struct sa_child *c, enum fault_code code, const char *word)
{
	struct fault f = {0};
	bool old;

	assert_null(sadb_add(left, c, 1, at(0), &old, &f));
	assert_int_equal(f.code, code);
	if (strstr(f.what, word) == NULL)
		fail_msg("\"%s\" without \"%s\"", f.what, word);
	sa_child_wipe(c);
}

static void
test_refusals(void **state)
{
	struct sa_child c;
	struct fault f;
	bool old;

	(void)state;
#define CASE(code, word, ...) do {				\
	child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");		\
	__VA_ARGS__;						\
	refused(&c, code, word);				\
} while (0)
	CASE(FAULT_CONFIG, "AH", c.protocol = SA_AH; c.encap = SA_ENCAP_UDP);
	CASE(FAULT_CONFIG, "AH without", c.protocol = SA_AH; c.integrity[0] = '\0');
	CASE(FAULT_CONFIG, "AH", c.protocol = SA_AH; c.encap = SA_ENCAP_TCP);
	CASE(FAULT_CONFIG, "aes-xxx", (void)strcpy(c.encryption, "aes-xxx"));
	CASE(FAULT_CONFIG, "hmac-xxx", (void)strcpy(c.integrity, "hmac-xxx"));
	CASE(FAULT_CONFIG, "77", c.key_bits = 77);
	CASE(FAULT_CONFIG, "without integrity", c.integrity[0] = '\0'; secret_free(&c.auth_in);
	    secret_free(&c.auth_out));
	CASE(FAULT_CONFIG, "too much", (void)strcpy(c.encryption, "aes-gcm-16"));
	CASE(FAULT_CONFIG, "16 bytes", key(&c.enc_out, 15, 1));
	assert_int_equal(sadb_count(left), 0);
	child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");
	(void)add(left, &c);
	CASE(FAULT_BAD_RECORD, "other keys", c.enc_out.p[3] ^= 1);
	CASE(FAULT_BAD_RECORD, "other keys", c.spi_out[0] ^= 1);
	CASE(FAULT_BAD_RECORD, "other keys", c.esn = true);
#undef CASE
	child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");
	assert_null(sadb_add(left, &c, 2, at(0), &old, &f));
	assert_int_equal(f.code, FAULT_BAD_RECORD);
	sa_child_wipe(&c);
	assert_int_equal(sadb_count(left), 1);
	/* The same SPI at another address of ours is another SA. */
	child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");
	c.local.at.addr.b[3] = 9;
	c.enc_out.p[0] ^= 1;
	(void)add(left, &c);
	assert_int_equal(sadb_count(left), 2);
}

/* The verdict of right on ${len} bytes of a packet; ${seq}, if not 0, is put in place of its number. */
static unsigned
again(const uint8_t *p, size_t len, uint32_t seq, struct pkt *r)
{
	memcpy(slots[10], p, len);
	if (seq != 0)
		put_be32(slots[10] + 4, seq);
	*r = (struct pkt){ .p = slots[10], .len = len, .tos = PKT_TOS_NONE };
	flow_in(right, ctx, r, 1);
	return (r->verdict);
}

static void
test_replays(void **state)
{
	struct pkt k[4], r;
	uint8_t copy[4][256];

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	for (size_t i = 0; i < 4; i++)
		k[i] = udp(i, "10.1.0.1", "10.2.0.1", 7, 100);
	flow_out(left, ctx, k, 4);
	for (size_t i = 0; i < 4; i++)
		memcpy(copy[i], k[i].p, k[i].len);
	/* Twice the same in one batch, then again. */
	struct pkt b[3] = { { .p = slots[10], .len = k[3].len, .tos = PKT_TOS_NONE },
	    { .p = slots[11], .len = k[3].len, .tos = PKT_TOS_NONE },
	    { .p = slots[12], .len = k[3].len, .tos = PKT_TOS_NONE } };
	memcpy(slots[10], copy[3], 200);
	memcpy(slots[11], copy[3], 200);
	memcpy(slots[12], copy[0], 200);
	flow_in(right, ctx, b, 3);
	assert_true(b[0].verdict == ESP_OK && b[0].newest);
	assert_int_equal(b[1].verdict, ESP_REPLAY);
	assert_true(b[2].verdict == ESP_OK && b[2].seen && !b[2].newest);
	assert_int_equal(again(copy[0], k[3].len, 0, &r), ESP_REPLAY);
	/* A forged number moves no window. */
	assert_int_equal(again(copy[1], k[3].len, 100000, &r), ESP_BAD_ICV);
	assert_false(r.seen);
	assert_int_equal(again(copy[1], k[3].len, 0, &r), ESP_OK);
	/* Garbage of every length. */
	for (size_t n = 0; n < 200; n++) {
		memset(slots[10], 0xa5, 200);
		put_be32(slots[10], 0x2001);
		put_be32(slots[10] + 4, 50);
		r = (struct pkt){ .p = slots[10], .len = n, .tos = PKT_TOS_NONE };
		flow_in(right, ctx, &r, 1);
		assert_true(r.verdict == ESP_SHORT || r.verdict == ESP_BAD_ICV);
	}
}

/* With many SAs a batch is looked at before it is routed: each packet still gets its own SA, the first time and again. */
static void
test_expected(void **state)
{
	enum { MANY = FLOW_FEW + 40, BATCH = 32, BAD = 7 };
	struct esp_sa *gone = NULL;
	struct pkt k[BATCH];
	char net[64];

	(void)state;
	for (unsigned n = 0; n < MANY; n++) {
		(void)snprintf(net, sizeof(net), "10.2.%u.%u", n / 256, n % 256);
		both(n, "10.1.0.0/24", net);
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned from = 0; from + BATCH <= MANY; from += BATCH) {
			for (unsigned i = 0; i < BATCH; i++) {
				unsigned n = (from + i) * 5 % MANY;

				(void)snprintf(net, sizeof(net), "10.2.%u.%u", n / 256, n % 256);
				k[i] = udp(i, "10.1.0.1", net, 7, 100);
			}
			k[BAD].p[0] = 0;
			flow_out(left, ctx, k, BATCH);
			for (unsigned i = 0; i < BATCH; i++) {
				bool none = round == 2 && (from + i) * 5 % MANY == 10;

				assert_int_equal(k[i].verdict, i == BAD ? ESP_SHORT : none ? ESP_POLICY : ESP_OK);
				if (k[i].verdict == ESP_OK)
					assert_int_equal(get_be32(k[i].sa->spi), 0x2000 + (from + i) * 5 % MANY);
			}
		}
		/* What was remembered of packets of SA 10 leads nowhere. */
		if (round == 1) {
			put_be32(slots[0], 0x100a);
			assert_non_null(gone = sadb_by_spi(left, SA_ESP, slots[0], NULL));
			sadb_remove(left, gone->pair);
		}
	}
}

/* What a peer that has the keys may still get wrong: not IP, other version, dummies, padding. */
static void
test_inside(void **state)
{
	struct esp_sa *sa;
	struct pkt r;
	static const struct { uint8_t first, next; size_t len; enum esp_verdict want; } cases[] = {
		{ 0x45, 4, 100, ESP_OK }, { 0x45, 41, 100, ESP_SHORT }, { 0x65, 4, 100, ESP_SHORT },
		{ 0x45, 59, 100, ESP_DUMMY }, { 0x45, 6, 100, ESP_POLICY }, { 0x45, 4, 140, ESP_OK },
		{ 0x45, 4, 99, ESP_SHORT }, { 0x41, 4, 100, ESP_SHORT }, { 0x45, 4, 0, ESP_SHORT },
	};

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	sa = &sadb_at(left, 0)->out;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pkt k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100);
		struct inner in = { .len = cases[i].len, .proto = cases[i].next };

		/* In transport mode the next header is the sender's choice. */
		sa->mode = SA_TRANSPORT;
		k.sa = sa;
		k.p[0] = cases[i].first;
		esp_number(&k);
		esp_seal(ctx, &k, &in, 1);
		assert_int_equal(k.verdict, ESP_OK);
		r = (struct pkt){ .p = k.p, .len = k.len, .tos = PKT_TOS_NONE };
		flow_in(right, ctx, &r, 1);
		if (r.verdict != cases[i].want)
			fail_msg("case %zu: %s", i, esp_verdict_text(r.verdict));
		assert_true(r.seen);
		if (r.verdict == ESP_OK)
			assert_int_equal(r.inner_len, 100);
	}
}

/* A packet of left's with the number ${seq}, sealed with its keys as no sender should; right's verdict. */
static enum esp_verdict
numbered(uint64_t seq)
{
	struct pkt k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100), r;
	struct inner in;

	assert_int_equal(inner_parse(&in, k.p, k.len), 0);
	k.sa = &sadb_at(left, 0)->out;
	k.seq = seq;
	esp_seal(ctx, &k, &in, 1);
	assert_int_equal(k.verdict, ESP_OK);
	r = (struct pkt){ .p = k.p, .len = k.len, .tos = PKT_TOS_NONE };
	flow_in(right, ctx, &r, 1);
	return (r.verdict);
}

/* RFC 4303, 3.3.3: without extended numbers, 2^32 is not 0 again. */
static void
test_zero_and_wrap(void **state)
{
	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	assert_int_equal(numbered(0), ESP_REPLAY);
	assert_int_equal(numbered(1), ESP_OK);
	assert_int_equal(numbered(UINT32_MAX), ESP_OK);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(numbered((UINT64_C(1) << 32) + i), ESP_REPLAY);
	assert_int_equal(numbered(UINT32_MAX), ESP_REPLAY);
}

static void
test_truncated_icv(void **state)
{
	struct pkt k, r;
	uint8_t copy[256];

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100);
	flow_out(left, ctx, &k, 1);
	assert_true(k.verdict == ESP_OK && k.len <= sizeof(copy));
	memcpy(copy, k.p, k.len);
	for (size_t n = 0; n < k.len; n++) {
		assert_true(again(copy, n, 0, &r) == ESP_BAD_ICV || r.verdict == ESP_SHORT);
		assert_false(r.seen);
	}
	assert_int_equal(again(copy, k.len, 0, &r), ESP_OK);
}

/* Real ciphertext under other SPIs: nothing is kept of them, and the SA works on. */
static void
test_spi_spray(void **state)
{
	struct pkt k, r;
	uint8_t copy[256];

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100);
	flow_out(left, ctx, &k, 1);
	assert_true(k.verdict == ESP_OK && k.len <= sizeof(copy));
	memcpy(copy, k.p, k.len);
	for (uint32_t spi = 0; spi < 0x4000; spi++) {
		if (spi == 0x2001)
			continue;
		put_be32(copy, spi);
		assert_int_equal(again(copy, k.len, 0, &r), ESP_UNKNOWN_SPI);
		assert_false(r.seen);
	}
	assert_int_equal(sadb_count(right), 1);
	assert_int_equal(sadb_at(right, 0)->in.count.packets, 0);
	put_be32(copy, 0x2001);
	assert_int_equal(again(copy, k.len, 0, &r), ESP_OK);
}

static void
test_volume_and_numbers(void **state)
{
	struct sa_del d = { .has_spi_in = true };
	struct sa_child c;
	struct esp_pair *sa;
	enum esp_verdict v;
	int n = 0;

	(void)state;
	sadb_free(left);
	left = table(true);
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	child(&c, 2, 1, "10.1.0.0/24", "10.3.0.0/24");
	c.lifetime.kilobytes = 4;
	sa = add(left, &c);
	while ((v = across("10.1.0.1", "10.3.0.1", 7)) == ESP_UNKNOWN_SPI && n++ < 100)
		if (n == 32)
			assert_int_equal(told[SADB_SOFT], 0);	/* 80 % of 4096 is 32 of 100 */
	assert_int_equal(n, 40);
	assert_int_equal(v, ESP_EXPIRED);
	assert_int_equal(told[SADB_SOFT], 1);
	assert_int_equal(told[SADB_HARD], 1);
	assert_int_equal(across("10.1.0.1", "10.3.0.1", 7), ESP_EXPIRED);
	assert_int_equal(told[SADB_HARD], 1);
	/* It lingers, so that packets wait for a new one rather than meet a policy without it; a delete does not change that. */
	assert_int_equal(sadb_next_expiry_ms(left), 1);
	assert_int_equal(sadb_expire(left, at(0)), 2);
	assert_int_equal(sadb_next_expiry_ms(left), UP_MS + SADB_SPENT_MS);
	put_be32(d.spi_in, get_be32(sa->in.spi));
	assert_int_equal(sadb_delete(left, &d, 1, at(0)), 0);
	assert_int_equal(across("10.1.0.1", "10.3.0.1", 7), ESP_EXPIRED);
	assert_int_equal(told[SADB_EXPIRED], 0);
	assert_int_equal(sadb_expire(left, at(SADB_SPENT_MS)), 1);
	assert_int_equal(told[SADB_GONE], 1);
	assert_int_equal(across("10.1.0.1", "10.3.0.1", 7), ESP_POLICY);
	/* Blocks of ten numbers: asked once each; refused, nothing is sent. */
	sa = sadb_at(left, 0);
	reserved_out = 0;
	for (int i = 0; i < 25; i++)
		assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(reserved_out, 3);
	refuse = 1;
	for (int i = 0; i < 5; i++)
		assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_FAILED);
	assert_int_equal(sa->out.seq, 30);
	refuse = 0;
	/* The last number of 32 bits is not passed. */
	sa->out.seq = UINT32_MAX - 3;
	told[SADB_SOFT] = 0;
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_EXHAUSTED);
	assert_int_equal(told[SADB_SOFT], 1);
}

/*
 * A super-packet of ${n} segments of 100 bytes, as the data path sends it: one look-up, and another where that SA may send no
 * more. Returns how many went, the last one with the verdict ${*v}.
 */
static int
segments(int n, enum esp_verdict *v, struct pkt *k)
{
	struct inner in;
	int done = 0;

	*k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100);
	if ((*v = flow_route(left, k, &in)) != ESP_OK)
		return (0);
	while (done < n) {
		if ((*v = flow_number(left, k, false)) == ESP_OK)
			done++;
		else if (flow_again(left, k, &in, *v) != ESP_OK)
			break;
	}
	return (done);
}

/* The volume, or the numbers, of an SA end in the middle of a super-packet: the rest goes on another one. */
static void
test_cut_between_sas(void **state)
{
	struct esp_pair *old, *young, *fresh;
	struct sa_child c;
	enum esp_verdict v;
	struct pkt k;

	(void)state;
	sadb_free(left);
	left = table(true);
	child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");
	c.lifetime.kilobytes = 2;	/* 20 packets */
	old = add(left, &c);
	child(&c, 2, 1, "10.1.0.0/24", "10.2.0.0/24");
	c.lifetime.kilobytes = 1;	/* 10 packets */
	young = add(left, &c);
	assert_int_equal(segments(16, &v, &k), 16);
	assert_int_equal(v, ESP_OK);
	assert_int_equal(young->out.count.packets, 10);
	assert_int_equal(old->out.count.packets, 6);
	assert_ptr_equal(k.sa, &old->out);
	/* No other one: the rest is left to the owner, with the verdict that lets it wait. */
	assert_int_equal(segments(20, &v, &k), 14);
	assert_true(v == ESP_EXPIRED && flow_waits(v));
	assert_int_equal(told[SADB_HARD], 2);
	assert_int_equal(segments(20, &v, &k), 0);
	assert_int_equal(v, ESP_EXPIRED);
	/* It comes, first of all to receive only. */
	child(&c, 3, 1, "10.1.0.0/24", "10.2.0.0/24");
	c.use = SA_USE_IN;
	(void)add(left, &c);
	assert_int_equal(segments(6, &v, &k), 0);
	assert_int_equal(v, ESP_EXPIRED);
	child(&c, 3, 1, "10.1.0.0/24", "10.2.0.0/24");
	fresh = add(left, &c);
	assert_int_equal(segments(6, &v, &k), 6);
	assert_int_equal(fresh->out.count.packets, 6);
	/* The same for the last number. */
	child(&c, 4, 1, "10.1.0.0/24", "10.2.0.0/24");
	young = add(left, &c);
	young->out.seq = UINT32_MAX - 4;
	assert_int_equal(segments(10, &v, &k), 10);
	assert_int_equal(v, ESP_OK);
	assert_true(esp_sa_exhausted(&young->out) && young->out.seq <= UINT32_MAX);
	assert_ptr_equal(k.sa, &fresh->out);
	assert_true(fresh->out.count.packets > 6);
	/* What else stops a packet is no reason to look for another SA. */
	assert_int_equal(flow_again(left, &k, &(struct inner){0}, ESP_FAILED), ESP_FAILED);
	assert_int_equal(flow_again(left, &k, &(struct inner){0}, ESP_TOO_BIG), ESP_TOO_BIG);
}

static void
test_reserve_in(void **state)
{
	(void)state;
	sadb_free(right);
	right = table(true);
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	for (int i = 0; i < 25; i++)
		assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_OK);
	assert_int_equal(reserved_in, 3);
}

static void
test_expiry(void **state)
{
	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	assert_int_equal(sadb_next_expiry_ms(left), UP_MS + 3600000);
	assert_int_equal(sadb_expire(left, at(3599999)), 1);
	assert_int_equal(sadb_expire(left, at(3600000)), 0);
	assert_true(sadb_next_expiry_ms(left) == UINT64_MAX);
	assert_int_equal(across("10.1.0.1", "10.2.0.1", 7), ESP_POLICY);
}

/* The wall clock is set while an SA lives: neither its end nor the choice among SAs changes. */
static void
test_clock_jumps(void **state)
{
	static const int64_t jumps[] = { 7200, -7200, 400 * 86400, -(int64_t)NOW };
	struct esp_pair *old, *new;
	struct sa_child c;
	struct fault f;
	bool known;

	(void)state;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		sadb_free(left);
		left = table(true);
		told[SADB_EXPIRED] = 0;
		child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");
		assert_non_null(old = sadb_add(left, &c, 1, at(0), &known, &f));
		assert_int_equal(sadb_expire(left, set(1000, jumps[i])), 1);
		/* Its record comes again, with the dates that it had. */
		assert_ptr_equal(sadb_add(left, &c, 1, set(2000, jumps[i]), &known, &f), old);
		assert_int_equal(sadb_next_expiry_ms(left), UP_MS + 3600000);
		sa_child_wipe(&c);
		/* A rekey has dates of the clock as it is now; the new SA is the newer one all the same. */
		child(&c, 2, 1, "10.1.0.0/24", "10.2.0.0/24");
		c.established = set(3000, jumps[i]).epoch;
		c.lifetime.expires = c.established + 3600;
		assert_non_null(new = sadb_add(left, &c, 1, set(3000, jumps[i]), &known, &f));
		sa_child_wipe(&c);
		(void)across("10.1.0.1", "10.2.0.1", 7);
		assert_int_equal(old->out.count.packets, 0);
		assert_int_equal(new->out.count.packets, 1);
		/* The old one ends in its time, and as the new one carries its traffic that is not an event. */
		assert_int_equal(sadb_expire(left, set(3599999, jumps[i])), 2);
		assert_int_equal(sadb_expire(left, set(3600000, jumps[i])), 1);
		assert_int_equal(told[SADB_EXPIRED], 0);
		assert_int_equal(sadb_expire(left, set(3602999, jumps[i])), 1);
		assert_int_equal(sadb_expire(left, set(3603000, jumps[i])), 0);
		assert_int_equal(told[SADB_EXPIRED], 1);
	}
}

/* Two SAs of the same second, while the two clocks are read a moment apart. */
static void
test_same_second(void **state)
{
	struct esp_pair *old, *new;
	struct now now;
	struct sa_child c;
	struct fault f;
	bool known;

	(void)state;
	child(&c, 1, 1, "10.1.0.0/24", "10.2.0.0/24");
	assert_non_null(old = sadb_add(left, &c, 1, at(100), &known, &f));
	sa_child_wipe(&c);
	child(&c, 2, 1, "10.1.0.0/24", "10.2.0.0/24");
	now = at(300);
	now.epoch_us += 1000;
	assert_non_null(new = sadb_add(left, &c, 1, now, &known, &f));
	sa_child_wipe(&c);
	(void)across("10.1.0.1", "10.2.0.1", 7);
	assert_int_equal(old->out.count.packets, 0);
	assert_int_equal(new->out.count.packets, 1);
}

static void
test_too_big(void **state)
{
	struct inner in;
	struct pkt k;

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	sadb_at(left, 0)->out.mtu = 1400;
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 1401);
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.verdict, ESP_OK);		/* may be fragmented outside */
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 1401);
	put_be16(k.p + 6, 0x4000);
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.verdict, ESP_TOO_BIG);
	assert_int_equal(k.fit, 1400);
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 1400);
	put_be16(k.p + 6, 0x4000);
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.verdict, ESP_OK);
	/* The MTU of a new SA becomes known between the two steps. */
	sadb_at(left, 0)->out.mtu = 0;
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 1400);
	put_be16(k.p + 6, 0x4000);
	assert_int_equal(flow_route(left, &k, &in), ESP_OK);
	sadb_at(left, 0)->out.mtu = 1400;
	assert_int_equal(flow_number(left, &k, true), ESP_OK);
}

static void
test_outer_tos(void **state)
{
	struct pkt k, r;
	struct sadb_config c;

	(void)state;
	both(1, "10.1.0.0/24", "10.2.0.0/24");
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100);
	k.p[1] = 0xba;				/* EF, ECT(0) */
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.tos, 0xba);
	/* Congestion on the way is passed on; the outer DSCP is not. */
	r = (struct pkt){ .p = k.p, .len = k.len, .tos = 0x03 };
	flow_in(right, ctx, &r, 1);
	assert_int_equal(r.verdict, ESP_OK);
	assert_int_equal(r.p[1], 0xbb);
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100);
	flow_out(left, ctx, &k, 1);
	r = (struct pkt){ .p = k.p, .len = k.len, .tos = 0x03 };
	flow_in(right, ctx, &r, 1);
	assert_int_equal(r.verdict, ESP_CONGESTED);
	c = *sadb_config(left);
	sadb_free(left);
	c.dscp_mapped = true;
	dscp_map_init(&c.dscp, &(const uint8_t){ 10 });
	left = sadb_new(&c, NULL);
	both(2, "10.1.0.0/24", "10.2.0.0/24");
	k = udp(0, "10.1.0.1", "10.2.0.1", 7, 100);
	k.p[1] = 0xba;
	flow_out(left, ctx, &k, 1);
	assert_int_equal(k.tos, 10 << 2 | 2);
}

/* Thousands of SAs: by SPI and by selector each finds its own. */
static void
test_many(void **state)
{
	char net[32];
	struct sa_child c;
	enum { N = 1500 };
	size_t before = allocated(), each;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		(void)snprintf(net, sizeof(net), "10.%u.%u.0/24", 100 + i / 256, i % 256);
		for (int local = 1; local <= 2; local++) {
			child(&c, 1, local, "10.1.0.0/24", net);
			gcm(&c);
			put_be32(c.spi_in, 0x10000u * (unsigned)local + i);
			put_be32(c.spi_out, 0x10000u * (3 - (unsigned)local) + i);
			(void)add(local == 1 ? left : right, &c);
		}
	}
	each = (allocated() - before) / (2 * N);
	print_message("%zu bytes for a pair of SAs\n", each);
	if (!SANITIZED)
		assert_in_range(each, 1, 1400);	/* with the claim, the port, the next hop and the counters of a data path it is below 2 KB */
	for (unsigned i = 0; i < N; i += 7) {
		(void)snprintf(net, sizeof(net), "10.%u.%u.1", 100 + i / 256, i % 256);
		assert_int_equal(across("10.1.0.1", net, 7), ESP_OK);
		assert_int_equal(across("10.1.0.1", net, 7), ESP_OK);
		assert_int_equal(sadb_at(right, i)->in.count.packets, 2);
	}
}

int
main(void)
{
#define T(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
#define C(name, t)	CLASS_WITH(name, t, setup, teardown)
	const struct CMUnitTest tests[] = {
		C("A25: an inner source outside the selectors is dropped", test_policy),
		C("A25: a replay is dropped, and a forged number moves no window", test_replays),
		C("A25: number 0, and numbers that wrap, are dropped", test_zero_and_wrap),
		C("A25: a truncated ICV is no ICV", test_truncated_icv),
		C("A25: a next header that is not IP, and what is no packet, are dropped", test_inside),
		C("A25: a spray of SPIs leaves nothing behind", test_spi_spray),
		T(test_ports_and_fragments), T(test_narrow_before_wide), T(test_rekey),
		T(test_only_inbound), T(test_refusals),
		T(test_volume_and_numbers), T(test_cut_between_sas), T(test_reserve_in), T(test_expiry), T(test_clock_jumps),
		T(test_same_second), T(test_too_big),
		T(test_outer_tos), T(test_many), T(test_expected),
	};

	(void)secret_init();
	if ((ctx = esp_ctx_new(esp_backends, &rand_system, NULL)) == NULL)
		return (1);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	esp_ctx_free(ctx);
	return (rc);
}
