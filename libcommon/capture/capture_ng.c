/*
 * Reads pcapng (draft-ietf-opsawg-pcapng). libpcap reads only files whose interfaces have one link type and whose
 * sections have one byte order; captures on several devices and joined files have more.
 */
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/capture_priv.h"

#define BLOCK_SECTION	0x0a0d0d0aU
#define BLOCK_INTERFACE	1
#define BLOCK_OLD_PACKET 2
#define BLOCK_SIMPLE	3
#define BLOCK_PACKET	6
#define ORDER_MAGIC	0x1a2b3c4dU
#define BLOCK_MAX	(16U * 1024 * 1024)	/* as libpcap has it */
#define INTERFACES_MAX	1024
#define OPT_TSRESOL	9
#define OPT_TSOFFSET	14
#define LINKTYPE_RAW	101
#define MICRO		1000000U

_Static_assert(CAPTURE_LINK_RAW == DLT_RAW, "link numbers are libpcap's");

struct interface {
	uint16_t	link;		/* a LINKTYPE_ number */
	uint32_t	snaplen;	/* 0: no limit */
	uint64_t	units;		/* of its clock in a second */
	uint64_t	offset;		/* seconds that its times lack */
};

struct capture_ng {
	FILE		*in;
	bool		 big;		/* the byte order of the section */
	uint8_t		*block;		/* what is between the two lengths of a block */
	size_t		 room;
	unsigned	 n;
	struct interface iface[INTERFACES_MAX];
};

static uint16_t
u16(const struct capture_ng *g, const uint8_t *p)
{
	return ((uint16_t)(g->big ? p[0] << 8 | p[1] : p[0] | p[1] << 8));
}

static uint32_t
u32(const struct capture_ng *g, const uint8_t *p)
{
	return (g->big ? get_be32(p) : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24);
}

static int
broken(struct fault *f, const char *what)
{
	return (fault(f, FAULT_MALFORMED, "%s", what));
}

