/*
 * The running data path: TUN device, transports, SA table and claims. Records are its input; it reports events by the calls.
 */
#ifndef SAPIPE_DATAPATH_DATAPATH_H
#define SAPIPE_DATAPATH_DATAPATH_H

#include <sys/types.h>

#include "esp/sadb.h"
#include "net/route.h"

struct ev_loop;
struct datapath;

#define DATAPATH_ADDRESSES	8
/* Records that wait for their claim at once. Each has 22 KB. */
#define DATAPATH_TURNS		24

struct datapath_opt {
	const char	*tun;		/* name of the device; NULL: the first free vpnN */
	size_t		 mtu;		/* of the device; 0: computed from transforms and paths */
	bool		 route;		/* make routes to the remote selectors */
	uint32_t	 metric;	/* of these; 0: the kernel's own */
	bool		 shared;	/* another gateway of the same address may take the SAs over: numbers as esp_sa_range() says */
	bool		 hub;		/* packets from one tunnel into another do not leave the process */
	unsigned	 threads;	/* for packets; 2: those from the device have one of their own, see datapath_start() */
	bool		 local_lan;	/* ... except to networks that the gateway excludes */
	bool		 block;		/* unreachable routes behind them, which stay */
	size_t		 n_addresses;
	struct route	 addresses[DATAPATH_ADDRESSES];	/* for the device: net is the address */
	struct addr	 mtu_probe;	/* echo requests to it search the path MTU; family 0: none */
	size_t		 n_nhtb;	/* static bindings */
	const struct datapath_hop { struct addr hop; const char *name; } *nhtb;
	bool		 nhrp;		/* NHRP packets are handed out, see calls.nhrp */
	int		 keeper;	/* our end of the keeper's socket; stays the caller's */
	int		 recorder;	/* ... of the recorder's, see capture/recorder.h; -1: none */
	struct sadb_config sadb;	/* except its hooks */
};

/*
 * The thread that runs the loop makes these calls. A thread of packets may make note, trouble, nhrp and crossed too; it has the lock of
 * base/biglock.h then.
 */
struct datapath_calls {
	/* A line: ${level} 0 always, but rationed, 1 and up for -v. */
	void (*note)(void *ctx, int level, const char *text);
	/* An error that does not end the data path. */
	void (*trouble)(void *ctx, const struct fault *f);
	/*
	 * The state of the tunnel changed: the first SA came ("up"), or the last one went ("down") and ${why}
	 * says why; "" if that is not known, NULL for "up".
	 */
	void (*state)(void *ctx, bool up, const struct esp_pair *pair, const char *why);
	/* A packet came with an SPI not known here: read all records that are there to be read. */
	void (*drain)(void *ctx);
	/* The record at byte ${off} of stream ${source}, which waited, was refused. */
	void (*refused)(void *ctx, uint32_t source, uint64_t off, const struct fault *f);
	/*
	 * With ${opt.nhrp}: the NHRP packet ${nhrp} (IP protocol 54) came out of the tunnel of the peer at ${from}, its outer address. The
	 * device does not get it. May be NULL, and so may the next one.
	 */
	void (*nhrp)(void *ctx, const struct addr *from, struct span nhrp);
	/* With ${opt.hub}: the packet that begins with ${head} goes from the tunnel of the peer at ${from} into that of the one at ${to}. */
	void (*crossed)(void *ctx, const struct addr *from, const struct addr *to, struct span head);
	/* Packets went to the peer at ${to} in the last second. May be NULL. */
	void (*used)(void *ctx, const struct addr *to);
	/*
	 * The record ${rec} is of no use to the data path itself (bindings and events of NHRP). The SAs of the records before it are in use,
	 * and the device is configured for them. 0, or -1 with a fault, as of datapath_record(). May be NULL.
	 */
	int (*other)(void *ctx, const struct sa_rec *rec, struct fault *f);
	/*
	 * An SA that GRE to the peer at ${peer} takes is in use, the first one (${up}); or the last one is about to end. May be NULL.
	 */
	void (*peer)(void *ctx, const struct addr *peer, bool up);
	/* A new SA with the peer at ${peer} cannot be used, whatever record it was. May be NULL. */
	void (*unusable)(void *ctx, const struct addr *peer);
	/* Records that waited are done: there may be room for more. */
	void (*resume)(void *ctx);
	/* The device or the keeper has ended: no packets can be forwarded. */
	void (*broken)(void *ctx, const struct fault *f);
};

