/* The types that the files of vpnmon share; each file has a header for its functions. */
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
#include "net/linkroute.h"
#include "os/lock.h"
#include "monitor/monitor.h"
#include "os/record_out.h"
#include "capture/inbound.h"

#define TUNNELS_MAX	64
#define QUEUE		(256 * 1024)	/* bytes of the report that wait for a slow reader */

enum routes { ROUTES_MARK, ROUTES_KEEP };
enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CBOR };
enum optimized { OPTIMIZED_NO, OPTIMIZED_COUNTERS, OPTIMIZED_PCAP };

/* How a tunnel is watched: options of the command line and keys of the peers file. */
struct how {
	const char	*on_up, *on_down, *rekey, *group, *sa;
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
	const char	*peers, *metrics, *user, *standby;
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
	struct lock	 lock;		/* on the routes over the device */
	bool		 own;		/* ${dest} is an address of this machine, which was reported */
	bool		 again;		/* that routes were added while DOWN was reported */
	struct witness	 witness;	/* --optimized=pcap */
	bool		 blind;		/* a warning that it sees nothing was printed */
	struct script	 on_up, on_down, rekey;
	unsigned	 in_vain;	/* --rekey commands since the last answer */
	uint64_t	 rekeys, since_ms;	/* ${since_ms}: wall clock of the last change */
	ev_io		 io;
	ev_timer	 timer;
};

struct group {
	const char	*name;
	size_t		 n, carrier;	/* ${carrier}: index of the member that carries the routes, or GROUP_NONE */
	struct tunnel	*m[TUNNELS_MAX];
	uint64_t	 switches;	/* how often the routes moved from one member to another */
};

enum gateway_state { GATEWAY_INACTIVE, GATEWAY_READY, GATEWAY_ACTIVE };

/* This machine as one of two gateways. */
struct gateway {
	int		 fd;		/* of the file that says its state; -1: it is none */
	enum gateway_state state;
	ev_timer	 timer;		/* of the next look */
};

struct queue { size_t len; char b[QUEUE]; };

struct tool {
	const struct mon_opts *o;
	enum format	 format;
	size_t		 n, n_groups;
	struct gateway	 gateway;
	struct tunnel	 t[TUNNELS_MAX];
	struct group	 groups[TUNNELS_MAX];
	struct ini_values values;	/* texts of the peers file */
	struct textfile	 metrics;
	struct sa_out	*records;	/* CBOR */
	struct ev_loop	*loop;
	ev_io		 out;		/* standard output: whether its reader is still there */
	bool		 piped;		/* it is a pipe: lines pass through the queue */
	struct queue	 queue;
	ev_timer	 tick;		/* each second, for table and metrics */
	ev_signal	 sig[6];
	bool		 dirty;		/* the metrics have changed */
	bool		 gone;		/* the reader of the report */
	struct fault	 why_gone;
};

/* Whether the tunnels are monitored: this is the active gateway, or no gateway of two. */
static inline bool
gateway_is_active(const struct tool *w)
{
	return (w->gateway.fd == -1 || w->gateway.state == GATEWAY_ACTIVE);
}

#endif
