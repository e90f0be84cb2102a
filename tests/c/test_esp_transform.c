/*
 * ESP packets: every algorithm there and back, every bit turned, published vectors.
 * Vectors come from $SAPIPE_VECTORS or ../shared/vectors; absent ones are skipped aloud.
 */
#include <jansson.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "esp/transform.h"

#define BUF	4096

/* A source whose bytes a test can foretell. */
static int
fill_count(void *state, uint8_t *p, size_t n)
{
	uint8_t *next = state;

	while (n-- > 0)
		*p++ = (*next)++;
	return (0);
}

static int
fill_none(void *state, uint8_t *p, size_t n)
{
	(void)state, (void)p, (void)n;
	return (-1);
}

static uint8_t counter;
static const struct rand steady = { fill_count, &counter };

/* A transform with keys 1, 2, 3, ... and 101, 102, ... */
static void
make(struct esp_xf *xf, const struct alg_enc *e, const struct alg_integ *a, bool esn, bool seal)
{
	struct esp_suite s = { e, a, esn };
	uint8_t enc[64], auth[64];
	struct fault f;

	for (size_t i = 0; i < 64; i++) {
		enc[i] = (uint8_t)(i + 1);
		auth[i] = (uint8_t)(i + 101);
	}
	if (esp_xf_init(xf, &esp_backend_ossl, &s, span_of(enc, (size_t)e->key_len + e->salt_len),
	    span_of(auth, a != NULL ? a->key_len : 0), seal, &steady, &f) != 0)
		fail_msg("%s: %s", e->word, f.what);
}

static struct esp_pkt
sealed(struct esp_xf *xf, uint8_t *buf, size_t inner, uint64_t seq)
{
	struct esp_pkt k = { .xf = xf, .p = buf, .cap = BUF, .inner_len = inner,
	    .spi = { 0xc0, 1, 2, 3 }, .seq = seq, .next = ESP_NEXT_IPV4 };

	for (size_t i = 0; i < inner; i++)
		buf[esp_xf_head(xf) + i] = (uint8_t)(i * 7);
	esp_seal(&k, 1);
	assert_int_equal(k.verdict, ESP_OK);
	assert_int_equal(k.len, esp_xf_len(xf, inner));
	return (k);
}

/* The verdict on ${len} bytes of ${buf}; ${k} then tells what was found. */
static enum esp_verdict
opened(struct esp_xf *xf, uint8_t *buf, size_t len, uint64_t seq, struct esp_pkt *k)
{
	*k = (struct esp_pkt){ .xf = xf, .p = buf, .len = len, .seq = seq };
	if (!esp_open_fits(xf, len))
		return (ESP_SHORT);
	esp_open(k, 1);
	if (k->verdict == ESP_OK)
		esp_unpad(k);
	return (k->verdict);
}

/* Calls ${each} for every pair of algorithms that ESP knows, without and with ESN. */
static void
all_suites(void (*each)(const struct alg_enc *, const struct alg_integ *, bool))
{
	const struct alg_enc *e;
	const struct alg_integ *a;
	size_t n = 0;

	for (size_t i = 0; (e = alg_enc_row(i)) != NULL; i++)
		for (size_t j = 0; e->esp != 0; j++) {
			a = e->form == ALG_AEAD ? NULL : alg_integ_row(j);
			if (a == NULL && (e->form != ALG_AEAD || j > 0))
				break;
			each(e, a, false);
			each(e, a, true);
			n++;
		}
	assert_true(n >= 9 * 7 + 10);
}

