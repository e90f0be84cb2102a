/*
 * The machine of probe/ping.h from inside: ping.c asks and calls ping_hello.c, which listens; both call
 * ping_event.c.
 */
#ifndef SAPIPE_PROBE_PING_PRIV_H
#define SAPIPE_PROBE_PING_PRIV_H

#include "probe/ping.h"
#include "ike/engine_priv.h"
#include "ike/v1/dpd.h"
#include "ike/v1/heartbeat.h"
#include "ike/v1run/info_send.h"

#define ASKED_MAX	64	/* questions remembered; answers to older ones are ignored */

struct asked {
	uint32_t	count, seq;
	uint64_t	sent_us;
	bool		answered;
};

struct ike_ping {
	struct ike_ping_conf	 conf;
	struct ike_ping_stats	 stats;
	bool			 over;
	bool			 waiting;	/* for the outcome of the last question */
	bool			 scolded;	/* UNKNOWN_SA or UNREACHABLE was reported for the last one */
	uint64_t		 next_us, give_up_us;
	struct asked		 asked[ASKED_MAX];	/* by count */
	/* Under an IKE SA: an engine that holds it and is never stepped. */
	struct ike_policy	 policy;
	struct ike_engine	*engine;
	struct v1_sa		*sa;
	uint32_t		 seq;		/* of our last question, or hello */
	char			 odd[V1_DPD_ODD];	/* an ACK came that does not answer it: what is wrong; or "" */
	/* Hellos in place of questions. ${next_us} is our next one, ${give_up_us} the peer's. */
	bool			 listens;
	struct {
		uint32_t	interval_ms;	/* of the peer's */
		uint32_t	seq;		/* of its last; 0: none came */
		uint32_t	lost;		/* since then */
		uint64_t	at_us;		/* when that came, or the listening began */
	} hello;
	/* Without one. */
	struct endpoint		 local, remote;
	uint8_t			 cky_i[COOKIE_LEN];
	size_t			 offer;		/* row of probe_offer_broad() */
	bool			 renew;		/* another cookie for the next */
};

/* ping_event.c */
void ping_tell(struct ike_ping *p, enum ike_ping_what what, uint16_t notify, int sys);
/* Whether the IKE SA has expired; reports it, and the ping is then over. */
bool ping_expired(struct ike_ping *p, struct now now);
/* Adds a value to min/avg/max/mdev. */
void ping_measured(struct ike_ping_stats *st, uint64_t us);

/* ping_hello.c */
void ping_hello_begin(struct ike_ping *p, struct now now);
void ping_hello_timeout(struct ike_ping *p, struct now now, struct ike_outbox *out);
void ping_hello_take(struct ike_ping *p, struct now now, const struct ike_hello *h);

#endif
