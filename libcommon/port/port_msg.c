/* The messages between holders of a port: encode and decode. */
#include "port/port_msg.h"

#include "port/port_table.h"
#include "wire/rd.h"

#define VERSION	3

/* The allowed body length, flags and other fields of each type. */
static const struct shape {
	size_t	min, max;
	uint8_t	flags;
	bool	ends;		/* local and remote endpoint, interface */
	bool	seg, number;
} shapes[PM_TYPES] = {
	[PM_HELLO] = { 0, 0, PM_F_DATA_PATH | PM_F_READING, false, false, false },
	[PM_WELCOME] = { 0, 0, 0, false, false, false },
	[PM_SERVE] = { 0, PORT_MSG_DATA, PM_F_DROP | PM_F_RESET, false, false, false },
	[PM_IKE] = { 28, PORT_MSG_DATA, 0, true, false, false },
	[PM_ESP] = { 8, PORT_MSG_DATA, 0, true, true, false },
	[PM_UNREACH] = { 0, 0, 0, true, false, true },
	[PM_RECORD] = { 9, 8 + PORT_MSG_DATA, 0, false, false, true },
};

void
port_msg_put(uint8_t hdr[PORT_MSG_HDR], const struct port_msg *m)
{
	memset(hdr, 0, PORT_MSG_HDR);
	memcpy(hdr, "sap", 3);
	hdr[3] = VERSION;
	hdr[4] = m->type;
	hdr[5] = m->flags;
	hdr[6] = m->remote.addr.family;
	memcpy(hdr + 8, m->local.addr.b, addr_len(&m->local.addr));
	memcpy(hdr + 24, m->remote.addr.b, addr_len(&m->remote.addr));
	put_be32(hdr + 40, m->ifindex);
	put_be32(hdr + 44, m->remote.addr.scope);
	put_be16(hdr + 48, m->local.port);
	put_be16(hdr + 50, m->remote.port);
	put_be16(hdr + 52, m->seg);
	put_be64(hdr + 56, m->number);
}

/* Whether the fields that ${s} has no use for are zero. */
static bool
unused_zero(const struct shape *s, const uint8_t *h)
{
	static const uint8_t zero[46];

	return (h[7] == 0 && h[54] == 0 && h[55] == 0 && (h[5] & ~s->flags) == 0 &&
	    (s->ends || (h[6] == 0 && memcmp(h + 8, zero, 44) == 0)) &&
	    (s->seg || get_be16(h + 52) == 0) && (s->number || get_be64(h + 56) == 0));
}

int
port_msg_get(struct port_msg *m, struct span in)
{
	struct rd r = rd_of(in);
	struct span head = rd_bytes(&r, PORT_MSG_HDR), rest = rd_rest(&r);
	const uint8_t *h = head.p;
	const struct shape *s;

	*m = (struct port_msg){0};
	if (r.bad || memcmp(h, "sap", 3) != 0 || h[3] != VERSION || h[4] == 0 ||
	    h[4] >= PM_TYPES)
		return (-1);
	s = &shapes[h[4]];
	if (rest.len < s->min || rest.len > s->max || !unused_zero(s, h))
		return (-1);
	if (h[4] == PM_SERVE && rest.len % SERVE_KEY != 0)
		return (-1);
	if (s->ends) {
		if (h[6] != 4 && h[6] != 6)
			return (-1);
		m->local.addr = addr_make(h[6], h + 8);
		m->remote.addr = addr_make(h[6], h + 24);
		m->ifindex = get_be32(h + 40);
		m->remote.addr.scope = get_be32(h + 44);
		m->local.port = get_be16(h + 48);
		m->remote.port = get_be16(h + 50);
	}
	m->seg = get_be16(h + 52);
	/* A last segment too short for a SPI would be read past its end. */
	if (m->seg != 0 && (m->seg < 8 || (rest.len % m->seg != 0 && rest.len % m->seg < 8)))
		return (-1);
	m->type = h[4];
	m->flags = h[5];
	m->number = get_be64(h + 56);
	m->body = rest;
	return (0);
}
