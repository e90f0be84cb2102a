/* Tests crypto/ with known answers: HMAC, CBC, Diffie-Hellman. */
#include "vectors.h"

#include "crypto/crypto.h"

static struct fault f;

static void
check_hmac(const char *file, const char *word)
{
	const struct alg_hash *h = alg_hash_word(word);
	char name[64], value[2 * VEC_MAX + 1];
	static struct vec key, msg, md;
	struct secret out = {0};
	struct span part;
	FILE *fp = vec_open(VEC_DEBIAN, file);
	unsigned n = 0;
	long bits = 0;

	while (vec_line(fp, name, sizeof(name), value, sizeof(value))) {
		if (strcmp(name, "Len") == 0)
			bits = strtol(value, NULL, 10);
		else if (strcmp(name, "Key") == 0)
			vec_hex(&key, value);
		else if (strcmp(name, "Msg") == 0)
			vec_hex(&msg, value);
		else if (strcmp(name, "MD") == 0) {
			vec_hex(&md, value);
			assert_int_equal(msg.len, bits / 8);
			part = vec_span(&msg);
			assert_int_equal(prf_parts(h, vec_span(&key), &out, &part, 1, &f), 0);
			assert_span_eq(secret_span(&out), vec_span(&md));
			n++;
		}
	}
	fclose(fp);
	secret_free(&out);
	print_message("%s: %u cases\n", file, n);
	assert_true(n >= 6);
}

static void
hmac_md5(void **state)
{
	(void)state;
	check_hmac("HMAC/rfc-2202-md5.txt", "md5");
}

static void
hmac_sha1(void **state)
{
	(void)state;
	check_hmac("HMAC/rfc-2202-sha1.txt", "sha1");
}

static void
hmac_sha256(void **state)
{
	(void)state;
	check_hmac("HMAC/rfc-4231-sha256.txt", "sha256");
}

static void
hmac_sha384(void **state)
{
	(void)state;
	check_hmac("HMAC/rfc-4231-sha384.txt", "sha384");
}

static void
hmac_sha512(void **state)
{
	(void)state;
	check_hmac("HMAC/rfc-4231-sha512.txt", "sha512");
}

static void
check_hmac_json(enum vec_place place, const char *file, const char *word)
{
	const struct alg_hash *h = alg_hash_word(word);
	json_t *root = vec_load(place, file), *group, *test;
	static struct vec key, msg, tag;
	struct secret out = {0};
	struct span part;
	size_t i, j, bytes;
	unsigned n = 0;

	json_array_foreach(json_object_get(root, "testGroups"), i, group) {
		bytes = (size_t)json_integer_value(json_object_get(group, "tagSize")) / 8;
		json_array_foreach(json_object_get(group, "tests"), j, test) {
			vec_json(&key, test, "key");
			vec_json(&msg, test, "msg");
			vec_json(&tag, test, "tag");
			part = vec_span(&msg);
			assert_int_equal(prf_parts(h, vec_span(&key), &out, &part, 1, &f), 0);
			assert_int_equal(ct_eq(span_of(out.p, bytes), vec_span(&tag)), vec_valid(test));
			n++;
		}
	}
	print_message("%s: %u cases\n", file, n);
	assert_int_equal(n, json_integer_value(json_object_get(root, "numberOfTests")));
	secret_free(&out);
	json_decref(root);
}

/* Truncated tags and wrong ones too. */
static void
hmac_truncated(void **state)
{
	static const char *const words[] = { "md5", "sha1", "sha256", "sha384", "sha512" };
	char file[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		(void)snprintf(file, sizeof(file), "hmac_%s.json", words[i]);
		check_hmac_json(VEC_OURS, file, words[i]);
		(void)snprintf(file, sizeof(file), "wycheproof/hmac_%s_test.json", words[i]);
		if (vec_exists(VEC_MORE, file))
			check_hmac_json(VEC_MORE, file, words[i]);
	}
}

