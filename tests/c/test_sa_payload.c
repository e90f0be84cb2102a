/* Offering, choosing and accepting SA payloads of both phases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

#include "ike/v1base/sa_payload_p1.h"
#include "ike/v1base/sa_payload_p2.h"

static const uint16_t tunnel[] = { ENCAP_TUNNEL };
static const uint8_t spi_i[4] = { 0xc0, 1, 2, 3 }, spi_r[4] = { 0xc0, 4, 5, 6 };

static struct ike_policy
policy(const char *ike, const char *esp)
{
	struct ike_policy p;
	struct fault f;

	ike_policy_default(&p);
	if (ike != NULL && ike_proposals_parse(&p.ike, ike, &f) != 0)
		fail_msg("%s", f.what);
	if (esp != NULL && esp_proposals_parse(&p.esp, esp, &f) != 0)
		fail_msg("%s", f.what);
	return (p);
}

struct body {
	uint8_t	b[16384];
	size_t	len;
};

static struct span
span(const struct body *b)
{
	return (span_of(b->b, b->len));
}

static struct span
offer1(struct body *b, const struct ike_policy *p)
{
	struct wr w = wr_of(b->b, sizeof(b->b));

	p1_offer(&w, p);
	assert_false(w.bad);
	assert_true(w.len <= SA_BODY_MAX);
	b->len = w.len;
	return (span(b));
}

static struct span
offer2(struct body *b, const struct ike_policy *p)
{
	struct wr w = wr_of(b->b, sizeof(b->b));

	p2_offer(&w, p, spi_i, ENCAP_TUNNEL, p2_group(p));
	assert_false(w.bad);
	assert_true(w.len <= SA_BODY_MAX);
	b->len = w.len;
	return (span(b));
}

static size_t
ke_len(const struct ike_policy *p)
{
	return (p2_group(p) != NULL ? p2_group(p)->pub_len : 0);
}

/* A body with the transforms whose attributes are ${attrs}, one proposal. */
static struct span
made(struct body *b, uint8_t proto, struct span spi, uint8_t id, const struct span *attrs,
    size_t n)
{
	static struct isakmp_sa sa;
	struct wr w = wr_of(b->b, sizeof(b->b));
	size_t i;

	sa = (struct isakmp_sa){ .doi = 1, .situation = 1, .np = 1, .nt = n };
	sa.p[0] = (struct isakmp_proposal){ 1, proto, spi, n, 0 };
	for (i = 0; i < n; i++)
		sa.t[i] = (struct isakmp_transform){ (uint8_t)(i + 1), id, attrs[i] };
	isakmp_sa_put(&w, &sa);
	assert_false(w.bad);
	b->len = w.len;
	return (span(b));
}

/* Attributes as "type=value" pairs; type | 0x10000 writes the variable form. */
static struct span
attrs(uint8_t *buf, size_t cap, const uint32_t (*a)[2])
{
	struct wr w = wr_of(buf, cap);
	uint8_t v[4];

	for (; (*a)[0] != 0; a++) {
		put_be32(v, (*a)[1]);
		if ((*a)[0] & 0x10000)
			isakmp_attr_put_bytes(&w, (uint16_t)(*a)[0], SPAN_ARRAY(v));
		else
			isakmp_attr_put(&w, (uint16_t)(*a)[0], (*a)[1]);
	}
	assert_false(w.bad);
	return (wr_span(&w));
}

static struct body b1, b2;
static struct fault f;

static void
phase1_bytes_are_those_of_the_rfc(void **state)
{
	static const uint8_t want[] = {
		0, 0, 0, 1, 0, 0, 0, 1,
		0, 0, 0, 0x2c, 1, 1, 0, 1,
		0, 0, 0, 0x24, 1, 1, 0, 0,
		0x80, 1, 0, 7, 0x80, 14, 1, 0, 0x80, 2, 0, 4, 0x80, 4, 0, 14, 0x80, 3, 0, 1,
		0x80, 11, 0, 1, 0x80, 12, 0x70, 0x80,
	};
	struct ike_policy p = policy("aes256-sha256-modp2048", NULL);
	struct span s = offer1(&b1, &p);

	(void)state;
	assert_int_equal(s.len, sizeof(want));
	assert_memory_equal(s.p, want, sizeof(want));
}

static void
phase2_bytes_are_those_of_the_rfc(void **state)
{
	static const uint8_t want[] = {
		0, 0, 0, 1, 0, 0, 0, 1,
		0, 0, 0, 0x34, 1, 3, 4, 1, 0xc0, 1, 2, 3,
		0, 0, 0, 0x28, 1, 12, 0, 0,
		0x80, 3, 0, 14, 0x80, 4, 0, 1, 0x80, 5, 0, 5, 0x80, 6, 0, 128,
		0x80, 1, 0, 1, 0, 2, 0, 4, 0, 1, 0x51, 0x80, 0x80, 11, 0, 1,
	};
	struct ike_policy p = policy(NULL, "aes128-sha256-modp2048-esn");
	struct span s;

	(void)state;
	p.esp_seconds = 86400;
	s = offer2(&b1, &p);
	assert_int_equal(s.len, sizeof(want));
	assert_memory_equal(s.p, want, sizeof(want));
}

static void
every_ike_algorithm_is_agreed(void **state)
{
	const struct alg_enc *e;
	const struct alg_hash *h;
	const struct alg_group *g;
	struct ike_policy p = policy("aes128-sha1-modp2048", NULL);
	struct p1_choice c, d;
	struct wr w;
	size_t i, j, k, n = 0;

	(void)state;
	for (i = 0; (e = alg_enc_row(i)) != NULL; i++)
		for (j = 0; (h = alg_hash_row(j)) != NULL; j++)
			for (k = 0; (g = alg_group_row(k)) != NULL; k++) {
				if (e->ike == 0)
					continue;
				p.ike.p[0] = (struct ike_proposal){ e, h, g };
				w = wr_of(b2.b, sizeof(b2.b));
				assert_int_equal(p1_choose(&c, offer1(&b1, &p), &p, &w,
				    &f), 0);
				assert_true(c.proposal.enc == e && c.proposal.hash == h &&
				    c.proposal.group == g);
				assert_int_equal(p1_accept(&d, wr_span(&w), &p, &f), 0);
				assert_true(d.proposal.enc == e && d.proposal.group == g);
				n++;
			}
	assert_true(n > 300);
}

