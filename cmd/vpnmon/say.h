/* Reports of vpnmon: events on standard output, status on standard error. */
#ifndef SAPIPE_VPNMON_SAY_H
#define SAPIPE_VPNMON_SAY_H

#include "os/clock.h"
#include "vpnmon.h"

/* The state of ${t} has changed, now. */
void say_event(struct tunnel *t);
/* The routes of ${g} have moved from member ${before}. */
void say_group(struct tool *w, const struct group *g, size_t before);
/* The state of this gateway, of two, has changed, now. */
void say_gateway(struct tool *w);
/* "ready"; stable words, for --json. */
const char *say_gateway_word(enum gateway_state state);
/* The line of SIGUSR1. */
void say_status(const struct tunnel *t);

/* RFC 3339 with milliseconds: flaps may be short. */
char *say_time(char out[CLOCK_TEXT], uint64_t epoch_ms);
/* In percent, to one decimal: 64 probes have no finer resolution. */
double say_loss(const struct tunnel *t);

#endif
