/* The messages that peers are sending in IKE fragments, with limits of number, memory and time. */
#include "wire/frag_pool.h"

struct frag_entry {
	struct frag_entry	*next;		/* a younger one */
	uint8_t			 cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	struct addr		 from;
	enum frag_trust		 trust;
	uint64_t		 end_ms;
	struct frag_set		*set;
};

static bool
same_host(const struct addr *a, const struct addr *b)
{
	return (a->family == b->family && memcmp(a->b, b->b, a->family == 4 ? 4 : 8) == 0);
}

/* Frees the entry at ${at}. */
static void
drop(struct frag_pool *pool, struct frag_entry **at)
{
	struct frag_entry *e = *at;

	*at = e->next;
	if (pool->last == &e->next)
		pool->last = at;
	pool->n--;
	frag_set_free(e->set);
	free(e);
}

static void
expire(struct frag_pool *pool, struct now now)
{
	struct frag_entry **at = &pool->oldest;

	while (*at != NULL)
		if (now.ms >= (*at)->end_ms)
			drop(pool, at);
		else
			at = &(*at)->next;
}

/* The entry that ${h} from ${from} belongs to; NULL: none. */
static struct frag_entry **
find(struct frag_pool *pool, const struct addr *from, const struct isakmp_hdr *h)
{
	struct frag_entry **at = &pool->oldest;

	for (; *at != NULL; at = &(*at)->next)
		if (memcmp((*at)->cky_i, h->cky_i, COOKIE_LEN) == 0 &&
		    memcmp((*at)->cky_r, h->cky_r, COOKIE_LEN) == 0 && addr_cmp(&(*at)->from, from) == 0)
			return (at);
	return (NULL);
}

/* The entry that gives its place to one of ${trust}, of ${host} alone if that is not NULL. NULL: all are trusted more. */
static struct frag_entry **
victim(struct frag_pool *pool, const struct addr *host, enum frag_trust trust)
{
	struct frag_entry **at, **least = NULL;

	for (at = &pool->oldest; *at != NULL; at = &(*at)->next)
		if ((*at)->trust <= trust && (host == NULL || same_host(&(*at)->from, host)) &&
		    (least == NULL || (*at)->trust < (*least)->trust))
			least = at;
	return (least);
}

/* Makes room for one more of ${from}. False: none. */
static bool
make_room(struct frag_pool *pool, const struct addr *from, enum frag_trust trust)
{
	const struct frag_entry *e;
	struct frag_entry **at;
	size_t n = 0;

	for (e = pool->oldest; e != NULL; e = e->next)
		n += same_host(&e->from, from);
	if (n < FRAG_POOL_PER_ADDR && pool->n < FRAG_POOL_MAX)
		return (true);
	if ((at = victim(pool, n < FRAG_POOL_PER_ADDR ? NULL : from, trust)) == NULL)
		return (false);
	drop(pool, at);
	return (true);
}

static struct frag_entry **
begin(struct frag_pool *pool, struct now now, const struct addr *from, enum frag_trust trust,
    const struct isakmp_hdr *h, struct fault *f)
{
	struct frag_entry *e, **at;

	if (!make_room(pool, from, trust)) {
		(void)fault(f, FAULT_TOO_LARGE, "too many messages come in fragments at once");
		return (NULL);
	}
	if ((e = calloc(1, sizeof(*e))) == NULL || (e->set = frag_set_new(FRAG_MSG_MAX)) == NULL) {
		free(e);
		(void)fault(f, FAULT_MEMORY, "no memory for fragments");
		return (NULL);
	}
	memcpy(e->cky_i, h->cky_i, COOKIE_LEN);
	memcpy(e->cky_r, h->cky_r, COOKIE_LEN);
	e->from = *from;
	e->trust = trust;
	e->end_ms = now.ms + (trust == FRAG_STRANGER ? FRAG_STRANGER_LIFE_MS : FRAG_LIFE_MS);
	at = pool->last != NULL ? pool->last : &pool->oldest;
	*at = e;
	pool->last = &e->next;
	pool->n++;
	return (at);
}

/* Whether ${whole} is a message that fragments with the header ${h} may carry. */
static bool
is_message(const struct isakmp_hdr *h, struct span whole, struct fault *f)
{
	struct isakmp_hdr own;

	if (isakmp_hdr_get(&own, whole, f) != 0)
		return (false);
	if (memcmp(own.cky_i, h->cky_i, COOKIE_LEN) != 0 || memcmp(own.cky_r, h->cky_r, COOKIE_LEN) != 0 ||
	    own.version >> 4 != h->version >> 4) {
		(void)fault(f, FAULT_PROTOCOL, "the fragments make up a message of another IKE SA");
		return (false);
	}
	if (own.next == PAYLOAD_FRAG) {
		(void)fault(f, FAULT_PROTOCOL, "the fragments make up a fragment");
		return (false);
	}
	return (true);
}

bool
frag_pool_add(struct frag_pool *pool, struct now now, const struct addr *from, enum frag_trust trust,
    const struct isakmp_hdr *h, struct span dgram, struct bytes *whole, struct fault *f)
{
	struct frag_entry **at;
	struct frag part;
	int r;

	*f = (struct fault){0};
	expire(pool, now);
	if (frag_get_dgram(&part, h, dgram, f) != 0)
		return (false);
	if ((at = find(pool, from, h)) == NULL && (at = begin(pool, now, from, trust, h, f)) == NULL)
		return (false);
	if (trust > (*at)->trust)
		(*at)->trust = trust;
	switch (frag_set_add((*at)->set, h, &part, f)) {
	case FRAG_REFUSED:
		if ((*at)->end_ms > now.ms + FRAG_DOUBT_MS)
			(*at)->end_ms = now.ms + FRAG_DOUBT_MS;
		return (false);
	case FRAG_AGAIN:
	case FRAG_KEPT:
		return (false);
	case FRAG_DONE:
		break;
	}
	r = frag_set_join((*at)->set, whole);
	drop(pool, at);
	if (r != 0) {
		(void)fault(f, FAULT_MEMORY, "no memory for a message");
		return (false);
	}
	return (is_message(h, bytes_span(whole), f));
}

void
frag_pool_drop(struct frag_pool *pool, const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN])
{
	static const uint8_t none[COOKIE_LEN];
	struct frag_entry **at = &pool->oldest;

	while (*at != NULL)
		if (memcmp((*at)->cky_i, cky_i, COOKIE_LEN) == 0 && (memcmp((*at)->cky_r, cky_r, COOKIE_LEN) == 0 ||
		    memcmp((*at)->cky_r, none, COOKIE_LEN) == 0))
			drop(pool, at);
		else
			at = &(*at)->next;
}

void
frag_pool_free(struct frag_pool *pool)
{
	while (pool->oldest != NULL)
		drop(pool, &pool->oldest);
}
