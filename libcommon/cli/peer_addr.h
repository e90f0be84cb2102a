/* Addresses as users write them: PEER[:PORT] with names, ADDR[:PORT] without. */
#ifndef SAPIPE_CLI_PEER_ADDR_H
#define SAPIPE_CLI_PEER_ADDR_H

#include "base/addr.h"
#include "base/fault.h"

#define PEER_HOST	256	/* bytes of a host name with its NUL */

/*
 * Splits `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 address; ${*port} is 0 where
 * none is given. 0, or -1 with FAULT_BAD_ADDRESS.
 */
int peer_split(char host[PEER_HOST], uint16_t *port, const char *text, struct fault *f);

/*
 * The peer's address, by the resolver if it is a name (which may take its time and
 * use the network). ${family} 4 or 6 asks for that one, 0 takes the resolver's first. The
 * port is ${port} where the text has none. 0, or -1 with FAULT_BAD_ADDRESS (no such name, not
 * of that family) or FAULT_UNREACHABLE (the resolver does not answer).
 */
int peer_resolve(struct endpoint *out, const char *text, uint8_t family, uint16_t port,
    struct fault *f);

/*
 * An own address for --local and --listen: numbers only. `:PORT` leaves the address open
 * (family 0). Port ${port} where the text has none. 0, or -1 with FAULT_BAD_ADDRESS.
 */
int local_parse(struct endpoint *out, const char *text, uint16_t port, struct fault *f);

#endif