static void
there_and_back(const struct alg_enc *e, const struct alg_integ *a, bool esn)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 5, 13, 14, 15, 16, 20, 64, 1023, 1024, 1025, 1400 };
	struct esp_xf out, in;
	uint8_t buf[BUF], icv;
	struct esp_pkt k, r;
	uint64_t seq = esn ? UINT64_C(0x700000009) : 9;

	make(&out, e, a, esn, true);
	make(&in, e, a, esn, false);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		k = sealed(&out, buf, sizes[i], seq);
		assert_int_equal(get_be32(buf), 0xc0010203);
		assert_int_equal(get_be32(buf + 4), 9);
		assert_int_equal((k.len - out.icv_len) % 4, 0);
		assert_int_equal(opened(&in, buf, k.len, seq, &r), ESP_OK);
		assert_int_equal(r.inner_len, sizes[i]);
		assert_int_equal(r.next, ESP_NEXT_IPV4);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(buf[esp_xf_head(&in) + j], (uint8_t)(j * 7));
	}
	/* The upper half of the number counts with ESN alone. */
	k = sealed(&out, buf, 40, seq);
	assert_int_equal(opened(&in, buf, k.len, seq ^ UINT64_C(1) << 40, &r) == ESP_OK, !esn);
	/* A bit of every byte, then every bit of the ICV. */
	for (size_t i = 0; i < k.len; i++) {
		k = sealed(&out, buf, 40, seq);
		buf[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(opened(&in, buf, k.len, seq, &r), ESP_BAD_ICV);
	}
	for (unsigned bit = 0; bit < 8u * out.icv_len; bit++) {
		k = sealed(&out, buf, 40, seq);
		icv = (uint8_t)(1 << bit % 8);
		buf[k.len - out.icv_len + bit / 8] ^= icv;
		assert_int_equal(opened(&in, buf, k.len, seq, &r), ESP_BAD_ICV);
	}
	/* Every truncation. */
	for (size_t cut = 1; cut <= k.len; cut++) {
		k = sealed(&out, buf, 40, seq);
		assert_int_not_equal(opened(&in, buf, k.len - cut, seq, &r), ESP_OK);
	}
	esp_xf_free(&out);
	esp_xf_free(&in);
}

static void
test_every_suite(void **state)
{
	(void)state;
	all_suites(there_and_back);
}

static void
room_of(const struct alg_enc *e, const struct alg_integ *a, bool esn)
{
	struct esp_xf xf;
	size_t inner;

	make(&xf, e, a, esn, true);
	for (size_t room = 0; room < 1500; room++) {
		inner = esp_xf_inner_max(&xf, room);
		if (inner > 0)
			assert_true(esp_xf_len(&xf, inner) <= room);
		assert_true(esp_xf_len(&xf, inner + 1) > room);
	}
	assert_true(esp_xf_len(&xf, 1000) <= 1000 + ESP_GROW_MAX);
	esp_xf_free(&xf);
}

static void
test_inner_max_is_exact(void **state)
{
	(void)state;
	all_suites(room_of);
}

static void
test_batch_of_mixed_suites(void **state)
{
	const struct alg_enc *e[2] = { alg_enc_word("aes128"), alg_enc_word("aes256gcm16") };
	const struct alg_integ *a[2] = { alg_integ_word("sha256"), NULL };
	struct esp_xf out[2], in[2];
	static uint8_t buf[ESP_BATCH + 9][512];
	struct esp_pkt k[ESP_BATCH + 9];
	size_t n = ESP_BATCH + 9, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		make(&out[i], e[i], a[i], false, true);
		make(&in[i], e[i], a[i], false, false);
	}
	for (i = 0; i < n; i++) {
		k[i] = (struct esp_pkt){ .xf = &out[i % 2], .p = buf[i], .cap = 512, .seq = i + 1,
		    .inner_len = 100 + i, .next = ESP_NEXT_IPV6 };
		memset(buf[i] + esp_xf_head(k[i].xf), (int)i, 100 + i);
		if (i % 5 == 4)
			k[i].verdict = ESP_POLICY;	/* passed over */
		if (i % 7 == 6)
			k[i].cap = 120;			/* no room */
	}
	esp_seal(k, n);
	for (i = 0; i < n; i++)
		assert_int_equal(k[i].verdict, i % 5 == 4 ? ESP_POLICY : i % 7 == 6 ? ESP_FAILED : ESP_OK);
	for (i = 0; i < n; i++)
		k[i].xf = &in[i % 2];
	buf[20][30] ^= 1;
	esp_open(k, n);
	for (i = 0; i < n; i++)
		assert_int_equal(k[i].verdict, i == 20 ? (i % 7 == 6 ? ESP_FAILED : ESP_BAD_ICV) :
		    i % 5 == 4 ? ESP_POLICY : i % 7 == 6 ? ESP_FAILED : ESP_OK);
	for (i = 0; i < 2; i++) {
		esp_xf_free(&out[i]);
		esp_xf_free(&in[i]);
	}
}

