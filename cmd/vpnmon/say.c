/* What is said: events in three forms, a line of status, the environment of commands. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/js.h"
#include "os/clock.h"
#include "vpnmon.h"

#define TIME_TEXT	(CLOCK_TEXT + 8)
#define REASON_TEXT	(64 + WITNESS_TEXT)
#define DRAIN_MS	2000	/* for the last records, at the end */

/* RFC 3339 with milliseconds: flaps may be short. */
static char *
time_text(char out[TIME_TEXT], uint64_t epoch_ms)
{
	char text[CLOCK_TEXT];
	size_t n = strlen(clock_text(text, epoch_ms / 1000));

	if (n > 0 && text[n - 1] == 'Z')
		text[n - 1] = '\0';
	(void)snprintf(out, TIME_TEXT, "%s.%03uZ", text, (unsigned)(epoch_ms % 1000));
	return (out);
}

static uint64_t
epoch_now(void)
{
	return (now_epoch_ms(clock_now(NULL)));
}

static double
rtt_ms(const struct tunnel *t)
{
	return ((double)t->mon.rtt_us / 1000);
}

double
say_loss(const struct tunnel *t)
{
	return ((double)(int)(monitor_loss(&t->mon) * 10 + .5) / 10);
}

static char *
upper(char out[16], const char *word)
{
	size_t i;

	for (i = 0; i < 15 && word[i] != '\0'; i++)
		out[i] = (char)toupper((unsigned char)word[i]);
	out[i] = '\0';
	return (out);
}

static bool
has_packet(const struct tunnel *t)
{
	return (t->how.optimized == OPTIMIZED_PCAP && t->witness.text[0] != '\0');
}

static char *
reason_text(char out[REASON_TEXT], const struct tunnel *t)
{
	char dest[ADDR_TEXT];

	addr_text(dest, &t->dest);
	switch (t->mon.why) {
	case MONITOR_STARTED:
		(void)snprintf(out, REASON_TEXT, "asking %s every %g s", dest,
		    (double)t->how.interval_ms / 1000);
		break;
	case MONITOR_ANSWERED:
		(void)snprintf(out, REASON_TEXT, "%s answers, rtt %.3f ms, loss %g%%", dest, rtt_ms(t),
		    say_loss(t));
		break;
	case MONITOR_TRAFFIC:
		(void)snprintf(out, REASON_TEXT, "packets come in%s%s", has_packet(t) ? ": " : "",
		    has_packet(t) ? t->witness.text : "");
		break;
	case MONITOR_SILENCE:
		(void)snprintf(out, REASON_TEXT, "%s does not answer, loss %g%%", dest, say_loss(t));
		break;
	case MONITOR_UNSENT:
		(void)snprintf(out, REASON_TEXT, "%s cannot be asked: %s", dest, strerror(t->mon.sys));
		break;
	}
	return (out);
}

/* ---- standard output. A reader that is slow, or stuck, must not keep us from moving routes. */

static void
lost(struct tool *w, const struct fault *f)
{
	w->why_gone = *f;
	w->gone = true;
	if (w->loop != NULL)
		ev_break(w->loop, EVBREAK_ALL);
}

void
say_flush(struct tool *w)
{
	struct fault f;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	(void)fault_sys(&f, errno == EPIPE ? FAULT_READER_GONE : FAULT_SYSTEM,
	    "cannot write to standard output");
	clearerr(stdout);	/* it is said here, and need not be at exit */
	__fpurge(stdout);
	lost(w, &f);
}

static void
watch_out(struct tool *w, int fd, bool waits)
{
	ev_io_stop(w->loop, &w->out);
	ev_io_set(&w->out, fd, EV_READ | (waits ? EV_WRITE : 0));
	ev_io_start(w->loop, &w->out);
}

/* Writes what goes without waiting. */
static void
push(struct tool *w)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct queue *q = &w->queue;
	struct fault f;
	ssize_t n = 0;

	while (q->len > 0 && poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR)) != 0) {
		/* So much has room in a pipe that takes anything (pipe(7)). */
		n = write(STDOUT_FILENO, q->b, q->len < PIPE_BUF ? q->len : PIPE_BUF);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n == -1) {
			(void)fault_sys(&f, errno == EPIPE ? FAULT_READER_GONE : FAULT_SYSTEM,
			    "cannot write to standard output");
			q->len = 0;
			lost(w, &f);
			return;
		}
		q->len -= (size_t)n;
		memmove(q->b, q->b + n, q->len);
	}
	watch_out(w, STDOUT_FILENO, q->len > 0);
}

/* A line of the report. */
static void
put_line(struct tool *w, const char *text, size_t len)
{
	struct queue *q = &w->queue;
	struct fault f;

	if (!w->piped) {
		(void)fwrite(text, 1, len, stdout);
		say_flush(w);
	} else if (len > sizeof(q->b) - q->len) {
		(void)fault(&f, FAULT_READER_GONE, "who reads standard output does not: %zu bytes wait", q->len);
		lost(w, &f);
	} else {
		memcpy(q->b + q->len, text, len);
		q->len += len;
		push(w);
	}
}

