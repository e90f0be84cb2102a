/* Captured frames, hostile ones included, and the pcapng writer read back by libpcap. */
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/capture.h"
#include "capture/pcapng.h"
#include "wire/ctcp.h"
#include "wire/wr.h"

#define ROOM	70000

static uint8_t frame[ROOM];
static struct capture_packet got;

static struct capture *
on_link(int link)
{
	struct fault f;
	struct capture *c = capture_of_frames(link, &f);

	assert_non_null(c);
	return (c);
}

/* Hands in an exact copy, so that a byte read beyond it is noticed by a sanitizer. */
static enum capture_what
look_at(struct capture *c, const uint8_t *p, size_t len, uint64_t time_us)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len > 0 ? len : 1);
	assert_non_null(copy);
	memcpy(copy, p, len);
	capture_frame(c, span_of(copy, len), len, time_us, &got);
	return (got.what);
}

static void
ip4(struct wr *w, uint8_t proto, size_t payload, uint16_t id, uint16_t frag)
{
	static const uint8_t ends[8] = { 192, 0, 2, 1, 192, 0, 2, 2 };

	wr_u8(w, 0x45);
	wr_u8(w, 0xb8);
	wr_u16(w, (uint16_t)(20 + payload));
	wr_u16(w, id);
	wr_u16(w, frag);
	wr_u8(w, 64);
	wr_u8(w, proto);
	wr_u16(w, 0);
	wr_bytes(w, SPAN_ARRAY(ends));
}

static void
ip6(struct wr *w, uint8_t next, size_t payload)
{
	static const uint8_t a[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 }, b[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 };

	wr_u32(w, 0x60000000);
	wr_u16(w, (uint16_t)payload);
	wr_u8(w, next);
	wr_u8(w, 64);
	wr_bytes(w, SPAN_ARRAY(a));
	wr_bytes(w, SPAN_ARRAY(b));
}

static void
udp(struct wr *w, uint16_t src, uint16_t dst, size_t payload)
{
	wr_u16(w, src);
	wr_u16(w, dst);
	wr_u16(w, (uint16_t)(8 + payload));
	wr_u16(w, 0);
}

/* 28 bytes of an ISAKMP header. */
static void
ike(struct wr *w)
{
	size_t i;

	for (i = 1; i <= 16; i++)
		wr_u8(w, (uint8_t)i);
	wr_u32(w, 0x01100200);
	wr_u32(w, 0);
	wr_u32(w, 28);
}