static void
test_ivs(void **state)
{
	uint8_t buf[BUF], last[16] = {0};
	struct esp_xf xf;
	struct esp_pkt k;
	uint64_t first;

	(void)state;
	/* Counter forms: from a random number, by one. */
	counter = 0x10;
	make(&xf, alg_enc_word("aes128gcm16"), NULL, false, true);
	first = xf.iv_next;
	assert_int_not_equal(first, 0);
	for (uint64_t i = 0; i < 5; i++) {
		(void)sealed(&xf, buf, 60, i + 1);
		assert_true(get_be64(buf + ESP_HDR) == first + i);
	}
	esp_xf_free(&xf);
	/* CBC: from the source, all of it used, none twice. */
	make(&xf, alg_enc_word("aes128"), alg_integ_word("sha1"), false, true);
	for (int i = 0; i < 40; i++) {
		(void)sealed(&xf, buf, 60, (uint64_t)i + 1);
		assert_memory_not_equal(buf + ESP_HDR, last, 16);
		assert_int_equal((uint8_t)(buf[ESP_HDR] + 1), buf[ESP_HDR + 1]);
		memcpy(last, buf + ESP_HDR, 16);
	}
	/* No random bytes, no packet. */
	xf.rand.fill = fill_none;
	xf.pool_left = 0;
	k = (struct esp_pkt){ .xf = &xf, .p = buf, .cap = BUF, .inner_len = 20, .seq = 1 };
	esp_seal(&k, 1);
	assert_int_equal(k.verdict, ESP_FAILED);
	esp_xf_free(&xf);
}

/* RFC 4303, 2.2.1: the upper half stands behind what is sent, and is not sent. */
static void
test_esn_icv(void **state)
{
	uint8_t buf[BUF], key[20], icv[EVP_MAX_MD_SIZE];
	struct esp_xf xf;
	struct esp_pkt k;
	unsigned n;

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i + 101);
	make(&xf, alg_enc_word("aes128"), alg_integ_word("sha1"), true, true);
	k = sealed(&xf, buf, 60, UINT64_C(0x1234567800000007));
	memmove(buf + 1000, buf + k.len - 12, 12);
	put_be32(buf + k.len - 12, 0x12345678);
	assert_non_null(HMAC(EVP_sha1(), key, sizeof(key), buf, k.len - 8, icv, &n));
	assert_memory_equal(buf + 1000, icv, 12);
	esp_xf_free(&xf);
}

static void
test_bad_keys(void **state)
{
	struct esp_suite s = { alg_enc_word("aes128"), alg_integ_word("sha1"), false };
	uint8_t key[64] = {0};
	struct esp_xf xf;
	struct fault f;

	(void)state;
	assert_int_equal(esp_xf_init(&xf, &esp_backend_ossl, &s, span_of(key, 15),
	    span_of(key, 20), true, &steady, &f), -1);
	assert_int_equal(f.code, FAULT_CONFIG);
	assert_non_null(strstr(f.what, "aes-cbc"));
	assert_int_equal(esp_xf_init(&xf, &esp_backend_ossl, &s, span_of(key, 16),
	    span_of(key, 21), true, &steady, &f), -1);
	assert_non_null(strstr(f.what, "hmac-sha1-96"));
	s = (struct esp_suite){ alg_enc_word("aes128gcm16"), NULL, false };
	assert_int_equal(esp_xf_init(&xf, &esp_backend_ossl, &s, span_of(key, 16), SPAN_NONE, true,
	    &steady, &f), -1);		/* without its salt */
	assert_int_equal(f.code, FAULT_CONFIG);
}

