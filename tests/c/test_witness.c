/* How inbound packets are described, and which of them count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "capture/inbound.h"

static struct echo asker;
static struct witness w;
static uint8_t b[128];
static size_t len;

static void
begin(const char *dest)
{
	witness_close(&w);
	asker = (struct echo){ .fd = -1, .raw = true, .id = 0x1234,
	    .cookie = { 1, 2, 3, 4, 5, 6, 7, 8 } };
	assert_int_equal(addr_parse(&asker.dest, dest), 0);
	witness_init(&w, &asker);
}

/* An IPv4 packet from 10.2.0.5 to 10.1.0.7 with ${n} bytes of ${proto} behind the header. */
static uint8_t *
four(uint8_t proto, size_t n)
{
	static const uint8_t head[20] = { 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 0, 0, 0, 10, 2, 0, 5, 10, 1, 0, 7 };

	memset(b, 0, sizeof(b));
	memcpy(b, head, sizeof(head));
	len = 20 + n;
	put_be16(b + 2, (uint16_t)len);
	b[9] = proto;
	return (b + 20);
}

static uint8_t *
six(uint8_t proto, size_t n)
{
	memset(b, 0, sizeof(b));
	len = 40 + n;
	b[0] = 0x60;
	put_be16(b + 4, (uint16_t)n);
	b[6] = proto;
	memcpy(b + 8, "\x20\x01\x0d\xb8\0\2\0\0\0\0\0\0\0\0\0\1", 16);
	memcpy(b + 24, "\x20\x01\x0d\xb8\0\1\0\0\0\0\0\0\0\0\0\1", 16);
	return (b + 40);
}

static void
seen(const char *text)
{
	uint64_t had = w.packets;

	witness_frame(&w, DLT_RAW, span_of(b, len), len);
	assert_true(w.packets == had + (text != NULL));
	if (text != NULL)
		assert_string_equal(w.text, text);
}

static void
in_words(void **state)
{
	uint8_t *p;

	(void)state;
	begin("10.2.0.1");
	p = four(6, 20);
	put_be16(p, 443);
	put_be16(p + 2, 51512);
	seen("TCP 10.2.0.5:443 > 10.1.0.7:51512, 40 bytes");
	four(17, 8);
	seen("UDP 10.2.0.5:0 > 10.1.0.7:0, 28 bytes");
	four(1, 8);
	seen("ICMP 10.2.0.5 > 10.1.0.7, 28 bytes");
	four(89, 8);
	seen("protocol 89 10.2.0.5 > 10.1.0.7, 28 bytes");
	p = six(17, 8);
	put_be16(p, 53);
	put_be16(p + 2, 4000);
	seen("UDP [2001:db8:2::1]:53 > [2001:db8:1::1]:4000, 48 bytes");
	six(58, 8);
	seen("ICMPv6 2001:db8:2::1 > 2001:db8:1::1, 48 bytes");
	/* TCP that ends before its ports */
	four(6, 3);
	seen("TCP 10.2.0.5 > 10.1.0.7, 23 bytes");
	witness_close(&w);
}

static void
answers_of_our_own_do_not_count(void **state)
{
	uint8_t *p;

	(void)state;
	begin("10.2.0.5");
	p = four(1, 64);
	put_be16(p + 4, 0x1234);
	memcpy(p + 8, asker.cookie, 8);
	seen(NULL);
	p[0] = 8;	/* a question is none */
	seen("ICMP 10.2.0.5 > 10.1.0.7, 84 bytes");
	p[0] = 0;
	p[5] = 0x35;	/* of another process */
	seen("ICMP 10.2.0.5 > 10.1.0.7, 84 bytes");
	p[5] = 0x34;
	p[15] ^= 1;	/* without our random bytes */
	seen("ICMP 10.2.0.5 > 10.1.0.7, 84 bytes");
	p[15] ^= 1;
	b[15] = 6;	/* from elsewhere */
	seen("ICMP 10.2.0.6 > 10.1.0.7, 84 bytes");
	begin("2001:db8:2::1");
	p = six(58, 64);
	p[0] = 129;
	put_be16(p + 4, 0x1234);
	memcpy(p + 8, asker.cookie, 8);
	seen(NULL);
	p[0] = 128;
	seen("ICMPv6 2001:db8:2::1 > 2001:db8:1::1, 104 bytes");
	witness_close(&w);
}

/* Cut at each byte, and each byte of the headers turned: nothing but a number and a text may come of it. */
static void
hostile_frames(void **state)
{
	size_t i, full;
	int bit;

	(void)state;
	begin("10.2.0.5");
	four(6, 20);
	full = len;
	for (i = 0; i <= full; i++) {
		witness_frame(&w, DLT_RAW, span_of(b, i), full);
		witness_frame(&w, DLT_RAW, span_of(b, i), i);
	}
	for (i = 0; i < 24; i++)
		for (bit = 0; bit < 8; bit++) {
			b[i] ^= (uint8_t)(1 << bit);
			witness_frame(&w, DLT_RAW, span_of(b, full), full);
			b[i] ^= (uint8_t)(1 << bit);
			assert_true(strlen(w.text) < WITNESS_TEXT);
		}
	/* no IP at all: ARP */
	witness_close(&w);
	witness_init(&w, &asker);
	memset(b, 0, sizeof(b));
	put_be16(b + 12, 0x0806);
	witness_frame(&w, DLT_EN10MB, span_of(b, 42), 42);
	assert_true(w.packets == 0);
	witness_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_words),
		cmocka_unit_test(answers_of_our_own_do_not_count),
		cmocka_unit_test(hostile_frames),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
