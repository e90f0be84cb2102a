/* Which tunnels there are: from the command line or from a peers file. */
#include "conf.h"

#include <string.h>

static const struct opt_word optimized_words[] = { { "counters", OPTIMIZED_COUNTERS },
    { "pcap", OPTIMIZED_PCAP }, { NULL, 0 } };

#define T struct how
const struct opt how_optab[] = {
	OPT_MILLIS(T, interval_ms, 'i', "interval", "S", 20, 86400000,
	    "seconds between probes"),
	OPT_NUM(T, threshold, 0, "threshold", "N", 1, 1000000,
	    "consecutive unanswered probes until the tunnel is down"),
	OPT_CHOICE_MAY(T, optimized, 0, "optimized", "counters|pcap", OPTIMIZED_COUNTERS,
	    "inbound packets of the tunnel count as answers and replace probes",
	    .words = optimized_words),
	OPT_STR(T, sa, 0, "sa", "FILE",
	    "SA state of the tunnel: warn if its networks do not contain the probes"),
	OPT_FLAG(T, persist, 0, "persist", "keep probing while the tunnel is down"),
	OPT_SECTION("When the state changes"),
	OPT_CHOICE(T, routes, 0, "routes", "mark|keep",
	    "while down: withdraw the routes over the device, or keep them"),
	OPT_STR(T, group, 0, "group", "NAME",
	    "failover group: the first member that is up carries the routes"),
	OPT_NUM(T, priority, 0, "priority", "N", 1, 1000000,
	    "priority in the group; the lowest number is preferred, then the order given"),
	OPT_PAIR(T, preempt, 0, "preempt",
	    "when up again, take the routes over from a less preferred member"),
	OPT_STR(T, on_up, 0, "on-up", "CMD", "run CMD (sh -c) when the tunnel comes up"),
	OPT_STR(T, on_down, 0, "on-down", "CMD", "run CMD when the tunnel goes down"),
	OPT_STR(T, rekey, 0, "rekey", "CMD",
	    "run CMD to restore a down tunnel, repeated at growing intervals; implies --persist"),
	OPT_END
};
#undef T

static const struct opt section_optab[] = {
	OPT_STR(struct tunnel_opts, tun, 0, "tun", "NAME", "the tunnel's device"),
	OPT_STR(struct tunnel_opts, dest, 0, "dest", "ADDR", "address behind the tunnel to probe"),
	OPT_STR(struct tunnel_opts, source, 0, "source", "ADDR", "source address of the probes"),
	OPT_INCLUDE(struct tunnel_opts, how, how_optab),
	OPT_END
};

/* ${option}: where ${text} comes from; NULL: the argument DEST. */
static int
parse_address(struct addr *a, const char *text, const char *option, struct fault *f)
{
	if (addr_parse(a, text) == 0)
		return (0);
	(void)fault_because(f, CAUSE_NOT_NUMERIC,
	    fault(f, FAULT_BAD_ADDRESS, "\"%s\" is no address", text));
	if (option != NULL)
		fault_option(f, option);
	else
		fault_where(f, "DEST");
	return (-1);
}

/* ${in_file}: then faults name the key. */
static int
bad(struct fault *f, bool in_file, const char *key, const char *text, const char *arg)
{
	(void)fault(f, in_file ? FAULT_CONFIG : FAULT_USAGE, text, arg);
	if (in_file)
		fault_option(f, key);
	return (-1);
}

static struct group *
find_group(struct tool *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->n_groups; i++)
		if (strcmp(w->groups[i].name, name) == 0)
			return (&w->groups[i]);
	w->groups[i] = (struct group){ .name = name, .carrier = GROUP_NONE };
	w->n_groups++;
	return (&w->groups[i]);
}

