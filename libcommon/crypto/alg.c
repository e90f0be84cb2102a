/* The rows of the registry of algorithms, and the look-ups. */
#include "crypto/alg.h"

#include <strings.h>

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * The forms of encryption: what goes with a mode, whatever the key length.
 * CBC:  RFC 2451, RFC 3602. The explicit IV is one block.
 * CTR:  RFC 3686. Four bytes of salt (there: nonce) follow the key in KEYMAT.
 * AEAD: RFC 4106, RFC 7634. Salt as with CTR; the ICV is part of the cipher.
 */
#define CBC(blk)	.form = ALG_CBC, .block = (blk), .iv_len = (blk)
#define CTR		.form = ALG_CTR, .block = 1, .iv_len = 8, .salt_len = 4
#define AEAD(icv)	.form = ALG_AEAD, .block = 1, .iv_len = 8, .salt_len = 4, .icv_len = (icv)
#define AES(bits)	.key_bits = (bits), .key_len = (bits) / 8

/*
 * IKE numbers: RFC 2409 appendix A, RFC 3602. ESP numbers: RFC 2407 section 4.4.4,
 * RFC 3602, 3686, 4106. ChaCha20-Poly1305 has none in the IPsec DOI: RFC 7634 registers it
 * for IKEv2 only, and neither libreswan nor strongSwan (checked in both sources) nor
 * isakmpd offers it in IKEv1. 254 is in the DOI's range for private use, 249 to 255. The
 * descendants of FreeS/WAN use other numbers of it: 249 MARS, 250 RC6, 251, 252 Serpent, 253 Twofish.
 */
#define ESP_CHACHA20_POLY1305	254

