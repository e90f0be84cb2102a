/* Options of skeyid-calc, and its files: SA state and captures. */
#ifndef SAPIPE_SKEYID_OPTS_H
#define SAPIPE_SKEYID_OPTS_H

#include "cli/opt.h"
#include "explain/values.h"
#include "tool/creds_opt.h"
#include "trace/dissect.h"

struct calc_opts {
	uint8_t		sub;			/* enum calc_sub */
	const char	*hex[V_HEX_COUNT];
	struct opt_list	private;
	struct creds_opts creds;
	const char	*hash, *cipher, *group, *esp, *ah, *ip, *peer_ip, *psk_text, *psk_file,
			*sa, *seed, *capture, *spi_in, *spi_out, *prime, *generator, *peer_private;
	uint8_t		auth, protocol, role;
	uint16_t	port, peer_port;
	uint32_t	length;
	uint64_t	time;
	bool		json, explain;
};
#define CALC_OPTS_DEFAULT	{0}

extern const struct opt calc_optab[];

/* Sets the values that the options give. 0, or -1 with FAULT_USAGE, FAULT_BAD_PROPOSAL or FAULT_BAD_ADDRESS. */
int calc_from_opts(struct calc *c, const struct calc_opts *o, struct rand_seed *seed,
    struct fault *f);

/*
 * Sets values that no option gave from the last IKE SA and the last child SA in ${path} ("-": standard input). 0, or
 * -1 with a fault.
 */
int calc_from_state(struct calc *c, const char *path, struct fault *f);

/*
 * Calls ${each} with every IKE datagram in the capture ${path} ("-": standard input), which is valid until it
 * returns: 0 to continue, or -1 with a fault. 0, or -1: a fault of the capture, or of ${each}.
 */
typedef int calc_each(void *arg, const struct v1_seen *in, struct fault *f);
int calc_messages(const char *path, calc_each *each, void *arg, struct fault *f);

/* The values of --private; walk accepts several. */
#define CALC_PRIVATES	OPT_LIST_MAX
struct calc_privates {
	size_t		n;
	struct secret	v[CALC_PRIVATES];
};

/*
 * Prints every value of the exchanges in ${path}, message by message: computed from ${c}, the SA state in ${sa} (may
 * be NULL) and ${privates}, signatures verified by ${trust}, and compared with the wire and the state. 0: nothing differs; -1 with FAULT_PROTOCOL:
 * a value differs; another fault: the capture cannot be read, or holds no IKEv1.
 */
int calc_walk(const struct calc *c, const char *path, const char *sa,
    const struct calc_privates *privates, const struct creds *trust, const struct calc_opts *o, struct fault *f);

#endif
