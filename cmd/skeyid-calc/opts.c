/* The options of skeyid-calc, and the values that they give. */
#include "opts.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/secret_file.h"

#define O		struct calc_opts
#define S(sub)		(1U << SUB_##sub)
#define HEX(v, nm, help, ...)						\
	OPT_STR(O, hex[v], 0, nm, "HEX", help, .subs = (__VA_ARGS__), .flags = OPT_SECRET)

#define PHASE1		(S(SKEYID) | S(HASH))
#define CAPTURES	(S(CHECK) | S(WALK))

/* enum calc_auth; methods with the same formula have the same value. */
static const struct opt_word auths[] = {
	{ "psk", CALC_PSK }, { "xauth-psk", CALC_PSK }, { "sig", CALC_SIG }, { "rsa", CALC_SIG },
	{ "dss", CALC_SIG }, { "ecdsa", CALC_SIG }, { "hybrid", CALC_SIG },
	{ "xauth-rsa", CALC_SIG }, { "pke", CALC_PKE }, { NULL, 0 },
};
static const struct opt_word protocols[] = { { "esp", 3 }, { "ah", 2 }, { NULL, 0 } };

const struct opt calc_optab[] = {
	OPT_TOOL("calculate and explain the keys, hashes and IVs of IKEv1"),
	OPT_USE("SUBCOMMAND [OPTION]..."),
	OPT_USE("check [OPTION]... CAPTURE"),
	OPT_USE("[walk] --explain [OPTION]... [--sa FILE] CAPTURE"),
	OPT_SUB(O, sub, "cookie", SUB_COOKIE, "cookie: random, or a hash of addresses and a secret"),
	OPT_SUB(O, sub, "dh", SUB_DH, "public and shared Diffie-Hellman values"),
	OPT_SUB(O, sub, "skeyid", SUB_SKEYID, "SKEYID, SKEYID_d, SKEYID_a, SKEYID_e and Ka"),
	OPT_SUB(O, sub, "pke", SUB_PKE, "Ne_i, Ke_i etc. of revised public-key encryption"),
	OPT_SUB(O, sub, "hash", SUB_HASH, "HASH_I, HASH_R; with --mid: HASH(1) to HASH(3)"),
	OPT_SUB(O, sub, "iv", SUB_IV, "first IV of phase 1; with --mid: IV of a later message"),
	OPT_SUB(O, sub, "keymat", SUB_KEYMAT, "KEYMAT of an SA, split into keys"),
	OPT_SUB(O, sub, "natd", SUB_NATD, "NAT-D hash of an address and a port"),
	OPT_SUB(O, sub, "vid", SUB_VID, "compute a vendor ID, identify one, or list all known"),
	OPT_SUB(O, sub, "sig", SUB_SIG, "make or check a signature of HASH_I or HASH_R"),
	OPT_SUB(O, sub, "check", SUB_CHECK, "verify a pre-shared key against a captured phase 1"),
	OPT_SUB(O, sub, "walk", SUB_WALK, "calculate every value of a captured exchange"),

	OPT_SECTION("Algorithms"),
	OPT_STR(O, hash, 0, "hash", "NAME", "md5, sha1, sha256, sha384 or sha512",
	    .subs = ~(S(DH) | S(SIG) | CAPTURES)),
	OPT_STR(O, cipher, 0, "cipher", "NAME", "aes128, aes192, aes256, 3des or des",
	    .subs = S(SKEYID) | S(PKE) | S(IV)),
	OPT_STR(O, cipher, 0, "enc", "NAME", "alias of --cipher",
	    .subs = S(SKEYID) | S(PKE) | S(IV), .flags = OPT_HIDDEN),
	OPT_STR(O, group, 0, "group", "NAME", "modp2048, ecp256, ... or its number",
	    .subs = S(DH) | PHASE1 | S(KEYMAT) | S(IV), .excl = 2 | 4),
	OPT_STR(O, prime, 0, "prime", "N", "instead of a group: a prime of our own; all values are then numbers",
	    .subs = S(DH), .excl = 2),
	OPT_STR(O, generator, 0, "generator", "N", "with --prime: the generator g", .subs = S(DH), .excl = 4),
	OPT_CHOICE(O, auth, 0, "auth", "psk|xauth-psk|sig|rsa|dss|ecdsa|hybrid|xauth-rsa|pke",
	    "authentication method, which selects the formula of SKEYID", .subs = PHASE1, .words = auths),
	OPT_STR(O, esp, 0, "esp", "PROPOSAL", "split KEYMAT into the keys of this ESP proposal: aes128-sha256",
	    .subs = S(KEYMAT), .excl = 1),
	OPT_STR(O, ah, 0, "ah", "PROPOSAL", "split KEYMAT into the key of this AH proposal: sha256", .subs = S(KEYMAT),
	    .excl = 1),
	OPT_NUM(O, length, 0, "length", "N", 1, 256, "bytes of KEYMAT", .subs = S(KEYMAT),
	    .flags = OPT_NO_DEFAULT, .excl = 1),

	OPT_SECTION("Values, named as in RFC 2409; _b is the body of a payload"),
	HEX(V_NI, "ni", "Ni_b, the initiator's nonce (of quick mode in keymat and with --mid)",
	    PHASE1 | S(PKE) | S(KEYMAT)),
	HEX(V_NR, "nr", "Nr_b, the responder's nonce", PHASE1 | S(PKE) | S(KEYMAT)),
	HEX(V_GXI, "gxi", "g^xi, the initiator's public value (in dh: the peer's)", S(HASH) | S(IV) |
	    S(DH)),
	HEX(V_GXR, "gxr", "g^xr, the responder's public value (in dh: the peer's)", S(HASH) | S(IV) |
	    S(DH)),
	HEX(V_GXY, "gxy", "g^xy, the shared secret (in keymat: of quick mode with PFS)",
	    PHASE1 | S(KEYMAT) | CAPTURES),
	HEX(V_CKY_I, "cky-i", "CKY-I, the initiator's cookie (with a capture: selects the phase 1)",
	    PHASE1 | S(PKE) | S(NATD) | CAPTURES),
	HEX(V_CKY_R, "cky-r", "CKY-R, the responder's cookie", PHASE1 | S(PKE) | S(NATD)),
	HEX(V_PSK, "psk", "the pre-shared key", PHASE1 | CAPTURES),
	OPT_STR(O, psk_text, 0, "psk-text", "TEXT", "the pre-shared key as text",
	    .subs = PHASE1 | CAPTURES, .flags = OPT_SECRET),
	OPT_STR(O, psk_file, 0, "psk-file", "FILE", "the pre-shared key from a file, as for ike-initiate",
	    .subs = PHASE1 | CAPTURES),
	HEX(V_SAI, "sai", "SAi_b, the SA payload that the initiator sent", S(HASH)),
	HEX(V_IDI, "idi", "IDii_b: type, protocol, port, data", S(HASH)),
	HEX(V_IDR, "idr", "IDir_b", S(HASH)),
	OPT_STR(O, hex[V_CERT], 0, "cert", "HEX|FILE",
	    "pke: the peer's certificate (DER in hex), whose hash identifies its key; sig: a file with the signer's",
	    .subs = S(PKE) | S(SIG)),
	HEX(V_DIGEST, "digest", "HASH_I or HASH_R, to be signed", S(SIG)),
	HEX(V_SIG, "sig", "body of a SIG payload, to be checked by --cert", S(SIG)),
	OPT_STR(O, creds.key, 0, "key", "FILE", "our private key, as for ike-initiate", .subs = S(SIG)),
	OPT_STR(O, creds.passphrase, 0, "key-passphrase", "FILE", "passphrase of the key, as for ike-initiate",
	    .subs = S(SIG)),
	HEX(V_BODY, "body", "payload body to encrypt with Ke_i, or with --role responder Ke_r", S(PKE)),
	HEX(V_CIPHERTEXT, "ciphertext", "payload body to decrypt", S(PKE)),
	HEX(V_SKEYID, "skeyid", "SKEYID, instead of its inputs", PHASE1 | CAPTURES),
	HEX(V_SKEYID_D, "skeyid-d", "SKEYID_d", PHASE1 | S(KEYMAT)),
	HEX(V_SKEYID_A, "skeyid-a", "SKEYID_a", PHASE1),
	HEX(V_SKEYID_E, "skeyid-e", "SKEYID_e", S(SKEYID)),
	HEX(V_MID, "mid", "M-ID, the message ID", S(HASH) | S(IV)),
	HEX(V_MESSAGE, "message", "payloads after the HASH payload, without padding", S(HASH)),
	HEX(V_LAST, "last", "the last cipher block of phase 1", S(IV)),
	HEX(V_PREVIOUS, "previous", "the previous encrypted message (in pke: payload), or its last block",
	    S(IV) | S(PKE)),
	OPT_NUM(O, protocol, 0, "protocol", "esp|ah|N", 1, 255, "protocol of the SA",
	    .words = protocols, .subs = S(KEYMAT), .flags = OPT_NO_DEFAULT),
	HEX(V_SPI, "spi", "SPI, as the receiver chose it", S(KEYMAT)),
	OPT_STR(O, spi_in, 0, "spi-in", "HEX", "inbound SPI, to compute both directions",
	    .subs = S(KEYMAT)),
	OPT_STR(O, spi_out, 0, "spi-out", "HEX", "outbound SPI", .subs = S(KEYMAT)),
	OPT_LIST(O, private, 0, "private", "HEX",
	    "x, our own private value; dh --group generates one without it; walk accepts several",
	    .subs = S(DH) | PHASE1 | S(KEYMAT) | CAPTURES, .flags = OPT_SECRET),
	OPT_STR(O, peer_private, 0, "peer-private", "HEX", "y, the peer's private value, to compute g^y",
	    .subs = S(DH), .flags = OPT_SECRET),
	HEX(V_PUBLIC, "public", "g^y, the peer's public value", S(DH) | PHASE1 | S(KEYMAT)),
	OPT_STR(O, ip, 0, "ip", "ADDR", "address to hash (in walk: public address of a NAT)",
	    .subs = S(NATD) | S(COOKIE) | S(WALK)),
	OPT_NUM(O, port, 0, "port", "N", 0, 65535, "its port", .subs = S(NATD) | S(COOKIE) | S(WALK),
	    .flags = OPT_NO_DEFAULT),
	OPT_STR(O, peer_ip, 0, "peer-ip", "ADDR", "the peer's address", .subs = S(COOKIE)),
	OPT_NUM(O, peer_port, 0, "peer-port", "N", 0, 65535, "its port", .subs = S(COOKIE),
	    .flags = OPT_NO_DEFAULT),
	OPT_NUM(O, time, 0, "time", "N", 0, INT64_MAX, "time in seconds to hash",
	    .subs = S(COOKIE), .flags = OPT_NO_DEFAULT),
	HEX(V_SECRET, "secret", "local secret of the cookie hash", S(COOKIE)),
	OPT_CHOICE(O, role, 0, "role", "initiator|responder", "owner of the cookie or body",
	    .subs = S(COOKIE) | S(PKE)),
	OPT_STR(O, hex[V_TEXT], 0, "text", "TEXT", "text to hash into a vendor ID",
	    .subs = S(VID)),
	HEX(V_VID, "vid", "vendor ID to identify", S(VID)),

	OPT_SECTION("Input and output"),
	OPT_STR(O, sa, 0, "sa", "FILE", "read missing values from SA state, '-' for standard input",
	    .subs = ~(S(DH) | S(COOKIE) | S(VID) | S(SIG) | S(CHECK))),
	OPT_LIST(O, creds.ca, 0, "ca", "FILE", "check the certificates of signatures against these authorities",
	    .subs = S(WALK)),
	OPT_LIST(O, creds.crl, 0, "crl", "FILE", "revocation lists of these authorities", .subs = S(WALK)),
	OPT_LIST(O, creds.peer_cert, 0, "peer-cert", "FILE",
	    "certificate of an end, trusted without an authority; an end need not send it", .subs = S(WALK)),
	OPT_FLAG(O, explain, 0, "explain", "print every step: formula, inputs, result, where it is used"),
	OPT_JSON(O, json),
	OPT_ARG(O, capture, "CAPTURE", "pcap or pcapng file with a phase 1", .subs = CAPTURES,
	    .flags = OPT_REQUIRED),
	OPT_STR(O, seed, 0, "seed", "TEXT", "derive all random values from TEXT: repeatable", .subs = S(COOKIE) | S(DH),
	    .flags = OPT_SEAM),
	OPT_END
};

