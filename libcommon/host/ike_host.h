/*
 * Runs an IKE engine on an event loop (host/host.h), opens its ports, and writes its records before
 * it sends the datagram that follows them.
 */
#ifndef SAPIPE_HOST_IKE_HOST_H
#define SAPIPE_HOST_IKE_HOST_H

#include "host/host.h"
#include "ike/ike.h"
#include "os/record_out.h"

struct ike_host;

struct ike_host_calls {
	/* ${peer_len}, ${kind}: see struct ike_out; a note of the ports is its own. */
	void	(*note)(void *ctx, enum ike_note_level level, const char *text, size_t peer_len, const void *kind);
	void	(*verdict)(void *ctx, enum ike_verdict what, const uint8_t id[16], uint32_t mid,
		    const struct fault *why);
	/* Records can no longer be written (the reader went away, the disk is full). */
	void	(*lost)(void *ctx, const struct fault *why);
	/* A send failed, for a reason on this machine. */
	void	(*unsent)(void *ctx, const struct fault *why);
	/* A batch of the engine's outbox is carried out; records may wait in the queue. */
	void	(*done)(void *ctx);
	/*
	 * For --pcap and --explain, both may be NULL: each datagram, and each record. The records that a
	 * received message causes precede it, so that its keys are known.
	 */
	void	(*wire)(void *ctx, const struct host_dgram *d);
	void	(*record)(void *ctx, const struct sa_rec *rec);
	/* Counters of the data path, about a child SA (has_count). May be NULL. */
	void	(*count)(void *ctx, const struct sa_event *ev);
	/* With conf.show_keys: an IKE SA that was not established. May be NULL. */
	void	(*failed_sa)(void *ctx, const struct sa_rec *rec);
};	/* the first five are set; none may free the host */

struct ike_host_opt {
	struct ike_conf		 conf;
	struct sa_out		*out;		/* where records go; outlives the host */
	struct clock		 clock;
	uint32_t		 mark;		/* SO_MARK of the sockets, 0: none */
	bool			 one_peer;	/* only the peer of ike_host_serve_peer() may initiate */
};

/* NULL with FAULT_MEMORY. ${loop} outlives the host. */
struct ike_host *ike_host_new(struct ev_loop *loop, const struct ike_host_opt *opt,
    const struct ike_host_calls *calls, void *ctx, struct fault *f);
void ike_host_free(struct ike_host *h);		/* NULL is fine; sends nothing */

/*
 * Opens the ports as ports_open_usual() does, if ${udp}; and that of conf.tcp_port, if it is not 0. In TCP a host that
 * does not respond, or has one peer, connects. 0 or -1.
 */
int ike_host_listen(struct ike_host *h, const struct endpoint *local, bool udp, struct fault *f);

/*
 * Opens, or joins, the one port ${local}, for work under an IKE SA that exists already. New peers are not
 * served. 0 or -1.
 */
int ike_host_listen_at(struct ike_host *h, const struct endpoint *local, enum port_role role,
    struct fault *f);

/*
 * With one_peer: this host serves exchanges that ${remote} initiates, in preference to any responder that
 * shares the ports.
 */
void ike_host_serve_peer(struct ike_host *h, const struct addr *remote);

/*
 * Whether another tool that shares the ports has SAs with ${remote}. Runs the event loop until one answers, or
 * for a moment; at once if no tool shares them.
 */
bool ike_host_has_others(struct ike_host *h, const struct addr *remote);

/* From now on no records are written. */
void ike_host_mute(struct ike_host *h);

/* The engine, for commands; they need an outbox, to be handed to ike_host_do(). */
struct ike_engine *ike_host_engine(struct ike_host *h);
struct now ike_host_now(const struct ike_host *h);
/* As host_do(). */
void ike_host_do(struct ike_host *h, struct ike_outbox *todo);

/* Sends deletes, writes sa-delete records. */
void ike_host_shutdown(struct ike_host *h);

/*
 * The endpoint to send from to reach ${remote}: the address of ${local} if it has one, else the
 * kernel's choice, and the port of the set in ${role}. If it has none for PORT_IKE, that of PORT_NATT. 0, or -1 with
 * FAULT_UNREACHABLE.
 */
int ike_host_source(struct ike_host *h, struct endpoint *local, const struct endpoint *remote,
    enum port_role role, struct fault *f);

#endif
