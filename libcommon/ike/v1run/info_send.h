/* Informational messages: notifies and deletes, sent and opened. */
#ifndef SAPIPE_IKE_V1RUN_INFO_SEND_H
#define SAPIPE_IKE_V1RUN_INFO_SEND_H

#include "ike/v1run/ike_sa.h"

/* A notify under the SA's keys. ${spi} as the notify wants it. */
void v1_info_notify(struct v1_sa *sa, uint8_t proto, uint16_t type, struct span spi,
    struct span data, struct ike_outbox *out);
/* A notify in clear, from before there are keys. */
void v1_info_notify_clear(struct v1_sa *sa, uint16_t type, struct ike_outbox *out);
/* The same to a peer without an SA, under the cookies that it used: 40 bytes. False: no random bytes. */
bool v1_info_notify_stranger(struct rand *r, const uint8_t cky_i[COOKIE_LEN], const uint8_t cky_r[COOKIE_LEN],
    uint16_t type, const struct endpoint *local, const struct endpoint *remote, struct ike_outbox *out);
void v1_info_delete(struct v1_sa *sa, uint8_t proto, struct span spi, struct ike_outbox *out);
/* Decrypts a message into ${buf} (ISAKMP_MSG_MAX bytes) and checks its HASH(1), which is the
 * first of ${m}'s payloads. 0, or -1 if it does not prove to be the peer's. */
int v1_info_open(struct v1_sa *sa, const struct isakmp_hdr *h, struct span dgram, uint8_t *buf,
    struct isakmp_msg *m);

#endif
