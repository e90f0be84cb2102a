/* What a gateway does for its users: logins, accounting, leases. */
#include "tool/ike_users.h"

#include "cli/report.h"

/* --- XAuth: see login.h --- */

static void
give_answer(struct ike_users *u, const uint8_t id[16], uint32_t mid, const struct ike_answer *a)
{
	struct ike_outbox todo = {0};

	(void)ike_engine_answer(ike_host_engine(u->host), ike_host_now(u->host), id, mid, a, &todo);
	ike_host_do(u->host, &todo);
}

/* What a command did that it should not have. */
static void
report_login(const struct login_answer *a)
{
	static const char odd_output, failed;
	const char *option = a->kind == IKE_QUESTION_LOGIN ? "--xauth-exec" : "--xauth-ask";

	if (a->odd[0] != '\0' && report_allow(&odd_output))
		report_warn("%s: %s: the user is rejected", option, a->odd);
	if (a->status > 1 && a->status != LOGIN_CHALLENGE && report_allow(&failed))
		report_warn("%s ended with status %u%s", option, a->status, a->status == 127 ? ": not found?" :
		    a->status == 111 ? ": it could not find out" : a->status == 255 ? ": too many at the same time" : "");
}

static void
on_login(struct ev_loop *loop, struct ev_io *w, int events)
{
	struct ike_users *u = w->data;
	struct ike_answer give;
	struct login_answer a;
	int rc;

	(void)events;
	while ((rc = login_answer(u->login, ike_host_now(u->host).ms, &a)) > 0) {
		report_login(&a);
		if (a.kind == IKE_QUESTION_LOGIN)
			account_login(u->account, ike_host_now(u->host), a.id, &a);
		give = (struct ike_answer){ .no = a.no, .login = a.kind == IKE_QUESTION_LOGIN ? &a.login : NULL,
		    .data = span_str(a.value) };
		give_answer(u, a.id, a.mid, &give);
		wipe(&a, sizeof(a));
	}
	if (rc < 0) {
		report_warn("the helper of XAuth has ended: no user can log in");
		ev_io_stop(loop, w);
	}
}

/* --- accounting: see account.h --- */

static void
watch_account(struct ike_users *u)
{
	uint64_t due = account_deadline_ms(u->account), now = ike_host_now(u->host).ms;

	if (u->account == NULL)
		return;
	ev_timer_stop(u->loop, &u->on_account_due);
	if (due == UINT64_MAX)
		return;
	ev_timer_set(&u->on_account_due, due > now ? (double)(due - now) / 1000. : 0., 0.);
	ev_timer_start(u->loop, &u->on_account_due);
}

static void
on_account_due(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct ike_users *u = w->data;

	(void)loop;
	(void)events;
	account_timeout(u->account, ike_host_now(u->host), ike_host_engine(u->host));
	watch_account(u);
}

static void
on_account(struct ev_loop *loop, struct ev_io *w, int events)
{
	static const char late, lost;
	struct ike_users *u = w->data;
	uint8_t status;
	bool again;
	int rc;

	(void)events;
	while ((rc = account_next(u->account, &status, &again)) > 0)
		if (status != 0 && report_allow(again ? &late : &lost))
			report_warn("--xauth-account ended with status %u: %s", status, again ? "it will be run again" :
			    status == 127 ? "not found?" : "a report is lost");
	if (rc < 0) {
		report_warn("the helper of accounting has ended: no session is reported");
		ev_io_stop(loop, w);
	}
}

void
ike_users_ask(struct ike_users *u, const uint8_t id[16], uint32_t mid)
{
	static const char unjudged;
	const struct ike_answer no = { .no = true };
	struct ike_question q;
	struct fault f = {0};

	if (!ike_engine_question(ike_host_engine(u->host), id, mid, &q))
		return;
	if (u->login != NULL && login_ask(u->login, ike_host_now(u->host).ms, id, mid, &q, &f) == 0)
		return;
	if (u->login != NULL && report_allow(&unjudged))
		report_note(&f);
	give_answer(u, id, mid, &no);
}

/* --- leases: see lease_store.h --- */

static void
store_leases(const struct ike_users *u)
{
	static const char kind;
	struct fault f = {0};

	if (u->leases != NULL && lease_store_sync(u->leases, &f) != 0 && report_allow(&kind))
		report_note(&f);
}

static bool
has_pool(const struct ike_policy *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i].pool != NULL || p[i].pool6 != NULL)
			return (true);
	return (false);
}

int
ike_users_keep_leases(struct ike_users *u, const char *dir, const struct ike_conf *conf, struct fault *f)
{
	size_t damaged;

	if (dir == NULL && !has_pool(conf->policies, conf->n_policies) && !has_pool(conf->groups, conf->n_groups))
		return (0);
	u->leases = lease_store_open(dir, conf, ike_host_now(u->host).epoch, &damaged, f);
	if (u->leases == NULL && dir != NULL)
		return (-1);
	if (u->leases == NULL)		/* nobody named a place: they end with the process */
		report_warn("the leases of --pool are not kept for the next start: %s (--state-dir names another directory)", f->what);
	else if (damaged > 0)
		report_warn("%s%sleases: %zu damaged lease%s forgotten", dir != NULL ? dir : "", dir != NULL ? "/" : "", damaged,
		    damaged == 1 ? " is" : "s are");
	return (0);
}

void
ike_users_settle(struct ike_users *u)
{
	store_leases(u);
	account_settle(u->account, ike_host_now(u->host), ike_host_engine(u->host));
	watch_account(u);
}

void
ike_users_watch(struct ike_users *u, struct ev_loop *loop, struct ike_host *host)
{
	u->loop = loop;
	u->host = host;
	if (u->login != NULL) {
		ev_io_init(&u->on_login, on_login, login_fd(u->login), EV_READ);
		u->on_login.data = u;
		ev_io_start(u->loop, &u->on_login);
	}
	if (u->account != NULL) {
		ev_io_init(&u->on_account, on_account, account_fd(u->account), EV_READ);
		ev_timer_init(&u->on_account_due, on_account_due, 0., 0.);
		u->on_account.data = u->on_account_due.data = u;
		ev_io_start(u->loop, &u->on_account);
	}
}