static const struct alg_enc encs[] = {
	{ .word = "aes128", .name = "aes-cbc", AES(128), CBC(16), .ike = 7, .esp = 12,
	    .ossl = "AES-128-CBC",
	    .wireshark = "AES-CBC [RFC3602]", .tcpdump = "aes128", .xfrm = "cbc(aes)" },
	{ .word = "aes192", .name = "aes-cbc", AES(192), CBC(16), .ike = 7, .esp = 12,
	    .ossl = "AES-192-CBC",
	    .wireshark = "AES-CBC [RFC3602]", .tcpdump = "aes192", .xfrm = "cbc(aes)" },
	{ .word = "aes256", .name = "aes-cbc", AES(256), CBC(16), .ike = 7, .esp = 12,
	    .ossl = "AES-256-CBC",
	    .wireshark = "AES-CBC [RFC3602]", .tcpdump = "aes256", .xfrm = "cbc(aes)" },
	{ .word = "3des", .name = "3des-cbc", .key_len = 24, CBC(8), .ike = 5, .esp = 3,
	    .ossl = "DES-EDE3-CBC", .weak = true,
	    .wireshark = "TripleDES-CBC [RFC2451]", .tcpdump = "des3", .xfrm = "cbc(des3_ede)" },
	{ .word = "des", .name = "des-cbc", .key_len = 8, CBC(8), .ike = 1, .esp = 2,
	    .ossl = "DES-CBC", .weak = true, .legacy = true,
	    .wireshark = "DES-CBC [RFC2405]", .xfrm = "cbc(des)" },
	{ .word = "null", .name = "null", .form = ALG_NULL, .block = 1, .esp = 11, .weak = true,
	    .wireshark = "NULL", .xfrm = "ecb(cipher_null)" },
	{ .word = "aes128gcm16", .name = "aes-gcm-16", AES(128), AEAD(16), .esp = 20,
	    .ossl = "AES-128-GCM",
	    .wireshark = "AES-GCM with 16 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes192gcm16", .name = "aes-gcm-16", AES(192), AEAD(16), .esp = 20,
	    .ossl = "AES-192-GCM",
	    .wireshark = "AES-GCM with 16 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes256gcm16", .name = "aes-gcm-16", AES(256), AEAD(16), .esp = 20,
	    .ossl = "AES-256-GCM",
	    .wireshark = "AES-GCM with 16 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes128gcm12", .name = "aes-gcm-12", AES(128), AEAD(12), .esp = 19,
	    .ossl = "AES-128-GCM",
	    .wireshark = "AES-GCM with 12 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes192gcm12", .name = "aes-gcm-12", AES(192), AEAD(12), .esp = 19,
	    .ossl = "AES-192-GCM",
	    .wireshark = "AES-GCM with 12 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes256gcm12", .name = "aes-gcm-12", AES(256), AEAD(12), .esp = 19,
	    .ossl = "AES-256-GCM",
	    .wireshark = "AES-GCM with 12 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes128gcm8", .name = "aes-gcm-8", AES(128), AEAD(8), .esp = 18,
	    .ossl = "AES-128-GCM",
	    .wireshark = "AES-GCM with 8 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes192gcm8", .name = "aes-gcm-8", AES(192), AEAD(8), .esp = 18,
	    .ossl = "AES-192-GCM",
	    .wireshark = "AES-GCM with 8 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes256gcm8", .name = "aes-gcm-8", AES(256), AEAD(8), .esp = 18,
	    .ossl = "AES-256-GCM",
	    .wireshark = "AES-GCM with 8 octet ICV [RFC4106]", .xfrm = "rfc4106(gcm(aes))" },
	{ .word = "aes128ctr", .name = "aes-ctr", AES(128), CTR, .esp = 13,
	    .ossl = "AES-128-CTR",
	    .wireshark = "AES-CTR [RFC3686]", .xfrm = "rfc3686(ctr(aes))" },
	{ .word = "aes192ctr", .name = "aes-ctr", AES(192), CTR, .esp = 13,
	    .ossl = "AES-192-CTR",
	    .wireshark = "AES-CTR [RFC3686]", .xfrm = "rfc3686(ctr(aes))" },
	{ .word = "aes256ctr", .name = "aes-ctr", AES(256), CTR, .esp = 13,
	    .ossl = "AES-256-CTR",
	    .wireshark = "AES-CTR [RFC3686]", .xfrm = "rfc3686(ctr(aes))" },
	{ .word = "chacha20poly1305", .name = "chacha20-poly1305", .key_len = 32, AEAD(16),
	    .esp = ESP_CHACHA20_POLY1305, .ossl = "ChaCha20-Poly1305",
	    .xfrm = "rfc7539esp(chacha20,poly1305)" },
};

/* RFC 2409 appendix A; IANA's registry for the SHA-2 family. */
static const struct alg_hash hashes[] = {
	{ .word = "sha1", .ike = 2, .len = 20, .block = 64, .ossl = "SHA1" },
	{ .word = "sha256", .ike = 4, .len = 32, .block = 64, .ossl = "SHA256" },
	{ .word = "sha384", .ike = 5, .len = 48, .block = 128, .ossl = "SHA384" },
	{ .word = "sha512", .ike = 6, .len = 64, .block = 128, .ossl = "SHA512" },
	{ .word = "md5", .ike = 1, .len = 16, .block = 64, .ossl = "MD5", .weak = true },
};

/*
 * RFC 2407 sections 4.4.3 and 4.5, RFC 2403, 2404, 3566, 4868. HMAC-SHA-256 truncated to 96
 * bits comes from draft-ietf-ipsec-ciph-sha-256-00 and has no number of its own. It uses the
 * number of the 128-bit one, so its row must follow that row.
 */
