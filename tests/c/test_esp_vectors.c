/* Tests ESP packets and ciphers with known answers: RFCs, NIST's CAVP, tests/vectors, Wycheproof where present. */
#include "vectors.h"

#include "esp/open.h"
#include "esp/pair.h"
#include "esp/seal.h"

#define BUF	4096

static int
fill_zero(void *state, uint8_t *p, size_t n)
{
	(void)state;
	memset(p, 0, n);
	return (0);
}

static const struct rand zeros = { fill_zero, NULL };
static struct esp_ctx *ctx;
static const struct esp_backend *list[2];	/* the one under test */
#define be	list[0]

/* ${work} on ${j} alone, and on several copies at once, which a backend may do in another way: all alike. */
static void
run(void (*work)(struct esp_backend_ctx *, struct esp_job *, size_t), struct esp_job *j)
{
	enum { COPIES = 20 };
	static uint8_t copies[COPIES][2 * BUF];
	struct esp_job jobs[COPIES];

	for (size_t i = 0; i < COPIES; i++) {
		memcpy(copies[i], j->p, j->len);
		jobs[i] = *j;
		jobs[i].p = copies[i];
	}
	work(esp_ctx_of(ctx, be), j, 1);
	work(esp_ctx_of(ctx, be), jobs, COPIES);
	for (size_t i = 0; i < COPIES; i++) {
		assert_int_equal(jobs[i].ok, j->ok);
		if (j->ok)
			assert_memory_equal(jobs[i].p, j->p, j->len);
	}
}

/* Seals the ${len} bytes at ${buf} + head of ${xf}, as payload of protocol ${next}. */
static struct pkt
sealed(const struct esp_xf *xf, uint8_t *buf, size_t len, const uint8_t spi[4], uint64_t seq, uint8_t next)
{
	struct esp_pair pair = { .out = { .mode = SA_TRANSPORT, .xf = *xf, .pair = &pair } };
	struct inner in = { .len = len, .proto = next };
	struct pkt k = { .p = buf + esp_xf_head(xf), .len = len, .buf = buf, .cap = BUF, .sa = &pair.out, .seq = seq };

	memcpy(pair.out.spi, spi, 4);
	esp_seal(ctx, &k, &in, 1);
	assert_int_equal(k.verdict, ESP_OK);
	assert_ptr_equal(k.p, buf);
	k.sa = NULL;
	return (k);
}

/* One ESP packet of AES-CBC without ICV, opened and sealed again with the same IV. */
static void
esp_cbc_case(const json_t *v)
{
	static struct vec key, pkt, payload, iv;
	struct esp_suite s = { alg_enc_word("aes128"), NULL, false };
	uint8_t buf[BUF];
	struct esp_xf in, out;
	struct esp_job j;
	struct pkt k;
	size_t len;

	vec_json(&key, v, "key");
	vec_json(&pkt, v, "packet");
	vec_json(&payload, v, "payload");
	vec_json(&iv, v, "iv");
	len = payload.len;
	assert_int_equal(iv.len, 16);
	memcpy(buf, pkt.b, pkt.len);
	assert_int_equal(esp_xf_init(&in, list, &s, vec_span(&key), SPAN_NONE, false, &zeros,
	    NULL), 0);
	k = (struct pkt){ .p = buf, .len = pkt.len };
	assert_true(esp_xf_fits(&in, pkt.len));
	j = (struct esp_job){ .key = in.key, .p = buf, .len = pkt.len };
	run(be->open, &j);
	assert_true(j.ok);
	assert_int_equal(esp_unpad(&in, &k), ESP_OK);
	assert_span_eq(span_of(k.p, k.len), vec_span(&payload));
	assert_int_equal(k.next, json_integer_value(json_object_get(v, "next_header")));
	esp_xf_free(&in);
	assert_int_equal(esp_xf_init(&out, list, &s, vec_span(&key), SPAN_NONE, true, &zeros,
	    NULL), 0);
	memcpy(ctx->pool + ESP_IV_POOL - 16, iv.b, 16);
	ctx->pool_left = 16;
	memcpy(buf + 24, payload.b, len);
	k = sealed(&out, buf, len, pkt.b, get_be32(pkt.b + 4), k.next);
	/* Some cases have more padding than necessary, which only their sender can choose. */
	if (json_integer_value(json_object_get(v, "pad_length")) < 16)
		assert_span_eq(span_of(buf, k.len), vec_span(&pkt));
	else
		assert_int_not_equal(k.len, pkt.len);
	esp_xf_free(&out);
}

static void
check_esp_cbc(enum vec_place place, const char *file)
{
	json_t *root = vec_load(place, file), *v;
	size_t i;

	json_array_foreach(json_object_get(root, "vectors"), i, v)
		esp_cbc_case(v);
	assert_int_equal(i, 4);
	json_decref(root);
}

