/*
 * Reads SA state from several files, pipes and standard input, record by record, and
 * reads a pipe until its writer closes it. Bytes not yet decoded are in locked memory.
 *
 *	while ((rc = sa_in_next(in, wait, &r, &at, &f)) > 0) {
 *		...; sa_rec_wipe(&r);
 *	}
 */
#ifndef SAPIPE_OS_RECORD_IN_H
#define SAPIPE_OS_RECORD_IN_H

#include "base/fault.h"
#include "sa/record.h"

#define SA_IN_MAX	64	/* sources */

struct sa_in;

/* Where a record came from. */
struct sa_in_at {
	unsigned	 source;	/* from 0, in the order of the names */
	const char	*name;		/* as given; "standard input" for "-" */
	uint64_t	 off;		/* of the record in its source */
	struct span	 raw;		/* its bytes, until the next call */
};

/*
 * Opens ${names} ("-": standard input), which must outlive the reader; ${n} 0 means only standard input. Open before
 * privileges are dropped. NULL with FAULT_USAGE (a terminal, too many, "-" twice, a directory),
 * or one of fault_of_file() naming the file.
 */
struct sa_in *sa_in_open(size_t n, char *const *names, struct fault *f);
/* Wipes and closes; harmless on NULL. */
void sa_in_close(struct sa_in *in);

/*
 * The next whole record, into ${r}, to be wiped by the caller; its type may be SA_NONE (a
 * record that this version does not know). Files are read in their order, each one
 * completely; pipes when they have data. 1; 0 if there is no record now or,
 * with ${wait}, if all sources have ended; -1 with a fault that names source and offset: that
 * source is then closed, and the next call reads the others. FAULT_TRUNCATED: a source ended within a record.
 */
int sa_in_next(struct sa_in *in, bool wait, struct sa_rec *r, struct sa_in_at *at,
    struct fault *f);

/*
 * After this call records are only checked to be well-formed and within limits, not against
 * the schema. ${r} then has type SA_NONE, and sa_decode() of at.raw does the rest. For
 * tools that print records.
 */
void sa_in_take_raw(struct sa_in *in);

/* Whether every source has ended and no record is left. */
bool sa_in_ended(const struct sa_in *in);

/* Whether a source is, or was, no file: its end is the end of the process that wrote it. */
bool sa_in_piped(const struct sa_in *in);

/*
 * For an event loop: the number of sources, and the descriptor to watch for reading; -1 if
 * a source has ended, or is a file: first call sa_in_next() until it returns 0.
 */
unsigned sa_in_sources(const struct sa_in *in);
int sa_in_fd(const struct sa_in *in, unsigned source);
const char *sa_in_name(const struct sa_in *in, unsigned source);

/* The mode of a file that others may read or write (live keys: warn), else 0. */
unsigned sa_in_wide_mode(const struct sa_in *in, unsigned source);

#endif
