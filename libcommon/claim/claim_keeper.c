/* The keeper's process, and the data path's side of its socket. */
#include "claim/claim_keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/priv.h"
#include "os/sandbox.h"

#define ROUND		64	/* requests between two looks at the disk */
#define QUIET_MS	20	/* no request for this time: sync to disk */
#define DIRTY_MS	500	/* sync after this time even if requests keep coming */

/* Claims held, by id, and released ones that are still to be synced to disk. */
struct holdings {
	struct claims	*c;
	struct claim	*by_id[KEEPER_CLAIMS], *gone;
	size_t		 end;		/* ids from this one were never used */
	uint64_t	 dirty_ms;	/* since when something waits for a sync; 0: nothing does */
};

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

/* Handles a request. True if it needs an answer. */
static bool
obey(struct holdings *t, const struct keeper_ask *q, struct keeper_answer *a)
{
	struct claim **cl = &t->by_id[q->id];
	int rc = 0;

	*a = (struct keeper_answer){ .op = q->op, .id = q->id };
	if ((*cl == NULL) != (q->op == KEEPER_TAKE)) {
		(void)fault(&a->fault, FAULT_SYSTEM, "the keeper of claims received an unknown request");
		return (true);
	}
	switch ((enum keeper_op)q->op) {
	case KEEPER_TAKE:
		t->end = q->id >= t->end ? (size_t)q->id + 1 : t->end;
		*cl = claim_take(t->c, q->digest, q->a, q->b, epoch(), &a->fault);
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
		(*cl)->next = t->gone;
		t->gone = *cl;
		*cl = NULL;
		return (false);
	}
	if (rc == 0) {
		a->fault.code = FAULT_NONE;
		fill(a, *cl);
	}
	return (true);
}

/*
 * Syncs to disk what was written. If that fails, none of the ${n} answers ${a} counts.
 */
static void
sync_all(struct holdings *t, struct keeper_answer *a, size_t n)
{
	struct fault f = {0}, *bad = NULL;
	struct claim *cl;

	if (claims_sync(t->c, &f) != 0)
		bad = &f;
	for (size_t i = 0; bad != NULL && i < n; i++) {
		if (a[i].fault.code != FAULT_NONE)
			continue;
		a[i].fault = *bad;
		if (a[i].op == KEEPER_TAKE) {
			claim_free(t->by_id[a[i].id]);
			t->by_id[a[i].id] = NULL;
		}
	}
	while ((cl = t->gone) != NULL) {
		t->gone = cl->next;
		claim_free(cl);
	}
	t->dirty_ms = 0;
}

/* The keeper keeps its user, which owns the directory, and drops all capabilities. */
static void
confine(const struct claims *c)
{
	struct stat st;
	char uid[24];

	/* In a directory of another user, root needs its capabilities. */
	(void)snprintf(uid, sizeof(uid), "%lu", (unsigned long)geteuid());
	if (fstat(c->dir, &st) == 0 && st.st_uid == geteuid())
		(void)priv_drop(uid, 0, NULL);
	(void)sandbox_enter_dir(SANDBOX_NEGOTIATOR, c->dir, NULL);
}

/* Waits for a request and reads all that are pending; 0 if the other end is disconnected or a request is malformed. */
static size_t
hear(int fd, struct keeper_ask q[ROUND])
{
	size_t n = 0;
	ssize_t got;

	while (n < ROUND) {
		got = recv(fd, &q[n], sizeof(q[n]), n > 0 ? MSG_DONTWAIT : 0);
		/* Reset: it disconnected with unread answers; its earlier requests are still in the queue. */
		if (got == -1 && (errno == EINTR || errno == ECONNRESET))
			continue;
		if (got <= 0)
			break;
		if (got != sizeof(q[n]) || q[n].id >= KEEPER_CLAIMS || q[n].op > KEEPER_RELEASE)
			return (0);
		n++;
	}
	return (n);
}

/* One round: handles the requests, syncs to disk where that is required, then sends the answers. */
static void
serve(struct holdings *t, int fd, const struct keeper_ask *q, size_t n)
{
	struct keeper_answer a[ROUND];
	size_t i, m = 0;
	bool owed = false;

	for (i = 0; i < n; i++) {
		if (obey(t, &q[i], &a[m]))
			m++;
		owed = owed || (t->by_id[q[i].id] != NULL && t->by_id[q[i].id]->owed);
	}
	if (owed)
		sync_all(t, a, m);
	else if (t->dirty_ms == 0)
		t->dirty_ms = clock_mono_ms();
	/* The other end may have disconnected: handle the requests anyway. */
	for (i = 0; i < m; i++)
		(void)send(fd, &a[i], sizeof(a[i]), MSG_NOSIGNAL);
}

