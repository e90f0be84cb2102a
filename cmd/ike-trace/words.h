/* Text shared by the text report and the JSON report. */
#ifndef SAPIPE_IKE_TRACE_WORDS_H
#define SAPIPE_IKE_TRACE_WORDS_H

#include "trace.h"

/* The child SA of an SPI, from SA state: "aes128-sha256, 10.1.0.0/24 -> 10.2.0.0/24", or "". */
#define CHILD_TEXT	512
char *child_text(char out[CHILD_TEXT], const struct trace *t, const struct watch_flow *f);

/* Looks at the first packet of an SPI: does the state's key fit an ICV of 96 bits? icv96_found() knows afterwards. */
void icv96_look(struct trace *t, const struct watch_flow *f, struct span esp);
bool icv96_found(const struct trace *t, const struct watch_flow *f);

/* The states that have the keys of a message with this header fit the capture. */
void states_mark(struct trace *t, const struct isakmp_hdr *h);
/* Reports on standard error which of several --sa, or the only one, fitted nothing. */
void states_report(struct trace *t);

/* Seconds since the first frame. */
double trace_seconds(const struct trace *t, uint64_t time_us);
/* Why an encrypted message could not be decrypted, or NULL. */
const char *open_text(const struct v1_told *m);

#endif
