/* --html and --svg: the messages as a page for a browser, with their values, and as a drawing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/prog.h"
#include "explain/walk.h"
#include "nhrp/words.h"
#include "os/clock.h"
#include "os/newfile.h"
#include "page/page.h"
#include "trace.h"
#include "inside.h"
#include "words.h"

/* Where a page goes: a new file, or something that is already open. */
struct target {
	const char	*path;		/* NULL: not wanted */
	struct newfile	*file;
	int		 fd;		/* unless it is a new file */
};

struct page_report {
	struct page	*page;
	struct walk	*walk;
	struct calc	 none;		/* values of the options: there are none */
	struct target	 html, svg;
	/* The current message. */
	const struct page_at *at;
	const struct v1_told *told;
	char		 remarks[V1_WORDS];
	struct fault	 why;		/* of a walk that ended */
	bool		 ended;
};

/* --- files --- */

static int
target_open(struct target *to, const char *path, struct fault *f)
{
	struct stat st;

	to->fd = -1;
	if (path == NULL)
		return (0);
	to->path = path;
	if (strcmp(path, "-") == 0) {
		to->path = "standard output";
		to->fd = STDOUT_FILENO;
		return (0);
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return (fault_sys(f, FAULT_USAGE, "cannot write to %s", path));
	}
	/* A pipe or a device is written to, not replaced. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		if ((to->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)) == -1)
			return (fault_sys(f, fault_of_file(errno), "cannot open %s", path));
		return (0);
	}
	return ((to->file = newfile_open(path, f)) != NULL ? 0 : -1);
}

static int
target_write(struct target *to, const struct out *o, struct fault *f)
{
	const int fd = to->file != NULL ? newfile_fd(to->file) : to->fd;
	size_t at = 0;
	ssize_t n;

	while (at < o->len) {
		if ((n = write(fd, o->p + at, o->len - at)) >= 0)
			at += (size_t)n;
		else if (errno != EINTR && fd == STDOUT_FILENO) {
			prog_stdout_fault(f);
			return (-1);
		} else if (errno != EINTR)
			return (fault_sys(f, FAULT_SYSTEM, "cannot write %s", to->path));
	}
	return (to->file != NULL ? newfile_commit(to->file, f) : 0);
}

static void
target_close(struct target *to)
{
	newfile_close(to->file);
	if (to->fd > STDERR_FILENO)
		(void)close(to->fd);
}

/* --- beginning and end --- */

int
page_open(struct trace *t, struct fault *f)
{
	const struct trace_opts *o = t->o;
	struct page_report *r;

	if (o->html == NULL && o->svg == NULL)
		return (0);
	if (o->json)
		return (fault(f, FAULT_USAGE, "--json, and --html or --svg: one report at a time"));
	if (o->html != NULL && o->svg != NULL && strcmp(o->html, o->svg) == 0)
		return (fault(f, FAULT_USAGE, "--html and --svg write to the same file"));
	if ((r = t->page = calloc(1, sizeof(*r))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a page"));
	r->html.fd = r->svg.fd = -1;
	return (target_open(&r->html, o->html, f) != 0 || target_open(&r->svg, o->svg, f) != 0 ? -1 : 0);
}

int
page_begin(struct trace *t, struct fault *f)
{
	struct page_report *r = t->page;
	struct walk_given given;

	if (r == NULL)
		return (0);
	r->none.sub = SUB_WALK;
	given = (struct walk_given){ .values = &r->none, .state = t->keys, .trust = &t->trust };
	r->page = page_new(&(struct page_opts){
		.html = r->html.path != NULL, .svg = r->svg.path != NULL, .reveal = t->o->reveal,
	});
	if (r->page == NULL || (r->walk = walk_new(&given)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a page"));
	return (0);
}

static const char *
name_of(const struct trace_opts *o)
{
	const char *slash;

	if (o->live != NULL)
		return (o->live);
	if (strcmp(o->capture, "-") == 0)
		return ("standard input");
	slash = strrchr(o->capture, '/');
	return (slash != NULL && slash[1] != '\0' ? slash + 1 : o->capture);
}

int
page_end(struct trace *t, struct fault *f)
{
	struct page_report *r = t->page;
	char begun[CLOCK_TEXT], sum[SUM_TEXT];
	const struct page_ends ends = {
		.title = name_of(t->o), .begun = clock_text(begun, t->begin_us / 1000000), .sum = sum_text(sum, t),
	};
	struct out o = {0};
	int rc = 0;

	if (r == NULL)
		return (0);
	if (r->html.path != NULL && (page_html(r->page, &ends, &o, f) != 0 || target_write(&r->html, &o, f) != 0))
		rc = -1;
	out_free(&o);
	if (rc == 0 && r->svg.path != NULL && (page_svg(r->page, &ends, &o, f) != 0 || target_write(&r->svg, &o, f) != 0))
		rc = -1;
	out_free(&o);
	return (rc);
}

void
page_close(struct trace *t)
{
	struct page_report *r = t->page;

	if (r == NULL)
		return;
	walk_free(r->walk);
	page_free(r->page);
	target_close(&r->html);
	target_close(&r->svg);
	wipe(r->remarks, sizeof(r->remarks));
	free(r);
	t->page = NULL;
}

/* --- packets --- */

static struct page_at
at_of(const struct trace *t, const struct capture_packet *p)
{
	return ((struct page_at){
		.number = p->number, .seconds = trace_seconds(t, p->time_us), .src = p->src, .dst = p->dst,
	});
}

/* Appends a line to a text of V1_WORDS bytes; one that does not fit is left out. */
static void
add_line(void *arg, bool red, const char *text)
{
	char *out = arg;
	size_t n = strlen(out);

	(void)red;
	if (n + strlen(text) + 2 <= V1_WORDS)
		(void)snprintf(out + n, V1_WORDS - n, "%s\n", text);
}

static int
explained(void *arg, const struct walk_message *m, struct fault *f)
{
	struct page_report *r = arg;

	(void)f;
	page_message(r->page, r->at, r->told, m->values, r->remarks);
	r->told = NULL;
	return (0);
}

static void
page_one(struct trace *t, const struct capture_packet *p, const struct v1_told *m)
{
	const struct v1_seen in = {
		.number = p->number, .src = p->src, .dst = p->dst, .data = p->data, .lost = p->lost,
		.epoch = p->time_us / 1000000,
	};
	struct page_report *r = t->page;
	const struct page_at at = at_of(t, p);

	r->at = &at;
	r->told = m;
	r->remarks[0] = '\0';
	if (m->again_of == 0)
		remarks(t, p, m, add_line, r->remarks);
	if (r->html.path != NULL && walk_datagram(r->walk, &in, explained, r, &r->why) != 0)
		r->ended = true;
	if (r->told != NULL)	/* only the values are missing */
		page_message(r->page, &at, m, NULL, r->remarks);
}

static void
page_refused(struct trace *t, const struct capture_packet *p, const char *why)
{
	const struct page_at at = at_of(t, p);

	page_event(t->page->page, &at, PAGE_REFUSED, why, "");
}

static void
page_flow(struct trace *t, const struct capture_packet *p, const struct watch_flow *f)
{
	const struct page_at at = at_of(t, p);
	char label[FLOW_LABEL];

	page_event(t->page->page, &at, PAGE_FLOW, flow_label(label, f), "");
}

static void
page_nhrp(struct trace *t, const struct capture_packet *p, const struct nhrp_packet *m, const struct trace_carrier *by)
{
	const struct page_at at = at_of(t, p);
	char label[NHRP_LABEL], words[NHRP_WORDS], carrier[CARRIER_TEXT], head[NHRP_LABEL + 16], lines[NHRP_WORDS + CARRIER_TEXT + 4];

	(void)snprintf(head, sizeof(head), "NHRP%s %s", by->ipsec != 0 ? "*" : "", nhrp_label(label, m));
	(void)snprintf(lines, sizeof(lines), "%s\n%s", carrier_text(carrier, by), nhrp_words(words, sizeof(words), m));
	page_event(t->page->page, &at, PAGE_NHRP, head, lines);
}

static void
page_gre(struct trace *t, const struct capture_packet *p, const struct gre_flow *f)
{
	const struct page_at at = at_of(t, p);
	char label[GRE_LABEL];

	page_event(t->page->page, &at, PAGE_FLOW, gre_label(label, f), "");
}

static void
page_last(struct trace *t)
{
	struct page_report *r = t->page;
	const struct watch_flow *f;
	const struct gre_flow *g;
	char gre[GRE_WORDS];
	size_t i;

	for (i = 0; (f = watch_flow(t->esp, i)) != NULL; i++) {
		r->remarks[0] = '\0';
		flow_words(t, f, add_line, r->remarks);
		page_note(r->page, r->remarks);
	}
	for (i = 0; (g = inside_flow(t->inside, i)) != NULL; i++)
		page_note(r->page, gre_words(gre, g));
}

const struct trace_view page_view = { page_one, page_refused, page_flow, page_nhrp, page_gre, page_last };