static void
check_cbc(const struct alg_enc *e, const struct vec *key, const struct vec *iv,
    const struct vec *plain, const struct vec *cipher)
{
	static uint8_t data[VEC_MAX];
	uint8_t run[BLOCK_MAX];

	assert_int_equal(plain->len, cipher->len);
	memcpy(data, plain->b, plain->len);
	memcpy(run, iv->b, e->block);
	assert_int_equal(cbc_encrypt(e, vec_span(key), run, data, plain->len, &f), 0);
	assert_span_eq(span_of(data, plain->len), vec_span(cipher));
	assert_span_eq(span_of(run, e->block), span_of(data + plain->len - e->block, e->block));
	memcpy(run, iv->b, e->block);
	assert_int_equal(cbc_decrypt(e, vec_span(key), run, data, plain->len, &f), 0);
	assert_span_eq(span_of(data, plain->len), vec_span(plain));
	/* The IV continues with the ciphertext although that was overwritten. */
	assert_span_eq(span_of(run, e->block),
	    span_of(cipher->b + cipher->len - e->block, e->block));
	/* In two pieces with the running IV it comes to the same. */
	if (plain->len > e->block) {
		memcpy(run, iv->b, e->block);
		assert_int_equal(cbc_encrypt(e, vec_span(key), run, data, e->block, &f), 0);
		assert_int_equal(cbc_encrypt(e, vec_span(key), run, data + e->block,
		    plain->len - e->block, &f), 0);
		assert_span_eq(span_of(data, plain->len), vec_span(cipher));
	}
}

static void
check_cavp(const char *file, const char *word)
{
	const struct alg_enc *e = alg_enc_word(word);
	char name[64], value[2 * VEC_MAX + 1];
	static struct vec key, part, iv, plain, cipher;
	FILE *fp = vec_open(VEC_DEBIAN, file);
	bool decrypt = false;
	unsigned n = 0;

	while (vec_line(fp, name, sizeof(name), value, sizeof(value))) {
		if (value[0] == '[')
			decrypt = strcmp(name, "DECRYPT") == 0;
		else if (strcmp(name, "KEY") == 0)
			vec_hex(&key, value);
		else if (strncmp(name, "KEY", 3) == 0) {
			vec_hex(&part, value);
			memcpy(key.b + 8 * (name[3] - '1'), part.b, 8);
			key.len = 24;
		} else if (strcmp(name, "IV") == 0)
			vec_hex(&iv, value);
		else if (strcmp(name, "PLAINTEXT") == 0)
			vec_hex(&plain, value);
		else if (strcmp(name, "CIPHERTEXT") == 0)
			vec_hex(&cipher, value);
		/* Whichever of the two stands last ends the case. */
		if (strcmp(name, decrypt ? "PLAINTEXT" : "CIPHERTEXT") == 0) {
			check_cbc(e, &key, &iv, &plain, &cipher);
			n++;
		}
	}
	fclose(fp);
	print_message("%s: %u cases\n", file, n);
	assert_true(n >= 20);
}

/* Wycheproof's valid cases, where present; the invalid ones test PKCS #5 padding, which IKE does not use. */
static void
wycheproof_cbc(void)
{
	json_t *root = vec_load(VEC_MORE, "wycheproof/aes_cbc_pkcs5_test.json"), *group, *test;
	static struct vec key, iv, msg, ct;
	const struct alg_enc *e;
	size_t i, j, pad;
	unsigned n = 0;

	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	json_array_foreach(json_object_get(group, "tests"), j, test) {
		if (!vec_valid(test))
			continue;
		vec_json(&key, test, "key");
		vec_json(&iv, test, "iv");
		vec_json(&msg, test, "msg");
		vec_json(&ct, test, "ct");
		e = alg_enc_name("aes-cbc", (unsigned)key.len * 8);
		assert_non_null(e);
		pad = 16 - msg.len % 16;
		memset(msg.b + msg.len, (int)pad, pad);
		msg.len += pad;
		check_cbc(e, &key, &iv, &msg, &ct);
		n++;
	}
	print_message("wycheproof/aes_cbc_pkcs5_test.json: %u valid cases\n", n);
	assert_true(n >= 60);
	json_decref(root);
}

