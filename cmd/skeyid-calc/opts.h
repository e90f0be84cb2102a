#ifndef SAPIPE_SKEYID_OPTS_H
#define SAPIPE_SKEYID_OPTS_H

#include "calc.h"
#include "cli/opt.h"
#include "trace/dissect.h"
#include "capture/capture.h"

struct calc_opts {
	uint8_t		sub;			/* enum calc_sub */
	const char	*hex[V_HEX_COUNT];
	struct opt_list	private;
	const char	*hash, *cipher, *group, *esp, *ah, *ip, *peer_ip, *psk_text, *psk_file,
			*sa, *seed, *capture, *spi_in, *spi_out;
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

/* enc | auth of one direction, as KEYMAT has them; empty if both are. 0, or -1 with FAULT_MEMORY. */
int calc_join(struct secret *out, const struct secret *enc, const struct secret *auth,
    struct fault *f);

/*
 * Calls ${each} with every IKE message in the capture ${path}, opened with ${keys} (may be NULL) where they are its
 * own; both are good until it returns, 0 to go on, or -1 with a fault. 0, or -1: a fault of the capture, memory, or
 * of ${each}.
 */
typedef int calc_each(void *arg, const struct capture_packet *p, struct v1_told *m, struct fault *f);
int calc_messages(const char *path, const struct sa_set *keys, calc_each *each, void *arg,
    struct fault *f);

/*
 * Whether the given key is that of the phase 1 in ${path}: the first, or the one with the given CKY-I. Takes what is on
 * the wire as values; the outcome is a result. 0: yes; -1 with FAULT_WRONG_PSK: no; else it cannot be told.
 */
int calc_check(struct calc *c, const char *path, struct fault *f);

/* The values of --private, which walk and keymat take several of. */
#define CALC_PRIVATES	OPT_LIST_MAX
struct calc_privates {
	size_t		n;
	struct secret	v[CALC_PRIVATES];
};

/*
 * Every value of the exchanges in ${path}, message by message, printed as they come: computed as far as ${c}, the SA
 * state in ${sa} (may be NULL) and ${privates} go, and held against the wire and the state. 0: nothing differs; -1
 * with FAULT_PROTOCOL: something does; else it cannot be told.
 */
int calc_walk(struct calc *c, const char *path, const char *sa, const struct calc_privates *privates,
    const struct calc_opts *o, struct fault *f);

#endif
