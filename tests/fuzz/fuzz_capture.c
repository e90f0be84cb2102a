/*
 * Hostile frames: the first byte picks the link type, then frames follow, each behind 2 bytes of
 * length and one of time. What is handed out lies within the frame or the reassembled packet. The same
 * frames go to the witness of vpnmon, which puts them in words.
 */
#include <pcap/pcap.h>
#include <stdlib.h>

#include "capture/capture.h"
#include "capture/inbound.h"
#include "must.h"

/* Reads each byte, so that the sanitizer sees a span that reaches too far. */
static void
touch(struct span s)
{
	volatile uint8_t sum = 0;
	size_t i;

	for (i = 0; i < s.len; i++)
		sum = (uint8_t)(sum + s.p[i]);
}

static void
check(const struct capture_packet *p)
{
	touch(p->ip);
	touch(p->data);
	switch (p->what) {
	case CAPTURE_IKE:
	case CAPTURE_KEEPALIVE:
		must(p->data.len >= 1);
		break;
	case CAPTURE_ESP:
		must(p->data.len >= 8);
		break;
	case CAPTURE_AH:
		must(p->data.len >= 12);
		break;
	case CAPTURE_BAD:
		must(p->note != NULL);
		break;
	default:
		break;
	}
	if (p->data.len > 0)
		must(p->data.p >= p->ip.p && p->data.p + p->data.len <= p->ip.p + p->ip.len);
	must(p->fragments >= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int links[] = {
		DLT_RAW, DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, DLT_LOOP,
	};
	static const struct echo asker = { .fd = -1, .dest = { .family = 4 } };
	struct capture_packet p;
	struct witness w;
	struct capture *c;
	uint64_t time_us = 0;
	uint8_t *copy;
	size_t len, take;
	int link;

	if (size < 1)
		return (0);
	link = links[data[0] % (sizeof(links) / sizeof(links[0]))];
	c = capture_of_frames(link, NULL);
	witness_init(&w, &asker);
	must(c != NULL && capture_add_port(c, 0x0505, NULL) == 0);
	for (data++, size--; size >= 3; data += take, size -= take) {
		len = get_be16(data);
		time_us += data[2] * 1000000U;
		data += 3;
		size -= 3;
		take = len < size ? len : size;
		copy = malloc(take > 0 ? take : 1);
		must(copy != NULL);
		memcpy(copy, data, take);
		capture_frame(c, span_of(copy, take), len, time_us, &p);
		check(&p);
		witness_frame(&w, link, span_of(copy, take), len);
		must(strlen(w.text) < sizeof(w.text));
		free(copy);
	}
	(void)capture_stats(c);
	witness_close(&w);
	capture_close(c);
	return (0);
}
