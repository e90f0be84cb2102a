/* The table of SAs: pairs by SPI; replacement and expiry. */
#include "esp/sadb.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/biglock.h"
#include "base/scratch.h"
#include "esp/sadb_priv.h"
#include "wire/wr.h"

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
	if ((db->flows = (void *)scratch_new(SADB_FLOWS * sizeof(struct flow))) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the SA table");
		free(db);
		return (NULL);
	}
	if (rand_system.fill(rand_system.state, db->salt, sizeof(db->salt)) != 0) {
		(void)fault(f, FAULT_CRYPTO, "no random bytes");
		sadb_free(db);
		return (NULL);
	}
	return (db);
}

/* Links both halves of a bundle, once both are here. */
static void
tie(const struct sadb *db, struct esp_pair *pair)
{
	struct esp_sa *sa;

	if (pair->other != NULL || !esp_pair_bundled(pair))
		return;
	sa = sadb_by_spi(db, pair->in.protocol == SA_ESP ? SA_AH : SA_ESP, pair->bundle, &pair->in.dst.addr);
	if (sa == NULL || get_be32(sa->pair->bundle) != get_be32(pair->in.spi) || sa->pair->source != pair->source)
		return;
	pair->other = sa->pair;
	sa->pair->other = pair;
}

/* The name of an SA that has none: it need not be allocated for each of thousands. */
static char no_name[1];

/* A copy of ${name}, to be released by name_free(). NULL: no memory. */
static char *
name_of(const char *name)
{
	return (name[0] != '\0' ? strdup(name) : no_name);
}

static void
name_free(char *name)
{
	if (name != no_name)
		free(name);
}

static void
pair_free(struct esp_pair *pair)
{
	esp_sa_free(&pair->in);
	esp_sa_free(&pair->out);
	name_free(pair->name);
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
	peer_ports_free(db->ports);
	defrag_free(db->defrag);
	spd_free(&db->spd);
	table_free(&db->heirs);
	heap_free(&db->ends);
	scratch_free((uint8_t *)db->flows, SADB_FLOWS * sizeof(struct flow));
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

size_t
sadb_after(const struct sadb *db, uint64_t serial)
{
	size_t low = 0, high = db->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (esp_pair_serial(db->pairs[mid]) <= serial)
			low = mid + 1;
		else
			high = mid;
	}
	return (low);
}

void
sadb_changed(struct sadb *db)
{
	db->age++;
}

uint64_t
sadb_age(const struct sadb *db)
{
	return (db->age);
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
	spd_remove(&db->spd, &pair->out);
	table_remove(&db->heirs, &pair->heir);
	heap_set(&db->ends, &pair->end, UINT64_MAX);
	i = sadb_after(db, esp_pair_serial(pair) - 1);
	db->n--;
	memmove(&db->pairs[i], &db->pairs[i + 1], (db->n - i) * sizeof(db->pairs[0]));
	if (pair->other != NULL)
		pair->other->other = NULL;
	sadb_changed(db);
	pair_free(pair);
}

int
sadb_check(const struct sa_child *rec, struct fault *f)
{
	const struct alg_enc *e;

	if (esp_sa_check(rec, f) != 0)
		return (-1);
	e = alg_enc_name(rec->encryption, rec->key_bits);
	/* RFC 4303 allows it, but anyone could modify the packets. */
	if (rec->protocol == SA_ESP && e->form != ALG_AEAD && rec->integrity[0] == '\0')
		return (fault(f, FAULT_CONFIG, "%s without integrity is refused", rec->encryption));
	return (0);
}

static uint64_t
end_of(const struct esp_pair *pair)
{
	return (pair->dying_ms != 0 && pair->dying_ms < pair->expires_ms ? pair->dying_ms : pair->expires_ms);
}

void
sadb_dies(struct sadb *db, struct esp_pair *pair, uint64_t at_ms)
{
	pair->dying_ms = at_ms;
	heap_set(&db->ends, &pair->end, end_of(pair));	/* sadb_add() has reserved its room */
	sadb_changed(db);
}

void
sadb_spent(struct sadb *db, struct esp_pair *pair)
{
	if (pair->spent)
		return;
	pair->spent = true;
	if (pair->dying_ms == 0)
		heap_set(&db->ends, &pair->end, 1);	/* sadb_expire(), which knows the time, lets it linger */
	sadb_changed(db);
}