static void
every_esp_and_ah_algorithm_is_agreed(void **state)
{
	const struct alg_enc *e;
	const struct alg_integ *a;
	struct ike_policy p = policy(NULL, "aes128-sha1");
	struct p2_choice c, d;
	struct wr w;
	size_t i, j, n = 0;
	bool aead;

	(void)state;
	for (i = 0; i == 0 || alg_enc_row(i - 1) != NULL; i++)
		for (j = 0; (a = alg_integ_row(j)) != NULL; j++) {
			e = alg_enc_row(i);	/* the last round, without, is AH */
			aead = e != NULL && e->form == ALG_AEAD;
			p.proto = e == NULL ? SA_AH : SA_ESP;
			p.esp.p[0] = (struct esp_proposal){ e, aead ? NULL : a,
			    n % 3 == 0 ? alg_group_row(n % 15) : NULL, n % 2 == 0 };
			w = wr_of(b2.b, sizeof(b2.b));
			if (p2_choose(&c, offer2(&b1, &p), &p, tunnel, 1, ke_len(&p), spi_r, &w,
			    &f) != 0)
				fail_msg("%s", f.what);
			assert_memory_equal(&c.proposal, &p.esp.p[0], sizeof(c.proposal));
			assert_memory_equal(c.spi, spi_i, 4);
			assert_int_equal(c.encap, ENCAP_TUNNEL);
			assert_int_equal(p2_accept(&d, wr_span(&w), &p, ENCAP_TUNNEL,
			    p2_group(&p), &f), 0);
			assert_memory_equal(&d.proposal, &p.esp.p[0], sizeof(d.proposal));
			assert_memory_equal(d.spi, spi_r, 4);
			n++;
		}
	assert_true(n > 100);
}

static void
the_responder_goes_by_its_own_list(void **state)
{
	struct ike_policy i = policy("3des-md5-modp1024,aes128-sha1-modp2048,aes256-sha256-modp2048",
	    "aes128-sha1,aes256gcm16,aes128-sha256");
	struct ike_policy r = policy("aes256-sha256-modp2048,aes128-sha1-modp2048",
	    "aes128-sha256,aes256gcm16");
	struct p1_choice c;
	struct p2_choice d;
	struct isakmp_sa sa, mine;
	struct wr w = wr_of(b2.b, sizeof(b2.b));
	char text[PROPOSAL_TEXT];

	(void)state;
	assert_int_equal(p1_choose(&c, offer1(&b1, &i), &r, &w, &f), 0);
	assert_string_equal(ike_proposal_text(text, &c.proposal), "aes256-sha256-modp2048");
	assert_int_equal(c.num, 3);
	/* The reply is that transform, byte for byte. */
	assert_int_equal(isakmp_sa_get(&mine, span(&b1), &f), 0);
	assert_int_equal(isakmp_sa_get(&sa, wr_span(&w), &f), 0);
	assert_true(sa.np == 1 && sa.nt == 1 && sa.t[0].num == 3);
	assert_true(span_eq(sa.t[0].attrs, mine.t[2].attrs));

	w = wr_of(b2.b, sizeof(b2.b));
	assert_int_equal(p2_choose(&d, offer2(&b1, &i), &r, tunnel, 1, 0, spi_r, &w, &f), 0);
	assert_string_equal(esp_proposal_text(text, &d.proposal), "aes128-sha256");
	assert_int_equal(isakmp_sa_get(&sa, wr_span(&w), &f), 0);
	assert_memory_equal(sa.p[0].spi.p, spi_r, 4);
}

static void
all_known_transforms_are_accepted_only_on_request(void **state)
{
	struct ike_policy i = policy("des-md5-modp768,3des-md5-modp1024", "des-md5-modp768");
	struct ike_policy r = policy("aes256-sha256-modp2048", "aes256gcm16");
	struct p1_choice c;
	struct p2_choice d;
	struct wr w = wr_of(b2.b, sizeof(b2.b));

	(void)state;
	assert_int_equal(p1_choose(&c, offer1(&b1, &i), &r, &w, &f), -1);
	assert_int_equal(w.len, 0);
	r.accept_all = true;
	assert_int_equal(p1_choose(&c, offer1(&b1, &i), &r, &w, &f), 0);
	assert_string_equal(c.proposal.enc->word, "des");
	r.auths[0] = AUTH_RSA_SIG;
	assert_int_equal(p1_choose(&c, offer1(&b1, &i), &r, &w, &f), -1);
	assert_int_equal(p2_choose(&d, offer2(&b1, &i), &r, tunnel, 1, 96, spi_r, &w, &f), 0);
	assert_string_equal(d.proposal.group->word, "modp768");
}

static void
each_difference_of_phase1_is_named(void **state)
{
	static const struct { const char *offer, *says; } t[] = {
		{ "aes128-sha256-modp2048", "cipher aes128 where aes256 is configured" },
		{ "3des-sha256-modp2048", "cipher 3des where aes256 is configured" },
		{ "aes256-sha1-modp2048", "hash sha1 where sha256 is configured" },
		{ "aes256-sha256-modp1024", "group modp1024 where modp2048 is configured" },
		{ "des-md5-modp768,aes256-sha256-ecp256", "aes256-sha256-ecp256, the closest" },
	};
	struct ike_policy r = policy("aes256-sha256-modp2048", NULL), i;
	struct p1_choice c;
	struct wr w = wr_of(b2.b, sizeof(b2.b));
	char text[SA_MISMATCH_TEXT];
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(t) / sizeof(t[0]); n++) {
		i = policy(t[n].offer, NULL);
		assert_int_equal(p1_choose(&c, offer1(&b1, &i), &r, &w, &f), -1);
		assert_int_equal(f.code, FAULT_NO_PROPOSAL);
		if (strstr(f.what, t[n].says) == NULL)
			fail_msg("%s: %s", t[n].offer, f.what);
		p1_mismatch_text(text, sizeof(text), span(&b1), &r);
		assert_non_null(strstr(text, t[n].says));
		assert_non_null(strstr(text, "aes256-sha256-modp2048\n"));
	}
	assert_int_equal(w.len, 0);
	(void)offer1(&b1, &r);
	r.auths[0] = AUTH_RSA_SIG;
	assert_int_equal(p1_choose(&c, span(&b1), &r, &w, &f), -1);
	assert_non_null(strstr(f.what, "authentication PSK where RSA-SIG is configured"));
}

