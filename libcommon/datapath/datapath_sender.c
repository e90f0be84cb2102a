/*
 * A thread for packets from the device to the wire, see datapath_opt.threads: the main thread has the event loop, the records and the
 * packets from the wire. Both work with the same tables, one at a time (base/biglock.h), and in parallel where the time goes: in system
 * calls and in the crypto. There is one such thread, not several: the numbers of an SA leave in the order in which they were assigned,
 * which is what a peer with a window of 32 needs.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "datapath/datapath_priv.h"

/* ---- the thread */

static void *
serve(void *arg)
{
	struct datapath *dp = arg;
	struct dp_sender *s = dp->sender;
	struct pollfd fds[] = { { .fd = dp->tun.fd, .events = POLLIN }, { .fd = s->wake, .events = POLLIN } };
	bool go = true;

	biglock_mine = &s->lock;
	worker_mine = &s->worker;
	while (go) {
		(void)poll(fds, 2, -1);
		biglock_begin();
		s->stirred = false;
		go = !s->stop && dp_tun_turn(dp);
		if (s->stirred)
			ev_async_send(dp->loop, &s->stir);
		biglock_end();
	}
	return (NULL);
}

/* ---- the main thread */

static void
loop_waits(struct ev_loop *loop)
{
	(void)loop;
	biglock_leave();
}

static void
loop_goes_on(struct ev_loop *loop)
{
	(void)loop;
	biglock_take();
}

/* The loop has come round, and knows its watchers now. */
static void
on_stir(struct ev_loop *loop, ev_async *w, int revents)
{
	struct datapath *dp = w->data;

	(void)loop, (void)revents;
	if (dp->sender->broken.code != FAULT_NONE)
		dp->calls.broken(dp->ctx, &dp->sender->broken);
}

/* The signals of the process are for the main thread. */
static int
start(struct datapath *dp, struct dp_sender *s)
{
	sigset_t all, before;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, serve, dp);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return (err);
}

int
datapath_start(struct datapath *dp, struct fault *f)
{
	struct dp_sender *s;
	int err;

	if (dp->opt.threads < 2 || dp->sender != NULL)
		return (0);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a thread"));
	if (worker_open(&s->worker, dp->opt.sadb.sa.backends, &dp->opt.sadb.sa.rand, f) != 0) {
		worker_close(&s->worker);
		free(s);
		return (-1);
	}
	if ((s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1 || biglock_init(&s->lock) != 0) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot prepare a thread");
		goto bad;
	}
	dp->sender = s;
	ev_io_stop(dp->loop, &dp->tun_io);
	ev_async_init(&s->stir, on_stir);
	s->stir.data = dp;
	ev_async_start(dp->loop, &s->stir);
	ev_set_loop_release_cb(dp->loop, loop_waits, loop_goes_on);
	biglock_mine = &s->lock;
	biglock_take();
	if ((err = start(dp, s)) == 0)
		return (0);
	errno = err;
	(void)fault_sys(f, FAULT_SYSTEM, "cannot start a thread");
	biglock_leave();
	biglock_mine = NULL;
	ev_set_loop_release_cb(dp->loop, NULL, NULL);
	ev_async_stop(dp->loop, &s->stir);
	ev_io_start(dp->loop, &dp->tun_io);
	dp->sender = NULL;
	biglock_free(&s->lock);
bad:
	if (s->wake != -1)
		(void)close(s->wake);
	worker_close(&s->worker);
	free(s);
	return (-1);
}

void
dp_sender_stop(struct datapath *dp)
{
	struct dp_sender *s = dp->sender;
	uint64_t one = 1;

	if (s == NULL)
		return;
	s->stop = true;
	(void)!write(s->wake, &one, sizeof(one));
	biglock_leave();
	(void)pthread_join(s->thread, NULL);
	biglock_mine = NULL;
	ev_set_loop_release_cb(dp->loop, NULL, NULL);
	ev_async_stop(dp->loop, &s->stir);
	tally_add(&dp->worker.count, &s->worker.count);
	dp->sender = NULL;
	(void)close(s->wake);
	biglock_free(&s->lock);
	worker_close(&s->worker);
	free(s);
}
