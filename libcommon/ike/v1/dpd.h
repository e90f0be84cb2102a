/* Dead peer detection (RFC 3706). */
#ifndef SAPIPE_IKE_V1_DPD_H
#define SAPIPE_IKE_V1_DPD_H

#include "ike/v1run/ike_sa.h"

#define V1_DPD_RETRY_MS		3000	/* between unanswered R-U-THEREs */

/* Asks when it is time to. False: the peer has not answered and is dead. */
bool v1_dpd_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* An exchange gets no answer: asks whether the peer still has the SA, unless it was asked a moment ago. */
void v1_dpd_check(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* Whether it was asked after ${since_ms}; sa->dpd.alive is its answer. */
bool v1_dpd_checked(const struct v1_sa *sa, uint64_t since_ms);
/* R-U-THERE or R-U-THERE-ACK that proved to be the peer's. */
void v1_dpd_take(struct v1_sa *sa, const struct isakmp_notify *n, struct ike_outbox *out);
/* An ACK under a message ID that was used before: reported, and nothing else. */
void v1_dpd_take_again(struct v1_sa *sa, const struct isakmp_notify *n, struct ike_outbox *out);
/* Describes in ${text} why an ACK does not answer R-U-THERE ${asked}: "with number 7 where 123 was asked". */
#define V1_DPD_ODD	96
const char *v1_dpd_odd(const struct v1_sa *sa, const struct isakmp_notify *n, uint32_t asked,
    char text[V1_DPD_ODD]);
void v1_dpd_send(struct v1_sa *sa, uint16_t type, uint32_t seq, struct ike_outbox *out);
/*
 * Whether an R-U-THERE that proved to be the peer's is newer than all before, or an ACK answers the last
 * question. True of other notifies.
 */
bool v1_dpd_newest(const struct v1_sa *sa, const struct isakmp_notify *n);
/* The number of an R-U-THERE or ACK; false if it is not about this SA. */
bool v1_dpd_number(const struct v1_sa *sa, const struct isakmp_notify *n, uint32_t *seq);
/*
 * The first number to use at ${now} when other processes of this machine may have used some: above theirs, also where
 * somebody has set the date back or forward since, and after a restart of the machine.
 */
uint32_t v1_dpd_start(const struct v1_sa *sa, struct now now);
/* Another machine has used numbers, by its own time: this one's go on in the lap above. */
void v1_dpd_leap(struct v1_sa *sa, struct now now);

#endif
