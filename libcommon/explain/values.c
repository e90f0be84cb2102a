/* Values by their RFC names: their options and lengths, and the values that a calculation knows. */
#include "explain/values.h"

#include <string.h>

#include "base/hex.h"

/* Names as RFC 2408, 2409 and 3947 spell them; lengths in bytes, max 0: any. */
static const struct {
	const char	*name, *option;
	size_t		 min, max;
} infos[V_COUNT] = {
	[V_NI] = { "Ni_b", "--ni", 1, 0 },
	[V_NR] = { "Nr_b", "--nr", 1, 0 },
	[V_GXI] = { "g^xi", "--gxi", 1, 0 },
	[V_GXR] = { "g^xr", "--gxr", 1, 0 },
	[V_GXY] = { "g^xy", "--gxy", 1, 0 },
	[V_CKY_I] = { "CKY-I", "--cky-i", 8, 8 },
	[V_CKY_R] = { "CKY-R", "--cky-r", 8, 8 },
	[V_PSK] = { "pre-shared-key", "--psk", 1, 0 },
	[V_SAI] = { "SAi_b", "--sai", 1, 0 },
	[V_IDI] = { "IDii_b", "--idi", 4, 0 },
	[V_IDR] = { "IDir_b", "--idr", 4, 0 },
	[V_SPI] = { "SPI", "--spi", 4, 4 },
	[V_MID] = { "M-ID", "--mid", 4, 4 },
	[V_MESSAGE] = { "message", "--message", 1, 0 },
	[V_LAST] = { "last block of phase 1", "--last", 8, 16 },
	[V_PREVIOUS] = { "previous message", "--previous", 8, 0 },
	[V_PUBLIC] = { "g^y", "--public", 1, 0 },
	[V_SECRET] = { "secret", "--secret", 1, 0 },
	[V_TEXT] = { "text", "--text", 1, 0 },
	[V_VID] = { "VID", "--vid", 1, 0 },
	[V_CERT] = { "certificate", "--cert", 1, 0 },
	[V_DIGEST] = { "HASH", "--digest", 16, HASH_MAX },
	[V_SIG] = { "SIG", "--sig", 1, 0 },
	[V_BODY] = { "body", "--body", 1, 0 },
	[V_CIPHERTEXT] = { "ciphertext", "--ciphertext", 8, 0 },
	[V_SKEYID] = { "SKEYID", "--skeyid", 1, 0 },
	[V_SKEYID_D] = { "SKEYID_d", "--skeyid-d", 1, 0 },
	[V_SKEYID_A] = { "SKEYID_a", "--skeyid-a", 1, 0 },
	[V_SKEYID_E] = { "SKEYID_e", "--skeyid-e", 1, 0 },
	[V_PROTOCOL] = { "protocol", "--protocol", 1, 1 },
	[V_IP] = { "IP", "--ip", 4, 16 },
	[V_PORT] = { "Port", "--port", 2, 2 },
	[V_PEER_IP] = { "peer IP", "--peer-ip", 4, 16 },
	[V_PEER_PORT] = { "peer Port", "--peer-port", 2, 2 },
	[V_TIME] = { "time", "--time", 8, 8 },
	[V_PRIVATE] = { "x", "--private", 1, 0 },
	[V_PEER_PRIVATE] = { "y", "--peer-private", 1, 0 },
	[V_PRIME] = { "p", "--prime", 0, 0 },
	[V_GENERATOR] = { "g", "--generator", 0, 0 },
	[V_GX] = { "g^x", "", 0, 0 },
	[V_KA] = { "Ka", "", 0, 0 },
	[V_HASH_I] = { "HASH_I", "", 0, 0 },
	[V_HASH_R] = { "HASH_R", "", 0, 0 },
	[V_HASH1] = { "HASH(1)", "", 0, 0 },
	[V_HASH2] = { "HASH(2)", "", 0, 0 },
	[V_HASH3] = { "HASH(3)", "", 0, 0 },
	[V_IV] = { "IV", "", 0, 0 },
	[V_KEYMAT] = { "KEYMAT", "", 0, 0 },
	[V_ENC_KEY] = { "encryption key", "", 0, 0 },
	[V_AUTH_KEY] = { "authentication key", "", 0, 0 },
	[V_NAT_D] = { "NAT-D", "", 0, 0 },
	[V_COOKIE] = { "CKY-I", "", 0, 0 },
	[V_NE_I] = { "Ne_i", "", 0, 0 },
	[V_NE_R] = { "Ne_r", "", 0, 0 },
	[V_KE_I] = { "Ke_i", "", 0, 0 },
	[V_KE_R] = { "Ke_r", "", 0, 0 },
	[V_HASH_CERT] = { "HASH(1)", "", 0, 0 },
	[V_BODY_I] = { "body", "", 0, 0 },
	[V_BODY_R] = { "body", "", 0, 0 },
	[V_CIPHERTEXT_I] = { "<body>Ke_i", "", 0, 0 },
	[V_CIPHERTEXT_R] = { "<body>Ke_r", "", 0, 0 },
	[V_PLAINTEXT] = { "plaintext", "", 0, 0 },
	[V_LAST_BLOCK] = { "last block", "", 0, 0 },
};

