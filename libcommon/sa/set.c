/* The SAs of one or more streams of records: add, replace, remove, find. */
#include "sa/set.h"

#include <stdlib.h>

#define BUCKETS		1024	/* a power of two */

struct member {
	struct sa_rec	 rec;		/* type SA_NONE: removed, and only a gap in the order */
	unsigned	 source;
	uint64_t	 serial;	/* rises in the order */
	uint64_t	 round;		/* of its last record */
	struct member	*chain;		/* of its bucket */
};

struct sa_set {
	struct member	**order;	/* as they came; NULL where one was removed */
	size_t		 n, room;
	size_t		 live;
	uint64_t	 serial;	/* of the last one */
	uint64_t	 round;
	struct member	*buckets[BUCKETS];
};

struct sa_set *
sa_set_new(void)
{
	return (calloc(1, sizeof(struct sa_set)));
}

static void
member_free(struct member *m)
{
	sa_rec_wipe(&m->rec);
	free(m);
}

void
sa_set_free(struct sa_set *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		if (s->order[i] != NULL)
			member_free(s->order[i]);
	free(s->order);
	free(s);
}

/* SPIs and cookies are the other side's choice: spread them, but nothing depends on it. */
static size_t
bucket_of(const struct sa_rec *r)
{
	uint32_t v = r->type == SA_IKE ? get_be32(r->ike.spi_i) ^ get_be32(r->ike.spi_r) :
	    get_be32(r->child.spi_in);

	return ((v * 2654435761u >> 22) & (BUCKETS - 1));
}

bool
sa_same_identity(const struct sa_rec *a, const struct sa_rec *b)
{
	if (a->type != b->type)
		return (false);
	if (a->type == SA_IKE)
		return (memcmp(a->ike.spi_i, b->ike.spi_i, 8) == 0 &&
		    memcmp(a->ike.spi_r, b->ike.spi_r, 8) == 0 && a->ike.role == b->ike.role);
	if (a->type == SA_CHILD)
		return (a->child.protocol == b->child.protocol &&
		    memcmp(a->child.spi_in, b->child.spi_in, 4) == 0 &&
		    addr_cmp(&a->child.local.at.addr, &b->child.local.at.addr) == 0 &&
		    a->child.local.at.addr.scope == b->child.local.at.addr.scope);
	return (false);
}

static bool
same(const struct secret *a, const struct secret *b)
{
	return (ct_eq(secret_span(a), secret_span(b)));
}

bool
sa_same_keys(const struct sa_rec *a, const struct sa_rec *b)
{
	const struct sa_ike *i = &a->ike, *k = &b->ike;
	const struct sa_child *c = &a->child, *d = &b->child;

	if (a->type != b->type)
		return (false);
	if (a->type == SA_IKE)
		return (same(&i->skeyid_d, &k->skeyid_d) && same(&i->skeyid_a, &k->skeyid_a) &&
		    same(&i->cipher, &k->cipher) && strcmp(i->encryption, k->encryption) == 0 &&
		    i->key_bits == k->key_bits && strcmp(i->hash, k->hash) == 0);
	if (a->type == SA_CHILD)
		return (same(&c->enc_in, &d->enc_in) && same(&c->enc_out, &d->enc_out) &&
		    same(&c->auth_in, &d->auth_in) && same(&c->auth_out, &d->auth_out) &&
		    strcmp(c->encryption, d->encryption) == 0 && c->key_bits == d->key_bits &&
		    strcmp(c->integrity, d->integrity) == 0 && c->esn == d->esn &&
		    memcmp(c->spi_out, d->spi_out, 4) == 0);
	return (false);
}

static struct member *
find(const struct sa_set *s, const struct sa_rec *r)
{
	struct member *m;

	for (m = s->buckets[bucket_of(r)]; m != NULL; m = m->chain)
		if (sa_same_identity(&m->rec, r))
			return (m);
	return (NULL);
}

/* Closes the gaps that removals left in the order, and makes room for one more. */
static int
make_room(struct sa_set *s)
{
	struct member **more;
	size_t i, n = 0, room;

	if (s->n < s->room)
		return (0);
	for (i = 0; i < s->n; i++)
		if (s->order[i] != NULL)
			s->order[n++] = s->order[i];
	s->n = n;
	if (2 * s->n < s->room)
		return (0);
	room = s->room > 0 ? 2 * s->room : 16;
	if ((more = realloc(s->order, room * sizeof(struct member *))) == NULL)
		return (-1);
	s->order = more;
	s->room = room;
	return (0);
}

