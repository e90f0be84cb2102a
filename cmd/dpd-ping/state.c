/* Reads SA state and finds the IKE SA to probe. */
#include <errno.h>
#include <string.h>

#include "cli/peer_addr.h"
#include "cli/report.h"
#include "dpd_ping.h"
#include "os/record_in.h"
#include "sa/set.h"
#include "tool/state_files.h"

static int
read_set(struct sa_set *set, struct sa_in *in, const char *path, struct fault *f)
{
	report_wide_mode(path, sa_in_wide_mode(in, 0));
	return (sa_log_read(set, in, f));
}

static int
choose(struct sa_ike *out, const struct sa_set *set, const char *path, struct fault *f)
{
	const struct sa_ike *best = NULL;
	const struct sa_rec *r;
	size_t at = 0;

	while ((r = sa_set_next(set, &at, NULL)) != NULL) {
		if (r->type != SA_IKE)
			continue;
		/* While one is rekeyed there are two for a moment, with one peer. */
		if (best != NULL && addr_cmp(&best->remote.at.addr, &r->ike.remote.at.addr) != 0)
			return (fault(f, FAULT_CONFIG,
			    "%s contains live IKE SAs with several peers; name one", path));
		if (best == NULL || r->ike.established >= best->established)
			best = &r->ike;
	}
	if (best == NULL)
		return (fault(f, FAULT_NO_IKE_SA, "%s holds no live IKE SA", path));
	if (sa_ike_copy(out, best) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for the IKE SA"));
	return (0);
}

/* Whether ${path} is rather a peer than a file: an address, or a name that could be a host's and not `gw.sa`. */
static bool
looks_like_peer(const char *path)
{
	static const char ending[] = ".sa";
	char host[PEER_HOST];
	size_t len;
	uint16_t port;
	struct addr a;

	if (peer_split(host, &port, path, NULL) != 0)
		return (false);
	len = strlen(host);
	return (addr_parse(&a, host) == 0 || (strchr(host, '.') != NULL &&
	    strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len &&
	    (len < sizeof(ending) || strcmp(host + len - (sizeof(ending) - 1), ending) != 0)));
}

int
state_read(struct sa_ike *out, const char *path, uint64_t epoch, struct fault *f)
{
	char *names[] = { (char *)(uintptr_t)path };
	struct sa_in *in = sa_in_open(1, names, f);
	struct sa_set *set = sa_set_new();
	int rc = -1;

	if (in == NULL) {
		if (f->code == FAULT_USAGE && f->sys == ENOENT && looks_like_peer(path))
			(void)fault_because(f, CAUSE_PEER_AS_FILE, -1);
		goto out;
	}
	if (set == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for SA state");
		goto out;
	}
	if (read_set(set, in, sa_in_name(in, 0), f) != 0)
		goto out;
	(void)sa_set_expire(set, epoch, NULL, NULL);
	rc = choose(out, set, sa_in_name(in, 0), f);
out:
	sa_set_free(set);
	sa_in_close(in);
	return (rc);
}