void
keeper_serve(void *claims, int fd)
{
	struct holdings *t = calloc(1, sizeof(*t));
	struct keeper_ask q[ROUND];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n;

	confine(claims);
	claims_prune(claims, epoch());
	if (t == NULL)
		return;
	t->c = claims;
	do {
		if (t->dirty_ms != 0 &&
		    (poll(&p, 1, QUIET_MS) == 0 || clock_mono_ms() - t->dirty_ms > DIRTY_MS))
			sync_all(t, NULL, 0);
		if ((n = hear(fd, q)) > 0)
			serve(t, fd, q, n);
	} while (n > 0);
	/* Claims not released stay unchanged: their reserved numbers count as used. */
	for (size_t i = 0; i < t->end; i++)
		if (t->by_id[i] != NULL)
			claim_unlock(t->by_id[i]);
	sync_all(t, NULL, 0);
	free(t);
}

/* --- the requester's end --- */

void
keeper_init(struct keeper *k, int fd)
{
	*k = (struct keeper){ .fd = fd };
}

void
keeper_free(struct keeper *k)
{
	free(k->queue);
	keeper_init(k, -1);
}

/* 1: sent; 0: no room; -1: disconnected. */
static int
put(const struct keeper *k, const struct keeper_ask *q, struct fault *f)
{
	ssize_t n;

	do {
		n = send(k->fd, q, sizeof(*q), MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n == sizeof(*q))
		return (1);
	if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
		return (0);
	return (fault(f, FAULT_SYSTEM, "the keeper of claims has ended"));
}

static int
queue(struct keeper *k, const struct keeper_ask *q, struct fault *f)
{
	size_t cap = k->cap > 0 ? 2 * k->cap : 256;
	struct keeper_ask *more;

	if (k->n == KEEPER_QUEUE)
		return (fault(f, FAULT_SYSTEM, "the keeper of claims is far behind: is the disk of the state "
		    "directory slow or stopped?"));
	if (k->first + k->n == k->cap && k->first > k->cap / 2) {
		memmove(k->queue, k->queue + k->first, k->n * sizeof(*q));
		k->first = 0;
	} else if (k->first + k->n == k->cap) {
		if ((more = realloc(k->queue, cap * sizeof(*q))) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for requests to the keeper of claims"));
		k->queue = more;
		k->cap = cap;
	}
	k->queue[k->first + k->n++] = *q;
	return (0);
}

int
keeper_ask(struct keeper *k, const struct keeper_ask *q, struct fault *f)
{
	int rc = 0;

	if (k->n == 0 && (rc = put(k, q, f)) != 0)
		return (rc < 0 ? -1 : 0);
	return (queue(k, q, f));
}

bool
keeper_waits(const struct keeper *k)
{
	return (k->n > 0);
}

int
keeper_flush(struct keeper *k, struct fault *f)
{
	int rc = 1;

	while (k->n > 0 && (rc = put(k, &k->queue[k->first], f)) == 1) {
		k->first++;
		k->n--;
	}
	if (k->n == 0)
		k->first = 0;
	return (rc < 0 ? -1 : 0);
}

int
keeper_answer(struct keeper *k, struct keeper_answer *a, struct fault *f)
{
	ssize_t n = recv(k->fd, a, sizeof(*a), MSG_DONTWAIT);

	if (n == sizeof(*a))
		return (1);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	return (fault(f, FAULT_SYSTEM, "the keeper of claims has ended"));
}

void
keeper_finish(struct keeper *k, unsigned ms)
{
	struct pollfd p = { .fd = k->fd, .events = POLLIN | POLLOUT };
	uint64_t now = clock_mono_ms(), end = now + ms;
	struct keeper_answer a;

	for (; k->n > 0 && now < end && poll(&p, 1, (int)(end - now)) > 0; now = clock_mono_ms()) {
		while (keeper_answer(k, &a, NULL) == 1)
			;
		if (keeper_flush(k, NULL) != 0)
			return;
	}
}