/* A reader that goes away is noticed when there is nothing to be said, too. */
static void
on_out(struct ev_loop *loop, ev_io *io, int revents)
{
	struct tool *w = io->data;
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct fault f;

	if (w->records != NULL) {
		if (sa_out_ready(w->records, &f) != 0)
			lost(w, &f);
		else
			watch_out(w, sa_out_fd(w->records), sa_out_wants_write(w->records));
	} else if (poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0) {
		errno = EPIPE;
		(void)fault_sys(&f, FAULT_READER_GONE, "cannot write to standard output");
		lost(w, &f);
	} else if (w->queue.len > 0)
		push(w);
	else if ((revents & EV_READ) != 0)
		ev_io_stop(loop, io);	/* a socket whose other end talks to us */
}

int
say_open(struct tool *w, struct fault *f)
{
	struct stat st;
	int fd = STDOUT_FILENO;

	if (w->format == FORMAT_CBOR) {
		if (isatty(STDOUT_FILENO) != 0)
			return (fault(f, FAULT_USAGE, "standard output is a terminal, and CBOR is not for people"));
		if ((w->records = sa_out_open(NULL, f)) == NULL)
			return (-1);
		fd = sa_out_fd(w->records);
	} else {
		w->piped = fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
		fd = w->piped ? fd : -1;
	}
	if ((w->loop = ev_default_loop(0)) == NULL)
		return (fault(f, FAULT_SYSTEM, "cannot make an event loop"));
	ev_io_init(&w->out, on_out, fd, EV_READ);
	w->out.data = w;
	if (fd != -1)
		ev_io_start(w->loop, &w->out);
	return (0);
}

void
say_drain(struct tool *w)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct fault f;

	if (w->records != NULL && !w->gone && sa_out_drain(w->records, DRAIN_MS, &f) != 0)
		lost(w, &f);
	while (!w->gone && w->queue.len > 0 && poll(&p, 1, DRAIN_MS) == 1)
		push(w);
	if (!w->gone && w->queue.len > 0) {
		(void)fault(&f, FAULT_READER_GONE, "who reads standard output does not: %zu bytes wait",
		    w->queue.len);
		lost(w, &f);
	}
}

void
say_close(struct tool *w)
{
	if (w->loop != NULL)
		ev_io_stop(w->loop, &w->out);
	sa_out_close(w->records);
	w->records = NULL;
}

static void
put_record(struct tool *w, const char *what, const char *tun, uint64_t epoch_ms, const char *text)
{
	struct sa_rec r = { .type = SA_EVENT };
	struct fault f;

	r.event.time = epoch_ms / 1000;
	(void)snprintf(r.event.source, sizeof(r.event.source), "vpnmon");
	(void)snprintf(r.event.what, sizeof(r.event.what), "%s", what);
	(void)snprintf(r.event.tun, sizeof(r.event.tun), "%s", tun);
	(void)snprintf(r.event.text, sizeof(r.event.text), "%s", text);
	if (sa_out_put(w->records, &r, &f) != 0)
		lost(w, &f);
	else if (sa_out_wants_write(w->records))
		watch_out(w, sa_out_fd(w->records), true);
}

/* ---- events */

static json_t *
tunnel_object(const struct tunnel *t)
{
	char when[TIME_TEXT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "time", json_string(time_text(when, t->since_ms)));
	(void)json_object_set_new(j, "tun", js_text(t->tun));
	(void)json_object_set_new(j, "state", json_string(monitor_state_name(t->mon.state)));
	(void)json_object_set_new(j, "reason", json_string(monitor_why_name(t->mon.why)));
	(void)json_object_set_new(j, "loss", json_real(say_loss(t)));
	(void)json_object_set_new(j, "rtt-ms", t->mon.answered > 0 ? json_real(rtt_ms(t)) : json_null());
	if (t->mon.why == MONITOR_TRAFFIC && has_packet(t))
		(void)json_object_set_new(j, "packet", json_string(t->witness.text));
	if (t->group != NULL)
		(void)json_object_set_new(j, "group", js_text(t->group->name));
	return (j);
}

/* "WHO WHAT: TEXT" with the time, or the object ${j}, which is released. */
static void
put_event(struct tool *w, uint64_t epoch_ms, const char *who, const char *what, const char *text, json_t *j)
{
	char when[TIME_TEXT], *line = NULL;
	size_t len = 0;
	struct fault f;
	FILE *to;

	watch_clear(w);
	if ((to = open_memstream(&line, &len)) == NULL) {
		(void)fault_sys(&f, FAULT_MEMORY, "no memory for a line of the report");
		lost(w, &f);
		json_decref(j);
		return;
	}
	if (j != NULL)
		js_print(j, false, to);
	else
		(void)fprintf(to, "%s %s %s: %s\n", time_text(when, epoch_ms), who, what, text);
	if (fclose(to) == 0)
		put_line(w, line, len);
	free(line);
}

