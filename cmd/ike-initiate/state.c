/* ike-initiate: --phase2 and --delete, which begin with the SA state of another run. */
#include "initiate.h"

#include <string.h>
#include <unistd.h>

#include "cli/peer_addr.h"
#include "cli/report.h"
#include "os/record_in.h"
#include "tool/state_files.h"

/* Whether the IKE SA ${s} is with the peer that was named; without a name any is. */
static int
is_with_peer(const struct initiate *r, const struct sa_ike *s, bool *is, struct fault *f)
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
read_state(struct initiate *r, const char *path, struct fault *f)
{
	char *names[] = { (char *)(uintptr_t)path };
	struct sa_in *in = sa_in_open(1, names, f);
	int rc;

	if (in == NULL)
		return (-1);
	report_wide_mode(path, sa_in_wide_mode(in, 0));
	if ((r->state = sa_set_new()) == NULL) {
		sa_in_close(in);
		return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	}
	rc = sa_log_read(r->state, in, f);
	sa_in_close(in);
	return (rc);
}

/* The IKE SA for --phase2; --local replaces its local address. */
static int
pick_ike(struct initiate *r, const char *path, uint64_t epoch, struct fault *f)
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
phase2(struct initiate *r, struct fault *f)
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
	if (initiate_pairs(r, &ike->local.at.addr, &ike->remote.at.addr, f) != 0 ||
	    ike_tool_adopt(&r->tool, &r->under, &r->policy, f) != 0)
		return (-1);
	rc = ike_engine_children(e, now, id, &todo, f);
	ike_host_do(r->tool.host, &todo);
	return (rc);
}

static int
delete_state(struct initiate *r, struct fault *f)
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

int
initiate_from_state(struct initiate *r, struct ike_tool_opts *tool, struct ike_conf *conf, struct fault *f)
{
	const char *path = r->o->phase2 != NULL ? r->o->phase2 : r->o->delete;
	struct clock clock = {0};

	/* The owner of the IKE SA ends it: --phase2 deletes only its own child SAs. */
	conf->borrowed = r->o->phase2 != NULL && !r->o->keep;
	/* The sa-delete records of --delete are for a pipe; they are not written to a terminal. */
	if (r->o->delete != NULL && tool->output == NULL && isatty(STDOUT_FILENO))
		tool->output = "/dev/null";
	tool->under = &r->under.ike;
	r->tool.state = path != NULL && strcmp(path, "-") != 0 ? path : NULL;
	if ((tool->clock != NULL && clock_fix(&clock, tool->clock, f) != 0) ||
	    read_state(r, path, f) != 0 || pick_ike(r, path, clock_now(&clock).epoch, f) != 0 ||
	    ike_tool_open(&r->tool, tool, conf, f) != 0)
		return (-1);
	return (r->o->phase2 != NULL ? phase2(r, f) : delete_state(r, f));
}