static void
test_padding(void **state)
{
	struct esp_xf xf = { .form = ALG_NULL, .align = 4, .icv_len = 12 };
	uint8_t buf[64] = {0};
	struct esp_pkt k = { .xf = &xf, .p = buf, .len = 8 + 24 + 12 };
	uint8_t *end = buf + 8 + 24;

	(void)state;
	for (unsigned pad = 0; pad < 256; pad++) {
		for (unsigned i = 0; i < 22; i++)
			end[-3 - (int)i] = (uint8_t)(pad - i);
		end[-2] = (uint8_t)pad;
		end[-1] = 41;
		k.verdict = ESP_OK;
		esp_unpad(&k);
		assert_int_equal(k.verdict, pad <= 22 ? ESP_OK : ESP_BAD_PADDING);
		if (pad <= 22)
			assert_int_equal(k.inner_len, 22 - pad);
		if (pad == 0 || pad > 22)
			continue;
		end[-2 - (int)pad] ^= 0x40;
		esp_unpad(&k);
		assert_int_equal(k.verdict, ESP_BAD_PADDING);
	}
}

/* ---- published vectors */

static const char *
vectors(const char *file)
{
	static char path[512];
	const char *dir = getenv("SAPIPE_VECTORS"), *top = getenv("SAPIPE_TOP");
	FILE *fp;

	if (dir != NULL)
		(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	else
		(void)snprintf(path, sizeof(path), "%s/../shared/vectors/%s", top != NULL ? top : ".",
		    file);
	if ((fp = fopen(path, "r")) == NULL) {
		print_message("no %s\n", path);
		skip();
	}
	(void)fclose(fp);
	return (path);
}

static size_t
hex(uint8_t *out, const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	long n = text != NULL ? hex_get(out, BUF, text) : -1;

	if (n < 0)
		fail_msg("no hex in %s", key);
	return ((size_t)n);
}

static json_t *
load(const char *file)
{
	json_t *j = json_load_file(vectors(file), 0, NULL);

	assert_non_null(j);
	return (j);
}

static void
test_rfc3602(void **state)
{
	json_t *root = load("rfc/rfc3602-esp-cases.json"), *v;
	struct esp_suite s = { alg_enc_word("aes128"), NULL, false };
	uint8_t key[BUF], pkt[BUF], plain[BUF], iv[BUF], again[BUF];
	struct esp_xf in, out;
	struct esp_pkt k, r;
	size_t i, n, len;

	(void)state;
	json_array_foreach(json_object_get(root, "vectors"), i, v) {
		assert_int_equal(hex(key, v, "key"), 16);
		n = hex(pkt, v, "packet");
		memcpy(again, pkt, n);
		len = hex(plain, v, "payload");
		assert_int_equal(hex(iv, v, "iv"), 16);
		assert_int_equal(esp_xf_init(&in, &esp_backend_ossl, &s, span_of(key, 16), SPAN_NONE,
		    false, &steady, NULL), 0);
		assert_int_equal(opened(&in, pkt, n, 0, &r), ESP_OK);
		assert_int_equal(r.inner_len, len);
		assert_memory_equal(pkt + 24, plain, len);
		assert_int_equal(r.next, json_integer_value(json_object_get(v, "next_header")));
		/* And sealed again with the same IV, it is the same packet. */
		assert_int_equal(esp_xf_init(&out, &esp_backend_ossl, &s, span_of(key, 16), SPAN_NONE,
		    true, &steady, NULL), 0);
		memcpy(out.pool + sizeof(out.pool) - 16, iv, 16);
		out.pool_left = 16;
		k = (struct esp_pkt){ .xf = &out, .p = pkt, .cap = BUF, .inner_len = len,
		    .seq = get_be32(again + 4), .next = r.next };
		memcpy(k.spi, again, 4);
		memcpy(pkt + 24, plain, len);
		esp_seal(&k, 1);
		assert_int_equal(k.verdict, ESP_OK);
		/* Case 5 pads more than it must, which only its sender can choose. */
		if (k.len == n)
			assert_memory_equal(pkt, again, n);
		esp_xf_free(&in);
		esp_xf_free(&out);
	}
	assert_int_equal(i, 4);
	json_decref(root);
}

static void
test_rfc7634(void **state)
{
	json_t *root = load("rfc/rfc7634-chacha20poly1305.json");
	json_t *v = json_array_get(json_object_get(root, "vectors"), 0);
	struct esp_suite s = { alg_enc_word("chacha20poly1305"), NULL, false };
	uint8_t key[BUF], pkt[BUF], plain[BUF], want[BUF], iv[BUF];
	struct esp_xf out;
	struct esp_pkt k;
	size_t len, n;

	(void)state;
	n = hex(key, v, "key");
	n += hex(key + n, v, "salt");
	len = hex(plain, v, "plaintext");
	(void)hex(iv, v, "iv");
	assert_int_equal(esp_xf_init(&out, &esp_backend_ossl, &s, span_of(key, n), SPAN_NONE, true,
	    &steady, NULL), 0);
	out.iv_next = get_be64(iv);
	/* The plain text holds the trailer 01 02 02 04. */
	k = (struct esp_pkt){ .xf = &out, .p = pkt, .cap = BUF, .inner_len = len - 4, .seq = 5,
	    .spi = { 1, 2, 3, 4 }, .next = 4 };
	memcpy(pkt + 16, plain, len - 4);
	esp_seal(&k, 1);
	assert_int_equal(k.verdict, ESP_OK);
	n = hex(want, v, "ciphertext");
	n += hex(want + n, v, "tag");
	assert_int_equal(k.len, 16 + n);
	assert_memory_equal(pkt + 16, want, n);
	esp_xf_free(&out);
	json_decref(root);
}

/* One AEAD case in the shape of ESP: ${aad} of 8 or 12 bytes is SPI and sequence number. */
static bool
aead_case(const char *word, const json_t *v, bool valid)
{
	struct esp_suite s = { alg_enc_word(word), NULL, false };
	uint8_t key[BUF], iv[BUF], aad[BUF], msg[BUF], ct[BUF], pkt[BUF];
	size_t nkey = hex(key, v, "key"), niv = hex(iv, v, "iv"), naad = hex(aad, v, "aad");
	size_t nmsg = hex(msg, v, "msg"), n = hex(ct, v, "ct");
	struct esp_job j = { .ok = false };

	n += hex(ct + n, v, "tag");
	if (niv != 12 || (naad != 8 && naad != 12) || n > BUF - 16 || n != nmsg + 16)
		return (false);
	s.esn = naad == 12;
	memcpy(key + nkey, iv, 4);
	memcpy(pkt, aad, 4);
	memcpy(pkt + 4, aad + naad - 4, 4);
	memcpy(pkt + 8, iv + 4, 8);
	memcpy(pkt + 16, ct, n);
	j.p = pkt;
	j.len = 16 + n;
	j.seq_hi = s.esn ? get_be32(aad + 4) : 0;
	j.key = esp_backend_ossl.key_new(&s, span_of(key, nkey + 4), SPAN_NONE, false, NULL);
	assert_non_null(j.key);
	esp_backend_ossl.open(&j, 1);
	assert_int_equal(j.ok, valid);
	if (valid)
		assert_memory_equal(pkt + 16, msg, nmsg);
	esp_backend_ossl.key_free(j.key);
	if (!valid)
		return (true);
	j.key = esp_backend_ossl.key_new(&s, span_of(key, nkey + 4), SPAN_NONE, true, NULL);
	esp_backend_ossl.seal(&j, 1);
	assert_true(j.ok);
	assert_memory_equal(pkt + 16, ct, n);
	esp_backend_ossl.key_free(j.key);
	return (true);
}

static size_t
wycheproof(const char *file, const char *word128, const char *word256)
{
	json_t *root = load(file), *g, *v;
	size_t i, j, n = 0;

	json_array_foreach(json_object_get(root, "testGroups"), i, g) {
		json_int_t bits = json_integer_value(json_object_get(g, "keySize"));
		const char *word = bits == 128 ? word128 : bits == 256 ? word256 : NULL;

		json_array_foreach(json_object_get(g, "tests"), j, v)
			if (word != NULL)
				n += aead_case(word, v, strcmp(json_string_value(
				    json_object_get(v, "result")), "valid") == 0);
	}
	json_decref(root);
	return (n);
}

static void
test_wycheproof(void **state)
{
	(void)state;
	assert_true(wycheproof("wycheproof/aes_gcm_test.json", "aes128gcm16", "aes256gcm16") >= 4);
	assert_true(wycheproof("wycheproof/chacha20_poly1305_test.json", NULL,
	    "chacha20poly1305") >= 47);
}

/* Files of "NAME = HEX" lines, a case ended by the line ${last}; calls ${each}. */
struct rsp { uint8_t key[BUF], iv[BUF], pt[BUF], ct[BUF]; size_t nkey, niv, npt, nct; bool enc; };

static size_t
rsp_read(const char *file, bool (*each)(const struct rsp *))
{
	static struct rsp r;
	static char line[2 * BUF + 64];
	FILE *fp = fopen(vectors(file), "r");
	char name[32];
	int at;
	size_t n = 0, *len;
	uint8_t *to;

	assert_non_null(fp);
	r = (struct rsp){0};
	while (fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strcmp(line, "[ENCRYPT]") == 0 || strcmp(line, "[DECRYPT]") == 0)
			r.enc = line[1] == 'E';
		if (sscanf(line, "%31s = %n", name, &at) != 1)
			continue;
		to = NULL;
		if (strncmp(name, "KEY", 3) == 0) {
			to = r.key, len = &r.nkey;
			if (name[3] > '1')	/* KEY2, KEY3 of triple DES come behind KEY1 */
				to += (size_t)(name[3] - '1') * 8;
		} else if (strcmp(name, "IV") == 0)
			to = r.iv, len = &r.niv;
		else if (strcmp(name, "PLAINTEXT") == 0)
			to = r.pt, len = &r.npt;
		else if (strcmp(name, "CIPHERTEXT") == 0)
			to = r.ct, len = &r.nct;
		if (to == NULL)
			continue;
		long got = hex_get(to, BUF - 32, line + at);
		assert_true(got >= 0);
		*len = (size_t)got + (size_t)(to - (to == r.pt ? r.pt : to == r.ct ? r.ct :
		    to == r.iv ? r.iv : r.key));
		if (strcmp(name, r.enc ? "CIPHERTEXT" : "PLAINTEXT") == 0)
			n += each(&r);
	}
	(void)fclose(fp);
	return (n);
}

