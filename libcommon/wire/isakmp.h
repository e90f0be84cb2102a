/*
 * ISAKMP framing (RFC 2408 section 3): header, payload chain, SA, proposal
 * and transform payloads, attributes, notify and delete. Syntax only: ike/
 * decides which payloads an exchange requires. Nothing is allocated or copied:
 * decoded spans point into the datagram, which must outlive them.
 */
#ifndef SAPIPE_WIRE_ISAKMP_H
#define SAPIPE_WIRE_ISAKMP_H

#include "base/fault.h"
#include "base/span.h"
#include "wire/isakmp_num.h"
#include "wire/wr.h"

#define ISAKMP_HDR_LEN		28
#define ISAKMP_PAYLOAD_HDR_LEN	4
#define COOKIE_LEN		8
/* Limits of what is accepted from the wire, all in one place. */
#define ISAKMP_MSG_MAX		65507	/* bytes: a UDP datagram's payload */
#define ISAKMP_PAYLOADS_MAX	64	/* payloads in a message */
#define ISAKMP_PROPOSALS_MAX	64	/* proposal payloads in an SA payload */
#define ISAKMP_TRANSFORMS_MAX	256	/* transforms in an SA payload, over all proposals */
#define ISAKMP_ATTRS_MAX	32	/* attributes in a transform */
#define ISAKMP_SPIS_MAX		64	/* SPIs in a delete payload */

struct isakmp_hdr {
	uint8_t		cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	uint8_t		next;		/* enum isakmp_payload_type */
	uint8_t		version;	/* 0x10 is IKEv1 */
	uint8_t		exchange;	/* enum isakmp_exchange */
	uint8_t		flags;		/* ISAKMP_FLAG_* */
	uint32_t	mid;		/* message ID; 0 in phase 1 */
	uint32_t	length;		/* bytes, header included */
};

struct isakmp_payload {
	uint8_t		type;		/* enum isakmp_payload_type */
	struct span	body;		/* after the generic header */
	struct span	raw;		/* with the generic header */
};

struct isakmp_msg {
	struct isakmp_hdr	hdr;
	struct span		raw;	/* header.length bytes of the datagram */
	size_t			n;
	struct isakmp_payload	pl[ISAKMP_PAYLOADS_MAX];
	/* Bytes after the last payload: padding, of an encrypted message or of one in clear. */
	struct span		trailer;
};

/*
 * Parses the header only, from the first 28 bytes of ${dgram}. Checks that the length
 * field covers at least the header and at most ${dgram}; bytes after that length are
 * ignored. 0, or -1 with FAULT_TRUNCATED or FAULT_MALFORMED.
 */
int isakmp_hdr_get(struct isakmp_hdr *h, struct span dgram, struct fault *f);
void isakmp_hdr_put(struct wr *w, const struct isakmp_hdr *h);

/*
 * Parses the payload chain in ${body}: the message after the header, decrypted if it was
 * encrypted; ${m}->hdr.next is the type of the first payload. Fills ${m}->pl, n and trailer; the
 * caller fills hdr and raw. Reserved bytes are ignored. Each length must be at least
 * 4 and at most the remaining bytes. Payloads of unknown type are kept for the exchange to decide.
 * Bytes after the last payload are allowed if ${padded}, else only up to three zero bytes. 0, or -1 with FAULT_MALFORMED
 * or FAULT_TOO_LARGE and the offset from the start of ${body}; m->n is then 0.
 */
int isakmp_chain_get(struct isakmp_msg *m, struct span body, bool padded, struct fault *f);

/*
 * Parses the header, and the chain unless the message is encrypted: n is then 0 until the caller
 * has decrypted it and called isakmp_chain_get(). Offsets count from the header.
 */
int isakmp_msg_get(struct isakmp_msg *m, struct span dgram, struct fault *f);

/* The first payload of ${type}, or the next one after ${after}; NULL if there is none. */
const struct isakmp_payload *isakmp_find(const struct isakmp_msg *m, uint8_t type,
    const struct isakmp_payload *after);

