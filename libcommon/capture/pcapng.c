/* draft-ietf-opsawg-pcapng: section header, one interface, enhanced packets; little endian. */
#include "capture/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SECTION	0x0a0d0d0aU
#define BLOCK_INTERFACE	1
#define BLOCK_PACKET	6
#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define LINK_RAW	101		/* LINKTYPE_RAW */
#define OPT_END		0
#define OPT_COMMENT	1
#define OPT_USERAPPL	4
#define OPT_EPB_FLAGS	2
#define BLOCK_MAX_LEN	(PCAPNG_PACKET_MAX + PCAPNG_COMMENT_MAX + 128)
#define TOGETHER	(256 * 1024)	/* bytes in one write, where packets are not written singly */

struct pcapng {
	int		fd;
	bool		own, failed, together;
	unsigned	wide_mode;
	size_t		block;		/* offset of the block being built: before it, what waits */
	size_t		len;		/* of all in ${b} */
	uint8_t		b[TOGETHER + BLOCK_MAX_LEN];
	uint8_t		ip[PCAPNG_PACKET_MAX];
};

static void
u16(struct pcapng *w, uint16_t v)
{
	w->b[w->len++] = (uint8_t)v;
	w->b[w->len++] = (uint8_t)(v >> 8);
}

static void
u32(struct pcapng *w, uint32_t v)
{
	u16(w, (uint16_t)v);
	u16(w, (uint16_t)(v >> 16));
}

static void
padded(struct pcapng *w, struct span v)
{
	if (v.len > 0)
		memcpy(w->b + w->len, v.p, v.len);
	w->len += v.len;
	while (w->len % 4 != 0)
		w->b[w->len++] = 0;
}

static void
option(struct pcapng *w, uint16_t code, struct span v)
{
	u16(w, code);
	u16(w, (uint16_t)v.len);
	padded(w, v);
}

static void
begin(struct pcapng *w, uint32_t type)
{
	w->block = w->len;
	u32(w, type);
	u32(w, 0);
}

int
pcapng_flush(struct pcapng *w, struct fault *f)
{
	size_t off = 0;
	ssize_t n;

	while (off < w->len && !w->failed) {
		n = write(w->fd, w->b + off, w->len - off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* Half a block is the end of the file: no more after it. */
			w->failed = true;
			return (fault_sys(f, errno == EPIPE ? FAULT_READER_GONE : FAULT_SYSTEM,
			    "cannot write to the capture file"));
		}
		off += (size_t)n;
	}
	w->len = 0;
	return (0);
}

/* Fills in the length, which is at both ends, and writes the block if it is time. */
static int
end(struct pcapng *w, struct fault *f)
{
	size_t all = w->len + 4;
	uint32_t len = (uint32_t)(all - w->block);

	w->len = w->block + 4;
	u32(w, len);
	w->len = all - 4;
	u32(w, len);
	return (w->together && w->len < TOGETHER ? 0 : pcapng_flush(w, f));
}

static int
begin_file(struct pcapng *w, const char *tool, struct fault *f)
{
	struct span name = span_str(tool);

	if (name.len > 64)
		name.len = 64;
	begin(w, BLOCK_SECTION);
	u32(w, BYTE_ORDER_MAGIC);
	u16(w, 1);		/* version 1.0 */
	u16(w, 0);
	u32(w, UINT32_MAX);	/* length of the section: not known */
	u32(w, UINT32_MAX);
	option(w, OPT_USERAPPL, name);
	option(w, OPT_END, SPAN_NONE);
	if (end(w, f) != 0)
		return (-1);
	begin(w, BLOCK_INTERFACE);
	u16(w, LINK_RAW);
	u16(w, 0);
	u32(w, 0);		/* no limit; times are in microseconds, as without an option */
	return (end(w, f));
}

/* A file that was there may be open to others: it gets mode 0600 before anything is in it. */
static void
restrict_mode(struct pcapng *w)
{
	struct stat st;

	if (fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0 && fchmod(w->fd, 0600) != 0)
		w->wide_mode = st.st_mode & 07777;
}

struct pcapng *
pcapng_open(const char *path, const char *tool, struct fault *f)
{
	struct pcapng *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a capture file");
		return (NULL);
	}
	w->own = strcmp(path, "-") != 0;
	w->fd = w->own ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600) :
	    STDOUT_FILENO;
	if (w->own && w->fd >= 0)
		restrict_mode(w);
	if (w->fd < 0)
		(void)fault_sys(f, fault_of_output(errno), "cannot create %s", path);
	else if (isatty(w->fd))
		(void)fault(f, FAULT_USAGE, "a capture is not for a terminal");
	else if (begin_file(w, tool, f) == 0)
		return (w);
	pcapng_close(w);
	return (NULL);
}

unsigned
pcapng_wide_mode(const struct pcapng *w)
{
	return (w->wide_mode);
}

