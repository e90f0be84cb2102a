/* What the files of vpnmon share. */
#ifndef SAPIPE_VPNMON_H
#define SAPIPE_VPNMON_H

#include <ev.h>

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "cli/script.h"
#include "cli/textfile.h"
#include "net/echo.h"
#include "net/linkroute.h"
#include "net/monitor.h"

enum routes { ROUTES_MARK, ROUTES_KEEP };

struct mon_opts {
	const char	*tun, *dest, *source, *on_up, *on_down, *rekey, *metrics, *user;
	uint32_t	 interval_ms, threshold;
	uint8_t		 routes;	/* enum routes */
	bool		 optimized, persist, json, watch;
};

struct tool {
	const struct mon_opts *o;
	struct ev_loop	*loop;
	struct monitor	 mon;
	struct echo	 echo;
	struct linkroute routes;
	struct script	 on_up, on_down, rekey;
	struct textfile	 metrics;
	struct addr	 dest, source;	/* ${source.family} 0: the kernel's choice */
	uint64_t	 rekeys, since_ms;	/* ${since_ms}: wall clock of the last change */
	ev_io		 io;
	ev_timer	 timer;
	ev_signal	 sig[4];
	bool		 drawn;		/* the table of --watch */
	bool		 gone;		/* the reader of the report */
	struct fault	 why_gone;
};

/* say.c: the event that the state tells of, on standard output; SIGUSR1's line, on standard error. */
void say_event(struct tool *t);
void say_status(const struct tool *t);
/* The metrics, to their file. */
void say_metrics(struct tool *t);
/* Runs one of the commands with the environment of a vpnc-script. */
void say_script(struct tool *t, struct script *s, const char *option, const char *reason);

/* Has what was printed go out; a reader that went away ends the loop. */
void say_flush(struct tool *t);

/* watch.c: the table, with --watch alone; away with it before something else is printed. */
void watch_draw(struct tool *t, uint64_t now_us);
void watch_clear(struct tool *t);

/* tool.c */
int tool_open(struct tool *t, const struct mon_opts *o, struct fault *f);
/* Until a signal. Returns the exit status. */
int tool_run(struct tool *t);
/* Routes come back on every path. */
void tool_close(struct tool *t);

#endif