static void
links(void **state)
{
	static const struct { int link; const char *head; size_t len; } rows[] = {
		{ DLT_EN10MB, "\0\0\0\0\0\0\0\0\0\0\0\0\x08\0", 14 },
		{ DLT_EN10MB, "\0\0\0\0\0\0\0\0\0\0\0\0\x81\0\0\x07\x08\0", 18 },
		{ DLT_EN10MB, "\0\0\0\0\0\0\0\0\0\0\0\0\x88\xa8\0\x07\x81\0\0\x09\x08\0", 22 },
		{ DLT_EN10MB, "\0\0\0\0\0\0\0\0\0\0\0\0\x88\x64\x11\0\0\1\0\x3a\0\x21", 22 },
		{ DLT_LINUX_SLL, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x08\0", 16 },
		{ DLT_LINUX_SLL, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x81\0\0\5\x08\0", 20 },
		{ DLT_LINUX_SLL2, "\x08\0\0\0\0\0\0\1\0\1\0\6\0\0\0\0\0\0\0\0", 20 },
		{ DLT_RAW, "", 0 },
		{ DLT_EN10MB, "\0\0\0\0\0\0\0\0\0\0\0\0\x88\x47\0\1\0\x40\0\2\1\x40", 22 },
		{ DLT_NFLOG, "\2\0\0\5\x08\0\1\0\x08\0\1\0\x05\0\x0a\0g\0\0\0\x44\0\x09\0", 24 },
		{ DLT_NFLOG, "\2\0\0\5\0\x05\0\x0ag\0\0\0\0\x44\0\x09", 16 },
		{ DLT_PFLOG, "\x3d\2\0\0em0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 64 },
		{ DLT_ENC, "\2\0\0\0\0\0\1\1\0\0\0\1", 12 },
		{ DLT_C_HDLC, "\x0f\0\x08\0", 4 },
		{ DLT_PPP, "\xff\3\0\x21", 4 },
		{ DLT_PPP, "\x21", 1 },
		{ DLT_PPP_SERIAL, "\xff\3\0\x21", 4 },
		{ DLT_PPP_PPPD, "\1\xff\3\0\x21", 5 },
		{ DLT_PPP_ETHER, "\x11\0\0\1\0\x3a\0\x21", 8 },
		{ DLT_NULL, "\2\0\0\0", 4 },
		{ DLT_LOOP, "\0\0\0\2", 4 },
	};
	struct capture *c;
	struct wr w;
	size_t i, n, whole;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w = wr_of(frame, sizeof(frame));
		wr_bytes(&w, span_of(rows[i].head, rows[i].len));
		ip4(&w, 17, 8 + 28, 0, 0);
		udp(&w, 500, 40000, 28);
		ike(&w);
		c = on_link(rows[i].link);
		assert_int_equal(look_at(c, frame, w.len, 5), CAPTURE_IKE);
		assert_int_equal(got.data.len, 28);
		assert_int_equal(got.src.port, 500);
		assert_int_equal(got.dst.port, 40000);
		assert_int_equal(got.tos, 0xb8);
		assert_int_equal(got.src.addr.b[3], 1);
		assert_int_equal(got.dst.addr.b[3], 2);
		assert_int_equal(got.number, 1);
		/* Padding of a short frame does not belong to the message. */
		assert_int_equal(look_at(c, frame, w.len + 6, 5), CAPTURE_IKE);
		assert_int_equal(got.data.len, 28);
		/* Every truncation: no byte beyond it is read, and nothing is taken for whole. */
		whole = w.len;
		for (n = 0; n < whole; n++)
			assert_int_not_equal(look_at(c, frame, n, 5), CAPTURE_IKE);
		capture_close(c);
	}
}

static void
cut_by_snaplen(void **state)
{
	struct capture *c = on_link(DLT_RAW);
	struct wr w = wr_of(frame, sizeof(frame));

	(void)state;
	ip4(&w, 17, 8 + 28, 0, 0);
	udp(&w, 500, 500, 28);
	ike(&w);
	capture_frame(c, span_of(frame, w.len - 10), w.len, 0, &got);
	assert_int_equal(got.what, CAPTURE_IKE);
	assert_int_equal(got.lost, 10);
	assert_int_equal(got.data.len, 18);
	assert_int_equal(capture_stats(c)->cut, 1);
	capture_close(c);
}

static void
lengths(void **state)
{
	struct capture *c = on_link(DLT_RAW);
	struct wr w = wr_of(frame, sizeof(frame));

	(void)state;
	ip4(&w, 17, 8 + 28, 0, 0);
	udp(&w, 500, 500, 28);
	ike(&w);
	put_be16(frame + 24, 37);	/* UDP length, one more than there is */
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	put_be16(frame + 24, 35);
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_IKE);
	assert_int_equal(got.data.len, 27);
	put_be16(frame + 24, 7);
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	put_be16(frame + 24, 36);
	put_be16(frame + 2, (uint16_t)(w.len + 1));
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	put_be16(frame + 2, 19);
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	put_be16(frame + 2, (uint16_t)(w.len - 1));
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);	/* the UDP length */
	put_be16(frame + 2, 0);		/* segmentation offload */
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_IKE);
	frame[0] = 0x44;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	frame[0] = 0x75;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_OTHER);
	capture_close(c);
}

