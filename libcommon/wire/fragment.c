/* IKE fragments of IKEv1: reads, puts together and writes them. */
#include "wire/fragment.h"

#include "wire/rd.h"
#include "wire/vid.h"

#define ID_SENT		1	/* of every message, as other implementations do */
#define FLAG_LAST	1
#define CAN_MAIN	0x80000000U	/* capabilities, after the vendor ID: main and aggressive mode, */
#define CAN_BASE	0x40000000U	/* and base mode; Cisco sends both */
#define ROOM_FIRST	2048	/* bytes; doubles as fragments arrive */

struct frag_set {
	size_t		 max;
	uint16_t	 id;
	uint8_t		 exchange;
	uint32_t	 mid;
	unsigned	 n, last;	/* fragments that are there; the number of the last one, 0: not seen */
	unsigned	 highest;	/* number that is there */
	uint8_t		*p;		/* their data in the order of arrival */
	size_t		 len, room;
	struct { uint16_t at, len; } part[FRAGS_MAX];	/* of number i + 1; len 0: not there */
};

int
frag_get(struct frag *out, struct span body, struct fault *f)
{
	struct rd r = rd_of(body);
	uint8_t flags;

	out->id = rd_u16(&r);
	out->number = rd_u8(&r);
	flags = rd_u8(&r);
	out->last = (flags & FLAG_LAST) != 0;
	out->data = rd_rest(&r);
	if (r.bad)
		return (fault(f, FAULT_MALFORMED, "FRAG payload: %zu bytes are too short", body.len));
	if (out->number == 0)
		return (fault(f, FAULT_MALFORMED, "FRAG payload: number 0, and numbers begin with 1"));
	if (out->data.len == 0)
		return (fault(f, FAULT_MALFORMED, "FRAG payload: fragment %u has no data", out->number));
	return (0);
}

int
frag_get_dgram(struct frag *out, const struct isakmp_hdr *h, struct span dgram, struct fault *f)
{
	struct isakmp_msg m = { .hdr = *h };

	if (h->next != PAYLOAD_FRAG)
		return (fault(f, FAULT_MALFORMED, "no FRAG payload"));
	if (isakmp_chain_get(&m, span_of(dgram.p + ISAKMP_HDR_LEN, h->length - ISAKMP_HDR_LEN), false, f) != 0)
		return (-1);
	if (m.n != 1)
		return (fault(f, FAULT_MALFORMED, "%zu payloads beside a FRAG payload", m.n - 1));
	return (frag_get(out, m.pl[0].body, f));
}

struct span
frag_vid(void)
{
	static const uint8_t body[] = "\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3"
	    "\x80\x00\x00\x00";

	return (span_of(body, sizeof(body) - 1));
}

bool
frag_vid_announces(struct span body)
{
	const struct vid *v = vid_find(body);

	if (v == NULL || v->kind != VID_FRAGMENTATION)
		return (false);
	return (body.len < v->bytes.len + 4 || (get_be32(body.p + v->bytes.len) & (CAN_MAIN | CAN_BASE)) != 0);
}

/* --- putting together --- */

struct frag_set *
frag_set_new(size_t max)
{
	struct frag_set *g = calloc(1, sizeof(*g));

	if (g != NULL)
		g->max = max < ISAKMP_MSG_MAX ? max : ISAKMP_MSG_MAX;
	return (g);
}

void
frag_set_free(struct frag_set *g)
{
	if (g == NULL)
		return;
	free(g->p);
	free(g);
}

/* Another message begins. */
static void
start(struct frag_set *g, const struct isakmp_hdr *h, const struct frag *p)
{
	g->id = p->id;
	g->exchange = h->exchange;
	g->mid = h->mid;
	g->n = g->last = g->highest = 0;
	g->len = 0;
	memset(g->part, 0, sizeof(g->part));
}

/* Whether ${p} contradicts the fragments that are there, as ${f} reports. */
static bool
contradicts(const struct frag_set *g, const struct frag *p, struct fault *f)
{
	unsigned number = p->number;

	if (p->last && g->last != 0 && number != g->last)
		(void)fault(f, FAULT_PROTOCOL, "fragment %u is the last one, and so was %u", number, g->last);
	else if (g->last != 0 && number > g->last)
		(void)fault(f, FAULT_PROTOCOL, "fragment %u comes behind the last, %u", number, g->last);
	else if (p->last && number < g->highest)
		(void)fault(f, FAULT_PROTOCOL, "fragment %u is the last one, and %u is there", number, g->highest);
	else
		return (false);
	return (true);
}

