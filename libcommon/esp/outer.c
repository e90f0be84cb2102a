/* IP headers outside of the tunnel. */
#include "esp/outer.h"

#define HOPS	64

size_t
outer_make(uint8_t *ip, const struct outer *o, size_t len)
{
	size_t head = outer_len(o->src->family);

	memset(ip, 0, head);
	if (o->src->family == 4) {
		ip[0] = 0x45;
		ip[1] = o->tos;
		put_be16(ip + 4, o->id);
		ip[6] = o->df ? 0x40 : 0;
		ip[8] = HOPS;
		ip[9] = o->proto;
		memcpy(ip + 12, o->src->b, 4);
		memcpy(ip + 16, o->dst->b, 4);
	} else {
		ip[0] = 0x60 | o->tos >> 4;
		ip[1] = (uint8_t)(o->tos << 4);
		ip[6] = o->proto;
		ip[7] = HOPS;
		memcpy(ip + 8, o->src->b, 16);
		memcpy(ip + 24, o->dst->b, 16);
	}
	outer_mend(ip, head, head + len);
	return (head);
}

static void
v4_checksum(uint8_t *ip, size_t head)
{
	uint32_t sum = 0;

	put_be16(ip + 10, 0);
	for (size_t i = 0; i < head; i += 2)
		sum += get_be16(ip + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	put_be16(ip + 10, (uint16_t)~sum);
}

void
outer_mend(uint8_t *ip, size_t head, size_t len)
{
	if (ip[0] >> 4 == 4) {
		put_be16(ip + 2, (uint16_t)len);
		v4_checksum(ip, head);
	} else
		put_be16(ip + 4, (uint16_t)(len - OUTER_V6));
}
