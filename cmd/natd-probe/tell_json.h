/* The report as one JSON object, on standard output. */
#ifndef SAPIPE_NATD_PROBE_TELL_JSON_H
#define SAPIPE_NATD_PROBE_TELL_JSON_H

#include "natd_probe.h"

void tell_json(const struct about *a);

#endif
