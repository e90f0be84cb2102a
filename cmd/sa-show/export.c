/* The keys of SAs in the syntax of Wireshark and tcpdump. */
#include <stdio.h>

#include "base/hex.h"
#include "cli/report.h"
#include "crypto/alg.h"
#include "show.h"

/* One direction of a child SA. */
struct direction {
	const struct addr	*from, *to;
	const uint8_t		*spi;
	const struct secret	*enc, *auth;
};

static void
directions(struct direction d[2], const struct sa_child *s)
{
	d[0] = (struct direction){ &s->remote.at.addr, &s->local.at.addr, s->spi_in, &s->enc_in,
		&s->auth_in };
	d[1] = (struct direction){ &s->local.at.addr, &s->remote.at.addr, s->spi_out, &s->enc_out,
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

/* An address without the scope, which captures do not have. */
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
	report_warn("%s does not support %s%s%s: SA in %08x out %08x omitted", program,
	    s->protocol == SA_AH ? "AH" : s->encryption, s->integrity[0] != '\0' ? " with " : "",
	    s->integrity, get_be32(s->spi_in), get_be32(s->spi_out));
}

static bool esp_said;

void
wireshark_record(const struct sa_rec *r)
{
	const struct sa_child *s = &r->child;
	const struct alg_enc *enc = alg_enc_name(s->encryption, s->key_bits);
	const struct alg_integ *integ = alg_integ_name(s->integrity);
	char cookie[17], from[ADDR_TEXT], to[ADDR_TEXT];
	struct direction d[2];
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
	if (s->protocol == SA_AH || enc == NULL || enc->wireshark == NULL ||
	    (s->integrity[0] != '\0' && (integ == NULL || integ->wireshark == NULL))) {
		cannot(s, "Wireshark");
		return;
	}
	directions(d, s);
	for (i = 0; i < 2; i++) {
		(void)printf("uat:esp_sa:\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"%s",
		    d[i].from->family == 4 ? "IPv4" : "IPv6", bare(from, d[i].from),
		    bare(to, d[i].to), get_be32(d[i].spi), enc->wireshark,
		    d[i].enc->len > 0 ? "0x" : "");
		put_hex(secret_span(d[i].enc));
		(void)printf("\",\"%s\",\"", integ != NULL ? integ->wireshark : "NULL");
		if (integ != NULL && !integ->wireshark_keyless) {
			(void)fputs("0x", stdout);
			put_hex(secret_span(d[i].auth));
		}
		(void)puts("\"");
	}
	esp_said = true;
}

void
wireshark_end(void)
{
	/* Off by default; without it the rows above have no effect. */
	if (esp_said)
		(void)puts("esp.enable_encryption_decode:TRUE");
}

void
tcpdump_record(const struct sa_rec *r)
{
	const struct sa_child *s = &r->child;
	const struct alg_enc *enc = alg_enc_name(s->encryption, s->key_bits);
	const struct alg_integ *integ = alg_integ_name(s->integrity);
	char to[ADDR_TEXT];
	struct direction d[2];
	size_t i;

	if (r->type != SA_CHILD)
		return;
	/* tcpdump can skip an ICV of 96 bits, and no other. */
	if (s->protocol == SA_AH || enc == NULL || enc->tcpdump == NULL ||
	    (s->integrity[0] != '\0' && (integ == NULL || integ->icv_len != 12))) {
		cannot(s, "tcpdump");
		return;
	}
	directions(d, s);
	for (i = 0; i < 2; i++) {
		(void)printf("0x%08x@%s %s%s:0x", get_be32(d[i].spi), bare(to, d[i].to), enc->tcpdump,
		    integ != NULL ? "-hmac96" : "");
		put_hex(secret_span(d[i].enc));
		(void)putchar('\n');
	}
}
