#include "esp/sadb.h"

#include <stdio.h>
#include <stdlib.h>

#include "esp/spd.h"

/* A recent packet's flow and the SA that took it. */
struct flow {
	struct addr	src, dst;
	uint16_t	sport, dport;
	uint8_t		proto;
	bool		ports;
	uint64_t	age;		/* of the table when it was made; 0: empty */
	struct esp_sa	*sa;
};

/* A first fragment that was let through, for those that follow (RFC 4301, 7.3). */
struct frag {
	struct addr	src, dst;
	uint32_t	id;
	uint8_t		proto;
	bool		out;
	uint64_t	serial;		/* of the SA; 0: empty */
};

struct sadb {
	struct sadb_config conf;
	struct esp_sa	**sas;		/* in order of arrival */
	size_t		 n, cap;
	struct esp_sa	*buckets[SADB_BUCKETS];
	struct spd	 spd;
	bool		 stale;		/* it is to be made anew */
	uint64_t	 age, serial;
	struct flow	 flows[SADB_FLOWS];
	struct frag	 frags[SADB_FRAGS];
	size_t		 next_frag;
};

struct sadb *
sadb_new(const struct sadb_config *c, struct fault *f)
{
	struct sadb *db = calloc(1, sizeof(*db));

	if (db == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the SA table");
		return (NULL);
	}
	db->conf = *c;
	db->age = 1;
	return (db);
}

static void
sa_free(struct esp_sa *sa)
{
	esp_xf_free(&sa->in);
	esp_xf_free(&sa->out);
	sa_child_wipe(&sa->rec);
	free(sa);
}

void
sadb_free(struct sadb *db)
{
	if (db == NULL)
		return;
	while (db->n > 0)
		sadb_remove(db, db->sas[db->n - 1]);
	free(db->sas);
	spd_free(&db->spd);
	free(db);
}

const struct sadb_config *
sadb_config(const struct sadb *db)
{
	return (&db->conf);
}

size_t
sadb_count(const struct sadb *db)
{
	return (db->n);
}

struct esp_sa *
sadb_at(const struct sadb *db, size_t i)
{
	return (i < db->n ? db->sas[i] : NULL);
}

void
sadb_changed(struct sadb *db)
{
	db->stale = true;
	db->age++;
}

static size_t
bucket(const uint8_t spi[4])
{
	uint32_t h = get_be32(spi) * UINT32_C(2654435761);

	return (h >> 16 & (SADB_BUCKETS - 1));
}

struct esp_sa *
sadb_by_spi(const struct sadb *db, const uint8_t spi[4], const struct addr *local)
{
	struct esp_sa *sa;
	uint32_t want = get_be32(spi);

	for (sa = db->buckets[bucket(spi)]; sa != NULL; sa = sa->chain)
		if (get_be32(sa->rec.spi_in) == want && (local == NULL || local->family == 0 ||
		    addr_cmp(&sa->rec.local.at.addr, local) == 0))
			return (sa);
	return (NULL);
}

void
sadb_remove(struct sadb *db, struct esp_sa *sa)
{
	struct esp_sa **pp;
	size_t i;

	if (db->conf.hooks.event != NULL)
		db->conf.hooks.event(db->conf.hooks.ctx, sa, SADB_GONE);
	for (pp = &db->buckets[bucket(sa->rec.spi_in)]; *pp != sa; )
		pp = &(*pp)->chain;
	*pp = sa->chain;
	for (i = 0; db->sas[i] != sa; )
		i++;
	memmove(&db->sas[i], &db->sas[i + 1], (db->n - i - 1) * sizeof(db->sas[0]));
	db->n--;
	sadb_changed(db);
	sa_free(sa);
}

