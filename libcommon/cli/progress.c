#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/report.h"

#define BAR	24	/* characters */
#define LINE	256

static bool drawn;

static size_t
width(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 2)
		return (80);
	return (w.ws_col < LINE ? w.ws_col : LINE - 1);
}

void
progress_show(uint64_t done, uint64_t total, const char *text)
{
	char line[LINE], bar[BAR + 1];
	size_t full = total > 0 ? (size_t)(done * BAR / total) : 0, cut;
	int n;

	if (report_level() < 0 || !isatty(STDERR_FILENO))
		return;
	full = full < BAR ? full : BAR;
	memset(bar, '-', BAR);
	memset(bar, '#', full);
	bar[BAR] = '\0';
	n = snprintf(line, sizeof(line), "[%s] %3u %% %s", bar,
	    total > 0 ? (unsigned)(done * 100 / total) : 0, text);
	/* The last column stays free: a full line would move to the next. */
	cut = width() - 1;
	if (n >= 0 && (size_t)n < cut)
		cut = (size_t)n;
	(void)fprintf(stderr, "\r%.*s\033[K", (int)cut, line);
	(void)fflush(stderr);
	drawn = true;
}

void
progress_clear(void)
{
	if (drawn)
		(void)fputs("\r\033[K", stderr);
	drawn = false;
}
