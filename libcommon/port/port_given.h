/* UDP sockets that the program which started this one has bound: socket activation, as systemd does it (sd_listen_fds(3)). */
#ifndef SAPIPE_PORT_PORT_GIVEN_H
#define SAPIPE_PORT_PORT_GIVEN_H

#include "port/port_priv.h"

/*
 * Takes the descriptors that $LISTEN_FDS counts, if $LISTEN_PID is this process, and removes the variables from the environment.
 * Of these it keeps UDP sockets that are bound, not connected, of one family and shared with no SO_REUSEPORT; ${note} gets a line
 * for each other one, which is left as it is.
 */
void port_given_open(struct ports *set);
/* A duplicate of the socket that is bound to ${local}, which the caller closes; -1: there is none. */
int port_given_take(const struct ports *set, const struct endpoint *local);
/* Whether one of them has the port ${number}. */
bool port_given_number(const struct ports *set, uint16_t number);
void port_given_close(struct ports *set);

#endif
