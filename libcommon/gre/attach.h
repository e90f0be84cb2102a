/*
 * How tools of NHRP share a GRE device with the process that owns it (gre-tun): a local socket, named by the device, in
 * the directory of running tools. The owner hands NHRP packets (protocol type 0x2001) out to the tools that are attached,
 * sends theirs, and gives samples of the packets that it forwards from GRE to GRE, for traffic indications.
 *
 * A packet that answers or reports an error (types 2, 4, 6, 7) goes to every tool: it takes those with its request ids.
 * Any other goes to the one tool that serves requests. So a tool that asks one question works beside one that stays.
 *
 * The socket belongs to one network namespace and one user: the user of the owner, and root, may attach. A process that
 * has dropped its privileges cannot attach again.
 */
#ifndef SAPIPE_GRE_ATTACH_H
#define SAPIPE_GRE_ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/fault.h"

#define GRE_ATTACH_MAX	16384	/* bytes of an NHRP packet or a sample */
#define GRE_ATTACH_TOOLS 16	/* attached to one device */
#define GRE_TUN_NAME	16	/* of a device, with its end */

/* What a tool wants besides answers. Each is for one tool at a time. */
#define GRE_SERVES	1u	/* requests, registrations, purges, indications */
#define GRE_SAMPLES	2u	/* samples */
#define GRE_USES	4u	/* the NBMA addresses that packets go to */
#define GRE_USE_BYTES	17	/* of one such address in a message: its family, and 16 bytes */
#define GRE_USES_MAX	(GRE_ATTACH_MAX / GRE_USE_BYTES)

struct gre_info {
	char		tun[GRE_TUN_NAME];
	unsigned	ifindex;
	struct addr	local;		/* own NBMA address; family 0: not set, the kernel chooses one for each peer */
	struct addr	remote;		/* of a point-to-point device; family 0: multipoint */
	bool		has_key;
	uint32_t	key;
	uint32_t	mtu;		/* of the device */
};

enum gre_msg_kind {
	GRE_MSG_NHRP,		/* an NHRP packet that was received */
	GRE_MSG_SAMPLE,		/* the head of an inner packet that came in and left by the device */
	GRE_MSG_USED,		/* the NBMA addresses that inner packets went to since the last such message: gre_use_get() */
	GRE_MSG_WANTED,		/* the kernel has packets for the next hop ${to} (in the tunnel), which no binding names */
	GRE_MSG_INFO,		/* the device has changed: gre_attach_info() has the new values */
};

struct gre_msg {
	enum gre_msg_kind kind;
	struct addr	nbma;		/* who sent it, by the outer header */
	/* NHRP: the outer destination, family 0 if not known; sample: the NBMA address it left to; wanted: the next hop */
	struct addr	to;
	uint16_t	proto;		/* ethertype of a sample */
	struct span	data;		/* the NHRP packet, or the head; valid until the next call */
};

/* ---- the tools' side */

struct gre_attach;

/*
 * Attaches to the device ${tun}; ${wants}: GRE_SERVES, GRE_SAMPLES. Waits up to ${wait_ms} for its owner, which a pipeline
 * may start at the same time. NULL with FAULT_UNREACHABLE (nobody owns a GRE device of this name here), FAULT_CLAIMED
 * (another tool serves it, or has its samples), FAULT_PERMISSION, FAULT_CONFIG (no name for a device), FAULT_WRONG_VERSION,
 * FAULT_MEMORY or FAULT_SYSTEM.
 */
struct gre_attach *gre_attach(const char *tun, unsigned wants, unsigned wait_ms, struct fault *f);
void gre_attach_free(struct gre_attach *a);	/* harmless on NULL */

/* To be watched for reading. */
int gre_attach_fd(const struct gre_attach *a);
/* The values of the device, as of the last message. */
const struct gre_info *gre_attach_info(const struct gre_attach *a);

/* The next message, without waiting. 1; 0: there is none now; -1 with FAULT_UNREACHABLE: the owner has ended. */
int gre_attach_receive(struct gre_attach *a, struct gre_msg *m, struct fault *f);

/*
 * The ${i}-th address of a message GRE_MSG_USED. False: it has no more. An address of family 0 stands for any: there were more
 * than a message can name.
 */
bool gre_use_get(const struct gre_msg *m, size_t i, struct addr *nbma);

/*
 * Sends ${nhrp} to ${nbma}, by the device's key and options. 0: handed over, and it may be lost as any packet; -1 with
 * FAULT_TOO_LARGE (GRE_ATTACH_MAX), FAULT_SYSTEM (the queue is full) or FAULT_UNREACHABLE (the owner has ended).
 */
int gre_attach_send(struct gre_attach *a, const struct addr *nbma, struct span nhrp, struct fault *f);

/* ---- the owner's side */

struct ev_loop;
struct gre_hub;

/* Sends ${nhrp}, which a tool has handed over, to ${nbma}. */
typedef void (*gre_hub_send_fn)(void *ctx, const struct addr *nbma, struct span nhrp);

/* Listens for tools, as the user that this process is now. NULL with the faults of unixsock_listen(), or FAULT_MEMORY. */
struct gre_hub *gre_hub_open(struct ev_loop *loop, const struct gre_info *info, gre_hub_send_fn send, void *ctx, struct fault *f);
void gre_hub_free(struct gre_hub *h);	/* harmless on NULL */

/* Tells the tools that the device has changed. */
void gre_hub_info(struct gre_hub *h, const struct gre_info *info);

/* Hands ${m} out. Returns how many tools got it: one that does not read loses packets. */
size_t gre_hub_give(struct gre_hub *h, const struct gre_msg *m);
/* How many tools are attached. */
size_t gre_hub_tools(const struct gre_hub *h);
/* Whether a tool wants samples; uses. */
bool gre_hub_samples(const struct gre_hub *h);
bool gre_hub_uses(const struct gre_hub *h);
/* Messages that a tool lost because it did not read. */
uint64_t gre_hub_lost(const struct gre_hub *h);

#endif
