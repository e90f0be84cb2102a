/* The formulas of IKEv1 as a table: each value, its inputs, and when the formula applies. */
#include "explain/rules.h"

#include <stdio.h>

/* ---- when a rule fits */

static bool
is_dh(const struct calc *c)
{
	return (c->sub == SUB_DH && c->base == NUMBER_NONE);
}

static bool
is_number(const struct calc *c)
{
	return (c->base != NUMBER_NONE);
}

/* p and g of the group are known. */
static bool
has_prime(const struct calc *c)
{
	return (c->has[V_PRIME] && c->group != NULL && dh_is_modp(c->group));
}

static bool
has_peer(const struct calc *c)
{
	return (c->has[V_PEER_PRIVATE]);
}

static bool
has_prime_and_peer(const struct calc *c)
{
	return (has_prime(c) && has_peer(c));
}

/* g^xy is reckoned where a part of it is given; otherwise it is asked for itself. */
static bool
has_dh(const struct calc *c)
{
	return (c->has[V_PRIVATE] || c->has[V_PUBLIC]);
}

static bool
is_short(const struct calc *c)
{
	return (c->hash != NULL && c->enc != NULL && c->hash->len < c->enc->key_len);
}

static bool
is_des(const struct calc *c)
{
	return (c->enc != NULL && c->enc->key_len == 8);
}

static bool
has_mid(const struct calc *c)
{
	return (c->has[V_MID] || c->has[V_LAST]);
}

static bool
has_previous(const struct calc *c)
{
	return (c->has[V_PREVIOUS]);
}

static bool
has_gxy(const struct calc *c)
{
	return (c->pfs || c->has[V_GXY] || has_dh(c));
}

static bool
has_secret(const struct calc *c)
{
	return (c->has[V_SECRET] || c->has[V_IP] || c->has[V_PEER_IP] || c->has[V_PORT] ||
	    c->has[V_PEER_PORT] || c->has[V_TIME]);
}

#define IN(...)								\
	.n = sizeof((enum val[]){ __VA_ARGS__ }) / sizeof(enum val), .in = { __VA_ARGS__ }
#define HC	(NEED_HASH | NEED_CIPHER)
#define AUTH(a)	(1U << CALC_##a)

