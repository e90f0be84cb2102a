/*
 * One lock for all tables of a process with more than one thread: a thread has it while it works with what all of them share, which is
 * everything but its own buffers. It leaves the lock for system calls, for the crypto of packets and for decoding, which take most of the
 * time and touch no more than these. In a process with one thread nothing is locked.
 *
 * One thread is the main one: only there is shared memory released. The others work in batches, each between biglock_begin() and
 * biglock_end(), and may keep pointers for that long: whoever releases what they point to calls biglock_pause() before.
 */
#ifndef SAPIPE_BASE_BIGLOCK_H
#define SAPIPE_BASE_BIGLOCK_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct biglock {
	pthread_mutex_t	 lock;
	pthread_cond_t	 idle, go;
	unsigned	 pauses;	/* that have begun and not ended */
	unsigned	 busy;		/* batches that have begun and not ended */
	atomic_uint	 waiting;	/* threads that want the lock, and do not have it */
};

/* That of this thread; NULL: the process has one thread. */
extern _Thread_local struct biglock *biglock_mine;

/* 0, or -1: there are no resources for it. biglock_free() when the other threads have ended. */
int biglock_init(struct biglock *b);
void biglock_free(struct biglock *b);

/* Takes the lock ${b}; the thread does not have it. */
void biglock_lock(struct biglock *b);

/* Leaves the lock around a call that may take long, and takes it again; errno stays. */
static inline void
biglock_leave(void)
{
	if (biglock_mine != NULL)
		(void)pthread_mutex_unlock(&biglock_mine->lock);
}

static inline void
biglock_take(void)
{
	int keep = errno;

	if (biglock_mine != NULL)
		biglock_lock(biglock_mine);
	errno = keep;
}

/* Leaves the lock to threads that wait for it, if there are some; costs nothing else. For long loops of the main thread. */
void biglock_yield(void);

/* A batch of one that is not the main thread: at its beginning the lock is taken, and left at its end. It waits for pauses to end. */
void biglock_begin(void);
void biglock_end(void);
/*
 * In a batch: ends it, waits until ${*done}, which another thread sets before biglock_wake(), or until the monotonic clock is at
 * ${until_ms}, and begins the next one.
 */
void biglock_await(const bool *done, uint64_t until_ms);
void biglock_wake(void);

/*
 * In the main thread, which has the lock: waits for the ends of the batches of other threads, and lets none begin before biglock_resume().
 * Pairs may lie inside of pairs. The lock is left while it waits.
 */
void biglock_pause(void);
void biglock_resume(void);

#endif