static void
udp_contents(void **state)
{
	static const struct {
		uint16_t src, dst; const char *head; size_t head_len; bool with_ike;
		enum capture_what what; enum capture_by by; size_t len;
	} rows[] = {
		{ 500, 500, "", 0, true, CAPTURE_IKE, CAPTURE_BY_UDP, 28 },
		{ 4500, 4500, "\0\0\0\0", 4, true, CAPTURE_IKE, CAPTURE_BY_UDP_MARKER, 28 },
		{ 40000, 4500, "\0\0\0\0", 4, true, CAPTURE_IKE, CAPTURE_BY_UDP_MARKER, 28 },
		{ 4500, 4500, "\0\0\1\0", 4, true, CAPTURE_ESP, CAPTURE_BY_UDP, 32 },
		{ 500, 500, "\0\0\0\0\0\0\0\0", 8, true, CAPTURE_ESP, CAPTURE_BY_UDP_MARKER, 28 },
		{ 4500, 4500, "\xff", 1, false, CAPTURE_KEEPALIVE, CAPTURE_BY_UDP, 1 },
		{ 4500, 4500, "\0\0\1\0\0\0\0", 7, false, CAPTURE_BAD, CAPTURE_BY_IP, 0 },
		{ 500, 500, "\0\0\0\0\0\0\0\0\1", 9, false, CAPTURE_BAD, CAPTURE_BY_IP, 0 },
		{ 500, 500, "", 0, false, CAPTURE_BAD, CAPTURE_BY_IP, 0 },
		{ 1500, 1501, "", 0, true, CAPTURE_OTHER, CAPTURE_BY_IP, 0 },
		/* a port that was asked for: by what it looks like */
		{ 7500, 9, "", 0, true, CAPTURE_IKE, CAPTURE_BY_UDP, 28 },
		{ 9, 7500, "\0\0\0\0", 4, true, CAPTURE_IKE, CAPTURE_BY_UDP_MARKER, 28 },
		{ 9, 7500, "\0\0\1\0", 4, true, CAPTURE_ESP, CAPTURE_BY_UDP, 32 },
		{ 9, 7500, "\xff", 1, false, CAPTURE_KEEPALIVE, CAPTURE_BY_UDP, 1 },
	};
	struct capture *c = on_link(DLT_RAW);
	size_t i, len;
	struct wr w;

	(void)state;
	assert_int_equal(capture_add_port(c, 7500, NULL), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		len = rows[i].head_len + (rows[i].with_ike ? 28 : 0);
		w = wr_of(frame, sizeof(frame));
		ip4(&w, 17, 8 + len, 0, 0);
		udp(&w, rows[i].src, rows[i].dst, len);
		wr_bytes(&w, span_of(rows[i].head, rows[i].head_len));
		if (rows[i].with_ike)
			ike(&w);
		assert_int_equal(look_at(c, frame, w.len, 0), rows[i].what);
		assert_int_equal(got.by, rows[i].by);
		assert_int_equal(got.data.len, rows[i].len);
	}
	for (i = 0; i < CAPTURE_PORTS_MAX - 1; i++)
		assert_int_equal(capture_add_port(c, (uint16_t)(i + 1), NULL), 0);
	assert_int_equal(capture_add_port(c, 1, NULL), 0);	/* again is no other */
	assert_int_equal(capture_add_port(c, 999, NULL), -1);
	capture_close(c);
}

static void
other_protocols(void **state)
{
	struct capture *c = on_link(DLT_RAW);
	struct wr w = wr_of(frame, sizeof(frame));
	static const uint8_t magic[16] = { [4] = 0x21, 0x45, 0x6c, 0x69 };

	(void)state;
	ip4(&w, 50, 8, 0, 0);
	wr_u32(&w, 0xc0ffee01);
	wr_u32(&w, 7);
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_ESP);
	assert_int_equal(get_be32(got.data.p), 0xc0ffee01);
	assert_int_equal(got.by, CAPTURE_BY_IP);
	assert_int_equal(get_be32(got.spi), 0xc0ffee01);
	assert_int_equal(got.seq, 7);
	frame[9] = 51;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	frame[9] = 47;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_GRE);
	frame[9] = 1;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_OTHER);

	w = wr_of(frame, sizeof(frame));
	ip4(&w, 6, 20 + 4 + 28 + 16, 0, 0);
	wr_u16(&w, 10000);
	wr_u16(&w, 40000);
	wr_u32(&w, 1);
	wr_u32(&w, 1);
	wr_u32(&w, 0x50100000);
	wr_u32(&w, 0);
	wr_u32(&w, 0);
	ike(&w);
	wr_bytes(&w, SPAN_ARRAY(magic));
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_IKE);
	assert_int_equal(got.by, CAPTURE_BY_TCP);
	assert_int_equal(got.data.len, 28);
	frame[32] = 0x40;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	/* As our own ends send it: a UDP header, and the trailer in full. */
	w = wr_of(frame, sizeof(frame));
	ip4(&w, 6, 20 + 8 + 28 + 16, 0, 0);
	ctcp_header_put(frame + w.len, &(struct ctcp_segment){ .sport = 10000, .dport = 10000, .flags = CTCP_ACK });
	w.len += CTCP_TCP;
	ctcp_udp_put(frame + w.len, 28);
	w.len += CTCP_UDP;
	ike(&w);
	ctcp_trailer_put(frame + w.len, CTCP_PROTO_UDP, (struct ctcp_mark){ 1, true });
	w.len += CTCP_TRAILER;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_IKE);
	assert_int_equal(got.by, CAPTURE_BY_TCP);
	assert_int_equal(got.data.len, 28);
	frame[32] = 0xf0;
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_TCP);
	capture_close(c);
}

