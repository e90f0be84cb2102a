/*
 * What the machines of NHRP share: who this end is, and where their output goes. A machine has no I/O: packets, samples and
 * the time go in; packets, nhrp-binding and nhrp-event records come out by the functions of a sink.
 */
#ifndef SAPIPE_NHRP_NODE_H
#define SAPIPE_NHRP_NODE_H

#include "base/now.h"
#include "nhrp/auth.h"
#include "nhrp/ext.h"
#include "sa/record.h"

#define NHRP_HOLDING_DEFAULT	7200	/* seconds */
#define NHRP_HOPS	64		/* hop count of what begins here */
#define NHRP_INNER_MAX	96		/* bytes of the offending packet in an indication */

struct nhrp_sink {
	/* Sends ${packet} to the NBMA address ${to}. The spans are valid during the call. */
	void	(*send)(void *ctx, const struct addr *to, struct span packet);
	void	(*binding)(void *ctx, const struct sa_nhrp_binding *b);
	void	(*event)(void *ctx, const struct sa_nhrp_event *e);
	void	*ctx;
};

struct nhrp_hop {		/* a server; family 0: not said */
	struct addr	proto, nbma;
};

struct nhrp_node {
	const char	*source, *tun;	/* of records: the tool, the device ("": none) */
	struct addr	 nbma, proto;	/* own addresses */
	uint16_t	 mtu;		/* announced; 0: none */
	uint16_t	 holding;	/* seconds that we ask for and announce */
	struct nhrp_auth auth;
	struct nhrp_sink sink;
	uint32_t	 id;		/* of the next request: begins with a random number, so that a stranger cannot answer */
};

/* A received packet: ${from} is the sender's NBMA address as the outer header has it. */
struct nhrp_in {
	struct nhrp_packet	p;
	struct addr		from;
	struct span		bytes;
};

/* A packet of ${type} of this end, without CIEs: families, source and hop count. */
void nhrp_node_packet(const struct nhrp_node *n, struct nhrp_packet *p, uint8_t type);
/* The extensions of a request, in the order 4, 5, 3. */
void nhrp_node_records(struct nhrp_packet *p);
/* Encodes ${p} with the authentication of ${n} and sends it. */
void nhrp_node_send(const struct nhrp_node *n, const struct addr *to, const struct nhrp_packet *p);

/*
 * Decodes and authenticates ${bytes}. 0, or -1: the packet is dropped; of one that fails the authentication an event tells,
 * and an error indication is sent, except in answer to an indication or a reply.
 */
int nhrp_node_receive(const struct nhrp_node *n, struct nhrp_in *in, const struct addr *from, struct span bytes,
    struct now now, struct fault *f);
/*
 * An error indication to the sender of ${in}, with the head of ${in} but without secrets of its authentication extension;
 * nothing in answer to an error indication.
 */
void nhrp_node_error(const struct nhrp_node *n, const struct nhrp_in *in, enum nhrp_error code, uint16_t at);

/* An event with its texts set; the caller adds what it is about, and hands it to the sink. */
struct sa_nhrp_event nhrp_node_event(const struct nhrp_node *n, struct now now, const char *what);
void nhrp_node_tell(const struct nhrp_node *n, const struct sa_nhrp_event *e);
/* The same for a binding, which ends ${holding} seconds from ${now}. */
struct sa_nhrp_binding nhrp_node_binding(const struct nhrp_node *n, struct now now, enum nhrp_kind kind, uint64_t holding);

/* The bits of an address of the family of ${a}: 32 or 128. */
static inline uint8_t
nhrp_bits(const struct addr *a)
{
	return (a->family == 6 ? 128 : 32);
}
/* The first address of the network of ${a}. */
struct addr nhrp_network(const struct addr *a, uint8_t prefix);
/* Whether ${a} is in ${net}/${prefix}. */
bool nhrp_within(const struct addr *a, const struct addr *net, uint8_t prefix);
/* The addresses of an IP packet of which ${s} is the head. 0, or -1: it is none, or truncated. */
int nhrp_inner(struct span s, struct addr *src, struct addr *dst);

#endif