static const struct rule rules[] = {
	{ V_PRIVATE, "random, in the group's range", "RFC 2409, 6", .needs = NEED_GROUP,
	    .fits = is_dh, .compute = do_private },
	{ V_GX, "g ^ x mod p", "RFC 2631, 2.1.1", IN(V_GENERATOR, V_PRIVATE, V_PRIME), .fits = is_number,
	    .compute = do_number_gx },
	{ V_PUBLIC, "g ^ y mod p", "RFC 2631, 2.1.1", IN(V_GENERATOR, V_PEER_PRIVATE, V_PRIME),
	    .fits = is_number, .compute = do_number_gy },
	{ V_GXY, "(g^y) ^ x mod p", "RFC 2631, 2.1.1", IN(V_PUBLIC, V_PRIVATE, V_PRIME),
	    .fits = is_number, .compute = do_number_gxy },
	{ V_GX, "g ^ x mod p", "RFC 2409, 5", IN(V_GENERATOR, V_PRIVATE, V_PRIME), .needs = NEED_GROUP,
	    .fits = has_prime, .compute = do_gx },
	{ V_PUBLIC, "g ^ y mod p", "RFC 2409, 5", IN(V_GENERATOR, V_PEER_PRIVATE, V_PRIME), .needs = NEED_GROUP,
	    .fits = has_prime_and_peer, .compute = do_gy },
	{ V_PUBLIC, "g ^ y", "RFC 2409, 5", IN(V_PEER_PRIVATE), .needs = NEED_GROUP, .fits = has_peer,
	    .compute = do_gy },
	{ V_GXY, "(g^y) ^ x mod p", "RFC 2409, 5", IN(V_PUBLIC, V_PRIVATE, V_PRIME), .needs = NEED_GROUP,
	    .fits = has_prime, .compute = do_gxy },
	{ V_GX, "g ^ x", "RFC 2409, 5", IN(V_PRIVATE), .needs = NEED_GROUP, .compute = do_gx },
	{ V_GXY, "(g^y) ^ x", "RFC 2409, 5", IN(V_PRIVATE, V_PUBLIC), .needs = NEED_GROUP,
	    .fits = has_dh, .compute = do_gxy },

	{ V_SKEYID, "prf(pre-shared-key, Ni_b | Nr_b)", "RFC 2409, 5", IN(V_PSK, V_NI, V_NR),
	    .phases = PHASE_1, .auths = AUTH(PSK), .needs = NEED_HASH, .compute = do_skeyid_psk },
	{ V_SKEYID, "prf(Ni_b | Nr_b, g^xy)", "RFC 2409, 5", IN(V_NI, V_NR, V_GXY),
	    .phases = PHASE_1, .auths = AUTH(SIG), .needs = NEED_HASH, .compute = do_skeyid_sig },
	{ V_SKEYID, "prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)", "RFC 2409, 5",
	    IN(V_NI, V_NR, V_CKY_I, V_CKY_R), .phases = PHASE_1, .auths = AUTH(PKE),
	    .needs = NEED_HASH, .compute = do_skeyid_pke },
	{ V_SKEYID_D, "prf(SKEYID, g^xy | CKY-I | CKY-R | 0)", "RFC 2409, 5", .octet = "0",
	    IN(V_SKEYID, V_GXY, V_CKY_I, V_CKY_R), .phases = PHASE_1, .needs = NEED_HASH,
	    .compute = do_skeyid_d },
	{ V_SKEYID_A, "prf(SKEYID, SKEYID_d | g^xy | CKY-I | CKY-R | 1)", "RFC 2409, 5",
	    .octet = "1", IN(V_SKEYID, V_SKEYID_D, V_GXY, V_CKY_I, V_CKY_R), .phases = PHASE_1,
	    .needs = NEED_HASH, .compute = do_skeyid_a },
	{ V_SKEYID_E, "prf(SKEYID, SKEYID_a | g^xy | CKY-I | CKY-R | 2)", "RFC 2409, 5",
	    .octet = "2", IN(V_SKEYID, V_SKEYID_A, V_GXY, V_CKY_I, V_CKY_R), .phases = PHASE_1,
	    .needs = NEED_HASH, .compute = do_skeyid_e },
	{ V_KA, "the first 8 bytes of SKEYID_e that are no weak key", "RFC 2409, appendix B",
	    IN(V_SKEYID_E), .needs = HC, .fits = is_des, .compute = do_ka },
	{ V_KA, "K1 | K2 | ..., K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1), cut to the key's length",
	    "RFC 2409, appendix B", .octet = "0", IN(V_SKEYID_E), .needs = HC, .fits = is_short,
	    .compute = do_ka },
	{ V_KA, "SKEYID_e, cut to the key's length", "RFC 2409, appendix B", IN(V_SKEYID_E), .needs = HC,
	    .compute = do_ka },

	{ V_HASH_I, "prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)", "RFC 2409, 5",
	    IN(V_SKEYID, V_GXI, V_GXR, V_CKY_I, V_CKY_R, V_SAI, V_IDI), .phases = PHASE_1,
	    .needs = NEED_HASH, .compute = do_hash_i },
	{ V_HASH_R, "prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b)", "RFC 2409, 5",
	    IN(V_SKEYID, V_GXR, V_GXI, V_CKY_R, V_CKY_I, V_SAI, V_IDR), .phases = PHASE_1,
	    .needs = NEED_HASH, .compute = do_hash_r },
	{ V_HASH1, "prf(SKEYID_a, M-ID | message)", "RFC 2409, 5.5 and 5.7",
	    IN(V_SKEYID_A, V_MID, V_MESSAGE), .phases = PHASE_2, .needs = NEED_HASH,
	    .compute = do_hash1 },
	{ V_HASH2, "prf(SKEYID_a, M-ID | Ni_b | message)", "RFC 2409, 5.5",
	    IN(V_SKEYID_A, V_MID, V_NI, V_MESSAGE), .phases = PHASE_2, .needs = NEED_HASH,
	    .compute = do_hash2 },
	{ V_HASH3, "prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)", "RFC 2409, 5.5", .octet = "0",
	    IN(V_SKEYID_A, V_MID, V_NI, V_NR), .phases = PHASE_2, .needs = NEED_HASH,
	    .compute = do_hash3 },

	{ V_IV, "the last cipher block of the message before", "RFC 2409, appendix B", IN(V_PREVIOUS),
	    .needs = NEED_CIPHER, .fits = has_previous, .compute = do_iv_chain },
	{ V_IV, "hash(last block of phase 1 | M-ID), cut to a block", "RFC 2409, appendix B",
	    IN(V_LAST, V_MID), .needs = HC, .fits = has_mid, .compute = do_iv_message },
	{ V_IV, "hash(g^xi | g^xr), cut to a block", "RFC 2409, appendix B", IN(V_GXI, V_GXR),
	    .phases = PHASE_1, .needs = HC, .compute = do_iv_phase1 },
	{ V_PLAINTEXT, "decrypt(Ka, IV, ciphertext)", "RFC 2409, appendix B", IN(V_KA, V_IV, V_CIPHERTEXT),
	    .needs = NEED_CIPHER, .compute = do_plaintext },
	{ V_LAST_BLOCK, "the last cipher block of the message", "RFC 2409, appendix B", IN(V_CIPHERTEXT),
	    .needs = NEED_CIPHER, .compute = do_last_block },

	{ V_NE_I, "prf(Ni_b, CKY-I)", "RFC 2409, 5.3", IN(V_NI, V_CKY_I), .auths = AUTH(PKE),
	    .needs = NEED_HASH, .compute = do_ne_i },
	{ V_NE_R, "prf(Nr_b, CKY-R)", "RFC 2409, 5.3", IN(V_NR, V_CKY_R), .auths = AUTH(PKE),
	    .needs = NEED_HASH, .compute = do_ne_r },
	{ V_KE_I, "K1 | K2 | ..., K1 = prf(Ne_i, 0), K2 = prf(Ne_i, K1), cut to the key's length",
	    "RFC 2409, 5.3", .octet = "0", IN(V_NE_I), .needs = HC, .fits = is_short,
	    .compute = do_ke_i },
	{ V_KE_I, "Ne_i, cut to the key's length", "RFC 2409, 5.3", IN(V_NE_I), .needs = HC,
	    .compute = do_ke_i },
	{ V_KE_R, "K1 | K2 | ..., K1 = prf(Ne_r, 0), K2 = prf(Ne_r, K1), cut to the key's length",
	    "RFC 2409, 5.3", .octet = "0", IN(V_NE_R), .needs = HC, .fits = is_short,
	    .compute = do_ke_r },
	{ V_KE_R, "Ne_r, cut to the key's length", "RFC 2409, 5.3", IN(V_NE_R), .needs = HC,
	    .compute = do_ke_r },
	{ V_HASH_CERT, "hash(certificate)", "RFC 2409, 5.2", IN(V_CERT), .needs = NEED_HASH,
	    .compute = do_hash_cert },
	{ V_CIPHERTEXT_I, "encrypt(Ke_i, IV, body | padding), IV = 0 or --previous's last block",
	    "RFC 2409, 5.3", IN(V_KE_I, V_PREVIOUS, V_BODY), .optional = 1U << 1, .auths = AUTH(PKE),
	    .needs = HC, .compute = do_ciphertext_i },
	{ V_CIPHERTEXT_R, "encrypt(Ke_r, IV, body | padding), IV = 0 or --previous's last block",
	    "RFC 2409, 5.3", IN(V_KE_R, V_PREVIOUS, V_BODY), .optional = 1U << 1, .auths = AUTH(PKE),
	    .needs = HC, .compute = do_ciphertext_r },
	{ V_BODY_I, "decrypt(Ke_i, IV, ciphertext) without padding, IV = 0 or --previous's last block",
	    "RFC 2409, 5.3", IN(V_KE_I, V_PREVIOUS, V_CIPHERTEXT), .optional = 1U << 1, .auths = AUTH(PKE),
	    .needs = HC, .compute = do_body_i },
	{ V_BODY_R, "decrypt(Ke_r, IV, ciphertext) without padding, IV = 0 or --previous's last block",
	    "RFC 2409, 5.3", IN(V_KE_R, V_PREVIOUS, V_CIPHERTEXT), .optional = 1U << 1, .auths = AUTH(PKE),
	    .needs = HC, .compute = do_body_r },

	{ V_KEYMAT, "K1 | K2 | ..., K1 = prf(SKEYID_d, g(qm)^xy | protocol | SPI | Ni_b | Nr_b), "
	    "K2 = prf(SKEYID_d, K1 | g(qm)^xy | protocol | SPI | Ni_b | Nr_b)", "RFC 2409, 5.5",
	    IN(V_SKEYID_D, V_GXY, V_PROTOCOL, V_SPI, V_NI, V_NR), .phases = PHASE_2,
	    .needs = NEED_HASH, .fits = has_gxy, .compute = do_keymat },
	{ V_KEYMAT, "K1 | K2 | ..., K1 = prf(SKEYID_d, protocol | SPI | Ni_b | Nr_b), "
	    "K2 = prf(SKEYID_d, K1 | protocol | SPI | Ni_b | Nr_b)", "RFC 2409, 5.5",
	    IN(V_SKEYID_D, V_PROTOCOL, V_SPI, V_NI, V_NR), .phases = PHASE_2, .needs = NEED_HASH,
	    .compute = do_keymat },
	{ V_ENC_KEY, "the head of KEYMAT, with the salt", "RFC 4301, 4.5.2", IN(V_KEYMAT),
	    .compute = do_enc_key },
	{ V_AUTH_KEY, "the rest of KEYMAT", "RFC 4301, 4.5.2", IN(V_KEYMAT),
	    .compute = do_auth_key },

	{ V_NAT_D, "hash(CKY-I | CKY-R | IP | Port)", "RFC 3947, 3.2",
	    IN(V_CKY_I, V_CKY_R, V_IP, V_PORT), .needs = NEED_HASH, .compute = do_nat_d },
	{ V_COOKIE, "hash(IP | peer IP | Port | peer Port | time | secret), cut to 8 bytes",
	    "RFC 2408, 2.5.3", IN(V_IP, V_PEER_IP, V_PORT, V_PEER_PORT, V_TIME, V_SECRET),
	    .optional = 1U << 4, .needs = NEED_HASH, .fits = has_secret, .compute = do_cookie },
	{ V_COOKIE, "8 random bytes", "RFC 2408, 2.5.3", .compute = do_cookie_random },
	{ V_VID, "hash(text)", "RFC 2408, 3.16", IN(V_TEXT), .needs = NEED_HASH,
	    .compute = do_vid },
};
#define RULES	(sizeof(rules) / sizeof(rules[0]))

