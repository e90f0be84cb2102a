/* Compares the probes of a tunnel with the networks of its SA state. */
#include "networks.h"

#include <stdio.h>

#include "os/clock.h"
#include "os/record_in.h"
#include "sa/set.h"
#include "tool/state_files.h"

#define NETWORKS_TEXT	320

static int
read_state(struct sa_set *set, const char *path, struct fault *f)
{
	char *names[] = { (char *)(uintptr_t)path };
	struct sa_in *in = sa_in_open(1, names, f);
	int rc;

	if (in == NULL)
		return (-1);
	report_wide_mode(sa_in_name(in, 0), sa_in_wide_mode(in, 0));
	rc = sa_log_read(set, in, f);
	if (rc < 0)
		fault_where(f, "%s", sa_in_name(in, 0));
	sa_in_close(in);
	return (rc);
}

static bool
has(const struct selector *list, size_t n, const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (selector_has_addr(&list[i], a))
			return (true);
	return (false);
}

/* What the child SAs of ${set} carry. */
struct found {
	size_t	n;			/* of them */
	bool	source, dest, both;	/* in one of them; ${both}: in the same */
	char	text[NETWORKS_TEXT];	/* their networks */
};

static void
look(struct found *f, const struct sa_set *set, const struct addr *source, const struct addr *dest)
{
	char l[SELECTOR_TEXT], r[SELECTOR_TEXT];
	const struct sa_child *c;
	const struct sa_rec *rec;
	size_t at = 0, len = 0;
	bool from, to;

	*f = (struct found){0};
	while ((rec = sa_set_next(set, &at, NULL)) != NULL) {
		c = &rec->child;
		if (rec->type != SA_CHILD || c->n_local_ts == 0 || c->n_remote_ts == 0)
			continue;
		from = source->family == 0 || has(c->local_ts, c->n_local_ts, source);
		to = has(c->remote_ts, c->n_remote_ts, dest);
		f->source |= from;
		f->dest |= to;
		f->both |= from && to;
		if (len < sizeof(f->text))
			len += (size_t)snprintf(f->text + len, sizeof(f->text) - len, "%s%s === %s", f->n > 0 ? ", " : "",
			    selector_text(l, &c->local_ts[0]), selector_text(r, &c->remote_ts[0]));
		f->n++;
	}
}

int
networks_check(struct tunnel *t, struct fault *f)
{
	struct addr source = t->source;
	char from[ADDR_TEXT] = "", to[ADDR_TEXT];
	struct sa_set *set;
	struct found found;

	if (t->how.sa == NULL)
		return (0);
	if ((set = sa_set_new()) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	if (read_state(set, t->how.sa, f) != 0) {
		sa_set_free(set);
		return (-1);
	}
	(void)sa_set_expire(set, clock_now(NULL).epoch, NULL, NULL);
	if (source.family == 0)
		(void)echo_source(&t->echo, &source);
	look(&found, set, &source, &t->dest);
	sa_set_free(set);
	addr_text(to, &t->dest);
	if (source.family != 0)
		addr_text(from, &source);
	if (found.n == 0)
		report_warn("%s: %s has no live child SA", t->tun, t->how.sa);
	else if (!found.both) {
		if (!found.source && !found.dest)
			report_warn("%s: source %s and destination %s of the probes are outside of the tunnel's networks: %s",
			    t->tun, from, to, found.text);
		else if (!found.source)
			report_warn("%s: source %s of the probes is outside of the tunnel's networks: %s", t->tun, from,
			    found.text);
		else if (!found.dest)
			report_warn("%s: destination %s of the probes is outside of the tunnel's networks: %s", t->tun, to,
			    found.text);
		else
			report_warn("%s: no child SA carries packets from %s to %s: %s", t->tun, from, to, found.text);
		report_hint("--source and DEST must be inside of the networks of phase 2 (proxy IDs), at both ends");
	}
	return (0);
}
