/* The live table of --watch: one row that is drawn anew, events scroll by above it. */
#include <stdio.h>

#include "vpnmon.h"

#define SPARKS	24	/* probes in the sparkline */

/* U+2581 to U+2588, from low to high. */
static const char *const bars[] = { "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
    "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
#define BARS	(sizeof(bars) / sizeof(bars[0]))

/* The last probes from old to new, by the longest time among them; 'x' got no answer, '.' may still. */
static void
print_sparks(const struct monitor *m)
{
	uint64_t n = m->sent < SPARKS ? m->sent : SPARKS, rtt, most = 1, i;

	for (i = n; i > 0; i--)
		if (monitor_probe(m, i, &rtt) == MONITOR_HEARD && rtt > most)
			most = rtt;
	for (i = n; i > 0; i--)
		switch (monitor_probe(m, i, &rtt)) {
		case MONITOR_HEARD:
			(void)fputs(bars[rtt * (BARS - 1) / most], stdout);
			break;
		case MONITOR_LOST:
			(void)putchar('x');
			break;
		case MONITOR_WAITING:
			(void)putchar('.');
			break;
		}
	(void)printf("%*s", (int)(SPARKS - n), "");
}

static void
print_age(uint64_t s)
{
	if (s < 3600)
		(void)printf("%2llum%02llus", (unsigned long long)s / 60, (unsigned long long)s % 60);
	else if (s < 100 * 3600)
		(void)printf("%2lluh%02llum", (unsigned long long)s / 3600,
		    (unsigned long long)s / 60 % 60);
	else
		(void)printf("%5llud", (unsigned long long)s / 86400);
}

void
watch_clear(struct tool *t)
{
	if (!t->drawn)
		return;
	(void)fputs("\r\x1b[1A\x1b[J", stdout);
	(void)fflush(stdout);	/* what follows may go to standard error */
	t->drawn = false;
}

void
watch_draw(struct tool *t, uint64_t now_us)
{
	static const char *const colours[] = { [MONITOR_READY] = "\x1b[33m", [MONITOR_UP] = "\x1b[32m",
	    [MONITOR_DOWN] = "\x1b[31m" };
	static const char *const words[] = { [MONITOR_READY] = "READY", [MONITOR_UP] = "UP",
	    [MONITOR_DOWN] = "DOWN" };
	const struct monitor *m = &t->mon;

	if (!t->o->watch || t->gone)
		return;
	watch_clear(t);
	(void)printf("%-15s %-5s %-8s %6s %9s  %s\n", "TUN", "STATE", "FOR", "LOSS", "RTT MS",
	    "LAST QUESTIONS");
	(void)printf("%-15s %s%-5s\x1b[0m ", t->o->tun, colours[m->state], words[m->state]);
	print_age((now_us - m->since_us) / 1000000);
	(void)printf("   %5.1f%% ", monitor_loss(m));
	if (m->answered > 0)
		(void)printf("%9.3f  ", (double)m->rtt_us / 1000);
	else
		(void)printf("%9s  ", "-");
	print_sparks(m);
	t->drawn = true;
	say_flush(t);
}
