/* The width of the terminal. */
#include "cli/term.h"

#include <sys/ioctl.h>

size_t
term_columns(int fd)
{
	struct winsize w;

	return (ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col < 2 ? 80 : w.ws_col);
}