static const struct alg_integ integs[] = {
	{ .word = "sha1", .name = "hmac-sha1-96", .auth = 2, .ah = 3, .key_len = 20, .icv_len = 12,
	    .ossl = "SHA1",
	    .wireshark = "HMAC-SHA-1-96 [RFC2404]", .xfrm = "hmac(sha1)" },
	{ .word = "sha256", .name = "hmac-sha2-256-128", .auth = 5, .ah = 5, .key_len = 32,
	    .icv_len = 16, .ossl = "SHA256",
	    .wireshark = "HMAC-SHA-256-128 [RFC4868]", .xfrm = "hmac(sha256)" },
	{ .word = "sha384", .name = "hmac-sha2-384-192", .auth = 6, .ah = 6, .key_len = 48,
	    .icv_len = 24, .ossl = "SHA384",
	    .wireshark = "HMAC-SHA-384-192 [RFC4868]", .xfrm = "hmac(sha384)" },
	{ .word = "sha512", .name = "hmac-sha2-512-256", .auth = 7, .ah = 7, .key_len = 64,
	    .icv_len = 32, .ossl = "SHA512",
	    .wireshark = "HMAC-SHA-512-256 [RFC4868]", .xfrm = "hmac(sha512)" },
	{ .word = "aesxcbc", .name = "aes-xcbc-96", .auth = 9, .ah = 9, .key_len = 16,
	    .icv_len = 12,
	    .wireshark = "ANY 96 bit authentication [no checking]", .xfrm = "xcbc(aes)", .wireshark_keyless = true },
	{ .word = "md5", .name = "hmac-md5-96", .auth = 1, .ah = 2, .key_len = 16, .icv_len = 12,
	    .ossl = "MD5", .weak = true,
	    .wireshark = "HMAC-MD5-96 [RFC2403]", .xfrm = "hmac(md5)" },
	{ .word = "sha256_96", .name = "hmac-sha2-256-96", .auth = 5, .ah = 5, .key_len = 32,
	    .icv_len = 12, .ossl = "SHA256", .weak = true,
	    .wireshark = "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]", .xfrm = "hmac(sha256)" },
};

/*
 * RFC 2409 section 6 (1, 2), RFC 3526 (5, 14 to 18), RFC 5903 (19 to 21), RFC 5114
 * (22 to 24), RFC 8031 (31). Lengths: MODP those of the prime; ECP x | y and x. The Oakley
 * groups have no name in libcrypto, but it has their primes. RFC 8247
 * section 2.4 forbids 1, 2, 5 and 22 to 24: they work only if named.
 */
#define MODP(bits)	.pub_len = (bits) / 8, .shared_len = (bits) / 8
static const struct alg_group groups[] = {
	{ .word = "modp2048", .num = 14, MODP(2048), .ossl = "modp_2048" },
	{ .word = "modp3072", .num = 15, MODP(3072), .ossl = "modp_3072" },
	{ .word = "modp4096", .num = 16, MODP(4096), .ossl = "modp_4096" },
	{ .word = "modp6144", .num = 17, MODP(6144), .ossl = "modp_6144" },
	{ .word = "modp8192", .num = 18, MODP(8192), .ossl = "modp_8192" },
	{ .word = "ecp256", .num = 19, .pub_len = 64, .shared_len = 32, .ossl = "P-256" },
	{ .word = "ecp384", .num = 20, .pub_len = 96, .shared_len = 48, .ossl = "P-384" },
	{ .word = "ecp521", .num = 21, .pub_len = 132, .shared_len = 66, .ossl = "P-521" },
	{ .word = "curve25519", .num = 31, .pub_len = 32, .shared_len = 32, .ossl = "X25519" },
	{ .word = "modp1536", .num = 5, MODP(1536), .ossl = "modp_1536", .weak = true },
	{ .word = "modp1024", .num = 2, MODP(1024), .weak = true },
	{ .word = "modp768", .num = 1, MODP(768), .weak = true },
	{ .word = "modp1024s160", .num = 22, MODP(1024), .ossl = "dh_1024_160", .weak = true },
	{ .word = "modp2048s224", .num = 23, MODP(2048), .ossl = "dh_2048_224", .weak = true },
	{ .word = "modp2048s256", .num = 24, MODP(2048), .ossl = "dh_2048_256", .weak = true },
};

