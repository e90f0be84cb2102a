/* The reload: all mistakes reported and nothing changed, or the new peers and a line for each difference. */
#include "tool/reload/reload.h"

#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "cli/secret_file.h"
#include "ike/renew/renew.h"
#include "tool/gate_opt.h"

/* --- pools --- */

/* A pool that ${p} had before is the same one: its leases go on. */
static void
keep_pool(struct ike_policy *p, const struct ike_policy *before, size_t n)
{
	uint64_t s = p->pool != NULL ? pool_lease_time(p->pool) : 0, s6 = p->pool6 != NULL ? pool_lease_time(p->pool6) : 0;
	struct fault ignored;
	size_t i;

	/* One that overlaps with an older one, which goes, is no mistake. */
	for (i = 0; (p->pool != NULL || p->pool6 != NULL) && i < n; i++)
		(void)gate_share_pools(p, &before[i], 1, &ignored);
	if (p->pool != NULL)
		pool_set_lease_time(p->pool, s);
	if (p->pool6 != NULL)
		pool_set_lease_time(p->pool6, s6);
}

static void
keep_pools(struct ike_policy *p, size_t n, const struct peers *before)
{
	size_t i;

	for (i = 0; i < n; i++) {
		keep_pool(&p[i], before->p, before->n);
		keep_pool(&p[i], before->groups, before->n_groups);
	}
}

/* --- what changed, in words --- */

static const struct ike_policy *
find(const struct ike_policy *p, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n && strcmp(p[i].name, name) != 0; i++)
		;
	return (i < n ? &p[i] : NULL);
}

const char *
reload_fate(char out[RELOAD_FATE], const struct ike_renewal *w)
{
	size_t ended = w->ended_ike + w->ended_children, kept = w->kept_ike + w->kept_children;

	if (ended == 0)
		(void)snprintf(out, RELOAD_FATE, kept == 0 ? "" : ": its SAs stay");
	else
		(void)snprintf(out, RELOAD_FATE, ": %zu IKE SA%s and %zu child SA%s deleted%s", w->ended_ike, w->ended_ike == 1 ? "" : "s",
		    w->ended_children, w->ended_children == 1 ? "" : "s", kept > 0 ? ", the others stay" : "");
	return (out);
}

static void
say_groups(const struct peers *before, const struct peers *after)
{
	char keys[IKE_RENEWAL_KEYS];
	const struct ike_policy *to;
	size_t i;

	for (i = 0; i < before->n_groups; i++) {
		if ((to = find(after->groups, after->n_groups, before->groups[i].name)) == NULL)
			report_say(0, "[group %s] is removed", before->groups[i].name);
		else if (ike_policy_diff(&before->groups[i], to, keys, sizeof(keys)) != 0)
			report_say(0, "[group %s] changed (%s)", to->name, keys);
	}
	for (i = 0; i < after->n_groups; i++)
		if (find(before->groups, before->n_groups, after->groups[i].name) == NULL)
			report_say(0, "[group %s] is added", after->groups[i].name);
}

/* What the process took from the file at its start. */
static void
say_restart(const struct peers *before, const struct peers *after)
{
	const char *key = section_differs(&before->run, &after->run);

	if (key != NULL)
		report_warn("%s differs: it takes effect at the next start", key);
	if (strcmp(before->tun_words, after->tun_words) != 0)
		report_warn("the options of the device differ: they take effect at the next start");
}