void
say_event(struct tunnel *t)
{
	const char *name = monitor_state_name(t->mon.state);
	char state[16], why[REASON_TEXT];
	struct tool *w = t->tool;

	t->since_ms = epoch_now();
	if (w->gone)
		return;
	(void)reason_text(why, t);
	if (w->format == FORMAT_CBOR)
		put_record(w, name, t->tun, t->since_ms, why);
	else
		put_event(w, t->since_ms, t->tun, upper(state, name), why,
		    w->format == FORMAT_JSON ? tunnel_object(t) : NULL);
}

static json_t *
group_object(const struct group *g, uint64_t epoch_ms, const char *now, const char *was, const char *why)
{
	char when[TIME_TEXT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "time", json_string(time_text(when, epoch_ms)));
	(void)json_object_set_new(j, "group", js_text(g->name));
	(void)json_object_set_new(j, "carrier", now != NULL ? js_text(now) : json_null());
	(void)json_object_set_new(j, "before", was != NULL ? js_text(was) : json_null());
	(void)json_object_set_new(j, "reason", json_string(why));
	return (j);
}

void
say_group(struct tool *w, const struct group *g, size_t before)
{
	const char *now = g->carrier == GROUP_NONE ? NULL : g->m[g->carrier]->tun;
	const char *was = before == GROUP_NONE ? NULL : g->m[before]->tun;
	const char *why = group_why(g, before);
	uint64_t at = epoch_now();
	char text[REASON_TEXT];
	bool cbor = w->format == FORMAT_CBOR;

	if (w->gone)
		return;
	/* A record has no key for the group. */
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s (%s)", cbor ? g->name : "", cbor ? ": " : "", now != NULL ? now : "none",
	    was != NULL ? ", in place of " : "", was != NULL ? was : "", why);
	if (cbor)
		put_record(w, "carrier", now != NULL ? now : "", at, text);
	else
		put_event(w, at, g->name, "CARRIER", text,
		    w->format == FORMAT_JSON ? group_object(g, at, now, was, why) : NULL);
}

void
say_status(const struct tunnel *t)
{
	char when[TIME_TEXT], state[16], rtt[40] = "";
	bool carries = t->group != NULL && t->group->carrier != GROUP_NONE &&
	    t->group->m[t->group->carrier] == t;

	if (t->mon.answered > 0)
		(void)snprintf(rtt, sizeof(rtt), ", rtt %.3f ms", rtt_ms(t));
	report_say(-1, "%s is %s since %s, %llu/%llu answered, loss %g%%%s%s%s", t->tun,
	    upper(state, monitor_state_name(t->mon.state)), time_text(when, t->since_ms),
	    (unsigned long long)t->mon.answered, (unsigned long long)t->mon.sent, say_loss(t), rtt,
	    carries ? ", carries the routes of " : "", carries ? t->group->name : "");
	if (has_packet(t))
		report_say(-1, "%s: %llu packets were seen, the last: %s", t->tun,
		    (unsigned long long)t->witness.packets, t->witness.text);
}

/* ---- commands */

void
say_script(struct tunnel *t, struct script *s, const char *option, const char *reason)
{
	static struct script_env e;
	const struct group *g = t->group;
	char a[ADDR_TEXT], when[TIME_TEXT];

	if (s->helper.fd == -1)
		return;
	e.len = 0;
	script_set(&e, "reason", "%s", reason);
	script_set(&e, "TUNDEV", "%s", t->tun);
	script_set(&e, "VPNPID", "%ld", (long)getpid());
	if (t->source.family != 0)
		script_set(&e, t->source.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS",
		    "%s", addr_text(a, &t->source));
	script_set(&e, "SAPIPE_DEST", "%s", addr_text(a, &t->dest));
	script_set(&e, "SAPIPE_STATE", "%s", monitor_state_name(t->mon.state));
	script_set(&e, "SAPIPE_REASON", "%s", monitor_why_name(t->mon.why));
	script_set(&e, "SAPIPE_SINCE", "%s", time_text(when, t->since_ms));
	script_set(&e, "SAPIPE_LOSS", "%g", say_loss(t));
	if (t->mon.answered > 0)
		script_set(&e, "SAPIPE_RTT_MS", "%.3f", rtt_ms(t));
	if (g != NULL) {
		script_set(&e, "SAPIPE_GROUP", "%s", g->name);
		script_set(&e, "SAPIPE_CARRIER", "%s",
		    g->carrier == GROUP_NONE ? "" : g->m[g->carrier]->tun);
	}
	if (script_run(s, &e) != 0)
		report_warn("%s: the %s command could not be run", t->tun, option);
}
