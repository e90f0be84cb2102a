/*
 * Standard output: lines that wait for a slow reader, CBOR records, and a reader that went away. A reader that is
 * slow or stuck must not delay the routes.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/loop.h"
#include "output.h"

#define DRAIN_MS	2000	/* for the last records, at the end */

void
output_lost(struct tool *w, const struct fault *f)
{
	w->why_gone = *f;
	w->gone = true;
	if (w->loop != NULL)
		ev_break(w->loop, EVBREAK_ALL);
}

void
output_flush(struct tool *w)
{
	struct fault f;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	prog_stdout_fault(&f);
	clearerr(stdout);	/* reported here, so not again at exit */
	__fpurge(stdout);
	output_lost(w, &f);
}

static void
watch_fd(struct tool *w, int fd, bool waits)
{
	ev_io_stop(w->loop, &w->out);
	ev_io_set(&w->out, fd, EV_READ | (waits ? EV_WRITE : 0));
	ev_io_start(w->loop, &w->out);
}

/* Writes as much as is possible without waiting. */
static void
push(struct tool *w)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct queue *q = &w->queue;
	struct fault f;
	ssize_t n = 0;

	while (q->len > 0 && poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR)) != 0) {
		/* A pipe with any room has room for PIPE_BUF bytes (pipe(7)). */
		n = write(STDOUT_FILENO, q->b, q->len < PIPE_BUF ? q->len : PIPE_BUF);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n == -1) {
			prog_stdout_fault(&f);
			q->len = 0;
			output_lost(w, &f);
			return;
		}
		q->len -= (size_t)n;
		memmove(q->b, q->b + n, q->len);
	}
	watch_fd(w, STDOUT_FILENO, q->len > 0);
}

void
output_line(struct tool *w, const char *text, size_t len)
{
	struct queue *q = &w->queue;
	struct fault f;

	if (!w->piped) {
		(void)fwrite(text, 1, len, stdout);
		output_flush(w);
	} else if (len > sizeof(q->b) - q->len) {
		(void)fault(&f, FAULT_READER_GONE, "the reader of standard output is not reading: %zu bytes wait", q->len);
		output_lost(w, &f);
	} else {
		memcpy(q->b + q->len, text, len);
		q->len += len;
		push(w);
	}
}

/* Notices a reader that went away also while there is nothing to write. */
static void
on_out(struct ev_loop *loop, ev_io *io, int revents)
{
	struct tool *w = io->data;
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct fault f;

	if (w->records != NULL) {
		if (sa_out_ready(w->records, &f) != 0)
			output_lost(w, &f);
		else
			watch_fd(w, sa_out_fd(w->records), sa_out_wants_write(w->records));
	} else if (poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0) {
		errno = EPIPE;
		prog_stdout_fault(&f);
		output_lost(w, &f);
	} else if (w->queue.len > 0)
		push(w);
	else if ((revents & EV_READ) != 0)
		ev_io_stop(loop, io);	/* a socket, and its other end sends data */
}

int
output_open(struct tool *w, struct fault *f)
{
	struct stat st;
	int fd = STDOUT_FILENO;

	if (w->format == FORMAT_CBOR) {
		if (isatty(STDOUT_FILENO) != 0)
			return (fault_because(f, CAUSE_EVENTS_TERMINAL,
			    fault(f, FAULT_USAGE, "standard output is a terminal, and CBOR is not for people")));
		if ((w->records = sa_out_open(NULL, f)) == NULL)
			return (-1);
		fd = sa_out_fd(w->records);
	} else {
		w->piped = fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
		fd = w->piped ? fd : -1;
	}
	if ((w->loop = loop_make(true, f)) == NULL)
		return (-1);
	ev_io_init(&w->out, on_out, fd, EV_READ);
	w->out.data = w;
	if (fd != -1)
		ev_io_start(w->loop, &w->out);
	return (0);
}

void
output_drain(struct tool *w)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct fault f;

	if (w->records != NULL && !w->gone && sa_out_drain(w->records, DRAIN_MS, &f) != 0)
		output_lost(w, &f);
	while (!w->gone && w->queue.len > 0 && poll(&p, 1, DRAIN_MS) == 1)
		push(w);
	if (!w->gone && w->queue.len > 0) {
		(void)fault(&f, FAULT_READER_GONE, "the reader of standard output is not reading: %zu bytes wait",
		    w->queue.len);
		output_lost(w, &f);
	}
}

void
output_close(struct tool *w)
{
	if (w->loop != NULL)
		ev_io_stop(w->loop, &w->out);
	sa_out_close(w->records);
	w->records = NULL;
}

void
output_record(struct tool *w, enum sa_event_kind what, const char *tun, uint64_t epoch_ms, const char *text)
{
	struct sa_rec r = { .type = SA_EVENT };
	struct fault f;

	r.event.time = epoch_ms / 1000;
	(void)snprintf(r.event.source, sizeof(r.event.source), "vpnmon");
	r.event.what = what;
	(void)snprintf(r.event.tun, sizeof(r.event.tun), "%s", tun);
	(void)snprintf(r.event.text, sizeof(r.event.text), "%s", text);
	if (sa_out_put(w->records, &r, &f) != 0)
		output_lost(w, &f);
	else if (sa_out_wants_write(w->records))
		watch_fd(w, sa_out_fd(w->records), true);
}