static void
ip6_headers(void **state)
{
	static const uint8_t hop[8] = { 60, 0 }, dst[16] = { 17, 1 };
	struct capture *c = on_link(DLT_RAW);
	struct wr w = wr_of(frame, sizeof(frame));
	size_t i, len;

	(void)state;
	ip6(&w, 0, 8 + 16 + 8 + 28);
	wr_bytes(&w, SPAN_ARRAY(hop));
	wr_bytes(&w, SPAN_ARRAY(dst));
	udp(&w, 500, 500, 28);
	ike(&w);
	len = w.len;
	assert_int_equal(look_at(c, frame, len, 0), CAPTURE_IKE);
	assert_int_equal(got.src.addr.family, 6);
	assert_int_equal(got.data.len, 28);
	for (i = 0; i < len; i++)
		assert_int_not_equal(look_at(c, frame, i, 0), CAPTURE_IKE);
	frame[49] = 200;		/* an extension header beyond the end */
	assert_int_equal(look_at(c, frame, len, 0), CAPTURE_BAD);

	w = wr_of(frame, sizeof(frame));
	ip6(&w, 60, 40 * 8);
	for (i = 0; i < 40; i++) {
		wr_u8(&w, 60);
		wr_zeros(&w, 7);
	}
	assert_int_equal(look_at(c, frame, w.len, 0), CAPTURE_BAD);
	capture_close(c);
}

/* A part of one UDP datagram of 60 bytes with IKE in it: 4 or 6 ${family}. */
static size_t
part(uint8_t family, uint32_t id, size_t off, size_t len, bool more)
{
	uint8_t all[68];
	struct wr d = wr_of(all, sizeof(all)), w = wr_of(frame, sizeof(frame));

	udp(&d, 500, 500, 60);
	ike(&d);
	wr_zeros(&d, 32);
	put_be32(all + 8 + 24, 60);
	if (family == 4)
		ip4(&w, 17, len, (uint16_t)id, (uint16_t)(off / 8 | (more ? 0x2000U : 0)));
	else {
		ip6(&w, 44, 8 + len);
		wr_u8(&w, 17);
		wr_u8(&w, 0);
		wr_u16(&w, (uint16_t)(off | (more ? 1U : 0)));
		wr_u32(&w, id);
	}
	wr_bytes(&w, span_of(all + off, len));
	assert_false(w.bad);
	return (w.len);
}

static void
fragments(void **state)
{
	static const struct { size_t off, len; bool more; } parts[] = {
		{ 0, 24, true }, { 24, 24, true }, { 48, 20, false },
	};
	static const unsigned orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	static const uint8_t families[2] = { 4, 6 };
	struct capture *c = on_link(DLT_RAW);
	unsigned i, j, v;
	uint32_t id = 0;

	(void)state;
	for (v = 0; v < 2; v++)
		for (i = 0; i < 6; i++, id++)
			for (j = 0; j < 3; j++) {
				enum capture_what what = look_at(c, frame, part(families[v], id,
				    parts[orders[i][j]].off, parts[orders[i][j]].len,
				    parts[orders[i][j]].more), 0);

				assert_int_equal(what, j < 2 ? CAPTURE_FRAGMENT : CAPTURE_IKE);
				/* a duplicate does no harm */
				if (j == 0)
					assert_int_equal(look_at(c, frame, part(families[v], id,
					    parts[orders[i][j]].off, parts[orders[i][j]].len,
					    parts[orders[i][j]].more), 0), CAPTURE_FRAGMENT);
				if (j < 2)
					continue;
				assert_int_equal(got.data.len, 60);
				assert_int_equal(got.fragments, 4);
				/* the packet as a whole reads as one that came so */
				assert_int_equal(got.ip.len, (families[v] == 4 ? 20 : 40) + 68);
				assert_int_equal(look_at(c, memcpy(frame, got.ip.p, got.ip.len),
				    got.ip.len, 0), CAPTURE_IKE);
			}
	assert_int_equal(capture_stats(c)->incomplete, 0);
	capture_close(c);
}

