/*
 * packets N LENGTH: a pcap of N UDP packets of LENGTH bytes of IPv4 on standard output, between 10.1.0.1 and
 * 10.2.0.1, both ways in turn: the clear capture that benches make ESP of.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/span.h"

#define LEN_MAX	9000

static void
put_le32(uint8_t *p, uint32_t v)
{
	put_be32(p, __builtin_bswap32(v));
}

int
main(int argc, char *argv[])
{
	static uint8_t rec[16 + LEN_MAX];
	uint8_t head[24] = {0}, *ip = rec + 16;
	unsigned long n = argc == 3 ? strtoul(argv[1], NULL, 10) : 0, i;
	unsigned long len = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (n == 0 || len < 28 || len > LEN_MAX) {
		(void)fputs("usage: packets N LENGTH\n", stderr);
		return (2);
	}
	put_le32(head, 0xa1b2c3d4);	/* microseconds */
	head[4] = 2;
	head[6] = 4;
	put_le32(head + 16, 65535);
	put_le32(head + 20, 101);	/* LINKTYPE_RAW */
	(void)fwrite(head, 1, sizeof(head), stdout);
	put_le32(rec + 8, (uint32_t)len);
	put_le32(rec + 12, (uint32_t)len);
	for (i = 28; i < len; i++)
		ip[i] = (uint8_t)(i * 7);
	memcpy(ip, "\x45\0\0\0\0\0\x40\0\x40\x11\0\0\x0a\1\0\1\x0a\2\0\1", 20);
	put_be16(ip + 2, (uint16_t)len);
	put_be16(ip + 20, 40001);
	put_be16(ip + 22, 40002);
	put_be16(ip + 24, (uint16_t)(len - 20));
	for (i = 0; i < n && ferror(stdout) == 0; i++) {
		put_le32(rec, (uint32_t)(1700000000 + i / 100000));
		put_le32(rec + 4, (uint32_t)(i % 100000) * 10);
		put_be16(ip + 4, (uint16_t)i);
		ip[13] = (uint8_t)(1 + i % 2);
		ip[17] = (uint8_t)(2 - i % 2);
		(void)fwrite(rec, 1, 16 + len, stdout);
	}
	return (fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : 3);
}
