#include "base/fault.h"
#undef fault	/* as the analyzer sees them, fault.h */
#undef fault_at
#undef fault_sys

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char	*name;
	enum exit_status exit;
} codes[FAULT_CODES] = {
#define FAULT_ROW(code, exit) [FAULT_##code] = { #code, exit },
	FAULT_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

static void
fill(struct fault *f, enum fault_code code, int sys, size_t at, const char *fmt,
    va_list ap)
{
	if (f == NULL)
		return;
	f->code = code;
	f->sys = sys;
	f->at = at;
	f->where[0] = '\0';
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
