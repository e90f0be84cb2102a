/*
 * Hostile packets for the offloads: the header of a device (size, kind, place of the checksum) before a packet that is cut
 * to segments; and inner packets of an authentic peer, joined. What was joined is cut again, and must be what was added.
 */
#include <assert.h>
#include <stdlib.h>

#include "datapath/coalesce.h"
#include "datapath/segment.h"

#define PKTS	24

static struct pkt added[PKTS];
static uint8_t *was[PKTS];
static size_t n_added, n_put;

/* Cuts the whole of a run, in memory of its exact size, and compares. */
static void
on_put(void *ctx, struct pkt *const *k, size_t n, size_t head)
{
	struct pkt whole = *k[0];
	struct segmenter s;
	struct inner in;
	size_t len = k[0]->inner_len, i, at, m;
	uint8_t *one;

	(void)ctx;
	n_put += n;
	if (n == 1) {
		assert(k[0]->gso == PKT_GSO_NONE && k[0]->csum != PKT_CSUM_PARTIAL);
		assert(memcmp(k[0]->p, was[k[0] - added], k[0]->inner_len) == 0);
		return;
	}
	for (i = 1; i < n; i++) {
		assert(k[i]->inner_len > head);
		len += k[i]->inner_len - head;
	}
	assert(len <= PKT_MAX && (whole.p = malloc(len)) != NULL);
	memcpy(whole.p, k[0]->p, k[0]->inner_len);
	for (i = 1, at = k[0]->inner_len; i < n; at += k[i]->inner_len - head, i++)
		memcpy(whole.p + at, k[i]->p + head, k[i]->inner_len - head);
	whole.len = len;
	assert(inner_parse(&in, whole.p, len) == 0 && segment_begin(&s, &whole, &in) == 0);
	for (i = 0; (m = segment_len(&s)) > 0; i++) {
		assert(i < n && m == k[i]->inner_len && (one = malloc(m)) != NULL);
		segment_put(&s, one + in.l4, true);
		/* The identification of IPv4 may have stood still, see coalesce.c; its checksum differs with it. */
		at = one[0] >> 4 == 4 ? 12 : 0;
		assert(memcmp(one + at, was[k[i] - added] + at, m - at) == 0);
		free(one);
	}
	assert(i == n);
	free(whole.p);
}

static void
cut(const uint8_t *data, size_t len)
{
	struct pkt k = {0};
	struct segmenter s;
	struct inner in;
	uint8_t *p;
	size_t n, sum = 0, most = 0;

	if (len < 8 || (p = malloc(len - 7)) == NULL)
		return;
	memcpy(p, data + 7, len - 7);
	k = (struct pkt){ .p = p, .len = len - 7, .gso = (enum pkt_gso)(data[0] % 4), .csum = PKT_CSUM_PARTIAL,
	    .seg = get_be16(data + 1), .csum_start = get_be16(data + 3), .csum_offset = get_be16(data + 5) };
	if (k.gso == PKT_GSO_NONE)
		(void)segment_complete(&k);
	else if (inner_parse(&in, p, k.len) == 0 && segment_begin(&s, &k, &in) == 0)
		for (; (n = segment_len(&s)) > 0; sum++) {
			uint8_t *one = malloc(n);

			assert(one != NULL && (most == 0 || n <= most));
			most = most == 0 ? n : most;
			segment_put(&s, one + in.l4, true);
			free(one);
		}
	free(p);
}

/* Each packet: two bytes of length, the packet; or, of length 0, the last one as the next of its stream. */
static void
joined(const uint8_t *data, size_t len)
{
	struct coalesce c;
	struct inner in;
	size_t n, i;

	coalesce_init(&c, true, on_put, NULL);
	n_added = n_put = 0;
	while (len >= 2 && n_added < PKTS) {
		struct pkt *k = &added[n_added];
		const struct pkt *last = n_added > 0 ? k - 1 : NULL;

		n = get_be16(data) % 2048;
		data += 2;
		len -= 2;
		if (n > len)
			n = len;
		if (n == 0 && last == NULL)
			continue;
		*k = (struct pkt){ .len = n == 0 ? last->len : n };
		assert((k->p = malloc(k->len > 0 ? k->len : 1)) != NULL && (was[n_added] = malloc(k->len > 0 ? k->len : 1)) != NULL);
		memcpy(k->p, n == 0 ? was[n_added - 1] : data, k->len);
		if (n == 0 && k->len >= 40 && k->p[0] == 0x45) {
			/* Sequence and identification go on; the checksums are made right for any fields. */
			uint32_t step = (uint32_t)(get_be16(k->p + 2) - 20 - (k->p[32] >> 4) * 4);

			put_be32(k->p + 24, get_be32(k->p + 24) + step);
			put_be16(k->p + 4, (uint16_t)(get_be16(k->p + 4) + 1));
		}
		data += n;
		len -= n;
		memcpy(was[n_added++], k->p, k->len);
		if (inner_parse(&in, k->p, k->len) != 0) {
			n_put++;
			continue;
		}
		k->inner_len = in.len;
		/* A fuzzer finds no checksum: where the last byte of data says so, they are right. */
		if (in.src.family == 4 && in.l4 == 20 && !in.frag && (in.proto == 6 || in.proto == 17) &&
		    in.len >= in.l4 + (in.proto == 6 ? 20U : 8U)) {
			struct pkt fix = { .p = k->p, .len = in.len, .csum = PKT_CSUM_PARTIAL, .csum_start = 20,
			    .csum_offset = in.proto == 6 ? 16 : 6 };
			uint32_t sum = (uint32_t)(in.len - 20) + in.proto;

			for (i = 12; i < 20; i += 2)
				sum += get_be16(k->p + i);
			put_be16(k->p + 20 + fix.csum_offset, (uint16_t)((sum & 0xffff) + (sum >> 16)));
			(void)segment_complete(&fix);
			put_be16(k->p + 10, 0);
			fix = (struct pkt){ .p = k->p, .len = 20, .csum = PKT_CSUM_PARTIAL, .csum_offset = 10 };
			(void)segment_complete(&fix);
			memcpy(was[n_added - 1], k->p, k->len);
		}
		coalesce_add(&c, k, &in);
	}
	coalesce_flush(&c);
	assert(n_put == n_added);
	for (i = 0; i < n_added; i++) {
		free(added[i].p);
		free(was[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return (0);
	if (data[0] % 2 == 0)
		cut(data + 1, size - 1);
	else
		joined(data + 1, size - 1);
	return (0);
}
