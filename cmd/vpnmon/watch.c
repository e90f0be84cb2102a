/* The live table of --watch: a row for each tunnel, redrawn in place; events scroll by above it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "os/clock.h"
#include "output.h"
#include "watch.h"

#define WIDTH		80	/* of a terminal of unknown width */
#define HEIGHT		24
#define ROWS		(TUNNELS_MAX + 2)	/* drawn: the heading, and "... more" */
#define NAME_MIN	3	/* "TUN" */
#define SPARKS_MIN	8	/* narrower sparklines make room for the time of an answer */
#define STATE_W		5
#define AGE_W		8
#define LOSS_W		6
#define RTT_W		9

static struct {
	bool	on, colours, utf8;
	size_t	rows;			/* of the table that is on the terminal; 0: none */
	size_t	cols[ROWS];		/* columns of each */
} s;

/* The part of the table that fits. */
struct layout { size_t width, name, sparks; bool marks, age, loss, rtt; };

static void
size(size_t *width, size_t *height)
{
	struct winsize z;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &z) == 0;

	*width = known && z.ws_col > 0 ? z.ws_col : WIDTH;
	*height = known && z.ws_row > 0 ? z.ws_row : HEIGHT;
}

/* Reserves ${n} columns and the blanks before them, if there is room. */
static bool
take(size_t *left, size_t n)
{
	if (*left < n)
		return (false);
	*left -= n;
	return (true);
}

static struct layout
lay_out(const struct tool *w, size_t width)
{
	struct layout l = { .width = width, .name = NAME_MIN, .marks = w->n_groups > 0 };
	size_t left, i;

	for (i = 0; i < w->n; i++)
		if (strlen(w->t[i].tun) > l.name)
			l.name = strlen(w->t[i].tun);
	left = l.width > 0 ? l.width - 1 : 0;	/* a full line would move to the next */
	if (!take(&left, l.marks + l.name + 1 + STATE_W))
		return (l);
	l.age = take(&left, 1 + AGE_W);
	l.loss = l.age && take(&left, 1 + LOSS_W);
	if (l.loss && left >= 1 + RTT_W + 2 + SPARKS_MIN)
		l.rtt = take(&left, 1 + RTT_W);
	l.sparks = l.loss && left > 2 ? left - 2 : 0;
	if (l.sparks > MONITOR_RING)
		l.sparks = MONITOR_RING;
	return (l);
}

/* An unfinished line: at most as many columns as the terminal has. */
struct line { size_t cols, most; };

