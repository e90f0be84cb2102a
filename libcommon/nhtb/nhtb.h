/*
 * Next-hop tunnel binding: on a device that many peers share, the next hop of the route chooses the tunnel. A TUN device
 * hands over packets without their next hop, so the data path looks for their routes itself (net/routewatch.h). Here is the
 * rest: next hop, peer, SA. No sockets and no clock. A look-up costs as much with thousands of SAs as with a few.
 *
 * A binding is static, of a next hop to the name or ID of a peer, whether it is there or not; or automatic, of an address
 * that belongs to a peer which is there: its ID if that is an address, and a remote selector of one address. A static
 * one comes first. An address belongs to the first peer that brings it, as long as that has an SA, and is still bound
 * when that has gone, until another peer brings it: packets to it must not go to other peers.
 */
#ifndef SAPIPE_NHTB_NHTB_H
#define SAPIPE_NHTB_NHTB_H

#include "esp/pair.h"
#include "net/routewatch.h"

#define NHTB_STATIC_MAX	65536		/* static bindings */
#define NHTB_GONE_MAX	4096		/* automatic bindings of peers that have gone */

struct nhtb;
struct nhtb_node;			/* an SA in the table */

/* ${salt}: not known to peers. NULL: no memory. */
struct nhtb *nhtb_new(uint64_t salt);
void nhtb_free(struct nhtb *t);		/* all nodes must be out; NULL is fine */

/*
 * Binds ${hop} to the peer that has the name or the ID ${name}, instead of its present static binding; NULL: to none.
 * 0, or -1 with FAULT_TOO_LARGE or FAULT_MEMORY.
 */
int nhtb_bind(struct nhtb *t, const struct addr *hop, const char *name, struct fault *f);

/*
 * The same, to the peer at the outer address ${remote}, as its SAs have it when they are added, or when nhtb_bind_remote() or
 * nhtb_remote() is called first; NULL: to none.
 */
int nhtb_bind_remote(struct nhtb *t, const struct addr *hop, const struct addr *remote, struct fault *f);

/*
 * Adds ${pair}, which was made of ${rec} and is in the table of SAs. NULL: no memory. ${*taken} is an address of it that
 * belongs to another peer and is not bound to this one; family 0: there is none.
 */
struct nhtb_node *nhtb_add(struct nhtb *t, struct esp_pair *pair, const struct sa_child *rec, struct addr *taken);
void nhtb_remove(struct nhtb *t, struct nhtb_node *n);	/* NULL is fine */

/* Whether a static binding leads to the SA of ${n}, and its peer has no selectors of all addresses ("policy-based"). */
bool nhtb_narrow(const struct nhtb_node *n);

/* Whether nhtb_find() has nothing to say about any packet. */
bool nhtb_idle(const struct nhtb *t);
/*
 * The outbound SA for ${in}, whose route is ${r} (NULL: it has none over the device), or NULL with ${why}:
 * OK: the next hop is bound to no peer, and no more than one peer has selectors of all addresses: the policy decides.
 * NO_HOP: ... but there are several such peers; only narrower selectors may take the packet.
 * NO_SA: the next hop is bound to a peer without a usable SA. POLICY: ... whose SAs do not admit the packet.
 */
struct esp_sa *nhtb_find(struct nhtb *t, const struct routewatch_route *r, const struct inner *in, enum esp_verdict *why);

/* The usable outbound SA in tunnel mode of the peer at the outer address ${remote} that admits ${in}; NULL: none. */
struct esp_sa *nhtb_remote(struct nhtb *t, const struct addr *remote, const struct inner *in);

/* Peers with selectors of all addresses ("route-based"). */
size_t nhtb_peers(const struct nhtb *t);
/*
 * The usable outbound SA of the next such peer after ${*at} (NULL: the first one), which is moved on. NULL: no more. Between the calls
 * nothing is removed (nhtb_remove()).
 */
struct esp_sa *nhtb_each_peer(struct nhtb *t, const struct inner *in, void **at);

/* One binding, for people. */
struct nhtb_view {
	uint64_t	 serial;	/* bindings are in this order */
	struct addr	 hop;
	bool		 is_static;
	enum { NHTB_DOWN, NHTB_READY, NHTB_UP } state;	/* no SA; one that may not send (yet); one that carries packets */
	const char	*name;		/* of the peer, or what the binding names; "": it has none */
	const struct esp_pair *pair;	/* the newest usable one, else the newest; NULL: none */
};
/* The first binding whose serial is more than ${serial}. False: there is none. */
bool nhtb_after(const struct nhtb *t, uint64_t serial, struct nhtb_view *v);

#endif
