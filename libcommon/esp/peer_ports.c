/* The ports of peers behind one NAT: a table with two hashes, by the peer's own port and by the one the local host sees. */
#include "esp/peer_ports.h"

#include <stdlib.h>

#include "base/hash.h"

#define HEADS		1024	/* a power of two */
#define VICTIMS		32	/* entries of which the oldest makes room */
#define PORT_FIRST	49152	/* of the ports that are given, RFC 6335: the dynamic ones */
#define TRIES		256

struct entry {
	struct endpoint	owner;		/* where ESP to the peer goes; port 0: the entry is free */
	struct addr	local;
	uint8_t		proto;
	uint16_t	port, seen;	/* the peer's own, and the one that the local host sees */
	uint16_t	local_port;
	uint64_t	used;
	uint16_t	next[2];	/* of the same hash: index + 1; 0: none */
};

enum { IN, OUT };

struct peer_ports {
	struct entry	e[PEER_PORTS_MAX];
	uint16_t	heads[2][HEADS];
	size_t		hand;		/* the entry that is looked at next for a free one */
	uint64_t	clock;
};

void
peer_ports_free(struct peer_ports *t)
{
	free(t);
}

/* By the fields that are known in that direction: inbound the owner and its port, outbound the address and the port seen. */
static size_t
hash(int way, const struct entry *e)
{
	uint8_t ports[6];
	uint64_t h;

	put_be16(ports, way == IN ? e->port : e->seen);
	put_be16(ports + 2, e->local_port);
	put_be16(ports + 4, way == IN ? e->owner.port : 0);
	h = hash_bytes(ports, sizeof(ports), e->proto);
	return (hash_bytes(e->owner.addr.b, addr_len(&e->owner.addr), h) & (HEADS - 1));
}

static bool
same(int way, const struct entry *a, const struct entry *b)
{
	return (a->proto == b->proto && a->local_port == b->local_port && addr_cmp(&a->local, &b->local) == 0 &&
	    addr_cmp(&a->owner.addr, &b->owner.addr) == 0 &&
	    (way == IN ? a->owner.port == b->owner.port && a->port == b->port : a->seen == b->seen));
}

static struct entry *
find(struct peer_ports *t, int way, const struct entry *like)
{
	uint16_t i;

	for (i = t->heads[way][hash(way, like)]; i != 0; i = t->e[i - 1].next[way])
		if (same(way, &t->e[i - 1], like))
			return (&t->e[i - 1]);
	return (NULL);
}

static void
link_in(struct peer_ports *t, struct entry *e)
{
	int way;
	uint16_t *head;

	for (way = IN; way <= OUT; way++) {
		head = &t->heads[way][hash(way, e)];
		e->next[way] = *head;
		*head = (uint16_t)(e - t->e + 1);
	}
}

static void
unlink_from(struct peer_ports *t, struct entry *e)
{
	uint16_t self = (uint16_t)(e - t->e + 1), *at;
	int way;

	for (way = IN; way <= OUT; way++) {
		for (at = &t->heads[way][hash(way, e)]; *at != self; )
			at = &t->e[*at - 1].next[way];
		*at = e->next[way];
	}
	*e = (struct entry){0};
}

/* A free entry: the oldest of a few is given up where there is none among them. */
static struct entry *
take(struct peer_ports *t)
{
	struct entry *e, *oldest = NULL;
	size_t i;

	for (i = 0; i < VICTIMS; i++) {
		e = &t->e[t->hand];
		t->hand = (t->hand + 1) % PEER_PORTS_MAX;
		if (e->owner.port == 0)
			return (e);
		if (oldest == NULL || e->used < oldest->used)
			oldest = e;
	}
	unlink_from(t, oldest);
	return (oldest);
}

/* Whether ${e}->seen is free for it; an entry whose owner has gone makes room. */
static bool
is_free(struct peer_ports *t, const struct entry *e, peer_lives *lives, const void *ctx)
{
	struct entry *other = find(t, OUT, e);

	if (other != NULL && !lives(ctx, &other->owner)) {
		unlink_from(t, other);
		other = NULL;
	}
	return (other == NULL);
}

/* The port to be seen: the peer's own, that of its NAT mapping, which no other peer of the NAT has, or a dynamic one. */
static bool
choose(struct peer_ports *t, struct entry *e, peer_lives *lives, const void *ctx)
{
	unsigned i;

	e->seen = e->port;
	if (is_free(t, e, lives, ctx))
		return (true);
	e->seen = e->owner.port;
	for (i = 0; i < TRIES && !is_free(t, e, lives, ctx); i++)
		e->seen = (uint16_t)(PORT_FIRST + (e->owner.port + i * 61U) % (UINT16_MAX - PORT_FIRST));
	return (i < TRIES);
}

int
peer_ports_in(struct peer_ports **t, uint8_t *p, struct inner *in, const struct endpoint *owner, peer_lives *lives,
    const void *ctx)
{
	struct entry like = { .owner = *owner, .local = in->dst, .proto = in->proto, .port = in->sport,
	    .local_port = in->dport };
	struct entry *e;

	if (!inner_has_l4_ports(in) || owner->port == 0)
		return (0);
	if (*t == NULL && (*t = calloc(1, sizeof(**t))) == NULL)
		return (-1);
	if ((e = find(*t, IN, &like)) == NULL) {
		if (!choose(*t, &like, lives, ctx))
			return (-1);
		e = take(*t);
		*e = like;
		link_in(*t, e);
	}
	e->used = ++(*t)->clock;
	inner_port_set(p, in, true, e->seen);
	return (0);
}

const struct endpoint *
peer_ports_out(struct peer_ports *t, uint8_t *p, struct inner *in)
{
	struct entry like, *e;

	if (t == NULL || !inner_has_l4_ports(in))
		return (NULL);
	like = (struct entry){ .owner.addr = in->dst, .local = in->src, .proto = in->proto, .seen = in->dport,
	    .local_port = in->sport };
	if ((e = find(t, OUT, &like)) == NULL)
		return (NULL);
	e->used = ++t->clock;
	inner_port_set(p, in, false, e->port);
	return (&e->owner);
}

void
peer_ports_moved(struct peer_ports *t, const struct endpoint *old, const struct endpoint *new)
{
	struct entry e;
	size_t i;

	for (i = 0; t != NULL && i < PEER_PORTS_MAX; i++) {
		if (t->e[i].owner.port == 0 || !endpoint_eq(&t->e[i].owner, old))
			continue;
		e = t->e[i];
		unlink_from(t, &t->e[i]);
		e.owner = *new;
		/* With another address the host sees another peer: its own port may be taken there. */
		if (find(t, IN, &e) != NULL || find(t, OUT, &e) != NULL)
			continue;
		t->e[i] = e;
		link_in(t, &t->e[i]);
	}
}
