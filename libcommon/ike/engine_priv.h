/* The engine as ike/ and the rooms of its versions see it. */
#ifndef SAPIPE_IKE_ENGINE_PRIV_H
#define SAPIPE_IKE_ENGINE_PRIV_H

#include "base/heap.h"
#include "base/table.h"
#include "ike/budget.h"
#include "ike/ike.h"
#include "ike/sa.h"
#include "ike/strangers.h"
#include "wire/frag_pool.h"

struct ike_child;
struct ike_conn;

struct ike_engine {
	struct ike_conf		 conf;
	uint64_t		 epoch;		/* seconds at the last step */
	struct ike_sa		*sas;		/* newest first, as the other lists */
	struct ike_child	*children;
	struct ike_conn		*conns;
	struct ike_sa		*touched;	/* the SAs that ike_engine_settle() handles */
	struct table		 by_spi;	/* SAs by the SPI that this end chose */
	struct table		 by_peer_spi;	/* SAs that the peer began, by its SPI */
	struct table		 by_child_spi;	/* children by their inbound SPI */
	struct table		 children_by_peer;
	struct table		 sas_by_peer;	/* those with keys */
	struct table		 half_open_by_addr;	/* those whose phase 1 or XAuth is not over */
	/*
	 * Half-open SAs that peers began: bounded, without refusing anybody. The addresses of ${fresh} may be forged; the
	 * oldest makes room for the next. The peers of ${returned} have sent our SPI back; they are kept apart, so
	 * that a flood of first messages does not reach them.
	 */
	struct ike_ring		 fresh, returned;
	uint64_t		 n_evicted;	/* of them, since the start */
	struct heap		 sa_timers, child_timers, conn_timers;
	size_t			 n_sas, n_children, n_conns;
	size_t			 n_established;
	struct ike_budget	 forgeable;	/* work for addresses that anybody may have forged */
	struct ike_budget	 reached;	/* for those that sent an SPI of ours back */
	uint64_t		 serial;	/* of the last SA, child or connection */
	uint64_t		 ids_mark;
	struct strangers	 strangers;
	struct frag_pool	 frags;		/* messages that come in fragments */
};

/* The salt of the tables. No random byte is drawn for it, so that runs under a seed stay as they are. */
static inline uint64_t
ike_engine_salt(const struct ike_engine *e)
{
	return ((uint64_t)(uintptr_t)e);
}

/*
 * Adds an SA to the engine, which then owns it; its local SPI and role are set. 0, or
 * -1: no memory, and the caller still owns ${sa}.
 */
int ike_engine_link(struct ike_engine *e, struct ike_sa *sa);
/*
 * SAs by peer: what an exchange looks at depends on what its own peer has, not on how many peers there are. The peer
 * is a policy and a proven identity (ike_sa_same_peer(); NULL: without identity). Those of it that have keys, the last
 * established first; also those that have died since the engine settled. The next one after ${sa}; NULL after the last.
 */
struct ike_sa *ike_peer_sas(struct ike_engine *e, const struct ike_policy *policy, const struct ike_id *id);
struct ike_sa *ike_peer_sas_next(const struct ike_sa *sa);
/* The key of a table of something else by peer. */
uint64_t ike_peer_hash(const struct ike_engine *e, const struct ike_policy *policy, const struct ike_id *id);
/* SAs with ${addr} whose phase 1 or XAuth is not over, newest first; NULL after the last. */
struct ike_sa *ike_peer_half_open(struct ike_engine *e, const struct addr *addr);
struct ike_sa *ike_peer_half_open_next(const struct ike_sa *sa);
/* The SA under these SPIs that is not dead; NULL: there is none. */
struct ike_sa *ike_sa_find(struct ike_engine *e, const uint8_t spi_i[8], const uint8_t spi_r[8]);
/*
 * The SPI of ${sa} came back: a half-open one is kept apart, and the oldest of its address ends if there are too many.
 * Does nothing where it has come back before.
 */
void ike_half_open_returned(struct ike_sa *sa, struct ike_outbox *out);
/*
 * Whether the ports have to deliver the messages of ${sa} by its SPIs. They do it without where its peer has begun it and
 * not sent our SPI back: as a new peer's, and a flood of them changes no table.
 */
bool ike_sa_served(const struct ike_sa *sa);
/* ${sa} changed: recompute its deadline and the values derived from it. */
void ike_sa_touch(struct ike_sa *sa);
void ike_sa_set_state(struct ike_sa *sa, enum ike_state state);
/*
 * Takes ${units} of work (ike/budget.h) for the peer that began ${sa}. False: it has caused too much; drop its message.
 * What a peer of our choice costs is not counted.
 */
bool ike_sa_work(struct ike_sa *sa, struct now now, unsigned units);
/* A try of that peer failed: counts against its address. */
void ike_sa_try_failed(struct ike_sa *sa, struct now now);
/* Whether a peer at ${remote} that has proven nothing may cause work. */
bool ike_engine_may_work(struct ike_engine *e, struct now now, const struct endpoint *remote,
    struct ike_outbox *out);
/* A random SPI of an IKE SA that is not zero. */
int ike_engine_spi(struct ike_engine *e, uint8_t spi[8], struct fault *f);
/* Sets the timers of the SAs that were touched and frees the dead ones. */
void ike_engine_settle(struct ike_engine *e);

/*
 * A note about the peer of ${sa}. An engine of several peers names it first: "left at 203.0.113.1:500: ...".
 */
void ike_sa_note(const struct ike_sa *sa, struct ike_outbox *out, enum ike_note_level level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* That name, with ": " at its end; "" in an engine of one peer. Returns ${text}. */
#define IKE_PEER_TEXT	(ENDPOINT_TEXT + SA_NAME + 8)
const char *ike_sa_peer_text(char text[IKE_PEER_TEXT], const struct ike_sa *sa);
/* The same for the peer ${name} (NULL or "": none) at ${at}. */
const char *ike_peer_text(char text[IKE_PEER_TEXT], const struct ike_engine *e, const char *name,
    const struct endpoint *at);

/* Whether ${local} is our port of Cisco's TCP encapsulation. */
static inline bool
ike_on_tcp(const struct ike_engine *e, const struct endpoint *local)
{
	return (e->conf.tcp_port != 0 && local->port == e->conf.tcp_port);
}

#endif
