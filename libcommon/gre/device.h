/*
 * A GRE device: packets of the kernel to GRE and back, neighbours and routes by bindings, NHRP to the tools that are
 * attached (attach.h). Multipoint, or with a remote address point-to-point.
 */
#ifndef SAPIPE_GRE_DEVICE_H
#define SAPIPE_GRE_DEVICE_H

#include "base/addr.h"
#include "base/fault.h"
#include "gre/attach.h"
#include "net/route.h"
#include "sa/record.h"

#define GRE_ADDRESSES	16
#define GRE_MTU_DEFAULT	1400	/* leaves room for ESP in transport mode under it, at a path MTU of 1500 */

struct gre_opt {
	const char	*tun;		/* NULL: the first free name */
	struct addr	 local, remote;	/* NBMA; family 0: any, multipoint */
	bool		 has_key, csum, seq;
	uint32_t	 key;
	uint32_t	 mtu;
	uint8_t		 ttl;
	uint32_t	 keepalive_s;	/* point-to-point with ${local}: ask the peer so often; 0: never */
	uint32_t	 keepalive_retries;	/* unanswered ones that mean that it is down */
	bool		 multicast;	/* multipoint: copy it to each next hop server and client */
	bool		 clamp;		/* the MSS of TCP connections, to the MTU */
	bool		 require_sa;	/* send only to peers that the input reports an SA with */
	bool		 route;		/* make routes of bindings */
	uint32_t	 metric;	/* 0: the kernel's own */
	struct route	 addresses[GRE_ADDRESSES];	/* net is the address */
	size_t		 n_addresses;
};

/* Called back; ${level} as for report_say(). */
struct gre_calls {
	void	(*note)(void *ctx, int level, const char *text);
	void	(*trouble)(void *ctx, const struct fault *f);
	void	(*broken)(void *ctx, const struct fault *f);	/* it cannot go on */
	void	(*empty)(void *ctx);		/* the last binding has expired */
};

struct gre_device;

/* -1 (NULL) with FAULT_PERMISSION, FAULT_DEVICE, FAULT_BAD_ADDRESS, FAULT_CLAIMED, FAULT_MEMORY or FAULT_SYSTEM. */
struct gre_device *gre_device_new(struct ev_loop *loop, const struct gre_opt *o, const struct gre_calls *calls, void *ctx,
    struct fault *f);
/* Restores what it changed; harmless on NULL. */
void gre_device_free(struct gre_device *d);

const struct gre_info *gre_device_info(const struct gre_device *d);

/*
 * A record of input ${source}: bindings count, and the events "up" and "down" of a peer; others are ignored. -1 with FAULT_BAD_RECORD,
 * FAULT_TOO_LARGE or FAULT_MEMORY.
 */
int gre_device_record(struct gre_device *d, const struct sa_rec *rec, unsigned source, struct fault *f);
/* Input ${source} has ended: nobody reports its SAs any more. */
void gre_device_source_over(struct gre_device *d, unsigned source);
/* Makes what the records asked for. Call it when there is no record at the moment. */
void gre_device_settle(struct gre_device *d);
size_t gre_device_bindings(const struct gre_device *d);
/* Tools of NHRP that are attached (attach.h). */
size_t gre_device_tools(const struct gre_device *d);

/*
 * Answers on the control socket ${path} (os/control.h) with the counters of the device and its next hops: each that a binding
 * names, "up" if packets may go to it. 0, or -1 as control_open().
 */
int gre_device_listen(struct gre_device *d, const char *path, struct fault *f);
/* The counters, a line each. */
void gre_device_stats(const struct gre_device *d, void (*line)(void *ctx, const char *text), void *ctx);

#endif