static void
bad_fragments(void **state)
{
	struct capture *c = on_link(DLT_RAW);
	size_t n;
	unsigned i;

	(void)state;
	/* other bytes at the same place: none of it counts, whatever comes */
	assert_int_equal(look_at(c, frame, part(4, 1, 0, 32, true), 0), CAPTURE_FRAGMENT);
	n = part(4, 1, 24, 24, true);
	frame[20] ^= 1;
	assert_int_equal(look_at(c, frame, n, 0), CAPTURE_BAD);
	assert_int_equal(look_at(c, frame, part(4, 1, 32, 36, false), 0), CAPTURE_BAD);
	/* not a multiple of 8 in the middle; two ends; behind the end; empty */
	assert_int_equal(look_at(c, frame, part(4, 2, 0, 23, true), 0), CAPTURE_BAD);
	assert_int_equal(look_at(c, frame, part(4, 3, 48, 20, false), 0), CAPTURE_FRAGMENT);
	assert_int_equal(look_at(c, frame, part(4, 3, 48, 8, false), 0), CAPTURE_BAD);
	assert_int_equal(look_at(c, frame, part(4, 4, 24, 8, false), 0), CAPTURE_FRAGMENT);
	assert_int_equal(look_at(c, frame, part(4, 4, 32, 16, true), 0), CAPTURE_BAD);
	assert_int_equal(look_at(c, frame, part(4, 5, 8, 0, true), 0), CAPTURE_BAD);
	/* beyond 64 KiB */
	n = part(4, 6, 0, 24, true);
	put_be16(frame + 6, 0x1fff);
	assert_int_equal(look_at(c, frame, n, 0), CAPTURE_BAD);
	/* another protocol under the same ID is another datagram */
	assert_int_equal(look_at(c, frame, part(4, 7, 0, 24, true), 0), CAPTURE_FRAGMENT);
	n = part(4, 7, 24, 44, false);
	frame[9] = 50;
	assert_int_equal(look_at(c, frame, n, 0), CAPTURE_FRAGMENT);
	/* too late by the capture's clock */
	assert_int_equal(look_at(c, frame, part(4, 8, 0, 24, true), 1000000), CAPTURE_FRAGMENT);
	assert_int_equal(look_at(c, frame, part(4, 8, 24, 44, false), 62000001), CAPTURE_FRAGMENT);
	/* a flood: the table has a bound, the last ones live */
	for (i = 100; i < 100 + 3 * CAPTURE_FRAGS_MAX; i++)
		assert_int_equal(look_at(c, frame, part(4, i, 0, 24, true), 63000000 + i),
		    CAPTURE_FRAGMENT);
	assert_int_equal(look_at(c, frame, part(4, 100, 24, 44, false), 64000000),
	    CAPTURE_FRAGMENT);
	assert_int_equal(look_at(c, frame, part(4, 99 + 3 * CAPTURE_FRAGS_MAX, 24, 44, false),
	    64000000), CAPTURE_IKE);
	assert_true(capture_stats(c)->incomplete >= 2 * CAPTURE_FRAGS_MAX);
	capture_close(c);
}

