#ifndef SAPIPE_NATD_PROBE_H
#define SAPIPE_NATD_PROBE_H

#include "ike/survey.h"

/* What the report is about besides the findings. */
struct about {
	const struct ike_survey_conf	*conf;
	const struct ike_survey_result	*r;
	bool				 asked[SURVEY_PORTS];
	bool				 odd_port[SURVEY_PORTS];	/* not from 500 or 4500 */
};

void tell_text(const struct about *a);
void tell_json(const struct about *a);

#endif
