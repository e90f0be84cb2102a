/* ike-initiate: negotiates IPsec SAs as initiator and writes them as SA state. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/ike_tool.h"
#include "cli/opt.h"
#include "cli/peer_addr.h"
#include "tool/policy_opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "os/clock.h"
#include "os/record_in.h"
#include "sa/set.h"

#define LINGER_MS_DEFAULT	2000

struct opts {
	struct policy_opts	 policy;
	struct ike_tool_opts	 tool;
	const char		*peer;
	const char		*phase2, *delete;	/* files of SA state */
	bool			 phase1, keep, look;
	uint32_t		 linger_ms;
};

static const struct opt optab[] = {
	OPT_TOOL("negotiate IPsec SAs as initiator and write SA state"),
	OPT_USE("[--keep] [OPTION]... PEER[:PORT] | esp-tun ..."),
	OPT_USE("--phase1 [OPTION]... -o SA PEER[:PORT]"),
	OPT_USE("--phase2 SA [OPTION]... [PEER[:PORT]]"),
	OPT_USE("--delete SA [PEER]"),
	OPT_SECTION("What to do:"),
	OPT_FLAG(struct opts, phase1, 0, "phase1", "only negotiate the IKE SA", .excl = 1),
	OPT_STR(struct opts, phase2, 0, "phase2", "SA", "negotiate child SAs under the IKE SA of this state",
	    .excl = 1),
	OPT_STR(struct opts, delete, 0, "delete", "SA", "send the peer deletes for these SAs",
	    .excl = 1),
	OPT_FLAG(struct opts, keep, 0, "keep",
	    "keep running: rekey, answer, probe, reconnect, delete on exit"),
	OPT_FLAG(struct opts, look, 0, "look",
	    "delete the SAs at the peer when the records are written: they are only to be looked at"),
	OPT_MILLIS(struct opts, linger_ms, 0, "linger", "S", 0, 60000,
	    "without --keep: seconds to answer retransmissions before exit"),
	OPT_INCLUDE(struct opts, policy, policy_optab),
	OPT_STR(struct opts, tool.local, 0, "local", "ADDR[:PORT]", "local address and IKE port"),
	OPT_INCLUDE(struct opts, tool, ike_tool_optab),
	OPT_ARG(struct opts, peer, "PEER", "address or name of the peer, and port (default 500)"),
	OPT_END
};

/* The state of the run. */
struct run {
	const struct opts	*o;
	struct ike_policy	 policy;
	struct ike_tool		 tool;
	struct sa_set		*state;		/* of --phase2 and --delete */
	struct sa_rec		 under;		/* its IKE SA that is meant */
};

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
		report_say(0, "no --local-ts: using the local address %s",
		    addr_text(text, own));
	r->tool.outcome.wanted = count_pairs(&r->policy, own, peer);
	if (r->tool.outcome.wanted == 0)
		return (fault(f, FAULT_CONFIG,
		    "no local selector has a remote one of its address family"));
	return (0);
}

/* Check the peer first: an error there is found without opening a port. */
static int
connect_peer(struct run *r, const struct ike_tool_opts *tool, struct ike_conf *conf,
    struct fault *f)
{
	struct endpoint remote, local = {0};
	struct ike_outbox todo = {0};
	uint16_t natt = r->policy.natt_port;
	enum port_role role;

