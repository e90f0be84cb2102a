/* Reads records from files and pipes. */
#include "os/record_in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sa/codec.h"
#include "sa/item.h"

#define CHUNK		((size_t)4096)	/* the first buffer; grows to SA_REC_BYTES */

struct source {
	const char	*name;
	int		 fd;		/* -1: ended */
	bool		 is_file;	/* read(2) never waits */
	unsigned	 wide_mode;
	struct secret	 buf;
	size_t		 start, end;	/* in buf: bytes not yet decoded */
	uint64_t	 off;		/* in the source: of buf[start] */
	bool		 starved;	/* buf holds no whole record: read first */
};

struct sa_in {
	bool		 raw;
	unsigned	 n;
	struct source	 s[];
};

static int
source_open(struct source *s, const char *name, struct fault *f)
{
	struct stat st;

	s->fd = -1;
	s->starved = true;
	s->name = name;
	if (strcmp(name, "-") == 0) {
		s->name = "standard input";
		if ((s->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) == -1)
			return (fault_sys(f, FAULT_SYSTEM, "cannot read standard input"));
		if (isatty(s->fd))
			return (fault_because(f, CAUSE_STATE_TERMINAL, fault(f, FAULT_USAGE,
			    "standard input is a terminal: SA state comes from a file or a pipe")));
	/* O_NONBLOCK: opening a FIFO that has no writer yet must not block. */
	} else if ((s->fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) == -1)
		return (fault_sys(f, fault_of_file(errno), "cannot open %s", name));
	if (fstat(s->fd, &st) == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot read %s", s->name));
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return (fault_sys(f, FAULT_USAGE, "cannot read %s", s->name));
	}
	s->is_file = S_ISREG(st.st_mode);
	if (s->is_file && (st.st_mode & 077) != 0)
		s->wide_mode = st.st_mode & 07777;
	return (0);
}

struct sa_in *
sa_in_open(size_t n, char *const *names, struct fault *f)
{
	struct sa_in *in;
	bool stdin_taken = false;
	size_t i, want = n > 0 ? n : 1;
	const char *name;

	if (n > SA_IN_MAX) {
		(void)fault(f, FAULT_USAGE, "more than %d sources of SA state", SA_IN_MAX);
		return (NULL);
	}
	if ((in = calloc(1, sizeof(*in) + want * sizeof(in->s[0]))) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for a reader of SA state");
		return (NULL);
	}
	for (i = 0; i < want; i++) {
		name = n > 0 ? names[i] : "-";
		in->n++;
		if (strcmp(name, "-") == 0 && stdin_taken) {
			in->s[i].fd = -1;
			(void)fault(f, FAULT_USAGE, "standard input is named twice");
			goto bad;
		}
		stdin_taken = stdin_taken || strcmp(name, "-") == 0;
		if (source_open(&in->s[i], name, f) != 0)
			goto bad;
	}
	return (in);
bad:
	sa_in_close(in);
	return (NULL);
}

bool
sa_in_piped(const struct sa_in *in)
{
	for (unsigned i = 0; i < in->n; i++)
		if (!in->s[i].is_file)
			return (true);
	return (false);
}

static void
source_close(struct source *s)
{
	if (s->fd != -1)
		(void)close(s->fd);
	s->fd = -1;
	s->start = s->end = 0;
	s->starved = true;
	secret_free(&s->buf);
}

void
sa_in_close(struct sa_in *in)
{
	unsigned i;

	if (in == NULL)
		return;
	for (i = 0; i < in->n; i++)
		source_close(&in->s[i]);
	free(in);
}

/* Makes room at the end: moves the bytes to the front, or grows the buffer. */
static int
make_room(struct source *s, struct fault *f)
{
	struct secret more = {0};
	size_t have = s->end - s->start;

	if (s->buf.len == 0) {
		if (secret_make(&s->buf, CHUNK) == NULL)
			goto short_of;
		return (0);
	}
	if (s->start > 0) {
		memmove(s->buf.p, s->buf.p + s->start, have);
		wipe(s->buf.p + have, s->end - have);
		s->start = 0;
		s->end = have;
	}
	/* A record of SA_REC_BYTES is decoded or refused: a full buffer of that size cannot be. */
	if (s->end < s->buf.len || s->buf.len >= SA_REC_BYTES)
		return (0);
	if (secret_make(&more, 4 * s->buf.len) == NULL)
		goto short_of;
	memcpy(more.p, s->buf.p, have);
	secret_move(&s->buf, &more);
	return (0);
short_of:
	return (fault(f, FAULT_MEMORY, "no locked memory to read SA state into"));
}

