/* Faults are filled here, and their tables of codes and causes kept. */
#include "base/fault.h"
#undef fault	/* as the analyzer sees them, fault.h */
#undef fault_at
#undef fault_because
#undef fault_sys

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char	*name;
	enum exit_status exit;
} codes[FAULT_CODES] = {
#define FAULT_ROW(code, exit) [FAULT_##code] = { #code, exit },
	FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

static const char *const causes[FAULT_CAUSES] = {
#define CAUSE_ROW(cause) [CAUSE_##cause] = #cause,
	FAULT_CAUSE_TABLE(CAUSE_ROW)
#undef CAUSE_ROW
};

static void
fill(struct fault *f, enum fault_code code, int sys, size_t at, const char *fmt,
    va_list ap)
{
	if (f == NULL)
		return;
	f->code = code;
	f->cause = CAUSE_NONE;
	f->phase = PHASE_NONE;
	f->message = 0;
	f->evidence = EVIDENCE_NONE;
	f->sys = sys;
	f->at = at;
	f->option[0] = f->where[0] = '\0';
	f->peer_len = 0;
	(void)vsnprintf(f->what, sizeof(f->what), fmt, ap);
}

int
fault(struct fault *f, enum fault_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, code, 0, FAULT_AT_NONE, fmt, ap);
	va_end(ap);
	return (-1);
}

int
fault_at(struct fault *f, enum fault_code code, size_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, code, 0, at, fmt, ap);
	va_end(ap);
	return (-1);
}

int
fault_sys(struct fault *f, enum fault_code code, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	va_start(ap, fmt);
	fill(f, code, sys, FAULT_AT_NONE, fmt, ap);
	va_end(ap);
	return (-1);
}

int
fault_because(struct fault *f, enum fault_cause cause, int rc)
{
	if (f != NULL && rc != 0 && f->cause == CAUSE_NONE)
		f->cause = cause;
	return (rc);
}

void
fault_where(struct fault *f, const char *fmt, ...)
{
	va_list ap;

	if (f == NULL || f->where[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(f->where, sizeof(f->where), fmt, ap);
	va_end(ap);
}

void
fault_message(struct fault *f, enum fault_phase phase, size_t message)
{
	if (f == NULL || f->phase != PHASE_NONE)
		return;
	f->phase = phase;
	f->message = (unsigned)message;
}

void
fault_option(struct fault *f, const char *name)
{
	if (f != NULL && f->option[0] == '\0')
		(void)snprintf(f->option, sizeof(f->option), "%s", name);
}

enum fault_code
fault_of_file(int sys)
{
	switch (sys) {
	case ENOENT: case ENOTDIR: case EISDIR: case ENAMETOOLONG: case ELOOP:
		return (FAULT_USAGE);
	case EACCES: case EPERM: case EROFS:
		return (FAULT_PERMISSION);
	default:
		return (FAULT_SYSTEM);
	}
}

enum fault_code
fault_of_output(int sys)
{
	enum fault_code code = fault_of_file(sys);

	return (code == FAULT_USAGE ? FAULT_SYSTEM : code);
}

const char *
fault_unreachable_text(int sys)
{
	return (sys == EACCES ? "rejected by a firewall" : strerror(sys));
}

enum exit_status
fault_exit(enum fault_code code)
{
	return (codes[code].exit);
}

const char *
fault_name(enum fault_code code)
{
	return (codes[code].name);
}

const char *
fault_cause_name(enum fault_cause cause)
{
	return (causes[cause]);
}