const struct rule *
rule_for(const struct calc *c, enum val v)
{
	unsigned phase = c->phase2 ? PHASE_2 : PHASE_1;
	const struct rule *r;

	for (r = rules; r < rules + RULES; r++)
		if (r->out == v && (r->phases == 0 || (r->phases & phase) != 0) &&
		    (r->auths == 0 || (r->auths & 1U << c->auth) != 0) &&
		    (r->fits == NULL || r->fits(c)))
			return (r);
	return (NULL);
}

/* ---- use of each value */

/* Uses that no rule describes: values that leave the calculation. */
static const struct { enum val v; const char *text; } ends[] = {
	{ V_GX, "the KE payload" }, { V_GXI, "the KE payload" }, { V_GXR, "the KE payload" },
	{ V_KA, "every encrypted message" },
	{ V_HASH_I, "the HASH payload of the initiator, or what its SIG signs" },
	{ V_HASH_R, "the HASH payload of the responder, or what its SIG signs" },
	{ V_HASH1, "the HASH payload" }, { V_HASH2, "the HASH payload" },
	{ V_HASH3, "the HASH payload" }, { V_HASH_CERT, "the HASH payload before the key exchange" },
	{ V_IV, "the decryption of this message" },
	{ V_LAST_BLOCK, "the IV of the next message" },
	{ V_ENC_KEY, "the cipher of the SA" }, { V_AUTH_KEY, "the integrity of the SA" },
	{ V_NAT_D, "the NAT-D payload: 20 in RFC 3947, 130 in the drafts" },
	{ V_COOKIE, "the header of every message" }, { V_VID, "the VID payload" },
};

