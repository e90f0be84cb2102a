/*
 * The threads of the data path. Packets have one of their own with an event loop of its own: the device, the raw sockets and the ports are
 * on dp->fast. The main thread has all else: records, claims, routes, MTUs, timers, reports. Both work with the same tables, one at a time
 * (base/biglock.h), and in parallel where the time goes. So thousands of SAs can come and go while packets go on.
 *
 * With datapath_opt.threads 2, packets from the device to the wire have a third thread, the sender. There is one such thread, not several:
 * the numbers of an SA leave in the order in which they were assigned, which is what a peer with a window of 32 needs.
 *
 * Before datapath_start(), which comes when the first SA is in use, the main thread runs both loops.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "datapath/datapath_priv.h"

#define DRAIN_MS	20	/* that packets of an unknown SPI wait for the main thread to read its records */
#define DRAIN_GAP_MS	1	/* between two drains that brought no record: anybody can send unknown SPIs */
#define EMBEDDED_S	0.05	/* timers of dp->fast, while the main thread runs it */

/* ---- in any thread */

void
dp_stir(struct datapath *dp)
{
	if (worker_mine != NULL)
		dp->threads.stirred = true;
}

void
dp_stir_packets(struct datapath *dp)
{
	if (dp->threads.on)
		ev_async_send(dp->fast, &dp->threads.look);
}

void
dp_stir_ports(struct datapath *dp)
{
	if (dp->ports != NULL && ports_stirred(dp->ports))
		dp_stir_packets(dp);
}

void
dp_broken(struct datapath *dp, const struct fault *f)
{
	if (worker_mine == NULL) {
		dp->calls.broken(dp->ctx, f);
		return;
	}
	/* A loop that waits forgets ev_break() of another thread. */
	dp->threads.broken = *f;
	dp_stir(dp);
}

static void
drain(struct datapath *dp)
{
	dp->draining = true;
	dp->calls.drain(dp->ctx);
	dp->draining = false;
}

void
dp_drain(struct datapath *dp)
{
	struct dp_threads *t = &dp->threads;
	uint64_t now_ms = clock_mono_ms();

	if (dp->calls.drain == NULL || (dp->records == t->drained && now_ms - t->drained_ms < DRAIN_GAP_MS))
		return;
	if (!t->on)
		drain(dp);
	else {
		t->drained_now = false;
		ev_async_send(dp->loop, &t->stir);
		biglock_await(&t->drained_now, now_ms + DRAIN_MS);
	}
	t->drained = dp->records;
	t->drained_ms = clock_mono_ms();
}

/* The end of a batch: the main loop has to look at its watchers, if they were changed, or at what was left for it. */
static void
batch_over(struct datapath *dp)
{
	if (!dp->threads.stirred)
		return;
	dp->threads.stirred = false;
	ev_async_send(dp->loop, &dp->threads.stir);
}

/* ---- the thread of packets */

static void
packets_wait(struct ev_loop *loop)
{
	batch_over(ev_userdata(loop));
	biglock_end();
}

static void
packets_go_on(struct ev_loop *loop)
{
	(void)loop;
	biglock_begin();
}

/* The loop has come round, and knows its watchers now. */
static void
on_look(struct ev_loop *loop, ev_async *w, int revents)
{
	struct datapath *dp = w->data;

	(void)revents;
	if (dp->threads.stop)
		ev_break(loop, EVBREAK_ALL);
	else
		dp->threads.calls.held(dp);
}

static void *
serve_packets(void *arg)
{
	struct datapath *dp = arg;

	(void)prctl(PR_SET_NAME, "packets");
	biglock_mine = &dp->threads.lock;
	worker_mine = &dp->threads.packets.worker;
	biglock_begin();
	ev_run(dp->fast, 0);
	biglock_end();
	return (NULL);
}

/* ---- the sender */

static void *
serve_device(void *arg)
{
	struct datapath *dp = arg;
	struct dp_threads *t = &dp->threads;
	struct pollfd fds[] = { { .fd = tun_fd(&dp->tun), .events = POLLIN }, { .fd = t->wake, .events = POLLIN } };
	bool go = true;

	(void)prctl(PR_SET_NAME, "sender");
	biglock_mine = &t->lock;
	worker_mine = &t->sender.worker;
	while (go) {
		(void)poll(fds, 2, -1);
		biglock_begin();
		go = !t->stop && t->calls.turn(dp);
		dp_stir_ports(dp);
		batch_over(dp);
		biglock_end();
	}
	return (NULL);
}

/* ---- the main thread */

static void
main_waits(struct ev_loop *loop)
{
	dp_stir_ports(ev_userdata(loop));
	biglock_leave();
}

static void
main_goes_on(struct ev_loop *loop)
{
	(void)loop;
	biglock_take();
}

