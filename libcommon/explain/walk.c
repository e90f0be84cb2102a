/* Follows captured exchanges on top of trace/, explains each message and counts the results. */
#include "explain/walk_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define WALK_ROOM	(2 * 1024 * 1024)	/* bytes of the heap for secrets kept free: a message may need half of that */
#define WALK_KEPT	1024	/* IKE SAs and exchanges with values; the oldest is forgotten */

struct walk *
walk_new(const struct walk_given *given)
{
	struct walk *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return (NULL);
	w->given = *given;
	if ((w->trace = v1_trace_new(given->state)) == NULL) {
		free(w);
		return (NULL);
	}
	v1_trace_trust(w->trace, given->trust);
	v1_trace_beside(w->trace, walk_sa_free, walk_late_free);
	return (w);
}

void
walk_free(struct walk *w)
{
	if (w == NULL)
		return;
	v1_trace_free(w->trace);
	steps_clear(&w->steps);
	secret_free(&w->plain);
	free(w);
}

const struct walk_sums *
walk_sums(const struct walk *w)
{
	return (&w->sums);
}

/* --- counting --- */

/* Appends a name to a list, once. */
static void
note_name(char *list, size_t cap, const char *name, uint64_t frame)
{
	size_t have = strlen(list);
	char one[64];

	(void)snprintf(one, sizeof(one), frame != 0 ? "%s of frame %llu" : "%s", name,
	    (unsigned long long)frame);
	if (strstr(list, one) == NULL)
		(void)snprintf(list + have, cap - have, "%s%s", have > 0 ? ", " : "", one);
}

static void
tally(struct walk_sums *w, const struct step *s, uint64_t frame)
{
	size_t i;

	if (s->missing[0] != '\0') {
		w->unknown++;
		note_name(w->unknowns, sizeof(w->unknowns), s->name, 0);
		return;
	}
	if (s->wrong) {
		w->differ++;
		note_name(w->differing, sizeof(w->differing), s->name, frame);
		return;
	}
	for (i = 0; i < s->n_held; i++) {
		if (s->held[i].same)
			w->same++;
		else if (s->held[i].other)
			w->other++;
		else {
			w->differ++;
			note_name(w->differing, sizeof(w->differing), s->name, frame);
		}
	}
	if (s->n_held == 0)
		*(s->given ? &w->given : &w->computed) += 1;
}

/* --- following --- */

/* Many values, or large ones, do not end the walk: it forgets the oldest. */
static void
make_room(struct walk *w)
{
	while ((w->kept > WALK_KEPT || secret_room() < WALK_ROOM) && v1_trace_shed(w->trace))
		;
}

static void
add_end(struct walk_sa *s, const struct endpoint *e)
{
	size_t i;

	if (e->addr.family == 0)	/* a record without the address */
		return;
	for (i = 0; i < s->n_ends; i++)
		if (endpoint_eq(&s->ends[i], e))
			return;
	if (s->n_ends < WALK_ENDS)
		s->ends[s->n_ends++] = *e;
}

/* Collects the addresses to try NAT-D hashes with: of the datagram, the state and the options. */
static void
add_ends(const struct walk *w, struct walk_sa *s, const struct v1_seen *in, const struct v1_told *m)
{
	const struct calc *g = w->given.values;
	struct endpoint e;

	add_end(s, &in->src);
	add_end(s, &in->dst);
	if (m->keys != NULL) {
		add_end(s, &m->keys->local.at);
		add_end(s, &m->keys->remote.at);
	}
	if (!g->has[V_IP])
		return;
	e = (struct endpoint){ .addr = addr_make(g->v[V_IP].len == 4 ? 4 : 6, g->v[V_IP].p), .port = 500 };
	if (g->has[V_PORT])
		e.port = get_be16(g->v[V_PORT].p);
	add_end(s, &e);
}

static bool
wanted(const struct walk *w, const struct v1_told *m)
{
	const struct calc *g = w->given.values;

	return (!g->has[V_CKY_I] || span_eq(secret_span(&g->v[V_CKY_I]), SPAN_ARRAY(m->msg.hdr.cky_i)));
}

/* The values of a new message, as steps. */
static int
explain(struct walk *w, const struct v1_seen *in, struct v1_told *m, struct fault *f)
{
	uint8_t exchange = m->msg.hdr.exchange;
	struct walk_sa *s;

	if (*m->beside_sa == NULL && (*m->beside_sa = walk_sa_new(w, f)) == NULL)
		return (-1);
	s = *m->beside_sa;
	add_ends(w, s, in, m);
	return (exchange == EXCHANGE_MAIN || exchange == EXCHANGE_AGGRESSIVE ?
	    walk_phase1(w, s, in, m, f) : walk_late(w, s, m, f));
}

int
walk_datagram(struct walk *w, const struct v1_seen *in, walk_each *each, void *arg, struct fault *f)
{
	struct v1_told m;
	const struct walk_message message = { in, &m, &w->steps };
	size_t i;
	int rc = 0;

	if (v1_trace_take(w->trace, in, &m, NULL) != 0 || !wanted(w, &m))
		return (0);
	make_room(w);
	if (m.again_of == 0)
		rc = explain(w, in, &m, f);
	if (rc == -1)
		fault_where(f, "frame %llu", (unsigned long long)in->number);
	else {
		w->sums.messages++;
		for (i = 0; i < w->steps.n; i++)
			tally(&w->sums, &w->steps.v[i], in->number);
		rc = each(arg, &message, f);
	}
	steps_clear(&w->steps);
	secret_free(&w->plain);
	return (rc);
}
