/*
 * Payloads of IKEv1 as text: proposals as users write them, identities, vendor IDs and notifies with their names and
 * meaning. Pure. The text is printable ASCII in lines that end with '\n'; other bytes of the wire become \xNN.
 */
#ifndef SAPIPE_TRACE_PAYLOAD_TEXT_H
#define SAPIPE_TRACE_PAYLOAD_TEXT_H

#include "base/addr.h"
#include "crypto/crypto.h"
#include "crypto/proposal.h"
#include "wire/isakmp.h"

#define V1_WORDS	16384	/* room for a payload of usual size; more is cut */
#define V1_WORDS_ROWS	32	/* lines of one payload at most; the last one counts the rest */

/* The context for the text of a payload. */
struct v1_words_of {
	const struct isakmp_hdr	*hdr;
	bool			 phase1;	/* SA payloads of phase 1, IDs of the ends */
	unsigned		 nth;		/* among those of its type in the message, from 0 */
	/* For NAT-D: the negotiated hash, the endpoints of the datagram. NULL: not known. */
	const struct alg_hash	*hash;
	const struct endpoint	*src, *dst;
	bool			 reveal;	/* passwords too */
};

/* The words of ${pl} into ${out}, cut to ${cap}; at least one line. */
char *v1_payload_words(char *out, size_t cap, const struct isakmp_payload *pl,
    const struct v1_words_of *of);

/*
 * Whether ${pl} holds a password, or is an attribute payload that cannot be parsed and may hold one: its bytes are then
 * for --reveal-keys only.
 */
bool v1_payload_secret(const struct isakmp_payload *pl);

/* The type of a payload by its number and exchange: 15 and 16 are NAT-D and NAT-OA of drafts. Others as they are. */
uint8_t v1_payload_meant(uint8_t type, uint8_t exchange);

/* The meaning of a notify for its reader, or NULL. */
const char *v1_notify_means(uint16_t type);

/* The lines of an SA payload. */
struct sa_text;
void v1_sa_words(struct sa_text *out, struct span body, bool phase1);
/*
 * The single transform that a responder chose in phase 1, members NULL where the registry has no such row. False if
 * it is none. ${auth} is enum ike_auth and may be NULL.
 */
bool v1_sa_chosen(struct span body, struct ike_proposal *p, uint16_t *auth);
/*
 * Of an SA payload of phase 2 the proposal number ${i}, from 0, with its first transform; members of ${p} NULL as
 * above. False: there is no such proposal, or it has no SPI of four bytes.
 */
struct v1_sa_proposal { uint8_t num, proto, spi[4]; struct esp_proposal p; };
bool v1_sa_proposal(struct span body, size_t i, struct v1_sa_proposal *out);

#endif