/* Both ways through the backend, without integrity; ${iv} is what the packet carries. */
static bool
cipher_case(const char *word, const struct rsp *r, struct span key, struct span iv)
{
	struct esp_suite s = { alg_enc_word(word), NULL, false };
	uint8_t pkt[2 * BUF] = {0};
	size_t head = ESP_HDR + iv.len;
	struct esp_job j = { .p = pkt, .len = head + r->npt };

	assert_int_equal(r->npt, r->nct);
	memcpy(pkt + ESP_HDR, iv.p, iv.len);
	memcpy(pkt + head, r->pt, r->npt);
	j.key = esp_backend_ossl.key_new(&s, key, SPAN_NONE, true, NULL);
	assert_non_null(j.key);
	esp_backend_ossl.seal(&j, 1);
	assert_memory_equal(pkt + head, r->ct, r->nct);
	esp_backend_ossl.key_free(j.key);
	j.key = esp_backend_ossl.key_new(&s, key, SPAN_NONE, false, NULL);
	esp_backend_ossl.open(&j, 1);
	assert_memory_equal(pkt + head, r->pt, r->npt);
	esp_backend_ossl.key_free(j.key);
	return (true);
}

static bool
cbc_case(const struct rsp *r)
{
	const char *word = r->niv == 8 ? "3des" : r->nkey == 16 ? "aes128" : r->nkey == 24 ?
	    "aes192" : "aes256";

	return (cipher_case(word, r, span_of(r->key, r->nkey), span_of(r->iv, r->niv)));
}

