/*
 * A next hop server (RFC 2332): registrations, resolution (it answers for itself and for the addresses that are registered, and
 * hands a request for what is behind a client on to the client), purges to those who asked, traffic indications, and error
 * indications. A machine without I/O.
 */
#ifndef SAPIPE_NHRP_SERVE_H
#define SAPIPE_NHRP_SERVE_H

#include "nhrp/server.h"

/* ${s} is large: on the heap. 0, or -1: no memory. */
int nhrp_serve_open(struct nhrp_serve *s, struct nhrp_node *n, const struct nhrp_serve_conf *c);
void nhrp_serve_close(struct nhrp_serve *s);

void nhrp_serve_receive(struct nhrp_serve *s, const struct nhrp_in *in, struct now now);
/*
 * The head of a packet that came from ${from} and left to ${to} over the device. An indication tells ${from} of a shorter way,
 * at most every NHRP_PAIR_MS for a pair of addresses.
 */
void nhrp_serve_sample(struct nhrp_serve *s, const struct addr *from, const struct addr *to, struct span head, struct now now);
uint64_t nhrp_serve_deadline_ms(const struct nhrp_serve *s);
void nhrp_serve_timeout(struct nhrp_serve *s, struct now now);
/* Withdraws each registration, and tells those who asked. */
void nhrp_serve_stop(struct nhrp_serve *s, struct now now);

#endif
