/*
 * Extensions of NHRP packets (RFC 2332 section 5.3): find, set, append. The data of an extension that is set lies in
 * an arena, which the caller keeps until the packet is encoded.
 */
#ifndef SAPIPE_NHRP_EXT_H
#define SAPIPE_NHRP_EXT_H

#include "nhrp/packet.h"

struct nhrp_arena {		/* all zero is empty */
	uint8_t	b[NHRP_PACKET_MAX];
	size_t	n;
};

/* The first extension of ${type}; NULL: there is none. */
struct nhrp_ext *nhrp_ext_find(struct nhrp_packet *p, uint16_t type);
/* Appends an extension. 0, or -1: NHRP_EXTS_MAX. */
int nhrp_ext_add(struct nhrp_packet *p, uint16_t type, bool compulsory, struct span data);
/* Removes each extension of ${type}. */
void nhrp_ext_drop(struct nhrp_packet *p, uint16_t type);

/* The CIEs of ${e}. 0, or -1: they are malformed, or more than ${max}. */
int nhrp_ext_cies(const struct nhrp_ext *e, const struct nhrp_packet *p, struct nhrp_cie *cie, size_t max, size_t *n);
/* Appends a CIE to the data of ${e}. 0, or -1: no room. */
int nhrp_ext_append(struct nhrp_ext *e, const struct nhrp_cie *c, struct nhrp_arena *a);
/* Whether a CIE of ${e} has the protocol address ${proto}: of a transit record, a loop. */
bool nhrp_ext_names(const struct nhrp_ext *e, const struct nhrp_packet *p, const struct addr *proto);

#endif
