/* Purge requests of a server, until they are answered. */
#include "nhrp/purge.h"

#define FIRST_MS	UINT64_C(1000)	/* until the second request; twice as long until the third */

static void
request(const struct nhrp_node *n, const struct nhrp_asker *a, uint32_t id, bool reply)
{
	struct nhrp_packet p;

	nhrp_node_packet(n, &p, NHRP_PURGE_REQUEST);
	p.id = id;
	p.flags = reply ? 0 : NHRP_PURGE_NO_REPLY;
	p.dst = a->proto;
	p.cie[p.n_cies++] = (struct nhrp_cie){ .prefix = a->prefix, .proto = a->net };
	nhrp_node_send(n, &a->nbma, &p);
}

void
nhrp_purge_send(struct nhrp_purges *p, struct nhrp_node *n, const struct nhrp_asker *a, bool last, struct now now)
{
	uint32_t id = n->id++;
	size_t i;

	for (i = 0; i < NHRP_PURGES && p->list[i].sent > 0; i++)
		continue;
	if (!last && i < NHRP_PURGES) {
		p->list[i] = (struct nhrp_purge){ .to = *a, .id = id, .sent = 1, .due_ms = now.ms + FIRST_MS };
		p->n++;
	}
	request(n, a, id, !last && i < NHRP_PURGES);
}

unsigned
nhrp_purge_askers(struct nhrp_purges *p, struct nhrp_node *n, struct nhrp_client_entry *e, const struct nhrp_net *within, bool last,
    struct now now)
{
	unsigned i, kept = 0, sent = 0;

	for (i = 0; i < e->n_askers; i++) {
		if (within != NULL && !nhrp_within(&e->askers[i].net, &within->net, within->prefix)) {
			e->askers[kept++] = e->askers[i];
			continue;
		}
		if (e->askers[i].end_ms <= now.ms)
			continue;
		sent++;
		nhrp_purge_send(p, n, &e->askers[i], last, now);
	}
	e->n_askers = kept;
	return (sent);
}

static void
done(struct nhrp_purges *p, struct nhrp_purge *q)
{
	q->sent = 0;
	p->n--;
}

bool
nhrp_purge_receive(struct nhrp_purges *p, const struct nhrp_in *in)
{
	size_t i;

	for (i = 0; p->n > 0 && i < NHRP_PURGES; i++) {
		struct nhrp_purge *q = &p->list[i];

		if (q->sent == 0 || q->id != in->p.id || addr_cmp(&q->to.proto, &in->p.dst) != 0 ||
		    addr_cmp(&q->to.nbma, &in->from) != 0)
			continue;
		done(p, q);
		return (true);
	}
	return (false);
}

uint64_t
nhrp_purge_deadline_ms(const struct nhrp_purges *p)
{
	uint64_t at = UINT64_MAX;
	size_t i;

	for (i = 0; p->n > 0 && i < NHRP_PURGES; i++)
		if (p->list[i].sent > 0 && p->list[i].due_ms < at)
			at = p->list[i].due_ms;
	return (at);
}

void
nhrp_purge_timeout(struct nhrp_purges *p, const struct nhrp_node *n, struct now now)
{
	size_t i;

	for (i = 0; p->n > 0 && i < NHRP_PURGES; i++) {
		struct nhrp_purge *q = &p->list[i];

		if (q->sent == 0 || q->due_ms > now.ms)
			continue;
		if (q->sent == NHRP_PURGE_TRIES) {
			done(p, q);
			continue;
		}
		q->due_ms = now.ms + (FIRST_MS << q->sent);
		q->sent++;
		request(n, &q->to, q->id, true);
	}
}
