/* Sessions of accounting: found in the records of the engine. */
#include "tool/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "crypto/crypto.h"
#include "tool/account_priv.h"

/* --- what belongs to a session --- */

enum { KEY_IKE = 1, KEY_CHILD, KEY_NUMBER };

static struct account_key
ike_key(const uint8_t id[16])
{
	struct account_key k = { .kind = KEY_IKE };

	memcpy(k.b, id, sizeof(k.b));
	return (k);
}

static struct account_key
child_key(enum sa_proto proto, const uint8_t spi_in[4])
{
	struct account_key k = { .kind = KEY_CHILD };

	k.b[0] = (uint8_t)proto;
	memcpy(k.b + 1, spi_in, 4);
	return (k);
}

static uint64_t
hash_of(const struct account *a, const struct account_key *k)
{
	return (hash_bytes(k, sizeof(*k), a->salt));
}

static struct account_link *
find(struct account *a, const struct account_key k)
{
	struct table_node *n;
	struct account_link *l;

	for (n = table_first(&a->links, hash_of(a, &k)); n != NULL; n = table_next(&a->links, n)) {
		l = ENTRY_OF(n, struct account_link, node);
		if (memcmp(&l->key, &k, sizeof(k)) == 0)
			return (l);
	}
	return (NULL);
}

/* Sets the timer for the next report. */
static void
set_interim(struct account *a, struct account_session *s, struct now now)
{
	heap_set(&a->timers, &s->timer, s->interim_s > 0 ? now.ms + s->interim_s * 1000ULL : UINT64_MAX);
}

/* Adds what is not there yet. 0 or -1: no memory. */
static int
link_to(struct account *a, struct account_session *s, const struct account_key k)
{
	struct account_link *l = find(a, k);

	if (l != NULL)
		return (0);
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (-1);
	*l = (struct account_link){ .key = k, .of = s };
	if (table_put(&a->links, &l->node, hash_of(a, &k)) != 0) {
		free(l);
		return (-1);
	}
	/* It goes on after all. */
	if (s->n_live++ == 0 && s->state == ACCOUNT_STARTED)
		set_interim(a, s, s->ended);
	l->next = s->links;
	s->links = l;
	return (0);
}

static void
add_count(struct account_count *to, const struct account_count *c)
{
	to->known = to->known || c->known;
	to->bytes_in += c->bytes_in;
	to->bytes_out += c->bytes_out;
	to->packets_in += c->packets_in;
	to->packets_out += c->packets_out;
}

/* Takes ${*at} out. */
static void
unlink_at(struct account *a, struct account_link **at)
{
	struct account_link *l = *at;

	*at = l->next;
	l->of->n_live -= !l->ended;
	add_count(&l->of->count, &l->count);
	table_remove(&a->links, &l->node);
	free(l);
}

/* --- a session --- */

static void
set_state(struct account *a, struct account_session *s, int state)
{
	a->n_starting -= s->state == ACCOUNT_STARTING;
	a->n_started -= s->state == ACCOUNT_STARTED;
	s->state = (unsigned)state;
	a->n_starting += s->state == ACCOUNT_STARTING;
	a->n_started += s->state == ACCOUNT_STARTED;
}

static void
forget(struct account *a, struct account_session *s)
{
	while (s->links != NULL)
		unlink_at(a, &s->links);
	table_remove(&a->links, &s->number.node);
	heap_set(&a->timers, &s->timer, UINT64_MAX);
	set_state(a, s, ACCOUNT_ENDED);
	a->n--;
	*s->at = s->next;
	if (s->next != NULL)
		s->next->at = s->at;
	wipe(s, sizeof(*s));
	free(s);
}

