/* Hints: what usually causes a fault and what to try, one row for each reason. */
#ifndef SAPIPE_CLI_HINTS_H
#define SAPIPE_CLI_HINTS_H

#include "base/fault.h"

struct hint {
	enum fault_code	 code;
	enum fault_cause cause;		/* CAUSE_NONE: any */
	int		 sys;		/* errno, or 0: any */
	unsigned	 phases;	/* bits 1 << enum fault_phase, or 0: any */
	unsigned	 message;	/* of the exchange, or 0: any */
	const char	*text;		/* "": the fact says it all */
};

extern const struct hint hints[];	/* the tests look at each row */
extern const size_t hints_n;

/* The row for ${f}; NULL: none. */
const struct hint *hint_row(const struct fault *f);
/* Its text; NULL: none. */
const char *hint_for(const struct fault *f);

#endif
