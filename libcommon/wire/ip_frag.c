/* Fragments of IP put together. */
#include "wire/ip_frag.h"

#include <stdlib.h>
#include <string.h>

#define UNITS	((IP_FRAG_MAX + 8) / 8)

struct datagram {
	bool		used, ruined, has_head;
	struct addr	src, dst;
	uint32_t	id;
	uint8_t		proto;		/* of the part that came first, then of the first part */
	size_t		head_len, next_at;
	size_t		end;		/* bytes of payload in all, once the last part is there; else 0 */
	size_t		have;		/* bytes */
	unsigned	n;
	uint64_t	time_us, age;	/* when its first part came, and its rank */
	uint8_t		got[(UNITS + 7) / 8];	/* one bit a unit of 8 bytes */
	/* Headers, then payload: when whole, they are moved together. */
	uint8_t		b[IP_FRAG_HEAD + IP_FRAG_MAX + 8];
};

struct ip_frags {
	struct ip_frags_conf conf;
	uint64_t	 incomplete, age;
	struct datagram	*d[];		/* made when they are needed */
};

struct ip_frags *
ip_frags_new(const struct ip_frags_conf *c)
{
	struct ip_frags *t = calloc(1, sizeof(*t) + c->slots * sizeof(t->d[0]));

	if (t != NULL)
		t->conf = *c;
	return (t);
}

void
ip_frags_free(struct ip_frags *t)
{
	size_t i;

	for (i = 0; t != NULL && i < t->conf.slots; i++)
		free(t->d[i]);
	free(t);
}

uint64_t
ip_frags_incomplete(const struct ip_frags *t)
{
	uint64_t n = t->incomplete;
	size_t i;

	for (i = 0; i < t->conf.slots; i++)
		n += t->d[i] != NULL && t->d[i]->used;
	return (n);
}

static bool
same(const struct datagram *d, const struct ip_part *p)
{
	/* RFC 8200 tells IPv6 datagrams apart by addresses and ID alone. */
	return (d->id == p->id && addr_cmp(&d->src, &p->src) == 0 && addr_cmp(&d->dst, &p->dst) == 0 &&
	    (p->src.family == 6 || d->proto == p->proto));
}

/* The datagram of ${p}, without those whose time is over; NULL: it has not begun. */
static struct datagram *
find(struct ip_frags *t, const struct ip_part *p, uint64_t time_us)
{
	struct datagram *d;
	size_t i;

	for (i = 0; i < t->conf.slots; i++) {
		if ((d = t->d[i]) == NULL || !d->used)
			continue;
		if (t->conf.timeout_us != 0 && time_us > d->time_us && time_us - d->time_us > t->conf.timeout_us) {
			d->used = false;
			t->incomplete++;
		} else if (same(d, p))
			return (d);
	}
	return (NULL);
}