static void
writer(void **state)
{
	static const uint8_t marker[4], data[37] = { 1, 2, 3 };
	char path[] = "/tmp/sapipe-test-capture-XXXXXX";
	struct endpoint a = { { 4, { 192, 0, 2, 1 }, 0 }, 4500 }, b = { { 4, { 192, 0, 2, 2 }, 0 }, 4500 };
	struct endpoint a6 = { { 6, { 0x20, 1, 0xd, 0xb8, [15] = 1 }, 0 }, 500 }, b6 = a6;
	struct pcapng *w;
	struct capture *c;
	struct fault f;
	struct stat st;
	int fd = mkstemp(path);

	(void)state;
	b6.addr.b[15] = 2;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	w = pcapng_open(path, "test", &f);
	assert_non_null(w);
	assert_int_equal(pcapng_wide_mode(w), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(close(fd), 0);
	assert_int_equal(pcapng_put_udp(w, 1700000000123456, PCAPNG_OUT, &a, &b, SPAN_ARRAY(marker),
	    SPAN_ARRAY(data), "message 1", &f), 0);
	assert_int_equal(pcapng_put_udp(w, 1700000000123457, PCAPNG_IN, &a6, &b6, SPAN_NONE,
	    SPAN_ARRAY(data), "", &f), 0);
	assert_int_equal(pcapng_put_udp(w, 1, PCAPNG_IN, &a, &b, SPAN_NONE, span_of(frame, 65530),
	    "", &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	/* the file can be read while the writer still writes */
	c = capture_open(path, &f);
	assert_non_null(c);
	assert_int_equal(capture_next(c, &got, &f), 1);
	assert_int_equal(got.what, CAPTURE_IKE);
	assert_int_equal(got.by, CAPTURE_BY_UDP_MARKER);
	assert_int_equal(got.time_us, 1700000000123456);
	assert_true(span_eq(got.data, SPAN_ARRAY(data)));
	assert_true(endpoint_eq(&got.src, &a) && endpoint_eq(&got.dst, &b));
	assert_int_equal(capture_next(c, &got, &f), 1);
	assert_true(endpoint_eq(&got.src, &a6) && endpoint_eq(&got.dst, &b6));
	assert_true(span_eq(got.data, SPAN_ARRAY(data)));
	assert_int_equal(capture_next(c, &got, &f), 0);
	capture_close(c);
	pcapng_close(w);
	/* half a block: the blocks before it count */
	assert_int_equal(truncate(path, 300), 0);
	c = capture_open(path, &f);
	assert_non_null(c);
	assert_int_equal(capture_next(c, &got, &f), 1);
	assert_int_equal(capture_next(c, &got, &f), -1);
	assert_int_equal(f.code, FAULT_TRUNCATED);
	capture_close(c);
	assert_int_equal(truncate(path, 10), 0);
	assert_null(capture_open(path, &f));
	assert_int_equal(f.code, FAULT_MALFORMED);
	assert_int_equal(unlink(path), 0);
	assert_null(capture_open(path, &f));
	assert_int_equal(f.code, FAULT_USAGE);
	assert_null(pcapng_open("/dev/full", "test", &f));
}

/* An IPv4 packet of UDP with ${data}. */
static enum capture_what
datagram(struct capture *c, uint16_t src, uint16_t dst, struct span data)
{
	struct wr w = wr_of(frame, sizeof(frame));

	ip4(&w, 17, 8 + data.len, 0, 0);
	udp(&w, src, dst, data.len);
	wr_bytes(&w, data);
	return (look_at(c, frame, w.len, 5));
}

/* What begins with zero bytes: the non-IKE marker on port 500 only before an SPI, and no ESP has SPI 0. */
static void
zeros(void **state)
{
	static const uint8_t none[12], ff[1] = { 0xff };
	static const uint8_t esp[24] = { [8] = 0xc0, 0xff, 0xee, 1, 0, 0, 0, 7 };
	static uint8_t header[28] = { [17] = 0x10, [18] = 2, [27] = 28 };
	struct capture *c = on_link(DLT_RAW);
	struct wr w = wr_of(frame, sizeof(frame));

	(void)state;
	assert_int_equal(datagram(c, 500, 500, SPAN_ARRAY(header)), CAPTURE_IKE);
	header[8] = 0xaa;	/* a responder cookie */
	assert_int_equal(datagram(c, 500, 500, SPAN_ARRAY(header)), CAPTURE_IKE);
	assert_int_equal(datagram(c, 500, 500, SPAN_ARRAY(none)), CAPTURE_IKE);
	assert_int_equal(datagram(c, 500, 500, SPAN_ARRAY(esp)), CAPTURE_ESP);
	assert_int_equal(got.by, CAPTURE_BY_UDP_MARKER);
	assert_int_equal(got.seq, 7);
	/* Keepalives of draft 00 are on port 500. */
	assert_int_equal(datagram(c, 500, 500, SPAN_ARRAY(ff)), CAPTURE_KEEPALIVE);
	ip4(&w, 50, sizeof(none), 0, 0);
	wr_bytes(&w, SPAN_ARRAY(none));
	assert_int_equal(look_at(c, frame, w.len, 5), CAPTURE_BAD);
	capture_close(c);
}

/* On "any" a packet comes on two devices. The same on one device is a replay; the same later is another. */
static void
captured_twice(void **state)
{
	uint8_t head[20] = { 8, 0, [7] = 2, [8] = 0, 1, 0 };
	struct capture *c = on_link(DLT_LINUX_SLL2);
	struct wr w = wr_of(frame, sizeof(frame));

	(void)state;
	wr_bytes(&w, SPAN_ARRAY(head));
	ip4(&w, 50, 12, 7, 0);
	wr_u32(&w, 0xc0ffee01);
	wr_u32(&w, 1);
	wr_u32(&w, 0x12345678);
	assert_int_equal(look_at(c, frame, w.len, 1000), CAPTURE_ESP);
	/* the same device and direction */
	assert_int_equal(look_at(c, frame, w.len, 1010), CAPTURE_ESP);
	/* forwarded: another device, outgoing, the TTL lower */
	frame[7] = 5;
	frame[10] = 4;
	frame[20 + 8]--;
	assert_int_equal(look_at(c, frame, w.len, 1020), CAPTURE_COPY);
	assert_int_equal(got.copy_of, 1);
	assert_int_equal(capture_stats(c)->copies, 1);
	/* other bytes, another time */
	frame[w.len - 1] ^= 1;
	assert_int_equal(look_at(c, frame, w.len, 1030), CAPTURE_ESP);
	frame[w.len - 1] ^= 1;
	assert_int_equal(look_at(c, frame, w.len, 5000000), CAPTURE_ESP);
	capture_close(c);
}

/* GRE, with and without its optional fields, around IKE; and around something else. */
static void
gre(void **state)
{
	static const struct { const char *head; size_t len; } rows[] = {
		{ "\0\0\x08\0", 4 }, { "\x20\0\x08\0\0\0\0\1", 8 },
		{ "\xb0\0\x08\0\1\2\0\0\0\0\0\1\0\0\0\2", 16 },
	};
	struct capture *c = on_link(DLT_RAW);
	struct wr w;
	size_t i, n, whole;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		w = wr_of(frame, sizeof(frame));
		ip4(&w, 47, rows[i].len + 56, 0, 0);
		wr_bytes(&w, span_of(rows[i].head, rows[i].len));
		ip4(&w, 17, 36, 0, 0);
		udp(&w, 500, 500, 28);
		ike(&w);
		assert_int_equal(look_at(c, frame, w.len, 5), CAPTURE_IKE);
		assert_int_equal(got.src.port, 500);
		whole = w.len;
		for (n = 0; n < whole; n++)
			assert_int_not_equal(look_at(c, frame, n, 5), CAPTURE_IKE);
		frame[20 + rows[i].len + 9] = 6;	/* TCP of other ports */
		assert_int_equal(look_at(c, frame, whole, 5), CAPTURE_GRE);
	}
	capture_close(c);
}

/* --- pcapng made by hand: what the writer of this project does not write --- */

static struct { uint8_t b[4096]; size_t len; bool big; } file;

static void
f16(unsigned v)
{
	file.b[file.len++] = (uint8_t)(file.big ? v >> 8 : v);
	file.b[file.len++] = (uint8_t)(file.big ? v : v >> 8);
}

static void
f32(uint32_t v)
{
	f16(file.big ? v >> 16 : v & 0xffff);
	f16(file.big ? v & 0xffff : v >> 16);
}

static void
f_block(uint32_t type, size_t body)
{
	f32(type);
	f32((uint32_t)(12 + body));
}

static void
f_section(bool big)
{
	file.big = big;
	f_block(0x0a0d0d0a, 16);
	f32(0x1a2b3c4d);
	f16(1);
	f16(0);
	f32(UINT32_MAX);
	f32(UINT32_MAX);
	f32(28);
}

/* An interface whose clock has ${res} as if_tsresol. */
static void
f_interface(unsigned link, uint8_t res)
{
	f_block(1, 20);
	f16(link);
	f16(0);
	f32(0);
	f16(9);
	f16(1);
	file.b[file.len] = res;
	memset(file.b + file.len + 1, 0, 3);
	file.len += 4;
	f32(0);		/* the end of the options */
	f32(32);
}

/* The message of links() on ${iface}, behind ${head}. */
static void
f_packet(unsigned iface, const char *head, size_t head_len, uint64_t ts)
{
	struct wr w = wr_of(frame, sizeof(frame));
	size_t whole;

	wr_bytes(&w, span_of(head, head_len));
	ip4(&w, 17, 8 + 28, (uint16_t)file.len, 0);	/* each another packet */
	udp(&w, 500, 500, 28);
	ike(&w);
	whole = (w.len + 3) & ~(size_t)3;
	memset(frame + w.len, 0, whole - w.len);
	f_block(6, 20 + whole);
	f32(iface);
	f32((uint32_t)(ts >> 32));
	f32((uint32_t)ts);
	f32((uint32_t)w.len);
	f32((uint32_t)w.len);
	memcpy(file.b + file.len, frame, whole);
	file.len += whole;
	f32((uint32_t)(32 + whole));
}

/* Reads the first ${len} bytes of the file: how many messages, and how it ends. */
static unsigned
read_back(size_t len, int *rc, struct fault *f)
{
	char path[] = "/tmp/sapipe-test-capture-XXXXXX";
	int fd = mkstemp(path);
	struct capture *c;
	unsigned n = 0;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.b, len), len);
	assert_int_equal(close(fd), 0);
	*rc = -1;
	if ((c = capture_open(path, f)) != NULL)
		while ((*rc = capture_next(c, &got, f)) > 0)
			n += got.what == CAPTURE_IKE && got.time_us == 1700000000123456;
	capture_close(c);
	assert_int_equal(unlink(path), 0);
	return (n);
}