static void
each_difference_of_phase2_is_named(void **state)
{
	static const struct { const char *own, *offer, *says; enum fault_code code; } t[] = {
		{ "aes256-sha256", "aes128-sha256", "cipher aes128 where aes256", FAULT_NO_PROPOSAL },
		{ "aes256-sha256", "aes256-sha1", "integrity sha1 where sha256", FAULT_NO_PROPOSAL },
		{ "aes256-sha256", "aes256-sha256-esn", "ESN where none", FAULT_NO_PROPOSAL },
		{ "aes256-sha256-esn", "aes256-sha256", "has no ESN", FAULT_NO_PROPOSAL },
		{ "aes256gcm16", "aes256-sha256", "cipher aes256 where aes256gcm16",
		    FAULT_NO_PROPOSAL },
		{ "aes256gcm16", "aes256gcm12", "aes256gcm12 where aes256gcm16", FAULT_NO_PROPOSAL },
		{ "aes256-sha256-modp2048", "aes256-sha256", "PFS group none where modp2048",
		    FAULT_PFS_MISMATCH },
		{ "aes256-sha256", "aes256-sha256-modp2048", "PFS group modp2048 where none",
		    FAULT_PFS_MISMATCH },
		{ "aes256-sha256-ecp256", "aes256-sha256-modp2048", "modp2048 where ecp256",
		    FAULT_PFS_MISMATCH },
	};
	struct ike_policy r, i;
	struct p2_choice c;
	struct wr w = wr_of(b2.b, sizeof(b2.b));
	static const uint16_t transport[] = { ENCAP_TRANSPORT, ENCAP_UDP_TRANSPORT };
	char text[SA_MISMATCH_TEXT];
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(t) / sizeof(t[0]); n++) {
		r = policy(NULL, t[n].own);
		i = policy(NULL, t[n].offer);
		assert_int_equal(p2_choose(&c, offer2(&b1, &i), &r, tunnel, 1, ke_len(&i), spi_r, &w,
		    &f), -1);
		if (strstr(f.what, t[n].says) == NULL || f.code != t[n].code)
			fail_msg("%s: %s", t[n].offer, f.what);
		p2_mismatch_text(text, sizeof(text), span(&b1), &r, tunnel, 1, ke_len(&i));
		assert_non_null(strstr(text, t[n].says));
	}
	assert_int_equal(p2_choose(&c, span(&b1), &i, transport, 2, ke_len(&i), spi_r, &w, &f), -1);
	assert_non_null(strstr(f.what, "mode TUNNEL where TRANSPORT is configured"));
	r = i;
	r.proto = SA_AH;
	assert_int_equal(p2_choose(&c, span(&b1), &r, tunnel, 1, ke_len(&i), spi_r, &w, &f), -1);
	assert_non_null(strstr(f.what, "protocol ESP where AH is configured"));
	assert_int_equal(w.len, 0);
}

