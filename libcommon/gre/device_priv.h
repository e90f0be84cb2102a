/* Declarations shared by the files of the GRE device. */
#ifndef SAPIPE_GRE_DEVICE_PRIV_H
#define SAPIPE_GRE_DEVICE_PRIV_H

#include <ev.h>

#include "datapath/coalesce.h"
#include "gre/bindings.h"
#include "gre/device.h"
#include "gre/gate.h"
#include "gre/gre.h"
#include "gre/keepalive.h"
#include "gre/raw.h"
#include "gre/sampler.h"
#include "gre/tap.h"
#include "gre/uses.h"
#include "os/clock.h"
#include "os/control.h"
#include "os/pathmtu.h"

#define SLOT_HEAD	64	/* bytes before a packet: GRE, or the head of a frame */
#define SLOT_ROOM	65536	/* of an IP packet, or a frame */
#define GSO_MAX		62000	/* of the device's super-packets: a frame fits PKT_MAX */
#define GRE_PATHS	4096	/* peers whose path MTU is remembered */
#define GRE_SENDERS	1024	/* whose sequence numbers are remembered */

/* DROP(drop, text): why a packet goes no further. */
#define GRE_DROP_TABLE(DROP)						\
	/* inbound */							\
	DROP(SHORT,	"ends within its header", "too-short")			\
	DROP(VERSION,	"not GRE version 0", "version")				\
	DROP(FLAGS,	"source routes and other flags of RFC 1701", "flags")	\
	DROP(CSUM,	"wrong checksum", "checksum")				\
	DROP(NO_CSUM,	"without the checksum that --checksum demands", "no-checksum")	\
	DROP(KEY,	"another key", "key")					\
	DROP(SOURCE,	"from another address than --remote", "source")		\
	DROP(OLD,	"sequence number is old", "old-sequence")			\
	DROP(PROTO,	"protocol type is neither IPv4, IPv6, MPLS nor NHRP", "protocol") \
	DROP(INNER,	"inner packet is malformed", "inner-malformed")			\
	DROP(ECN,	"congestion mark on a packet without ECN", "ecn")	\
	DROP(UNWRITTEN,	"the device did not accept it", "unwritten")			\
	DROP(KEEPALIVE,	"keepalive that would go to somebody else, or one too many", "keepalive") \
	/* outbound */							\
	DROP(NEIGHBOUR,	"no binding for the next hop", "no-binding")			\
	DROP(NO_SA,	"no SA with the peer is in use", "no-sa")		\
	DROP(MULTICAST,	"multicast or broadcast", "multicast")			\
	DROP(LOOP,	"GRE to its own tunnel: a routing loop", "routing-loop")	\
	DROP(REDIRECT,	"ICMP redirect of this machine", "redirect")		\
	DROP(UNSENT,	"the kernel did not send it", "unsent")			\
	DROP(BAD_OUT,	"malformed packet of the kernel", "malformed")		\
	DROP(TOO_BIG,	"too long for the path, the sender was told", "too-big")	\
	DROP(CUT,	"does not fit the MTU", "mtu")

enum gre_drop {
#define GRE_DROP_ENUM(drop, text, word) GRE_DROP_##drop,
	GRE_DROP_TABLE(GRE_DROP_ENUM)
#undef GRE_DROP_ENUM
	GRE_DROPS
};

struct gre_counts {
	uint64_t	in, in_bytes, out, out_bytes, nhrp_in, nhrp_out, samples;
	uint64_t	drops[GRE_DROPS];
};

struct gre_sender {
	struct addr	addr;
	uint32_t	last;
	uint16_t	behind;		/* old numbers in a row */
};

struct gre_path {
	struct addr	addr;
	size_t		mtu;		/* 0: not known */
	uint64_t	at_ms;		/* when the kernel was asked */
};

