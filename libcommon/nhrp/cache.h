/*
 * The registrations of a next hop server: by protocol address, with their ends in a heap, and those who asked for what is
 * behind them, who learn by a purge when one ends. All of it has limits.
 */
#ifndef SAPIPE_NHRP_CACHE_H
#define SAPIPE_NHRP_CACHE_H

#include "base/heap.h"
#include "base/table.h"
#include "nhrp/acvpn.h"
#include "nhrp/node.h"

#define NHRP_ASKERS	8	/* kept of each registration; the oldest makes room */

struct nhrp_asker {		/* has got an answer about ${net} */
	struct addr	proto, nbma, net;
	uint8_t		prefix;
	uint64_t	end_ms;
};

struct nhrp_behind;

struct nhrp_client_entry {	/* a registration */
	struct table_node	 node;
	struct timer		 timer;
	struct addr		 proto;
	struct addr		 nbma, nat;	/* as claimed; as seen, family 0: the same */
	struct addr		 from;		/* as seen */
	uint16_t		 holding, mtu;
	bool			 unique;
	uint32_t		 id;		/* request ID of its last registration */
	struct nhrp_behind	*nets;		/* networks behind it, see behind.h */
	unsigned		 n_nets;
	struct acvpn		*offer;		/* of an AutoConnect VPN, without networks; NULL: none */
	unsigned		 n_askers, next_asker;
	struct nhrp_asker	*askers;	/* NHRP_ASKERS, made with the first */
};

struct nhrp_cache {
	struct table	 table;
	struct heap	 heap;
	uint64_t	 salt;		/* of the table: not known to peers */
	size_t		 limit;		/* registrations */
	size_t		 n;
};

/* 0, or -1: no memory. */
int nhrp_cache_open(struct nhrp_cache *c, size_t limit, uint64_t salt);
void nhrp_cache_close(struct nhrp_cache *c);

struct nhrp_client_entry *nhrp_cache_find(const struct nhrp_cache *c, const struct addr *proto);
/* A new registration; NULL: the limit, or no memory. */
struct nhrp_client_entry *nhrp_cache_add(struct nhrp_cache *c, const struct addr *proto);
void nhrp_cache_end(struct nhrp_cache *c, struct nhrp_client_entry *e, uint64_t at_ms);
void nhrp_cache_remove(struct nhrp_cache *c, struct nhrp_client_entry *e);
/* The next one whose end has come; NULL: none. It is still in the table. */
struct nhrp_client_entry *nhrp_cache_due(struct nhrp_cache *c, uint64_t now_ms);
static inline uint64_t
nhrp_cache_deadline_ms(const struct nhrp_cache *c)
{
	return (heap_deadline_ms(&c->heap));
}
/* Any one registration, for who removes them all; NULL: there is none. */
struct nhrp_client_entry *nhrp_cache_any(const struct nhrp_cache *c);

/* Remembers who asked. Without memory it is not remembered: the holding time ends the answer. */
void nhrp_cache_asked(struct nhrp_client_entry *e, const struct nhrp_asker *a);

/* Where packets to the client go. */
static inline const struct addr *
nhrp_entry_nbma(const struct nhrp_client_entry *e)
{
	return (e->nat.family != 0 ? &e->nat : &e->nbma);
}

#endif