#define ETHER	"\0\0\0\0\0\0\0\0\0\0\0\0\x08\0"
#define COOKED	"\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x08\0"

/* Interfaces of several link types, one of them not known; clocks of two kinds; sections of both byte orders. */
static void
mixed(void **state)
{
	struct fault f;
	size_t first, whole, i;
	unsigned n;
	int rc;

	(void)state;
	file.len = 0;
	f_section(false);
	f_interface(147, 6);		/* LINKTYPE_USER0 */
	f_interface(1, 6);
	f_interface(101, 9);
	f_interface(113, 6);
	f_packet(0, "x", 1, 1700000000123456);
	f_packet(1, ETHER, 14, 1700000000123456);
	f_packet(2, "", 0, 1700000000123456789);
	f_packet(3, COOKED, 16, 1700000000123456);
	first = file.len;
	f_section(true);
	f_interface(101, 6);
	f_packet(0, "", 0, 1700000000123456);
	whole = file.len;
	assert_int_equal(read_back(first, &rc, &f), 3);
	assert_int_equal(rc, 0);
	assert_int_equal(read_back(whole, &rc, &f), 4);
	assert_int_equal(rc, 0);
	/* Every truncation: what comes before it counts. */
	for (i = 1; i < whole; i += i < 28 ? 1 : 3) {
		n = read_back(i, &rc, &f);
		assert_true(n <= 4 && (i < first || n >= 3));
		if (rc == -1)
			assert_true(f.code == FAULT_TRUNCATED || f.code == FAULT_MALFORMED);
	}
	/* Every byte of the heads wrong: no crash. */
	for (i = 0; i < whole; i++) {
		file.b[i] ^= 0xff;
		(void)read_back(whole, &rc, &f);
		file.b[i] ^= 0xff;
	}
	/* A packet of an interface that is not there. */
	file.len = first;
	file.big = false;
	f_packet(4, "", 0, 1700000000123456);
	assert_int_equal(read_back(file.len, &rc, &f), 3);
	assert_int_equal(rc, -1);
	assert_int_equal(f.code, FAULT_MALFORMED);
}

