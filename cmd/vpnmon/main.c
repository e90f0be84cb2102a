/* vpnmon: monitors whether tunnels forward traffic, and acts when they do not. */
#include "cli/prog.h"
#include "conf.h"
#include "tool.h"

#define T struct mon_opts
static const struct opt optab[] = {
	OPT_TOOL("monitor tunnels by ICMP echo, withdraw routes and fail over"),
	OPT_USE("[OPTION]... --tun NAME DEST"),
	OPT_USE("[OPTION]... --tun NAME --tun NAME... DEST..."),
	OPT_USE("[OPTION]... --peers FILE"),
	OPT_SECTION("Probes"),
	OPT_LIST(T, tuns, 0, "tun", "NAME", "the tunnel's device"),
	OPT_LIST(T, sources, 0, "source", "ADDR",
	    "source address of the probes; one for all, or one for each --tun"),
	OPT_STR(T, peers, 0, "peers", "FILE", "INI file with a section for each tunnel"),
	OPT_INCLUDE(T, how, how_optab),
	OPT_SECTION("Running"),
	OPT_CHOICE(T, format, 0, "format", "text|json|cbor", "format of the report", .excl = 1),
	OPT_FLAG(T, json, 0, "json", "report as JSON, for scripts (same as --format json)", .excl = 1),
	OPT_FLAG(T, watch, 0, "watch", "show a live table on the terminal"),
	OPT_STR(T, standby, 0, "standby", "FILE",
	    "of two gateways: monitor while FILE, of ike-respond --standby-state, says active"),
	OPT_STR(T, metrics, 0, "metrics", "FILE", "write metrics to FILE in Prometheus text format"),
	OPT_STR(T, user, 0, "user", "NAME", "drop privileges to NAME after start-up (root: sapipe)"),
	OPT_ARGS(T, dests, "DEST", 0, OPT_LIST_MAX,
	    "address behind the tunnel that answers ICMP echo; one for all, or one for each --tun"),
	OPT_END
};
#undef T

int
main(int argc, char *argv[])
{
	struct mon_opts o = { .how = { .interval_ms = 10000, .threshold = 10, .priority = 100,
	    .preempt = true } };
	static struct tool w;
	struct fault f;
	int rc;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	rc = tool_open(&w, &o, &f) == 0 ? tool_run(&w) : (int)report_fault(&f);
	tool_close(&w);
	return (rc);
}