static bool
ctr_case(const struct rsp *r)
{
	uint8_t key[64];

	memcpy(key, r->key, r->nkey);
	memcpy(key + r->nkey, r->iv, 4);
	return (cipher_case(r->nkey == 16 ? "aes128ctr" : r->nkey == 24 ? "aes192ctr" : "aes256ctr",
	    r, span_of(key, r->nkey + 4), span_of(r->iv + 4, 8)));
}

static void
test_cavp_cbc(void **state)
{
	(void)state;
	assert_true(rsp_read("nist-cavp-cipher/CBCMMT128.rsp", cbc_case) >= 20);
	assert_true(rsp_read("nist-cavp-cipher/CBCMMT192.rsp", cbc_case) >= 20);
	assert_true(rsp_read("nist-cavp-cipher/CBCMMT256.rsp", cbc_case) >= 20);
	assert_true(rsp_read("nist-cavp-cipher/TCBCMMT3.rsp", cbc_case) >= 20);
}

static void
test_rfc3686(void **state)
{
	(void)state;
	assert_int_equal(rsp_read("rfc/aes-128-ctr.txt", ctr_case), 3);
	assert_int_equal(rsp_read("rfc/aes-192-ctr.txt", ctr_case), 3);
	assert_int_equal(rsp_read("rfc/aes-256-ctr.txt", ctr_case), 3);
}

