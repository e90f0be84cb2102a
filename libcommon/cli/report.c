/* Prints messages, faults and hints on standard error, with untrusted text escaped. */
#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "cli/hints.h"
#include "cli/log.h"
#include "cli/prog_name.h"
#include "os/clock.h"

static int level_now;
static const char *subcommand = "";

void
report_peer(const char *name, size_t len)
{
	log_peer(name, len);
}

void
report_only_peer(const char *name)
{
	log_only_peer(name);
}

int
report_level(void)
{
	return (level_now);
}

void
report_set_level(int level)
{
	level_now = level;
}

static void
put_format(int priority, const char *kind, const char *fmt, va_list ap)
{
	char text[LOG_TEXT_MAX];
	const struct log_line l = { .priority = priority, .kind = kind, .text = text };
	int sys = errno;

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	log_put(&l);
	errno = sys;
}

void
report_say(int level, const char *fmt, ...)
{
	va_list ap;

	if (level > level_now)
		return;
	va_start(ap, fmt);
	put_format(level > 1 ? LOG_DEBUG : LOG_INFO, "", fmt, ap);
	va_end(ap);
}

void
report_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_format(LOG_WARNING, "warning: ", fmt, ap);
	va_end(ap);
}

void
report_wide_mode(const char *name, unsigned mode)
{
	if (mode != 0)
		report_warn("%s: other users can read its keys (mode %04o): chmod 600 it", name, mode);
}

void
report_open_file(const char *name, unsigned mode)
{
	if (mode != 0)
		report_warn("%s: other users can read it (mode %04o), and its mode cannot be changed", name, mode);
}

void
report_set_subcommand(const char *sub)
{
	subcommand = sub;
}

/* The token bucket of one kind of line. Kinds that do not fit in the table share the last row. */
static struct ration {
	const void	*kind;
	bool		 used;
	uint64_t	 owed_ms;	/* when the bucket is full again */
	unsigned	 left_out;
} rations[64];
#define RATIONS	(sizeof(rations) / sizeof(rations[0]))

static struct ration *
ration_of(const void *kind)
{
	size_t i;

	for (i = 0; i < RATIONS - 1 && rations[i].used && rations[i].kind != kind; i++)
		;
	if (i < RATIONS - 1) {
		rations[i].used = true;
		rations[i].kind = kind;
	}
	return (&rations[i]);
}

static bool
allow(const void *kind, unsigned burst, unsigned pause_ms, uint64_t now_ms)
{
	struct ration *r = ration_of(kind);

	if (r->owed_ms < now_ms)
		r->owed_ms = now_ms;
	if (r->owed_ms - now_ms > (uint64_t)(burst - 1) * pause_ms) {
		r->left_out++;
		return (false);
	}
	r->owed_ms += pause_ms;
	if (r->left_out > 0)
		report_say(0, "%u more such messages were not printed", r->left_out);
	r->left_out = 0;
	return (true);
}

bool
report_allow_at(const void *kind, uint64_t now_ms)
{
	return (allow(kind, REPORT_BURST, REPORT_PAUSE_MS, now_ms));
}

bool
report_allow(const void *kind)
{
	return (report_allow_at(kind, clock_mono_ms()));
}

bool
report_allow_verbose(const void *kind)
{
	return (allow(kind, REPORT_VERBOSE_BURST, REPORT_VERBOSE_PAUSE_MS, clock_mono_ms()));
}

void
report_hint(const char *fmt, ...)
{
	char text[LOG_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_put(&(const struct log_line){ .priority = LOG_INFO, .kind = "", .hint = text });
}

static void
put_fault(int priority, const struct fault *f, const char *hint)
{
	char text[LOG_TEXT_MAX], at[48] = "";
	bool option = f->where[0] == '\0' && f->option[0] != '\0';
	const char *where = option ? f->option : f->where;
	const struct log_line l = { .priority = priority, .kind = "", .text = text, .peer = f->where, .peer_len = f->peer_len,
	    .code = fault_name(f->code), .hint = hint };

	if (f->at != FAULT_AT_NONE)
		(void)snprintf(at, sizeof(at), " (at byte %zu)", f->at);
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", option ? "--" : "", where,
	    where[0] != '\0' ? ": " : "", f->what, at, f->sys != 0 ? ": " : "",
	    f->sys != 0 ? strerror(f->sys) : "");
	log_put(&l);
}

void
report_note(const struct fault *f)
{
	put_fault(LOG_WARNING, f, NULL);
}

enum exit_status
report_fault(const struct fault *f)
{
	const char *hint;
	char usage[160];

	/* A failure that forgot its fault is still a failure, and a defect of ours. */
	if (f->code == FAULT_NONE) {
		log_put(&(const struct log_line){ .priority = LOG_ERR, .kind = "", .text = "failed without giving a reason" });
		return (EXIT_MACHINE);
	}
	/* `| head` has read what it wanted. */
	if (f->code == FAULT_READER_GONE && f->cause == CAUSE_REPORT && report_level() < 1)
		return (fault_exit(f->code));
	if ((hint = hint_for(f)) == NULL && f->code == FAULT_USAGE) {
		(void)snprintf(usage, sizeof(usage), "%s %s%s--help lists the options", prog_name(), subcommand,
		    subcommand[0] != '\0' ? " " : "");
		hint = usage;
	}
	put_fault(LOG_ERR, f, hint != NULL && hint[0] != '\0' ? hint : NULL);
	return (fault_exit(f->code));
}
