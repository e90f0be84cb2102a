/* The terminal: its width, and whether it gets colours. */
#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

size_t
term_columns(int fd)
{
	struct winsize w;

	return (ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col < 2 ? 80 : w.ws_col);
}

size_t
term_width(int fd)
{
	const char *set = getenv("COLUMNS");
	unsigned long n = set != NULL && set[0] >= '1' && set[0] <= '9' ? strtoul(set, NULL, 10) : 0;

	if (n >= 2 && n <= 10000)
		return ((size_t)n);
	return (isatty(fd) ? term_columns(fd) : 0);
}

static bool
inside(char c)
{
	return (((unsigned char)c & 0xc0U) == 0x80);
}

size_t
term_cut(const char *text, size_t room)
{
	size_t n = 0, blank = 0, mark = 0, columns = 0;

	if (room == 0)
		return (strlen(text));
	while (text[n] != '\0' && columns < room) {
		for (n++; inside(text[n]); n++)
			;
		columns++;
		if (text[n] == ' ' && columns > room / 3)
			blank = n;
		else if (columns > room / 2 && strchr("-,:/", text[n - 1]) != NULL && text[n] != '>')
			mark = n;
	}
	if (text[n] == '\0')
		return (n);
	return (blank != 0 ? blank : mark != 0 ? mark : n);
}

bool
term_colour(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (isatty(fd) && (no == NULL || no[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0));
}