static struct account_session *
make(struct account *a)
{
	struct account_session *s = calloc(1, sizeof(*s));
	uint8_t id[8];

	if (s == NULL)
		return (NULL);
	if (heap_reserve(&a->timers, a->n + 1) != 0 || rand_system.fill(rand_system.state, id, sizeof(id)) != 0) {
		free(s);
		return (NULL);
	}
	(void)snprintf(s->id, sizeof(s->id), "%016llX", (unsigned long long)get_be64(id));
	s->timer.serial = ++a->numbers;
	s->number.key.kind = KEY_NUMBER;
	put_be64(s->number.key.b, a->numbers);
	s->number.of = s;
	if (table_put(&a->links, &s->number.node, hash_of(a, &s->number.key)) != 0) {
		free(s);
		return (NULL);
	}
	s->next = a->sessions;
	s->at = &a->sessions;
	if (s->next != NULL)
		s->next->at = &s->next;
	a->sessions = s;
	a->n++;
	return (s);
}

/* Whether ${s} goes on with what ${o} began: see account.h. */
static bool
continues(const struct account_session *s, const struct account_session *o)
{
	if (o == s || o->state != ACCOUNT_STARTED || strcmp(o->user, s->user) != 0 ||
	    addr_cmp(&o->address, &s->address) != 0 || addr_cmp(&o->address6, &s->address6) != 0)
		return (false);
	return (s->address.family != 0 || s->address6.family != 0 ||
	    (addr_cmp(&o->remote.at.addr, &s->remote.at.addr) == 0 && id_eq(&o->remote.id, &s->remote.id)));
}

/* The session ${o} gets what ${s} has, which is forgotten. */
static void
join(struct account *a, struct now now, struct account_session *o, struct account_session *s)
{
	struct account_link *l;

	if (o->n_live == 0)
		set_interim(a, o, now);
	while ((l = s->links) != NULL) {
		s->links = l->next;
		l->of = o;
		o->n_live += !l->ended;
		l->next = o->links;
		o->links = l;
	}
	memcpy(o->ike, s->ike, sizeof(o->ike));
	memcpy(o->account, s->account, sizeof(o->account));
	memcpy(o->group, s->group, sizeof(o->group));
	o->account_len = s->account_len;
	o->remote = s->remote;
	o->local = s->local;
	forget(a, s);
}

static void
start(struct account *a, struct now now, struct account_session *s)
{
	struct account_session *o;

	for (o = a->sessions; o != NULL; o = o->next)
		if (continues(s, o)) {
			join(a, now, o, s);
			return;
		}
	set_state(a, s, ACCOUNT_STARTED);
	account_report(a, now, ACCOUNT_START, s);
	set_interim(a, s, now);
}

/* Nothing of it is left. */
static void
end(struct account *a, struct now now, struct account_session *s)
{
	if (s->state == ACCOUNT_STARTING)
		account_report(a, now, ACCOUNT_START, s);
	if (s->state == ACCOUNT_STARTING || s->state == ACCOUNT_STARTED)
		account_report(a, s->n_live == 0 ? s->ended : now, ACCOUNT_STOP, s);
	forget(a, s);
}

/* --- what happens --- */

static void
lose(void)
{
	static const char lost;

	if (report_allow(&lost))
		report_warn("no memory: a session is not accounted for");
}

void
account_login(struct account *a, struct now now, const uint8_t id[16], const struct login_answer *l)
{
	struct account_link *had;
	struct account_session *s;

	if (a == NULL || l->login.verdict != IKE_LOGIN_YES)
		return;
	s = (had = find(a, ike_key(id))) != NULL ? had->of : make(a);
	if (s == NULL || link_to(a, s, ike_key(id)) != 0) {
		if (s != NULL)
			forget(a, s);
		lose();
		return;
	}
	s->account_len = l->account_len;
	memcpy(s->account, l->account, sizeof(s->account));
	s->interim_s = a->interim_s == UINT32_MAX ? 0 : a->interim_s > 0 ? a->interim_s : l->interim_s;
	if (a->interim_s == 0 && s->interim_s > 0 && s->interim_s < ACCOUNT_INTERIM_MIN_S)
		s->interim_s = ACCOUNT_INTERIM_MIN_S;
	if (had == NULL)
		heap_set(&a->timers, &s->timer, now.ms + ACCOUNT_LOGIN_MS);
}

