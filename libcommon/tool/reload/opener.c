/* The helper that opens the file of peers and its secrets, and the questions to it. */
#include "tool/reload/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file_source.h"
#include "cli/ini_file.h"
#include "os/priv.h"
#include "os/sandbox.h"
#include "tool/peers_file.h"
#include "tool/section_opt.h"

/* A question: one of these, and the path after ASK_OPEN without a NUL. The answer: errno as an int, with the descriptor if that is 0. */
enum ask { ASK_READ = 'r', ASK_OPEN = 'o' };

/* --- the helper --- */

struct paths { size_t n; char **v; };

struct serving {
	const char		*path;
	const struct policy_opts *given;
	struct paths		 may;		/* beside ${path} itself */
};

/* The options of a section, and where its files are noted: ini_file.h hands over no more than this. */
struct noted {
	struct section_opts	 o;	/* first: the table's */
	struct serving		*s;
};

static void
note(struct serving *s, const char *from)
{
	char path[PATH_MAX], **more;

	if (file_source_beside(path, from, s->path) != 0)
		return;
	if ((more = realloc(s->may.v, (s->may.n + 1) * sizeof(*more))) == NULL)
		return;
	s->may.v = more;
	if ((s->may.v[s->may.n] = strdup(path)) != NULL)
		s->may.n++;
}

static bool
is_file(const struct opt *row)
{
	return ((row->type == OPT_T_STR || row->type == OPT_T_LIST) && row->arg != NULL && strcmp(row->arg, "FILE") == 0);
}

/* The row of the key ${name}, included tables' too; NULL: none. */
static const struct opt *
find_row(const struct opt *rows, const char *name)
{
	const struct opt *r, *in;

	for (r = rows; r->type != OPT_T_END; r++) {
		if (r->type == OPT_T_INCLUDE && (in = find_row(r->include, name)) != NULL)
			return (in);
		if (r->type != OPT_T_INCLUDE && r->name != NULL && strcmp(r->name, name) == 0)
			return (r);
	}
	return (NULL);
}

/* The files that the command line names. */
static void
note_given(struct serving *s, const struct opt *rows, const void *base)
{
	const struct opt *r;
	const struct opt_list *l;
	const void *at;
	size_t i;

	for (r = rows; r->type != OPT_T_END; r++) {
		at = (const char *)base + r->off;
		if (r->type == OPT_T_INCLUDE)
			note_given(s, r->include, at);
		else if (is_file(r) && r->type == OPT_T_STR && *(const char *const *)at != NULL)
			note(s, *(const char *const *)at);
		else if (is_file(r) && r->type == OPT_T_LIST)
			for (l = at, i = 0; i < l->n; i++)
				note(s, l->v[i]);
	}
}

static void
on_set(void *opts, const char *key, const char *value)
{
	const struct noted *n = opts;
	const struct opt *row = find_row(section_optab, key);

	if (row != NULL && is_file(row))
		note(n->s, value);
}

static void
on_wrong(void *ctx, void *opts, const struct fault *f)
{
	(void)ctx;
	(void)opts;
	(void)f;	/* the tool reads the file itself, and reports it */
}

static int
on_section(void *ctx, const char *name, void *opts, struct fault *f)
{
	(void)ctx;
	(void)name;
	(void)opts;
	(void)f;
	return (0);
}

static void
forget(struct paths *p)
{
	while (p->n > 0)
		free(p->v[--p->n]);
	free(p->v);
	*p = (struct paths){0};
}

/* Reads the file for the names in it. */
static void
learn(struct serving *s)
{
	const struct ini_conf conf = { .table = section_optab, .size = sizeof(struct noted),
	    .of = "a peer", .risk = "allowed addresses of the peer", .max = PEERS_MAX, .no_key = "name", .pair = { "esp", "ah" },
	    .first = section_first, .set = on_set, .wrong = on_wrong, .section = on_section };
	struct noted *given = calloc(1, sizeof(*given));
	struct ini_values values = {0};
	struct fault f;

	forget(&s->may);
	if (given == NULL)
		return;
	given->o = (struct section_opts)SECTION_OPTS_DEFAULT(*s->given);
	given->s = s;
	note_given(s, policy_optab, s->given);
	if (ini_file_read(&conf, given, s->path, &values, &f) == 0)
		ini_values_free(&values);
	free(given);
}

