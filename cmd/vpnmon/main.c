/* vpnmon: whether a tunnel carries traffic, and what to do when it does not. */
#include "vpnmon.h"

#define T struct mon_opts
static const struct opt optab[] = {
	OPT_TOOL("watch whether a tunnel carries traffic"),
	OPT_USE("[OPTION]... --tun NAME DEST"),
	OPT_SECTION("Probes"),
	OPT_STR(T, tun, 0, "tun", "NAME", "the tunnel's device", .flags = OPT_REQUIRED),
	OPT_STR(T, source, 0, "source", "ADDR", "ask from this address of this machine"),
	OPT_MILLIS(T, interval_ms, 'i', "interval", "S", 20, 86400000,
	    "seconds from one question to the next"),
	OPT_NUM(T, threshold, 0, "threshold", "N", 1, 1000000,
	    "the tunnel is down after so many questions without an answer"),
	OPT_FLAG(T, optimized, 0, "optimized",
	    "packets from the tunnel count as an answer and take the place of a question"),
	OPT_FLAG(T, persist, 0, "persist", "go on asking while the tunnel is down"),
	OPT_SECTION("When the state changes"),
	OPT_CHOICE(T, routes, 0, "routes", "mark|keep",
	    "while it is down, take the routes over the device out of use, or keep them"),
	OPT_STR(T, on_up, 0, "on-up", "CMD", "run CMD (sh -c) when it comes up"),
	OPT_STR(T, on_down, 0, "on-down", "CMD", "run CMD when it goes down"),
	OPT_STR(T, rekey, 0, "rekey", "CMD",
	    "run CMD to bring it back, again and again in growing intervals; implies --persist"),
	OPT_SECTION("Running"),
	OPT_JSON(T, json),
	OPT_FLAG(T, watch, 0, "watch", "draw a live table on the terminal"),
	OPT_STR(T, metrics, 0, "metrics", "FILE", "keep metrics there, in Prometheus' text format"),
	OPT_STR(T, user, 0, "user", "NAME", "become NAME when all is open (root: nobody)"),
	OPT_ARG(T, dest, "DEST", "an address behind the tunnel that answers ICMP echo",
	    .flags = OPT_REQUIRED),
	OPT_END
};
#undef T

int
main(int argc, char *argv[])
{
	struct mon_opts o = { .interval_ms = 10000, .threshold = 10 };
	struct tool t = {0};
	struct fault f;
	int rc;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	rc = tool_open(&t, &o, &f) == 0 ? tool_run(&t) : (int)report_fault(&f);
	tool_close(&t);
	return (rc);
}
