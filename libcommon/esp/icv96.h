/* An ICV of HMAC-SHA-256 that was truncated to 96 bits, as before RFC 4868. */
#ifndef SAPIPE_ESP_ICV96_H
#define SAPIPE_ESP_ICV96_H

#include "base/secret.h"
#include "sa/record.h"

#define ICV96_HINT	"the sender truncates sha256 to 96 bits: use sha256_96"

/* The key of the direction of ${rec} (${in}: inbound) if it can be so: ESP, HMAC-SHA-256-128, no ESN. Else NULL. */
const struct secret *icv96_key(const struct sa_child *rec, bool in);
/*
 * Whether the last 12 bytes of the ESP packet ${esp} (SPI to ICV) authenticate the rest under ${key}. RFC 4868, 2.3
 * has 16. Needs no packet of a particular length.
 */
bool icv96_is(const struct secret *key, struct span esp);

#endif
