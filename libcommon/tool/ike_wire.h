/*
 * Records the messages of a negotiator for people: as a capture with a comment on each
 * message (--pcap), and as an explanation on standard error while they are sent and received (--explain).
 */
#ifndef SAPIPE_TOOL_IKE_WIRE_H
#define SAPIPE_TOOL_IKE_WIRE_H

#include "host/ike_host.h"

struct ike_wire;

/* ${pcap} NULL: no capture. NULL with a fault, or with neither asked for: then ${f}->code is FAULT_NONE. */
struct ike_wire *ike_wire_open(const char *pcap, bool explain, struct fault *f);
void ike_wire_close(struct ike_wire *w);	/* explains delayed messages; NULL is allowed */

/* Both as ike_host_calls has them; ${w} NULL: nothing. */
void ike_wire_dgram(struct ike_wire *w, const struct host_dgram *d);
void ike_wire_record(struct ike_wire *w, const struct sa_rec *rec);
/* Explains messages that wait for keys without them: after a failure or a timeout. */
void ike_wire_flush(struct ike_wire *w);

#endif