/*
 * Building. The type of each payload is in the previous payload; a builder stores the offset of
 * that byte. Use: isakmp_begin, then for each payload isakmp_payload_begin, wr_* into
 * ${b}->w, isakmp_payload_end; then padding for the cipher, if any, by wr_zeros(); last
 * isakmp_end. ${h}'s next and length are ignored. What does not fit sets ${b}->w.bad.
 */
struct isakmp_builder {
	struct wr	w;
	size_t		next_at;	/* offset of the pending "next payload" byte */
	size_t		payload_at;	/* offset of the open payload, or 0 */
};
void isakmp_begin(struct isakmp_builder *b, uint8_t *buf, size_t cap, const struct isakmp_hdr *h);
void isakmp_payload_begin(struct isakmp_builder *b, uint8_t type);
void isakmp_payload_end(struct isakmp_builder *b);
/* begin, bytes, end in one. */
void isakmp_payload_put(struct isakmp_builder *b, uint8_t type, struct span body);
/* Sets the header's length field; returns the message, empty if it did not fit. */
struct span isakmp_end(struct isakmp_builder *b);

/* Attributes, RFC 2408 section 3.3. */
struct isakmp_attr {
	uint16_t	type;		/* without the AF bit */
	bool		basic;		/* TV: the value is in ${value} */
	uint64_t	value;		/* of either form; UINT64_MAX if it is longer */
	struct span	bytes;		/* the value as on the wire */
};
struct isakmp_attrs {
	size_t			n;
	struct isakmp_attr	a[ISAKMP_ATTRS_MAX];
};
/* 0, or -1 with FAULT_MALFORMED or FAULT_TOO_LARGE and the offset in ${s}. */
int isakmp_attrs_get(struct isakmp_attrs *out, struct span s, struct fault *f);
/* Basic form if ${value} fits 16 bits, else four bytes in variable form. */
void isakmp_attr_put(struct wr *w, uint16_t type, uint32_t value);
/* Variable form. No tool sends one; the tests parse what this function writes. */
void isakmp_attr_put_bytes(struct wr *w, uint16_t type, struct span value);

/* SA payload, RFC 2408 sections 3.4 to 3.6, RFC 2407 section 4.6.1. */
struct isakmp_transform {
	uint8_t		num, id;
	struct span	attrs;		/* isakmp_attrs_get() reads them */
};
struct isakmp_proposal {
	uint8_t		num, proto;
	struct span	spi;		/* 0 to 16 bytes */
	size_t		n;		/* transforms, consecutive in isakmp_sa.t ... */
	size_t		first;		/* ... from here */
};
struct isakmp_sa {
	uint32_t		doi, situation;
	size_t			np, nt;
	struct isakmp_proposal	p[ISAKMP_PROPOSALS_MAX];
	struct isakmp_transform	t[ISAKMP_TRANSFORMS_MAX];
};
/*
 * Parses the payload's body. It accepts only the IPsec DOI with SIT_IDENTITY_ONLY, since other
 * situations add fields. The transform count of each proposal must match its chain, and no
 * byte may remain. 0, or -1 with FAULT_MALFORMED or FAULT_TOO_LARGE and the offset.
 */
int isakmp_sa_get(struct isakmp_sa *sa, struct span body, struct fault *f);
/* Writes the body (for isakmp_payload_begin ... end) of ${sa}. */
void isakmp_sa_put(struct wr *w, const struct isakmp_sa *sa);

/* Notification, RFC 2408 section 3.14. */
struct isakmp_notify {
	uint32_t	doi;
	uint8_t		proto;
	uint16_t	type;		/* enum isakmp_notify_type */
	struct span	spi, data;
};
int isakmp_notify_get(struct isakmp_notify *n, struct span body, struct fault *f);
void isakmp_notify_put(struct wr *w, const struct isakmp_notify *n);

/* Delete, RFC 2408 section 3.15. */
struct isakmp_delete {
	uint32_t	doi;
	uint8_t		proto, spi_len;
	size_t		n;		/* at most ISAKMP_SPIS_MAX */
	struct span	spis;		/* n times spi_len bytes */
};
int isakmp_delete_get(struct isakmp_delete *d, struct span body, struct fault *f);
void isakmp_delete_put(struct wr *w, const struct isakmp_delete *d);

#endif