/* Opens device and raw sockets. NULL with a fault. ${loop} outlives it. */
struct datapath *datapath_new(struct ev_loop *loop, const struct datapath_opt *o,
    const struct datapath_calls *calls, void *ctx, struct fault *f);
/* Releases claims with their last numbers, removes routes, closes. NULL is fine. */
void datapath_free(struct datapath *dp);

/*
 * Starts the threads for packets, which have the privileges that the calling one has now. Until then the calling thread, which runs the
 * loop, has their work too. All other calls of this header stay with it; it has the lock of base/biglock.h, except while the loop waits.
 * The loop's user data belong to the data path from now on. Harmless if they were started. 0, or -1 with FAULT_MEMORY, FAULT_CRYPTO or
 * FAULT_SYSTEM: no packet goes on.
 */
int datapath_start(struct datapath *dp, struct fault *f);

/*
 * Applies one record, from byte ${off} of stream ${source}, and owns its content. Records take effect in the order
 * of these calls: a new SA waits for its claim, and the records behind it wait too. 0; or -1 with the
 * fault of an SA that cannot be used: FAULT_STALE_SA, FAULT_BAD_RECORD, FAULT_CONFIG, ... Other SAs are not affected.
 * Faults after a wait (FAULT_CLAIMED and similar) go to calls.refused().
 */
int datapath_record(struct datapath *dp, struct sa_rec *rec, uint32_t source, uint64_t off,
    struct fault *f);
/*
 * Binds the next hop ${hop} to the peer with the name or ID ${name}, in place of its present static binding; NULL: to
 * none. Packets whose route over the device has this next hop go through the SAs of that peer only. 0, or -1 with a fault.
 */
int datapath_bind(struct datapath *dp, const struct addr *hop, const char *name, struct fault *f);
/*
 * The same, to the peer at the outer address ${remote}, which need not be there yet. ${bound} false: in place of any binding, to
 * none.
 */
int datapath_bind_remote(struct datapath *dp, const struct addr *hop, const struct addr *remote, bool bound, struct fault *f);
/* More routes over the device, besides those to remote selectors and whether or not there are any; they are copied. 0, or -1: no memory. */
int datapath_routes(struct datapath *dp, const struct route *r, size_t n, struct fault *f);
/*
 * Sends the IP packet ${p}, of ${len} bytes, through the newest tunnel-mode SA of the peer at the outer address ${remote} that
 * admits it. False: there is none.
 */
bool datapath_send_to(struct datapath *dp, const struct addr *remote, uint8_t *p, size_t len);

/* Whether an SA that GRE to the peer at ${peer} takes is in use, as calls.peer has told. */
bool datapath_gre_peer(const struct datapath *dp, const struct addr *peer);

/* Number of waiting records. At DATAPATH_TURNS the caller must not pass in more. */
size_t datapath_waiting(const struct datapath *dp);

/* No record comes any more: new SAs are not requested. */
void datapath_input_over(struct datapath *dp);

/* SAs that are there now, and how many there have been. */
size_t datapath_alive(const struct datapath *dp);
uint64_t datapath_ever(const struct datapath *dp);
/* When the last of these SAs expires (epoch seconds, by the wall clock as it is now); 0: there is none. */
uint64_t datapath_until(const struct datapath *dp);
/* The device's name, as the kernel has it. */
const char *datapath_tun(const struct datapath *dp);
unsigned datapath_ifindex(const struct datapath *dp);
size_t datapath_mtu(const struct datapath *dp);

/* Counters as lines of text, each to ${line}. */
void datapath_stats(const struct datapath *dp, void (*line)(void *ctx, const char *text), void *ctx);

#endif
