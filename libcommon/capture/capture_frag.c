/*
 * Fragments put together (RFC 791 section 3.2, RFC 8200 section 4.5). Of parts that overlap with
 * other bytes than before none counts (RFC 5722): the datagram is given up.
 */
#include "capture/capture_priv.h"

#include <stdlib.h>

#define DATAGRAM_MAX	65535	/* bytes of payload */
#define HEAD_MAX	512	/* bytes before the fragment header */
#define UNITS		((DATAGRAM_MAX + 8) / 8)

struct datagram {
	bool		used, ruined;
	struct capture_ip first;	/* addresses, protocol, ID */
	bool		has_head;
	size_t		head_len, next_at;
	size_t		end;		/* bytes in all, once the last part is there; else 0 */
	size_t		have;		/* bytes */
	unsigned	n;
	uint64_t	time_us;	/* of the first part to come */
	uint8_t		got[(UNITS + 7) / 8];	/* one bit a unit of 8 bytes */
	/* Headers, then payload: when whole, they are moved together. */
	uint8_t		b[HEAD_MAX + DATAGRAM_MAX + 8];
};

struct capture_frags {
	struct datagram	*d[CAPTURE_FRAGS_MAX];
	uint64_t	 incomplete;
};

struct capture_frags *
capture_frags_new(void)
{
	return (calloc(1, sizeof(struct capture_frags)));
}

void
capture_frags_free(struct capture_frags *t)
{
	size_t i;

	for (i = 0; t != NULL && i < CAPTURE_FRAGS_MAX; i++)
		free(t->d[i]);
	free(t);
}

uint64_t
capture_frags_incomplete(const struct capture_frags *t)
{
	uint64_t n = t->incomplete;
	size_t i;

	for (i = 0; i < CAPTURE_FRAGS_MAX; i++)
		n += t->d[i] != NULL && t->d[i]->used;
	return (n);
}

static bool
same(const struct datagram *d, const struct capture_ip *ip)
{
	/* RFC 8200 tells IPv6 datagrams apart by addresses and ID alone. */
	return (d->first.id == ip->id && addr_cmp(&d->first.src, &ip->src) == 0 &&
	    addr_cmp(&d->first.dst, &ip->dst) == 0 &&
	    (ip->src.family == 6 || d->first.proto == ip->proto));
}

/* The place of ${ip}'s datagram, perhaps a new one: then the oldest has to go. NULL: no memory. */
static struct datagram *
place(struct capture_frags *t, const struct capture_ip *ip, uint64_t time_us)
{
	struct datagram *d;
	size_t i, best = 0;

	for (i = 0; i < CAPTURE_FRAGS_MAX; i++) {
		if ((d = t->d[i]) == NULL || !d->used)
			continue;
		if (time_us > d->time_us &&
		    time_us - d->time_us > (uint64_t)CAPTURE_FRAG_SECONDS * 1000000) {
			d->used = false;
			t->incomplete++;
		} else if (same(d, ip))
			return (d);
	}
	for (i = 0; i < CAPTURE_FRAGS_MAX; i++) {
		d = t->d[i];
		if (d == NULL || !d->used) {
			best = i;
			break;
		}
		if (d->time_us < t->d[best]->time_us)
			best = i;
	}
	if ((d = t->d[best]) == NULL && (d = t->d[best] = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	if (i == CAPTURE_FRAGS_MAX)
		t->incomplete++;
	d->used = true;
	d->ruined = d->has_head = false;
	d->first = *ip;
	d->first.all = d->first.payload = SPAN_NONE;
	d->end = d->have = d->head_len = d->next_at = 0;
	d->n = 0;
	d->time_us = time_us;
	memset(d->got, 0, sizeof(d->got));
	return (d);
}

/* Copies the part in; -1 if it contradicts one that is there. */
static int
fill(struct datagram *d, const struct capture_ip *ip)
{
	size_t i, n, unit;
	uint8_t *to;

	for (i = 0; i < ip->payload.len; i += 8) {
		unit = (ip->off + i) / 8;
		n = ip->payload.len - i < 8 ? ip->payload.len - i : 8;
		to = d->b + HEAD_MAX + ip->off + i;
		if ((d->got[unit / 8] >> (unit % 8) & 1) != 0) {
			if (memcmp(to, ip->payload.p + i, n) != 0)
				return (-1);
			continue;
		}
		memcpy(to, ip->payload.p + i, n);
		d->got[unit / 8] |= (uint8_t)(1U << (unit % 8));
		d->have += n;
	}
	return (0);
}

/* The datagram as one packet: the first part's headers in front of all of the payload. */
static void
whole(struct datagram *d, struct capture_ip *ip)
{
	uint8_t *p = d->b + HEAD_MAX - d->head_len;
	size_t len = d->head_len + d->end;
	struct capture_ip out = d->first;

	memmove(p, d->b, d->head_len);
	out.fragment = out.more = false;
	out.lost = 0;
	out.all = span_of(p, len);
	out.payload = span_of(d->b + HEAD_MAX, d->end);
	if (out.src.family == 4) {
		put_be16(p + 2, (uint16_t)len);
		put_be16(p + 6, 0);
	} else {
		put_be16(p + 4, (uint16_t)(len - 40));
		p[d->next_at] = out.proto;
	}
	*ip = out;
}

int
capture_frags_take(struct capture_frags *t, struct capture_ip *ip, uint64_t time_us, unsigned *n,
    const char **note)
{
	struct datagram *d;
	size_t end = ip->off + ip->payload.len;

	if (ip->lost > 0) {
		*note = "a fragment that was not captured whole";
		return (-1);
	}
	if (ip->payload.len == 0 || end + ip->head > DATAGRAM_MAX ||
	    (ip->more && ip->payload.len % 8 != 0)) {
		*note = "a fragment of impossible length";
		return (-1);
	}
	if ((d = place(t, ip, time_us)) == NULL) {
		*note = "no memory for fragments";
		return (-1);
	}
	if (d->ruined || (d->end != 0 && (end > d->end || (!ip->more && end != d->end))) ||
	    fill(d, ip) != 0) {
		/* It stays here, so that its later parts are not taken for a new one. */
		d->ruined = true;
		*note = "a fragment that contradicts another";
		return (-1);
	}
	if (!ip->more)
		d->end = end;
	d->n++;
	if (ip->off == 0 && ip->head <= HEAD_MAX) {
		memcpy(d->b, ip->all.p, ip->head);
		d->head_len = ip->head;
		d->next_at = ip->next_at;
		d->first.proto = ip->proto;
		d->first.tos = ip->tos;
		d->has_head = true;
	}
	if (d->end != 0 && (d->have > d->end || d->head_len + d->end > DATAGRAM_MAX)) {
		d->ruined = true;
		*note = "a fragment that makes its datagram too long";
		return (-1);
	}
	if (d->end == 0 || d->have < d->end || !d->has_head)
		return (0);
	*n = d->n;
	whole(d, ip);
	d->used = false;
	return (1);
}
