/*
 * Consecutive segments of one TCP stream, or datagrams of one UDP flow, on their way to the device, joined to
 * super-packets by the rules of the kernel's GRO: cut again, they are the packets that were received. No packet waits:
 * who adds packets flushes when no more are at hand. Order within a flow is kept. No packet is copied: a run is a list.
 */
#ifndef SAPIPE_DATAPATH_COALESCE_H
#define SAPIPE_DATAPATH_COALESCE_H

#include "base/pkt.h"
#include "esp/inner.h"

#define COALESCE_RUNS	8	/* flows at once */
#define COALESCE_MAX	64	/* packets in a run */

/*
 * A run is complete: ${pkts}[0] with its ${inner_len} bytes, and of the ${n} - 1 others what follows their first
 * ${head} bytes. The first one's header, gso, csum and seg are those of the whole; alone (${n} 1) it is as it was, with
 * csum GOOD if its checksum was found to be right.
 */
typedef void coalesce_put_fn(void *ctx, struct pkt *const *pkts, size_t n, size_t head);

struct coalesce_run {
	struct pkt	*pkts[COALESCE_MAX];
	size_t		 n;
	size_t		 len;		/* of the whole IP packet */
	size_t		 l4, head;	/* where the upper layer begins, and the payload */
	size_t		 seg;		/* payload of the first */
	uint32_t	 next_seq;
	uint16_t	 next_id;
	bool		 tcp;
};

struct coalesce {
	bool		 udp;		/* UDP, too: the device accepts it */
	coalesce_put_fn	*put;
	void		*ctx;
	size_t		 n;
	struct coalesce_run runs[COALESCE_RUNS];	/* in the order of their first packets */
};

void coalesce_init(struct coalesce *c, bool udp, coalesce_put_fn *put, void *ctx);
/*
 * Adds ${k}, parsed into ${in}; the packet and its bytes stay valid until coalesce_flush(). Its bytes may be changed only
 * by a run that it is the first of.
 */
void coalesce_add(struct coalesce *c, struct pkt *k, const struct inner *in);
void coalesce_flush(struct coalesce *c);

#endif