static int
add_tunnel(struct tool *w, const struct tunnel_opts *o, bool in_file, struct fault *f)
{
	struct tunnel *t = &w->t[w->n];
	size_t i;

	if (w->n == TUNNELS_MAX)
		return (fault(f, FAULT_CONFIG, "more than %d tunnels", TUNNELS_MAX));
	*t = (struct tunnel){ .tool = w, .tun = o->tun, .how = o->how, .echo.fd = -1 };
	t->on_up.helper.fd = t->on_down.helper.fd = t->rekey.helper.fd = -1;
	if (strlen(o->tun) >= IF_NAMESIZE || strchr(o->tun, '/') != NULL)
		return (bad(f, in_file, "tun", "\"%s\" cannot be the name of a device", o->tun));
	for (i = 0; i < w->n; i++)
		if (strcmp(w->t[i].tun, o->tun) == 0)
			return (bad(f, in_file, "tun", "two tunnels with the device %s", o->tun));
	if (parse_address(&t->dest, o->dest, in_file ? "dest" : NULL, f) != 0 ||
	    (o->source != NULL && parse_address(&t->source, o->source, "source", f) != 0))
		return (-1);
	if (o->source != NULL && t->source.family != t->dest.family)
		return (bad(f, in_file, "source", in_file ? "source and dest of %s are not of one family" :
		    "--source and DEST are not of one family", o->tun));
	w->n++;
	if (o->how.group == NULL)
		return (0);
	if (o->how.routes == ROUTES_KEEP)
		return (bad(f, in_file, "group", "%s: --group requires --routes mark",
		    o->how.group));
	t->group = find_group(w, o->how.group);
	t->group->m[t->group->n++] = t;
	return (0);
}

/* ---- the command line */

/* The n-th of the given values, or the only one. */
static const char *
nth(size_t n, size_t given, const char *const *v)
{
	return (given == 0 ? NULL : given == 1 ? v[0] : v[n]);
}

static int
from_options(struct tool *w, const struct mon_opts *o, struct fault *f)
{
	const char *dests[OPT_LIST_MAX];
	struct tunnel_opts one = { .how = o->how };
	size_t n = o->tuns.n, i;

	if (n == 0)
		return (fault(f, FAULT_USAGE, "--tun NAME is required"));
	if (o->dests.n == 0)
		return (fault(f, FAULT_USAGE, "no DEST given"));
	if (o->dests.n != 1 && o->dests.n != n)
		return (fault(f, FAULT_USAGE, "%zu DEST for %zu tunnels: one for all, or one for each --tun "
		    "in the same order", o->dests.n, n));
	if (o->sources.n > 1 && o->sources.n != n)
		return (fault(f, FAULT_USAGE, "%zu --source for %zu tunnels: one for all, or one for each "
		    "--tun in the same order", o->sources.n, n));
	for (i = 0; i < o->dests.n; i++)
		dests[i] = o->dests.v[i];
	for (i = 0; i < n; i++) {
		one.tun = o->tuns.v[i];
		one.dest = nth(i, o->dests.n, dests);
		one.source = nth(i, o->sources.n, o->sources.v);
		if (add_tunnel(w, &one, false, f) != 0)
			return (-1);
	}
	return (0);
}

/* ---- the file */

static int
on_section(void *ctx, const char *name, void *opts, struct fault *f)
{
	struct tunnel_opts *o = opts;

	if (o->tun == NULL)
		return (fault(f, FAULT_CONFIG, "section [%s] has no tun", name));
	if (o->dest == NULL)
		return (fault(f, FAULT_CONFIG, "section [%s] has no dest", name));
	return (add_tunnel(ctx, o, true, f));
}

static int
from_file(struct tool *w, const struct mon_opts *o, struct fault *f)
{
	const struct tunnel_opts defaults = { .how = o->how };
	const struct ini_conf conf = { .table = section_optab, .size = sizeof(struct tunnel_opts),
	    .of = "a tunnel", .risk = "the commands that are run", .max = TUNNELS_MAX,
	    .section = on_section, .ctx = w };

	if (o->tuns.n > 0 || o->dests.n > 0 || o->sources.n > 0)
		return (fault(f, FAULT_USAGE,
		    "--tun, --source and DEST cannot be used with --peers"));
	return (ini_file_read(&conf, &defaults, o->peers, &w->values, f));
}

int
conf_read(struct tool *w, const struct mon_opts *o, struct fault *f)
{
	return (o->peers != NULL ? from_file(w, o, f) : from_options(w, o, f));
}