static void
esp_aes_cbc(void **state)
{
	(void)state;
	check_esp_cbc(VEC_OURS, "esp_aes_cbc.json");
	if (vec_exists(VEC_MORE, "rfc/rfc3602-esp-cases.json"))
		check_esp_cbc(VEC_MORE, "rfc/rfc3602-esp-cases.json");
}

/* One packet of ChaCha20-Poly1305; its plain text ends with ${trailer} bytes of padding, length, next header 4. */
static void
esp_chacha_case(const json_t *v, size_t trailer)
{
	static struct vec key, salt, iv, spi, plain, ct, tag;
	struct esp_suite s = { alg_enc_word("chacha20poly1305"), NULL, false };
	uint8_t buf[BUF];
	struct esp_xf out;
	struct pkt k;

	vec_json(&key, v, "key");
	vec_json(&salt, v, "salt");
	vec_json(&iv, v, "iv");
	vec_json(&spi, v, "spi");
	vec_json(&plain, v, "plaintext");
	vec_json(&ct, v, "ciphertext");
	vec_json(&tag, v, "tag");
	memcpy(key.b + key.len, salt.b, salt.len);
	assert_int_equal(esp_xf_init(&out, list, &s, span_of(key.b, key.len + salt.len),
	    SPAN_NONE, true, &zeros, NULL), 0);
	out.iv_next = get_be64(iv.b);
	memcpy(buf + 16, plain.b, plain.len - trailer);
	k = sealed(&out, buf, plain.len - trailer, spi.b, (uint64_t)json_integer_value(json_object_get(v, "seq")), 4);
	assert_int_equal(k.len, 16 + ct.len + tag.len);
	assert_span_eq(span_of(buf + 16, ct.len), vec_span(&ct));
	assert_span_eq(span_of(buf + 16 + ct.len, tag.len), vec_span(&tag));
	esp_xf_free(&out);
}

static void
esp_chacha20_poly1305(void **state)
{
	static const char *const rfc = "rfc/rfc7634-chacha20poly1305.json";
	json_t *root = vec_load(VEC_OURS, "esp_chacha20_poly1305.json"), *v;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(root, "vectors"), i, v)
		esp_chacha_case(v, (size_t)json_integer_value(json_object_get(v, "trailer")));
	assert_int_equal(i, 3);
	json_decref(root);
	if (vec_exists(VEC_MORE, rfc)) {
		root = vec_load(VEC_MORE, rfc);
		esp_chacha_case(json_array_get(json_object_get(root, "vectors"), 0), 4);
		json_decref(root);
	}
}

/* One AEAD case in the shape of ESP: ${aad} of 8 or 12 bytes is SPI and sequence number. False: of another shape. */
static bool
aead_case(const char *word, const json_t *v)
{
	static struct vec key, iv, aad, msg, ct, tag;
	struct esp_suite s = { alg_enc_word(word), NULL, false };
	struct esp_job j = { .ok = false };
	uint8_t buf[BUF];
	size_t n;

	vec_json(&key, v, "key");
	vec_json(&iv, v, "iv");
	vec_json(&aad, v, "aad");
	vec_json(&msg, v, "msg");
	vec_json(&ct, v, "ct");
	vec_json(&tag, v, "tag");
	n = ct.len + tag.len;
	if (iv.len != 12 || (aad.len != 8 && aad.len != 12) || n > BUF - 16 || n != msg.len + 16)
		return (false);
	s.esn = aad.len == 12;
	memcpy(key.b + key.len, iv.b, 4);
	memcpy(buf, aad.b, 4);
	memcpy(buf + 4, aad.b + aad.len - 4, 4);
	memcpy(buf + 8, iv.b + 4, 8);
	memcpy(buf + 16, ct.b, ct.len);
	memcpy(buf + 16 + ct.len, tag.b, tag.len);
	j.p = buf;
	j.len = 16 + n;
	j.seq_hi = s.esn ? get_be32(aad.b + 4) : 0;
	j.key = be->key_new(&s, span_of(key.b, key.len + 4), SPAN_NONE, false, NULL);
	assert_non_null(j.key);
	run(be->open, &j);
	be->key_free(j.key);
	assert_int_equal(j.ok, vec_valid(v));
	if (!vec_valid(v))
		return (true);
	assert_span_eq(span_of(buf + 16, msg.len), vec_span(&msg));
	j.key = be->key_new(&s, span_of(key.b, key.len + 4), SPAN_NONE, true, NULL);
	assert_non_null(j.key);
	run(be->seal, &j);
	be->key_free(j.key);
	assert_true(j.ok);
	assert_span_eq(span_of(buf + 16, ct.len), vec_span(&ct));
	assert_span_eq(span_of(buf + 16 + ct.len, tag.len), vec_span(&tag));
	return (true);
}