/* Spellings of other products; ours is always printed. */
static const struct alias {
	const char	*from, *to;
} aliases[] = {
	{ "aes", "aes128" }, { "sha", "sha1" }, { "sha2_256", "sha256" },
	{ "sha2_384", "sha384" }, { "sha2_512", "sha512" }, { "x25519", "curve25519" },
	{ "aes128gcm128", "aes128gcm16" }, { "aes192gcm128", "aes192gcm16" },
	{ "aes256gcm128", "aes256gcm16" }, { "aes128gcm96", "aes128gcm12" },
	{ "aes192gcm96", "aes192gcm12" }, { "aes256gcm96", "aes256gcm12" },
	{ "aes128gcm64", "aes128gcm8" }, { "aes192gcm64", "aes192gcm8" },
	{ "aes256gcm64", "aes256gcm8" }, { "aes128gcm", "aes128gcm16" },
	{ "aes192gcm", "aes192gcm16" }, { "aes256gcm", "aes256gcm16" },
};

/* strcasecmp() == 0. Most words differ in the first letter: look there first. */
static bool
same(const char *a, const char *b)
{
	return ((*a | 0x20) == (*b | 0x20) && strcasecmp(a, b) == 0);
}

static const char *
canonical(const char *word)
{
	size_t i;

	for (i = 0; i < COUNT(aliases); i++)
		if (same(word, aliases[i].from))
			return (aliases[i].to);
	return (word);
}

/* The first row of ${table} for which ${cond} holds of ${r}. */
#define FIND(table, cond) do {						\
	for (size_t i = 0; i < COUNT(table); i++) {			\
		const __typeof__((table)[0]) *r = &(table)[i];		\
		if (cond)						\
			return (r);					\
	}								\
	return (NULL);							\
} while (0)

const struct alg_enc *
alg_enc_word(const char *word)
{
	word = canonical(word);
	FIND(encs, same(r->word, word));
}

const struct alg_enc *
alg_enc_name(const char *name, unsigned key_bits)
{
	FIND(encs, same(r->name, name) && r->key_bits == key_bits);
}

const struct alg_enc *
alg_enc_ike(unsigned ike, unsigned key_bits)
{
	FIND(encs, r->ike != 0 && r->ike == ike && r->key_bits == key_bits);
}

const struct alg_enc *
alg_enc_esp(unsigned esp, unsigned key_bits)
{
	FIND(encs, r->esp != 0 && r->esp == esp && r->key_bits == key_bits);
}

const struct alg_hash *
alg_hash_word(const char *word)
{
	word = canonical(word);
	FIND(hashes, same(r->word, word));
}

const struct alg_hash *
alg_hash_ike(unsigned ike)
{
	FIND(hashes, r->ike == ike);
}

const struct alg_integ *
alg_integ_word(const char *word)
{
	word = canonical(word);
	FIND(integs, same(r->word, word));
}

const struct alg_integ *
alg_integ_name(const char *name)
{
	FIND(integs, same(r->name, name));
}

const struct alg_integ *
alg_integ_auth(unsigned auth)
{
	FIND(integs, r->auth == auth);
}

const struct alg_group *
alg_group_word(const char *word)
{
	word = canonical(word);
	FIND(groups, same(r->word, word));
}

const struct alg_group *
alg_group_num(unsigned num)
{
	FIND(groups, r->num == num);
}

const struct alg_enc *
alg_enc_row(size_t i)
{
	return (i < COUNT(encs) ? &encs[i] : NULL);
}

const struct alg_hash *
alg_hash_row(size_t i)
{
	return (i < COUNT(hashes) ? &hashes[i] : NULL);
}

const struct alg_integ *
alg_integ_row(size_t i)
{
	return (i < COUNT(integs) ? &integs[i] : NULL);
}

const struct alg_group *
alg_group_row(size_t i)
{
	return (i < COUNT(groups) ? &groups[i] : NULL);
}
