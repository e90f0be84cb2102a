/*
 * What a next hop server hands on: requests toward a client or answers in its place, replies back to who asked, and error
 * indications; traffic indications. An answer that nobody asked for goes nowhere.
 */
#ifndef SAPIPE_NHRP_FORWARD_H
#define SAPIPE_NHRP_FORWARD_H

#include "nhrp/server.h"

/* A resolution request: answered, or handed on. */
void nhrp_serve_resolution(struct nhrp_serve *s, const struct nhrp_in *in, struct now now);
/* Hands a request on; ${reply}: the type of its reply. False: no client or route leads to its destination. */
bool nhrp_serve_request_on(struct nhrp_serve *s, const struct nhrp_in *in, uint8_t reply, struct now now);
/* Hands a reply back to who asked. */
void nhrp_serve_reply_on(struct nhrp_serve *s, const struct nhrp_in *in, struct now now);
/* Hands an error indication about a request that was handed on back to who asked. */
void nhrp_serve_error_on(struct nhrp_serve *s, const struct nhrp_in *in, struct now now);
/* Sends an error indication, within the limit. */
void nhrp_serve_error(struct nhrp_serve *s, const struct nhrp_in *in, enum nhrp_error code, struct now now);

#endif
