/* SIGHUP with --keep --peers FILE NAME: the section is read again. */
#include <string.h>

#include "cli/report.h"
#include "ike/renew/renew.h"
#include "initiate.h"

/* From ${from} to ${to}, each the one policy of the engine. */
static int
renew(struct initiate *r, struct ike_policy *to, struct ike_renewal *what, struct fault *f)
{
	struct ike_outbox todo = {0};

	if (ike_engine_renew(ike_host_engine(r->tool.host), ike_host_now(r->tool.host), to, 1, NULL, 0, what, &todo, f) != 0)
		return (-1);
	ike_host_do(r->tool.host, &todo);
	return (0);
}

int
initiate_take(void *ctx, struct peers *after, struct fault *f)
{
	struct initiate *r = ctx;
	struct ike_policy *next = &after->p[0];
	struct ike_renewal what, moved;
	char text[RELOAD_FATE];

	/* Of this run, and not of the file. */
	next->remote_addr = r->policy.remote_addr;
	next->xauth_ask = r->tool.users.login != NULL;
	r->timeout_ms = next->timeout_ms;
	if (!r->was_up)
		next->timeout_ms = r->policy.timeout_ms;
	if (after->address == NULL || strcmp(after->address, r->o->peer) != 0)
		report_warn("address differs: it takes effect at the next start");
	if (renew(r, next, &what, f) != 0)
		return (-1);
	/* All of this tool means the policy by its place: the engine goes there with it. */
	ike_policy_wipe(&r->policy);
	r->policy = *next;
	if (renew(r, &r->policy, &moved, f) != 0)
		return (-1);
	after->n = 0;
	if (what.changes == 0)
		report_say(0, "[%s] is unchanged", r->o->section);
	else
		report_say(0, "[%s] changed (%s)%s", r->o->section, what.keys, reload_fate(text, &what));
	notify_reloaded(&r->tool.notify, "the section is read again");
	return (0);
}