	/* From our port 4500 the peer's is meant, too. */
	if ((tool->local != NULL && local_parse(&local, tool->local, 0, f) != 0) ||
	    peer_resolve(&remote, r->o->peer, local.addr.family, local.port == PORT_NATT_DEFAULT ? natt :
	    PORT_IKE_DEFAULT, f) != 0 ||
	    ike_tool_open(&r->tool, tool, conf, f) != 0)
		return (-1);
	local = r->tool.local;
	/* Behind that port every message has a marker (RFC 3947 section 4). */
	role = remote.port == natt ? PORT_NATT : PORT_IKE;
	if (ike_host_source(r->tool.host, &local, &remote, role, f) != 0)
		return (-1);
	if (endpoint_eq(&local, &remote))
		return (fault_because(f, CAUSE_OWN_ADDRESS,
		    fault(f, FAULT_BAD_ADDRESS, "%s is an address of this machine", r->o->peer)));
	ike_tool_peer(&r->tool, &r->policy, &remote.addr);
	if (!r->o->phase1 && prepare_pairs(r, &local.addr, &remote.addr, f) != 0)
		return (-1);
	/* A process that does not stay says no INITIAL-CONTACT in any case. */
	if (r->o->keep)
		ike_engine_set_others(ike_host_engine(r->tool.host),
		    ike_host_has_others(r->tool.host, &remote.addr));
	if (r->tool.over)	/* a signal came */
		return (0);
	if (ike_engine_connect(ike_host_engine(r->tool.host), ike_host_now(r->tool.host),
	    &r->policy, &local, &remote, !r->o->phase1, NULL, &todo, f) != 0)
		return (-1);
	ike_host_do(r->tool.host, &todo);
	return (0);
}

/* Whether the IKE SA ${s} is with the peer that was named; without a name any is. */
static int
is_with_peer(const struct run *r, const struct sa_ike *s, bool *is, struct fault *f)
{
	struct endpoint peer;

	*is = true;
	if (r->o->peer == NULL)
		return (0);
	if (peer_resolve(&peer, r->o->peer, s->remote.at.addr.family, PORT_IKE_DEFAULT, f) != 0)
		return (-1);
	*is = addr_cmp(&peer.addr, &s->remote.at.addr) == 0;
	return (0);
}

/* Adds up the state file of --phase2 or --delete. */
static int
read_state(struct run *r, const char *path, struct fault *f)
{
	char *names[] = { (char *)(uintptr_t)path };
	struct sa_in *in = sa_in_open(1, names, f);
	struct sa_in_at at;
	struct sa_rec rec;
	int rc;

	if (in == NULL)
		return (-1);
	report_wide_mode(path, sa_in_wide_mode(in, 0));
	if ((r->state = sa_set_new()) == NULL) {
		sa_in_close(in);
		return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	}
	while ((rc = sa_in_next(in, true, &rec, &at, f)) > 0) {
		if (sa_set_apply(r->state, 0, &rec, NULL, NULL, f) == SA_BAD)
			rc = -1;
		sa_rec_wipe(&rec);
		if (rc < 0)
			break;
	}
	sa_in_close(in);
	return (rc);
}

/* The IKE SA for --phase2; --local replaces its local address. */
static int
pick_ike(struct run *r, const char *path, uint64_t epoch, struct fault *f)
{
	const struct sa_rec *rec;
	struct endpoint local;
	size_t at = 0, n = 0;
	bool is;

	while ((rec = sa_set_next(r->state, &at, NULL)) != NULL) {
		if (rec->type != SA_IKE || rec->ike.lifetime.expires <= epoch)
			continue;
		if (is_with_peer(r, &rec->ike, &is, f) != 0)
			return (-1);
		if (is && n++ == 0 && sa_rec_copy(&r->under, rec) != 0)
			return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	}
	if (n == 0)
		return (fault(f, FAULT_NO_IKE_SA, "%s holds no live IKE SA%s%s", path,
		    r->o->peer != NULL ? " with " : "", r->o->peer != NULL ? r->o->peer : ""));
	if (n > 1)
		return (fault(f, FAULT_CONFIG, "%s holds %zu live IKE SAs%s; name a peer",
		    path, n, r->o->peer != NULL ? " with that peer" : ""));
	if (r->o->tool.local == NULL)
		return (0);
	if (local_parse(&local, r->o->tool.local, 0, f) != 0)
		return (-1);
	if (local.addr.family != 0)
		r->under.ike.local.at.addr = local.addr;
	if (local.port != 0)
		r->under.ike.local.at.port = local.port;
	return (0);
}