/* What this data path takes: names the key at fault. */
static int
suite_of(struct esp_suite *s, const struct sa_child *c, struct fault *f)
{
	if (c->protocol != SA_ESP)
		return (fault(f, FAULT_CONFIG, "protocol ah is not for esp-tun"));
	if (c->mode != SA_TUNNEL)
		return (fault(f, FAULT_CONFIG, "transport mode is not for a tunnel device"));
	if (c->encap == SA_ENCAP_TCP)
		return (fault(f, FAULT_CONFIG, "encapsulation tcp is not supported"));
	s->enc = alg_enc_name(c->encryption, c->key_bits);
	if (s->enc == NULL)
		return (fault(f, FAULT_CONFIG, "unknown encryption \"%s\" with %u key bits",
		    c->encryption, c->key_bits));
	s->integ = NULL;
	if (c->integrity[0] != '\0' && (s->integ = alg_integ_name(c->integrity)) == NULL)
		return (fault(f, FAULT_CONFIG, "unknown integrity \"%s\"", c->integrity));
	if (s->enc->form == ALG_AEAD && s->integ != NULL)
		return (fault(f, FAULT_CONFIG, "%s brings its own integrity, %s is too much",
		    c->encryption, c->integrity));
	/* RFC 4303 allows it; what it carries anyone could change. */
	if (s->enc->form != ALG_AEAD && s->integ == NULL)
		return (fault(f, FAULT_CONFIG, "%s without integrity is refused", c->encryption));
	s->esn = c->esn;
	return (0);
}

int
sadb_check(const struct sa_child *rec, struct fault *f)
{
	struct esp_suite s;

	return (suite_of(&s, rec, f));
}

static bool
same_keys(const struct sa_child *a, const struct sa_child *b)
{
	return (a->key_bits == b->key_bits && strcmp(a->encryption, b->encryption) == 0 &&
	    strcmp(a->integrity, b->integrity) == 0 && a->esn == b->esn &&
	    span_eq(SPAN_ARRAY(a->spi_out), SPAN_ARRAY(b->spi_out)) &&
	    ct_eq(secret_span(&a->enc_in), secret_span(&b->enc_in)) &&
	    ct_eq(secret_span(&a->auth_in), secret_span(&b->auth_in)) &&
	    ct_eq(secret_span(&a->enc_out), secret_span(&b->enc_out)) &&
	    ct_eq(secret_span(&a->auth_out), secret_span(&b->auth_out)));
}

static struct esp_sa *
replace(struct sadb *db, struct esp_sa *sa, const struct sa_child *rec, uint32_t source,
    struct fault *f)
{
	struct sa_child copy;
	bool moved;

	if (sa->source != source) {
		(void)fault(f, FAULT_BAD_RECORD, "spi-in %08x belongs to another source",
		    get_be32(rec->spi_in));
		return (NULL);
	}
	if (!same_keys(&sa->rec, rec)) {
		(void)fault(f, FAULT_BAD_RECORD, "spi-in %08x comes again with other keys",
		    get_be32(rec->spi_in));
		return (NULL);
	}
	if (sa_child_copy(&copy, rec) != 0) {
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		return (NULL);
	}
	/* A remapped peer stays where it is unless the record says something new. */
	moved = !endpoint_eq(&sa->rec.remote.at, &rec->remote.at);
	sa_child_wipe(&sa->rec);
	sa->rec = copy;
	if (moved)
		sa->remote = rec->remote.at;
	sa->dying = 0;
	sadb_changed(db);
	return (sa);
}

