#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

const struct endpoint sim_left = { { 4, { 192, 0, 2, 1 }, 0 }, 500 };
const struct endpoint sim_right = { { 4, { 192, 0, 2, 2 }, 0 }, 500 };
const struct addr sim_natted = { 4, { 198, 51, 100, 7 }, 0 };

static unsigned
percent(struct sim *s)
{
	/* xorshift64*: any generator is good enough, as long as it depends only on the seed. */
	s->chance ^= s->chance >> 12;
	s->chance ^= s->chance << 25;
	s->chance ^= s->chance >> 27;
	return ((unsigned)((s->chance * 0x2545f4914f6cdd1dULL) >> 33) % 100);
}

struct ike_policy
sim_policy(const char *psk, const char *local_id, const char *remote_id, const char *ike,
    const char *esp)
{
	struct ike_policy p;
	struct fault f = {0};

	ike_policy_default(&p);
	if (secret_set(&p.psk, span_str(psk)) != 0 ||
	    (local_id != NULL && id_parse(&p.local_id, local_id, &f) != 0) ||
	    (remote_id != NULL && id_parse(&p.remote_id, remote_id, &f) != 0) ||
	    ike_proposals_parse(&p.ike, ike, &f) != 0 ||
	    esp_proposals_parse(&p.esp, esp, &f) != 0) {
		fprintf(stderr, "sim_policy: %s\n", f.what);
		abort();
	}
	return (p);
}

void
sim_policies(struct ike_policy *left, struct ike_policy *right, const char *ike, const char *esp)
{
	*left = sim_policy("a shared secret", "left.example", "right.example", ike, esp);
	*right = sim_policy("a shared secret", "right.example", "left.example", ike, esp);
}

void
sim_init(struct sim *s, struct ike_policy *left, struct ike_policy *right, uint64_t seed)
{
	struct ike_policy *policy[2] = { left, right };
	uint8_t bytes[9];
	int i;

	memset(s, 0, sizeof(*s));
	s->nat_shift = 20000;
	s->now.ms = 1000;
	s->now.epoch = 1700000000;
	s->chance = seed * 2654435761U + 88172645463325252ULL;
	for (i = 0; i < 2; i++) {
		struct ike_conf conf = {
			.policies = policy[i], .n_policies = 1, .respond = true, .keep = true,
		};

		put_be64(bytes, seed);
		bytes[8] = (uint8_t)i;
		conf.rand = rand_seeded(&s->end[i].seed, SPAN_ARRAY(bytes));
		s->end[i].engine = ike_engine_new(&conf, NULL);
	}
}

void
sim_free(struct sim *s)
{
	int i;
	size_t j;

	for (i = 0; i < 2; i++) {
		ike_engine_free(s->end[i].engine);
		sa_ike_wipe(&s->end[i].ike);
		for (j = 0; j < s->end[i].n_children; j++)
			sa_child_wipe(&s->end[i].children[j]);
	}
	for (i = 0; i < SIM_PACKETS; i++)
		free(s->net[i].data);
}

void
sim_networks(struct ike_policy *left, struct ike_policy *right, const char *local, const char *remote)
{
	left->n_local_ts = left->n_remote_ts = right->n_local_ts = right->n_remote_ts = 1;
	if (selector_parse(&left->local_ts[0], local) != 0 || selector_parse(&left->remote_ts[0], remote) != 0) {
		fprintf(stderr, "sim_networks: %s, %s\n", local, remote);
		abort();
	}
	right->local_ts[0] = left->remote_ts[0];
	right->remote_ts[0] = left->local_ts[0];
}

void
sim_pair_init(struct sim *s, struct ike_policy *left, struct ike_policy *right, const char *ike,
    const char *esp, uint64_t seed)
{
	(void)secret_init();
	sim_policies(left, right, ike, esp);
	sim_networks(left, right, "10.1.0.0/24", "10.2.0.0/24");
	sim_init(s, left, right, seed);
}

void
sim_pair_free(struct sim *s, struct ike_policy *left, struct ike_policy *right)
{
	sim_free(s);
	ike_policy_wipe(left);
	ike_policy_wipe(right);
}

