/*
 * Runs an IKE engine on an event loop: datagrams from the shared ports go in,
 * what the engine wants done is done in its order (records are written before the
 * datagram that follows them is sent), and its timers are kept.
 */
#ifndef SAPIPE_HOST_IKE_HOST_H
#define SAPIPE_HOST_IKE_HOST_H

#include "ike/ike.h"
#include "os/clock.h"
#include "port/port.h"
#include "os/record_out.h"

struct ike_host;

/* A datagram as it stands on the wire; of a NAT keepalive ${data} is its one byte. */
struct ike_wire_dgram {
	bool		out;			/* sent by this end */
	struct endpoint	local, remote;
	bool		marker;			/* a non-ESP marker stands before it */
	struct span	data;
	uint64_t	time_us;		/* since 1970 */
};

struct ike_host_calls {
	void	(*note)(void *ctx, enum ike_note_level level, const char *text);
	void	(*verdict)(void *ctx, enum ike_verdict what, const uint8_t id[16], uint32_t mid,
		    const struct fault *why);
	/* Records can no longer be written (the reader went away, the disk is full). */
	void	(*lost)(void *ctx, const struct fault *why);
	/* A send failed: what stands in the way is on this machine. */
	void	(*unsent)(void *ctx, const struct fault *why);
	/* A batch of what the engine wanted is done; records may wait in the queue. */
	void	(*done)(void *ctx);
	/*
	 * For those who watch, both may be NULL: what was received or is about to be sent; and each record.
	 * Records that a received message brings about come before it, so that its keys are known.
	 */
	void	(*wire)(void *ctx, const struct ike_wire_dgram *d);
	void	(*record)(void *ctx, const struct sa_rec *rec);
};	/* those before are set; none may free the host */

struct ike_host_opt {
	struct ike_conf		 conf;
	struct sa_out		*out;		/* where records go; outlives the host */
	struct clock		 clock;
	uint32_t		 mark;		/* SO_MARK of the sockets, 0: none */
	bool			 one_peer;	/* peers begin only where ike_host_serve_peer() says */
};

/* NULL with FAULT_MEMORY. ${loop} outlives the host. */
struct ike_host *ike_host_new(struct ev_loop *loop, const struct ike_host_opt *opt,
    const struct ike_host_calls *calls, void *ctx, struct fault *f);
void ike_host_free(struct ike_host *h);		/* NULL is fine; sends nothing */

/*
 * Opens the ports as ports_open_usual() does. 0 or -1.
 */
int ike_host_listen(struct ike_host *h, const struct endpoint *local, struct fault *f);

/*
 * Opens, or joins, the one port ${local}, for work under an IKE SA that is there already. Strangers are not
 * served. 0 or -1.
 */
int ike_host_listen_at(struct ike_host *h, const struct endpoint *local, enum port_role role,
    struct fault *f);

/*
 * With one_peer: what ${remote} begins is ours, before any responder that shares the ports.
 */
void ike_host_serve_peer(struct ike_host *h, const struct addr *remote);

/* The engine, for commands; they need an outbox, to be handed to ike_host_do(). */
struct ike_engine *ike_host_engine(struct ike_host *h);
struct now ike_host_now(const struct ike_host *h);
/* Does what ${todo} holds, which is empty afterwards, and sets the timers anew. */
void ike_host_do(struct ike_host *h, struct ike_outbox *todo);

/* Sends deletes, writes sa-delete records. */
void ike_host_shutdown(struct ike_host *h);

/*
 * The endpoint to send from to reach ${remote}: ${local} where it says, the kernel's choice of
 * address elsewhere, the port of the set. 0, or -1 with FAULT_UNREACHABLE.
 */
int ike_host_source(struct ike_host *h, struct endpoint *local, const struct endpoint *remote,
    struct fault *f);

#endif
