/* The table of SAs: pairs by SPI and, through spd.h, by selectors; replacement and expiry. */
#include "esp/sadb.h"

#include <stdio.h>
#include <stdlib.h>

#include "esp/spd.h"
#include "wire/wr.h"

/* The flow of a recent packet and its outbound SA. */
struct flow {
	struct addr	src, dst;
	uint16_t	sport, dport;
	uint8_t		proto;
	bool		ports;
	uint64_t	age;		/* of the table when it was made; 0: empty */
	struct esp_sa	*sa;
};

/* A first fragment that was accepted, for its later fragments (RFC 4301, 7.3). */
struct frag {
	struct addr	src, dst;
	uint32_t	id;
	uint8_t		proto;
	bool		out;
	uint64_t	serial;		/* of the pair; 0: empty */
};

struct sadb {
	struct sadb_config conf;
	struct esp_pair	**pairs;	/* in order of arrival */
	size_t		 n, cap;
	struct esp_sa	*buckets[SADB_BUCKETS];	/* inbound ones */
	struct spd	 spd;
	bool		 stale;		/* spd has to be made again */
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
pair_free(struct esp_pair *pair)
{
	esp_sa_free(&pair->in);
	esp_sa_free(&pair->out);
	secret_free(&pair->keys);
	free(pair->name);
	free(pair);
}

void
sadb_free(struct sadb *db)
{
	if (db == NULL)
		return;
	while (db->n > 0)
		sadb_remove(db, db->pairs[db->n - 1]);
	free(db->pairs);
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

struct esp_pair *
sadb_at(const struct sadb *db, size_t i)
{
	return (i < db->n ? db->pairs[i] : NULL);
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
sadb_by_spi(const struct sadb *db, enum sa_proto protocol, const uint8_t spi[4], const struct addr *local)
{
	struct esp_sa *sa;
	uint32_t want = get_be32(spi);

	for (sa = db->buckets[bucket(spi)]; sa != NULL; sa = sa->chain)
		if (get_be32(sa->spi) == want && sa->protocol == protocol && (local == NULL ||
		    local->family == 0 || addr_cmp(&sa->dst.addr, local) == 0))
			return (sa);
	return (NULL);
}

void
sadb_remove(struct sadb *db, struct esp_pair *pair)
{
	struct esp_sa **pp;
	size_t i;

	if (db->conf.hooks.event != NULL)
		db->conf.hooks.event(db->conf.hooks.ctx, pair, SADB_GONE);
	for (pp = &db->buckets[bucket(pair->in.spi)]; *pp != &pair->in; )
		pp = &(*pp)->chain;
	*pp = pair->in.chain;
	for (i = 0; db->pairs[i] != pair; )
		i++;
	memmove(&db->pairs[i], &db->pairs[i + 1], (db->n - i - 1) * sizeof(db->pairs[0]));
	db->n--;
	sadb_changed(db);
	pair_free(pair);
}

int
sadb_check(const struct sa_child *rec, struct fault *f)
{
	const struct alg_enc *e;

	if (rec->encap == SA_ENCAP_TCP)
		return (fault(f, FAULT_CONFIG, "encapsulation tcp is not supported"));
	if (esp_sa_check(rec, f) != 0)
		return (-1);
	e = alg_enc_name(rec->encryption, rec->key_bits);
	/* RFC 4303 allows it, but anyone could modify the packets. */
	if (rec->protocol == SA_ESP && e->form != ALG_AEAD && rec->integrity[0] == '\0')
		return (fault(f, FAULT_CONFIG, "%s without integrity is refused", rec->encryption));
	return (0);
}

/* A digest of the keys of ${rec} and of what they are used for. 0, or -1 as prf_parts(). */
static int
digest_keys(struct secret *out, const struct sa_child *rec, struct fault *f)
{
	const struct secret *keys[] = { &rec->enc_in, &rec->auth_in, &rec->enc_out, &rec->auth_out };
	uint8_t terms[2 + 1 + 4 + 2 * 4];
	struct wr w = wr_of(terms, sizeof(terms));
	struct span parts[7] = { SPAN_ARRAY(terms), span_of(rec->encryption, strlen(rec->encryption) + 1),
	    span_of(rec->integrity, strlen(rec->integrity) + 1) };
	size_t i;

	wr_u16(&w, rec->key_bits);
	wr_u8(&w, rec->esn);
	wr_bytes(&w, SPAN_ARRAY(rec->spi_out));
	for (i = 0; i < 4; i++) {
		wr_u16(&w, (uint16_t)keys[i]->len);
		parts[3 + i] = secret_span(keys[i]);
	}
	return (prf_parts(alg_hash_word("sha256"), span_str("sadb"), out, parts, 7, f));
}

#define DATE_MAX	(UINT64_MAX / 4000)	/* seconds; later dates are never reached */

/* The monotonic time of ${date} (epoch seconds), with the wall clock as it is at ${now}. */
static int64_t
date_ms(uint64_t date, struct now now)
{
	return ((int64_t)((date < DATE_MAX ? date : DATE_MAX) * 1000) - (int64_t)now_epoch_ms(now) + (int64_t)now.ms);
}

/* The fields of a pair that a record may change. ${first}: there was no record before. */
static void
take_terms(struct esp_pair *pair, const struct sa_child *rec, bool first, struct now now)
{
	int64_t at;

	pair->may_send = rec->use == SA_USE_BOTH;
	pair->initiator = rec->initiator;
	pair->kilobytes = rec->lifetime.kilobytes;
	if (first || pair->expires != rec->lifetime.expires) {
		at = date_ms(rec->lifetime.expires, now);
		pair->expires_ms = at > 0 ? (uint64_t)at : 0;
	}
	if (first || pair->established != rec->established) {
		at = date_ms(rec->established, now);
		/* None is younger than its arrival: the clock was set back. */
		pair->established_ms = at < (int64_t)now.ms ? at : (int64_t)now.ms;
	}
	pair->dying_ms = 0;
	pair->expires = rec->lifetime.expires;
	pair->established = rec->established;
	pair->remote = rec->remote.at;
	memcpy(pair->ike, rec->ike, sizeof(pair->ike));
}

static struct esp_pair *
replace(struct sadb *db, struct esp_pair *pair, const struct sa_child *rec, uint32_t source,
    struct now now, struct fault *f)
{
	struct endpoint remote = pair->out.dst;
	struct secret keys = {0};
	char *name;
	bool same;

	if (pair->source != source) {
		(void)fault(f, FAULT_BAD_RECORD, "spi-in %08x belongs to another source",
		    get_be32(rec->spi_in));
		return (NULL);
	}
	if (digest_keys(&keys, rec, f) != 0)
		return (NULL);
	same = ct_eq(secret_span(&keys), secret_span(&pair->keys));
	secret_free(&keys);
	if (!same) {
		(void)fault_because(f, CAUSE_OTHER_KEYS, fault(f, FAULT_BAD_RECORD,
		    "spi-in %08x: a second record has other keys", get_be32(rec->spi_in)));
		return (NULL);
	}
	if ((name = strdup(rec->name)) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		return (NULL);
	}
	if (esp_sa_renew(&pair->in, rec, true, f) != 0 || esp_sa_renew(&pair->out, rec, false, f) != 0) {
		free(name);
		return (NULL);
	}
	/* A remapped peer keeps its address unless the record has a new one. */
	if (endpoint_eq(&pair->remote, &rec->remote.at))
		pair->out.dst = remote;
	take_terms(pair, rec, false, now);
	free(pair->name);
	pair->name = name;
	sadb_changed(db);
	return (pair);
}

static struct esp_pair *
pair_new(const struct sadb *db, const struct sa_child *rec, struct now now, struct fault *f)
{
	struct esp_pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL || (pair->name = strdup(rec->name)) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
	else if (digest_keys(&pair->keys, rec, f) == 0 &&
	    esp_sa_init(&pair->in, rec, true, false, &db->conf.sa, f) == 0 &&
	    esp_sa_init(&pair->out, rec, false, true, &db->conf.sa, f) == 0) {
		pair->in.pair = pair->out.pair = pair;
		take_terms(pair, rec, true, now);
		return (pair);
	}
	if (pair != NULL)
		pair_free(pair);
	return (NULL);
}

struct esp_pair *
sadb_add(struct sadb *db, const struct sa_child *rec, uint32_t source, struct now now, bool *old,
    struct fault *f)
{
	struct esp_pair *pair, **list;
	struct esp_sa *sa;

	*old = false;
	if (sadb_check(rec, f) != 0)
		return (NULL);
	if ((sa = sadb_by_spi(db, rec->protocol, rec->spi_in, &rec->local.at.addr)) != NULL) {
		*old = true;
		return (replace(db, sa->pair, rec, source, now, f));
	}
	if (db->n == db->cap) {
		if ((list = realloc(db->pairs, (db->cap + 64) * sizeof(db->pairs[0]))) == NULL) {
			(void)fault(f, FAULT_MEMORY, "no memory for an SA");
			return (NULL);
		}
		db->pairs = list;
		db->cap += 64;
	}
	if ((pair = pair_new(db, rec, now, f)) == NULL)
		return (NULL);
	pair->source = source;
	pair->serial = ++db->serial;
	pair->in.chain = db->buckets[bucket(rec->spi_in)];
	db->buckets[bucket(rec->spi_in)] = &pair->in;
	db->pairs[db->n++] = pair;
	sadb_changed(db);
	return (pair);
}

/* Whether another living pair does the work of ${pair}: same ends, same selectors. */
static bool
has_heir(const struct sadb *db, const struct esp_pair *pair)
{
	const struct esp_sa *a = &pair->out, *b;
	const struct esp_pair *other;

	for (size_t i = 0; i < db->n; i++) {
		other = db->pairs[i];
		b = &other->out;
		if (other != pair && other->dying_ms == 0 && other->serial > pair->serial &&
		    addr_cmp(&pair->remote.addr, &other->remote.addr) == 0 &&
		    a->n_dst_ts > 0 && b->n_dst_ts > 0 && a->n_src_ts > 0 && b->n_src_ts > 0 &&
		    selector_eq(&a->dst_ts[0], &b->dst_ts[0]) && selector_eq(&a->src_ts[0], &b->src_ts[0]))
			return (true);
	}
	return (false);
}

static bool
named(const struct esp_pair *pair, const struct sa_del *d)
{
	/* One that names no child is about the IKE SA, and children outlive it (IKEv1). */
	if (!d->has_spi_in && !d->has_spi_out)
		return (false);
	return ((!d->has_protocol || d->protocol == pair->in.protocol) &&
	    (!d->has_spi_in || get_be32(d->spi_in) == get_be32(pair->in.spi)) &&
	    (!d->has_spi_out || get_be32(d->spi_out) == get_be32(pair->out.spi)));
}

size_t
sadb_delete(struct sadb *db, const struct sa_del *del, uint32_t source, struct now now)
{
	struct esp_pair *pair;
	size_t i, hit = 0;

	for (i = db->n; i-- > 0; ) {
		pair = db->pairs[i];
		if (pair->source != source || pair->dying_ms != 0 || !named(pair, del))
			continue;
		hit++;
		if (has_heir(db, pair)) {
			pair->dying_ms = now.ms + SADB_LINGER_MS;
			sadb_changed(db);
		} else
			sadb_remove(db, pair);
	}
	return (hit);
}

static uint64_t
end_of(const struct esp_pair *pair)
{
	return (pair->dying_ms != 0 && pair->dying_ms < pair->expires_ms ? pair->dying_ms : pair->expires_ms);
}

size_t
sadb_expire(struct sadb *db, struct now now)
{
	struct esp_pair *pair;
	size_t i;

	for (i = db->n; i-- > 0; ) {
		pair = db->pairs[i];
		if (end_of(pair) > now.ms)
			continue;
		if (pair->dying_ms == 0 && db->conf.hooks.event != NULL && !has_heir(db, pair))
			db->conf.hooks.event(db->conf.hooks.ctx, pair, SADB_EXPIRED);
		sadb_remove(db, pair);
	}
	return (db->n);
}

uint64_t
sadb_next_expiry_ms(const struct sadb *db)
{
	uint64_t first = UINT64_MAX;
	size_t i;

	for (i = 0; i < db->n; i++)
		if (end_of(db->pairs[i]) < first)
			first = end_of(db->pairs[i]);
	return (first);
}

/* ---- the SA of a packet */

static bool
usable(const struct esp_sa *sa)
{
	return (sa->pair->may_send && sa->pair->dying_ms == 0 && !esp_sa_exhausted(sa));
}

static void
frag_note(struct sadb *db, const struct inner *in, const struct esp_sa *sa, bool out)
{
	if (!in->frag || in->frag_rest)
		return;
	db->frags[db->next_frag++ % SADB_FRAGS] = (struct frag){ in->src, in->dst, in->id,
	    in->proto, out, sa->pair->serial };
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
	if (db->stale && spd_make(&db->spd, db->pairs, db->n) != 0) {
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
		if (!inner_matches(in, &w->local, &w->remote) && w->sa->pair->serial != first)
			continue;
		if (!usable(w->sa)) {
			*why = w->sa->pair->may_send && w->sa->pair->dying_ms == 0 ?
			    ESP_EXHAUSTED : ESP_NO_SA;
			continue;
		}
		*why = ESP_OK;
		frag_note(db, in, w->sa, true);
		/* Later fragments depend on their first one, not on this cache. */
		if (!in->frag_rest)
			*fl = (struct flow){ in->src, in->dst, in->sport, in->dport, in->proto,
			    in->has_ports, db->age, w->sa };
		return (w->sa);
	}
	return (NULL);
}

/* The packet with its original addresses, before NAT: selectors of transport mode may refer to them. */
static bool
admits_original(const struct esp_sa *sa, const struct inner *in)
{
	struct inner was = *in;

	if (!sa->has_oa || sa->mode != SA_TRANSPORT || sa->oa_src.family != in->src.family)
		return (false);
	was.src = sa->oa_src;
	was.dst = sa->oa_dst;
	return (esp_sa_matches(sa, &was));
}

bool
sadb_admits(struct sadb *db, struct esp_sa *sa, const struct inner *in)
{
	if (esp_sa_matches(sa, in) || admits_original(sa, in)) {
		frag_note(db, in, sa, false);
		return (true);
	}
	return (frag_find(db, in, false) == sa->pair->serial);
}
