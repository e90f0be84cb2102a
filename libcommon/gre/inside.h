/*
 * NHRP inside of route-based IPsec tunnels, without GRE (AutoConnect VPN): the device of a data path is shared with the tools of
 * NHRP as a GRE device is, see attach.h. The NBMA address of a packet is the outer address of the peer out of whose tunnel it came, as
 * the SA has proven it. Bindings become next hops of the peers, and routes over the device.
 *
 * On the wire of the tunnel a packet of NHRP is an IP packet of protocol 54 between addresses in the tunnel.
 */
#ifndef SAPIPE_GRE_INSIDE_H
#define SAPIPE_GRE_INSIDE_H

#include "datapath/datapath.h"
#include "sa/record.h"

struct inside;

struct inside_opt {
	struct addr	local;		/* own outer address; family 0: the kernel chooses one for each peer */
	struct addr	address;	/* own address on the device, source of NHRP packets */
	bool		hub;		/* there may be samples */
};

/* ${trouble}: an error that ends nothing. NULL with the faults of gre_hub_open(). ${dp} and ${loop} outlive it. */
struct inside *inside_open(struct ev_loop *loop, struct datapath *dp, const struct inside_opt *o,
    void (*trouble)(void *ctx, const struct fault *f), void *ctx, struct fault *f);
void inside_close(struct inside *i);	/* harmless on NULL */

/* The calls of the data path: calls.nhrp, calls.crossed, calls.used, and calls.state when a tunnel is up; harmless on NULL. */
void inside_nhrp(struct inside *i, const struct addr *from, struct span nhrp);
void inside_crossed(struct inside *i, const struct addr *from, const struct addr *to, struct span head);
void inside_used(struct inside *i, const struct addr *to);
void inside_up(struct inside *i);

/* Applies an nhrp-binding record that is for the device, or for any. 0, or -1 with a fault of bindings_apply() or datapath_bind_remote(). */
int inside_record(struct inside *i, const struct sa_nhrp_binding *b, struct fault *f);
/* Sets the routes after records. */
void inside_settle(struct inside *i);
/* How many bindings there are. */
size_t inside_bindings(const struct inside *i);

#endif
