/*
 * Resolves one protocol address (RFC 2332 section 5.2.1): sends the request, again after 1, 2, 4 s, and takes the answer that
 * has its request id, source and destination. Any other packet changes nothing.
 */
#ifndef SAPIPE_NHRP_RESOLVE_H
#define SAPIPE_NHRP_RESOLVE_H

#include "nhrp/node.h"

#define NHRP_RESOLVE_TRIES	4
#define NHRP_PATH_MAX		NHRP_CIES_MAX

enum nhrp_answer_kind { NHRP_ANSWER_NONE, NHRP_ANSWER_FOUND, NHRP_ANSWER_REFUSED, NHRP_ANSWER_ERROR, NHRP_ANSWER_SILENCE };

struct nhrp_answer {
	enum nhrp_answer_kind kind;
	uint16_t	code;		/* of the CIE, or of the error indication */
	struct addr	from;		/* NBMA address of who sent the answer to us */
	struct addr	proto;		/* the next hop */
	uint8_t		prefix;		/* of the asked address that it leads to: 32 or 128 for it alone */
	struct addr	nbma, nat;	/* of the next hop; ${nat}: what a NAT makes of it, family 0: nothing */
	uint16_t	holding, mtu, flags;
	uint64_t	rtt_us;
	struct nhrp_hop	responder;	/* who answered */
	struct nhrp_hop	forward[NHRP_PATH_MAX], reverse[NHRP_PATH_MAX];	/* whom the request and the reply passed */
	size_t		n_forward, n_reverse;
};

struct nhrp_resolve {
	struct nhrp_node *node;
	struct addr	 dst;		/* the address in question */
	struct addr	 nhs_nbma;	/* whom we ask */
	struct addr	 nat;		/* our address outside of the NAT; family 0: no NAT is known */
	struct nhrp_answer answer;
	uint32_t	 id;
	unsigned	 sent;
	uint64_t	 sent_us, due_ms;
};

/* Asks; the caller has set ${node}, ${dst}, ${nhs_nbma} and ${nat}, and zeroed the rest. */
void nhrp_resolve_start(struct nhrp_resolve *r, struct now now);
/* Whether ${in} answers it; then r->answer has the answer. */
bool nhrp_resolve_receive(struct nhrp_resolve *r, const struct nhrp_in *in, struct now now);
/* UINT64_MAX: it has ended. */
uint64_t nhrp_resolve_deadline_ms(const struct nhrp_resolve *r);
void nhrp_resolve_timeout(struct nhrp_resolve *r, struct now now);

/* The binding of an answer, of kind shortcut or negative. */
struct sa_nhrp_binding nhrp_resolve_binding(const struct nhrp_resolve *r, struct now now);

#endif