/* Of the peer's address and the first selectors: thousands of peers may have the same selectors. */
static uint64_t
heir_hash(const struct sadb *db, const struct esp_pair *pair)
{
	const struct selector *l = pair->out.src_ts, *r = pair->out.dst_ts;
	uint64_t h = hash_bytes(pair->remote.addr.b, addr_len(&pair->remote.addr), get_be32(db->salt));

	h = hash_bytes(l->first.b, addr_len(&l->first), h);
	return (hash_bytes(r->first.b, addr_len(&r->first), h));
}

/* Makes ${pair} known to has_heir(), as it is now. 0, or -1: no memory. */
static int
heir_enter(struct sadb *db, struct esp_pair *pair)
{
	table_remove(&db->heirs, &pair->heir);
	if (pair->out.n_src_ts == 0 || pair->out.n_dst_ts == 0)
		return (0);
	return (table_put(&db->heirs, &pair->heir, heir_hash(db, pair)));
}

/* Enters the outbound SA, unless its packets are those of another: the AH of a bundle has those of its ESP. */
static int
policy_enter(struct sadb *db, struct esp_pair *pair, struct fault *f)
{
	if (heir_enter(db, pair) == 0 &&
	    ((esp_pair_bundled(pair) && pair->out.protocol == SA_AH) || spd_add(&db->spd, &pair->out) == 0))
		return (0);
	table_remove(&db->heirs, &pair->heir);
	return (fault(f, FAULT_MEMORY, "no memory for the policy of an SA"));
}

