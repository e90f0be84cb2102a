/*
 * The private state of one thread of the data path: buffers, a context of the crypto backends, counters. There is
 * one worker today; it shares nothing, so that there can be several.
 */
#ifndef SAPIPE_DATAPATH_WORKER_H
#define SAPIPE_DATAPATH_WORKER_H

#include "base/pkt.h"
#include "esp/sa.h"

struct worker {
	struct esp_ctx	*esp;
	uint8_t		*slots;			/* a buffer for each packet of a batch */
	struct pkt	 pkts[ESP_BATCH];	/* the batch in hand, in ${slots} */
	struct esp_count out, in;		/* that the kernel accepted, of all SAs there have been */
	uint64_t	 drops_out[ESP_VERDICT_COUNT], drops_in[ESP_VERDICT_COUNT];
	uint64_t	 cut, unsent, unwritten, icmp;
};

/* 0, or -1 with FAULT_MEMORY or FAULT_CRYPTO. */
int worker_open(struct worker *w, const struct esp_backend *const *backends, struct fault *f);
void worker_close(struct worker *w);		/* wipes; harmless on zeros */

/* ESP_BATCH empty packets in the slots, with room for PKT_MAX bytes and the ESP header and trailer. */
struct pkt *worker_batch(struct worker *w);

#endif