static void
phase1_refuses_odd_transforms(void **state)
{
	/* Around encryption 7, key 128, hash 2, auth 1, group 2. */
	static const struct { uint32_t a[10][2]; const char *says; } t[] = {
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 } }, NULL },
		{ { { 4, 2 }, { 3, 1 }, { 2, 2 }, { 14, 128 }, { 1, 7 } }, NULL },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 11, 1 }, { 12, 60 } },
		    NULL },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 11, 1 },
		    { 0x1000c, 60 }, { 11, 2 }, { 0x1000c, 9 } }, NULL },
		{ { { 1, 7 }, { 2, 2 }, { 3, 1 }, { 4, 2 } }, "AES without a key length" },
		{ { { 1, 7 }, { 14, 0 }, { 2, 2 }, { 3, 1 }, { 4, 2 } }, "cipher" },
		{ { { 1, 7 }, { 14, 129 }, { 2, 2 }, { 3, 1 }, { 4, 2 } }, "cipher" },
		{ { { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 } }, "cipher" },
		{ { { 1, 7 }, { 14, 128 }, { 3, 1 }, { 4, 2 } }, "hash" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 4, 2 } }, "authentication" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 } }, "group" },
		{ { { 1, 99 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 } }, "encryption(99,128 bits)" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 99 }, { 3, 1 }, { 4, 2 } }, "hash 99" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 99 } }, "group 99" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 13, 1 } },
		    "PRF is not supported" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 5, 1 } },
		    "GROUP-TYPE is not supported" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 16384, 1 } },
		    "attribute 16384 is not supported" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 1, 7 } },
		    "ENCRYPTION occurs twice" },
		{ { { 0x10001, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 } },
		    "ENCRYPTION is not in the basic form" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 11, 1 } },
		    "LIFE-TYPE has no duration" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 12, 60 } },
		    "LIFE-DURATION has no type" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 11, 3 }, { 12, 60 } },
		    "LIFE-TYPE is unknown" },
		{ { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 11, 1 }, { 12, 60 },
		    { 11, 1 }, { 12, 60 } }, "LIFE-DURATION occurs twice" },
		{ { { 1, 5 }, { 14, 192 }, { 2, 2 }, { 3, 1 }, { 4, 2 } }, "cipher" },
	};
	struct ike_policy r = policy("aes128-sha1-modp1024", NULL);
	struct p1_choice c;
	struct span a;
	struct wr w;
	uint8_t buf[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		a = attrs(buf, sizeof(buf), t[i].a);
		w = wr_of(b2.b, sizeof(b2.b));
		(void)made(&b1, PROTO_ISAKMP, SPAN_NONE, 1, &a, 1);
		if ((p1_choose(&c, span(&b1), &r, &w, &f) == 0) != (t[i].says == NULL))
			fail_msg("%zu: %s", i, t[i].says != NULL ? t[i].says : f.what);
		if (t[i].says != NULL && strstr(f.what, t[i].says) == NULL)
			fail_msg("%s: %s", t[i].says, f.what);
		if (t[i].says != NULL) {
			assert_int_equal(p1_accept(&c, span(&b1), &r, &f), -1);
			assert_int_equal(f.code, FAULT_PROTOCOL);
			/* With accept-all only what the registry knows. */
			r.accept_all = true;
			assert_int_equal(p1_choose(&c, span(&b1), &r, &w, &f), -1);
			r.accept_all = false;
		}
	}
	a = attrs(buf, sizeof(buf), t[0].a);
	assert_int_equal(p1_choose(&c, made(&b1, PROTO_ISAKMP, SPAN_NONE, 2, &a, 1), &r, &w,
	    &f), -1);
	assert_non_null(strstr(f.what, "KEY_IKE"));
	assert_int_equal(p1_choose(&c, made(&b1, PROTO_ESP, SPAN_NONE, 1, &a, 1), &r, &w,
	    &f), -1);
	assert_int_equal(p1_choose(&c, made(&b1, PROTO_ISAKMP, SPAN_NONE, 1, &a, 0), &r, &w,
	    &f), -1);
	assert_non_null(strstr(f.what, "no transform is offered"));
	a.len -= 1;
	assert_int_equal(p1_choose(&c, made(&b1, PROTO_ISAKMP, SPAN_NONE, 1, &a, 1), &r, &w,
	    &f), -1);
	assert_non_null(strstr(f.what, "malformed"));
	/* A phase 1 SPI, which some peers send, is ignored. */
	a.len += 1;
	w = wr_of(b2.b, sizeof(b2.b));
	assert_int_equal(p1_choose(&c, made(&b1, PROTO_ISAKMP, span_of("12345678", 8), 1, &a, 1), &r, &w, &f), 0);
	assert_int_equal(p1_choose(&c, span_of(b1.b, b1.len - 1), &r, &w, &f), -1);
	assert_int_equal(f.code, FAULT_MALFORMED);
}

static void
phase2_refuses_odd_transforms(void **state)
{
	/* Around ESP AES (12): mode 1, auth 2, key 128. */
	static const struct { uint8_t id; uint32_t a[8][2]; size_t ke; const char *says; } t[] = {
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 } }, 0, NULL },
		{ 12, { { 5, 2 }, { 6, 128 } }, 0, NULL },	/* no mode: ours */
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 1, 1 }, { 0x10002, 99 }, { 1, 2 },
		    { 2, 1000 } }, 0, NULL },
		{ 12, { { 4, 1 }, { 5, 2 } }, 0, "AES without a key length" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 0 } }, 0, "key of 0 bits" },
		{ 12, { { 4, 1 }, { 6, 128 } }, 0, "integrity" },
		{ 12, { { 4, 2 }, { 5, 2 }, { 6, 128 } }, 0, "mode TRANSPORT where TUNNEL" },
		{ 12, { { 4, 3 }, { 5, 2 }, { 6, 128 } }, 0, "mode UDP-TUNNEL where TUNNEL" },
		{ 12, { { 4, 0 }, { 5, 2 }, { 6, 128 } }, 0, "mode" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 7, 10 } }, 0,
		    "KEY-ROUNDS is not supported" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 10, 1 } }, 0, "attribute 10" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 11, 2 } }, 0, "ESN value" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 11, 1 } }, 0, "has ESN" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 3, 14 } }, 0, "no KE" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 } }, 256, "no group" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 3, 14 } }, 128, "length" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 4, 1 } }, 0, "ENCAP-MODE occurs twice" },
		{ 12, { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 2, 5 } }, 0, "has no type" },
		{ 3, { { 4, 1 }, { 5, 2 }, { 6, 192 } }, 0, "cipher" },
		{ 99, { { 4, 1 }, { 5, 2 }, { 6, 128 } }, 0, "cipher 99" },
		{ 12, { { 4, 1 }, { 5, 99 }, { 6, 128 } }, 0, "integrity 99" },
		{ 20, { { 4, 1 }, { 5, 2 }, { 6, 128 } }, 0, "beside an AEAD" },
	};
	struct ike_policy r = policy(NULL, "aes128-sha1,aes128gcm16,aes128-sha1-modp2048");
	struct p2_choice c;
	struct span a;
	struct wr w;
	uint8_t buf[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		a = attrs(buf, sizeof(buf), t[i].a);
		w = wr_of(b2.b, sizeof(b2.b));
		(void)made(&b1, PROTO_ESP, SPAN_ARRAY(spi_i), t[i].id, &a, 1);
		if ((p2_choose(&c, span(&b1), &r, tunnel, 1, t[i].ke, spi_r, &w, &f) == 0) !=
		    (t[i].says == NULL))
			fail_msg("%zu: %s", i, t[i].says != NULL ? t[i].says : f.what);
		if (t[i].says != NULL && strstr(f.what, t[i].says) == NULL) {
			char text[SA_MISMATCH_TEXT];

			p2_mismatch_text(text, sizeof(text), span(&b1), &r, tunnel, 1, t[i].ke);
			fail_msg("%s: %s\n%s", t[i].says, f.what, text);
		}
		if (t[i].says == NULL)
			assert_int_equal(c.encap, ENCAP_TUNNEL);
	}
}