static int
phase2(struct run *r, struct fault *f)
{
	struct ike_engine *e = ike_host_engine(r->tool.host);
	struct now now = ike_host_now(r->tool.host);
	struct sa_ike *ike = &r->under.ike;
	struct ike_outbox todo = {0};
	uint8_t id[16];
	int rc;

	memcpy(id, ike->spi_i, 8);
	memcpy(id + 8, ike->spi_r, 8);
	if (!r->tool.look && !r->o->keep && ike_host_has_others(r->tool.host, &ike->remote.at.addr))
		report_say(0, "another tool of this machine has SAs with this peer, which will use the new child SA "
		    "instead: hand its record to esp-tun, or use --look");
	if (prepare_pairs(r, &ike->local.at.addr, &ike->remote.at.addr, f) != 0 ||
	    ike_tool_adopt(&r->tool, &r->under, &r->policy, f) != 0)
		return (-1);
	rc = ike_engine_children(e, now, id, &todo, f);
	ike_host_do(r->tool.host, &todo);
	return (rc);
}

static int
delete_state(struct run *r, struct fault *f)
{
	const struct sa_rec *rec;
	size_t at = 0;

	if (ike_tool_adopt(&r->tool, &r->under, &r->policy, f) != 0)
		return (-1);
	while ((rec = sa_set_next(r->state, &at, NULL)) != NULL)
		if (rec->type == SA_CHILD && id_eq(&rec->child.remote.id, &r->under.ike.remote.id) &&
		    addr_cmp(&rec->child.remote.at.addr, &r->under.ike.remote.at.addr) == 0 &&
		    ike_tool_adopt(&r->tool, rec, &r->policy, f) != 0)
			return (-1);
	ike_tool_shutdown(&r->tool, EXIT_DONE);
	return (0);
}

static int
from_state(struct run *r, struct ike_tool_opts *tool, struct ike_conf *conf, struct fault *f)
{
	const char *path = r->o->phase2 != NULL ? r->o->phase2 : r->o->delete;
	struct clock clock = {0};

	/* The owner of the IKE SA ends it: --phase2 deletes only its own child SAs. */
	conf->borrowed = r->o->phase2 != NULL && !r->o->keep;
	/* The sa-delete records of --delete are for a pipe; they are not written to a terminal. */
	if (r->o->delete != NULL && tool->output == NULL && isatty(STDOUT_FILENO))
		tool->output = "/dev/null";
	tool->under = &r->under.ike;
	if ((tool->clock != NULL && clock_fix(&clock, tool->clock, f) != 0) ||
	    read_state(r, path, f) != 0 || pick_ike(r, path, clock_now(&clock).epoch, f) != 0 ||
	    ike_tool_open(&r->tool, tool, conf, f) != 0)
		return (-1);
	return (r->o->phase2 != NULL ? phase2(r, f) : delete_state(r, f));
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
	bool state = o->phase2 != NULL || o->delete != NULL;

	r->tool.outcome = (struct outcome){
		.goal = o->phase1 ? GOAL_IKE : GOAL_CHILDREN, .keep = o->keep,
		/* no secret: nothing can replace an IKE SA that was read from a file */
		.no_renewal = o->phase2 != NULL,
	};
	r->tool.linger_ms = o->linger_ms;
	r->tool.one_peer = true;
	r->tool.one_shot = !o->keep && o->delete == NULL;
	r->tool.look = o->look;
	if (o->peer == NULL && !state)
		(void)fault(&f, FAULT_USAGE, "which peer?");
	else if (o->keep && o->delete != NULL)
		(void)fault(&f, FAULT_USAGE, "--delete and --keep exclude each other");
	else if (o->look && (o->keep || o->delete != NULL))
		(void)fault(&f, FAULT_USAGE, "--look excludes --keep and --delete");
	else if (policy_opts_build(&r->policy, &o->policy, NULL, !state, &f) == 0 &&
	    (state ? from_state(r, &tool, &conf, &f) : connect_peer(r, &tool, &conf, &f)) == 0)
		return (ike_tool_run(&r->tool));
	return (report_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct opts o = { .policy = POLICY_OPTS_DEFAULT, .linger_ms = LINGER_MS_DEFAULT };
	struct run r = { .o = &o };
	enum exit_status status;

	prog_init(argv[0]);
	prog_resident();
	opt_parse(optab, &o, argc, argv);
	status = run(&r);
	ike_tool_close(&r.tool);
	sa_rec_wipe(&r.under);
	sa_set_free(r.state);
	ike_policy_wipe(&r.policy);
	return (status);
}
