/* esp-tun: the data path. SA state in, packets through a TUN device. */
#include "esp_tun.h"

int
main(int argc, char *argv[])
{
	struct tun_opts o = TUN_OPTS_DEFAULT;
	struct datapath_opt d;
	struct tool t = {0};
	struct fault f;
	int rc;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(tun_optab, &o, argc, argv);
	if (o.decrypt != NULL || o.encrypt != NULL)
		return (tun_offline(&o));
	if (tun_settle(&o, &d, &f) != 0 || tool_open(&t, &o, &d, &f) != 0)
		rc = report_fault(&f);
	else
		rc = tool_run(&t);
	tool_close(&t);		/* claims, routes and rules on every path */
	return (rc);
}
