#ifndef SAPIPE_SKEYID_OPTS_H
#define SAPIPE_SKEYID_OPTS_H

#include "calc.h"
#include "cli/opt.h"

struct calc_opts {
	uint8_t		sub;			/* enum calc_sub */
	const char	*hex[V_HEX_COUNT];
	const char	*hash, *cipher, *group, *esp, *ah, *ip, *peer_ip, *psk_text, *psk_file,
			*sa, *seed, *capture;
	uint8_t		auth, protocol, role;
	uint16_t	port, peer_port;
	uint32_t	length;
	uint64_t	time;
	bool		json, explain;
};
#define CALC_OPTS_DEFAULT	{0}

extern const struct opt calc_optab[];

/* From options, words and hex to values; FAULT_USAGE or FAULT_BAD_PROPOSAL. */
int calc_from_opts(struct calc *c, const struct calc_opts *o, struct rand_seed *seed,
    struct fault *f);

/*
 * From the SA state in ${path} ("-": standard input), where the options left something open: the
 * last IKE SA and the last child SA in it. 0, or -1.
 */
int calc_from_state(struct calc *c, const char *path, struct fault *f);

/*
 * Whether the given key is that of the phase 1 in ${path}: the first, or the one with the given CKY-I. Takes what is on
 * the wire as values; the outcome is a result. 0: yes; -1 with FAULT_WRONG_PSK: no; else it cannot be told.
 */
int calc_check(struct calc *c, const char *path, struct fault *f);

/* On standard output: lines `NAME = hex`, one JSON object, and before them every step. */
void calc_print(const struct calc *c, bool json, bool explain);

#endif
