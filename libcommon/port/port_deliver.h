/* From a port to the callbacks of its set. */
#ifndef SAPIPE_PORT_PORT_DELIVER_H
#define SAPIPE_PORT_PORT_DELIVER_H

#include "port/port_priv.h"

/* A line of text for the user: a warning, or for -v. */
void port_note(struct port *p, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Hands ${m}, which is for this process, to the callbacks. */
void port_deliver(struct port *p, const struct port_msg *m);
/* Hands the ESP datagrams to the callback that were collected in ${set}->esp. */
void port_flush_esp(struct ports *set);

#endif
