/*
 * The part of IKEv1 phase 1 that needs no credentials: builds first messages and message 3,
 * and parses the answers. Pure functions of their arguments.
 */
#ifndef SAPIPE_PROBE_PROBE_H
#define SAPIPE_PROBE_PROBE_H

#include "crypto/crypto.h"
#include "crypto/proposal.h"
#include "wire/id.h"
#include "wire/isakmp.h"

#define PROBE_OFFER_MAX	32	/* transforms in one first message: 1300 bytes with all else */
#define PROBE_MSG_MAX	1400	/* bytes of a message that is hardly ever cut into fragments */
#define PROBE_VIDS_MAX	32
#define PROBE_CERTS_MAX	8
#define PROBE_CERT_REQS_MAX 48
#define PROBE_CA_MAX	1024	/* bytes of a CA's name */

struct probe_transform {
	struct ike_proposal	p;	/* no member is NULL in an offer */
	uint16_t		auth;	/* enum ike_auth */
};

struct probe_offer {
	size_t			n;
	struct probe_transform	t[PROBE_OFFER_MAX];
	bool			cert_req;	/* aggressive mode: ask for a certificate of any CA */
};

/*
 * Broad offers to knock with, the likeliest first: combinations of common algorithms with one
 * authentication method each. False after the last.
 */
bool probe_offer_broad(struct probe_offer *o, size_t i);

/* The body of an SA payload with these transforms, in their order. */
void probe_offer_put(struct wr *w, const struct probe_offer *o);

#define PROBE_VIDS		1u	/* NAT traversal and DPD, so that the peer names its own */
#define PROBE_VID_FRAGMENTS	2u	/* IKE fragments: the peer may send them, then */

/*
 * Message 1 of main mode into ${buf}, with the vendor IDs of ${vids}: PROBE_VID... The message, or
 * an empty span if it does not fit.
 */
struct span probe_main1(uint8_t buf[PROBE_MSG_MAX], const uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, unsigned vids);

/*
 * The same, ${len} bytes long (up to ${cap} and 64 KiB) by a vendor ID of zeros, which every peer
 * has to skip.
 */
struct span probe_main1_long(uint8_t *buf, size_t cap, const uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, size_t len);

/*
 * Message 3 of main mode: KE, nonce, and with ${natd_type} not 0 that payload for each of ${natd}
 * (the peer's end first, RFC 3947 section 3.2). A shorter message is padded to ${len} bytes as above.
 */
struct span probe_main3(uint8_t *buf, size_t cap, const uint8_t cky_i[COOKIE_LEN],
    const uint8_t cky_r[COOKIE_LEN], struct span ke, struct span nonce, uint8_t natd_type,
    const struct span *natd, size_t n_natd, size_t len);

/* Message 1 of aggressive mode, with vendor IDs; all transforms of ${o} have the group of ${ke}. */
struct span probe_aggressive1(uint8_t buf[PROBE_MSG_MAX], const uint8_t cky_i[COOKIE_LEN],
    const struct probe_offer *o, struct span ke, struct span nonce, const struct id *id);

enum probe_kind {
	PROBE_NO_ANSWER,	/* not an answer to this cookie, or nonsense */
	PROBE_CHOICE,		/* an SA payload */
	PROBE_NOTIFY,		/* a notify in clear */
	PROBE_KEY,		/* KE and nonce: message 4 of main mode */
	PROBE_VERSION,		/* in another version of IKE */
	PROBE_OTHER,		/* bears our cookie, holds nothing of the above */
};

struct probe_answer {		/* spans point into the datagram */
	enum probe_kind		kind;
	struct isakmp_hdr	hdr;
	uint16_t		notify;		/* of PROBE_NOTIFY */
	bool			chosen;		/* ${choice} is one of the registry's */
	struct probe_transform	choice;		/* unknown algorithms are NULL */
	uint64_t		life_s;		/* of the choice, 0: absent */
	struct span		sa_b, ke_b, nonce_b, id_b;	/* empty: none */
	size_t			n_vids;
	struct span		vids[PROBE_VIDS_MAX];
	size_t			n_natd;
	struct span		natd[16];
	size_t			n_certs, n_cert_reqs;
	struct span		certs[PROBE_CERTS_MAX], cert_reqs[PROBE_CERT_REQS_MAX];	/* bodies, encoding first */
};

/* Parses ${dgram} as an answer to a first message with ${cky_i}. Never fails: see ${a}->kind. */
void probe_answer_get(struct probe_answer *a, const uint8_t cky_i[COOKIE_LEN], struct span dgram);

#endif