static void
post(struct sim *s, int side, const struct ike_out *item)
{
	struct sim_packet *p = NULL;
	int i, copies = 1, k;

	if (s->cut || item->dgram.len == 0)
		return;
	if (percent(s) < s->dup)
		copies = 2;
	for (k = 0; k < copies; k++) {
		if (percent(s) < s->loss)
			continue;
		for (i = 0, p = NULL; i < SIM_PACKETS && p == NULL; i++)
			if (!s->net[i].used)
				p = &s->net[i];
		if (p == NULL)
			return;		/* a full net drops */
		p->used = true;
		p->to = !side;
		p->at_ms = s->now.ms + 1 + (percent(s) < s->reorder ? percent(s) * 10 : 0);
		p->from_end = item->dgram.local;
		p->to_end = item->dgram.remote;
		if (s->nat && side == 0) {
			p->from_end.addr = sim_natted;
			p->from_end.port = (uint16_t)(item->dgram.local.port + s->nat_shift);
		} else if (s->nat && side == 1 && addr_cmp(&p->to_end.addr, &sim_natted) == 0) {
			p->to_end.addr = sim_left.addr;
			p->to_end.port = (uint16_t)(item->dgram.remote.port - s->nat_shift);
			if (p->to_end.port != 500 && p->to_end.port != 4500) {	/* no such mapping */
				*p = (struct sim_packet){0};
				continue;
			}
		}
		p->len = item->dgram.len;
		if ((p->data = malloc(p->len)) == NULL)
			abort();
		memcpy(p->data, item->dgram.data, p->len);
		if (s->tap != NULL && !s->tap(s, side, p->data, p->len)) {
			free(p->data);
			*p = (struct sim_packet){0};
		}
	}
}

static void
record(struct sim_end *e, const struct sa_rec *r)
{
	size_t i;

	if (r->type == SA_IKE) {
		sa_ike_wipe(&e->ike);
		if (sa_ike_copy(&e->ike, &r->ike) != 0)
			abort();
		return;
	}
	for (i = 0; i < e->n_children; i++)
		if (memcmp(e->children[i].spi_in, r->type == SA_CHILD ? r->child.spi_in :
		    r->type == SA_EVENT ? r->event.spi_in : r->del.spi_in, 4) == 0)
			break;
	if (r->type == SA_EVENT && r->event.what == SA_EVENT_REMAP && i < e->n_children)
		e->children[i].remote.at = r->event.remote;
	if (r->type == SA_EVENT && r->event.what == SA_EVENT_LIMIT && i < e->n_children) {
		e->children[i].lifetime.kilobytes = r->event.kilobytes;
		e->n_limits++;
	}
	if (r->type == SA_DELETE) {
		if (i == e->n_children || !r->del.has_spi_in)
			return;
		sa_child_wipe(&e->children[i]);
		e->serial[i] = e->serial[e->n_children - 1];
		e->children[i] = e->children[--e->n_children];
		return;
	}
	if (r->type != SA_CHILD)
		return;
	if (i == SIM_CHILDREN)
		abort();
	if (i < e->n_children)
		sa_child_wipe(&e->children[i]);
	else {
		e->n_children++;
		e->serial[i] = ++e->last_serial;
	}
	if (sa_child_copy(&e->children[i], &r->child) != 0)
		abort();
}

void
sim_flush(struct sim *s, int side, struct ike_outbox *out)
{
	struct sim_end *e = &s->end[side];
	struct ike_out *item;
	size_t len;

	while ((item = outbox_take(out)) != NULL) {
		switch (item->kind) {
		case IKE_OUT_DATAGRAM:
			e->n_sent++;
			post(s, side, item);
			break;
		case IKE_OUT_KEEPALIVE:
			e->n_keepalives++;
			break;
		case IKE_OUT_KEYS:
			e->n_keys++;
			break;
		case IKE_OUT_FAILED_SA:
			e->n_failed_sa++;
			break;
		case IKE_OUT_RECORD:
			record(e, item->rec);
			if (e->recorded != NULL)
				e->recorded(s, item->rec);
			break;
		case IKE_OUT_NOTE:
			len = strlen(e->notes);
			(void)snprintf(e->notes + len, sizeof(e->notes) - len, "%s\n",
			    item->note.text);
			if (getenv("SIM_NOTES") != NULL)
				fprintf(stderr, "%8llu %s: %s\n", (unsigned long long)s->now.ms,
				    side == 0 ? "left" : "right", item->note.text);
			e->n_notes++;
			break;
		case IKE_OUT_VERDICT:
			e->n_ike += item->verdict.what == IKE_UP;
			e->n_child += item->verdict.what == IKE_CHILD_UP;
			e->n_gone += item->verdict.what == IKE_GONE;
			if (item->verdict.what == IKE_ASKS) {
				e->asks = true;
				memcpy(e->ask_id, item->verdict.id, sizeof(e->ask_id));
				e->ask_mid = item->verdict.mid;
			}
			if (item->verdict.what == IKE_TURNED_AWAY) {
				e->n_turned_away++;
				e->why = *item->verdict.why;
			}
			if (item->verdict.what == IKE_FAILED || item->verdict.what == IKE_REFUSED) {
				e->n_failed++;
				e->why = *item->verdict.why;
			}
			break;
		}
		ike_out_free(item);
	}
}

