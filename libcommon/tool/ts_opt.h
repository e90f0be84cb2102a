/* Traffic selectors as options name them. */
#ifndef SAPIPE_TOOL_TS_OPT_H
#define SAPIPE_TOOL_TS_OPT_H

#include "base/addr.h"
#include "base/fault.h"

/* NET or NET[PROTOCOL/PORT], as 10.1.0.0/24 or 10.1.0.5[tcp/80]. 0 or -1 with FAULT_BAD_ADDRESS. */
int ts_parse(struct selector *s, const char *text, struct fault *f);

#endif
