/* The part of the report that --mapping-timeout adds. */
#ifndef SAPIPE_NATD_PROBE_TELL_MAPPING_H
#define SAPIPE_NATD_PROBE_TELL_MAPPING_H

#include "natd_probe.h"

#define TELL_TEXT	160
/* "lives between 28 s and 35 s of silence": the bounds so far, for the report and the progress line. */
char *tell_mapping(char out[TELL_TEXT], const struct ike_mapping_result *m);
void tell_mapping_text(const struct about *a);
json_t *tell_mapping_json(const struct about *a);

#endif
