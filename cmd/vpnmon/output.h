/* Standard output of vpnmon. If its reader closes the pipe, the event loop ends: see ${gone} of struct tool. */
#ifndef SAPIPE_VPNMON_OUTPUT_H
#define SAPIPE_VPNMON_OUTPUT_H

#include "vpnmon.h"

int output_open(struct tool *w, struct fault *f);
/* A line of the report. */
void output_line(struct tool *w, const char *text, size_t len);
/* An event record, with FORMAT_CBOR. */
void output_record(struct tool *w, enum sa_event_kind what, const char *tun, uint64_t epoch_ms, const char *text);
/* Flushes direct output on stdout. */
void output_flush(struct tool *w);
/* Nothing can be written any more: ends the loop. */
void output_lost(struct tool *w, const struct fault *f);
/* Waits a moment for a slow reader to read the rest. */
void output_drain(struct tool *w);
void output_close(struct tool *w);

#endif
