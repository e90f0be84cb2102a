/* The keys of SAs in the words of Wireshark and tcpdump. */
#include <stdio.h>

#include "base/hex.h"
#include "cli/report.h"
#include "show.h"

/*
 * What they call the algorithms of ESP (names: crypto/alg.h), as found in tshark 4.0 and
 * tcpdump 4.99. NULL: they have no word for it.
 */
static const struct enc_word { const char *name; unsigned bits; const char *wireshark, *tcpdump; }
enc_words[] = {
	{ "aes-cbc", 128, "AES-CBC [RFC3602]", "aes128" },
	{ "aes-cbc", 192, "AES-CBC [RFC3602]", "aes192" },
	{ "aes-cbc", 256, "AES-CBC [RFC3602]", "aes256" },
	{ "3des-cbc", 0, "TripleDES-CBC [RFC2451]", "des3" },
	{ "des-cbc", 0, "DES-CBC [RFC2405]", NULL },
	{ "null", 0, "NULL", NULL },
	{ "aes-ctr", 0, "AES-CTR [RFC3686]", NULL },
	{ "aes-gcm-8", 0, "AES-GCM with 8 octet ICV [RFC4106]", NULL },
	{ "aes-gcm-12", 0, "AES-GCM with 12 octet ICV [RFC4106]", NULL },
	{ "aes-gcm-16", 0, "AES-GCM with 16 octet ICV [RFC4106]", NULL },
};

static const struct integ_word { const char *name, *wireshark; bool keyed, is_96; }
integ_words[] = {
	{ "hmac-md5-96", "HMAC-MD5-96 [RFC2403]", true, true },
	{ "hmac-sha1-96", "HMAC-SHA-1-96 [RFC2404]", true, true },
	{ "hmac-sha2-256-128", "HMAC-SHA-256-128 [RFC4868]", true, false },
	{ "hmac-sha2-256-96", "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]", true, true },
	{ "hmac-sha2-384-192", "HMAC-SHA-384-192 [RFC4868]", true, false },
	{ "hmac-sha2-512-256", "HMAC-SHA-512-256 [RFC4868]", true, false },
	{ "aes-xcbc-96", "ANY 96 bit authentication [no checking]", false, true },
};

static const struct enc_word *
enc_word(const struct sa_child *s)
{
	size_t i;

	for (i = 0; i < sizeof(enc_words) / sizeof(enc_words[0]); i++)
		if (strcmp(enc_words[i].name, s->encryption) == 0 &&
		    (enc_words[i].bits == 0 || enc_words[i].bits == s->key_bits))
			return (&enc_words[i]);
	return (NULL);
}

static const struct integ_word *
integ_word(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(integ_words) / sizeof(integ_words[0]); i++)
		if (strcmp(integ_words[i].name, name) == 0)
			return (&integ_words[i]);
	return (NULL);
}

/* One direction of a child SA. */
struct way {
	const struct addr	*from, *to;
	const uint8_t		*spi;
	const struct secret	*enc, *auth;
};

static void
ways(struct way w[2], const struct sa_child *s)
{
	w[0] = (struct way){ &s->remote.at.addr, &s->local.at.addr, s->spi_in, &s->enc_in,
		&s->auth_in };
	w[1] = (struct way){ &s->local.at.addr, &s->remote.at.addr, s->spi_out, &s->enc_out,
		&s->auth_out };
}

/* Hex digits of a key, straight to standard output. */
static void
put_hex(struct span key)
{
	char hex[3];
	size_t i;

	for (i = 0; i < key.len; i++)
		(void)fputs(hex_put(hex, sizeof(hex), span_of(key.p + i, 1)), stdout);
}

/* An address without the scope, which captures don't have. */
static const char *
bare(char out[ADDR_TEXT], const struct addr *a)
{
	struct addr copy = *a;

	copy.scope = 0;
	return (addr_text(out, &copy));
}

static void
cannot(const struct sa_child *s, const char *program)
{
	report_warn("%s has no word for %s%s%s: SA in %08x out %08x left out", program,
	    s->protocol == SA_AH ? "AH" : s->encryption, s->integrity[0] != '\0' ? " with " : "",
	    s->integrity, get_be32(s->spi_in), get_be32(s->spi_out));
}

static bool esp_said;

void
wireshark_record(const struct sa_rec *r)
{
	const struct sa_child *s = &r->child;
	const struct enc_word *enc;
	const struct integ_word *integ;
	char cookie[17], from[ADDR_TEXT], to[ADDR_TEXT];
	struct way w[2];
	size_t i;

	if (r->type == SA_IKE) {
		/* Bytes are hex without quotes in such a table, text has them. */
		(void)printf("uat:ikev1_decryption_table:%s,",
		    hex_put(cookie, sizeof(cookie), SPAN_ARRAY(r->ike.spi_i)));
		put_hex(secret_span(&r->ike.cipher));
		(void)putchar('\n');
	}
	if (r->type != SA_CHILD)
		return;
	enc = enc_word(s);
	integ = integ_word(s->integrity);
	if (s->protocol == SA_AH || enc == NULL || (integ == NULL && s->integrity[0] != '\0')) {
		cannot(s, "Wireshark");
		return;
	}
	ways(w, s);
	for (i = 0; i < 2; i++) {
		(void)printf("uat:esp_sa:\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"%s",
		    w[i].from->family == 4 ? "IPv4" : "IPv6", bare(from, w[i].from),
		    bare(to, w[i].to), get_be32(w[i].spi), enc->wireshark,
		    w[i].enc->len > 0 ? "0x" : "");
		put_hex(secret_span(w[i].enc));
		(void)printf("\",\"%s\",\"", integ != NULL ? integ->wireshark : "NULL");
		if (integ != NULL && integ->keyed) {
			(void)fputs("0x", stdout);
			put_hex(secret_span(w[i].auth));
		}
		(void)puts("\"");
	}
	esp_said = true;
}

void
wireshark_end(void)
{
	/* Off by default, and the rows above do nothing without. */
	if (esp_said)
		(void)puts("esp.enable_encryption_decode:TRUE");
}

void
tcpdump_record(const struct sa_rec *r)
{
	const struct sa_child *s = &r->child;
	const struct enc_word *enc;
	const struct integ_word *integ;
	char to[ADDR_TEXT];
	struct way w[2];
	size_t i;

	if (r->type != SA_CHILD)
		return;
	enc = enc_word(s);
	integ = integ_word(s->integrity);
	/* It can leave an ICV of 96 bits out, or none; no other. */
	if (s->protocol == SA_AH || enc == NULL || enc->tcpdump == NULL ||
	    (s->integrity[0] != '\0' && (integ == NULL || !integ->is_96))) {
		cannot(s, "tcpdump");
		return;
	}
	ways(w, s);
	for (i = 0; i < 2; i++) {
		(void)printf("0x%08x@%s %s%s:0x", get_be32(w[i].spi), bare(to, w[i].to), enc->tcpdump,
		    integ != NULL ? "-hmac96" : "");
		put_hex(secret_span(w[i].enc));
		(void)putchar('\n');
	}
}
