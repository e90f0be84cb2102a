/* The result of --methods as text and JSON. */
#ifndef SAPIPE_NATD_PROBE_TELL_METHODS_H
#define SAPIPE_NATD_PROBE_TELL_METHODS_H

#include "natd_probe.h"

void tell_methods_text(const struct about *a);
json_t *tell_methods_json(const struct about *a);

#endif
