/* sa-stat: the counters of a running esp-tun or gre-tun, from its control socket. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "cli/term.h"
#include "os/clock.h"
#include "os/sandbox.h"
#include "os/unixsock.h"
#include "stat.h"

struct opts {
	const char	*control;
	uint32_t	 interval_ms;
	bool		 json, prometheus, watch, reset, nhtb, ike, records;
};
/* Bits of pairs that do not go together. */
#define ONE_FORMAT	1U
#define ONE_TIME	2U
#define ONE_SUBJECT	4U

static const struct opt optab[] = {
	OPT_TOOL("print the counters of a running esp-tun or gre-tun"),
	OPT_USE("[OPTION]... [CONTROL]"),
	OPT_FLAG(struct opts, json, 0, "json", "print one JSON object, a line for each report", .excl = ONE_FORMAT),
	OPT_FLAG(struct opts, prometheus, 0, "prometheus", "print the text format of Prometheus",
	    .excl = ONE_FORMAT | ONE_TIME | ONE_SUBJECT),
	OPT_FLAG(struct opts, nhtb, 0, "nhtb", "print the bindings of next hops to tunnels", .excl = ONE_SUBJECT),
	OPT_FLAG(struct opts, ike, 0, "ike", "CONTROL is of ike-initiate or ike-respond: print a JSON object for each SA, one a line",
	    .excl = ONE_FORMAT | ONE_TIME | ONE_SUBJECT),
	OPT_FLAG(struct opts, records, 0, "records", "CONTROL is of ike-respond --records: print the records, until it ends",
	    .excl = ONE_FORMAT | ONE_TIME | ONE_SUBJECT),
	OPT_FLAG(struct opts, watch, 'w', "watch", "print again and again, with rates", .excl = ONE_TIME),
	OPT_MILLIS(struct opts, interval_ms, 'i', "interval", "S", 100, 86400000, "seconds between reports of --watch"),
	OPT_FLAG(struct opts, reset, 0, "reset", "print, then let the counters begin at zero", .excl = ONE_TIME | ONE_SUBJECT),
	OPT_ARG(struct opts, control, "CONTROL", "socket of esp-tun or gre-tun --control"),
	OPT_NOTE("CONTROL without '/' is a name in the directory of running tools, /run/sapipe for root. Without CONTROL the "
	    "name is \"control\"."),
	OPT_END
};

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* A signal ends --watch between two reports, and interrupts a wait. */
static void
catch_signals(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal };

	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		(void)sigaction(sigs[i], &sa, NULL);
}

static void
print(const struct opts *o, const struct stat_report *r, const struct stat_before *b, uint64_t now_ms)
{
	if (o->prometheus)
		prom_report(r);
	else if (o->json && o->nhtb)
		hops_json(r);
	else if (o->json)
		json_report(r, b, now_ms);
	else {
		/* On a terminal each report takes the place of the one before. */
		if (o->watch && isatty(STDOUT_FILENO))
			(void)printf("\033[H\033[2J");
		else if (b->at_ms != 0)
			(void)printf("\n");
		if (o->nhtb)
			hops_text(r);
		else
			text_report(r, b, now_ms);
	}
}

/* 0, or -1 with a fault; a signal is no fault. */
static int
run(const struct opts *o, int fd, struct fault *f)
{
	struct stat_report r = {0};
	struct stat_before b = {0};
	uint64_t next = clock_mono_ms(), now;
	int rc;

	while ((rc = stat_ask(fd, o->nhtb ? SA_EVENT_NEXT_HOPS : o->reset ? SA_EVENT_RESET : SA_EVENT_REPORT, &r, f)) == 0) {
		now = clock_mono_ms();
		print(o, &r, &b, now);
		if (fflush(stdout) != 0) {
			prog_stdout_fault(f);
			rc = -1;
		}
		if (rc != 0 || !o->watch || stopped)
			break;
		if (stat_remember(&b, &r, now) != 0)
			report_say(1, "no memory for rates");
		next += o->interval_ms;
		if (next < now)
			next = now;
		if (next > now)
			(void)poll(NULL, 0, (int)(next - now));
		if (stopped)
			break;
	}
	stat_free(&r);
	stat_forget(&b);
	return (stopped ? 0 : rc);
}

int
main(int argc, char *argv[])
{
	struct opts o = { .control = "control", .interval_ms = 1000 };
	struct fault f;
	int fd, rc;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	if (o.records && isatty(STDOUT_FILENO)) {
		(void)fault_because(&f, CAUSE_STATE_TERMINAL,
		    fault(&f, FAULT_USAGE, "standard output is a terminal: SA state is binary and holds keys"));
		return ((int)report_fault(&f));
	}
	if (o.watch)
		catch_signals();
	if ((fd = unixsock_connect(o.control, &f)) == -1 || sandbox_enter(SANDBOX_FILTER, &f) < 0)
		return ((int)report_fault(&f));
	rc = o.ike ? ike_copy(fd, &f) : o.records ? ike_follow(fd, &f) : run(&o, fd, &f);
	(void)close(fd);
	return (rc == 0 ? EXIT_DONE : (int)report_fault(&f));
}