int
sim_connect(struct sim *s, struct ike_policy *left, bool children, struct fault *f)
{
	struct ike_outbox out = {0};
	int r = ike_engine_connect(s->end[0].engine, s->now, left, &sim_left, &sim_right,
	    children, NULL, &out, f);

	sim_flush(s, 0, &out);
	return (r);
}

static void
deliver(struct sim *s, struct sim_packet *p)
{
	struct ike_outbox out = {0};
	struct sim_packet d = *p;

	*p = (struct sim_packet){0};
	ike_engine_datagram(s->end[d.to].engine, s->now, &d.to_end, &d.from_end,
	    span_of(d.data, d.len), &out);
	free(d.data);
	sim_flush(s, d.to, &out);
}

void
sim_run(struct sim *s, uint64_t ms, bool (*until)(struct sim *))
{
	uint64_t end = s->now.ms + ms, next, was;
	int i, first;

	while (until == NULL || !until(s)) {
		next = UINT64_MAX;
		first = -1;
		for (i = 0; i < SIM_PACKETS; i++)
			if (s->net[i].used && s->net[i].at_ms < next) {
				next = s->net[i].at_ms;
				first = i;
			}
		for (i = 0; i < 2; i++)
			if (ike_engine_deadline(s->end[i].engine) < next) {
				next = ike_engine_deadline(s->end[i].engine);
				first = -1;
			}
		if (next > end) {
			s->now.epoch += end / 1000 - s->now.ms / 1000;
			s->now.ms = end;
			return;
		}
		was = s->now.ms;
		if (next > s->now.ms)
			s->now.ms = next;
		s->now.epoch += s->now.ms / 1000 - was / 1000;
		if (first >= 0) {
			deliver(s, &s->net[first]);
			continue;
		}
		for (i = 0; i < 2; i++) {
			struct ike_outbox out = {0};

			if (ike_engine_deadline(s->end[i].engine) > s->now.ms)
				continue;
			ike_engine_timeout(s->end[i].engine, s->now, &out);
			sim_flush(s, i, &out);
		}
	}
}

static bool
mirrored(const struct sa_child *a, const struct sa_child *b)
{
	return (memcmp(a->spi_in, b->spi_out, 4) == 0 && memcmp(a->spi_out, b->spi_in, 4) == 0 &&
	    a->use == SA_USE_BOTH && b->use == SA_USE_BOTH &&
	    (a->enc_in.len > 0 || a->auth_in.len > 0) &&
	    ct_eq(secret_span(&a->enc_in), secret_span(&b->enc_out)) &&
	    ct_eq(secret_span(&a->enc_out), secret_span(&b->enc_in)) &&
	    ct_eq(secret_span(&a->auth_in), secret_span(&b->auth_out)) &&
	    ct_eq(secret_span(&a->auth_out), secret_span(&b->auth_in)) &&
	    strcmp(a->encryption, b->encryption) == 0 && a->key_bits == b->key_bits &&
	    strcmp(a->integrity, b->integrity) == 0 && strcmp(a->group, b->group) == 0 &&
	    a->encap == b->encap && selector_eq(&a->local_ts[0], &b->remote_ts[0]) &&
	    selector_eq(&a->remote_ts[0], &b->local_ts[0]));
}

bool
sim_passes(const struct sim *s, int from)
{
	const struct sim_end *a = &s->end[from], *b = &s->end[!from];
	size_t i, best = a->n_children;

	for (i = 0; i < a->n_children; i++)
		if (a->children[i].use == SA_USE_BOTH && a->children[i].lifetime.expires > s->now.epoch &&
		    (best == a->n_children || a->serial[i] > a->serial[best]))
			best = i;
	if (best == a->n_children)
		return (false);
	for (i = 0; i < b->n_children; i++)
		if (memcmp(b->children[i].spi_in, a->children[best].spi_out, 4) == 0 &&
		    b->children[i].lifetime.expires > s->now.epoch)
			return (true);
	return (false);
}

bool
sim_children_agree(const struct sim *s)
{
	size_t i, j;

	if (s->end[0].n_children != s->end[1].n_children)
		return (false);
	for (i = 0; i < s->end[0].n_children; i++) {
		for (j = 0; j < s->end[1].n_children; j++)
			if (mirrored(&s->end[0].children[i], &s->end[1].children[j]))
				break;
		if (j == s->end[1].n_children)
			return (false);
	}
	return (true);
}

bool
sim_reply(struct sim *s, int side, const struct ike_answer *a, uint64_t ms)
{
	struct sim_end *e = &s->end[side];
	struct ike_outbox out = {0};
	bool asked = e->asks;

	e->asks = false;
	if (!asked || !ike_engine_answer(e->engine, s->now, e->ask_id, e->ask_mid, a, &out))
		return (false);
	sim_flush(s, side, &out);
	sim_run(s, ms, NULL);
	return (true);
}
