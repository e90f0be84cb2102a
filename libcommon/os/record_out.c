/* Writes records to a pipe or a file, with a queue. */
#include "os/record_out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/newfile.h"
#include "sa/codec.h"

enum kind {
	STREAM_PIPE,	/* a description of our own, O_NONBLOCK */
	STREAM_SHARED,	/* a pipe that other processes share: writes of PIPE_BUF after poll() */
	STREAM_SOCKET,	/* MSG_DONTWAIT */
	PLAIN,		/* a file that the shell opened, /dev/null: writes end by themselves */
	NEW_FILE,
};

struct waiting {
	struct waiting	*next;
	struct secret	 rec;
};

struct sa_out {
	enum kind	 kind;
	int		 fd;		/* -1: a new file that is not made yet */
	struct waiting	*first, **last;
	size_t		 offset;	/* written of the first */
	size_t		 bytes, records;	/* that wait */
	struct newfile	*file;
	off_t		 size;		/* of the new file, whole records */
	bool		 device;
	void		(*see)(void *ctx, const struct sa_rec *r);	/* or NULL */
	void		*see_ctx;
};

/* Opens a stream on ${fd}, an existing pipe, socket, file or device. Owns ${fd} from then on. */
static int
stream_open(struct sa_out *o, int fd, bool ours, const char *name, struct fault *f)
{
	char self[40];
	struct stat st;
	int again;

	o->fd = fd;
	if (fstat(fd, &st) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot write to %s", name));
	if (isatty(fd))
		return (fault_because(f, CAUSE_STATE_TERMINAL,
		    fault(f, FAULT_USAGE, "%s is a terminal: SA state is binary and holds "
		    "keys; pipe it to sa-show, or use -o FILE", name)));
	o->kind = PLAIN;
	o->device = S_ISCHR(st.st_mode);
	if (S_ISSOCK(st.st_mode))
		o->kind = STREAM_SOCKET;
	else if (S_ISFIFO(st.st_mode)) {
		/*
		 * O_NONBLOCK belongs to the description, and the shell or the next tool may
		 * share ours: open the same pipe once more.
		 */
		o->kind = STREAM_SHARED;
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		if (ours && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
			o->kind = STREAM_PIPE;
		else if ((again = open(self, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) != -1) {
			(void)close(fd);
			o->fd = again;
			o->kind = STREAM_PIPE;
		}
	}
	return (0);
}

static int
open_path(struct sa_out *o, const char *path, struct fault *f)
{
	struct stat st;
	int fd;

	if (path == NULL || strcmp(path, "-") == 0) {
		if ((fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) == -1)
			return (fault_sys(f, FAULT_SYSTEM, "cannot write to standard output"));
		return (stream_open(o, fd, false, "standard output", f));
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return (fault_sys(f, FAULT_USAGE, "cannot write to %s", path));
	}
	/* An existing path that is no regular file (/dev/fd/63, a FIFO) is written to, not replaced. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		if ((fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)) == -1)
			return (fault_sys(f, fault_of_output(errno), "cannot open %s", path));
		return (stream_open(o, fd, true, path, f));
	}
	o->kind = NEW_FILE;
	return ((o->file = newfile_open(path, f)) != NULL ? 0 : -1);
}

static struct sa_out *
out_new(struct fault *f)
{
	struct sa_out *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a writer of SA state");
		return (NULL);
	}
	o->fd = -1;
	o->last = &o->first;
	return (o);
}

struct sa_out *
sa_out_open(const char *path, struct fault *f)
{
	struct sa_out *o = out_new(f);

	if (o == NULL || open_path(o, path, f) == 0)
		return (o);
	sa_out_close(o);
	return (NULL);
}

struct sa_out *
sa_out_open_socket(int fd, struct fault *f)
{
	struct sa_out *o = out_new(f);

	if (o == NULL)
		(void)close(fd);
	if (o == NULL || stream_open(o, fd, true, "the socket", f) == 0)
		return (o);
	sa_out_close(o);
	return (NULL);
}

void
sa_out_show(struct sa_out *o, void (*see)(void *ctx, const struct sa_rec *r), void *ctx)
{
	o->see = see;
	o->see_ctx = ctx;
}

static void
drop_first(struct sa_out *o)
{
	struct waiting *w = o->first;

	o->bytes -= w->rec.len;
	o->records--;
	if ((o->first = w->next) == NULL)
		o->last = &o->first;
	secret_free(&w->rec);
	free(w);
	o->offset = 0;
}

static int
gone(struct fault *f)
{
	return (fault(f, FAULT_READER_GONE, "the reader of the SA state has closed the pipe"));
}

/* Writes what fits without waiting; -1 with errno EAGAIN if nothing fits. */
static ssize_t
write_some(const struct sa_out *o, const uint8_t *p, size_t len)
{
	struct pollfd pfd = { .fd = o->fd, .events = POLLOUT };

	switch (o->kind) {
	case STREAM_SOCKET:
		return (send(o->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL));
	case STREAM_SHARED:
		/* A pipe that polls as writable accepts PIPE_BUF bytes at once (pipe(7)). */
		if (poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLOUT | POLLERR)) != 0)
			return (write(o->fd, p, len < PIPE_BUF ? len : PIPE_BUF));
		errno = EAGAIN;
		return (-1);
	default:
		return (write(o->fd, p, len));
	}
}

/* A partly written record is removed, so that the next one is readable. */
static int
append_failed(struct sa_out *o, int sys, struct fault *f)
{
	if (o->kind == NEW_FILE && ftruncate(o->fd, o->size) == 0)
		o->offset = 0;
	errno = sys;
	return (fault_sys(f, FAULT_SYSTEM, "cannot write SA state"));
}

static int
flush(struct sa_out *o, struct fault *f)
{
	ssize_t n;

	while (o->fd != -1 && o->first != NULL) {
		n = write_some(o, o->first->rec.p + o->offset, o->first->rec.len - o->offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return (0);
		if (n == -1 && (errno == EPIPE || errno == ECONNRESET))
			return (gone(f));
		if (n <= 0)
			return (append_failed(o, n == 0 ? ENOSPC : errno, f));
		o->offset += (size_t)n;
		if (o->offset < o->first->rec.len)
			continue;
		o->size += (off_t)o->offset;
		drop_first(o);
	}
	return (0);
}

int
sa_out_put(struct sa_out *o, const struct sa_rec *r, struct fault *f)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (o->see != NULL)
		o->see(o->see_ctx, r);
	if (w == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	if (sa_encode(&w->rec, r, f) != 0) {
		free(w);
		return (-1);
	}
	if (o->bytes + w->rec.len > SA_OUT_QUEUE || o->records == SA_OUT_RECORDS) {
		secret_free(&w->rec);
		free(w);
		return (fault(f, FAULT_READER_GONE, "%zu records are queued and the reader reads none",
		    o->records));
	}
	o->bytes += w->rec.len;
	o->records++;
	*o->last = w;
	o->last = &w->next;
	return (flush(o, f));
}

bool
sa_out_kept(const struct sa_out *o)
{
	return (!o->device);
}

size_t
sa_out_pending(const struct sa_out *o)
{
	return (o->kind == NEW_FILE ? 0 : o->bytes - o->offset);
}

int
sa_out_fd(const struct sa_out *o)
{
	return (o->kind == PLAIN || o->kind == NEW_FILE ? -1 : o->fd);
}

bool
sa_out_wants_write(const struct sa_out *o)
{
	return (sa_out_pending(o) > 0);
}

/* Whether the reader has closed its end. */
static bool
is_gone(const struct sa_out *o)
{
	struct pollfd p = { .fd = sa_out_fd(o), .events = POLLIN };
	uint8_t buf[256];
	ssize_t n;

	if (p.fd == -1 || poll(&p, 1, 0) != 1)
		return (false);
	if (o->kind != STREAM_SOCKET)
		return ((p.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0);
	/* Readers send nothing on a socket; discard what they send anyway. */
	while ((n = recv(o->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		;
	return (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR));
}

int
sa_out_ready(struct sa_out *o, struct fault *f)
{
	if (is_gone(o))
		return (gone(f));
	return (flush(o, f));
}

int
sa_out_commit(struct sa_out *o, struct fault *f)
{
	if (o->kind != NEW_FILE || o->fd != -1)
		return (0);
	o->fd = newfile_fd(o->file);
	if (flush(o, f) != 0 || newfile_commit(o->file, f) != 0) {
		o->fd = -1;
		return (-1);
	}
	return (0);
}

int
sa_out_drain(struct sa_out *o, int timeout_ms, struct fault *f)
{
	int64_t end = (int64_t)clock_mono_ms() + timeout_ms, left;
	struct pollfd p = { .fd = sa_out_fd(o), .events = POLLOUT };

	for (;;) {
		if (flush(o, f) != 0)
			return (-1);
		if (sa_out_pending(o) == 0)
			return (0);
		if ((left = end - (int64_t)clock_mono_ms()) <= 0)
			return (fault(f, FAULT_READER_GONE, "%zu records are queued and the reader reads none",
			    o->records));
		(void)poll(&p, 1, (int)left);
	}
}

void
sa_out_close(struct sa_out *o)
{
	if (o == NULL)
		return;
	while (o->first != NULL)
		drop_first(o);
	if (o->file != NULL)
		newfile_close(o->file);		/* its descriptor too */
	else if (o->fd != -1)
		(void)close(o->fd);
	free(o);
}