static void add(struct line *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add(struct line *x, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	if ((size_t)n > x->most - x->cols)
		n = (int)(x->most - x->cols);
	(void)printf("%.*s", n, text);
	x->cols += (size_t)n;
}

static void
colour(const char *code)
{
	if (s.colours)
		(void)fputs(code, stdout);
}

/* U+2581 to U+2588, or digits, from low to high. */
static const char *
bar(uint64_t rtt, uint64_t most)
{
	static const char *const blocks[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
	    "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	static const char *const digits[] = { "1", "2", "3", "4", "5", "6", "7", "8" };
	uint64_t i = rtt * 7 / most;

	return (s.utf8 ? blocks[i] : digits[i]);
}

/* The last probes from old to new, by the longest time among them; 'x' got no answer, '.' may still. */
static void
add_sparks(struct line *x, const struct monitor *m, size_t room)
{
	uint64_t n = m->sent < room ? m->sent : room, rtt, most = 1, i;

	for (i = n; i > 0; i--)
		if (monitor_probe(m, i, &rtt) == MONITOR_HEARD && rtt > most)
			most = rtt;
	for (i = n; i > 0; i--, x->cols++)
		switch (monitor_probe(m, i, &rtt)) {
		case MONITOR_HEARD:
			(void)fputs(bar(rtt, most), stdout);
			break;
		case MONITOR_LOST:
			(void)putchar('x');
			break;
		case MONITOR_WAITING:
			(void)putchar('.');
			break;
		}
}

static void
add_age(struct line *x, unsigned long long age)
{
	char text[32];

	if (age < 3600)
		(void)snprintf(text, sizeof(text), "%2llum%02llus", age / 60, age % 60);
	else if (age < 100 * 3600)
		(void)snprintf(text, sizeof(text), "%2lluh%02llum", age / 3600, age / 60 % 60);
	else
		(void)snprintf(text, sizeof(text), "%5llud", age / 86400);
	add(x, " %-*s", AGE_W, text);
}

static size_t
draw_heading(const struct layout *l)
{
	struct line x = { .most = l->width - 1 };

	add(&x, "%s%-*s %-*s", l->marks ? " " : "", (int)l->name, "TUN", STATE_W, "STATE");
	if (l->age)
		add(&x, " %-*s", AGE_W, "FOR");
	if (l->loss)
		add(&x, " %*s", LOSS_W, "LOSS");
	if (l->rtt)
		add(&x, " %*s", RTT_W, "RTT MS");
	if (l->sparks > 0)
		add(&x, "  %.*s", (int)l->sparks, "LAST QUESTIONS");
	return (x.cols);
}

static size_t
draw_row(const struct layout *l, const struct tunnel *t, uint64_t now_us)
{
	static const char *const colours[] = { [MONITOR_READY] = "\x1b[33m", [MONITOR_UP] = "\x1b[32m",
	    [MONITOR_DOWN] = "\x1b[31m" };
	static const char *const words[] = { [MONITOR_READY] = "READY", [MONITOR_UP] = "UP",
	    [MONITOR_DOWN] = "DOWN" };
	const struct group *g = t->group;
	const struct monitor *m = &t->mon;
	struct line x = { .most = l->width - 1 };

	if (l->marks)
		add(&x, "%s", g != NULL && g->carrier != GROUP_NONE && g->m[g->carrier] == t ? "*" : " ");
	add(&x, "%-*s ", (int)l->name, t->tun);
	colour(colours[m->state]);
	add(&x, "%-*s", STATE_W, words[m->state]);
	colour("\x1b[0m");
	if (l->age)
		add_age(&x, (unsigned long long)(now_us - m->since_us) / 1000000);
	if (l->loss)
		add(&x, " %5.1f%%", monitor_loss(m));
	if (l->rtt && m->answered > 0)
		add(&x, " %*.3f", RTT_W, (double)m->rtt_us / 1000);
	else if (l->rtt)
		add(&x, " %*s", RTT_W, "-");
	if (l->sparks > 0) {
		add(&x, "  ");
		add_sparks(&x, m, l->sparks);
	}
	return (x.cols);
}

/* If not all fit: DOWN tunnels first, then those in an unknown state. */
static size_t
pick(const struct tool *w, const struct tunnel *out[TUNNELS_MAX], bool all)
{
	static const enum monitor_state order[] = { MONITOR_DOWN, MONITOR_READY, MONITOR_UP };
	size_t n = 0, i, k;

	for (k = 0; k < 3; k++)
		for (i = 0; i < w->n && (!all || k == 0); i++)
			if (all || w->t[i].mon.state == order[k])
				out[n++] = &w->t[i];
	return (n);
}

void
watch_clear(struct tool *w)
{
	size_t width, height, up = 0, i;

	(void)w;
	if (s.rows == 0)
		return;
	/* Lines drawn on a wider terminal now occupy several rows. */
	size(&width, &height);
	for (i = 0; i < s.rows; i++)
		up += s.cols[i] > width ? (s.cols[i] + width - 1) / width : 1;
	if (--up >= height)
		up = height - 1;
	(void)putchar('\r');
	if (up > 0)
		(void)printf("\x1b[%zuA", up);
	(void)fputs("\x1b[J", stdout);
	(void)fflush(stdout);	/* later output may go to standard error */
	s.rows = 0;
}

void
watch_draw(struct tool *w)
{
	const struct tunnel *list[TUNNELS_MAX];
	size_t width, height, n, i, shown = w->n;
	struct layout l;
	uint64_t now = now_us(clock_now(NULL));

	if (!s.on || w->gone)
		return;
	watch_clear(w);
	size(&width, &height);
	l = lay_out(w, width);
	if (shown + 1 > height)
		shown = height > 2 ? height - 2 : 1;
	n = pick(w, list, shown == w->n);
	s.cols[s.rows++] = draw_heading(&l);
	for (i = 0; i < shown && i < n; i++) {
		(void)putchar('\n');
		s.cols[s.rows++] = draw_row(&l, list[i], now);
	}
	if (shown < w->n && height > 2) {
		struct line x = { .most = width - 1 };

		(void)putchar('\n');
		add(&x, "... and %zu more", w->n - shown);
		s.cols[s.rows++] = x.cols;
	}
	output_flush(w);
}

/* Whether the locale's character set is UTF-8. */
static bool
is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *v = NULL;
	size_t i;

	for (i = 0; i < 3 && (v == NULL || v[0] == '\0'); i++)
		v = getenv(names[i]);
	return (v != NULL && (strcasestr(v, "UTF-8") != NULL || strcasestr(v, "UTF8") != NULL));
}

void
watch_open(struct tool *w)
{
	const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");

	s.on = w->o->watch;
	if (s.on && (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0)) {
		report_warn("this terminal (TERM=%s) does not support the table; printing events only",
		    term != NULL ? term : "");
		s.on = false;
	}
	s.colours = plain == NULL || plain[0] == '\0';
	s.utf8 = is_utf8();
}

void
watch_end(struct tool *w)
{
	watch_draw(w);
	if (s.rows > 0 && putchar('\n') != EOF)
		output_flush(w);
	s.rows = 0;
}
