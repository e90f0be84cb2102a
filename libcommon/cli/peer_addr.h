/* Addresses as users write them: PEER[:PORT] with names, ADDR[:PORT] without. */
#ifndef SAPIPE_CLI_PEER_ADDR_H
#define SAPIPE_CLI_PEER_ADDR_H

#include "base/addr.h"
#include "base/fault.h"

#define PEER_HOST	256	/* bytes of a host name with its NUL */

/*
 * Splits `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 address; ${*port} is 0 if
 * none is given. 0, or -1 with FAULT_BAD_ADDRESS; a number that is no address is no host.
 */
int peer_split(char host[PEER_HOST], uint16_t *port, const char *text, struct fault *f);

/*
 * The peer's address. A name is looked up by the resolver, which may use the network and
 * block. ${family} 4 or 6 requests that family, 0 the resolver's first address. The
 * port is ${port} if the text has none. 0, or -1 with FAULT_BAD_ADDRESS (no such name, not
 * of that family, or nothing that a peer can have: 0.0.0.0, multicast, link-local without an interface) or FAULT_SYSTEM (the resolver does not answer).
 */
int peer_resolve(struct endpoint *out, const char *text, uint8_t family, uint16_t port,
    struct fault *f);

/* The address ${text} of option or argument ${name}: numeric only. 0, or -1 with FAULT_BAD_ADDRESS. */
int numeric_parse(struct addr *a, const char *text, const char *name, struct fault *f);

/* Where a peer may come from: as selector_parse(), or an address with an interface (fe80::1%eth0). 0 or -1. */
int peer_net_parse(struct selector *s, const char *text);

#define PEER_ADDRS	16	/* of one name; more are left out */

/* The same, with all addresses of a name, the resolver's first one first: ${*n} of them in ${out}. */
int peer_resolve_all(struct endpoint out[PEER_ADDRS], size_t *n, const char *text, uint8_t family,
    uint16_t port, struct fault *f);
/* Whether ${text} has a name, so that its addresses may change. */
bool peer_is_name(const char *text);

/*
 * A local address for --local and --listen: numeric only. `:PORT` leaves the address open
 * (family 0). The port is ${port} if the text has none. 0, or -1 with FAULT_BAD_ADDRESS.
 */
int local_parse(struct endpoint *out, const char *text, uint16_t port, struct fault *f);

#endif
