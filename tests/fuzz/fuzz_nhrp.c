/* NHRP packets of a stranger: decoding, words, extensions, authentication; what is encoded again decodes to the same bytes. */

#include "nhrp/acvpn.h"
#include "nhrp/auth.h"
#include "nhrp/ext.h"
#include "nhrp/words.h"
#include "must.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Appends a transit record to each extension of CIEs, and puts the authentication of each form in. */
static void
change(struct nhrp_packet *p)
{
	static struct nhrp_arena a;
	static uint8_t out[NHRP_PACKET_MAX];
	struct nhrp_cie c = { .holding = 60, .nbma = { .family = 4 }, .proto = { .family = 4 } };
	struct nhrp_auth clear = { .kind = NHRP_AUTH_CLEAR }, hmac = { .kind = NHRP_AUTH_HMAC, .spi = 1 };
	struct nhrp_packet q;
	struct fault f = {0};
	size_t i, len;

	must(secret_set(&clear.secret, span_str("secret")) == 0 && secret_set(&hmac.secret, span_str("secret")) == 0);
	if ((len = nhrp_encode_auth(out, sizeof(out), p, &clear, &p->src, &f)) > 0) {
		must(nhrp_decode(&q, span_of(out, len), &f) == 0);
		must(nhrp_auth_check(&clear, &q, span_of(out, len)) == NHRP_AUTH_GOOD);
	}
	if ((len = nhrp_encode_auth(out, sizeof(out), p, &hmac, &p->src, &f)) > 0) {
		must(nhrp_decode(&q, span_of(out, len), &f) == 0);
		must(nhrp_auth_check(&hmac, &q, span_of(out, len)) == NHRP_AUTH_GOOD);
	}
	a.n = 0;
	for (i = 0; i < p->n_exts; i++) {
		(void)nhrp_ext_names(&p->ext[i], p, &p->src);
		(void)nhrp_ext_append(&p->ext[i], &c, &a);
	}
	(void)nhrp_encode(out, sizeof(out), p);
	secret_free(&clear.secret);
	secret_free(&hmac.secret);
}

/* The extension of an AutoConnect VPN: what is written again is read as the same. */
static void
connect(struct span data)
{
	static uint8_t out[ACVPN_EXT_MAX], again[ACVPN_EXT_MAX];
	const struct nhrp_ext e = { .type = NHRP_EXT_VENDOR, .data = data };
	struct nhrp_ext f = { .type = NHRP_EXT_VENDOR };
	struct acvpn a, b;
	char words[1024];
	size_t n;

	if (acvpn_get(&a, &e) != 0)
		return;
	must(a.n_nets <= ACVPN_NETS && acvpn_words(words, sizeof(words), &a)[0] != '\0');
	n = acvpn_put(out, sizeof(out), &a);
	must(n > 0);
	f.data = span_of(out, n);
	must(acvpn_get(&b, &f) == 0 && acvpn_put(again, sizeof(again), &b) == n && memcmp(out, again, n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[65536], out[NHRP_PACKET_MAX], again[NHRP_PACKET_MAX];
	static char words[NHRP_WORDS];
	char label[NHRP_LABEL];
	struct nhrp_packet p, q;
	struct fault f = {0};
	size_t n, m;

	connect(span_of(data, size));
	if (size > sizeof(copy) || size < NHRP_FIXED)
		return (0);
	memcpy(copy, data, size);
	/* A fuzzer does not guess a checksum. */
	n = get_be16(copy + 10);
	if (n >= NHRP_FIXED && n <= size)
		nhrp_checksum_put(copy, n);
	if (nhrp_decode(&p, span_of(copy, size), &f) != 0) {
		must(f.code != FAULT_NONE && f.at != FAULT_AT_NONE);
		return (0);
	}
	(void)nhrp_label(label, &p);
	(void)nhrp_words(words, sizeof(words), &p);
	if ((n = nhrp_encode(out, sizeof(out), &p)) > 0) {
		must(nhrp_decode(&q, span_of(out, n), &f) == 0 && !q.odd_sum);
		m = nhrp_encode(again, sizeof(again), &q);
		must(span_eq(span_of(out, n), span_of(again, m)));
	}
	change(&p);
	return (0);
}
