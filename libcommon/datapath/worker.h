/*
 * The private state of one thread of the data path: buffers, a context of the crypto backends, counters. Workers share
 * nothing, so that there can be several.
 */
#ifndef SAPIPE_DATAPATH_WORKER_H
#define SAPIPE_DATAPATH_WORKER_H

#include "base/pkt.h"
#include "datapath/coalesce.h"
#include "esp/sa.h"

#define WORKER_OUT	(2 * 66 * 1024)	/* bytes of packets that are sealed together; more than two of the longest */

/* What one or all workers have done. */
struct tally {
	struct esp_count out, in;		/* that the kernel accepted, of all SAs there have been */
	uint64_t	 drops_out[ESP_VERDICT_COUNT], drops_in[ESP_VERDICT_COUNT];
	uint64_t	 cut, unsent, unwritten, icmp, pieces;
};

void tally_add(struct tally *to, const struct tally *t);

struct worker {
	struct esp_ctx	*esp;
	uint8_t		*slots;			/* a buffer for each packet of a batch */
	struct pkt	 pkts[ESP_BATCH];	/* the batch in hand, in ${slots} */
	uint8_t		*built;			/* WORKER_OUT bytes: packets to be sealed, one behind another */
	struct pkt	 out_pkts[ESP_BATCH];
	struct inner	 out_in[ESP_BATCH];
	size_t		 n_out, out_used;
	struct esp_sa	*copy_to;		/* of the packet in hand, where it is known: multicast, datapath_send_to(); or NULL */
	bool		 own;			/* ... of datapath_send_to() */
	struct coalesce	 join;			/* packets on their way to the device */
	bool		 alone;			/* the device does not accept joined ones */
	uint64_t	 burst;			/* packets of the last batch of a raw socket that went to the device */
	double		 burst_at;		/* ... when it came, in the loop's time, and how many had been sent by then */
	uint64_t	 burst_out;
	struct tally	 count;
};

/* In a thread other than the main one: its worker. */
extern _Thread_local struct worker *worker_mine;

/* ${rand}: for IVs. 0, or -1 with FAULT_MEMORY or FAULT_CRYPTO. */
int worker_open(struct worker *w, const struct esp_backend *const *backends, const struct rand *rand, struct fault *f);
void worker_close(struct worker *w);		/* wipes; harmless on zeros */

/* ESP_BATCH empty packets in the slots, with room for PKT_MAX bytes and the ESP header and trailer. */
struct pkt *worker_batch(struct worker *w);
/* One such packet, the ${i}-th. */
struct pkt worker_one(struct worker *w, size_t i);

#endif