static void
cavp_cbc(void **state)
{
	(void)state;
	check_cavp("ciphers/AES/CBC/CBCMMT128.rsp", "aes128");
	check_cavp("ciphers/AES/CBC/CBCMMT192.rsp", "aes192");
	check_cavp("ciphers/AES/CBC/CBCMMT256.rsp", "aes256");
	check_cavp("ciphers/3DES/CBC/TCBCMMT2.rsp", "3des");
	check_cavp("ciphers/3DES/CBC/TCBCMMT3.rsp", "3des");
	if (vec_exists(VEC_MORE, "wycheproof/aes_cbc_pkcs5_test.json"))
		wycheproof_cbc();
}

static void
check_dh(const struct alg_group *g, const struct vec *priv, const struct vec *pub,
    const struct vec *peer, const struct vec *shared)
{
	struct dh *d = dh_from_private(g, vec_span(priv), &f);
	struct secret out = {0};

	assert_non_null(d);
	if (pub != NULL)
		assert_span_eq(dh_public(d), vec_span(pub));
	assert_int_equal(dh_shared(d, vec_span(peer), &out, &f), 0);
	assert_span_eq(secret_span(&out), vec_span(shared));
	secret_free(&out);
	dh_free(d);
}

static void
check_dh_json(enum vec_place place, const char *file, unsigned want)
{
	static const struct { const char *method, *word; } words[] = {
		{ "MODP_768_BIT", "modp768" }, { "MODP_1024_BIT", "modp1024" },
		{ "MODP_1536_BIT", "modp1536" }, { "MODP_2048_BIT", "modp2048" },
		{ "MODP_3072_BIT", "modp3072" }, { "MODP_4096_BIT", "modp4096" },
		{ "MODP_6144_BIT", "modp6144" }, { "MODP_8192_BIT", "modp8192" },
		{ "MODP_1024_160", "modp1024s160" }, { "MODP_2048_224", "modp2048s224" },
		{ "MODP_2048_256", "modp2048s256" }, { "ECP_256_BIT", "ecp256" },
		{ "ECP_384_BIT", "ecp384" }, { "ECP_521_BIT", "ecp521" },
		{ "CURVE_25519", "curve25519" },
	};
	json_t *root = vec_load(place, file), *v;
	static struct vec priv_i, priv_r, pub_i, pub_r, shared;
	const struct alg_group *g;
	const char *method;
	size_t i, j;
	unsigned n = 0;

	json_array_foreach(json_object_get(root, "vectors"), i, v) {
		method = json_string_value(json_object_get(v, "method"));
		for (g = NULL, j = 0; j < sizeof(words) / sizeof(words[0]); j++)
			if (strcmp(method, words[j].method) == 0)
				assert_non_null(g = alg_group_word(words[j].word));
		if (g == NULL)
			continue;	/* ECP 192 and 224, which we do without */
		vec_json(&priv_i, v, "priv_i");
		vec_json(&priv_r, v, "priv_r");
		vec_json(&pub_i, v, "pub_i");
		vec_json(&pub_r, v, "pub_r");
		vec_json(&shared, v, "shared");
		check_dh(g, &priv_i, &pub_i, &pub_r, &shared);
		check_dh(g, &priv_r, &pub_r, &pub_i, &shared);
		n++;
	}
	print_message("%s: %u cases, both sides\n", file, n);
	assert_int_equal(n, want);
	json_decref(root);
}

static void
dh_groups(void **state)
{
	(void)state;
	check_dh_json(VEC_OURS, "dh.json", 12);
	if (vec_exists(VEC_MORE, "dh-groups/ke-vectors.json"))
		check_dh_json(VEC_MORE, "dh-groups/ke-vectors.json", 16);
}

