/* skeyid-calc: the values of IKEv1 by hand, with the functions that negotiate. */
#include <string.h>

#include "calc.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "opts.h"

int
main(int argc, char *argv[])
{
	struct calc_opts o = CALC_OPTS_DEFAULT;
	static struct calc c;
	struct rand_seed seed;
	struct fault f = {0};
	enum exit_status rc = EXIT_DONE;
	bool done;

	prog_init(argv[0]);
	/* It is a question more than a value: either word will do. */
	if (argc > 1 && strcmp(argv[1], "--check") == 0)
		argv[1] += 2;
	opt_parse(calc_optab, &o, argc, argv);
	done = calc_from_opts(&c, &o, &seed, &f) == 0 &&
	    (o.sa == NULL || calc_from_state(&c, o.sa, &f) == 0) &&
	    (o.capture != NULL ? calc_check(&c, o.capture, &f) : calc_run(&c, &f)) == 0;
	/* Values that are not what the state has are worth a look. */
	if (done || f.code == FAULT_PROTOCOL || f.code == FAULT_WRONG_PSK)
		calc_print(&c, o.json, o.explain);
	if (!done)
		rc = report_fault(&f);
	calc_wipe(&c);
	return ((int)rc);
}
