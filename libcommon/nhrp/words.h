/*
 * NHRP packets in words, for people: a label and lines of detail. Pure. A secret of a clear-text authentication
 * extension is never among the words.
 */
#ifndef SAPIPE_NHRP_WORDS_H
#define SAPIPE_NHRP_WORDS_H

#include "nhrp/packet.h"

#define NHRP_LABEL	256
#define NHRP_WORDS	8192	/* room for the lines of a usual packet; more is cut */

/* "registration request 1: 10.255.255.1 -> 10.255.255.254". Returns ${out}. */
char *nhrp_label(char out[NHRP_LABEL], const struct nhrp_packet *p);
/* The rest of the packet in lines that end with '\n'. Returns ${out}. */
char *nhrp_words(char *out, size_t cap, const struct nhrp_packet *p);
/* One CIE: "success, 10.255.255.1 at 203.0.113.11, holding time 60 s". Returns ${out}. ${reply}: the code means something. */
char *nhrp_cie_words(char *out, size_t cap, const struct nhrp_cie *c, bool reply);
/* The flags of ${p} in words, or "". Returns ${out}. */
char *nhrp_flag_words(char *out, size_t cap, const struct nhrp_packet *p);

#endif
