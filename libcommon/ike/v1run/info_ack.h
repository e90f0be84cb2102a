/*
 * The acknowledged informational exchange (34) of draft-ietf-ipsec-ike-01, which no RFC has:
 *
 *	HDR*, HASH(1), Ni, N/D   -->
 *	                         <--   HDR*, HASH(2), Nr, N/D
 *
 * HASH(2) is that of quick mode, the answer has the message ID of the question, and repeats its notifies and deletes. This
 * end answers it and never begins it. That form was compared neither with the text of the draft nor with another
 * implementation, as neither was at hand: pluto knows the number and refuses the exchange.
 */
#ifndef SAPIPE_IKE_V1RUN_INFO_ACK_H
#define SAPIPE_IKE_V1RUN_INFO_ACK_H

#include "ike/v1run/ike_sa.h"

/*
 * Answers ${m}, which v1_info_open() has opened, at ${now}. Nothing is sent where it has no nonce of legal length, or was
 * answered a moment ago.
 */
void v1_info_acknowledge(struct v1_sa *sa, struct now now, const struct isakmp_msg *m, struct ike_outbox *out);

#endif
