/* The lock of a process with more than one thread. */
#include "base/biglock.h"

_Thread_local struct biglock *biglock_mine;

int
biglock_init(struct biglock *b)
{
	pthread_mutexattr_t a;
	int bad;

	*b = (struct biglock){0};
	if (pthread_mutexattr_init(&a) != 0)
		return (-1);
	/* It is held for microseconds: a thread that wants it looks a few times before it sleeps. */
	(void)pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ADAPTIVE_NP);
	bad = pthread_mutex_init(&b->lock, &a);
	(void)pthread_mutexattr_destroy(&a);
	if (bad != 0)
		return (-1);
	(void)pthread_cond_init(&b->idle, NULL);
	(void)pthread_cond_init(&b->go, NULL);
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
biglock_begin(void)
{
	struct biglock *b = biglock_mine;

	if (b == NULL)
		return;
	(void)pthread_mutex_lock(&b->lock);
	while (b->pauses > 0)
		(void)pthread_cond_wait(&b->go, &b->lock);
	b->busy = true;
}

void
biglock_end(void)
{
	struct biglock *b = biglock_mine;

	if (b == NULL)
		return;
	b->busy = false;
	if (b->pauses > 0)
		(void)pthread_cond_signal(&b->idle);
	(void)pthread_mutex_unlock(&b->lock);
}

void
biglock_pause(void)
{
	struct biglock *b = biglock_mine;

	if (b == NULL)
		return;
	b->pauses++;
	while (b->busy)
		(void)pthread_cond_wait(&b->idle, &b->lock);
}

void
biglock_resume(void)
{
	struct biglock *b = biglock_mine;

	if (b != NULL && --b->pauses == 0)
		(void)pthread_cond_signal(&b->go);
}
