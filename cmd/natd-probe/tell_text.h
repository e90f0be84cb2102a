/* The report as text, on standard output. */
#ifndef SAPIPE_NATD_PROBE_TELL_TEXT_H
#define SAPIPE_NATD_PROBE_TELL_TEXT_H

#include "natd_probe.h"

void tell_text(const struct about *a);

#endif
