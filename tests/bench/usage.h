/* What this process has used: for benches that measure themselves. */
#ifndef TESTS_BENCH_USAGE_H
#define TESTS_BENCH_USAGE_H

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Processor time in seconds, of all threads. */
static inline double
cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

/* Resident memory in bytes; 0: not known. */
static inline double
rss(void)
{
	long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f != NULL)
		(void)fclose(f);
	return ((double)resident * (double)sysconf(_SC_PAGESIZE));
}

#endif
