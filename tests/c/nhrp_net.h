/*
 * For tests of the machines of NHRP: a net with a server, two clients, of which the second may be behind a NAT, and room for another
 * server. Everything that is sent goes through nhrp_net_run(); records are kept for the checks.
 */
#ifndef TESTS_NHRP_NET_H
#define TESTS_NHRP_NET_H

#include "vectors.h"

#include "nhrp/client.h"
#include "nhrp/serve.h"

#define QUEUE	256

struct end {
	struct nhrp_node	 node;
	struct nhrp_client	 client;
	struct nhrp_serve	*serve;
	struct addr		 outer;		/* what the net sees; of all but a NAT's the NBMA address */
	struct sa_nhrp_binding	 binding[256];
	size_t			 n_bindings;
	struct sa_nhrp_event	 event[256];
	size_t			 n_events;
	unsigned		 sent, got, unused;
	bool			 down;		/* it receives nothing */
	bool			 mapped;	/* it has sent something directly to the other spoke: its NAT is open */
};

struct queued { struct addr from, to; size_t len; uint8_t b[1024]; };

extern struct end hub, hub2, one, two;	/* ${hub2}: where a test makes it */
extern struct queued queue[QUEUE];
extern size_t q_first, q_last;
extern struct now now;
extern bool drop;		/* the net loses everything */

struct addr ip(const char *text);
void receive(struct end *e, const struct addr *from, struct span s);
void nhrp_net_run(void);
/* Sends ${p} to ${to} as if from ${from}. */
void forge(struct end *to, const struct addr *from, const struct nhrp_packet *p);
bool route(void *ctx, const struct addr *dst, struct addr *via, uint8_t *prefix);
bool hub_local(void *ctx, const struct addr *a, uint8_t *prefix);
void net_make(bool nat);
void register_at_hub(struct end *e, bool unique);
void both_register(bool nat);
void pass(uint64_t ms);
const struct sa_nhrp_event *last_event(const struct end *e, const char *what);
const struct sa_nhrp_binding *last_binding(const struct end *e, enum nhrp_kind kind);
void is(const struct addr *a, const char *text);
void traffic(struct end *e, const char *src, const char *dst, struct end *to);
void busy(struct end *e, const struct addr *to, unsigned seconds);
unsigned events(const struct end *e, const char *what);
/* The packet of FRR ${name} of the vectors, such as "plain 1 ". */
struct vec frr_packet(const char *name);

#endif
