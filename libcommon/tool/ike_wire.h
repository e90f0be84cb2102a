/*
 * What a negotiator sends and receives, written down for people: as a capture whose comments name each
 * message (--pcap), and told on standard error as it happens (--explain).
 */
#ifndef SAPIPE_TOOL_IKE_WIRE_H
#define SAPIPE_TOOL_IKE_WIRE_H

#include "host/ike_host.h"

struct ike_wire;

/* ${pcap} NULL: no capture. NULL with a fault, or with neither asked for: then ${f}->code is FAULT_NONE. */
struct ike_wire *ike_wire_open(const char *pcap, bool explain, struct fault *f);
void ike_wire_close(struct ike_wire *w);	/* tells what was held back; NULL is fine */

/* Both as ike_host_calls has them; ${w} NULL: nothing. */
void ike_wire_dgram(struct ike_wire *w, const struct host_dgram *d);
void ike_wire_record(struct ike_wire *w, const struct sa_rec *rec);
/* What waits for keys is told as it is: something has failed, or takes long. */
void ike_wire_flush(struct ike_wire *w);

#endif
