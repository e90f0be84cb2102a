/* CERT and CERTREQ payloads in words. */
#ifndef SAPIPE_TRACE_PAYLOAD_TEXT_CERT_H
#define SAPIPE_TRACE_PAYLOAD_TEXT_CERT_H

#include "ike/v1base/sa_payload.h"

/* Adds the words for the body of a CERT or (${request}) a CERTREQ payload, lines that end in a newline. */
void v1_cert_words(struct sa_text *t, struct span body, bool request);

#endif
