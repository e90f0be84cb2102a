/* Proposal lists: what is taken, what is printed, what the errors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "crypto/proposal.h"

static void
ike_words_are_read_and_printed(void **state)
{
	static const char *const t[][2] = {
		{ "aes256-sha256-modp2048", "aes256-sha256-modp2048" },
		{ "AES-SHA-DH14", "aes128-sha1-modp2048" },
		{ "3des-md5-group2", "3des-md5-modp1024" },
		{ "aes192-sha2_512-x25519", "aes192-sha512-curve25519" },
		{ "des-md5-modp768", "des-md5-modp768" },
		{ " aes128-sha384-ecp384 ", "aes128-sha384-ecp384" },
		{ "modp2048s256-sha1-aes128", "aes128-sha1-modp2048s256" },
		{ "aes256-sha512-dh31", "aes256-sha512-curve25519" },
	};
	struct ike_proposals l;
	struct fault f;
	char text[PROPOSAL_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (ike_proposals_parse(&l, t[i][0], &f) != 0)
			fail_msg("%s: %s", t[i][0], f.what);
		assert_int_equal(l.n, 1);
		assert_string_equal(ike_proposal_text(text, &l.p[0]), t[i][1]);
	}
}

static void
esp_and_ah_words_are_read_and_printed(void **state)
{
	static const char *const t[][2] = {
		{ "aes256gcm16", "aes256gcm16" }, { "aes128gcm", "aes128gcm16" },
		{ "aes256gcm128-ecp256", "aes256gcm16-ecp256" },
		{ "aes128-sha256-modp2048-esn", "aes128-sha256-modp2048-esn" },
		{ "null-sha1", "null-sha1" }, { "aes128ctr-aesxcbc", "aes128ctr-aesxcbc" },
		{ "chacha20poly1305-noesn", "chacha20poly1305" },
		{ "aes-sha256_96", "aes128-sha256_96" }, { "3des-md5-esn", "3des-md5-esn" },
	};
	struct esp_proposals l;
	struct fault f;
	char text[PROPOSAL_TEXT];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (esp_proposals_parse(&l, t[i][0], &f) != 0)
			fail_msg("%s: %s", t[i][0], f.what);
		assert_int_equal(l.n, 1);
		assert_string_equal(esp_proposal_text(text, &l.p[0]), t[i][1]);
	}
	assert_int_equal(ah_proposals_parse(&l, "sha256-modp2048,md5-esn", &f), 0);
	assert_int_equal(l.n, 2);
	assert_null(l.p[0].enc);
	assert_string_equal(esp_proposal_text(text, &l.p[0]), "sha256-modp2048");
	assert_string_equal(esp_proposal_text(text, &l.p[1]), "md5-esn");
}

/* Every row by its word in each list that it fits, and refused in the others. */
static void
every_row_of_the_registry_is_reachable(void **state)
{
	const struct alg_enc *e;
	const struct alg_hash *h;
	const struct alg_integ *a;
	const struct alg_group *g;
	struct ike_proposals il;
	struct esp_proposals el;
	char text[PROPOSAL_TEXT];
	size_t i;

	(void)state;
	for (i = 0; (e = alg_enc_row(i)) != NULL; i++) {
		(void)snprintf(text, sizeof(text), "%s-sha1-modp2048", e->word);
		assert_int_equal(ike_proposals_parse(&il, text, NULL), e->ike != 0 ? 0 : -1);
		assert_true(e->ike == 0 || il.p[0].enc == e);
		(void)snprintf(text, sizeof(text), e->form == ALG_AEAD ? "%s" : "%s-sha1", e->word);
		assert_int_equal(esp_proposals_parse(&el, text, NULL), 0);
		assert_ptr_equal(el.p[0].enc, e);
	}
	for (i = 0; (h = alg_hash_row(i)) != NULL; i++) {
		(void)snprintf(text, sizeof(text), "aes128-%s-ecp256", h->word);
		assert_int_equal(ike_proposals_parse(&il, text, NULL), 0);
		assert_ptr_equal(il.p[0].hash, h);
	}
	for (i = 0; (a = alg_integ_row(i)) != NULL; i++) {
		assert_int_equal(ah_proposals_parse(&el, a->word, NULL), 0);
		assert_ptr_equal(el.p[0].integ, a);
	}
	for (i = 0; (g = alg_group_row(i)) != NULL; i++) {
		(void)snprintf(text, sizeof(text), "aes128-sha1-group%u", g->num);
		assert_int_equal(ike_proposals_parse(&il, text, NULL), 0);
		assert_ptr_equal(il.p[0].group, g);
		(void)snprintf(text, sizeof(text), "aes128gcm16-%s", g->word);
		assert_int_equal(esp_proposals_parse(&el, text, NULL), 0);
		assert_ptr_equal(el.p[0].group, g);
	}
}