/* Reads once. 1: there is more in the buffer; 0: nothing now; -1: fault; ended: closed, 0. */
static int
source_fill(struct source *s, struct fault *f)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	ssize_t n;

	/*
	 * Other processes share the file description of standard input, so we do not change its
	 * flags: poll first. A FIFO that had no writer yet does not poll as ended.
	 */
	if (!s->is_file && poll(&p, 1, 0) < 1)
		return (0);
	if (make_room(s, f) != 0)
		return (-1);
	n = read(s->fd, s->buf.p + s->end, s->buf.len - s->end);
	if (n > 0) {
		s->end += (size_t)n;
		s->starved = false;
		return (1);
	}
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return (0);
	if (n == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot read"));
	if (s->end > s->start) {
		(void)fault_at(f, FAULT_TRUNCATED, (size_t)s->off,
		    "the last record is cut short after %zu bytes", s->end - s->start);
		return (-1);
	}
	source_close(s);
	return (0);
}

/* As sa_in_next() for one source; 0: nothing now, or ended. */
static int
source_next(struct source *s, bool raw, struct sa_rec *r, struct sa_in_at *at, struct fault *f)
{
	struct span in;
	long len;
	int rc;

	while (s->fd != -1) {
		in = s->starved ? SPAN_NONE : span_of(s->buf.p + s->start, s->end - s->start);
		len = s->starved ? 0 : raw ? item_check(in, SA_REC_BYTES, SA_REC_DEPTH, f) :
		    sa_decode(r, in, f);
		if (len > 0) {
			at->name = s->name;
			at->off = s->off;
			at->raw = span_of(s->buf.p + s->start, (size_t)len);
			s->start += (size_t)len;
			s->off += (uint64_t)len;
			s->starved = s->start == s->end;
			return (1);
		}
		if (len < 0) {
			if (f != NULL && f->at != FAULT_AT_NONE)
				f->at += (size_t)s->off;
			return (-1);
		}
		s->starved = true;
		if ((rc = source_fill(s, f)) < 0)
			return (-1);
		if (rc == 0 && (s->fd == -1 || !s->is_file))
			return (0);
	}
	return (0);
}

static void
wait_for_data(const struct sa_in *in)
{
	struct pollfd p[SA_IN_MAX];
	unsigned i;

	/* poll() passes over negative descriptors. */
	for (i = 0; i < in->n; i++)
		p[i] = (struct pollfd){ .fd = in->s[i].fd, .events = POLLIN };
	(void)poll(p, in->n, -1);
}

int
sa_in_next(struct sa_in *in, bool wait, struct sa_rec *r, struct sa_in_at *at, struct fault *f)
{
	unsigned i;
	int rc;

	r->type = SA_NONE;
	for (;;) {
		for (i = 0; i < in->n; i++) {
			at->source = i;
			if ((rc = source_next(&in->s[i], in->raw, r, at, f)) > 0)
				return (1);
			if (rc < 0) {
				fault_where(f, "%s", in->s[i].name);
				source_close(&in->s[i]);
				return (-1);
			}
		}
		if (!wait || sa_in_ended(in))
			return (0);
		wait_for_data(in);
	}
}

void
sa_in_take_raw(struct sa_in *in)
{
	in->raw = true;
}

bool
sa_in_ended(const struct sa_in *in)
{
	unsigned i;

	for (i = 0; i < in->n; i++)
		if (in->s[i].fd != -1)
			return (false);
	return (true);
}

unsigned
sa_in_sources(const struct sa_in *in)
{
	return (in->n);
}

int
sa_in_fd(const struct sa_in *in, unsigned source)
{
	return (in->s[source].is_file ? -1 : in->s[source].fd);
}

const char *
sa_in_name(const struct sa_in *in, unsigned source)
{
	return (in->s[source].name);
}

unsigned
sa_in_wide_mode(const struct sa_in *in, unsigned source)
{
	return (in->s[source].wide_mode);
}