/* A file of frames of an unknown kind is not reported as empty. */
static void
unknown_link(void **state)
{
	struct fault f;
	int rc;

	(void)state;
	file.len = 0;
	f_section(false);
	f_interface(147, 6);
	f_packet(0, "x", 1, 0);
	assert_int_equal(read_back(file.len, &rc, &f), 0);
	assert_int_equal(rc, -1);
	assert_int_equal(f.code, FAULT_MALFORMED);
	assert_non_null(strstr(f.what, "link type 147"));
}

/* Many packets in a write: nothing is lost at the seams, all is there after the flush. */
static void
together(void **state)
{
	char path[] = "/tmp/sapipe-test-capture-XXXXXX";
	struct endpoint a = { { 4, { 192, 0, 2, 1 }, 0 }, 4500 }, b = { { 4, { 192, 0, 2, 2 }, 0 }, 500 };
	struct pcapng *w;
	struct capture *c;
	struct fault f;
	unsigned i, n = 3000;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	w = pcapng_open(path, "test", &f);
	assert_non_null(w);
	pcapng_together(w);
	for (i = 0; i < n; i++)
		assert_int_equal(pcapng_put_udp(w, i, PCAPNG_OUT, &a, &b, SPAN_NONE,
		    span_of(frame, 1 + i % 1400), "x", &f), 0);
	c = capture_open(path, &f);
	for (i = 0; capture_next(c, &got, &f) == 1; i++)
		;
	assert_true(i < n);
	capture_close(c);
	assert_int_equal(pcapng_flush(w, &f), 0);
	c = capture_open(path, &f);
	for (i = 0; capture_next(c, &got, &f) == 1; i++) {
		assert_int_equal(got.time_us, i);
		assert_int_equal(got.ip.len, 29 + i % 1400);
	}
	assert_int_equal(i, n);
	capture_close(c);
	pcapng_close(w);
	assert_int_equal(unlink(path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links),
		cmocka_unit_test(cut_by_snaplen),
		cmocka_unit_test(lengths),
		cmocka_unit_test(udp_contents),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(ip6_headers),
		cmocka_unit_test(fragments),
		cmocka_unit_test(bad_fragments),
		cmocka_unit_test(writer),
		cmocka_unit_test(zeros),
		cmocka_unit_test(captured_twice),
		cmocka_unit_test(gre),
		cmocka_unit_test(mixed),
		cmocka_unit_test(unknown_link),
		cmocka_unit_test(together),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
