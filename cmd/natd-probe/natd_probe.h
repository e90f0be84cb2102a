/* The type that the files of natd-probe share. */
#ifndef SAPIPE_NATD_PROBE_H
#define SAPIPE_NATD_PROBE_H

#include <jansson.h>

#include "probe/mapping.h"
#include "probe/methods.h"
#include "probe/pattern.h"
#include "probe/survey.h"

/* The context of the report besides the findings. */
struct about {
	const struct ike_survey_conf	*conf;
	const struct ike_survey_result	*r;
	bool				 asked[SURVEY_PORTS];
	bool				 odd_port[SURVEY_PORTS];	/* not from 500 or 4500 */
	bool				 fingerprint;
	const struct ike_pattern_result	*pattern;	/* NULL: no proposal was accepted */
	bool				 ask_methods;
	const struct ike_methods_result	*methods;	/* NULL: no proposal was accepted */
	bool				 measure;	/* --mapping-timeout, up to ${limit_ms} */
	uint32_t			 limit_ms;
	const struct ike_mapping_result	*mapping;	/* NULL: there was no cause to measure */
};

/* The size of inner packets that fit ${path} bytes with any --esp, in UDP unless there is no NAT. */
size_t tell_inner_mtu(const struct about *a, size_t path);

#endif