static void
spis_and_proposals_that_share_a_number(void **state)
{
	static const uint8_t reserved[4] = { 0, 0, 0, 255 }, lowest[4] = { 0, 0, 1, 0 };
	static const uint32_t esp[][2] = { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 0, 0 } },
	    ipcomp[][2] = { { 4, 1 }, { 0, 0 } };
	struct ike_policy r = policy(NULL, "aes128-sha1");
	struct p2_choice c;
	static struct isakmp_sa sa;
	uint8_t x[64], y[64];
	struct span a = attrs(x, sizeof(x), esp), b = attrs(y, sizeof(y), ipcomp);
	struct wr w = wr_of(b2.b, sizeof(b2.b)), v;

	(void)state;
	assert_int_equal(p2_choose(&c, made(&b1, PROTO_ESP, SPAN_ARRAY(lowest), 12, &a, 1), &r,
	    tunnel, 1, 0, spi_r, &w, &f), 0);
	assert_int_equal(p2_choose(&c, made(&b1, PROTO_ESP, SPAN_ARRAY(reserved), 12, &a, 1), &r,
	    tunnel, 1, 0, spi_r, &w, &f), -1);
	assert_int_equal(p2_choose(&c, made(&b1, PROTO_ESP, span_of(lowest, 3), 12, &a, 1), &r,
	    tunnel, 1, 0, spi_r, &w, &f), -1);
	assert_int_equal(p2_choose(&c, made(&b1, PROTO_ESP, SPAN_NONE, 12, &a, 1), &r, tunnel, 1, 0,
	    spi_r, &w, &f), -1);
	assert_int_equal(p2_choose(&c, made(&b1, PROTO_ISAKMP, SPAN_ARRAY(spi_i), 12, &a, 1), &r,
	    tunnel, 1, 0, spi_r, &w, &f), -1);
	/* ESP AND IPCOMP under one number, then only ESP under another. */
	sa = (struct isakmp_sa){ .doi = 1, .situation = 1, .np = 2, .nt = 3 };
	sa.p[0] = (struct isakmp_proposal){ 1, PROTO_ESP, SPAN_ARRAY(spi_i), 1, 0 };
	sa.p[1] = (struct isakmp_proposal){ 1, PROTO_IPCOMP, span_of("\0\x02", 2), 1, 1 };
	sa.p[2] = (struct isakmp_proposal){ 2, PROTO_ESP, SPAN_ARRAY(lowest), 1, 2 };
	sa.t[0] = sa.t[2] = (struct isakmp_transform){ 1, 12, a };
	sa.t[1] = (struct isakmp_transform){ 1, 2, b };
	v = wr_of(b1.b, sizeof(b1.b));
	isakmp_sa_put(&v, &sa);
	assert_int_equal(p2_choose(&c, wr_span(&v), &r, tunnel, 1, 0, spi_r, &w, &f), -1);
	assert_non_null(strstr(f.what, "compression (IPComp) is not supported"));
	sa.np = 3;
	v = wr_of(b1.b, sizeof(b1.b));
	isakmp_sa_put(&v, &sa);
	w = wr_of(b2.b, sizeof(b2.b));
	assert_int_equal(p2_choose(&c, wr_span(&v), &r, tunnel, 1, 0, spi_r, &w, &f), 0);
	assert_memory_equal(c.spi, lowest, 4);
	assert_int_equal(b2.b[12], 2);	/* the proposal's number */
}

/* A body with the ${n} proposals of ${p}, each with the transform of its protocol. */
static struct span
proposals(struct body *b, const struct isakmp_proposal *p, size_t n, struct span esp, struct span ah)
{
	static struct isakmp_sa sa;
	struct wr w = wr_of(b->b, sizeof(b->b));
	size_t i;

	sa = (struct isakmp_sa){ .doi = 1, .situation = 1, .np = n, .nt = n };
	for (i = 0; i < n; i++) {
		sa.p[i] = p[i];
		sa.p[i].n = 1;
		sa.p[i].first = i;
		sa.t[i] = p[i].proto == PROTO_AH ? (struct isakmp_transform){ 1, 5, ah } : (struct isakmp_transform){ 1, 12, esp };
	}
	isakmp_sa_put(&w, &sa);
	assert_false(w.bad);
	return (wr_span(&w));
}