const char *
calc_name(const struct calc *c, enum val v)
{
	/* The key exchange of quick mode has its own names. */
	if (c->phase2 && v == V_GXI)
		return ("g(qm)^xi");
	if (c->phase2 && v == V_GXR)
		return ("g(qm)^xr");
	if (c->phase2 && v == V_GXY)
		return ("g(qm)^xy");
	return (infos[v].name);
}

const char *
calc_option(enum val v)
{
	return (infos[v].option);
}

/* Only values that are named here are public, so a value that is added later is secret until it is named here. */
enum step_open
calc_open(const struct calc *c, enum val v)
{
	switch (v) {
	case V_NI: case V_NR:
		return (c->auth == CALC_PKE ? STEP_SECRET : STEP_OPEN);
	case V_GXI: case V_GXR: case V_GX: case V_PUBLIC: case V_CKY_I: case V_CKY_R: case V_COOKIE: case V_SAI:
	case V_IDI: case V_IDR: case V_SPI: case V_MID: case V_LAST: case V_PREVIOUS: case V_VID: case V_TEXT:
	case V_CERT: case V_DIGEST: case V_SIG: case V_CIPHERTEXT: case V_PROTOCOL: case V_IP: case V_PORT:
	case V_PEER_IP: case V_PEER_PORT: case V_PRIME: case V_GENERATOR: case V_HASH_I: case V_HASH_R: case V_HASH1:
	case V_HASH2: case V_HASH3: case V_IV: case V_NAT_D: case V_HASH_CERT: case V_LAST_BLOCK:
		return (STEP_OPEN);
	case V_MESSAGE: case V_PLAINTEXT:
		return (STEP_CONTENT);
	default:
		return (STEP_SECRET);
	}
}

