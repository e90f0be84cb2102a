/* ike-initiate: negotiates IPsec SAs as initiator and writes them as SA state. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ike_tool.h"
#include "cli/opt.h"
#include "cli/peer.h"
#include "cli/policy_opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "net/sa_in.h"

#define LINGER_MS_DEFAULT	2000

struct opts {
	struct policy_opts	 policy;
	struct ike_tool_opts	 tool;
	const char		*peer;
	const char		*phase2, *delete;	/* files of SA state */
	bool			 phase1, keep;
	uint32_t		 linger_ms;
};

static const struct opt optab[] = {
	OPT_TOOL("negotiate IPsec SAs as initiator and write them as SA state"),
	OPT_USE("[--keep] [OPTION]... PEER[:PORT] | esp-tun ..."),
	OPT_USE("--phase1 [OPTION]... -o SA PEER[:PORT]"),
	OPT_USE("--phase2 SA [OPTION]... [PEER]"),
	OPT_USE("--delete SA [PEER]"),
	OPT_SECTION("What to do:"),
	OPT_FLAG(struct opts, phase1, 0, "phase1", "stop when the IKE SA stands", .excl = 1),
	OPT_STR(struct opts, phase2, 0, "phase2", "SA", "child SAs under the IKE SA of this state",
	    .excl = 1),
	OPT_STR(struct opts, delete, 0, "delete", "SA", "tell the peer that these SAs are deleted",
	    .excl = 1),
	OPT_FLAG(struct opts, keep, 0, "keep",
	    "stay: rekey, answer, probe, begin anew when lost, delete at the end"),
	OPT_MILLIS(struct opts, linger_ms, 0, "linger", "S", 0, 60000,
	    "seconds in which the peer's last message is still answered, without --keep"),
	OPT_INCLUDE(struct opts, policy, policy_optab),
	OPT_STR(struct opts, tool.local, 0, "local", "ADDR[:PORT]", "own address and IKE port"),
	OPT_INCLUDE(struct opts, tool, ike_tool_optab),
	OPT_ARG(struct opts, peer, "PEER", "the peer: address or name, and port (500)"),
	OPT_END
};

/* What the run is about. */
struct run {
	const struct opts	*o;
	struct ike_policy	 policy;
	struct ike_tool		 tool;
	size_t			 wanted, up, failed;	/* child SAs */
	enum exit_status	 worst;
};

/* The exchanges that were asked for are over: stay, or linger and go. */
static void
settle(struct run *r)
{
	if (r->up > 0 || r->failed == 0)
		ike_tool_commit(&r->tool);
	if (r->failed > 0 && r->up == 0)
		ike_tool_shutdown(&r->tool, r->worst);	/* an IKE SA alone was not asked for */
	else if (r->failed > 0 && !r->o->keep)
		ike_tool_end(&r->tool, r->worst, r->o->linger_ms);
	else if (!r->o->keep)
		ike_tool_end(&r->tool, EXIT_DONE, r->o->linger_ms);
}

static void
on_verdict(struct ike_tool *t, enum ike_verdict what, const uint8_t id[16], uint32_t mid,
    const struct fault *why)
{
	struct run *r = t->ctx;

	(void)id;
	switch (what) {
	case IKE_UP:
		if (r->o->phase1)
			settle(r);
		break;
	case IKE_CHILD_UP:
		if (++r->up + r->failed == r->wanted)
			settle(r);
		break;
	case IKE_FAILED:
		/* Once it stood, --keep goes on trying: a line, no end. */
		if (r->o->keep && r->up > 0) {
			report_note(why);
			break;
		}
		r->worst = report_fault(why);
		r->failed = mid == 0 ? r->wanted : r->failed + 1;
		if (r->up + r->failed >= r->wanted)
			settle(r);
		break;
	case IKE_REFUSED:
		if (report_allow())
			report_note(why);
		break;
	case IKE_GONE:
		if (!r->o->keep && r->up < r->wanted)
			ike_tool_end(t, report_fault(why), 0);
		break;
	}
}

/* Child SAs that the policy's selectors make: a pair each of one family. */
static size_t
count_pairs(const struct ike_policy *p, const struct addr *own, const struct addr *peer)
{
	size_t i, j, n = 0;

	for (i = 0; i < (p->n_local_ts > 0 ? p->n_local_ts : 1); i++)
		for (j = 0; j < (p->n_remote_ts > 0 ? p->n_remote_ts : 1); j++)
			n += (p->n_local_ts > 0 ? p->local_ts[i].first.family : own->family) ==
			    (p->n_remote_ts > 0 ? p->remote_ts[j].first.family : peer->family);
	return (n);
}

static int
prepare_pairs(struct run *r, const struct addr *own, const struct addr *peer, struct fault *f)
{
	char text[ADDR_TEXT];

	if (r->policy.n_local_ts == 0)
		report_say(0, "no --local-ts: the tunnel carries the own address %s",
		    addr_text(text, own));
	r->wanted = count_pairs(&r->policy, own, peer);
	if (r->wanted == 0)
		return (fault(f, FAULT_CONFIG,
		    "no local selector has a remote one of its address family"));
	return (0);
}

