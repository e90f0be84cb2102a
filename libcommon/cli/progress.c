/* The progress bar. */
#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"
#include "cli/term.h"

#define BAR	24	/* characters */
#define LINE	256

static bool drawn;

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
	cut = term_columns(STDERR_FILENO);
	cut = (cut < LINE ? cut : LINE - 1) - 1;
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
