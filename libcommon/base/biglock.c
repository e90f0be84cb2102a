/* The lock of a process with more than one thread. */
#include "base/biglock.h"

#include <sched.h>
#include <time.h>

#define YIELDS	1000	/* looks for the thread that waits, at most */

_Thread_local struct biglock *biglock_mine;

int
biglock_init(struct biglock *b)
{
	pthread_mutexattr_t a;
	pthread_condattr_t c;
	int bad;

	*b = (struct biglock){0};
	if (pthread_mutexattr_init(&a) != 0)
		return (-1);
	/* It is held for microseconds: a thread that wants it looks a few times before it sleeps. */
	(void)pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ADAPTIVE_NP);
	bad = pthread_mutex_init(&b->lock, &a);
	(void)pthread_mutexattr_destroy(&a);
	if (bad != 0 || pthread_condattr_init(&c) != 0)
		return (-1);
	(void)pthread_condattr_setclock(&c, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&b->idle, &c);
	(void)pthread_cond_init(&b->go, &c);
	(void)pthread_condattr_destroy(&c);
	return (0);
}

void
biglock_free(struct biglock *b)
{
	(void)pthread_cond_destroy(&b->idle);
	(void)pthread_cond_destroy(&b->go);
	(void)pthread_mutex_destroy(&b->lock);
}

void
biglock_lock(struct biglock *b)
{
	if (pthread_mutex_trylock(&b->lock) == 0)
		return;
	(void)atomic_fetch_add_explicit(&b->waiting, 1, memory_order_relaxed);
	(void)pthread_mutex_lock(&b->lock);
	(void)atomic_fetch_sub_explicit(&b->waiting, 1, memory_order_relaxed);
}

void
biglock_yield(void)
{
	struct biglock *b = biglock_mine;

	if (b == NULL || atomic_load_explicit(&b->waiting, memory_order_relaxed) == 0)
		return;
	biglock_leave();
	/* The mutex is not fair: who sleeps would find it taken again. */
	for (int i = 0; i < YIELDS && atomic_load_explicit(&b->waiting, memory_order_relaxed) != 0; i++)
		(void)sched_yield();
	biglock_take();
}

static void
begin(struct biglock *b)
{
	while (b->pauses > 0)
		(void)pthread_cond_wait(&b->go, &b->lock);
	b->busy++;
}

static void
end(struct biglock *b)
{
	if (--b->busy == 0 && b->pauses > 0)
		(void)pthread_cond_signal(&b->idle);
}

void
biglock_begin(void)
{
	if (biglock_mine == NULL)
		return;
	biglock_take();
	begin(biglock_mine);
}

void
biglock_end(void)
{
	if (biglock_mine == NULL)
		return;
	end(biglock_mine);
	biglock_leave();
}

void
biglock_await(const bool *done, uint64_t until_ms)
{
	const struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };
	struct biglock *b = biglock_mine;
	int rc = 0;

	if (b == NULL)
		return;
	end(b);
	while (!*done && rc == 0)
		rc = pthread_cond_timedwait(&b->go, &b->lock, &until);
	begin(b);
}

void
biglock_wake(void)
{
	if (biglock_mine != NULL)
		(void)pthread_cond_broadcast(&biglock_mine->go);
}

void
biglock_pause(void)
{
	struct biglock *b = biglock_mine;

	if (b == NULL)
		return;
	b->pauses++;
	while (b->busy > 0)
		(void)pthread_cond_wait(&b->idle, &b->lock);
}

void
biglock_resume(void)
{
	struct biglock *b = biglock_mine;

	if (b != NULL && --b->pauses == 0)
		(void)pthread_cond_broadcast(&b->go);
}