/* A descriptor, or -1 with errno. Opening waits for no writer of a FIFO, and what is no file is not opened a second time. */
static int
open_one(const struct serving *s, const char *path)
{
	struct stat st;
	size_t i;
	int fd;

	for (i = 0; i < s->may.n && strcmp(s->may.v[i], path) != 0; i++)
		;
	if (i == s->may.n && strcmp(path, s->path) != 0) {
		errno = EACCES;
		return (-1);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd != -1 && (fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))) {
		(void)close(fd);
		errno = ESPIPE;
		return (-1);
	}
	return (fd);
}

static int
answer(int to, int err, int fd)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
	struct iovec iov = { &err, sizeof(err) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd != -1) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.h), &fd, sizeof(fd));
	}
	return (sendmsg(to, &m, MSG_NOSIGNAL) == sizeof(err) ? 0 : -1);
}

static void
serve(void *ctx, int sock)
{
	struct serving *s = ctx;
	char ask[1 + PATH_MAX];
	struct fault f;
	ssize_t n;
	int fd, rc;

	if (priv_limit(PRIV_READ_ANY, &f) != 0 || sandbox_enter(SANDBOX_OPENER, &f) < 0)
		return;
	while ((n = read(sock, ask, sizeof(ask) - 1)) > 0) {
		ask[n] = '\0';
		if (ask[0] == ASK_READ) {
			learn(s);
			rc = answer(sock, 0, -1);
		} else {
			fd = open_one(s, ask + 1);
			rc = answer(sock, fd != -1 ? 0 : errno, fd);
			if (fd != -1)
				(void)close(fd);
		}
		if (rc != 0)
			break;
	}
	forget(&s->may);
}

/* --- the tool --- */

int
opener_fork(struct opener *o, const char *path, const struct policy_opts *given, struct fault *f)
{
	const struct timeval wait = { .tv_sec = OPENER_WAIT_S };
	struct serving s = { .path = path, .given = given };

	if (helper_fork(&o->helper, serve, &s, -1, false, f) != 0)
		return (-1);
	(void)setsockopt(o->helper.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(o->helper.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return (0);
}

/* The errno of the helper's answer, with its descriptor in ${fd}, or -1 for none; or that of the wait for it. */
static int
receive(int sock, int *fd)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } control = {0};
	int err = EPROTO;
	struct iovec iov = { &err, sizeof(err) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	const struct cmsghdr *c;
	ssize_t n;

	*fd = -1;
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n != sizeof(err))
		return (n == -1 ? (errno == EAGAIN ? ETIMEDOUT : errno) : EPIPE);
	if ((c = CMSG_FIRSTHDR(&m)) != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return (err);
}

/* 0, or an errno. After one that is the helper's own it is not asked again: a late answer would be taken for the next one. */
static int
ask(struct opener *o, enum ask what, const char *path, int *fd)
{
	char text[1 + PATH_MAX];
	int n = snprintf(text, sizeof(text), "%c%s", what, path), err;

	*fd = -1;
	if (o->helper.fd == -1)
		return (EPIPE);
	if (n < 0 || (size_t)n >= sizeof(text))
		return (ENAMETOOLONG);
	err = send(o->helper.fd, text, (size_t)n, MSG_NOSIGNAL) == n ? receive(o->helper.fd, fd) : EPIPE;
	if (err == ETIMEDOUT || err == EPIPE || err == EPROTO)
		opener_close(o);
	return (err);
}

static int
open_by(void *ctx, const char *path)
{
	int fd, err = ask(ctx, ASK_OPEN, path, &fd);

	if (err == 0)
		return (fd);
	errno = err;
	return (-1);
}

int
opener_begin(struct opener *o, struct fault *f)
{
	int fd, err = ask(o, ASK_READ, "", &fd);

	if (err != 0) {
		errno = err;
		return (fault_sys(f, FAULT_SYSTEM, "the process that opens files for a reload does not answer"));
	}
	file_source_set(open_by, o);
	return (0);
}

void
opener_end(struct opener *o)
{
	(void)o;
	file_source_set(NULL, NULL);
}

void
opener_close(struct opener *o)
{
	helper_close(&o->helper, 0);
}
