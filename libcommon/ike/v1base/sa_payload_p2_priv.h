/* What sa_payload_p2.c and sa_payload_p2_cmp.c share. */
#ifndef SAPIPE_IKE_V1BASE_SA_PAYLOAD_P2_PRIV_H
#define SAPIPE_IKE_V1BASE_SA_PAYLOAD_P2_PRIV_H

#include "ike/v1base/sa_payload_p2.h"

#define SPI_LEN		4
#define SPI_RESERVED	255	/* SPIs up to here are IANA's, RFC 4303 section 2.1 */
#define ESN_64BIT	1	/* RFC 4304 */

/* The requirements of one end, besides its list. */
struct want {
	const struct ike_policy	*p;
	const struct esp_proposals *own;	/* of ${proto}: ${p}->esp, or its AH around that */
	enum sa_proto		 proto;
	const uint16_t		*encaps;
	size_t			 n_encaps;
	size_t			 ke_len;
};

/*
 * A transform as offered; members of the proposal are NULL where the registry has no such row.
 * ESP's integrity and 96-bit SHA-256 share a number, so integ is but the first with it.
 */
struct t2 {
	struct sa_values	v;
	uint8_t			proto, id;
	struct esp_proposal	p;
	uint16_t		encap;		/* 0: named none */
};

/* The differences of two proposals, in the order of reporting. */
enum {
	D_PROTO = 1, D_ENC = 2, D_INTEG = 4, D_ESN = 8, D_ENCAP = 16, D_GROUP = 32, D_REFUSED = 64,
	D_MODE = 128,		/* nothing but D_ENCAP, and it is tunnel against transport */
};

extern const struct sa_rules p2_rules;

uint8_t p2_proto_num(enum sa_proto proto);
/* How many proposals have the number ${num}, of ${proto} (0: of any): all of a number make one offer (RFC 2408, 4.2). */
size_t p2_of_number(const struct isakmp_sa *sa, uint8_t num, uint8_t proto);
/* ${wire}, a transform of ${prop}, as values. ${ke_len}: as p2_choose(). */
void p2_get(struct t2 *t, const struct isakmp_sa *sa, const struct isakmp_proposal *prop,
    const struct isakmp_transform *wire, size_t ke_len);
/* How ${t} differs from ${p}: D_ bits. */
unsigned p2_diff(const struct t2 *t, const struct esp_proposal *p, const struct want *w);
/* Text of ${t}; algorithms that the registry does not have are printed as numbers. Returns ${out}. */
char *p2_text(char out[SA_WORDS], const struct t2 *t, const struct want *w);
/* The first difference of the closest offer, as text and as bits. */
unsigned p2_difference(struct sa_text *x, const struct isakmp_sa *sa, const struct want *w);

#endif