static void
take_ike(struct account *a, struct now now, const struct sa_ike *r)
{
	uint8_t id[16];
	struct account_link *l;
	struct account_session *s;

	memcpy(id, r->spi_i, 8);
	memcpy(id + 8, r->spi_r, 8);
	if ((l = find(a, ike_key(id))) == NULL || strcmp(r->xauth_status, "ok") != 0)
		return;
	s = l->of;
	memcpy(s->ike, id, sizeof(id));
	s->local = r->local;
	s->remote = r->remote;
	(void)snprintf(s->user, sizeof(s->user), "%s", r->xauth_user);
	(void)snprintf(s->group, sizeof(s->group), "%s", r->xauth_group);
	(void)snprintf(s->name, sizeof(s->name), "%s", r->name);
	if (s->state != ACCOUNT_EXPECTED)
		return;
	s->began_ms = now.ms;
	set_state(a, s, ACCOUNT_STARTING);
	heap_set(&a->timers, &s->timer, now.ms + ACCOUNT_START_MS);
}

/* A child SA is of its IKE SA's session, or of that of the child SA that it replaces. */
static void
take_child(struct account *a, const struct sa_child *c)
{
	const struct account_link *l = find(a, ike_key(c->ike));

	if (l == NULL && get_be32(c->replaces) != 0)
		l = find(a, child_key(c->protocol, c->replaces));
	if (l != NULL && link_to(a, l->of, child_key(c->protocol, c->spi_in)) != 0)
		lose();
}

static enum account_cause
cause_of(enum sa_reason reason, enum account_cause before)
{
	switch (reason) {
	case SA_REASON_SHUT_DOWN:
		return (ACCOUNT_ADMIN_REBOOT);
	case SA_REASON_UNCONFIGURED:
		return (ACCOUNT_ADMIN_RESET);
	case SA_REASON_EXPIRED:
	case SA_REASON_VOLUME:
		return (ACCOUNT_SESSION_TIMEOUT);
	case SA_REASON_INITIAL_CONTACT:
		return (ACCOUNT_LOST_CARRIER);
	case SA_REASON_DEAD:
	case SA_REASON_NO_HEARTBEATS:
	case SA_REASON_NOT_REKEYED:
		return (ACCOUNT_LOST_SERVICE);
	case SA_REASON_REFUSED:
		return (ACCOUNT_NAS_ERROR);
	case SA_REASON_DELETED:
		return (ACCOUNT_USER_REQUEST);
	case SA_REASON_REPLACED:
	case SA_REASON_UNFINISHED:
	case SA_REASON_OTHER:
	case SA_REASONS:
		break;
	}
	return (before);
}

static void
take_delete(struct account *a, struct now now, const struct sa_del *d)
{
	struct account_link *l = d->has_protocol ? find(a, child_key(d->protocol, d->spi_in)) : find(a, ike_key(d->ike));
	struct account_session *s;
	struct account_link **at;

	if (l == NULL)
		return;
	s = l->of;
	s->cause = cause_of(d->reason, s->cause);
	if (l->count.known && !l->ended) {
		l->ended = true;
		s->n_live--;
	} else if (!l->ended) {
		for (at = &s->links; *at != l; at = &(*at)->next)
			;
		unlink_at(a, at);
	}
	if (s->n_live > 0)
		return;
	s->ended = now;
	if (s->links == NULL || s->state != ACCOUNT_STARTED)
		end(a, now, s);
	else
		heap_set(&a->timers, &s->timer, now.ms + ACCOUNT_COUNT_MS);
}

void
account_traffic(struct account *a, struct now now, const struct sa_event *ev)
{
	struct account_link *l, **at;
	struct account_session *s;

	if (a == NULL || !ev->has_spi_in || !ev->has_count ||
	    ((l = find(a, child_key(SA_ESP, ev->spi_in))) == NULL && (l = find(a, child_key(SA_AH, ev->spi_in))) == NULL))
		return;
	l->count = (struct account_count){ true, ev->bytes_in, ev->bytes_out, ev->packets_in, ev->packets_out };
	s = l->of;
	if (!l->ended || ev->what != SA_EVENT_COUNT)
		return;
	for (at = &s->links; *at != l; at = &(*at)->next)
		;
	unlink_at(a, at);
	if (s->links == NULL)
		end(a, now, s);
}

