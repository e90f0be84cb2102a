/*
 * Claims in files of their own, which earlier versions made. They are read, and are removed when they have expired. Also the names
 * of claims, and what these files have in common with slots (claim_slots.h). Only the room claim/ uses this file.
 */
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
	uint64_t	out, in;	/* outbound numbers below ${out}, inbound numbers up to ${in} count as used */
	uint64_t	expires;	/* epoch seconds, of the SA */
};

/* The sum, or the largest number. */
uint64_t claim_plus(uint64_t a, uint64_t b);
/* The checksum of the ${len} bytes at ${p}. 0 or -1. */
int claim_check(const uint8_t *p, size_t len, uint8_t out[8]);
/* Whether the SA expired a day before ${now}. */
bool claim_numbers_over(const struct claim_numbers *n, uint64_t now);
/* Writes the contents of a claim to ${fd}: for tests. False with errno. */
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