/* Room for ${more} bytes; it doubles, so that all copies together are linear in the bytes. 0, or -1: no memory. */
static int
make_room(struct frag_set *g, size_t more)
{
	size_t room = g->room > 0 ? g->room : ROOM_FIRST;
	uint8_t *p;

	while (room < g->len + more)
		room *= 2;
	if (room > g->max)
		room = g->max;
	if (room == g->room)
		return (0);
	if ((p = realloc(g->p, room)) == NULL)
		return (-1);
	g->p = p;
	g->room = room;
	return (0);
}

enum frag_added
frag_set_add(struct frag_set *g, const struct isakmp_hdr *h, const struct frag *p, struct fault *f)
{
	size_t i = p->number - 1U;

	if (g->n == 0 || g->id != p->id || g->exchange != h->exchange || g->mid != h->mid)
		start(g, h, p);
	if (contradicts(g, p, f))
		return (FRAG_REFUSED);
	if (g->part[i].len > 0) {
		if (span_eq(span_of(g->p + g->part[i].at, g->part[i].len), p->data) &&
		    (!p->last || g->last != 0))
			return (FRAG_AGAIN);
		(void)fault(f, FAULT_PROTOCOL, "fragment %u came with other data before", p->number);
		return (FRAG_REFUSED);
	}
	if (p->data.len > g->max - g->len) {
		(void)fault(f, FAULT_TOO_LARGE, "the fragments have more than %zu bytes", g->max);
		return (FRAG_REFUSED);
	}
	if (make_room(g, p->data.len) != 0) {
		(void)fault(f, FAULT_MEMORY, "no memory for fragments");
		return (FRAG_REFUSED);
	}
	memcpy(g->p + g->len, p->data.p, p->data.len);
	g->part[i].at = (uint16_t)g->len;
	g->part[i].len = (uint16_t)p->data.len;
	g->len += p->data.len;
	g->n++;
	if (p->number > g->highest)
		g->highest = p->number;
	if (p->last)
		g->last = p->number;
	return (g->n == g->last ? FRAG_DONE : FRAG_KEPT);
}

unsigned
frag_set_count(const struct frag_set *g)
{
	return (g->n);
}

int
frag_set_join(const struct frag_set *g, struct bytes *whole)
{
	uint8_t *p;
	size_t i, at = 0;

	if (g->last == 0 || g->n != g->last || (p = malloc(g->len)) == NULL)
		return (-1);
	for (i = 0; i < g->n; i++) {
		memcpy(p + at, g->p + g->part[i].at, g->part[i].len);
		at += g->part[i].len;
	}
	bytes_free(whole);
	*whole = (struct bytes){ p, at };
	return (0);
}

/* --- taking apart --- */

size_t
frag_count(size_t len, size_t part)
{
	size_t n = (len + part - 1) / part;

	return (n <= FRAGS_MAX ? n : 0);
}

struct span
frag_put(uint8_t *buf, size_t cap, struct span msg, size_t part, size_t i)
{
	struct wr w = wr_of(buf, cap);
	struct isakmp_hdr h;
	size_t n = frag_count(msg.len, part), len;

	if (i >= n || isakmp_hdr_get(&h, msg, NULL) != 0)
		return (SPAN_NONE);
	len = i + 1 < n ? part : msg.len - i * part;
	h.next = PAYLOAD_FRAG;
	h.flags &= (uint8_t)~ISAKMP_FLAG_ENCRYPTED;
	h.length = (uint32_t)(FRAG_HDR_LEN + len);
	isakmp_hdr_put(&w, &h);
	wr_u16(&w, 0);			/* no payload follows; reserved */
	wr_u16(&w, (uint16_t)(FRAG_HDR_LEN - ISAKMP_HDR_LEN + len));
	wr_u16(&w, ID_SENT);
	wr_u8(&w, (uint8_t)(i + 1));
	wr_u8(&w, i + 1 == n ? FLAG_LAST : 0);
	wr_bytes(&w, span_of(msg.p + i * part, len));
	return (wr_span(&w));
}
