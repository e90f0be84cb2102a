/* Fragments of a capture put together, by the clock of the capture. */
#include "capture/capture_priv.h"

struct ip_frags *
capture_frags_new(void)
{
	static const struct ip_frags_conf conf = { .slots = CAPTURE_FRAGS_MAX,
	    .timeout_us = (uint64_t)CAPTURE_FRAG_SECONDS * 1000000 };

	return (ip_frags_new(&conf));
}

int
capture_frags_take(struct ip_frags *t, struct capture_ip *ip, uint64_t time_us, unsigned *n, const char **note)
{
	const struct ip_part part = { .src = ip->src, .dst = ip->dst, .proto = ip->proto, .id = ip->id, .off = ip->off,
	    .more = ip->more, .head = span_of(ip->all.p, ip->head), .next_at = ip->next_at, .payload = ip->payload };
	struct ip_whole whole;

	if (ip->lost > 0) {
		*note = "a fragment that was not captured whole";
		return (-1);
	}
	switch (ip_frags_take(t, &part, time_us, &whole, note)) {
	case IP_FRAGS_MORE:
		return (0);
	case IP_FRAGS_WHOLE:
		break;
	case IP_FRAGS_BAD:
		return (-1);
	}
	ip->fragment = ip->more = false;
	ip->proto = whole.proto;
	ip->tos = whole.all.p[0] >> 4 == 4 ? whole.all.p[1] : (uint8_t)(get_be16(whole.all.p) >> 4);
	ip->all = whole.all;
	ip->payload = span_of(whole.all.p + whole.head, whole.all.len - whole.head);
	*n = whole.parts;
	return (1);
}