/* Reads ${n} bytes. 1; 0: the file ends before the first; -1. */
static int
get(struct capture_ng *g, uint8_t *p, size_t n, struct fault *f)
{
	size_t got = fread(p, 1, n, g->in);

	if (got == n)
		return (1);
	if (ferror(g->in) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot read the capture"));
	return (got == 0 ? 0 : fault(f, FAULT_TRUNCATED, "a block is cut off"));
}

/* The same for what has to come. */
static int
need(struct capture_ng *g, uint8_t *p, size_t n, struct fault *f)
{
	int rc = n > 0 ? get(g, p, n, f) : 1;

	return (rc == 0 ? fault(f, FAULT_TRUNCATED, "a block is cut off") : rc);
}

static int
make_room(struct capture_ng *g, size_t n, struct fault *f)
{
	uint8_t *p;

	if (n <= g->room)
		return (0);
	if ((p = realloc(g->block, n)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a block of a capture"));
	g->block = p;
	g->room = n;
	return (0);
}

/* Reads a block: its type and g->block, of which ${*len} bytes. 1; 0 at the end; -1. */
static int
next_block(struct capture_ng *g, uint32_t *type, size_t *len, struct fault *f)
{
	uint8_t head[12], tail[4];
	size_t have = 8;
	uint32_t all;
	int rc = get(g, head, 8, f);

	if (rc != 1)
		return (rc);
	/* The type of a section is the same in both byte orders, which it gives. */
	if (get_be32(head) == BLOCK_SECTION) {
		if (need(g, head + 8, 4, f) != 1)
			return (-1);
		have = 12;
		g->big = get_be32(head + 8) == ORDER_MAGIC;
		if (!g->big && u32(g, head + 8) != ORDER_MAGIC)
			return (broken(f, "a section of unknown byte order"));
	}
	*type = u32(g, head);
	all = u32(g, head + 4);
	if (all < have + 4 || all % 4 != 0 || all > BLOCK_MAX)
		return (broken(f, "a block of impossible length"));
	*len = all - 12;
	if (make_room(g, *len + 1, f) != 0)
		return (-1);
	memcpy(g->block, head + 8, have - 8);
	if (need(g, g->block + (have - 8), *len - (have - 8), f) != 1 || need(g, tail, 4, f) != 1)
		return (-1);
	if (u32(g, tail) != all)
		return (broken(f, "a block whose two lengths differ"));
	return (1);
}

static void
get_options(const struct capture_ng *g, struct interface *i, struct span s)
{
	size_t at = 0, len;
	uint16_t code;
	unsigned n;

	while (at + 4 <= s.len) {
		code = u16(g, s.p + at);
		len = u16(g, s.p + at + 2);
		at += 4;
		if (code == 0 || len > s.len - at)
			return;
		if (code == OPT_TSRESOL && len == 1) {
			n = s.p[at] & 0x7f;
			if ((s.p[at] & 0x80) != 0)
				i->units = n < 64 ? (uint64_t)1 << n : MICRO;
			else if (n < 20)
				for (i->units = 1; n > 0; n--)
					i->units *= 10;
		} else if (code == OPT_TSOFFSET && len == 8)
			i->offset = g->big ? get_be64(s.p + at) :
			    u32(g, s.p + at) | (uint64_t)u32(g, s.p + at + 4) << 32;
		at += (len + 3) & ~(size_t)3;
	}
}

static int
add_interface(struct capture_ng *g, struct span s, struct fault *f)
{
	struct interface *i = &g->iface[g->n];

	if (s.len < 8)
		return (broken(f, "an interface of impossible length"));
	if (g->n == INTERFACES_MAX)
		return (broken(f, "too many interfaces"));
	*i = (struct interface){ .link = u16(g, s.p), .snaplen = u32(g, s.p + 4), .units = MICRO };
	get_options(g, i, span_of(s.p + 8, s.len - 8));
	g->n++;
	return (0);
}

/* Microseconds since 1970; what is not in the years 1970 to 2106 counts as 1970. */
static uint64_t
time_of(const struct interface *i, uint64_t ts)
{
	uint64_t sec = ts / i->units + i->offset, part = ts % i->units, us;

	us = i->units < (uint64_t)1 << 44 ? part * MICRO / i->units : part / (i->units / MICRO);
	return (sec > UINT32_MAX ? 0 : sec * MICRO + (us < MICRO ? us : MICRO - 1));
}

/* Fills ${p} from a block of packets with ${head} bytes before the data. */
static int
get_packet(struct capture_ng *g, uint32_t type, struct span s, struct capture_ng_packet *p, struct fault *f)
{
	size_t head = type == BLOCK_SIMPLE ? 4 : 20, len;
	const struct interface *i;
	uint32_t at = 0;

	if (s.len < head)
		return (broken(f, "a packet of impossible length"));
	if (type != BLOCK_SIMPLE)
		at = type == BLOCK_PACKET ? u32(g, s.p) : u16(g, s.p);
	if (at >= g->n)
		return (broken(f, "a packet of an interface that is not described"));
	i = &g->iface[at];
	p->iface = g->n > 1 ? at + 1 : 0;	/* with a single interface no packet can be there twice */
	p->link = i->link == LINKTYPE_RAW ? CAPTURE_LINK_RAW : i->link;
	if (type == BLOCK_SIMPLE) {
		p->len = u32(g, s.p);
		len = i->snaplen > 0 && i->snaplen < p->len ? i->snaplen : p->len;
		p->time_us = 0;
	} else {
		p->time_us = time_of(i, (uint64_t)u32(g, s.p + 4) << 32 | u32(g, s.p + 8));
		len = u32(g, s.p + 12);
		p->len = u32(g, s.p + 16);
	}
	if (len > s.len - head)
		return (broken(f, "a packet that is longer than its block"));
	p->frame = span_of(s.p + head, len);
	return (1);
}

int
capture_ng_next(struct capture_ng *g, struct capture_ng_packet *p, struct fault *f)
{
	uint32_t type;
	size_t len;
	int rc;

	while ((rc = next_block(g, &type, &len, f)) == 1)
		switch (type) {
		case BLOCK_SECTION:
			g->n = 0;
			break;
		case BLOCK_INTERFACE:
			if (add_interface(g, span_of(g->block, len), f) != 0)
				return (-1);
			break;
		case BLOCK_PACKET: case BLOCK_OLD_PACKET: case BLOCK_SIMPLE:
			return (get_packet(g, type, span_of(g->block, len), p, f));
		}
	return (rc);
}

struct capture_ng *
capture_ng_new(FILE *in, struct fault *f)
{
	struct capture_ng *g = calloc(1, sizeof(*g));
	uint32_t type;
	size_t len;
	int rc;

	if (g == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a capture");
		return (NULL);
	}
	g->in = in;
	if ((rc = next_block(g, &type, &len, f)) == 1 && type == BLOCK_SECTION)
		return (g);
	if (rc >= 0)
		(void)broken(f, "it does not begin with a section");
	g->in = NULL;
	capture_ng_free(g);
	return (NULL);
}

void
capture_ng_free(struct capture_ng *g)
{
	if (g == NULL)
		return;
	if (g->in != NULL)
		(void)fclose(g->in);
	free(g->block);
	free(g);
}