/* How many cases of a file ESP can express, by the words for keys of 128, 192 and 256 bits. */
static unsigned
check_aead(enum vec_place place, const char *file, const char *const words[3])
{
	json_t *root = vec_load(place, file), *group, *test;
	const char *word;
	size_t i, j;
	unsigned n = 0;

	json_array_foreach(json_object_get(root, "testGroups"), i, group) {
		word = words[(json_integer_value(json_object_get(group, "keySize")) - 128) / 64 % 3];
		json_array_foreach(json_object_get(group, "tests"), j, test)
			if (word != NULL && aead_case(word, test))
				n++;
	}
	print_message("%s: %u cases\n", file, n);
	json_decref(root);
	return (n);
}

static void
aead(void **state)
{
	static const char *const gcm[] = { "aes128gcm16", "aes192gcm16", "aes256gcm16" };
	static const char *const chacha[] = { NULL, NULL, "chacha20poly1305" };

	(void)state;
	assert_int_equal(check_aead(VEC_OURS, "aes_gcm.json", gcm), 126);
	assert_int_equal(check_aead(VEC_OURS, "chacha20_poly1305.json", chacha), 42);
	if (vec_exists(VEC_MORE, "wycheproof/aes_gcm_test.json"))
		assert_true(check_aead(VEC_MORE, "wycheproof/aes_gcm_test.json", gcm) >= 4);
	if (vec_exists(VEC_MORE, "wycheproof/chacha20_poly1305_test.json"))
		assert_true(check_aead(VEC_MORE, "wycheproof/chacha20_poly1305_test.json", chacha) >= 47);
}

/* Files of "NAME = HEX" lines. */
struct rsp { struct vec key, iv, plain, cipher; };

static unsigned
check_rsp(const char *file, void (*each)(const struct rsp *))
{
	static struct rsp r;
	static struct vec part;
	char name[64], value[2 * VEC_MAX + 1];
	FILE *fp = vec_open(VEC_DEBIAN, file);
	bool encrypt = false;
	unsigned n = 0;

	while (vec_line(fp, name, sizeof(name), value, sizeof(value))) {
		if (value[0] == '[')
			encrypt = strcmp(name, "ENCRYPT") == 0;
		else if (strcmp(name, "KEY") == 0)
			vec_hex(&r.key, value);
		else if (strncmp(name, "KEY", 3) == 0) {	/* KEY1 to KEY3 of triple DES */
			vec_hex(&part, value);
			memcpy(r.key.b + 8 * (name[3] - '1'), part.b, 8);
			r.key.len = 24;
		} else if (strcmp(name, "IV") == 0)
			vec_hex(&r.iv, value);
		else if (strcmp(name, "PLAINTEXT") == 0)
			vec_hex(&r.plain, value);
		else if (strcmp(name, "CIPHERTEXT") == 0)
			vec_hex(&r.cipher, value);
		/* The one that comes last ends the case. */
		if (strcmp(name, encrypt ? "CIPHERTEXT" : "PLAINTEXT") == 0) {
			each(&r);
			n++;
		}
	}
	(void)fclose(fp);
	print_message("%s: %u cases\n", file, n);
	return (n);
}

/* Encrypts and decrypts through the backend, without integrity; ${iv} is what the packet carries. */
static void
cipher_case(const char *word, const struct rsp *r, struct span key, struct span iv)
{
	struct esp_suite s = { alg_enc_word(word), NULL, false };
	static uint8_t pkt[2 * BUF];
	size_t head = ESP_HDR + iv.len;
	struct esp_job j = { .p = pkt, .len = head + r->plain.len };

	memset(pkt, 0, sizeof(pkt));
	memcpy(pkt + ESP_HDR, iv.p, iv.len);
	memcpy(pkt + head, r->plain.b, r->plain.len);
	j.key = be->key_new(&s, key, SPAN_NONE, true, NULL);
	assert_non_null(j.key);
	run(be->seal, &j);
	be->key_free(j.key);
	assert_span_eq(span_of(pkt + head, r->plain.len), vec_span(&r->cipher));
	j.key = be->key_new(&s, key, SPAN_NONE, false, NULL);
	assert_non_null(j.key);
	run(be->open, &j);
	be->key_free(j.key);
	assert_span_eq(span_of(pkt + head, r->plain.len), vec_span(&r->plain));
}

static void
cbc_case(const struct rsp *r)
{
	const char *word = r->iv.len == 8 ? "3des" : r->key.len == 16 ? "aes128" : r->key.len == 24 ?
	    "aes192" : "aes256";

	cipher_case(word, r, vec_span(&r->key), vec_span(&r->iv));
}