void
pcapng_together(struct pcapng *w)
{
	w->together = true;
}

void
pcapng_close(struct pcapng *w)
{
	if (w == NULL)
		return;
	if (w->own && w->fd >= 0)
		(void)close(w->fd);
	free(w);
}

int
pcapng_put(struct pcapng *w, uint64_t time_us, enum pcapng_way way, struct span ip,
    const char *comment, struct fault *f)
{
	struct span text = span_str(comment);
	uint8_t flags[4] = { (uint8_t)way, 0, 0, 0 };

	if (w->failed)
		return (fault(f, FAULT_SYSTEM, "the capture file is broken off"));
	if (ip.len > PCAPNG_PACKET_MAX)
		return (fault(f, FAULT_TOO_LARGE, "a packet of %zu bytes", ip.len));
	if (text.len > PCAPNG_COMMENT_MAX)
		text.len = PCAPNG_COMMENT_MAX;
	begin(w, BLOCK_PACKET);
	u32(w, 0);		/* the interface */
	u32(w, (uint32_t)(time_us >> 32));
	u32(w, (uint32_t)time_us);
	u32(w, (uint32_t)ip.len);
	u32(w, (uint32_t)ip.len);
	padded(w, ip);
	if (text.len > 0)
		option(w, OPT_COMMENT, text);
	if (way != PCAPNG_UNKNOWN)
		option(w, OPT_EPB_FLAGS, SPAN_ARRAY(flags));
	option(w, OPT_END, SPAN_NONE);
	return (end(w, f));
}

/* --- made-up headers --- */

/* The Internet checksum (RFC 1071): ${sum} goes on. */
static uint32_t
sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += get_be16(p + i);
	if (i < len)
		sum += (uint32_t)p[i] << 8;
	return (sum);
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)~sum);
}

/* An IP header for ${len} bytes behind it, into w->ip. Its length, 20 or 40. */
static size_t
put_ip(struct pcapng *w, const struct addr *src, const struct addr *dst, uint8_t proto, size_t len)
{
	size_t head = src->family == 4 ? 20 : 40;
	uint8_t *ip = w->ip;

	memset(ip, 0, head);
	if (head == 20) {
		ip[0] = 0x45;
		put_be16(ip + 2, (uint16_t)(head + len));
		ip[6] = 0x40;		/* don't fragment: then an ID of 0 is right (RFC 6864) */
		ip[8] = 64;
		ip[9] = proto;
		memcpy(ip + 12, src->b, 4);
		memcpy(ip + 16, dst->b, 4);
		put_be16(ip + 10, fold(sum16(0, ip, head)));
	} else {
		ip[0] = 0x60;
		put_be16(ip + 4, (uint16_t)len);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, src->b, 16);
		memcpy(ip + 24, dst->b, 16);
	}
	return (head);
}

int
pcapng_put_payload(struct pcapng *w, uint64_t time_us, enum pcapng_way way,
    const struct addr *src, const struct addr *dst, uint8_t proto, struct span data,
    const char *comment, struct fault *f)
{
	size_t head;

	if (data.len > 65535 - 20U)
		return (fault(f, FAULT_TOO_LARGE, "a packet of %zu bytes", data.len));
	head = put_ip(w, src, dst, proto, data.len);
	if (data.len > 0)
		memcpy(w->ip + head, data.p, data.len);
	return (pcapng_put(w, time_us, way, span_of(w->ip, head + data.len), comment, f));
}

int
pcapng_put_udp(struct pcapng *w, uint64_t time_us, enum pcapng_way way,
    const struct endpoint *src, const struct endpoint *dst, struct span head, struct span data,
    const char *comment, struct fault *f)
{
	size_t udp_len = 8 + head.len + data.len, ip_len, addrs;
	uint8_t *udp;
	uint16_t check;

	if (udp_len > 65535 - 20U)
		return (fault(f, FAULT_TOO_LARGE, "a datagram of %zu bytes", udp_len));
	ip_len = put_ip(w, &src->addr, &dst->addr, IPPROTO_UDP, udp_len);
	addrs = ip_len == 20 ? 12 : 8;
	udp = w->ip + ip_len;
	put_be16(udp, src->port);
	put_be16(udp + 2, dst->port);
	put_be16(udp + 4, (uint16_t)udp_len);
	put_be16(udp + 6, 0);
	if (head.len > 0)
		memcpy(udp + 8, head.p, head.len);
	if (data.len > 0)
		memcpy(udp + 8 + head.len, data.p, data.len);
	check = fold(sum16(sum16(IPPROTO_UDP + (uint32_t)udp_len, w->ip + addrs, ip_len - addrs),
	    udp, udp_len));
	put_be16(udp + 6, check != 0 ? check : 0xffff);
	return (pcapng_put(w, time_us, way, span_of(w->ip, ip_len + udp_len), comment, f));
}
