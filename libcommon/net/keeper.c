#include "net/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net/priv.h"
#include "net/sandbox.h"

#define ASK_MS	1000

/* Claims held, by id. */
struct table { struct claim *by_id[KEEPER_CLAIMS]; };

static uint64_t
epoch(void)
{
	return ((uint64_t)time(NULL));
}

static void
fill(struct keeper_answer *a, const struct claim *cl)
{
	a->out_next = cl->out_next;
	a->in_right = cl->in_right;
	a->out_end = cl->out_end;
	a->in_end = cl->in_end;
}

/* Does what is asked. True if that is to be answered. */
static bool
obey(struct claims *c, struct table *t, const struct keeper_ask *q, struct keeper_answer *a)
{
	struct claim **cl = &t->by_id[q->id];
	int rc = 0;

	*a = (struct keeper_answer){ .op = q->op, .id = q->id };
	if ((*cl == NULL) != (q->op == KEEPER_TAKE)) {
		(void)fault(&a->fault, FAULT_SYSTEM, "the keeper of claims was asked for what it cannot do");
		return (true);
	}
	switch ((enum keeper_op)q->op) {
	case KEEPER_TAKE:
		*cl = claim_take(c, q->digest, q->a, q->b, epoch(), &a->fault);
		rc = *cl != NULL ? 0 : -1;
		break;
	case KEEPER_OUT:
		rc = claim_reserve_out(*cl, q->a, &a->fault);
		break;
	case KEEPER_IN:
		rc = claim_reserve_in(*cl, q->a, &a->fault);
		break;
	case KEEPER_SETTLE:
		rc = claim_settle_in(*cl, q->a, &a->fault);
		break;
	case KEEPER_RELEASE:
		claim_release(*cl, q->a, q->b);
		*cl = NULL;
		return (false);
	}
	if (rc == 0) {
		a->fault.code = FAULT_NONE;
		fill(a, *cl);
	}
	return (true);
}

/* What was written and not waited for; the first failure is as good as all. */
static void
sync_all(struct table *t)
{
	for (size_t i = 0; i < KEEPER_CLAIMS; i++)
		if (t->by_id[i] != NULL)
			(void)claim_sync(t->by_id[i], NULL);
}

/* It keeps its user, who owns the directory, and nothing else. */
static void
confine(const struct claims *c)
{
	struct rlimit r;
	struct stat st;
	char uid[24];

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	/* Root that works in somebody's directory needs to be root. */
	(void)snprintf(uid, sizeof(uid), "%lu", (unsigned long)geteuid());
	if (fstat(c->dir, &st) == 0 && st.st_uid == geteuid())
		(void)priv_drop(uid, 0, NULL);
	(void)sandbox_enter(SANDBOX_NEGOTIATOR, NULL);
}

void
keeper_serve(void *claims, int fd)
{
	struct claims *c = claims;
	struct table *t = calloc(1, sizeof(*t));
	struct keeper_answer a;
	struct keeper_ask q;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	confine(c);
	claims_prune(c, epoch());
	while (t != NULL) {
		/* Nobody asks: time to wait for the disk. */
		if (poll(&p, 1, 0) == 0)
			sync_all(t);
		n = recv(fd, &q, sizeof(q), 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n != sizeof(q) || q.id >= KEEPER_CLAIMS || q.op > KEEPER_RELEASE)
			break;
		if (obey(c, t, &q, &a) && send(fd, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a))
			break;
	}
	/* Those not released stay as they are: what was reserved counts as used. */
	for (size_t i = 0; t != NULL && i < KEEPER_CLAIMS; i++)
		if (t->by_id[i] != NULL)
			(void)flock(t->by_id[i]->fd, LOCK_UN);
	if (t != NULL)
		sync_all(t);
}

int
keeper_ask(int fd, const struct keeper_ask *q, struct fault *f)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (send(fd, q, sizeof(*q), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(*q)) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || poll(&p, 1, ASK_MS) <= 0)
			return (fault_sys(f, FAULT_SYSTEM, "the keeper of claims does not listen"));
	}
	return (0);
}

int
keeper_answer(int fd, struct keeper_answer *a, struct fault *f)
{
	ssize_t n = recv(fd, a, sizeof(*a), MSG_DONTWAIT);

	if (n == sizeof(*a))
		return (1);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	return (fault(f, FAULT_SYSTEM, "the keeper of claims has ended"));
}
