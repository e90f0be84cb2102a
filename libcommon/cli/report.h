/* Lines for people, on standard error. The only place of the library that prints. */
#ifndef SAPIPE_CLI_REPORT_H
#define SAPIPE_CLI_REPORT_H

#include <stdio.h>

#include "base/fault.h"
#include "base/span.h"
#include "cli/escape.h"

/*
 * How talkative: -1 with -q (errors and warnings alone), 0, 1 with -v, 2 with -v -v...
 * opt_parse() sets it.
 */
int report_level(void);
void report_set_level(int level);

/*
 * One line `tool: ...` if report_level() is at least ${level}. Bytes that are not
 * printable come out escaped, so untrusted text may be an argument. The line is
 * one write(2), never mixed with that of another process.
 */
void report_say(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* `tool: warning: ...`, also with -q. */
void report_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The lines from now on are about the peer named by the first ${len} bytes of ${name}, until the next call; NULL: about none. */
void report_peer(const char *name, size_t len);
/* The same for all lines of a tool that has one peer. The lines of --log-format text do not name it. */
void report_only_peer(const char *name);

/*
 * Whether what a peer caused may be printed now. Anyone can send garbage, so lines about it are rationed, each kind
 * by itself: REPORT_BURST at once, then one in ${pause_ms}; how many were left out is printed before the next one of
 * that kind. ${kind}: any address that stands for it, a format string for one; NULL: no kind in particular. Ask once
 * per event, then print its lines.
 */
#define REPORT_BURST		20
#define REPORT_PAUSE_MS		2000
#define REPORT_VERBOSE_BURST	2000	/* the same with -v and -vv, where somebody wants to see it */
#define REPORT_VERBOSE_PAUSE_MS	20
bool report_allow(const void *kind);
bool report_allow_verbose(const void *kind);
/* The first with the time given, for tests. */
bool report_allow_at(const void *kind, uint64_t now_ms);

/* The warning for a file of keys that others can read: ${mode} is its wide mode, 0 for none and no warning. */
void report_wide_mode(const char *name, unsigned mode);
/* The same for a file that is being written and whose mode cannot be set. */
void report_open_file(const char *name, unsigned mode);
/* What the general hint for misuse adds to the tool's name: a subcommand, or "". ${sub} is kept. */
void report_set_subcommand(const char *sub);

/* `hint: ...`, also with -q. */
void report_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * `tool: where: what: reason` and, where one is known, `hint: ...`. Returns the exit
 * status that belongs to the fault, so that main() can `return (report_fault(&f))`.
 * A reader that has read enough of a report (CAUSE_REPORT) is reported with -v only.
 */
enum exit_status report_fault(const struct fault *f);
/* The same without the hint, for what does not end the tool. */
void report_note(const struct fault *f);

#endif
