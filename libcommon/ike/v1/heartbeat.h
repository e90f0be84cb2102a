/* IKE heartbeats, see ike/heartbeat.h. */
#ifndef SAPIPE_IKE_V1_HEARTBEAT_H
#define SAPIPE_IKE_V1_HEARTBEAT_H

#include "ike/heartbeat.h"
#include "ike/v1run/ike_sa.h"

/* The vendor ID that announces hellos at this interval, in ${buf}. */
struct span v1_heartbeat_vid(uint8_t buf[HEARTBEAT_VID_LEN], uint32_t interval_ms);
/* The interval of the vendor ID ${body}; 0: another vendor ID, or an invalid interval. */
uint32_t v1_heartbeat_vid_ms(struct span body);
/* The interval that the peer of ${sa} has announced, in ms; 0: none. */
uint32_t v1_heartbeat_announced(const struct v1_sa *sa);
/* Hellos begin if both ends have announced them. */
void v1_heartbeat_start(struct v1_sa *sa, struct now now);
void v1_heartbeat_stop(struct v1_sa *sa);
/* Sends hellos and counts missed ones when they are due. False: the peer is dead. */
bool v1_heartbeat_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out);
uint64_t v1_heartbeat_deadline(const struct v1_sa *sa);
void v1_heartbeat_send(struct v1_sa *sa, const struct ike_hello *h, struct ike_outbox *out);
/*
 * Parses ${m}, which has passed the check of HASH(1), as a hello; false: another message. A number of 0: our own
 * hello was reflected, or the hello is invalid.
 */
bool v1_heartbeat_get(const struct v1_sa *sa, const struct isakmp_msg *m, struct ike_hello *h);
/* Whether a hello's number is above ${than}, the last one's (0: there was none). */
bool v1_heartbeat_newer(uint32_t seq, uint32_t than);
/* False: it is a replay, and nothing has changed. */
bool v1_heartbeat_take(struct v1_sa *sa, struct now now, const struct ike_hello *h,
    struct ike_outbox *out);

#endif