/* Appends ${text} unless it is there already, as a whole or a part between commas. */
static void
add(char *out, size_t cap, const char *text)
{
	size_t have = strlen(out), n = strlen(text);
	const char *p;

	for (p = out; (p = strstr(p, text)) != NULL; p += n)
		if ((p == out || p[-1] == ' ') && (p[n] == '\0' || p[n] == ','))
			return;
	(void)snprintf(out + have, cap - have, "%s%s", have > 0 ? ", " : "", text);
}

/* Values that outlive phase 1: their rules apply to both phases. */
static bool
lasts(enum val v)
{
	return (v == V_SKEYID_D || v == V_SKEYID_A || v == V_KA || v == V_LAST);
}

void
rule_next(char *out, size_t cap, const struct calc *c, enum val v)
{
	unsigned phase = lasts(v) ? PHASE_1 | PHASE_2 : c->phase2 ? PHASE_2 : PHASE_1;
	const struct rule *r;
	size_t i;

	out[0] = '\0';
	for (r = rules; r < rules + RULES; r++)
		for (i = 0; i < r->n; i++)
			if (r->in[i] == v && (r->phases == 0 || (r->phases & phase) != 0) &&
			    (r->auths == 0 || (r->auths & 1U << c->auth) != 0) &&
			    r->out != V_COOKIE && (r->out != V_GX || c->sub == SUB_DH) && r->out != V_PLAINTEXT)
				add(out, cap, calc_name(c, r->out));
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends[i].v == v)
			add(out, cap, ends[i].text);
}