/* A digest of the keys of ${rec} and of what they are used for. 0, or -1 as prf_parts(). */
static int
digest_keys(const struct sadb *db, uint8_t out[ESP_KEYS_DIGEST], const struct sa_child *rec, struct fault *f)
{
	const struct secret *keys[] = { &rec->enc_in, &rec->auth_in, &rec->enc_out, &rec->auth_out };
	uint8_t terms[2 + 1 + 4 + 2 * 4];
	struct wr w = wr_of(terms, sizeof(terms));
	struct span parts[8] = { SPAN_ARRAY(db->salt), SPAN_ARRAY(terms), span_of(rec->encryption, strlen(rec->encryption) + 1),
	    span_of(rec->integrity, strlen(rec->integrity) + 1) };
	uint8_t sum[HASH_MAX];
	size_t i;

	wr_u16(&w, rec->key_bits);
	wr_u8(&w, rec->esn);
	wr_bytes(&w, SPAN_ARRAY(rec->spi_out));
	for (i = 0; i < 4; i++) {
		wr_u16(&w, (uint16_t)keys[i]->len);
		parts[4 + i] = secret_span(keys[i]);
	}
	if (hash_parts(alg_hash_word("sha256"), sum, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	memcpy(out, sum, ESP_KEYS_DIGEST);
	wipe(sum, sizeof(sum));
	return (0);
}

#define DATE_MAX	(UINT64_MAX / 4000)	/* seconds; later dates are never reached */
#define SAME_MS		100			/* a wall clock that differs by less was not set */

/*
 * The monotonic time of ${date} (epoch seconds), with the wall clock as it is at ${now}. The two clocks are not read in the same
 * moment: of two SAs of the same second the later one must not seem to be a millisecond older.
 */
static int64_t
date_ms(struct sadb *db, uint64_t date, struct now now)
{
	int64_t ahead = (int64_t)now_epoch_ms(now) - (int64_t)now.ms;

	if (ahead > db->ahead_ms + SAME_MS || ahead < db->ahead_ms - SAME_MS)
		db->ahead_ms = ahead;
	return ((int64_t)((date < DATE_MAX ? date : DATE_MAX) * 1000) - db->ahead_ms);
}

/* The fields of a pair that a record may change. ${first}: there was no record before. */
static void
take_terms(struct sadb *db, struct esp_pair *pair, const struct sa_child *rec, bool first, struct now now)
{
	int64_t at;

	pair->may_send = rec->use == SA_USE_BOTH;
	pair->initiator = rec->initiator;
	pair->kilobytes = rec->lifetime.kilobytes;
	if (first || pair->expires != rec->lifetime.expires) {
		at = date_ms(db, rec->lifetime.expires, now);
		pair->expires_ms = at > 0 ? (uint64_t)at : 0;
	}
	if (first || pair->established != rec->established) {
		at = date_ms(db, rec->established, now);
		/* None is younger than its arrival: the clock was set back. */
		pair->established_ms = at < (int64_t)now.ms ? at : (int64_t)now.ms;
	}
	pair->dying_ms = 0;
	pair->spent = false;
	pair->expires = rec->lifetime.expires;
	pair->established = rec->established;
	pair->remote = rec->remote.at;
	memcpy(pair->ike, rec->ike, sizeof(pair->ike));
	if (first)
		memcpy(pair->bundle, rec->bundle, sizeof(pair->bundle));
}

static struct esp_pair *
replace(struct sadb *db, struct esp_pair *pair, const struct sa_child *rec, uint32_t source,
    struct now now, struct fault *f)
{
	struct endpoint remote = pair->out.dst;
	uint8_t keys[ESP_KEYS_DIGEST];
	char *name;

	if (pair->source != source) {
		(void)fault(f, FAULT_BAD_RECORD, "spi-in %08x belongs to another source",
		    get_be32(rec->spi_in));
		return (NULL);
	}
	if (digest_keys(db, keys, rec, f) != 0)
		return (NULL);
	if (!ct_eq(SPAN_ARRAY(keys), SPAN_ARRAY(pair->keys))) {
		(void)fault_because(f, CAUSE_OTHER_KEYS, fault(f, FAULT_BAD_RECORD,
		    "spi-in %08x: a second record has other keys", get_be32(rec->spi_in)));
		return (NULL);
	}
	if ((name = name_of(rec->name)) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		return (NULL);
	}
	spd_remove(&db->spd, &pair->out);
	if (esp_sa_renew(&pair->in, rec, true, f) != 0 || esp_sa_renew(&pair->out, rec, false, f) != 0) {
		name_free(name);
		(void)policy_enter(db, pair, NULL);
		return (NULL);
	}
	/* A remapped peer keeps its address unless the record has a new one. */
	if (endpoint_eq(&pair->remote, &rec->remote.at))
		pair->out.dst = remote;
	esp_sa_share(&pair->in, &pair->out);
	take_terms(db, pair, rec, false, now);
	name_free(pair->name);
	pair->name = name;
	heap_set(&db->ends, &pair->end, end_of(pair));
	sadb_changed(db);
	return (policy_enter(db, pair, f) == 0 ? pair : NULL);
}

_Static_assert(offsetof(struct esp_pair, in) % ESP_SA_LINE == 0 && offsetof(struct esp_pair, out) % ESP_SA_LINE == 0,
    "the SAs of a pair begin with a cache line");
_Static_assert(sizeof(struct esp_pair) % ESP_SA_LINE == ESP_SA_LINE - 8, "pairs that were allocated one after another have no gap");
_Static_assert(offsetof(struct esp_sa, mtu) <= 2 * ESP_SA_LINE, "two lines hold what an inbound packet needs");

/* Zeros, at the beginning of a cache line. NULL: no memory. */
static struct esp_pair *
pair_room(void)
{
	struct esp_pair *pair;
	void *p;

	/* Not aligned_alloc(), which wants whole lines: malloc() has its own 8 bytes before each, see the assertion. */
	if (posix_memalign(&p, ESP_SA_LINE, sizeof(*pair)) != 0)
		return (NULL);
	pair = p;
	memset(pair, 0, sizeof(*pair));
	return (pair);
}

static struct esp_pair *
pair_new(struct sadb *db, const struct sa_child *rec, struct now now, struct fault *f)
{
	struct esp_pair *pair = pair_room();

	if (pair == NULL || (pair->name = name_of(rec->name)) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
	else if (digest_keys(db, pair->keys, rec, f) == 0 &&
	    esp_sa_init(&pair->in, rec, true, false, &db->conf.sa, f) == 0 &&
	    esp_sa_init(&pair->out, rec, false, true, &db->conf.sa, f) == 0) {
		esp_sa_share(&pair->in, &pair->out);
		pair->in.pair = pair->out.pair = pair;
		take_terms(db, pair, rec, true, now);
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
	size_t cap;

	*old = false;
	if (sadb_check(rec, f) != 0)
		return (NULL);
	if ((sa = sadb_by_spi(db, rec->protocol, rec->spi_in, &rec->local.at.addr)) != NULL) {
		*old = true;
		return (replace(db, sa->pair, rec, source, now, f));
	}
	if (db->n == db->cap) {
		cap = db->cap + db->cap / 2 + 64;
		if ((list = realloc(db->pairs, cap * sizeof(db->pairs[0]))) == NULL) {
			(void)fault(f, FAULT_MEMORY, "no memory for an SA");
			return (NULL);
		}
		db->pairs = list;
		db->cap = cap;
	}
	if (heap_reserve(&db->ends, db->n + 1) != 0) {
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		return (NULL);
	}
	biglock_leave();	/* nobody else knows it */
	pair = pair_new(db, rec, now, f);
	biglock_take();
	if (pair == NULL)
		return (NULL);
	pair->source = source;
	pair->end.serial = ++db->serial;
	if (policy_enter(db, pair, f) != 0) {
		pair_free(pair);
		return (NULL);
	}
	heap_set(&db->ends, &pair->end, end_of(pair));
	pair->in.chain = db->buckets[bucket(rec->spi_in)];
	db->buckets[bucket(rec->spi_in)] = &pair->in;
	db->pairs[db->n++] = pair;
	tie(db, pair);
	sadb_changed(db);
	return (pair);
}

/* Whether another living pair does the work of ${pair}: same ends, same selectors. */
static bool
has_heir(struct sadb *db, const struct esp_pair *pair)
{
	const struct esp_sa *a = &pair->out;
	const struct esp_pair *other;
	struct table_node *n;

	if (a->n_dst_ts == 0 || a->n_src_ts == 0)
		return (false);
	for (n = table_first(&db->heirs, heir_hash(db, pair)); n != NULL; n = table_next(&db->heirs, n)) {
		other = ENTRY_OF(n, struct esp_pair, heir);
		if (other != pair && other != pair->other && other->dying_ms == 0 && esp_pair_serial(other) > esp_pair_serial(pair) &&
		    addr_cmp(&pair->remote.addr, &other->remote.addr) == 0 && other->out.listed &&
		    selector_eq(&other->out.src_ts[0], &a->src_ts[0]) && selector_eq(&other->out.dst_ts[0], &a->dst_ts[0]))
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

/* Deletes ${pair} if ${del} names it. */
static bool
delete_one(struct sadb *db, struct esp_pair *pair, const struct sa_del *del, uint32_t source, struct now now)
{
	if (pair->source != source || pair->dying_ms != 0 || !named(pair, del))
		return (false);
	if (pair->spent)
		sadb_dies(db, pair, now.ms + SADB_SPENT_MS);
	else if (has_heir(db, pair))
		sadb_dies(db, pair, now.ms + SADB_LINGER_MS);
	else
		sadb_remove(db, pair);
	return (true);
}

size_t
sadb_delete(struct sadb *db, const struct sa_del *del, uint32_t source, struct now now)
{
	struct esp_sa *sa, *next;
	size_t i, hit = 0;

	if (del->has_spi_in) {
		for (sa = db->buckets[bucket(del->spi_in)]; sa != NULL; sa = next) {
			next = sa->chain;
			hit += delete_one(db, sa->pair, del, source, now);
		}
		return (hit);
	}
	for (i = db->n; i-- > 0; )
		hit += delete_one(db, db->pairs[i], del, source, now);
	return (hit);
}

size_t
sadb_expire(struct sadb *db, struct now now)
{
	struct esp_pair *pair;
	struct timer *t;

	while ((t = heap_due(&db->ends, now.ms)) != NULL) {
		pair = (struct esp_pair *)(void *)((char *)t - offsetof(struct esp_pair, end));
		if (pair->spent && pair->dying_ms == 0 && pair->expires_ms > now.ms) {
			sadb_dies(db, pair, now.ms + SADB_SPENT_MS);
			continue;
		}
		if (pair->dying_ms == 0 && db->conf.hooks.event != NULL && !has_heir(db, pair))
			db->conf.hooks.event(db->conf.hooks.ctx, pair, SADB_EXPIRED);
		sadb_remove(db, pair);
	}
	return (db->n);
}

uint64_t
sadb_next_expiry_ms(const struct sadb *db)
{
	return (heap_deadline_ms(&db->ends));
}
