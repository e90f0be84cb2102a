/* Buffers and crypto contexts of one thread of the data path. */
#include "datapath/worker.h"

#include "base/scratch.h"
#include "esp/seal.h"

/* In transport mode the IP header of a packet lies before its place, and is not written. */
#define OUT_FRONT	256
#define SLOT	(ESP_HEADROOM + PKT_MAX + ESP_TAILROOM + 65)	/* a multiple of 64 and a little */

_Thread_local struct worker *worker_mine;

int
worker_open(struct worker *w, const struct esp_backend *const *backends, const struct rand *rand, struct fault *f)
{
	*w = (struct worker){0};
	if ((w->slots = scratch_new((size_t)ESP_BATCH * SLOT)) == NULL || (w->built = scratch_new(OUT_FRONT + WORKER_OUT)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for packets"));
	w->built += OUT_FRONT;
	return ((w->esp = esp_ctx_new(backends, rand, f)) != NULL ? 0 : -1);
}

void
tally_add(struct tally *to, const struct tally *t)
{
	to->out.packets += t->out.packets;
	to->out.bytes += t->out.bytes;
	to->in.packets += t->in.packets;
	to->in.bytes += t->in.bytes;
	for (int v = 0; v < ESP_VERDICT_COUNT; v++) {
		to->drops_out[v] += t->drops_out[v];
		to->drops_in[v] += t->drops_in[v];
	}
	to->cut += t->cut;
	to->unsent += t->unsent;
	to->unwritten += t->unwritten;
	to->icmp += t->icmp;
	to->pieces += t->pieces;
}

void
worker_close(struct worker *w)
{
	esp_ctx_free(w->esp);
	scratch_free(w->slots, (size_t)ESP_BATCH * SLOT);
	if (w->built != NULL)
		scratch_free(w->built - OUT_FRONT, OUT_FRONT + WORKER_OUT);
	w->esp = NULL;
	w->slots = w->built = NULL;
}

struct pkt
worker_one(struct worker *w, size_t i)
{
	uint8_t *slot = w->slots + i * SLOT;

	return ((struct pkt){ .p = slot + ESP_HEADROOM, .buf = slot, .cap = SLOT });
}

struct pkt *
worker_batch(struct worker *w)
{
	for (size_t i = 0; i < ESP_BATCH; i++)
		w->pkts[i] = worker_one(w, i);
	return (w->pkts);
}