static int
connect_peer(struct run *r, struct fault *f)
{
	struct endpoint remote, local = r->tool.local;
	struct ike_outbox todo = {0};

	if (peer_resolve(&remote, r->o->peer, local.addr.family, PORT_IKE_DEFAULT, f) != 0 ||
	    ike_host_source(r->tool.host, &local, &remote, f) != 0)
		return (-1);
	if (endpoint_eq(&local, &remote))
		return (fault(f, FAULT_BAD_ADDRESS, "%s is this end, not a peer", r->o->peer));
	if (!r->o->phase1 && prepare_pairs(r, &local.addr, &remote.addr, f) != 0)
		return (-1);
	if (ike_engine_connect(ike_host_engine(r->tool.host), ike_host_now(r->tool.host),
	    &r->policy, &local, &remote, !r->o->phase1, NULL, &todo, f) != 0)
		return (-1);
	ike_host_do(r->tool.host, &todo);
	return (0);
}

/* Reads the state of --phase2 or --delete into the engine; counts its live IKE SAs. */
static int
adopt_state(struct run *r, const char *path, bool children, struct sa_ike *ike, size_t *n,
    struct fault *f)
{
	char *names[] = { (char *)(uintptr_t)path };
	struct sa_in *in = sa_in_open(1, names, f);
	struct ike_now now = ike_host_now(r->tool.host);
	struct sa_in_at at;
	struct sa_rec rec;
	int rc;

	*n = 0;
	if (in == NULL)
		return (-1);
	report_wide_mode(path, sa_in_wide_mode(in, 0));
	while ((rc = sa_in_next(in, true, &rec, &at, f)) > 0) {
		if (rec.type == SA_IKE && rec.ike.lifetime.expires > now.epoch) {
			rc = ike_engine_adopt(ike_host_engine(r->tool.host), now, &rec, &r->policy, f);
			if (rc == 0 && (*n)++ == 0) {
				*ike = rec.ike;
				rec.type = SA_NONE;	/* its secrets are the caller's now */
			}
		} else if (rec.type == SA_CHILD && children)
			rc = ike_engine_adopt(ike_host_engine(r->tool.host), now, &rec, &r->policy, f);
		sa_rec_wipe(&rec);
		if (rc < 0)
			break;
	}
	sa_in_close(in);
	if (rc < 0)
		return (-1);
	return (*n > 0 ? 0 : fault(f, FAULT_NO_CHILD, "%s holds no live IKE SA", path));
}

static int
phase2(struct run *r, struct fault *f)
{
	struct ike_outbox todo = {0};
	struct sa_ike ike = {0};
	uint8_t id[16];
	size_t n;
	int rc = -1;

	if (adopt_state(r, r->o->phase2, false, &ike, &n, f) != 0)
		goto out;
	if (n > 1) {
		(void)fault(f, FAULT_CONFIG, "%s holds %zu live IKE SAs: which one is meant?",
		    r->o->phase2, n);
		goto out;
	}
	memcpy(id, ike.spi_i, 8);
	memcpy(id + 8, ike.spi_r, 8);
	if (prepare_pairs(r, &ike.local.at.addr, &ike.remote.at.addr, f) != 0)
		goto out;
	rc = ike_engine_children(ike_host_engine(r->tool.host), ike_host_now(r->tool.host), id,
	    &todo, f);
	ike_host_do(r->tool.host, &todo);
out:
	sa_ike_wipe(&ike);
	return (rc);
}

static int
delete_state(struct run *r, struct fault *f)
{
	struct sa_ike ike = {0};
	size_t n;
	int rc = adopt_state(r, r->o->delete, true, &ike, &n, f);

	sa_ike_wipe(&ike);
	if (rc == 0)
		ike_tool_shutdown(&r->tool, EXIT_DONE);
	return (rc);
}

static enum exit_status
run(struct run *r)
{
	const struct opts *o = r->o;
	struct ike_tool_opts tool = o->tool;
	struct ike_conf conf = {
		.policies = &r->policy, .n_policies = 1, .respond = o->keep, .keep = o->keep,
	};
	struct fault f = {0};
	bool from_state = o->phase2 != NULL || o->delete != NULL;

	r->tool.ctx = r;
	r->tool.verdict = on_verdict;
	/* The sa-delete records of --delete are for a pipe; at a terminal nobody misses them. */
	if (o->delete != NULL && tool.output == NULL && isatty(STDOUT_FILENO))
		tool.output = "/dev/null";
	if (o->peer == NULL && !from_state)
		(void)fault(&f, FAULT_USAGE, "which peer?");
	else if (policy_opts_build(&r->policy, &o->policy, NULL, !from_state, &f) == 0 &&
	    ike_tool_open(&r->tool, &tool, &conf, &f) == 0 &&
	    (o->phase2 != NULL ? phase2(r, &f) : o->delete != NULL ? delete_state(r, &f) :
	    connect_peer(r, &f)) == 0)
		return (ike_tool_run(&r->tool));
	return (report_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct opts o = { .policy = POLICY_OPTS_DEFAULT, .linger_ms = LINGER_MS_DEFAULT };
	struct run r = { .o = &o, .worst = EXIT_NO };
	enum exit_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	status = run(&r);
	ike_tool_close(&r.tool);
	ike_policy_wipe(&r.policy);
	return (status);
}