struct gre_device {
	struct ev_loop	*loop;
	struct gre_opt	 o;
	const struct gre_calls *calls;
	void		*ctx;
	struct clock	 clock;
	struct gre_info	 info;
	struct tap	 tap;
	struct raw	 raw;
	struct router	 router;
	struct bindings	 bindings;
	struct neighs	 neighs;
	struct gate	 gate;		/* of --require-sa */
	struct gre_hub	*hub;
	struct sampler	*sampler;
	ev_io		 tap_io, raw_io[2];
	ev_timer	 expiry;
	ev_timer	 use;		/* reports ${uses} to the tool that wants them */
	struct uses	 uses;
	bool		 due;		/* bindings have changed */
	uint32_t	 seq;		/* of the next packet */
	struct gre_sender *senders;
	struct path_asker asker;
	struct gre_path	*paths;
	struct keepalive alive;
	ev_timer	 alive_timer;
	struct keepalive_limit answers;	/* to keepalives of others */
	uint8_t		*slots;		/* RAW_BATCH + 1 of SLOT_HEAD + SLOT_ROOM; the last is for the device's packets */
	struct raw_pkt	 pkts[RAW_BATCH];	/* to be sent, each in the slot of its number */
	size_t		 n_pkts;
	struct coalesce	 join;		/* towards the device */
	bool		 alone;		/* which does not accept joined packets */
	struct gre_counts n, zero;	/* since the start, and those of the last reset */
	uint64_t	 since;		/* of that: epoch seconds */
	struct control	*control;	/* NULL: none */
	uint64_t	 turn_ms;	/* when this turn of packets began: the clock is not asked for each packet */
	uint64_t	 first_out_ms;	/* when the first packet went out, for the hint about silence */
	bool		 silence_told;
};

void gre_note(struct gre_device *d, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ${i} up to RAW_BATCH: where a packet of slot i begins. */
static inline uint8_t *
gre_slot(const struct gre_device *d, size_t i)
{
	return (d->slots + i * (SLOT_HEAD + SLOT_ROOM) + SLOT_HEAD);
}

/* The kernel's packets: reads the device, sends GRE. */
void gre_out(struct gre_device *d);
/* Before the next. */
void gre_use_init(struct gre_device *d);
/* An inner packet goes to ${nbma}: a tool may want to know. */
void gre_used(struct gre_device *d, const struct addr *nbma);
/* Whether ${to} may be sent to; counts the packet if not. */
bool gre_out_allowed(struct gre_device *d, const struct addr *to);
/* Sends one packet of ${proto}, at most GRE_ATTACH_MAX bytes, to ${nbma}. */
void gre_out_one(struct gre_device *d, const struct addr *nbma, uint16_t proto, struct span payload, uint8_t tos);
/* Keepalives: their timer, an answer, and a question of the peer. */
void gre_alive_init(struct gre_device *d);
void gre_alive_start(struct gre_device *d);
void gre_alive_stop(struct gre_device *d);
void gre_alive_answered(struct gre_device *d);
/* Whether the inner packet ${inner} of ${raw} is a keepalive. It is answered then, or counted. */
bool gre_alive_asked(struct gre_device *d, const struct raw_pkt *raw, struct span inner);

/* Bytes of an inner packet that reaches ${peer} in one piece; at most the MTU of the device. */
size_t gre_room(struct gre_device *d, const struct addr *peer);
/* Reads ICMP errors of socket ${which} about packets that were too big. */
void gre_path_errors(struct gre_device *d, unsigned which);
/* Whether ${k} is longer than ${room}, see gre_room(), and must not be fragmented: its sender has been told. */
bool gre_refused(struct gre_device *d, const struct pkt *k, const struct inner *in, const struct tap_frame *frame, size_t room);
/* coalesce_put_fn: to the device. */
void gre_put_joined(void *ctx, struct pkt *const *k, size_t n, size_t head);
/* GRE of socket ${which}: to the device, or to the tools. */
void gre_in(struct gre_device *d, unsigned which);

#endif
