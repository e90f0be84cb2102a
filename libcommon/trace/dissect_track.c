/* Assigns captured datagrams to IKE SAs and exchanges, finds their sender, recognizes retransmissions. */
#include <stdlib.h>

#include "trace/dissect_priv.h"

/* --- tracked state --- */

struct v1_trace *
v1_trace_new(const struct sa_set *keys)
{
	struct v1_trace *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return (NULL);
	t->keys = keys;
	if (secret_make(&t->plain, ISAKMP_MSG_MAX) == NULL) {
		free(t);
		return (NULL);
	}
	return (t);
}

void
v1_trace_trust(struct v1_trace *t, const struct creds *trust)
{
	t->trust = trust;
}

/* --- data of the caller --- */

void
v1_trace_beside(struct v1_trace *t, v1_beside_free *sa, v1_beside_free *exchange)
{
	t->free_sa = sa;
	t->free_exchange = exchange;
}

/* False: it was NULL already. */
static bool
free_beside(void **beside, v1_beside_free *release)
{
	if (*beside == NULL)
		return (false);
	release(*beside);
	*beside = NULL;
	return (true);
}

/* Of the exchange used longest ago; never of the latest one. */
static bool
shed_exchange(struct v1_trace *t, struct trace_sa *sa)
{
	struct exchange *x, *oldest = NULL;

	for (x = sa->exchanges; x != NULL; x = x->next)
		if (x != sa->exchanges && x->beside != NULL)
			oldest = x;
	return (oldest != NULL && free_beside(&oldest->beside, t->free_exchange));
}

bool
v1_trace_shed(struct v1_trace *t)
{
	struct trace_sa *sa, *oldest = NULL;
	struct exchange *x;

	if (t->sas == NULL)
		return (false);
	for (sa = t->sas->next; sa != NULL; sa = sa->next)
		if (sa->beside != NULL)
			oldest = sa;
	if (oldest == NULL)
		return (shed_exchange(t, t->sas));
	for (x = oldest->exchanges; x != NULL; x = x->next)
		(void)free_beside(&x->beside, t->free_exchange);
	return (free_beside(&oldest->beside, t->free_sa));
}

/* --- which IKE SA, which exchange --- */

static void
exchange_free(struct v1_trace *t, struct exchange *x)
{
	if (x == NULL)
		return;
	(void)free_beside(&x->beside, t->free_exchange);
	free(x);
}

static void
sa_free(struct v1_trace *t, struct trace_sa *sa)
{
	struct exchange *x;

	while ((x = sa->exchanges) != NULL) {
		sa->exchanges = x->next;
		exchange_free(t, x);
	}
	(void)free_beside(&sa->beside, t->free_sa);
	bytes_free(&sa->sai_b);
	bytes_free(&sa->gxi);
	bytes_free(&sa->gxr);
	bytes_free(&sa->idii_b);
	frag_set_free(sa->frags[0]);
	frag_set_free(sa->frags[1]);
	free(sa);
}

void
v1_trace_free(struct v1_trace *t)
{
	struct trace_sa *sa;

	if (t == NULL)
		return;
	while ((sa = t->sas) != NULL) {
		t->sas = sa->next;
		sa_free(t, sa);
	}
	bytes_free(&t->whole);
	secret_free(&t->plain);
	free(t);
}

const struct sa_ike *
dissect_keys(const struct v1_trace *t, const struct trace_sa *sa)
{
	uint8_t id[2 * COOKIE_LEN];

	if (t->keys == NULL || !sa->has_cky_r)
		return (NULL);
	memcpy(id, sa->cky_i, COOKIE_LEN);
	memcpy(id + COOKIE_LEN, sa->cky_r, COOKIE_LEN);
	return (sa_set_ike(t->keys, id));
}

static bool
is(const struct endpoint *a, const struct endpoint *b, bool ports)
{
	return (ports ? endpoint_eq(a, b) : addr_cmp(&a->addr, &b->addr) == 0);
}

/* Finds the initiator by the addresses of the record (which may be NULL). */
static void
ask_record(struct trace_sa *sa, const struct sa_ike *keys)
{
	const struct endpoint *i, *r;
	struct endpoint was = sa->left;
	bool ports;

	if (keys == NULL)
		return;
	i = keys->role == SA_INITIATOR ? &keys->local.at : &keys->remote.at;
	r = keys->role == SA_INITIATOR ? &keys->remote.at : &keys->local.at;
	ports = addr_cmp(&i->addr, &r->addr) == 0;
	if (is(&sa->left, i, ports) || is(&sa->right, r, ports))
		sa->sure = true;
	else if (is(&sa->right, i, ports) || is(&sa->left, r, ports)) {
		sa->left = sa->right;
		sa->right = was;
		sa->sure = true;
	}
}