static void
bundles_are_esp_and_ah_once_each(void **state)
{
	static const uint32_t esp[][2] = { { 4, 1 }, { 5, 2 }, { 6, 128 }, { 0, 0 } }, sha256[][2] = { { 4, 1 }, { 5, 5 }, { 0, 0 } };
	static const uint8_t spis_i[8] = { 1, 0, 0, 1, 2, 0, 0, 2 }, spis_r[8] = { 3, 0, 0, 3, 4, 0, 0, 4 };
	const struct span one = span_of(spis_i, 4), two = span_of(spis_i + 4, 4);
	const struct isakmp_proposal good[] = { { 1, PROTO_ESP, one, 1, 0 }, { 1, PROTO_AH, two, 1, 0 } },
	    alone[] = { { 1, PROTO_ESP, one, 1, 0 } }, apart[] = { { 1, PROTO_ESP, one, 1, 0 }, { 2, PROTO_AH, two, 1, 0 } },
	    twice[] = { { 1, PROTO_ESP, one, 1, 0 }, { 1, PROTO_ESP, two, 1, 0 } },
	    more[] = { { 1, PROTO_ESP, one, 1, 0 }, { 1, PROTO_AH, two, 1, 0 }, { 1, PROTO_IPCOMP, one, 1, 0 } },
	    reserved[] = { { 1, PROTO_ESP, one, 1, 0 }, { 1, PROTO_AH, span_of("\0\0\0\1", 4), 1, 0 } },
	    second[] = { { 1, PROTO_ESP, one, 1, 0 }, { 2, PROTO_AH, two, 1, 0 }, { 2, PROTO_ESP, one, 1, 0 } };
	const struct { const struct isakmp_proposal *p; size_t n; const char *why; enum fault_code code; } t[] = {
		{ good, 2, NULL, FAULT_NONE }, { second, 3, NULL, FAULT_NONE },
		{ alone, 1, "no bundle", FAULT_NO_PROPOSAL }, { apart, 2, "no bundle", FAULT_NO_PROPOSAL },
		{ twice, 2, "twice", FAULT_PROTOCOL }, { more, 3, "no bundle", FAULT_NO_PROPOSAL },
		{ reserved, 2, "SPI", FAULT_NO_PROPOSAL },
	};
	struct ike_policy r = policy(NULL, "aes128-sha1"), i;
	struct p2_choice c, back;
	uint8_t x[64], y[64];
	struct span e = attrs(x, sizeof(x), esp), a = attrs(y, sizeof(y), sha256);
	struct wr w;
	size_t n;

	(void)state;
	/* Without AH in the policy a bundle is refused, and a protocol that is there twice is malformed. */
	w = wr_of(b2.b, sizeof(b2.b));
	assert_int_equal(p2_choose(&c, proposals(&b1, good, 2, e, a), &r, tunnel, 1, 0, spis_r, &w, &f), -1);
	assert_int_equal(f.code, FAULT_NO_PROPOSAL);
	assert_non_null(strstr(f.what, "a bundle of several protocols"));
	assert_int_equal(ah_proposals_parse(&r.ah, "sha512,sha256", &f), 0);
	for (n = 0; n < sizeof(t) / sizeof(t[0]); n++) {
		w = wr_of(b2.b, sizeof(b2.b));
		if (p2_choose(&c, proposals(&b1, t[n].p, t[n].n, e, a), &r, tunnel, 1, 0, spis_r, &w, &f) == 0) {
			assert_null(t[n].why);
			assert_true(c.bundle);
			assert_memory_equal(c.spi, spis_i, 4);
			assert_memory_equal(c.ah_spi, spis_i + 4, 4);
			assert_string_equal(c.ah.integ->word, "sha256");
			continue;
		}
		assert_non_null(t[n].why);
		assert_int_equal(f.code, t[n].code);
		assert_non_null(strstr(f.what, t[n].why));
		assert_int_equal(w.len, 0);
	}
	/* What one end offers, the other accepts, and the first accepts the answer, with PFS too. */
	i = policy(NULL, "aes256-sha256-modp2048,aes128-sha1-modp2048");
	assert_int_equal(ah_proposals_parse(&i.ah, "sha1,sha256", &f), 0);
	r = policy(NULL, "aes128-sha1-modp2048");
	assert_int_equal(ah_proposals_parse(&r.ah, "sha256", &f), 0);
	w = wr_of(b1.b, sizeof(b1.b));
	p2_offer(&w, &i, spis_i, ENCAP_TUNNEL, p2_group(&i));
	b1.len = w.len;
	w = wr_of(b2.b, sizeof(b2.b));
	assert_int_equal(p2_choose(&c, span(&b1), &r, tunnel, 1, ke_len(&r), spis_r, &w, &f), 0);
	assert_int_equal(p2_accept(&back, wr_span(&w), &i, ENCAP_TUNNEL, p2_group(&i), &f), 0);
	assert_true(back.bundle);
	assert_memory_equal(back.spi, spis_r, 4);
	assert_memory_equal(back.ah_spi, spis_r + 4, 4);
	assert_ptr_equal(back.ah.integ, c.ah.integ);
	assert_ptr_equal(back.proposal.enc, c.proposal.enc);
	/* Half an answer is none. */
	assert_int_equal(p2_accept(&back, proposals(&b2, alone, 1, e, a), &i, ENCAP_TUNNEL, p2_group(&i), &f), -1);
	assert_int_equal(f.code, FAULT_PROTOCOL);
}

static void
the_shorter_lifetime_counts(void **state)
{
	static const struct { uint64_t own_s, own_k, said_s, said_k, s, k; bool shorter; } t[] = {
		{ 3600, 0, 3600, 0, 3600, 0, false }, { 3600, 0, 1000, 0, 1000, 0, false },
		{ 3600, 0, 86400, 0, 3600, 0, true }, { 3600, 0, 0, 0, 3600, 0, true },
		{ 3600, 500, 3600, 0, 3600, 500, true }, { 3600, 0, 3600, 500, 3600, 500, false },
		{ 3600, 500, 3600, 400, 3600, 400, false }, { 3600, 500, 1000, 600, 1000, 500, true },
		{ 1ULL << 40, 0, 1ULL << 40, 0, UINT32_MAX, 0, false },
	};
	struct ike_policy i = policy("aes128-sha1-modp2048", "aes128-sha1"), r = i;
	struct p1_choice c;
	struct p2_choice d;
	struct wr w;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(t) / sizeof(t[0]); n++) {
		i.esp_seconds = i.ike_seconds = t[n].said_s;
		i.esp_kilobytes = t[n].said_k;
		r.esp_seconds = r.ike_seconds = t[n].own_s;
		r.esp_kilobytes = t[n].own_k;
		w = wr_of(b2.b, sizeof(b2.b));
		assert_int_equal(p2_choose(&d, offer2(&b1, &i), &r, tunnel, 1, 0, spi_r, &w, &f), 0);
		assert_true(d.life.seconds == t[n].s && d.life.kilobytes == t[n].k);
		assert_int_equal(d.shorter, t[n].shorter);
		assert_int_equal(p1_choose(&c, offer1(&b1, &i), &r, &w, &f), 0);
		assert_true(c.life.seconds == t[n].s);
	}
}

