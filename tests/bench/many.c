/*
 * What a datagram for one IKE SA costs the engine when it has N of them (5000), divided by what it
 * costs with 10; the same for a negotiation of one more, both ends counted; and the memory of an IKE SA with one child.
 *
 *	many [N]
 */
#include <stdio.h>
#include <stdlib.h>

#include "../c/many.h"
#include "usage.h"

#define ROUNDS	40
#define ASKS	500	/* datagrams of a round */
#define JOINS	5	/* negotiations of a round */

/* Microseconds of processor time for one datagram; the messages are made before. */
static double
one_round(struct many *m)
{
	struct ike_out *ask[ASKS];
	double begin, took;
	size_t i;

	for (i = 0; i < ASKS; i++)
		if ((ask[i] = many_ask(m, i % MANY_PEERS)) == NULL)
			exit(3);
	begin = cpu_s();
	for (i = 0; i < ASKS; i++)
		if (!many_answer(m, i % MANY_PEERS, ask[i]))
			exit(1);
	took = cpu_s() - begin;
	for (i = 0; i < ASKS; i++)
		ike_out_free(ask[i]);
	return (took * 1e6 / ASKS);
}

/* Microseconds for main mode and quick mode of one more peer. */
static double
one_join(struct many *m)
{
	double begin = cpu_s();
	size_t i;

	for (i = 0; i < JOINS; i++)
		if (!many_join(m))
			exit(1);
	return ((cpu_s() - begin) * 1e6 / JOINS);
}

int
main(int argc, char *argv[])
{
	static struct many few, many;
	double best[2] = { 1e9, 1e9 }, join[2] = { 1e9, 1e9 }, took, before, after, locked;
	size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 5000;
	int i;

	(void)secret_init();
	if (n < MANY_PEERS || many_init(&few, MANY_PEERS) != 0)
		return (1);
	before = rss();
	locked = (double)secret_room();
	if (many_init(&many, n) != 0) {
		(void)fprintf(stderr, "many: not all of %zu SAs came up\n", n);
		return (1);
	}
	after = rss();
	locked -= (double)secret_room();
	for (i = 0; i < ROUNDS; i++) {		/* in turns: both see the same machine */
		if ((took = one_round(&few)) < best[0])
			best[0] = took;
		if ((took = one_round(&many)) < best[1])
			best[1] = took;
		if ((took = one_join(&few)) < join[0])
			join[0] = took;
		if ((took = one_join(&many)) < join[1])
			join[1] = took;
	}
	(void)printf("%.2f %.2f %.3f %.0f %.0f %.3f %.0f %.0f\n", best[0], best[1], best[1] / best[0],
	    join[0], join[1], join[1] / join[0], (after - before) / (double)n, locked / (double)n);
	many_free(&few);
	many_free(&many);
	return (0);
}