/* RFC 3566 section 4.6, test cases 1 to 7; ICV is the first 96 bits. */
static void
test_rfc3566(void **state)
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
	j.key = esp_backend_ossl.key_new(&s, SPAN_NONE, SPAN_ARRAY(key), true, NULL);
	assert_non_null(j.key);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t b = 0; b < cases[i].len; b++)
			pkt[b] = (uint8_t)b;
		j.len = cases[i].len + 12;
		esp_backend_ossl.seal(&j, 1);
		assert_true(j.ok);
		assert_int_equal(hex_get(mac, 12, cases[i].mac), 12);
		assert_memory_equal(pkt + cases[i].len, mac, 12);
	}
	esp_backend_ossl.key_free(j.key);
}

/* DES by way of triple DES is DES: FIPS 81's well-known example. */
static void
test_des(void **state)
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
	j.key = esp_backend_ossl.key_new(&s, SPAN_ARRAY(key), SPAN_NONE, true, NULL);
	assert_non_null(j.key);
	esp_backend_ossl.seal(&j, 1);
	assert_memory_equal(pkt + 16, want, 24);
	esp_backend_ossl.key_free(j.key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_inner_max_is_exact),
		cmocka_unit_test(test_batch_of_mixed_suites),
		cmocka_unit_test(test_ivs),
		cmocka_unit_test(test_esn_icv),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_rfc3566),
		cmocka_unit_test(test_des),
		cmocka_unit_test(test_rfc3602),
		cmocka_unit_test(test_rfc7634),
		cmocka_unit_test(test_rfc3686),
		cmocka_unit_test(test_cavp_cbc),
		cmocka_unit_test(test_wycheproof),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
