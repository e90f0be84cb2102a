/* What the files of the client share. */
#ifndef SAPIPE_NHRP_CLIENT_PRIV_H
#define SAPIPE_NHRP_CLIENT_PRIV_H

#include "nhrp/client.h"

/* The prefix length of our network that contains ${a}; 0: none does. */
uint8_t client_own_prefix(const struct nhrp_client *c, const struct addr *a);
/* Ends the shortcut ${i}: the last one takes its index. */
void client_withdraw(struct nhrp_client *c, size_t i);
/* The index of the shortcut to the network of ${b}, or of a new one behind the others: the first one makes room. */
size_t client_place(struct nhrp_client *c, const struct sa_nhrp_binding *b);

/* Two of us are to build a tunnel: ${a} says so, and the packet ${in} brought it. Dropped if no server of ours sent it. */
void client_resolution_set(struct nhrp_client *c, const struct nhrp_in *in, const struct acvpn *a, struct now now);

#endif
