/*
 * The codec of NHRP packets (RFC 2332 section 5): fixed part, mandatory part, extensions. A decoded packet borrows
 * spans of the received bytes and is valid as long as they are. nhrp_encode() of a decoded packet makes the same bytes.
 */
#ifndef SAPIPE_NHRP_PACKET_H
#define SAPIPE_NHRP_PACKET_H

#include "base/addr.h"
#include "base/fault.h"
#include "nhrp/num.h"

#define NHRP_CIES_MAX	16	/* of a packet, and of one extension */
#define NHRP_EXTS_MAX	16	/* of a packet, without the end */
#define NHRP_PACKET_MAX	4096	/* bytes; a longer one is an error */
#define NHRP_FIXED	20	/* bytes of the fixed part */

/* A client information entry (section 5.2.0.1). Addresses of family 0 are absent. */
struct nhrp_cie {
	uint8_t		code;		/* NHRP_CODE_ in a reply */
	uint8_t		prefix;		/* length of the prefix of ${proto}; 0xff: unique, the address alone */
	uint16_t	unused;
	uint16_t	mtu;		/* 0: not said */
	uint16_t	holding;	/* seconds */
	uint8_t		preference;
	bool		e164;		/* bit 6 of the NBMA type and length */
	struct addr	nbma, proto;
	struct span	sub;		/* NBMA subaddress */
};

struct nhrp_net {
	struct addr	net;
	uint8_t		prefix;
};

struct nhrp_ext {
	uint16_t	type;		/* NHRP_EXT_, 14 bits */
	bool		compulsory, unused;	/* the two bits above it */
	struct span	data;
};

struct nhrp_packet {
	uint16_t	afn;		/* NHRP_AFN_, the family of NBMA addresses */
	uint16_t	proto;		/* NHRP_PROTO_IPV4 or _IPV6, the family of protocol addresses */
	uint8_t		snap[5];
	uint8_t		hops;
	uint8_t		type;		/* NHRP_RESOLUTION_REQUEST ... */
	bool		e164;
	uint16_t	flags;
	uint32_t	id;		/* request ID; not in indications */
	uint16_t	error, error_at;	/* indications: the code, and the offset of what is wrong */
	struct addr	src_nbma;
	struct span	src_sub;
	struct addr	src, dst;	/* protocol addresses */
	struct nhrp_cie	cie[NHRP_CIES_MAX];
	size_t		n_cies;
	struct span	inner;		/* of an indication: the head of the packet that it is about */
	struct nhrp_ext	ext[NHRP_EXTS_MAX];
	size_t		n_exts;
	bool		has_exts;	/* there is an extension part; the end alone counts */
	bool		odd_sum;	/* the checksum has the odd last byte as low byte, as FRR's was until June 2026 */
};

static inline bool
nhrp_is_indication(uint8_t type)
{
	return (type == NHRP_ERROR_INDICATION || type == NHRP_TRAFFIC_INDICATION);
}

/*
 * Decodes ${s}, which may have padding behind the packet. 0, or -1 with FAULT_TRUNCATED, FAULT_MALFORMED,
 * FAULT_TOO_LARGE or FAULT_WRONG_VERSION, whose ${at} is the offset of what is wrong.
 */
int nhrp_decode(struct nhrp_packet *p, struct span s, struct fault *f);

/* Writes ${p} with its checksum into ${out}. Its length; 0: it does not fit ${cap}, or exceeds NHRP_PACKET_MAX. */
size_t nhrp_encode(uint8_t *out, size_t cap, const struct nhrp_packet *p);

/* Sets the checksum of an encoded packet; for who changes it afterwards. */
void nhrp_checksum_put(uint8_t *packet, size_t len);

/* CIEs one after the other, as in an extension. ${n}: how many; 0, or -1 with FAULT_. Families as the packet ${of}. */
int nhrp_cies_get(struct nhrp_cie *cie, size_t max, size_t *n, struct span s, const struct nhrp_packet *of, size_t at,
    struct fault *f);
/* Writes CIEs; their length, 0: they do not fit. */
size_t nhrp_cies_put(uint8_t *out, size_t cap, const struct nhrp_cie *cie, size_t n);

/* The AFN and the protocol type of a family, 4 or 6. */
static inline uint16_t
nhrp_afn_of(uint8_t family)
{
	return (family == 6 ? NHRP_AFN_IPV6 : NHRP_AFN_IPV4);
}

static inline uint16_t
nhrp_proto_of(uint8_t family)
{
	return (family == 6 ? NHRP_PROTO_IPV6 : NHRP_PROTO_IPV4);
}

#endif