static void
say(struct reload *r, const struct peers *after, const struct ike_renewal *what)
{
	const struct peers *before = r->peers;
	size_t i, added = 0, changed = 0, removed = 0;
	char text[RELOAD_FATE];

	for (i = 0; i < before->n; i++) {
		if (what[i].to == NULL)
			report_say(0, "[%s] is removed%s", before->p[i].name, reload_fate(text, &what[i]));
		else if (what[i].changes != 0)
			report_say(0, "[%s] changed (%s)%s", before->p[i].name, what[i].keys, reload_fate(text, &what[i]));
		removed += what[i].to == NULL;
		changed += what[i].to != NULL && what[i].changes != 0;
	}
	for (i = 0; i < after->n; i++)
		if (find(before->p, before->n, after->p[i].name) == NULL) {
			report_say(0, "[%s] is added", after->p[i].name);
			added++;
		}
	say_groups(before, after);
	say_restart(before, after);
	(void)snprintf(text, sizeof(text), "peers reloaded: %zu added, %zu changed, %zu removed, %zu unchanged", added, changed, removed,
	    before->n - changed - removed);
	report_say(0, "%s", text);
	notify_reloaded(&r->tool->notify, text);
}

/* --- the reload --- */

static void
on_wrong(void *ctx, const struct fault *f)
{
	(void)ctx;
	(void)report_fault(f);
}

/* 0, or -1 with all mistakes reported. */
static int
read_again(struct reload *r, struct peers *after)
{
	struct ike_conf conf = {0};
	struct fault f = {0};
	int rc;

	if (opener_begin(&r->opener, &f) != 0)
		rc = -1;
	else
		rc = peers_file_reread(after, r->path, r->section, r->given, on_wrong, NULL, &f);
	opener_end(&r->opener);
	if (rc == 0) {
		conf.policies = after->p;
		conf.n_policies = after->n;
		if ((r->finish != NULL && (rc = r->finish(r->ctx, after->p, after->n, &f)) != 0) || (rc = ike_tool_ciphers(&conf, &f)) != 0)
			peers_wipe(after);
	}
	if (rc < 0)
		(void)report_fault(&f);
	return (rc == 0 ? 0 : -1);
}

static int
renew(struct reload *r, struct peers *after, struct fault *f)
{
	struct ike_host *h = r->tool->host;
	struct ike_conf conf = { .policies = after->p, .n_policies = after->n, .groups = after->groups,
	    .n_groups = after->n_groups };
	struct ike_renewal *what = calloc(r->peers->n + 1, sizeof(*what));
	struct ike_outbox todo = {0};

	if (what == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for new peers"));
	keep_pools(after->p, after->n, r->peers);
	keep_pools(after->groups, after->n_groups, r->peers);
	if ((r->tool->users.leases != NULL && lease_store_add(r->tool->users.leases, &conf, f) != 0) ||
	    ike_engine_renew(ike_host_engine(h), ike_host_now(h), after->p, after->n, after->groups, after->n_groups, what, &todo,
	    f) != 0) {
		free(what);
		return (-1);
	}
	say(r, after, what);
	ike_host_do(h, &todo);
	free(what);
	peers_wipe(r->peers);
	*r->peers = *after;
	return (0);
}

static void
reload(void *ctx)
{
	struct reload *r = ctx;
	struct peers after = {0};
	struct fault f = {0};

	if (strcmp(r->path, "-") == 0) {
		report_warn("the peers came from standard input and cannot be read again");
		return;
	}
	notify_reloading(&r->tool->notify);
	if (read_again(r, &after) != 0) {
		report_warn("%s is not reloaded: the peers stay as they were", r->path);
		notify_reloaded(&r->tool->notify, "the file of peers has mistakes and is not reloaded");
	} else if ((r->take != NULL ? r->take(r->ctx, &after, &f) : renew(r, &after, &f)) != 0) {
		peers_wipe(&after);
		(void)report_fault(&f);
		notify_reloaded(&r->tool->notify, "the file of peers is not reloaded");
	} else if (r->take != NULL)
		peers_wipe(&after);
}

int
reload_open(struct reload *r, struct fault *f)
{
	secret_file_keep(true);
	r->tool->reload = reload;
	r->tool->reload_ctx = r;
	return (strcmp(r->path, "-") == 0 ? 0 : opener_fork(&r->opener, r->path, r->given, f));
}

void
reload_close(struct reload *r)
{
	opener_close(&r->opener);
	secret_file_keep(false);
}