struct esp_sa *
sadb_add(struct sadb *db, const struct sa_child *rec, uint32_t source, bool *old, struct fault *f)
{
	struct esp_sa *sa, **list;
	struct esp_suite s;
	uint32_t window;

	*old = false;
	if (suite_of(&s, rec, f) != 0)
		return (NULL);
	if ((sa = sadb_by_spi(db, rec->spi_in, &rec->local.at.addr)) != NULL) {
		*old = true;
		return (replace(db, sa, rec, source, f));
	}
	if (db->n == db->cap) {
		list = realloc(db->sas, (db->cap + 64) * sizeof(db->sas[0]));
		if (list == NULL)
			goto memory;
		db->sas = list;
		db->cap += 64;
	}
	if ((sa = calloc(1, sizeof(*sa))) == NULL)
		goto memory;
	if (sa_child_copy(&sa->rec, rec) != 0) {
		free(sa);
		goto memory;
	}
	if (esp_xf_init(&sa->in, db->conf.backend, &s, secret_span(&rec->enc_in),
	    secret_span(&rec->auth_in), false, &db->conf.rand, f) != 0 ||
	    esp_xf_init(&sa->out, db->conf.backend, &s, secret_span(&rec->enc_out),
	    secret_span(&rec->auth_out), true, &db->conf.rand, f) != 0) {
		sa_free(sa);
		return (NULL);
	}
	window = rec->has_replay && !db->conf.replay_force ? rec->replay : db->conf.replay;
	replay_init(&sa->replay, window, rec->esn);
	sa->source = source;
	sa->serial = ++db->serial;
	sa->seq_next = sa->seq_reserved = sa->in_reserved = 1;
	sa->remote = rec->remote.at;
	sa->chain = db->buckets[bucket(rec->spi_in)];
	db->buckets[bucket(rec->spi_in)] = sa;
	db->sas[db->n++] = sa;
	sadb_changed(db);
	return (sa);
memory:
	(void)fault(f, FAULT_MEMORY, "no memory for an SA");
	return (NULL);
}

/* Whether another living SA does the work of ${sa}: same ends, same selectors. */
static bool
has_heir(const struct sadb *db, const struct esp_sa *sa)
{
	size_t i;

	for (i = 0; i < db->n; i++) {
		const struct sa_child *a = &sa->rec, *b = &db->sas[i]->rec;

		if (db->sas[i] != sa && db->sas[i]->dying == 0 && db->sas[i]->serial > sa->serial &&
		    addr_cmp(&a->remote.at.addr, &b->remote.at.addr) == 0 &&
		    a->n_remote_ts > 0 && b->n_remote_ts > 0 && a->n_local_ts > 0 && b->n_local_ts > 0 &&
		    selector_eq(&a->remote_ts[0], &b->remote_ts[0]) &&
		    selector_eq(&a->local_ts[0], &b->local_ts[0]))
			return (true);
	}
	return (false);
}

static bool
named(const struct esp_sa *sa, const struct sa_del *d)
{
	/* One that names no child is about the IKE SA, and children outlive it (IKEv1). */
	if (!d->has_spi_in && !d->has_spi_out)
		return (false);
	return ((!d->has_protocol || d->protocol == sa->rec.protocol) &&
	    (!d->has_spi_in || get_be32(d->spi_in) == get_be32(sa->rec.spi_in)) &&
	    (!d->has_spi_out || get_be32(d->spi_out) == get_be32(sa->rec.spi_out)));
}

size_t
sadb_delete(struct sadb *db, const struct sa_del *del, uint32_t source, uint64_t now)
{
	size_t i, hit = 0;
	struct esp_sa *sa;

	for (i = db->n; i-- > 0; ) {
		sa = db->sas[i];
		if (sa->source != source || sa->dying != 0 || !named(sa, del))
			continue;
		hit++;
		if (has_heir(db, sa)) {
			sa->dying = now + SADB_LINGER;
			sadb_changed(db);
		} else
			sadb_remove(db, sa);
	}
	return (hit);
}

static uint64_t
end_of(const struct esp_sa *sa)
{
	uint64_t end = sa->rec.lifetime.expires;

	return (sa->dying != 0 && sa->dying < end ? sa->dying : end);
}

size_t
sadb_expire(struct sadb *db, uint64_t now)
{
	size_t i;

	for (i = db->n; i-- > 0; )
		if (end_of(db->sas[i]) <= now)
			sadb_remove(db, db->sas[i]);
	return (db->n);
}

uint64_t
sadb_next_expiry(const struct sadb *db)
{
	uint64_t first = UINT64_MAX;
	size_t i;

	for (i = 0; i < db->n; i++)
		if (end_of(db->sas[i]) < first)
			first = end_of(db->sas[i]);
	return (first);
}

/* ---- the ways out */

