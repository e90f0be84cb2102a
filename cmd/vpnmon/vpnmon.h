/* What the files of vpnmon share. */
#ifndef SAPIPE_VPNMON_H
#define SAPIPE_VPNMON_H

#include <ev.h>

#include "cli/ini_file.h"
#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "cli/script.h"
#include "cli/textfile.h"
#include "os/echo.h"
#include "monitor/group.h"
#include "os/linkroute.h"
#include "monitor/monitor.h"
#include "os/record_out.h"
#include "capture/inbound.h"

#define TUNNELS_MAX	64
#define QUEUE		(256 * 1024)	/* bytes of the report that wait for its reader */

enum routes { ROUTES_MARK, ROUTES_KEEP };
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CBOR };
enum optimized { OPTIMIZED_NO, OPTIMIZED_COUNTERS, OPTIMIZED_PCAP };

/* How a tunnel is watched: options of the command line and keys of the peers file. */
struct how {
	const char	*on_up, *on_down, *rekey, *group;
	uint32_t	 interval_ms, threshold, priority;
	uint8_t		 routes, optimized;	/* enum */
	bool		 persist, preempt;
};

struct tunnel_opts {
	const char	*tun, *dest, *source;
	struct how	 how;
};

struct mon_opts {
	struct opt_list	 tuns, sources;
	struct opt_args	 dests;
	struct how	 how;
	const char	*peers, *metrics, *user;
	uint8_t		 format;	/* enum */
	bool		 json, watch;
};

struct group;

struct tunnel {
	struct tool	*tool;
	const char	*tun;
	struct how	 how;
	struct addr	 dest, source;	/* ${source.family} 0: the kernel's choice */
	struct group	*group;		/* NULL: none */
	struct monitor	 mon;
	struct echo	 echo;
	struct linkroute routes;
	struct witness	 witness;	/* --optimized=pcap */
	bool		 blind;		/* that it sees nothing has been said */
	struct script	 on_up, on_down, rekey;
	uint64_t	 rekeys, since_ms;	/* ${since_ms}: wall clock of the last change */
	ev_io		 io;
	ev_timer	 timer;
};

struct group {
	const char	*name;
	size_t		 n, carrier;	/* ${carrier}: index of the member that carries the routes, or GROUP_NONE */
	struct tunnel	*m[TUNNELS_MAX];
	uint64_t	 switches;	/* times that it changed from one member to another */
};

struct queue { size_t len; char b[QUEUE]; };

struct tool {
	const struct mon_opts *o;
	enum format	 format;
	size_t		 n, n_groups;
	struct tunnel	 t[TUNNELS_MAX];
	struct group	 groups[TUNNELS_MAX];
	struct ini_values values;	/* texts of the peers file */
	struct textfile	 metrics;
	struct sa_out	*records;	/* CBOR */
	struct ev_loop	*loop;
	ev_io		 out;		/* standard output: whether its reader is there */
	bool		 piped;		/* it is a pipe, and lines go by the queue */
	struct queue	 queue;
	ev_timer	 tick;		/* each second, for table and metrics */
	ev_signal	 sig[5];
	bool		 dirty;		/* the metrics have changed */
	bool		 gone;		/* the reader of the report */
	struct fault	 why_gone;
};

/* Why a group's routes have changed to another member. Stable words, for --json. */
const char *group_why(const struct group *g, size_t before);

/*
 * conf.c: the tunnels and groups of ${o} or of its peers file; nothing is opened. 0, or -1 with
 * FAULT_USAGE, FAULT_CONFIG or FAULT_BAD_ADDRESS.
 */
int conf_read(struct tool *w, const struct mon_opts *o, struct fault *f);

/* tunnel.c: one tunnel. Its socket, routes and commands. */
int tunnel_open(struct tunnel *t, struct tool *w, bool shared, struct fault *f);
void tunnel_start(struct tunnel *t, uint64_t now_us);
void tunnel_stop(struct tunnel *t);
/* Somebody expects it to be back. */
void tunnel_nudge(struct tunnel *t);
/* Routes come back on every path. */
void tunnel_close(struct tunnel *t);
/* Elects who carries the routes of ${g}, and has it so. Returns whether that has changed; ${*before}: who did. */
bool group_settle(struct group *g, size_t *before);

/* say.c: the event that the state tells of, on standard output; SIGUSR1's line, on standard error. */
int say_open(struct tool *w, struct fault *f);
void say_event(struct tunnel *t);
void say_group(struct tool *w, const struct group *g, size_t before);
void say_status(const struct tunnel *t);
/* Runs one of the commands with the environment of a vpnc-script. */
void say_script(struct tunnel *t, struct script *s, const char *option, const char *reason);
/* Has what was printed go out; a reader that went away ends the loop. */
void say_flush(struct tool *w);
/* Waits a moment for a slow reader to take the rest. */
void say_drain(struct tool *w);
void say_close(struct tool *w);
/* One place after the point is what 64 probes can tell. */
double say_loss(const struct tunnel *t);

/* metrics.c: all tunnels, to the file. */
void metrics_put(struct tool *w);

/* watch.c: the table, with --watch alone; away with it before something else is printed. */
void watch_open(struct tool *w);
void watch_draw(struct tool *w);
void watch_clear(struct tool *w);
/* The last table stays where it is. */
void watch_end(struct tool *w);

/* tool.c */
int tool_open(struct tool *w, const struct mon_opts *o, struct fault *f);
/* Until a signal. Returns the exit status. */
int tool_run(struct tool *w);
void tool_close(struct tool *w);
uint64_t tool_now(void);	/* microseconds, monotonic */

#endif
