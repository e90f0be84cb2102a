/* GRE and NHRP, in clear or inside of ESP and AH whose keys are known. */
#ifndef SAPIPE_IKE_TRACE_INSIDE_H
#define SAPIPE_IKE_TRACE_INSIDE_H

#include "trace.h"

#define GRE_FLOWS	1024	/* packets of others are counted together */

struct trace_carrier {		/* what carries a packet of NHRP, or a flow of GRE */
	bool		gre;		/* else IP, protocol 54 */
	int64_t		key;		/* of GRE; -1: none */
	uint8_t		ipsec;		/* decrypted from 50 (ESP) or 51 (AH); 0: in clear */
	uint8_t		spi[4];		/* ... with this SPI */
};

struct gre_flow {		/* from one address to another, with one key, in clear or not */
	struct addr	src, dst;
	struct trace_carrier by;	/* of the first packet */
	uint16_t	begins;		/* the protocol type of the first packet */
	uint64_t	packets, bytes, first_us, last_us;
	uint64_t	ipv4, ipv6, nhrp, other;
};

struct inside;

/* Takes the keys of the child SAs of ${t}->keys. NULL with FAULT_MEMORY, FAULT_CRYPTO. */
struct inside *inside_new(const struct trace *t, struct fault *f);
void inside_free(struct inside *in);		/* wipes; NULL is fine */

/* A packet of GRE, or of NHRP in IP. */
void inside_packet(struct trace *t, const struct trace_view *v, const struct capture_packet *p);
/* A packet of ESP or AH: shows the GRE or NHRP in it, if the keys are known. */
void inside_ipsec(struct trace *t, const struct trace_view *v, const struct capture_packet *p);

/* Flows in order of appearance; NULL after the last. */
const struct gre_flow *inside_flow(const struct inside *in, size_t i);

/* "GRE key 42", "NHRP in IP", "GRE key 42 in ESP 0a0b0c0d". Returns ${out}. */
#define CARRIER_TEXT	64
char *carrier_text(char out[CARRIER_TEXT], const struct trace_carrier *by);
/* "GRE key 42 begins, with IPv4". Returns ${out}. */
#define GRE_LABEL	96
char *gre_label(char out[GRE_LABEL], const struct gre_flow *f);
/* The lines about a flow at the end; the first is its heading. "${a}\n${b}". Returns ${out}. */
#define GRE_WORDS	256
char *gre_words(char out[GRE_WORDS], const struct gre_flow *f);

#endif
