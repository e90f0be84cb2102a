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

/* ---- waiting for the main thread, in a batch */

struct asking {
	struct biglock	 lock;
	bool		 asked, done, over;	/* under the lock */
};

static uint64_t
mono_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

static void *
ask(void *arg)
{
	struct asking *a = arg;
	const bool never = false;
	uint64_t from;

	biglock_mine = &a->lock;
	biglock_begin();
	from = mono_ms();
	biglock_await(&never, from + 30);
	assert_true(mono_ms() >= from + 30);
	a->asked = true;
	biglock_await(&a->done, from + 30000);
	assert_true(a->done);
	a->over = true;
	biglock_end();
	return (NULL);
}

static void
who_awaits_is_in_no_batch_and_goes_on_when_it_is_done(void **state)
{
	struct asking a = {0};
	pthread_t other_one;

	(void)state;
	assert_int_equal(biglock_init(&a.lock), 0);
	biglock_mine = &a.lock;
	biglock_take();
	assert_int_equal(pthread_create(&other_one, NULL, ask, &a), 0);
	while (!a.asked) {
		biglock_leave();
		nap();
		biglock_take();
	}
	/* Else this would wait for ever; and what is done takes effect after it. */
	biglock_pause();
	a.done = true;
	biglock_wake();
	biglock_leave();
	nap();
	biglock_take();
	assert_false(a.over);
	biglock_resume();
	biglock_leave();
	assert_int_equal(pthread_join(other_one, NULL), 0);
	assert_true(a.over);
	biglock_mine = NULL;
	biglock_free(&a.lock);
}

/* ---- a long loop */

struct passing {
	struct biglock	 lock;
	unsigned	 had;		/* under the lock */
};

static void *
pass(void *arg)
{
	struct passing *p = arg;

	biglock_mine = &p->lock;
	for (int i = 0; i < 10; i++) {
		biglock_begin();
		p->had++;
		biglock_end();
	}
	return (NULL);
}

static void
a_loop_that_yields_lets_others_pass(void **state)
{
	struct passing p = {0};
	uint64_t until = mono_ms() + 30000;
	pthread_t other_one;

	(void)state;
	assert_int_equal(biglock_init(&p.lock), 0);
	biglock_mine = &p.lock;
	biglock_take();
	assert_int_equal(pthread_create(&other_one, NULL, pass, &p), 0);
	/* It never leaves the lock otherwise. */
	while (p.had < 10 && mono_ms() < until)
		biglock_yield();
	assert_int_equal(p.had, 10);
	biglock_leave();
	assert_int_equal(pthread_join(other_one, NULL), 0);
	biglock_mine = NULL;
	biglock_free(&p.lock);
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
	biglock_await(&(bool){ false }, UINT64_MAX);
	biglock_wake();
	biglock_yield();
	biglock_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_waits_for_the_batch_and_lets_none_begin),
		cmocka_unit_test(who_awaits_is_in_no_batch_and_goes_on_when_it_is_done),
		cmocka_unit_test(a_loop_that_yields_lets_others_pass),
		cmocka_unit_test(without_threads_nothing_is_locked),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
