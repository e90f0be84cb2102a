/* sa-show: prints SA state, and exports it to other programs. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/prog.h"
#include "cli/report.h"
#include "os/clock.h"
#include "os/record_in.h"
#include "os/sandbox.h"
#include "sa/codec.h"
#include "sa/set.h"
#include "show.h"

const struct opt show_optab[] = {
	OPT_TOOL("print SA state, or export its keys to Wireshark, tcpdump or ip xfrm"),
	OPT_USE("[OPTION]... [SA...]"),
	OPT_CHOICE(struct show_opts, format, 0, "format",
	    "text|json|diag|wireshark|tcpdump|xfrm", "output format", .excl = 1),
	OPT_FLAG(struct show_opts, json, 0, "json", "same as --format json", .excl = 1),
	OPT_FLAG(struct show_opts, reveal, 0, "reveal-keys", "print keys (text, json, diag)"),
	OPT_STR(struct show_opts, clock, 0, "clock", "TIME", "time from which remaining lifetimes are computed",
	    .flags = OPT_SEAM),
	OPT_ARGS(struct show_opts, sa, "SA", 0, SA_IN_MAX,
	    "SA state; '-' or none: standard input"),
	OPT_NOTE("Keys are hidden, except in the formats wireshark, tcpdump and xfrm, which consist "
	    "of them."),
	OPT_END
};

struct show {
	const struct show_opts	*o;
	struct clock		 clock;
	struct sa_set		*set;	/* for the formats that another program reads */
};

/* Each SA once, however often its record is written again. */
static void
export_new(void *ctx, enum sa_change change, const struct sa_rec *now, const struct sa_rec *was,
    unsigned source, enum sa_reason reason)
{
	const struct show *s = ctx;

	(void)was;
	(void)source;
	(void)reason;
	if (change != SA_ADDED)
		return;
	if (s->o->format == SHOW_WIRESHARK)
		wireshark_record(now);
	else if (s->o->format == SHOW_TCPDUMP)
		tcpdump_record(now);
}

static int
show_record(struct show *s, const struct sa_rec *r, const struct sa_in_at *at, struct fault *f)
{
	struct sa_rec checked;

	switch ((enum show_format)s->o->format) {
	case SHOW_TEXT:
		if (r->type == SA_NONE)
			text_unknown(at->raw);
		else
			text_record(r, clock_now(&s->clock).epoch, s->o->reveal);
		return (0);
	case SHOW_JSON:
		json_record(at->raw, s->o->reveal);
		return (0);
	case SHOW_DIAG:
		/* Shown first, then held against the schema: it is how a bad record is looked at. */
		diag_record(at->raw, s->o->reveal);
		if (sa_decode(&checked, at->raw, f) < 0) {
			if (f->at != FAULT_AT_NONE)
				f->at += (size_t)at->off;
			fault_where(f, "%s", at->name);
			return (-1);
		}
		sa_rec_wipe(&checked);
		return (0);
	default:
		if (sa_set_apply(s->set, at->source, r, export_new, s, f) != SA_BAD)
			return (0);
		if (f->at == FAULT_AT_NONE)
			f->at = (size_t)at->off;
		fault_where(f, "%s", at->name);
		return (-1);
	}
}

/* The record of the other SA of ${s}'s bundle; NULL: it is not in the set. */
static const struct sa_child *
other_half(const struct sa_set *set, const struct sa_child *s)
{
	const struct sa_rec *r;
	size_t at = 0;

	while ((r = sa_set_next(set, &at, NULL)) != NULL)
		if (r->type == SA_CHILD && r->child.protocol != s->protocol && addr_cmp(&r->child.local.at.addr, &s->local.at.addr) == 0 &&
		    memcmp(r->child.spi_in, s->bundle, sizeof(s->bundle)) == 0 &&
		    memcmp(r->child.bundle, s->spi_in, sizeof(s->spi_in)) == 0)
			return (&r->child);
	return (NULL);
}

/* A child SA for the kernel; a bundle is printed with its ESP. */
static void
export_xfrm(const struct show *s, const struct sa_child *c, unsigned *reqid)
{
	const struct sa_child *other = NULL;

	if (get_be32(c->bundle) != 0 && (other = other_half(s->set, c)) == NULL)
		report_warn("SA in %08x out %08x omitted: the other SA of its bundle is not in the input", get_be32(c->spi_in),
		    get_be32(c->spi_out));
	else if (other == NULL || c->protocol == SA_ESP)
		xfrm_record(c, other, ++*reqid, clock_now(&s->clock).epoch);
}

/* Prints the final set after all input: a kernel needs each live state once. */
static void
export_rest(const struct show *s)
{
	const struct sa_rec *r;
	size_t at = 0;
	unsigned reqid = 0;

	if (s->o->format == SHOW_WIRESHARK)
		wireshark_end();
	while (s->o->format == SHOW_XFRM && (r = sa_set_next(s->set, &at, NULL)) != NULL)
		if (r->type == SA_CHILD)
			export_xfrm(s, &r->child, &reqid);
}

/*
 * The input has no record. A negotiator that writes to our pipe and fails has reported why, so a message follows
 * only where the input is something else.
 */
static enum exit_status
no_record(const struct show_opts *o)
{
	struct stat st;

	if (o->sa.n != 0 || fstat(STDIN_FILENO, &st) != 0 || !S_ISFIFO(st.st_mode))
		report_warn("there is no SA record in the input");
	return (EXIT_NO);
}

static enum exit_status
show_all(struct show *s, struct sa_in *in)
{
	enum exit_status status = EXIT_DONE, rc;
	bool any = false;
	struct sa_rec r;
	struct sa_in_at at;
	struct fault f;
	int got;

	if (s->o->format == SHOW_DIAG)
		sa_in_take_raw(in);
	while (ferror(stdout) == 0 && (got = sa_in_next(in, true, &r, &at, &f)) != 0) {
		any = true;
		if (got > 0) {
			got = show_record(s, &r, &at, &f);
			sa_rec_wipe(&r);
			/* Lines come as the records do: the stream may be that of a resident tool. */
			(void)fflush(stdout);
		}
		if (got < 0 && (rc = report_fault(&f)) > status)
			status = rc;
	}
	export_rest(s);
	return (any ? status : no_record(s->o));
}

int
main(int argc, char *argv[])
{
	struct show_opts o = SHOW_OPTS_DEFAULT;
	struct show s = { .o = &o };
	struct sa_in *in = NULL;
	struct fault f = {0};
	enum exit_status status;
	unsigned i;

	prog_init(argv[0]);
	opt_parse(show_optab, &o, argc, argv);
	if (o.json)
		o.format = SHOW_JSON;
	if ((o.clock != NULL && clock_fix(&s.clock, o.clock, &f) != 0) ||
	    (in = sa_in_open(o.sa.n, o.sa.v, &f)) == NULL ||
	    /* The input after this point is untrusted. */
	    sandbox_enter(SANDBOX_FILTER, &f) < 0) {
		sa_in_close(in);
		return ((int)report_fault(&f));
	}
	if ((s.set = sa_set_new()) == NULL) {
		(void)fault(&f, FAULT_MEMORY, "no memory for SA state");
		return ((int)report_fault(&f));
	}
	for (i = 0; i < sa_in_sources(in); i++)
		report_wide_mode(sa_in_name(in, i), sa_in_wide_mode(in, i));
	status = show_all(&s, in);
	sa_set_free(s.set);
	sa_in_close(in);
	return ((int)status);
}