static void
errors_name_the_word_and_what_fits(void **state)
{
	static const struct { char list; const char *text, *says; } t[] = {
		{ 'i', "aes129-sha1-modp2048", "aes129 is no cipher of IKE; known: aes128, " },
		{ 'i', "aes128-sha3-modp2048", "sha3 is no hash of IKE; known: sha1, " },
		{ 'i', "aes128-sha1-modp2047", "modp2047 is no group; known: modp2048, " },
		{ 'i', "aes256gcm16-sha256-modp2048", "aes256gcm16 is no cipher of IKE; known: " },
		{ 'i', "aes128-sha1", "\"aes128-sha1\" needs a group; known: " },
		{ 'i', "aes128-modp2048", "needs a hash of IKE" },
		{ 'i', "sha1-modp2048", "needs a cipher of IKE" },
		{ 'i', "aes128-aes256-sha1-modp2048", "two words for the cipher" },
		{ 'i', "aes128-sha1-md5-modp2048", "two words for the hash" },
		{ 'i', "aes128-sha1-modp2048-dh5", "two words for the group" },
		{ 'i', "aes128-sha1-modp2048-esn", "esn is no group" },
		{ 'i', "aes128-sha1-dh99", "dh99 is no group" },
		{ 'i', "aes128-sha1-dh", "dh is no group" },
		{ 'i', "", "an empty proposal" }, { 'i', "aes128-sha1-modp2048,", "an empty proposal" },
		{ 'i', "aes128--modp2048", "has an empty word" },
		{ 'i', "aes128-sha1-modp2048-", "has an empty word" },
		{ 'i', "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "is no algorithm" },
		{ 'e', "aes128", "\"aes128\" needs an integrity" },
		{ 'e', "null", "needs an integrity" }, { 'e', "aes128gcm16-sha1", "leave out sha1" },
		{ 'e', "sha1", "needs a cipher of ESP" }, { 'e', "aes128gcm16-foo", "foo is no group" },
		{ 'e', "aes128-foo", "foo is no integrity" },
		{ 'e', "foo", "foo is no cipher of ESP; known: aes128, aes192, aes256, 3des, des, null" },
		{ 'a', "aes128-sha1", "AH has none" }, { 'a', "modp2048", "needs an integrity" },
		{ 'a', "foo", "foo is no integrity" },
	};
	struct ike_proposals il;
	struct esp_proposals el;
	struct fault f;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		f = (struct fault){0};
		rc = t[i].list == 'i' ? ike_proposals_parse(&il, t[i].text, &f) :
		    t[i].list == 'e' ? esp_proposals_parse(&el, t[i].text, &f) :
		    ah_proposals_parse(&el, t[i].text, &f);
		assert_int_equal(rc, -1);
		assert_int_equal(f.code, FAULT_BAD_PROPOSAL);
		if (strstr(f.what, t[i].says) == NULL)
			fail_msg("%s: %s", t[i].text, f.what);
	}
}

static void
lists_keep_order_and_bound(void **state)
{
	struct ike_proposals l;
	struct fault f;
	char text[4096] = "", word[PROPOSAL_TEXT];
	const struct alg_group *g;
	const struct alg_hash *h;
	size_t i, j, n = 0;

	(void)state;
	assert_int_equal(ike_proposals_parse(&l,
	    "aes256-sha256-modp2048, 3des-md5-modp1024 ,aes-sha-dh14,aes128-sha1-modp2048", &f), 0);
	assert_int_equal(l.n, 3);	/* the last two are the same */
	assert_string_equal(ike_proposal_text(word, &l.p[1]), "3des-md5-modp1024");
	for (i = 0; i < 2; i++)
		for (j = 0; (g = alg_group_row(j)) != NULL && n <= PROPOSALS_MAX; j++, n++) {
			h = alg_hash_row(i);
			(void)snprintf(word, sizeof(word), "%saes128-%s-%s", n > 0 ? "," : "",
			    h->word, g->word);
			if (n == PROPOSALS_MAX) {
				assert_int_equal(ike_proposals_parse(&l, text, &f), 0);
				assert_int_equal(l.n, PROPOSALS_MAX);
			}
			(void)strcat(text, word);
		}
	assert_int_equal(ike_proposals_parse(&l, text, &f), -1);
	assert_non_null(strstr(f.what, "more than 24"));
	assert_int_equal(l.n, 0);
}

static void
defaults_contain_nothing_weak(void **state)
{
	struct ike_proposals il;
	struct esp_proposals el;
	struct fault f;
	char text[PROPOSAL_TEXT];
	size_t i;

	(void)state;
	assert_int_equal(ike_proposals_parse(&il, ike_proposals_default, &f), 0);
	assert_int_equal(esp_proposals_parse(&el, esp_proposals_default, &f), 0);
	assert_true(il.n >= 4 && el.n >= 4);
	for (i = 0; i < il.n; i++)
		assert_false(il.p[i].enc->weak || il.p[i].hash->weak || il.p[i].group->weak);
	for (i = 0; i < el.n; i++) {
		assert_false(el.p[i].enc->weak);
		assert_false(el.p[i].integ != NULL && el.p[i].integ->weak);
	}
	assert_string_equal(ike_proposal_text(text, &il.p[0]), "aes256-sha256-modp2048");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ike_words_are_read_and_printed),
		cmocka_unit_test(esp_and_ah_words_are_read_and_printed),
		cmocka_unit_test(every_row_of_the_registry_is_reachable),
		cmocka_unit_test(errors_name_the_word_and_what_fits),
		cmocka_unit_test(lists_keep_order_and_bound),
		cmocka_unit_test(defaults_contain_nothing_weak),
	};

	return (cmocka_run_group_tests_name("proposal", tests, NULL, NULL));
}