static bool
usable(const struct esp_sa *sa)
{
	uint64_t max = sa->rec.esn ? UINT64_MAX : UINT32_MAX;

	return (sa->rec.use == SA_USE_BOTH && sa->dying == 0 && sa->seq_next < max);
}

static void
frag_note(struct sadb *db, const struct inner *in, const struct esp_sa *sa, bool out)
{
	if (!in->frag || in->frag_rest)
		return;
	db->frags[db->next_frag++ % SADB_FRAGS] = (struct frag){ in->src, in->dst, in->id,
	    in->proto, out, sa->serial };
}

static uint64_t
frag_find(const struct sadb *db, const struct inner *in, bool out)
{
	const struct frag *g;

	if (!in->frag_rest)
		return (0);
	for (g = db->frags; g < db->frags + SADB_FRAGS; g++)
		if (g->serial != 0 && g->id == in->id && g->out == out && g->proto == in->proto &&
		    addr_cmp(&g->src, &in->src) == 0 && addr_cmp(&g->dst, &in->dst) == 0)
			return (g->serial);
	return (0);
}

static struct flow *
flow_slot(struct sadb *db, const struct inner *in)
{
	uint32_t h = (uint32_t)in->sport << 16 ^ in->dport ^ (uint32_t)in->proto << 8;
	size_t i, n = addr_len(&in->src);

	for (i = 0; i < n; i += 4)
		h = (h ^ get_be32(in->src.b + i)) * UINT32_C(2654435761) ^ get_be32(in->dst.b + i);
	h *= UINT32_C(2246822519);
	return (&db->flows[h >> 20 & (SADB_FLOWS - 1)]);
}

static bool
flow_is(const struct flow *fl, const struct inner *in, uint64_t age)
{
	return (fl->age == age && fl->sport == in->sport && fl->dport == in->dport &&
	    fl->proto == in->proto && fl->ports == in->has_ports &&
	    addr_cmp(&fl->src, &in->src) == 0 && addr_cmp(&fl->dst, &in->dst) == 0);
}

struct esp_sa *
sadb_by_packet(struct sadb *db, const struct inner *in, enum esp_verdict *why)
{
	struct flow *fl = flow_slot(db, in);
	struct spd_walk at = {0};
	struct spd_way *w;
	uint64_t first;

	*why = ESP_OK;
	if (db->stale && spd_make(&db->spd, db->sas, db->n) != 0) {
		*why = ESP_FAILED;
		return (NULL);
	}
	db->stale = false;
	if (flow_is(fl, in, db->age) && usable(fl->sa)) {
		frag_note(db, in, fl->sa, true);
		return (fl->sa);
	}
	*why = ESP_POLICY;
	first = frag_find(db, in, true);
	while ((w = spd_next(&db->spd, in, &at)) != NULL) {
		if (!inner_matches(in, &w->local, &w->remote) && w->sa->serial != first)
			continue;
		if (!usable(w->sa)) {
			*why = w->sa->rec.use == SA_USE_BOTH && w->sa->dying == 0 ?
			    ESP_EXHAUSTED : ESP_NO_SA;
			continue;
		}
		*why = ESP_OK;
		frag_note(db, in, w->sa, true);
		/* Later fragments hang on their first one, not on what this remembers. */
		if (!in->frag_rest)
			*fl = (struct flow){ in->src, in->dst, in->sport, in->dport, in->proto,
			    in->has_ports, db->age, w->sa };
		return (w->sa);
	}
	return (NULL);
}

bool
sadb_admits(struct sadb *db, struct esp_sa *sa, const struct inner *in)
{
	const struct sa_child *c = &sa->rec;
	size_t l, r;

	for (l = 0; l < c->n_local_ts; l++)
		for (r = 0; r < c->n_remote_ts; r++)
			if (inner_matches(in, &c->remote_ts[r], &c->local_ts[l])) {
				frag_note(db, in, sa, false);
				return (true);
			}
	return (frag_find(db, in, false) == sa->serial);
}
