/*
 * Hostile datagrams under known keys: each behind two bytes of length and one of who sends it. Those of
 * the encrypted kind decrypt to what the fuzzer cannot steer, so a second pass reads the body in clear. Words
 * are printable whatever comes in.
 */
#include <stdlib.h>

#include "trace/dissect.h"
#include "must.h"

static void
words(const struct v1_told *m)
{
	static char out[V1_WORDS];
	struct v1_sa_proposal chosen;
	const char *p;
	size_t i, j;

	for (i = 0; i < m->msg.n; i++) {
		for (j = 0; v1_sa_proposal(m->msg.pl[i].body, j, &chosen); j++)
			must(j < ISAKMP_PROPOSALS_MAX);
		for (p = v1_told_words(out, sizeof(out), m, i, (i & 1) != 0); *p != '\0'; p++)
			must(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	}
}

static struct sa_set *
keys(void)
{
	static struct sa_set *set;
	struct sa_rec r = { .type = SA_IKE };
	uint8_t bytes[32] = { 1, 2, 3 };

	if (set != NULL)
		return (set);
	(void)secret_init();
	must((set = sa_set_new()) != NULL);
	memset(r.ike.spi_i, 'i', 8);
	memset(r.ike.spi_r, 'r', 8);
	memcpy(r.ike.encryption, "aes-cbc", 8);
	memcpy(r.ike.hash, "sha256", 7);
	memcpy(r.ike.group, "modp2048", 9);
	r.ike.key_bits = 128;
	r.ike.iv_len = 16;
	r.ike.lifetime.expires = UINT64_MAX;
	must(secret_set(&r.ike.skeyid, SPAN_ARRAY(bytes)) == 0 &&
	    secret_set(&r.ike.skeyid_d, SPAN_ARRAY(bytes)) == 0 &&
	    secret_set(&r.ike.skeyid_a, SPAN_ARRAY(bytes)) == 0 &&
	    secret_set(&r.ike.cipher, span_of(bytes, 16)) == 0);
	must(sa_set_apply(set, 0, &r, NULL, NULL, NULL) == SA_DONE);
	sa_rec_wipe(&r);
	return (set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct endpoint ends[2] = {
		{ { 4, { 192, 0, 2, 1 }, 0 }, 500 }, { { 4, { 192, 0, 2, 2 }, 0 }, 500 },
	};
	struct v1_trace *t = v1_trace_new(keys());
	struct v1_seen in = {0};
	struct v1_told m;
	struct fault f;
	uint8_t *copy;
	size_t len;

	must(t != NULL);
	while (size >= 3) {
		len = get_be16(data);
		in.number++;
		in.src = ends[data[2] & 1];
		in.dst = ends[(data[2] >> 1) & 1];
		in.src.port = (uint16_t)(in.src.port + (data[2] >> 4));
		in.lost = (data[2] & 4) != 0 ? 7 : 0;
		data += 3;
		size -= 3;
		len = len < size ? len : size;
		copy = malloc(len > 0 ? len : 1);
		must(copy != NULL);
		memcpy(copy, data, len);
		in.data = span_of(copy, len);
		if (v1_trace_take(t, &in, &m, &f) == 0) {
			must(m.sa > 0 && (m.readable || m.msg.n == 0));
			words(&m);
			if (!m.readable && len >= ISAKMP_HDR_LEN && isakmp_chain_get(&m.msg,
			    span_of(copy + ISAKMP_HDR_LEN, len - ISAKMP_HDR_LEN), true, NULL) == 0)
				words(&m);
		}
		data += len;
		size -= len;
		free(copy);
	}
	v1_trace_free(t);
	return (0);
}