/* What other threads leave to this one. */
static void
on_stir(struct ev_loop *loop, ev_async *w, int revents)
{
	struct datapath *dp = w->data;
	struct dp_threads *t = &dp->threads;

	(void)loop, (void)revents;
	if (t->broken.code != FAULT_NONE) {
		dp->calls.broken(dp->ctx, &t->broken);
		return;
	}
	if (!t->drained_now) {
		drain(dp);
		t->drained_now = true;
		biglock_wake();
	}
	t->calls.late(dp);
}

/* Before there are threads: the main loop does not see the timers of the loop that it runs. */
static void
on_embedded(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct datapath *dp = w->data;

	(void)loop, (void)revents;
	(void)ev_run(dp->fast, EVRUN_NOWAIT);
}

int
dp_threads_open(struct datapath *dp, const struct dp_thread_calls *calls, struct fault *f)
{
	struct dp_threads *t = &dp->threads;

	t->calls = *calls;
	t->drained_now = true;
	t->wake = -1;
	if ((dp->fast = ev_loop_new(EVFLAG_AUTO)) == NULL)
		return (fault_sys(f, FAULT_SYSTEM, "cannot make an event loop"));
	ev_set_userdata(dp->fast, dp);
	ev_async_init(&t->look, on_look);
	ev_async_start(dp->fast, &t->look);
	ev_async_init(&t->stir, on_stir);
	ev_async_start(dp->loop, &t->stir);
	ev_embed_init(&t->embedded, NULL, dp->fast);
	ev_embed_start(dp->loop, &t->embedded);
	ev_timer_init(&t->embedded_timer, on_embedded, EMBEDDED_S, EMBEDDED_S);
	ev_timer_start(dp->loop, &t->embedded_timer);
	t->look.data = t->stir.data = t->embedded_timer.data = dp;
	return (0);
}

static void
embed_stop(struct datapath *dp)
{
	ev_embed_stop(dp->loop, &dp->threads.embedded);
	ev_timer_stop(dp->loop, &dp->threads.embedded_timer);
}

/* The signals of the process are for the main thread. */
static int
start(struct datapath *dp, struct dp_thread *th, void *(*serve)(void *dp), struct fault *f)
{
	sigset_t all, before;
	int err;

	if (worker_open(&th->worker, dp->opt.sadb.sa.backends, &dp->opt.sadb.sa.rand, f) != 0)
		return (-1);
	coalesce_init(&th->worker.join, dp->tun.uso, dp->threads.calls.put, dp);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&th->id, NULL, serve, dp);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	th->runs = err == 0;
	errno = err;
	return (err == 0 ? 0 : fault_sys(f, FAULT_SYSTEM, "cannot start a thread"));
}

int
datapath_start(struct datapath *dp, struct fault *f)
{
	struct dp_threads *t = &dp->threads;

	if (t->on)
		return (0);
	if ((t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1 || biglock_init(&t->lock) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot prepare a thread"));
	embed_stop(dp);
	if (dp->opt.threads > 1)
		ev_io_stop(dp->fast, &dp->tun_io);
	ev_set_loop_release_cb(dp->fast, packets_wait, packets_go_on);
	ev_set_userdata(dp->loop, dp);
	ev_set_loop_release_cb(dp->loop, main_waits, main_goes_on);
	t->on = true;
	biglock_mine = &t->lock;
	biglock_take();
	if (start(dp, &t->packets, serve_packets, f) == 0 && (dp->opt.threads < 2 || start(dp, &t->sender, serve_device, f) == 0))
		return (0);
	dp_threads_stop(dp);
	return (-1);
}

static void
join(struct datapath *dp, struct dp_thread *th)
{
	if (th->runs)
		(void)pthread_join(th->id, NULL);
	tally_add(&dp->worker.count, &th->worker.count);
	th->worker.count = (struct tally){0};
	th->runs = false;
	worker_close(&th->worker);
}

void
dp_threads_stop(struct datapath *dp)
{
	struct dp_threads *t = &dp->threads;
	uint64_t one = 1;

	if (!t->on)
		return;
	t->stop = true;
	t->drained_now = true;
	biglock_wake();
	ev_async_send(dp->fast, &t->look);
	(void)!write(t->wake, &one, sizeof(one));
	biglock_leave();
	join(dp, &t->sender);
	join(dp, &t->packets);
	biglock_mine = NULL;
	t->on = false;
	ev_set_loop_release_cb(dp->loop, NULL, NULL);
	ev_set_loop_release_cb(dp->fast, NULL, NULL);
	biglock_free(&t->lock);
}

void
dp_threads_close(struct datapath *dp)
{
	struct dp_threads *t = &dp->threads;

	dp_threads_stop(dp);
	if (dp->fast == NULL)
		return;
	embed_stop(dp);
	ev_async_stop(dp->loop, &t->stir);
	ev_async_stop(dp->fast, &t->look);
	if (t->wake != -1)
		(void)close(t->wake);
	ev_loop_destroy(dp->fast);
	dp->fast = NULL;
}
