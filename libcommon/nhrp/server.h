/*
 * What a next hop server knows: shared by serve.c, which has its registrations, and forward.c, which hands packets on.
 */
#ifndef SAPIPE_NHRP_SERVER_H
#define SAPIPE_NHRP_SERVER_H

#include "base/prefix.h"
#include "nhrp/cache.h"
#include "nhrp/purge.h"
#include "nhrp/quota.h"

#define NHRP_SERVE_LIMIT	4096	/* registrations, by default */
#define NHRP_PENDING		1024	/* requests handed on whose answer is awaited */
#define NHRP_PENDING_MS		10000
#define NHRP_PAIRS		1024	/* pairs of addresses whose indications are limited */
#define NHRP_PAIR_MS		2000	/* from one indication of a pair to the next */
#define NHRP_ERRORS_A_SECOND	50	/* error indications sent */
#define NHRP_SERVERS		32	/* other servers */

struct nhrp_pending {
	struct addr	src, dst, from;	/* ${from}: the NBMA address that the reply goes to */
	uint32_t	id;
	uint8_t		type;		/* of the reply */
	uint64_t	end_ms;
};

#define NHRP_COUPLES		256	/* pairs of spokes that are told of each other at a time */
#define NHRP_ALLOWED		65536

/*
 * Two spokes that are told of each other: ${b} first, which is to wait, then ${a}, which begins their tunnel. If both are behind
 * a NAT, both begin. If their tunnel does not come up, they are told again less and less often.
 */
struct nhrp_couple {
	struct addr	a, b;		/* protocol addresses */
	uint32_t	serial;
	enum { COUPLE_FREE, COUPLE_TELL_B, COUPLE_TELL_A, COUPLE_QUIET, COUPLE_FAILED } step;
	unsigned	sent;		/* in this step */
	unsigned	failed;		/* tunnels one after another that did not come up */
	bool		seen;		/* quiet: their packets still came by this server near the end */
	uint64_t	quiet_ms;	/* how long it is, or was, quiet */
	uint64_t	due_ms;		/* to be sent again; quiet: samples count again; failed: forgotten */
};

struct nhrp_allowed {
	struct addr	client;		/* its protocol address; family 0: any client */
	struct nhrp_net	net;		/* and networks within */
};

struct nhrp_serve_conf {
	bool		connect;	/* an AutoConnect VPN: samples make couples */
	struct acvpn	profile;	/* ... whose tunnels have this idle time, lifetimes, proposals */
	const struct nhrp_allowed *allowed;	/* networks that clients may have behind them, by nhrp_allowed_sort(); the caller's */
	size_t		n_allowed;
	bool		redirect;	/* send traffic indications */
	size_t		limit;		/* registrations; 0: NHRP_SERVE_LIMIT */
	size_t		limit_each;	/* ... of them from one NBMA address; 0: no such limit */
	const struct nhrp_hop *servers;	/* other servers, which routes may lead to; the caller's */
	size_t		n_servers;
	uint64_t	salt;
	/*
	 * The next hop of the route to ${dst} over the device, and the prefix of that route. False: there is none, or it
	 * leaves by another device. May be NULL.
	 */
	bool		(*route)(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix);
	/* Whether ${a} is an address of this machine, whose packets need no further hop. May be NULL. */
	bool		(*local)(void *ctx, const struct addr *a, uint8_t *prefix);
	/* Whether ${net} has an address of this machine, or of a network behind it. May be NULL. */
	bool		(*local_in)(void *ctx, const struct nhrp_net *net);
	void		*ctx;
};

struct nhrp_serve_counts {
	uint64_t	registered, refreshed, refused, expired, answered, forwarded, unknown, purges, indications, limited, errors,
			loops, unasked, sets, acks;
};

struct nhrp_serve {
	struct nhrp_node	*node;
	struct nhrp_serve_conf	 conf;
	struct nhrp_cache	 cache;
	struct nhrp_quota	 quota;		/* registrations by NBMA address */
	struct prefixes		 behind;	/* networks behind clients */
	struct nhrp_purges	 purges;	/* sent and not yet answered */
	uint64_t		 servers_ms;	/* when the bindings of the other servers are written again */
	struct nhrp_serve_counts counts;
	struct nhrp_pending	 pending[NHRP_PENDING];
	struct { uint64_t key, end_ms; } pair[NHRP_PAIRS];
	uint64_t		 errors_s;	/* the second in which ${errors_n} were sent */
	unsigned		 errors_n;
	uint32_t		 serial;	/* of the last set */
	struct nhrp_couple	 couple[NHRP_COUPLES];
};

#endif
