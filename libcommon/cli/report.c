/* Prints messages, faults and hints on standard error, with untrusted text escaped. */
#include "cli/report.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <wctype.h>

#include "base/hex.h"
#include "cli/hints.h"
#include "cli/prog_name.h"
#include "os/clock.h"

#define LINE_TEXT	2048	/* of one line before escaping */

static int level_now;
static const char *subcommand = "";

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

static locale_t utf8;		/* of the environment, if it has UTF-8; else 0 */

void
escape_locale(void)
{
	/* Not setlocale(): what compares and changes case of ASCII must not depend on the locale. */
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

	if (utf8 != (locale_t)0)
		freelocale(utf8);
	utf8 = (locale_t)0;
	if (l != (locale_t)0 && strcmp(nl_langinfo_l(CODESET, l), "UTF-8") == 0)
		utf8 = l;
	else if (l != (locale_t)0)
		freelocale(l);
}

/*
 * Code points that change how the rest of a line is shown, or that no terminal
 * should be sent: C1 controls, direction marks and overrides, line separators.
 */
static bool
unprintable(uint32_t c)
{
	return (c < 0xa0 || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff || (c >= 0xd800 && c <= 0xf8ff) || c > 0xeffff);
}

/* The length of the printable UTF-8 character at ${v}, or 0 if there is none. */
static size_t
utf8_len(struct span v)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;
	uint32_t c;

	if (v.p[0] < 0x80)
		return (v.p[0] >= 0x20 && v.p[0] < 0x7f ? 1 : 0);
	n = v.p[0] >= 0xf0 ? 4 : v.p[0] >= 0xe0 ? 3 : 2;
	if (v.p[0] < 0xc2 || v.p[0] > 0xf4 || n > v.len)
		return (0);
	c = v.p[0] & (0xffU >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((v.p[i] & 0xc0) != 0x80)
			return (0);
		c = c << 6 | (v.p[i] & 0x3fU);
	}
	return (c < least[n] || unprintable(c) ? 0 : n);
}

/* The character that the text at ${v} spells as \xNN\xNN, if it is not ASCII and printable: its bytes in ${out}, or 0. */
static size_t
spelled(uint8_t out[4], struct span v)
{
	wchar_t wide = 0;
	size_t n, i;

	for (n = 0; n < 4 && v.len >= 4 * (n + 1) && v.p[4 * n] == '\\' && v.p[4 * n + 1] == 'x'; n++) {
		char two[3] = { (char)v.p[4 * n + 2], (char)v.p[4 * n + 3], '\0' };

		if (hex_get(out + n, 1, two) != 1)
			break;
	}
	if (n < 2 || out[0] < 0x80 || (n = utf8_len(span_of(out, n))) == 0)
		return (0);
	for (i = 0; i < n; i++)
		wide = i == 0 ? (wchar_t)(out[0] & (0xffU >> (n + 1))) : (wchar_t)(wide << 6 | (out[i] & 0x3f));
	return (iswprint_l((wint_t)wide, utf8) != 0 ? n : 0);
}

/* One character of ${v}, escaped, to ${out}; returns the bytes written, sets those ${taken}. */
static size_t
escape_one(char out[5], struct span v, size_t *taken)
{
	size_t n = utf8_len(v);

	if (utf8 != (locale_t)0 && v.p[0] == '\\' && v.len > 1) {
		if (v.p[1] == '\\') {		/* a backslash, escaped: no \xNN begins with the second */
			memcpy(out, v.p, *taken = 2);
			return (2);
		}
		if ((n = spelled((uint8_t *)out, v)) > 0) {
			*taken = 4 * n;
			return (n);
		}
		n = 1;
	}
	if (n > 0) {
		memcpy(out, v.p, n);
		*taken = n;
		return (n);
	}
	*taken = 1;
	(void)snprintf(out, 5, "\\x%02x", v.p[0]);
	return (4);
}

char *
escape_put(char *out, size_t cap, struct span v)
{
	size_t n, taken, used = 0;
	char one[5];

	while (v.len > 0) {
		n = escape_one(one, v, &taken);
		if (used + n + 1 > cap)
			break;
		memcpy(out + used, one, n);
		used += n;
		v = span_of(v.p + taken, v.len - taken);
	}
	if (cap > 0)
		out[used] = '\0';
	return (out);
}

void
escape_print(FILE *to, struct span v)
{
	size_t n, taken;
	char one[5];

	while (v.len > 0) {
		n = escape_one(one, v, &taken);
		(void)fwrite(one, 1, n, to);
		v = span_of(v.p + taken, v.len - taken);
	}
}

/* ${head}${text} escaped, as one line in one write. */
static void
put_line(const char *head, const char *text)
{
	char line[4 * LINE_TEXT + 128];
	size_t n, off = 0;
	ssize_t got;

	(void)escape_put(line, sizeof(line) - 1, span_str(head));
	n = strlen(line);
	(void)escape_put(line + n, sizeof(line) - 1 - n, span_str(text));
	n = strlen(line);
	line[n++] = '\n';
	while (off < n) {
		got = write(STDERR_FILENO, line + off, n - off);
		if (got < 0 && errno != EINTR)
			return;		/* nobody left to tell */
		off += got > 0 ? (size_t)got : 0;
	}
}

static void
put_format(const char *kind, const char *fmt, va_list ap)
{
	char head[128], text[LINE_TEXT];
	int sys = errno;

	(void)snprintf(head, sizeof(head), "%s: %s", prog_name(), kind);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	put_line(head, text);
	errno = sys;
}

void
report_say(int level, const char *fmt, ...)
{
	va_list ap;

	if (level > level_now)
		return;
	va_start(ap, fmt);
	put_format("", fmt, ap);
	va_end(ap);
}

void
report_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_format("warning: ", fmt, ap);
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
	char text[LINE_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line("hint: ", text);
}

void
report_note(const struct fault *f)
{
	char text[LINE_TEXT], at[48] = "";
	bool option = f->where[0] == '\0' && f->option[0] != '\0';
	const char *where = option ? f->option : f->where;

	if (f->at != FAULT_AT_NONE)
		(void)snprintf(at, sizeof(at), " (at byte %zu)", f->at);
	(void)snprintf(text, sizeof(text), "%s: %s%s%s%s%s%s%s", prog_name(), option ? "--" : "", where,
	    where[0] != '\0' ? ": " : "", f->what, at, f->sys != 0 ? ": " : "",
	    f->sys != 0 ? strerror(f->sys) : "");
	put_line("", text);
}

enum exit_status
report_fault(const struct fault *f)
{
	const char *hint;

	/* A failure that forgot its fault is still a failure, and a defect of ours. */
	if (f->code == FAULT_NONE) {
		put_line(prog_name(), ": failed without giving a reason");
		return (EXIT_MACHINE);
	}
	/* `| head` has read what it wanted. */
	if (f->code == FAULT_READER_GONE && f->cause == CAUSE_REPORT && report_level() < 1)
		return (fault_exit(f->code));
	report_note(f);
	if ((hint = hint_for(f)) != NULL && hint[0] != '\0')
		report_hint("%s", hint);
	else if (hint == NULL && f->code == FAULT_USAGE)
		report_hint("%s %s%s--help lists the options", prog_name(), subcommand,
		    subcommand[0] != '\0' ? " " : "");
	return (fault_exit(f->code));
}
