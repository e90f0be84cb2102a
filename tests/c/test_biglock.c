/* The lock of a process with two threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/biglock.h"

struct two {
	struct biglock	 lock;
	pthread_t	 other;
	int		 go[2];		/* a pipe: a byte lets the other thread end its batch */
	int		 batches, in_batch;	/* under the lock */
};

static void *
other(void *arg)
{
	struct two *t = arg;
	char c;

	biglock_mine = &t->lock;
	for (int i = 0; i < 2; i++) {
		biglock_begin();
		t->in_batch = 1;
		biglock_leave();
		assert_int_equal(read(t->go[0], &c, 1), 1);
		biglock_take();
		t->in_batch = 0;
		t->batches++;
		biglock_end();
	}
	return (NULL);
}

static void
nap(void)
{
	const struct timespec ms = { .tv_nsec = 20000000 };

	(void)nanosleep(&ms, NULL);
}

static void
a_pause_waits_for_the_batch_and_lets_none_begin(void **state)
{
	struct two t = {0};

	(void)state;
	assert_int_equal(biglock_init(&t.lock), 0);
	assert_int_equal(pipe(t.go), 0);
	biglock_mine = &t.lock;
	biglock_take();
	assert_int_equal(pthread_create(&t.other, NULL, other, &t), 0);
	while (!t.in_batch) {
		biglock_leave();
		nap();
		biglock_take();
	}
	/* Within a batch the lock can be had, and the batch ends only when the byte is there. */
	assert_int_equal(t.batches, 0);
	assert_int_equal(write(t.go[1], "xx", 2), 2);
	biglock_pause();
	assert_int_equal(t.in_batch, 0);
	assert_int_equal(t.batches, 1);
	biglock_pause();
	biglock_resume();
	biglock_leave();
	nap();
	biglock_take();
	assert_int_equal(t.batches, 1);
	assert_int_equal(t.in_batch, 0);
	biglock_resume();
	biglock_leave();
	assert_int_equal(pthread_join(t.other, NULL), 0);
	assert_int_equal(t.batches, 2);
	biglock_mine = NULL;
	biglock_free(&t.lock);
	(void)close(t.go[0]);
	(void)close(t.go[1]);
}

static void
without_threads_nothing_is_locked(void **state)
{
	(void)state;
	biglock_begin();
	biglock_pause();
	errno = EAGAIN;
	biglock_leave();
	biglock_take();
	assert_int_equal(errno, EAGAIN);
	biglock_resume();
	biglock_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_waits_for_the_batch_and_lets_none_begin),
		cmocka_unit_test(without_threads_nothing_is_locked),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
