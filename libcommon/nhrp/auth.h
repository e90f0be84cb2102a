/*
 * The authentication extension (RFC 2332 section 5.3.4), hop by hop, in two forms: the RFC's HMAC-MD5 over the packet, whose
 * authentication data and checksum count as zero, with SPI and source address; and the clear text of Cisco, FRR and
 * OpenNHRP, up to 8 characters. Neither protects against replay.
 */
#ifndef SAPIPE_NHRP_AUTH_H
#define SAPIPE_NHRP_AUTH_H

#include "base/secret.h"
#include "nhrp/packet.h"

#define NHRP_AUTH_CLEAR_MAX	8	/* characters of the clear text */
#define NHRP_AUTH_HEAD		4	/* bytes of the extension before the address or the clear text */

enum nhrp_auth_kind { NHRP_AUTH_NONE, NHRP_AUTH_CLEAR, NHRP_AUTH_HMAC };

struct nhrp_auth {		/* all zero: no extension is sent or required */
	enum nhrp_auth_kind	kind;
	uint16_t		spi;	/* HMAC */
	struct secret		secret;
};

enum nhrp_auth_verdict { NHRP_AUTH_GOOD, NHRP_AUTH_MISSING, NHRP_AUTH_OTHER_FORM, NHRP_AUTH_WRONG };

/*
 * nhrp_encode() with one authentication extension, before those that follow it in FRR; an extension of that type in
 * ${p} is replaced. ${own}: our protocol address. The length; 0: no room, or FAULT_CRYPTO.
 */
size_t nhrp_encode_auth(uint8_t *out, size_t cap, const struct nhrp_packet *p, const struct nhrp_auth *a,
    const struct addr *own, struct fault *f);
/* Whether the packet ${p}, decoded from ${s}, proves knowledge of the secret. Without a secret: NHRP_AUTH_GOOD. */
enum nhrp_auth_verdict nhrp_auth_check(const struct nhrp_auth *a, const struct nhrp_packet *p, struct span s);
/* In words: "no authentication extension". */
const char *nhrp_auth_words(enum nhrp_auth_verdict v);

#endif
