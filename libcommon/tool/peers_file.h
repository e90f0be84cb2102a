/*
 * The peers file of ike-respond: INI, a section for each peer, keys named as the policy options
 * without their dashes, and `address`:
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
 * See ini_file.h for the form.
 */
#ifndef SAPIPE_TOOL_PEERS_FILE_H
#define SAPIPE_TOOL_PEERS_FILE_H

#include "base/fault.h"
#include "ike/policy.h"

#define PEERS_MAX	4096		/* sections */

struct peers {
	size_t			 n;
	struct ike_policy	*p;	/* in the order of the file, names are the sections' */
};

struct policy_opts;

/*
 * Reads ${path} ('-' for standard input, secret files then count from the working directory). Unknown
 * or repeated keys and sections, two sections that match the same peers, and bad values are
 * errors that name file and line. Values that no section sets are those of ${given}, the options of the
 * command line. All or nothing: 0, or -1 with ${out} empty.
 */
int peers_file_read(struct peers *out, const char *path, const struct policy_opts *given,
    struct fault *f);
void peers_wipe(struct peers *p);

#endif