static int
add(struct sa_set *s, unsigned source, const struct sa_rec *r, struct member **out,
    struct fault *f)
{
	struct member *m, **bucket = &s->buckets[bucket_of(r)];

	if (s->live == SA_SET_MAX)
		return (fault(f, FAULT_TOO_LARGE, "more than %d SAs", SA_SET_MAX));
	if (make_room(s) != 0 || (m = calloc(1, sizeof(*m))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	if (sa_rec_copy(&m->rec, r) != 0) {
		free(m);
		return (fault(f, FAULT_MEMORY, "no locked memory for the keys of an SA"));
	}
	m->source = source;
	m->serial = ++s->serial;
	m->round = s->round;
	m->chain = *bucket;
	*bucket = m;
	s->order[s->n++] = m;
	s->live++;
	*out = m;
	return (0);
}

static void
take_out(struct sa_set *s, size_t i, sa_change_fn tell, void *ctx, enum sa_reason reason)
{
	struct member *m = s->order[i], **link = &s->buckets[bucket_of(&m->rec)];

	while (*link != m)
		link = &(*link)->chain;
	*link = m->chain;
	s->order[i] = NULL;
	s->live--;
	if (tell != NULL)
		tell(ctx, SA_REMOVED, &m->rec, NULL, m->source, reason);
	member_free(m);
}

/* Whether ${d} means this SA: all that it names must fit, and it must name enough. */
static bool
is_meant(const struct sa_del *d, const struct sa_rec *r)
{
	const struct sa_child *c = &r->child;

	if (!d->has_spi_in && !d->has_spi_out)
		return (r->type == SA_IKE && d->has_ike && !d->has_protocol &&
		    memcmp(d->ike, r->ike.spi_i, 8) == 0 && memcmp(d->ike + 8, r->ike.spi_r, 8) == 0);
	if (r->type != SA_CHILD || (d->has_ike && memcmp(d->ike, c->ike, 16) != 0))
		return (false);
	return ((!d->has_protocol || d->protocol == c->protocol) &&
	    (!d->has_spi_in || memcmp(d->spi_in, c->spi_in, 4) == 0) &&
	    (!d->has_spi_out || memcmp(d->spi_out, c->spi_out, 4) == 0));
}

static enum sa_verdict
apply_delete(struct sa_set *s, unsigned source, const struct sa_del *d, sa_change_fn tell,
    void *ctx)
{
	enum sa_verdict v = SA_NOTHING;
	size_t i;

	/* Children of an IKE SA that goes are left: in IKEv1 they live on. */
	for (i = 0; i < s->n; i++) {
		if (s->order[i] == NULL || !is_meant(d, &s->order[i]->rec))
			continue;
		if (s->order[i]->source == source) {
			take_out(s, i, tell, ctx, d->reason);
			v = SA_DONE;
		} else if (v == SA_NOTHING)
			v = SA_FOREIGN;
	}
	return (v);
}

enum sa_verdict
sa_set_apply(struct sa_set *s, unsigned source, const struct sa_rec *r, sa_change_fn tell,
    void *ctx, struct fault *f)
{
	struct member *m;
	struct sa_rec was;

	if (r->type == SA_DELETE)
		return (apply_delete(s, source, &r->del, tell, ctx));
	if (r->type != SA_IKE && r->type != SA_CHILD)
		return (SA_NOTHING);
	if ((m = find(s, r)) == NULL) {
		if (add(s, source, r, &m, f) != 0)
			return (SA_BAD);
		if (tell != NULL)
			tell(ctx, SA_ADDED, &m->rec, NULL, source, SA_REASON_OTHER);
		return (SA_DONE);
	}
	if (m->source != source)
		return (SA_FOREIGN);
	if (!sa_same_keys(&m->rec, r)) {
		(void)fault_because(f, CAUSE_OTHER_KEYS, fault(f, FAULT_BAD_RECORD,
		    "a second %s with the same identity has other keys",
		    r->type == SA_IKE ? "ike-sa" : "child-sa"));
		return (SA_BAD);
	}
	was = m->rec;
	if (sa_rec_copy(&m->rec, r) != 0) {
		m->rec = was;
		(void)fault(f, FAULT_MEMORY, "no locked memory for the keys of an SA");
		return (SA_BAD);
	}
	m->round = s->round;
	if (tell != NULL)
		tell(ctx, SA_REPLACED, &m->rec, &was, source, SA_REASON_OTHER);
	sa_rec_wipe(&was);
	return (SA_DONE);
}

static uint64_t
expiry(const struct sa_rec *r)
{
	return (r->type == SA_IKE ? r->ike.lifetime.expires : r->child.lifetime.expires);
}

size_t
sa_set_expire(struct sa_set *s, uint64_t now, sa_change_fn tell, void *ctx)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (s->order[i] != NULL && expiry(&s->order[i]->rec) <= now) {
			take_out(s, i, tell, ctx, SA_REASON_EXPIRED);
			n++;
		}
	return (n);
}

const struct sa_rec *
sa_set_next(const struct sa_set *s, size_t *at, unsigned *source)
{
	const struct member *m;

	while (*at < s->n) {
		if ((m = s->order[(*at)++]) == NULL)
			continue;
		if (source != NULL)
			*source = m->source;
		return (&m->rec);
	}
	return (NULL);
}

const struct sa_rec *
sa_set_after(const struct sa_set *s, uint64_t *serial)
{
	size_t lo = 0, hi = s->n, i;

	/* The first one with a higher serial; removed ones have none. */
	while (lo < hi) {
		for (i = lo + (hi - lo) / 2; i < hi && s->order[i] == NULL; i++)
			continue;
		if (i < hi && s->order[i]->serial <= *serial)
			lo = i + 1;
		else
			hi = lo + (hi - lo) / 2;
	}
	while (lo < s->n && s->order[lo] == NULL)
		lo++;
	if (lo == s->n)
		return (NULL);
	*serial = s->order[lo]->serial;
	return (&s->order[lo]->rec);
}

uint64_t
sa_set_serial(const struct sa_set *s, const struct sa_rec *r)
{
	const struct member *m = r->type == SA_IKE || r->type == SA_CHILD ? find(s, r) : NULL;

	return (m != NULL ? m->serial : UINT64_C(0));
}

void
sa_set_round(struct sa_set *s)
{
	s->round++;
}

size_t
sa_set_sweep(struct sa_set *s, sa_change_fn tell, void *ctx)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		if (s->order[i] != NULL && s->order[i]->round != s->round) {
			take_out(s, i, tell, ctx, SA_REASON_OTHER);
			n++;
		}
	return (n);
}