void
account_record(struct account *a, struct now now, const struct sa_rec *rec)
{
	if (a == NULL)
		return;
	switch (rec->type) {
	case SA_IKE:
		take_ike(a, now, &rec->ike);
		break;
	case SA_CHILD:
		take_child(a, &rec->child);
		break;
	case SA_DELETE:
		take_delete(a, now, &rec->del);
		break;
	case SA_EVENT:
	case SA_STAT:
	case SA_TUN_STAT:
	case SA_NHRP_BINDING:
	case SA_NHRP_EVENT:
	case SA_NEXT_HOP:
	case SA_NONE:
		break;
	}
}

/* Whether the inner address is known, or will not be. */
static bool
is_ready(struct account_session *s, struct ike_engine *e)
{
	const struct account_link *l;

	if (e != NULL && ike_engine_inner(e, s->ike, &s->address, &s->address6) &&
	    (s->address.family != 0 || s->address6.family != 0))
		return (true);
	for (l = s->links; l != NULL; l = l->next)
		if (l->key.kind == KEY_CHILD)
			return (true);
	return (false);
}

void
account_settle(struct account *a, struct now now, struct ike_engine *e)
{
	struct account_session *s, *next;
	size_t n;

	if (a == NULL)
		return;
	/* New ones are in front. */
	for (s = a->sessions, n = a->n_starting; s != NULL && n > 0; s = next) {
		next = s->next;
		if (s->state != ACCOUNT_STARTING)
			continue;
		n--;
		if (is_ready(s, e))
			start(a, now, s);
	}
}

void
account_timeout(struct account *a, struct now now, struct ike_engine *e)
{
	struct account_session *s;
	struct timer *t;

	while (a != NULL && (t = heap_due(&a->timers, now.ms)) != NULL) {
		s = ENTRY_OF(t, struct account_session, timer);
		if (s->state == ACCOUNT_EXPECTED) {
			forget(a, s);
			continue;
		}
		if (s->n_live == 0) {
			end(a, now, s);
			continue;
		}
		(void)is_ready(s, e);
		if (s->state == ACCOUNT_STARTING) {
			start(a, now, s);
			continue;
		}
		/* One that waits for its turn says no less. */
		if (s->unreported == 0)
			account_report(a, now, ACCOUNT_INTERIM, s);
		set_interim(a, s, now);
	}
}

uint64_t
account_deadline_ms(const struct account *a)
{
	return (a != NULL ? heap_deadline_ms(&a->timers) : UINT64_MAX);
}

void
account_on(struct account *a, struct now now)
{
	if (a != NULL)
		account_report(a, now, ACCOUNT_ON, NULL);
}

void
account_off(struct account *a, struct now now)
{
	if (a == NULL)
		return;
	while (a->sessions != NULL) {
		if (a->sessions->n_live > 0)
			a->sessions->cause = ACCOUNT_ADMIN_REBOOT;
		end(a, now, a->sessions);
	}
	account_report(a, now, ACCOUNT_OFF, NULL);
}

int
account_next(struct account *a, uint8_t *status, bool *again)
{
	struct command_end got;
	struct account_key k;
	struct account_link *l;
	int rc = commands_next(a->commands, &got);

	if (rc <= 0)
		return (rc);
	*status = got.status;
	*again = got.again;
	memcpy(&k, &got.tag, sizeof(k));
	if (!got.again && (l = find(a, k)) != NULL && l->of->unreported > 0)
		l->of->unreported--;
	return (1);
}

int
account_fd(const struct account *a)
{
	return (commands_fd(a->commands));
}

size_t
account_count(const struct account *a)
{
	return (a->n_started);
}

void
account_close(struct account *a)
{
	if (a == NULL)
		return;
	while (a->sessions != NULL)
		forget(a, a->sessions);
	commands_close(a->commands);
	table_free(&a->links);
	heap_free(&a->timers);
	free(a);
}
