/*
 * The file of peers, and of a tunnel: INI, a section for each peer, keys named as the options of ike-initiate,
 * ike-respond and esp-tun without their dashes, and `address`:
 *
 *	[defaults]			; optional, first: for all sections below
 *	ike = aes256-sha256-modp2048
 *
 *	[branch-7]
 *	address = 198.51.100.7		; or a network, FIRST-LAST, or any (the default)
 *	remote-id = branch7.example
 *	psk-file = branch7.psk		; relative to the peers file
 *	remote-ts = 10.7.0.0/24, 10.8.0.0/24
 *
 *	[group staff]			; of users of XAuth: pool, networks and what else clients get
 *	pool = 10.3.1.0/24
 *	local-ts = 10.2.0.0/16
 *
 * See ini_file.h for the form.
 */
#ifndef SAPIPE_TOOL_PEERS_FILE_H
#define SAPIPE_TOOL_PEERS_FILE_H

#include "base/fault.h"
#include "cli/ini_file.h"
#include "ike/policy.h"
#include "tool/section_opt.h"

#define PEERS_MAX	4096		/* sections */
#define PEERS_TUN_WORDS	2048		/* bytes of the options for esp-tun */

struct peers {
	size_t			 n;
	struct ike_policy	*p;	/* in the order of the file, names are the sections' */
	size_t			 n_groups;
	struct ike_policy	*groups;	/* of the sections [group NAME], by name: see struct ike_conf */
	struct run_opts		 run;		/* what the sections say of the negotiator; its texts are in ${values} */
	const char		*address;	/* of the section that was picked, likewise */
	uint16_t		 auth;		/* its method, enum ike_auth */
	char			 tun_words[PEERS_TUN_WORDS];	/* what they say to esp-tun; of a responder only */
	struct ini_values	 values;
};

/* A section, for peers_file_check(). Texts are valid during the call. */
struct peers_line {
	const char	*name;
	bool		 initiator;
	const char	*address;	/* NULL: not given */
	const char	*tun;		/* NULL: not given */
	const char	*tun_words;	/* of each tool: see section_words() */
	const char	*gre_words, *nhrp_words, *probe_words;
	const struct link_opts *link;
};

struct peers_check {
	void	(*line)(void *ctx, const struct peers_line *l);	/* a section without faults */
	void	(*wrong)(void *ctx, const struct fault *f);
	void	*ctx;
};

/*
 * Reads ${path} ('-' for standard input, secret files then count from the working directory). Unknown
 * or repeated keys and sections, two sections that match the same peers, and bad values are
 * errors that name file and line. Values that no section sets are those of ${given}, the options of the
 * command line. Sections with `role = initiator` are left out. All or nothing: 0, or -1 with ${out} empty.
 */
int peers_file_read(struct peers *out, const char *path, const struct policy_opts *given,
    struct fault *f);
/*
 * Reads it again, for a process that runs: as peers_file_read(), or with ${name} as peers_file_pick(), but goes on after a fault, and hands each to ${wrong}. 1: it
 * did that at least once, or -1 with a fault that ended the reading; ${out} is empty in both cases.
 */
int peers_file_reread(struct peers *out, const char *path, const char *name, const struct policy_opts *given,
    void (*wrong)(void *ctx, const struct fault *f), void *ctx, struct fault *f);
/* The same for an initiator: only the section ${name}. The secrets of other sections are not read. */
int peers_file_pick(struct peers *out, const char *path, const char *name, const struct policy_opts *given,
    struct fault *f);
/*
 * What has to be known before secrets are in memory: ${out}->run, and the address and the method of the section ${name}
 * (NULL: of the first one of a responder). ${out} has no policies then. 0 or -1 as above.
 */
int peers_file_scan(struct peers *out, const char *path, const char *name, const struct policy_opts *given,
    struct fault *f);
/*
 * Checks the file of a tunnel: the sections of both roles, each of which has to say its role, and that they go together.
 * Calls ${c} for each fault and each section. 0, or -1 with a fault that kept the rest of the file from being read.
 */
int peers_file_check(const char *path, const struct peers_check *c, struct fault *f);
void peers_wipe(struct peers *p);

#endif
