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

/* Receives a line, without a line end; ${red}: it is about something wrong. */
typedef void words_line(void *arg, bool red, const char *text);

/* What there is to say of a message besides its payloads: the marker, PFS, fragments, why it cannot be read. */
void remarks(struct trace *t, const struct capture_packet *p, const struct v1_told *m, words_line *line, void *arg);

/* "ESP 0a0b0c0d starts at sequence number 1" */
#define FLOW_LABEL	80
char *flow_label(char out[FLOW_LABEL], const struct watch_flow *f);
/* The packets of an SPI; the first line is its heading. */
void flow_words(struct trace *t, const struct watch_flow *f, words_line *line, void *arg);

/* "12 frames, 9 IKE messages in 1 IKE SA, 2 sent again" */
#define SUM_TEXT	640
char *sum_text(char out[SUM_TEXT], const struct trace *t);

#endif
