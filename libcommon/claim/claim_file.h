/* The files of claims: their names and contents. Used only by the claims. */
#ifndef SAPIPE_CLAIM_CLAIM_FILE_H
#define SAPIPE_CLAIM_CLAIM_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

#define CLAIM_HEX	32	/* digits of a name */
#define CLAIM_SUFFIX	".claim"
#define CLAIM_NAME_LEN	(CLAIM_HEX + sizeof(CLAIM_SUFFIX) - 1)

struct claim_numbers {
	uint64_t	out, in;	/* below ${out} and up to ${in} all count as used */
	uint64_t	expires;	/* epoch seconds, of the SA */
};

/* The sum, or the largest number. */
uint64_t claim_plus(uint64_t a, uint64_t b);
/* Writes the contents of a claim to ${fd}. False with errno. */
bool claim_put(int fd, const struct claim_numbers *n);
/*
 * Reads claim ${name} in ${dir}. 1; 0: there is none; -1 with FAULT_MALFORMED (cut off, too long, or a wrong
 * checksum), FAULT_PERMISSION or FAULT_SYSTEM.
 */
int claim_load(int dir, const char *name, struct claim_numbers *n, struct fault *f);
/* Whether ${name} is that of a claim. */
bool claim_is_name(const char *name);
/* Whether the SA of claim ${name} expired a day before ${now}. False for a damaged one. */
bool claim_is_over(int dir, const char *name, uint64_t now);
/* The entries of ${dir}, or NULL. */
DIR *claim_list(int dir);

#endif