void
sa_set_remap(struct sa_set *s, const struct sa_event *ev, sa_change_fn tell, void *ctx)
{
	struct endpoint old = {0}, *is;
	struct sa_rec was;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->order[i] != NULL && s->order[i]->rec.type == SA_CHILD &&
		    memcmp(s->order[i]->rec.child.spi_in, ev->spi_in, sizeof(ev->spi_in)) == 0)
			old = s->order[i]->rec.child.remote.at;
	if (!ev->has_spi_in || !ev->has_remote || old.addr.family == 0 || endpoint_eq(&old, &ev->remote))
		return;
	for (i = 0; i < s->n; i++) {
		if (s->order[i] == NULL)
			continue;
		is = s->order[i]->rec.type == SA_IKE ? &s->order[i]->rec.ike.remote.at : &s->order[i]->rec.child.remote.at;
		if (!endpoint_eq(is, &old))
			continue;
		was = s->order[i]->rec;		/* not wiped: the keys are those of the SA */
		*is = ev->remote;
		if (tell != NULL)
			tell(ctx, SA_REPLACED, &s->order[i]->rec, &was, s->order[i]->source, SA_REASON_OTHER);
	}
}

const struct sa_ike *
sa_set_ike(const struct sa_set *s, const uint8_t ike[16])
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->order[i] != NULL && s->order[i]->rec.type == SA_IKE &&
		    memcmp(s->order[i]->rec.ike.spi_i, ike, 8) == 0 &&
		    memcmp(s->order[i]->rec.ike.spi_r, ike + 8, 8) == 0)
			return (&s->order[i]->rec.ike);
	return (NULL);
}
