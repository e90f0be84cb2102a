/* Names of reported objects. */
#ifndef SAPIPE_NATD_PROBE_NAMES_H
#define SAPIPE_NATD_PROBE_NAMES_H

#include "natd_probe.h"

/* "500" or "4500". */
const char *port_label(size_t port);
/* As the options of ike-initiate spell it. */
const char *auth_name(uint16_t auth, char buf[NUM_TEXT]);
const char *vid_name(const struct ike_survey_result *r, size_t i);
/* The announced NAT-T versions, one at a time: NULL after the last. Start with ${*row} 0. */
const char *natt_name(const struct ike_survey_result *r, size_t *row);
/* The implementation, from the vendor IDs or else from the retransmissions. False: unknown. */
bool name_implementation(const struct about *a, char name[SURVEY_TEXT], char evidence[SURVEY_TEXT]);
json_t *endpoint_json(const struct endpoint *e);

/* Whether a transform was accepted in aggressive mode, or in main mode. */
bool found_mode(const struct ike_survey_result *r, bool aggressive);

#endif
