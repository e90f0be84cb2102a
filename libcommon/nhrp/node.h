/*
 * State that the machines of NHRP share: the addresses of this end, and a sink for output. A machine has no I/O: its inputs are
 * packets, samples and the time; it outputs packets, nhrp-binding and nhrp-event records by the functions of the sink.
 */
#ifndef SAPIPE_NHRP_NODE_H
#define SAPIPE_NHRP_NODE_H

#include "base/now.h"
#include "nhrp/auth.h"
#include "nhrp/ext.h"
#include "sa/record.h"

#define NHRP_HOLDING_DEFAULT	7200	/* seconds */
#define NHRP_HOPS	64		/* hop count of our own packets */
#define NHRP_INNER_MAX	96		/* bytes of the offending packet in an indication */

struct nhrp_sink {
	/* Sends ${packet} to the NBMA address ${to}. The spans are valid during the call. */
	void	(*send)(void *ctx, const struct addr *to, struct span packet);
	void	(*binding)(void *ctx, const struct sa_nhrp_binding *b);
	void	(*event)(void *ctx, const struct sa_nhrp_event *e);
	void	*ctx;
};

struct nhrp_hop {		/* a server; family 0: not given */
	struct addr	proto, nbma;
};

struct nhrp_node {
	const char	*source, *tun;	/* of records: the tool, the device ("": none) */
	struct addr	 nbma, proto;	/* own addresses */
	uint16_t	 mtu;		/* announced; 0: none */
	uint16_t	 holding;	/* seconds that we ask for and announce */
	struct nhrp_auth auth;
	struct nhrp_sink sink;
	uint32_t	 id;		/* of the next request: starts at a random number, so that a stranger cannot guess it */
};

/* A received packet. ${from}: the sender's NBMA address in the outer header. */
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
 * Decodes and authenticates ${bytes}. 0, or -1: the packet is dropped. A packet that fails authentication is reported by an event
 * and, unless it is an indication or a reply, answered with an error indication.
 */
int nhrp_node_receive(const struct nhrp_node *n, struct nhrp_in *in, const struct addr *from, struct span bytes,
    struct now now, struct fault *f);
/*
 * Sends an error indication to the sender of ${in}, with the head of ${in} without the secrets of its authentication extension.
 * Sends nothing in answer to an error indication.
 */
void nhrp_node_error(const struct nhrp_node *n, const struct nhrp_in *in, enum nhrp_error code, uint16_t at);

/* An event with its texts set. The caller adds the other fields and hands it to the sink. */
struct sa_nhrp_event nhrp_node_event(const struct nhrp_node *n, struct now now, const char *what);
void nhrp_node_tell(const struct nhrp_node *n, const struct sa_nhrp_event *e);
/* The same for a binding that expires ${holding} seconds after ${now}. */
struct sa_nhrp_binding nhrp_node_binding(const struct nhrp_node *n, struct now now, enum nhrp_kind kind, uint64_t holding);

/* The length in bits of an address of the family of ${a}: 32 or 128. */
static inline uint8_t
nhrp_bits(const struct addr *a)
{
	return (a->family == 6 ? 128 : 32);
}
/* The first address of the network of ${a}. */
struct addr nhrp_network(const struct addr *a, uint8_t prefix);
/* Whether ${a} is in ${net}/${prefix}. */
bool nhrp_within(const struct addr *a, const struct addr *net, uint8_t prefix);
/* Whether the networks have a common address. */
bool nhrp_overlap(const struct nhrp_net *x, const struct nhrp_net *y);
/* The addresses of the IP packet whose head is ${s}. 0, or -1: it is no IP packet, or truncated. */
int nhrp_inner(struct span s, struct addr *src, struct addr *dst);

#endif