/* Finds a row of the registry by its word; the fault lists all words. */
#define ROW(what, dst, find, row) do {					\
	char words[256] = "";						\
	size_t i;							\
									\
	if (o->what == NULL || (c->dst = find(o->what)) != NULL)	\
		break;							\
	for (i = 0; row(i) != NULL; i++)				\
		(void)snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s", \
		    i > 0 ? ", " : "", row(i)->word);			\
	return (fault(f, FAULT_USAGE, "--" #what ": \"%.40s\" is not one of %s", o->what, words)); \
} while (0)

static const struct alg_group *
group_find(const char *text)
{
	uint64_t n;

	if (opt_number(&n, text, OPT_PLAIN, 1, 65535, "", NULL) == 0)
		return (alg_group_num((unsigned)n));
	return (alg_group_word(text));
}

/* Only ciphers that phase 1 can use. */
static const struct alg_enc *
cipher_find(const char *word)
{
	const struct alg_enc *e = alg_enc_word(word);

	return (e != NULL && e->ike != 0 ? e : NULL);
}

static const struct alg_enc *
cipher_row(size_t i)
{
	const struct alg_enc *e;
	size_t j;

	for (j = 0; (e = alg_enc_row(j)) != NULL; j++)
		if (e->ike != 0 && i-- == 0)
			return (e);
	return (NULL);
}

