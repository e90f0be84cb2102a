/*
 * What Diffie-Hellman alone costs: exchanges a second (a fresh key pair and a shared secret, as
 * one side of a negotiation needs) of one group on one processor, by the functions that the
 * negotiation calls.
 *
 *	dh GROUP SECONDS
 */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "usage.h"

int
main(int argc, char *argv[])
{
	const struct alg_group *g;
	struct secret shared = {0};
	struct fault f = {0};
	struct dh *peer, *own;
	double end, start;
	unsigned long n;

	if (argc != 3 || (g = alg_group_word(argv[1])) == NULL) {
		(void)fprintf(stderr, "usage: dh GROUP SECONDS\n");
		return (2);
	}
	(void)secret_init();
	if ((peer = dh_new(g, &rand_system, &f)) == NULL)
		goto fail;
	start = cpu_s();
	end = start + strtod(argv[2], NULL);
	for (n = 0; n == 0 || cpu_s() < end; n++) {
		if ((own = dh_new(g, &rand_system, &f)) == NULL ||
		    dh_shared(own, dh_public(peer), &shared, &f) != 0)
			goto fail;
		dh_free(own);
	}
	(void)printf("%.1f\n", (double)n / (cpu_s() - start));
	secret_free(&shared);
	dh_free(peer);
	return (0);
fail:
	(void)fprintf(stderr, "dh: %s\n", f.what);
	return (3);
}