struct trace_sa *
dissect_new_sa(struct v1_trace *t, const struct isakmp_hdr *h, const struct v1_seen *in)
{
	struct trace_sa *sa, *old, **last;
	if (t->n_sas == V1_TRACE_SAS) {
		for (last = &t->sas; (old = *last) != NULL && old->next != NULL; last = &old->next)
			;
		*last = NULL;
		if (old != NULL)
			sa_free(t, old);
		t->n_sas--;
	}
	if ((sa = calloc(1, sizeof(*sa))) == NULL)
		return (NULL);
	sa->number = ++t->numbered;
	memcpy(sa->cky_i, h->cky_i, COOKIE_LEN);
	if (!dissect_zero(h->cky_r)) {
		memcpy(sa->cky_r, h->cky_r, COOKIE_LEN);
		sa->has_cky_r = true;
	}
	/* Message 1 shows the initiator; for later messages a record may. */
	sa->sure = !sa->has_cky_r && dissect_phase1(h->exchange);
	sa->left = in->src;
	sa->right = in->dst;
	if (!sa->sure)
		ask_record(sa, dissect_keys(t, sa));
	sa->next = t->sas;
	t->sas = sa;
	t->n_sas++;
	return (sa);
}

struct trace_sa *
dissect_find_sa(struct v1_trace *t, const struct isakmp_hdr *h)
{
	struct trace_sa *sa, **p;

	for (p = &t->sas; (sa = *p) != NULL; p = &sa->next) {
		if (memcmp(sa->cky_i, h->cky_i, COOKIE_LEN) != 0)
			continue;
		if (sa->has_cky_r && !dissect_zero(h->cky_r) &&
		    memcmp(sa->cky_r, h->cky_r, COOKIE_LEN) != 0)
			continue;
		/* Only phase 1 sets the responder cookie: an informational answer may carry any. */
		if (!sa->has_cky_r && !dissect_zero(h->cky_r) && dissect_phase1(h->exchange)) {
			memcpy(sa->cky_r, h->cky_r, COOKIE_LEN);
			sa->has_cky_r = true;
		}
		*p = sa->next;
		sa->next = t->sas;
		t->sas = sa;
		return (sa);
	}
	return (NULL);
}

struct exchange *
dissect_find_exchange(struct v1_trace *t, struct trace_sa *sa, const struct isakmp_hdr *h)
{
	struct exchange *x, **p;

	for (p = &sa->exchanges; (x = *p) != NULL; p = &x->next) {
		if (x->number == h->exchange && x->mid == h->mid) {
			*p = x->next;
			sa->n_exchanges--;
			break;
		}
	}
	if (x == NULL) {
		if (sa->n_exchanges == V1_TRACE_EXCHANGES) {
			for (p = &sa->exchanges; (x = *p) != NULL && x->next != NULL; p = &x->next)
				;
			exchange_free(t, x);
			*p = NULL;
			sa->n_exchanges--;
		}
		if ((x = calloc(1, sizeof(*x))) == NULL)
			return (NULL);
		x->number = h->exchange;
		x->mid = h->mid;
	}
	x->next = sa->exchanges;
	sa->exchanges = x;
	sa->n_exchanges++;
	return (x);
}

/* Ports decide if both ends have one address. */
bool
dissect_from_left(const struct trace_sa *sa, const struct exchange *x, const struct v1_seen *in)
{
	bool src_left = addr_cmp(&in->src.addr, &sa->left.addr) == 0;
	bool src_right = addr_cmp(&in->src.addr, &sa->right.addr) == 0;

	if (endpoint_eq(&in->src, &sa->left) || endpoint_eq(&in->dst, &sa->right))
		return (true);
	if (endpoint_eq(&in->src, &sa->right) || endpoint_eq(&in->dst, &sa->left))
		return (false);
	if (src_left != src_right)
		return (src_left);
	/* Both ends moved at once, from one address: they alternate, as in phase 1. */
	return (x->messages == 0 || (x->messages % 2 == 0) == x->by_initiator);
}

/* --- retransmissions --- */

bool
dissect_seen_again(struct exchange *x, const struct v1_seen *in, struct v1_told *out)
{
	uint8_t digest[HASH_MAX];
	unsigned i;

	if (hash_parts(alg_hash_word("sha256"), digest, &in->data, 1, NULL) != 0)
		return (false);
	for (i = 0; i < x->n_seen && i < V1_TRACE_AGAIN; i++)
		if (memcmp(x->seen[i].digest, digest, DIGEST_KEPT) == 0) {
			out->again_of = x->seen[i].number;
			out->again = ++x->seen[i].times;
			out->message = 0;
			out->by_initiator = x->seen[i].by_initiator;
			return (true);
		}
	i = x->n_seen++ % V1_TRACE_AGAIN;
	x->seen[i].number = in->number;
	x->seen[i].times = 0;
	memcpy(x->seen[i].digest, digest, DIGEST_KEPT);
	return (false);
}

void
dissect_seen_from(struct exchange *x, bool by_initiator)
{
	x->seen[(x->n_seen - 1) % V1_TRACE_AGAIN].by_initiator = by_initiator;
}