static void
ctr_case(const struct rsp *r)
{
	const char *word = r->key.len == 16 ? "aes128ctr" : r->key.len == 24 ? "aes192ctr" : "aes256ctr";
	uint8_t key[64];

	memcpy(key, r->key.b, r->key.len);
	memcpy(key + r->key.len, r->iv.b, 4);
	cipher_case(word, r, span_of(key, r->key.len + 4), span_of(r->iv.b + 4, 8));
}

static void
cavp_cbc(void **state)
{
	(void)state;
	assert_true(check_rsp("ciphers/AES/CBC/CBCMMT128.rsp", cbc_case) >= 20);
	assert_true(check_rsp("ciphers/AES/CBC/CBCMMT192.rsp", cbc_case) >= 20);
	assert_true(check_rsp("ciphers/AES/CBC/CBCMMT256.rsp", cbc_case) >= 20);
	assert_true(check_rsp("ciphers/3DES/CBC/TCBCMMT3.rsp", cbc_case) >= 20);
}

static void
rfc3686(void **state)
{
	(void)state;
	assert_int_equal(check_rsp("ciphers/AES/CTR/aes-128-ctr.txt", ctr_case), 3);
	assert_int_equal(check_rsp("ciphers/AES/CTR/aes-192-ctr.txt", ctr_case), 3);
	assert_int_equal(check_rsp("ciphers/AES/CTR/aes-256-ctr.txt", ctr_case), 3);
}

/* RFC 3566 section 4.6, test cases 1 to 7; ICV is the first 96 bits. */
static void
rfc3566(void **state)
{
	static const struct { size_t len; const char *mac; } cases[] = {
		{ 3, "5b376580ae2f19afe7219cee" }, { 16, "d2a246fa349b68a79998a439" },
		{ 20, "47f51b4564966215b8985c63" }, { 32, "f54f0ec8d2b9f3d36807734b" },
		{ 34, "becbb3bccdb518a30677d548" },
	};
	struct esp_suite s = { alg_enc_word("null"), alg_integ_word("aesxcbc"), false };
	uint8_t key[16], pkt[128], mac[12];
	struct esp_job j = { .p = pkt };

	(void)state;
	for (size_t i = 0; i < 16; i++)
		key[i] = (uint8_t)i;
	j.key = be->key_new(&s, SPAN_NONE, SPAN_ARRAY(key), true, NULL);
	assert_non_null(j.key);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t b = 0; b < cases[i].len; b++)
			pkt[b] = (uint8_t)b;
		j.len = cases[i].len + 12;
		run(be->seal, &j);
		assert_true(j.ok);
		assert_int_equal(hex_get(mac, 12, cases[i].mac), 12);
		assert_memory_equal(pkt + cases[i].len, mac, 12);
	}
	be->key_free(j.key);
}

/* DES by way of triple DES is DES: FIPS 81's well-known example. */
static void
des_fips81(void **state)
{
	static const char *text = "Now is the time for all ";
	struct esp_suite s = { alg_enc_word("des"), NULL, false };
	uint8_t key[8], pkt[64] = {0}, want[24];
	struct esp_job j = { .p = pkt, .len = 16 + 24 };

	(void)state;
	(void)hex_get(key, 8, "0123456789abcdef");
	(void)hex_get(pkt + 8, 8, "1234567890abcdef");
	(void)hex_get(want, 24, "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
	memcpy(pkt + 16, text, 24);
	j.key = be->key_new(&s, SPAN_ARRAY(key), SPAN_NONE, true, NULL);
	assert_non_null(j.key);
	run(be->seal, &j);
	assert_memory_equal(pkt + 16, want, 24);
	be->key_free(j.key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3566), cmocka_unit_test(des_fips81), cmocka_unit_test(esp_aes_cbc),
		cmocka_unit_test(esp_chacha20_poly1305), cmocka_unit_test(rfc3686),
		cmocka_unit_test(cavp_cbc), cmocka_unit_test(aead),
	};

	int rc = 0;

	for (size_t i = 0; esp_backends[i] != NULL; i++) {
		be = esp_backends[i];
		print_message("%s %s\n", be->name, be->version());
		if ((ctx = esp_ctx_new(list, &rand_system, NULL)) == NULL)
			return (1);
		if (!be->supports(&(struct esp_suite){ alg_enc_word("aes128gcm16"), NULL, false }))
			print_message("%s: not for this processor\n", be->name);
		else
			rc |= cmocka_run_group_tests(tests, NULL, NULL);
		esp_ctx_free(ctx);
	}
	return (rc);
}