/* A free place, or that of the oldest. NULL: no memory. */
static struct datagram *
place(struct ip_frags *t)
{
	struct datagram *d;
	size_t i, best = 0;

	for (i = 0; i < t->conf.slots; i++) {
		d = t->d[i];
		if (d == NULL || !d->used) {
			best = i;
			break;
		}
		if (d->age < t->d[best]->age)
			best = i;
	}
	if ((d = t->d[best]) == NULL && (d = t->d[best] = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	t->incomplete += d->used;
	return (d);
}

static void
begin(struct ip_frags *t, struct datagram *d, const struct ip_part *p, uint64_t time_us)
{
	d->used = true;
	d->ruined = d->has_head = false;
	d->src = p->src;
	d->dst = p->dst;
	d->id = p->id;
	d->proto = p->proto;
	d->end = d->have = d->head_len = d->next_at = 0;
	d->n = 0;
	d->time_us = time_us;
	d->age = ++t->age;
	memset(d->got, 0, sizeof(d->got));
}

/* Copies the part in; -1 if it contradicts one that is there. */
static int
fill(struct datagram *d, const struct ip_part *p)
{
	size_t i, n, unit;
	uint8_t *to;

	for (i = 0; i < p->payload.len; i += 8) {
		unit = (p->off + i) / 8;
		n = p->payload.len - i < 8 ? p->payload.len - i : 8;
		to = d->b + IP_FRAG_HEAD + p->off + i;
		if ((d->got[unit / 8] >> (unit % 8) & 1) != 0) {
			if (memcmp(to, p->payload.p + i, n) != 0)
				return (-1);
			continue;
		}
		memcpy(to, p->payload.p + i, n);
		d->got[unit / 8] |= (uint8_t)(1U << (unit % 8));
		d->have += n;
	}
	return (0);
}

/* The datagram as one packet: the first part's headers in front of all of the payload. */
static void
finish(struct datagram *d, struct ip_whole *out)
{
	uint8_t *p = d->b + IP_FRAG_HEAD - d->head_len;
	size_t len = d->head_len + d->end;

	memmove(p, d->b, d->head_len);
	if (d->src.family == 4) {
		put_be16(p + 2, (uint16_t)len);
		put_be16(p + 6, 0);
	} else {
		put_be16(p + 4, (uint16_t)(len - 40));
		p[d->next_at] = d->proto;
	}
	*out = (struct ip_whole){ span_of(p, len), d->head_len, d->proto, d->n };
	d->used = false;
}

static enum ip_frags_state
bad(struct datagram *d, const char **note, const char *why)
{
	/* It stays here, so that its later parts are not taken for a new one. */
	if (d != NULL)
		d->ruined = true;
	*note = why;
	return (IP_FRAGS_BAD);
}

/* Whether ${p} can be a part of any datagram. */
static bool
possible(const struct ip_part *p)
{
	return (p->payload.len > 0 && p->payload.len <= IP_FRAG_MAX && p->off % 8 == 0 &&
	    p->off + p->payload.len + p->head.len <= IP_FRAG_MAX && (!p->more || p->payload.len % 8 == 0) &&
	    p->head.len >= (p->src.family == 4 ? 20U : 40U) && p->head.len <= IP_FRAG_HEAD &&
	    (p->src.family == 4 || p->next_at < p->head.len));
}

enum ip_frags_state
ip_frags_take(struct ip_frags *t, const struct ip_part *p, uint64_t time_us, struct ip_whole *out, const char **note)
{
	struct datagram *d;
	size_t end = p->off + p->payload.len;

	if (!possible(p))
		return (bad(t->conf.in_order ? find(t, p, time_us) : NULL, note, "a fragment of impossible length"));
	d = find(t, p, time_us);
	if (d == NULL && t->conf.in_order && p->off != 0)
		return (bad(NULL, note, "a fragment out of order"));
	if (d == NULL && (d = place(t)) == NULL)
		return (bad(NULL, note, "no memory for fragments"));
	if (!d->used || !same(d, p) || (t->conf.in_order && p->off == 0))
		begin(t, d, p, time_us);
	if (t->conf.in_order && p->off != d->have)
		return (bad(d, note, "a fragment out of order"));
	if (d->ruined || (d->end != 0 && (end > d->end || (!p->more && end != d->end))) || fill(d, p) != 0)
		return (bad(d, note, "a fragment that contradicts another"));
	if (!p->more)
		d->end = end;
	d->n++;
	if (p->off == 0) {
		memcpy(d->b, p->head.p, p->head.len);
		d->head_len = p->head.len;
		d->next_at = p->next_at;
		d->proto = p->proto;
		d->has_head = true;
	}
	if (d->end != 0 && (d->have > d->end || d->head_len + d->end > IP_FRAG_MAX))
		return (bad(d, note, "a fragment that makes its datagram too long"));
	if (d->end == 0 || d->have < d->end || !d->has_head)
		return (IP_FRAGS_MORE);
	finish(d, out);
	return (IP_FRAGS_WHOLE);
}
