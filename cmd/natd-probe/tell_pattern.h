/* The part of the report that --fingerprint adds. */
#ifndef SAPIPE_NATD_PROBE_TELL_PATTERN_H
#define SAPIPE_NATD_PROBE_TELL_PATTERN_H

#include "natd_probe.h"

void tell_pattern_text(const struct about *a);
json_t *tell_pattern_json(const struct about *a);

#endif
