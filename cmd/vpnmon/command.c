/* The commands of --on-up, --on-down and --rekey, with the environment of a vpnc-script. */
#include "command.h"

#include <unistd.h>

#include "say.h"

void
command_run(struct tunnel *t, struct script *s, const char *option, const char *reason)
{
	static struct script_env e;
	const struct group *g = t->group;
	char a[ADDR_TEXT], when[CLOCK_TEXT];

	if (s->helper.fd == -1)
		return;
	e.len = 0;
	script_set(&e, "reason", "%s", reason);
	script_set(&e, "TUNDEV", "%s", t->tun);
	script_set(&e, "VPNPID", "%ld", (long)getpid());
	if (t->source.family != 0)
		script_set(&e, t->source.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS",
		    "%s", addr_text(a, &t->source));
	script_set(&e, "SAPIPE_DEST", "%s", addr_text(a, &t->dest));
	script_set(&e, "SAPIPE_STATE", "%s", monitor_state_name(t->mon.state));
	script_set(&e, "SAPIPE_REASON", "%s", monitor_why_name(t->mon.why));
	script_set(&e, "SAPIPE_SINCE", "%s", say_time(when, t->since_ms));
	script_set(&e, "SAPIPE_LOSS", "%g", say_loss(t));
	if (t->mon.answered > 0)
		script_set(&e, "SAPIPE_RTT_MS", "%.3f", (double)t->mon.rtt_us / 1000);
	if (g != NULL) {
		script_set(&e, "SAPIPE_GROUP", "%s", g->name);
		script_set(&e, "SAPIPE_CARRIER", "%s",
		    g->carrier == GROUP_NONE ? "" : g->m[g->carrier]->tun);
	}
	if (script_run(s, &e) != 0)
		report_warn("%s: the %s command could not be run", t->tun, option);
}