static void
dh_rfc5114(void **state)
{
	static const char *const words[] = { "modp1024s160", "modp2048s224", "modp2048s256" };
	static struct vec x1, y1, x2, y2, z;
	char name[128], value[2 * VEC_MAX + 1];
	FILE *fp = vec_open(VEC_DEBIAN, "asymmetric/DH/RFC5114.txt");
	const struct alg_group *g = NULL;
	unsigned n = 0;

	(void)state;
	while (vec_line(fp, name, sizeof(name), value, sizeof(value))) {
		if (strcmp(name, "COUNT") == 0)
			g = strtoul(value, NULL, 10) < 3 ?
			    alg_group_word(words[strtoul(value, NULL, 10)]) : NULL;
		else if (strcmp(name, "XstatCAVS") == 0)
			vec_hex(&x1, value);
		else if (strcmp(name, "YstatCAVS") == 0)
			vec_hex(&y1, value);
		else if (strcmp(name, "XstatIUT") == 0)
			vec_hex(&x2, value);
		else if (strcmp(name, "YstatIUT") == 0)
			vec_hex(&y2, value);
		else if (strcmp(name, "Z") == 0 && g != NULL) {
			vec_hex(&z, value);
			check_dh(g, &x1, &y1, &y2, &z);
			check_dh(g, &x2, &y2, &y1, &z);
			n++;
		}
	}
	fclose(fp);
	print_message("RFC5114.txt: %u cases, both sides\n", n);
	assert_int_equal(n, 3);
}

static void
dh_rfc7748(void **state)
{
	static struct vec scalar, u, out;
	char name[64], value[2 * VEC_MAX + 1];
	FILE *fp = vec_open(VEC_DEBIAN, "asymmetric/X25519/rfc7748.txt");
	unsigned n = 0;

	(void)state;
	while (vec_line(fp, name, sizeof(name), value, sizeof(value))) {
		if (strcmp(name, "INPUT_SCALAR") == 0)
			vec_hex(&scalar, value);
		else if (strcmp(name, "INPUT_U") == 0)
			vec_hex(&u, value);
		else if (strcmp(name, "OUTPUT_U") == 0) {
			vec_hex(&out, value);
			check_dh(alg_group_word("curve25519"), &scalar, NULL, &u, &out);
			n++;
		}
	}
	fclose(fp);
	print_message("rfc7748.txt: %u cases\n", n);
	assert_true(n >= 3);
}

/* The primes of RFC 3526 are the ones we reckon with: p-1 is refused, p-2 taken. */
static void
dh_rfc3526(void **state)
{
	static const unsigned nums[] = { 5, 14, 15, 16, 17, 18 };
	static struct vec p;
	static const uint8_t two[] = { 2 };
	char name[64], value[2 * VEC_MAX + 1];
	FILE *fp = vec_open(VEC_DEBIAN, "asymmetric/DH/rfc3526.txt");
	const struct alg_group *g = NULL;
	struct secret out = {0};
	struct dh *d;
	unsigned n = 0;

	(void)state;
	while (vec_line(fp, name, sizeof(name), value, sizeof(value))) {
		if (strcmp(name, "COUNT") == 0)
			g = alg_group_num(nums[strtoul(value, NULL, 10) % 6]);
		if (strcmp(name, "P") != 0)
			continue;
		vec_hex(&p, value);
		assert_non_null(g);
		d = dh_from_private(g, SPAN_ARRAY(two), &f);
		assert_non_null(d);
		p.b[p.len - 1]--;
		assert_int_equal(dh_shared(d, vec_span(&p), &out, &f), -1);
		assert_int_equal(f.code, FAULT_MALFORMED);
		p.b[p.len - 1]--;
		assert_int_equal(dh_shared(d, vec_span(&p), &out, &f), 0);
		assert_int_equal(out.p[out.len - 1], 4);	/* (-2)^2 */
		secret_free(&out);
		dh_free(d);
		n++;
	}
	fclose(fp);
	print_message("rfc3526.txt: %u primes\n", n);
	assert_int_equal(n, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hmac_md5), cmocka_unit_test(hmac_sha1),
		cmocka_unit_test(hmac_sha256), cmocka_unit_test(hmac_sha384),
		cmocka_unit_test(hmac_sha512), cmocka_unit_test(hmac_truncated),
		cmocka_unit_test(cavp_cbc),
		cmocka_unit_test(dh_groups), cmocka_unit_test(dh_rfc5114),
		cmocka_unit_test(dh_rfc7748), cmocka_unit_test(dh_rfc3526),
	};

	(void)secret_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
