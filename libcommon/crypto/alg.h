/*
 * The registry of algorithms: one row each, with IANA's numbers for IKEv1 and
 * the IPsec DOI, sizes, libcrypto's name, the words that users write, and the names that other programs
 * have for it: Wireshark (esp_sa table, as of tshark 4.0), tcpdump (-E, as of 4.99), ip(8) xfrm (the kernel's
 * crypto API). A name is NULL where the program does not know the algorithm.
 */
#ifndef SAPIPE_CRYPTO_ALG_H
#define SAPIPE_CRYPTO_ALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum alg_form {
	ALG_CBC,		/* block cipher, explicit IV of one block */
	ALG_CTR,		/* RFC 3686: salt, 8-byte IV, counter */
	ALG_AEAD,		/* RFC 4106, RFC 7634: salt, 8-byte IV, ICV of its own */
	ALG_NULL,		/* RFC 2410 */
};

/* One encryption algorithm with one key length. */
struct alg_enc {
	const char	*word;		/* in proposals: "aes128", "3des", "aes256gcm16" */
	const char	*name;		/* in SA state: "aes-cbc", "3des-cbc", "aes-gcm-16" */
	uint16_t	 key_bits;	/* as negotiated and in SA state; 0: fixed by the algorithm */
	enum alg_form	 form;
	uint16_t	 ike;		/* IKEv1 encryption number, 0: none */
	uint8_t		 esp;		/* IPsec DOI transform, 0: none */
	uint8_t		 key_len;	/* bytes of key without salt */
	uint8_t		 salt_len;
	uint8_t		 block;		/* bytes to pad to; 1 for stream forms */
	uint8_t		 iv_len;	/* explicit IV in a packet */
	uint8_t		 icv_len;	/* of AEADs, else 0 */
	const char	*ossl;		/* EVP_CIPHER_fetch name, NULL for NULL */
	const char	*wireshark, *tcpdump, *xfrm;
	bool		 weak;		/* works only when named */
	bool		 legacy;	/* needs OpenSSL's legacy provider */
};

/* One hash: IKE's hash and PRF. */
struct alg_hash {
	const char	*word;		/* "md5", "sha1", "sha256", ...: also in SA state */
	uint16_t	 ike;		/* IKEv1 hash number */
	uint8_t		 len;		/* bytes */
	uint8_t		 block;
	const char	*ossl;
	bool		 weak;
};

/* One integrity algorithm of ESP and AH. */
struct alg_integ {
	const char	*word;		/* in proposals: "sha1", "sha256", "sha256_96", "aesxcbc" */
	const char	*name;		/* in SA state: "hmac-sha1-96", "hmac-sha2-256-128" */
	uint16_t	 auth;		/* IPsec DOI authentication attribute */
	uint8_t		 ah;		/* AH transform ID */
	uint8_t		 key_len, icv_len;	/* bytes */
	const char	*ossl;		/* digest of the HMAC; NULL: AES-XCBC */
	const char	*wireshark, *xfrm;
	bool		 wireshark_keyless;	/* Wireshark takes no key: it skips the ICV */
	bool		 weak;
};

/* One Diffie-Hellman group. */
struct alg_group {
	const char	*word;		/* "modp2048", "ecp256", "curve25519": also in SA state */
	uint16_t	 num;		/* IANA group description */
	uint16_t	 pub_len;	/* bytes of a KE payload's body */
	uint16_t	 shared_len;	/* bytes of g^xy */
	const char	*ossl;		/* libcrypto group name */
	bool		 weak;
};

/* Look-ups return NULL if there is no such row. Words compare without regard to case. */
const struct alg_enc *alg_enc_word(const char *word);
const struct alg_enc *alg_enc_name(const char *name, unsigned key_bits);
/* ${key_bits} 0 finds the row whose key length is fixed. */
const struct alg_enc *alg_enc_ike(unsigned ike, unsigned key_bits);
const struct alg_enc *alg_enc_esp(unsigned esp, unsigned key_bits);
const struct alg_hash *alg_hash_word(const char *word);
const struct alg_hash *alg_hash_ike(unsigned ike);
const struct alg_integ *alg_integ_word(const char *word);
const struct alg_integ *alg_integ_name(const char *name);
const struct alg_integ *alg_integ_auth(unsigned auth);
const struct alg_group *alg_group_word(const char *word);
const struct alg_group *alg_group_num(unsigned num);
/* Row ${i}, for listings and tests; NULL after the last. */
const struct alg_enc *alg_enc_row(size_t i);
const struct alg_hash *alg_hash_row(size_t i);
const struct alg_integ *alg_integ_row(size_t i);
const struct alg_group *alg_group_row(size_t i);

#endif