static void
the_initiator_takes_only_what_it_offered(void **state)
{
	struct ike_policy i = policy("aes256-sha256-modp2048,aes128-sha1-ecp256",
	    "aes256gcm16,aes128-sha1,aes128-sha1-modp2048");
	struct ike_policy other = policy("aes128-sha1-modp2048", "aes128-sha256");
	struct p1_choice c;
	struct p2_choice d;
	const struct alg_group *g = alg_group_num(14);
	struct wr w = wr_of(b1.b, sizeof(b1.b));

	(void)state;
	assert_int_equal(p1_accept(&c, offer1(&b1, &other), &i, &f), -1);
	assert_int_equal(f.code, FAULT_PROTOCOL);
	assert_non_null(strstr(f.what, "aes128-sha1-modp2048, which was not offered"));
	assert_int_equal(p1_accept(&c, offer1(&b1, &i), &i, &f), -1);
	assert_non_null(strstr(f.what, "2 transforms"));
	i.accept_all = true;	/* which is about what others offer */
	assert_int_equal(p1_accept(&c, offer1(&b1, &other), &i, &f), -1);
	other = policy("aes128-sha1-ecp256", NULL);
	assert_int_equal(p1_accept(&c, offer1(&b1, &other), &i, &f), 0);
	i.auths[0] = AUTH_RSA_SIG;
	assert_int_equal(p1_accept(&c, span(&b1), &i, &f), -1);
	i.auths[0] = AUTH_PSK;
	/* Aggressive mode offers only the group of the first proposal. */
	i.exchange = SA_AGGRESSIVE;
	assert_int_equal(p1_accept(&c, span(&b1), &i, &f), -1);
	assert_ptr_equal(p1_group(&i), g);
	assert_int_equal(b1.b[15], 1);
	(void)offer1(&b1, &i);
	assert_int_equal(b1.b[15], 1);	/* the number of transforms */

	other = policy(NULL, "aes128-sha256");
	assert_int_equal(p2_accept(&d, offer2(&b1, &other), &i, ENCAP_TUNNEL, NULL, &f), -1);
	assert_int_equal(f.code, FAULT_PROTOCOL);
	other = policy(NULL, "aes128-sha1");
	assert_int_equal(p2_accept(&d, offer2(&b1, &other), &i, ENCAP_TUNNEL, NULL, &f), 0);
	assert_int_equal(p2_accept(&d, span(&b1), &i, ENCAP_TRANSPORT, NULL, &f), -1);
	assert_int_equal(p2_accept(&d, span(&b1), &i, ENCAP_TUNNEL, g, &f), -1);
	other = policy(NULL, "aes128-sha1-modp2048");
	assert_int_equal(p2_accept(&d, offer2(&b1, &other), &i, ENCAP_TUNNEL, g, &f), 0);
	assert_ptr_equal(d.proposal.group, g);
	assert_int_equal(p2_accept(&d, span(&b1), &i, ENCAP_TUNNEL, NULL, &f), -1);
	/* Quick mode offers what has the KE's group, and something at least. */
	w = wr_of(b1.b, sizeof(b1.b));
	p2_offer(&w, &i, spi_i, ENCAP_TUNNEL, g);
	assert_int_equal(b1.b[15], 1);
	w = wr_of(b1.b, sizeof(b1.b));
	p2_offer(&w, &i, spi_i, ENCAP_TUNNEL, NULL);
	assert_int_equal(b1.b[15], 2);
	p2_offer(&w, &i, spi_i, ENCAP_TUNNEL, alg_group_num(19));
	assert_true(w.bad);
	i.ike.n = 0;
	w = wr_of(b1.b, sizeof(b1.b));
	p1_offer(&w, &i);
	assert_true(w.bad);
}

static void
offers_are_proposals_under_each_method(void **state)
{
	struct ike_policy i = policy("aes256-sha256-modp2048,aes128-sha1-ecp256", NULL), r = i;
	static const uint16_t auths[] = { AUTH_RSA_SIG, AUTH_RSA_SIG, AUTH_PSK, AUTH_PSK };
	static struct isakmp_sa sa;
	struct isakmp_attrs a;
	struct p1_choice c;
	struct wr w = wr_of(b2.b, sizeof(b2.b));
	char text[SA_MISMATCH_TEXT];
	size_t n, k;

	(void)state;
	i.n_auths = 2;
	i.auths[0] = AUTH_RSA_SIG;
	i.auths[1] = AUTH_PSK;
	assert_int_equal(isakmp_sa_get(&sa, offer1(&b1, &i), &f), 0);
	assert_int_equal(sa.nt, 4);
	for (n = 0; n < sa.nt; n++) {
		assert_int_equal(sa.t[n].num, n + 1);
		assert_int_equal(isakmp_attrs_get(&a, sa.t[n].attrs, &f), 0);
		for (k = 0; k < a.n && a.a[k].type != IKE_ATTR_AUTH; k++)
			;
		assert_true(k < a.n && a.a[k].value == auths[n]);
	}
	/* Of two methods the responder prefers its own first; the choice names it. */
	assert_int_equal(p1_choose(&c, span(&b1), &r, &w, &f), 0);
	assert_int_equal(c.auth, AUTH_PSK);
	assert_int_equal(c.num, 3);
	assert_int_equal(p1_accept(&c, wr_span(&w), &i, &f), 0);
	assert_int_equal(c.auth, AUTH_PSK);
	r.n_auths = 2;
	r.auths[1] = AUTH_RSA_SIG;
	w = wr_of(b2.b, sizeof(b2.b));
	assert_int_equal(p1_choose(&c, span(&b1), &r, &w, &f), 0);
	assert_int_equal(c.auth, AUTH_PSK);
	r.auths[0] = AUTH_RSA_SIG;
	r.auths[1] = AUTH_PSK;
	w = wr_of(b2.b, sizeof(b2.b));
	assert_int_equal(p1_choose(&c, span(&b1), &r, &w, &f), 0);
	assert_int_equal(c.auth, AUTH_RSA_SIG);
	assert_int_equal(c.num, 1);
	/* A method that was not offered is not accepted. */
	i.auths[0] = AUTH_DSS_SIG;
	assert_int_equal(p1_accept(&c, wr_span(&w), &i, &f), -1);
	assert_non_null(strstr(f.what, "aes256-sha256-modp2048 (RSA-SIG), which was not offered"));
	(void)offer1(&b1, &r);
	assert_int_equal(p1_choose(&c, span(&b1), &i, &w, &f), 0);
	i.auths[1] = AUTH_ECDSA_256;
	assert_int_equal(p1_choose(&c, span(&b1), &i, &w, &f), -1);
	assert_non_null(strstr(f.what,
	    "authentication RSA-SIG where DSS-SIG or ECDSA-256 is configured"));
	p1_mismatch_text(text, sizeof(text), span(&b1), &i);
	assert_non_null(strstr(text, "aes128-sha1-ecp256 (PSK)"));
	/* Each list at its longest: the offer fits. */
	for (i.n_auths = 0; i.n_auths < POLICY_AUTHS_MAX; i.n_auths++)
		i.auths[i.n_auths] = AUTH_ECDSA_521;
	for (n = 0; n < PROPOSALS_MAX; n++)
		i.ike.p[n] = i.ike.p[0];
	i.ike.n = PROPOSALS_MAX;
	i.ike_seconds = UINT32_MAX;
	(void)offer1(&b1, &i);
	i.n_auths = 0;
	w = wr_of(b2.b, sizeof(b2.b));
	p1_offer(&w, &i);
	assert_true(w.bad);
}

