/* Runs an exchange of any kind by the rows of its table. */
#ifndef SAPIPE_IKE_V1RUN_RUNNER_H
#define SAPIPE_IKE_V1RUN_RUNNER_H

#include "ike/v1run/exchange.h"

/* Sends messages while it is this end's turn. 0, or -1: failed. */
int v1_exchange_run(struct v1_exchange *x, struct now now, struct ike_outbox *out,
    struct fault *f);

/*
 * Handles a datagram that belongs to ${x}. True if it was the message that ${x} waited
 * for: it has then passed the checks of its row, or is kept until they can be made (see
 * v1_exchange_answer()). A duplicate is answered with the stored reply. Other messages are
 * dropped and noted, and change nothing. While ${x} waits for an answer, it drops all messages.
 */
bool v1_exchange_datagram(struct v1_exchange *x, struct now now,
    const struct isakmp_hdr *h, struct span dgram, struct ike_outbox *out);

/* Whether ${dgram} is the message that ${x} accepted last. */
bool v1_exchange_came_again(const struct v1_exchange *x, const struct isakmp_hdr *h, struct span dgram);

/* The answer to the step of ${x} that waits, which runs again. False: none waits. */
bool v1_exchange_answer(struct v1_exchange *x, struct now now, const struct ike_answer *answer,
    struct ike_outbox *out);

#endif
