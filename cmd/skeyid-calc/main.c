/* skeyid-calc: the values of IKEv1 by hand, with the functions that negotiate. */
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

	prog_init(argv[0]);
	opt_parse(calc_optab, &o, argc, argv);
	if (calc_from_opts(&c, &o, &seed, &f) == -1 ||
	    (o.sa != NULL && calc_from_state(&c, o.sa, &f) == -1) || calc_run(&c, &f) == -1)
		rc = report_fault(&f);
	else
		calc_print(&c, o.json, o.explain);
	calc_wipe(&c);
	return ((int)rc);
}