static void
words_of_known_and_unknown_numbers(void **state)
{
	static const struct { int phase, proto; struct sa_numbers n; const char *words; } t[] = {
		{ 1, 0, { .enc = 7, .bits = 256, .has_bits = true, .integ = 4, .group = 14 },
		    "aes256-sha256-modp2048" },
		{ 1, 0, { .enc = 5, .integ = 2, .group = 2 }, "3des-sha1-modp1024" },
		{ 1, 0, { .enc = 99, .bits = 128, .has_bits = true, .integ = 98, .group = 97 },
		    "encryption(99,128 bits)-hash(98)-group(97)" },
		{ 1, 0, { .enc = 5, .has_bits = true, .integ = 2, .group = 2 },
		    "encryption(5,0 bits)-sha1-modp1024" },
		{ 1, 0, { .enc = 1ULL << 40, .integ = 2, .group = 2 },
		    "encryption(1099511627776)-sha1-modp1024" },
		{ 2, PROTO_ESP, { .enc = 12, .bits = 128, .has_bits = true, .integ = 5,
		    .has_integ = true, .group = 14, .has_group = true, .esn = true },
		    "aes128-sha256-modp2048-esn" },
		{ 2, PROTO_ESP, { .enc = 20, .bits = 256, .has_bits = true }, "aes256gcm16" },
		{ 2, PROTO_ESP, { .enc = 99, .has_integ = true }, "encryption(99)-integrity(0)" },
		{ 2, PROTO_AH, { .enc = 3, .integ = 2, .has_integ = true }, "sha1" },
		{ 2, PROTO_AH, { .enc = 3 }, "integrity(0)" },
		{ 2, PROTO_IPCOMP, { .enc = 2 }, "transform(2)" },
	};
	char words[SA_WORDS];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct sa_text x = { words, sizeof(words), 0 };

		words[0] = '\0';
		if (t[i].phase == 1)
			sa_text_p1(&x, &t[i].n);
		else
			sa_text_p2(&x, (uint8_t)t[i].proto, &t[i].n);
		assert_string_equal(words, t[i].words);
	}
}

static void
many_transforms_and_small_buffers(void **state)
{
	static const uint32_t bad[][2] = { { 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 1 }, { 0, 0 } },
	    good[][2] = { { 1, 7 }, { 14, 128 }, { 2, 2 }, { 3, 1 }, { 4, 2 }, { 0, 0 } };
	struct ike_policy r = policy("aes128-sha1-modp1024", NULL);
	struct p1_choice c;
	struct span list[200];
	struct wr w = wr_of(b2.b, sizeof(b2.b));
	uint8_t x[64], y[64];
	char text[SA_MISMATCH_TEXT];
	size_t i, cap;

	(void)state;
	for (i = 0; i < 200; i++)
		list[i] = attrs(x, sizeof(x), bad);
	assert_int_equal(p1_choose(&c, made(&b1, PROTO_ISAKMP, SPAN_NONE, 1, list, 200), &r,
	    &w, &f), -1);
	p1_mismatch_text(text, sizeof(text), span(&b1), &r);
	assert_non_null(strstr(text, "  des-md5-modp768"));
	assert_non_null(strstr(text, "... and 176 more\n"));
	for (cap = 0; cap < sizeof(text); cap += 7) {
		char *small = malloc(cap > 0 ? cap : 1);

		p1_mismatch_text(small, cap, span(&b1), &r);
		assert_true(cap == 0 || strlen(small) < cap);
		free(small);
	}
	list[199] = attrs(y, sizeof(y), good);
	assert_int_equal(p1_choose(&c, made(&b1, PROTO_ISAKMP, SPAN_NONE, 1, list, 200), &r,
	    &w, &f), 0);
	assert_int_equal(c.num, 200);
	w = wr_of(b2.b, 20);
	assert_int_equal(p1_choose(&c, span(&b1), &r, &w, &f), 0);
	assert_true(w.bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phase1_bytes_are_those_of_the_rfc),
		cmocka_unit_test(phase2_bytes_are_those_of_the_rfc),
		cmocka_unit_test(every_ike_algorithm_is_agreed),
		cmocka_unit_test(every_esp_and_ah_algorithm_is_agreed),
		cmocka_unit_test(the_responder_goes_by_its_own_list),
		cmocka_unit_test(all_known_transforms_are_accepted_only_on_request),
		cmocka_unit_test(each_difference_of_phase1_is_named),
		cmocka_unit_test(each_difference_of_phase2_is_named),
		cmocka_unit_test(phase1_refuses_odd_transforms),
		cmocka_unit_test(phase2_refuses_odd_transforms),
		cmocka_unit_test(spis_and_proposals_that_share_a_number),
		cmocka_unit_test(bundles_are_esp_and_ah_once_each),
		cmocka_unit_test(the_shorter_lifetime_counts),
		cmocka_unit_test(the_initiator_takes_only_what_it_offered),
		cmocka_unit_test(offers_are_proposals_under_each_method),
		cmocka_unit_test(words_of_known_and_unknown_numbers),
		cmocka_unit_test(many_transforms_and_small_buffers),
	};

	return (cmocka_run_group_tests_name("sa_payload", tests, NULL, NULL));
}
