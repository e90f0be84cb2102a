/* Certificates and keys named by options, read before privileges are dropped. */
#ifndef SAPIPE_TOOL_CREDS_OPT_H
#define SAPIPE_TOOL_CREDS_OPT_H

#include "ike/policy.h"
#include "tool/policy_opt.h"

/*
 * Reads the files of ${o} into ${p}->creds; relative paths count from the directory of ${beside}, if not NULL. Adjusts
 * the method to the curve of the key. 0, or -1 with a fault that names the option.
 */
int creds_opts_build(struct ike_policy *p, const struct policy_opts *o, const char *beside, struct fault *f);

#endif