int
calc_set(struct calc *c, enum val v, struct span value, struct fault *f)
{
	if (value.len < infos[v].min || (infos[v].max > 0 && value.len > infos[v].max)) {
		if (infos[v].min == infos[v].max)
			return (fault(f, FAULT_USAGE, "%s: %s has %zu bytes, not %zu",
			    infos[v].option, infos[v].name, infos[v].min, value.len));
		if (infos[v].max > 0)
			return (fault(f, FAULT_USAGE, "%s: %s has %zu to %zu bytes, not %zu", infos[v].option,
			    infos[v].name, infos[v].min, infos[v].max, value.len));
		return (fault(f, FAULT_USAGE, "%s: %s has at least %zu byte%s, not %zu", infos[v].option,
		    infos[v].name, infos[v].min, infos[v].min == 1 ? "" : "s", value.len));
	}
	if (secret_set(&c->v[v], value) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for %s", infos[v].name));
	c->has[v] = true;
	return (0);
}

/* Numbers may omit leading zeros; other values are strings of bytes. */
static bool
is_number(enum val v)
{
	return (v == V_PRIVATE || v == V_PEER_PRIVATE || v == V_PUBLIC || v == V_GXI || v == V_GXR || v == V_GXY);
}

/* Explains why hex_get() rejects ${hex}. */
static int
no_hex(enum val v, const char *hex, struct fault *f)
{
	size_t n = hex_digits(hex);

	size_t good = hex[0] == '0' && (hex[1] == 'x' || hex[1] == 'X') ? 2 : 0;

	good += strspn(hex + good, "0123456789abcdefABCDEF :-");
	if (hex[good] != '\0')
		return (fault(f, FAULT_USAGE, "%s: %s is not in hex: character %zu is none of 0-9 and a-f",
		    infos[v].option, infos[v].name, good + 1));
	if (n % 2 == 0)
		return (fault(f, FAULT_USAGE, "%s: %s is not in hex: blanks, colons and dashes may only be between bytes",
		    infos[v].option, infos[v].name));
	if (infos[v].min == infos[v].max)
		return (fault(f, FAULT_USAGE, "%s: %s has %zu hex digits, not %zu", infos[v].option,
		    infos[v].name, 2 * infos[v].min, n));
	return (fault(f, FAULT_USAGE, "%s: %s has an odd number of hex digits (%zu): a byte has two",
	    infos[v].option, infos[v].name, n));
}

int
calc_set_hex(struct calc *c, enum val v, const char *hex, struct fault *f)
{
	struct secret s = {0}, text = {0};
	size_t skip = hex[0] == '0' && (hex[1] == 'x' || hex[1] == 'X') ? 2 : 0;
	size_t cap = strlen(hex) / 2 + 1, room = strlen(hex) - skip + 2;
	const char *digits = hex;
	long n;
	int rc = 0;

	if (cap > SECRET_MAX || room > SECRET_MAX)
		return (fault(f, FAULT_USAGE, "%s: %s is too long", infos[v].option, infos[v].name));
	if (secret_make(&s, cap) == NULL || secret_make(&text, room) == NULL)
		rc = fault(f, FAULT_MEMORY, "no memory for %s", infos[v].name);
	else if (is_number(v) && hex_digits(hex) % 2 != 0) {
		text.p[0] = '0';
		memcpy(text.p + 1, hex + skip, room - 1);
		digits = (const char *)text.p;
	}
	if (rc == 0)
		rc = (n = hex_get(s.p, cap, digits)) == -1 ? no_hex(v, hex, f) :
		    calc_set(c, v, span_of(s.p, (size_t)n), f);
	secret_free(&text);
	secret_free(&s);
	return (rc);
}

int
calc_set_number(struct calc *c, enum val v, const char *text, struct fault *f)
{
	enum number_base base;

	if (number_parse(&c->v[v], &base, infos[v].option, text, f) == -1)
		return (-1);
	c->has[v] = true;
	if (v == V_PRIME)
		c->base = base;
	return (0);
}

/* ---- lengths that a group has */

static size_t
group_len(const struct alg_group *g, enum val v)
{
	return (v == V_GXY ? g->shared_len : g->pub_len);
}

/*
 * Whether ${v} of the group is one number, most significant byte first. A point has two numbers; X25519 starts with the least
 * significant byte.
 */
static bool
pads(const struct alg_group *g, enum val v)
{
	return (g->num != 31 && (v == V_GXY || g->pub_len == g->shared_len));
}

/* Without a group: notes the next longer length that some group has. */
static void
note_odd_len(struct calc *c, enum val v)
{
	const struct alg_group *g, *next = NULL, *least = NULL;
	size_t i, len = c->v[v].len;

	for (i = 0; (g = alg_group_row(i)) != NULL; i++) {
		if (group_len(g, v) == len)
			return;
		if (least == NULL || group_len(g, v) < group_len(least, v))
			least = g;
		if (group_len(g, v) > len && (next == NULL || group_len(g, v) < group_len(next, v)))
			next = g;
	}
	/* Shorter than any group's: probably an invented value. */
	if (next == NULL || next == least)
		return;
	step_note(c->note, "%s: %zu bytes are the length of no group, %s has %zu: --group %s restores leading zeros",
	    infos[v].option, len, next->word, group_len(next, v), next->word);
}

int
calc_fit(struct calc *c, enum val v, struct fault *f)
{
	struct secret whole = {0};
	size_t len, want;

	if (!c->has[v])
		return (0);
	if (c->group == NULL) {
		note_odd_len(c, v);
		return (0);
	}
	len = c->v[v].len;
	want = group_len(c->group, v);
	if (len == want)
		return (0);
	if (len > want || !pads(c->group, v))
		return (fault(f, FAULT_USAGE, "%s: %s has %zu bytes in %s, not %zu", infos[v].option,
		    infos[v].name, want, c->group->word, len));
	if (secret_make(&whole, want) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for %s", infos[v].name));
	memcpy(whole.p + want - len, c->v[v].p, len);
	secret_move(&c->v[v], &whole);
	step_note(c->note, "%s: %zu bytes padded to the %zu of %s, with zeros in front", infos[v].option,
	    len, want, c->group->word);
	return (0);
}

void
calc_unset(struct calc *c, enum val v)
{
	secret_free(&c->v[v]);
	c->has[v] = false;
	c->from[v] = 0;
}

int
calc_set_endpoint(struct calc *c, enum val ip, enum val port, const struct endpoint *e,
    struct fault *f)
{
	uint8_t be[2];

	put_be16(be, e->port);
	if (calc_set(c, ip, addr_span(&e->addr), f) == -1 ||
	    calc_set(c, port, SPAN_ARRAY(be), f) == -1)
		return (-1);
	return (0);
}

int
calc_copy(struct calc *to, enum val v, const struct calc *from, enum val of, struct fault *f)
{
	if (!from->has[of])
		return (0);
	if (calc_set(to, v, secret_span(&from->v[of]), f) == -1)
		return (-1);
	to->from[v] = from->from[of];
	return (0);
}

void
calc_wipe(struct calc *c)
{
	size_t i;

	for (i = 0; i < V_COUNT; i++)
		secret_free(&c->v[i]);
	for (i = 0; i < c->n_results; i++)
		secret_free(&c->results[i].value);
	secret_free(&c->child_in);
	secret_free(&c->child_out);
	*c = (struct calc){0};
}
