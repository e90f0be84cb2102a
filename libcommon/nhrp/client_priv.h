/* Functions that the files of the client share. */
#ifndef SAPIPE_NHRP_CLIENT_PRIV_H
#define SAPIPE_NHRP_CLIENT_PRIV_H

#include "nhrp/client.h"

/* The prefix length of our network that contains ${a}; 0: no network does. */
uint8_t client_own_prefix(const struct nhrp_client *c, const struct addr *a);
/* Withdraws the shortcut ${i}. The last one gets its index. */
void client_withdraw(struct nhrp_client *c, size_t i);
/* The index of the shortcut to the network of ${b}, or the index after the last one. If the table is full, the first is withdrawn. */
size_t client_place(struct nhrp_client *c, const struct sa_nhrp_binding *b);

/* Handles the Resolution-set ${a} of the packet ${in}. It is dropped unless a server of ours sent it. */
void client_resolution_set(struct nhrp_client *c, const struct nhrp_in *in, const struct acvpn *a, struct now now);

#endif