static int
set_addr(struct calc *c, enum val v, const char *text, struct fault *f)
{
	struct addr a;

	if (text == NULL)
		return (0);
	if (addr_parse(&a, text) == -1)
		return (fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is no IP address", calc_option(v), text));
	return (calc_set(c, v, addr_span(&a), f));
}

static int
set_port(struct calc *c, enum val v, const char *option, uint16_t port, struct fault *f)
{
	uint8_t be[2];

	put_be16(be, port);
	return (opt_given(option) ? calc_set(c, v, SPAN_ARRAY(be), f) : 0);
}

/* The proposal for KEYMAT. */
static int
set_proposal(struct calc *c, const struct calc_opts *o, struct fault *f)
{
	const char *option = o->esp != NULL ? "esp" : "ah";
	struct esp_proposals list;
	int rc;

	if (o->esp == NULL && o->ah == NULL)
		return (0);
	rc = o->esp != NULL ? esp_proposals_parse(&list, o->esp, f) :
	    ah_proposals_parse(&list, o->ah, f);
	if (rc == -1) {
		fault_option(f, option);
		return (-1);
	}
	if (list.n != 1)
		return (fault(f, FAULT_USAGE, "--%s: expected one proposal, got %zu", option, list.n));
	c->esp = list.p[0];
	return (0);
}

/* The SPIs of both directions. */
static int
set_spis(struct calc *c, const struct calc_opts *o, struct fault *f)
{
	if (o->spi_in == NULL && o->spi_out == NULL)
		return (0);
	if (o->spi_in == NULL || o->spi_out == NULL || c->has[V_SPI])
		return (fault(f, FAULT_USAGE, "keymat needs --spi, or both --spi-in and --spi-out"));
	if (hex_get(c->child_spi_in, 4, o->spi_in) != 4)
		return (fault(f, FAULT_USAGE, "--spi-in: an SPI has 8 hex digits, such as c0ffee01"));
	if (hex_get(c->child_spi_out, 4, o->spi_out) != 4)
		return (fault(f, FAULT_USAGE, "--spi-out: an SPI has 8 hex digits, such as c0ffee01"));
	c->has_child = true;
	return (0);
}

/* A value in hex or, with --prime, as a number. */
static int
set_value(struct calc *c, enum val v, const char *text, struct fault *f)
{
	return (c->base != NUMBER_NONE ? calc_set_number(c, v, text, f) : calc_set_hex(c, v, text, f));
}

static int
set_numbers(struct calc *c, const struct calc_opts *o, struct fault *f)
{
	if (o->generator != NULL && o->prime == NULL)
		return (fault(f, FAULT_USAGE, "--generator requires --prime"));
	if (o->prime != NULL && calc_set_number(c, V_PRIME, o->prime, f) == -1)
		return (-1);
	if (o->generator != NULL && calc_set_number(c, V_GENERATOR, o->generator, f) == -1)
		return (-1);
	return (o->peer_private != NULL ? set_value(c, V_PEER_PRIVATE, o->peer_private, f) : 0);
}

int
calc_from_opts(struct calc *c, const struct calc_opts *o, struct rand_seed *seed,
    struct fault *f)
{
	uint8_t be[8];
	int v;

	c->sub = (enum calc_sub)o->sub;
	c->auth = (enum calc_auth)o->auth;
	c->responder = o->role == 1;
	c->keymat_len = o->length;
	c->rand = rand_system;
	if (o->seed != NULL)
		c->rand = rand_seeded(seed, span_str(o->seed));
	ROW(hash, hash, alg_hash_word, alg_hash_row);
	ROW(cipher, enc, cipher_find, cipher_row);
	ROW(group, group, group_find, alg_group_row);
	if (set_proposal(c, o, f) == -1 || set_numbers(c, o, f) == -1)
		return (-1);
	for (v = 0; v < V_HEX_COUNT; v++) {
		if (o->hex[v] == NULL || (v == V_CERT && o->sub == SUB_SIG))	/* that is a file */
			continue;
		if (v == V_TEXT) {
			if (calc_set(c, V_TEXT, span_str(o->hex[v]), f) == -1)
				return (-1);
		} else if (set_value(c, (enum val)v, o->hex[v], f) == -1)
			return (-1);
	}
	if (o->private.n > 1 && c->sub != SUB_WALK)
		return (fault(f, FAULT_USAGE, "--private: given %zu times; only walk uses more than one", o->private.n));
	if (o->private.n == 1 && set_value(c, V_PRIVATE, o->private.v[0], f) == -1)
		return (-1);
	if (set_spis(c, o, f) == -1)
		return (-1);
	if (c->has[V_PSK] + (o->psk_text != NULL) + (o->psk_file != NULL) > 1)
		return (fault(f, FAULT_USAGE, "--psk, --psk-text and --psk-file exclude each other"));
	if (o->psk_text != NULL && calc_set(c, V_PSK, span_str(o->psk_text), f) == -1)
		return (-1);
	if (o->psk_file != NULL) {
		if (secret_file_read(&c->v[V_PSK], o->psk_file, SECRET_AUTO, "pre-shared key", NULL,
		    f) == -1)
			return (-1);
		c->has[V_PSK] = true;
	}
	if (opt_given("protocol") && calc_set(c, V_PROTOCOL, span_of(&o->protocol, 1), f) == -1)
		return (-1);
	if (o->ah != NULL && !c->has[V_PROTOCOL] &&
	    calc_set(c, V_PROTOCOL, span_of("\2", 1), f) == -1)
		return (-1);
	if (o->esp != NULL && !c->has[V_PROTOCOL] &&
	    calc_set(c, V_PROTOCOL, span_of("\3", 1), f) == -1)
		return (-1);
	put_be64(be, o->time);
	if (opt_given("time") && calc_set(c, V_TIME, SPAN_ARRAY(be), f) == -1)
		return (-1);
	/* MD5 is the usual hash of vendor IDs and cookies. */
	if (c->hash == NULL && (c->sub == SUB_VID || c->sub == SUB_COOKIE))
		c->hash = alg_hash_word("md5");
	if (set_addr(c, V_IP, o->ip, f) == -1 || set_addr(c, V_PEER_IP, o->peer_ip, f) == -1 ||
	    set_port(c, V_PORT, "port", o->port, f) == -1 ||
	    set_port(c, V_PEER_PORT, "peer-port", o->peer_port, f) == -1)
		return (-1);
	return (0);
}
