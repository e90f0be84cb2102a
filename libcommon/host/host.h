/*
 * Runs a machine (ike/machine.h) on an event loop and shared UDP ports: datagrams and ICMP errors
 * go to the machine, its outbox is carried out in order, its deadline sets a timer, and the ports
 * know the cookies that it serves.
 */
#ifndef SAPIPE_HOST_HOST_H
#define SAPIPE_HOST_HOST_H

#include "ike/machine.h"
#include "os/clock.h"
#include "port/port.h"

struct host;

/* A datagram as it is on the wire; ${data} of a NAT keepalive is its one byte. */
struct host_dgram {
	bool		out;			/* sent by this end */
	struct endpoint	local, remote;
	bool		marker;			/* a non-ESP marker precedes it */
	bool		tcp;			/* it is inside Cisco's TCP encapsulation; the ports are of TCP */
	struct span	data;
	uint64_t	time_us;		/* since 1970 */
};

struct host_calls {
	/* The machine put ${todo} into its outbox; nothing of it is carried out yet. */
	void	(*before)(void *ctx, const struct ike_outbox *todo);
	/* A record, a note or a verdict, in its place between the datagrams. */
	void	(*item)(void *ctx, const struct ike_out *item);
	/* A datagram was received, or is about to be sent. */
	void	(*wire)(void *ctx, const struct host_dgram *d);
	/* A datagram could not be sent, for a reason on this machine. */
	void	(*unsent)(void *ctx, const struct fault *why);
	/* The outbox of one step is carried out. */
	void	(*stepped)(void *ctx);
	/* The machine has finished. The callee may start another one, or end the loop. */
	void	(*over)(void *ctx);
	/* A record from another holder of the ports (hostile until decoded). */
	void	(*record)(void *ctx, struct span cbor);
	/* A line of text, see struct ports_calls. */
	void	(*note)(void *ctx, bool warning, const char *text);
};	/* any may be NULL; none may free the host */

struct host_opt {
	struct clock	clock;
	uint32_t	mark;		/* SO_MARK of the sockets, 0: none */
};

/* A host without a machine, and with no port open. NULL with FAULT_MEMORY. ${loop} outlives the host. */
struct host *host_new(struct ev_loop *loop, const struct host_opt *opt,
    const struct host_calls *calls, void *ctx, struct fault *f);
void host_free(struct host *h);			/* NULL is fine; sends nothing */

/* Where the caller opens ports. */
struct ports *host_ports(struct host *h);
struct now host_now(const struct host *h);

/* Starts to run ${m} and stops the previous machine; ${m.self} must outlive the host or the next call. */
void host_start(struct host *h, struct ike_machine m);

/*
 * Carries out ${todo}, which a call of the machine outside the host has filled, and sets the timer.
 * ${todo} is empty afterwards.
 */
void host_do(struct host *h, struct ike_outbox *todo);

#endif
