/*
 * The ladder: the initiator on the left, the responder on the right, an arrow for each message, its content
 * below. escape_print() prints all text from the wire.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/report.h"
#include "cli/term.h"
#include "esp/icv96.h"
#include "nhrp/words.h"
#include "os/clock.h"
#include "trace.h"
#include "inside.h"
#include "words.h"

#define MARGIN		12	/* columns for the time: microseconds */
#define MARGIN_MIN	8	/* ... on a narrow terminal: milliseconds */
#define WIDTH		62	/* between the two lines, */
#define WIDTH_MIN	16	/* ... at least */
#define BESIDE		11	/* columns beside that and the time: the lines, and "  #12345" */
#define NARROW		60	/* columns */
#define LABEL_ROOM	24	/* columns of a label that is broken at a comma; with fewer at any blank */
#define ROOM_MIN	10	/* columns for text, at least */
#define ENDS_AGAIN	60	/* lines after which the ends are shown again */

#define RED		"\033[31m"
#define PLAIN		"\033[m"

static int
margin(const struct trace *t)
{
	return (t->columns != 0 && t->columns < NARROW ? MARGIN_MIN : MARGIN);
}

/* The head of a line below an arrow. */
#define BELOW_TEXT	"             |   "
static const char *
below(const struct trace *t)
{
	return (&BELOW_TEXT[MARGIN - margin(t)]);
}

/* Columns between the two lines: a terminal of 80 columns has room for them, the time, and the frame. */
static int
width(const struct trace *t)
{
	int room = (int)t->columns - margin(t) - BESIDE;

	if (t->columns == 0 || room >= WIDTH)
		return (WIDTH);
	return (room < WIDTH_MIN ? WIDTH_MIN : room);
}

/* ${text} behind ${head}, wrapped below its beginning; from the second line on behind ${then} and ${indent} more columns. */
static void
put_wrapped(struct trace *t, const char *head, const char *then, size_t indent, bool red, const char *text)
{
	size_t used, in = 0, n;
	char shown[4 * V1_WORDS];
	const char *rest = escape_put(shown, sizeof(shown), span_str(text));

	if (t->columns != 0 && strlen(then) + indent + ROOM_MIN > t->columns)
		indent = 2;
	do {
		used = strlen(head);
		n = term_cut(rest, t->columns == 0 ? 0 : t->columns > used + in + ROOM_MIN ? t->columns - used - in : ROOM_MIN);
		(void)printf("%s%*s%s%.*s%s\n", head, (int)in, "", red && t->colour ? RED : "", (int)n, rest,
		    red && t->colour ? PLAIN : "");
		t->lines++;
		rest += n + strspn(rest + n, " ");
		in = indent;
		head = then;
	} while (*rest != '\0');
}

/* One line: ${head} as it is, then text that may hold anything. */
static void
put(struct trace *t, const char *head, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
put(struct trace *t, const char *head, const char *fmt, ...)
{
	char text[V1_WORDS];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_wrapped(t, head, head, 0, false, text);
}

/* The same, in red where there are colours. */
static void
put_red(struct trace *t, const char *head, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
put_red(struct trace *t, const char *head, const char *fmt, ...)
{
	char text[V1_WORDS];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_wrapped(t, head, head, 0, true, text);
}

#define TIME_TEXT	64
static char *
time_text(char out[TIME_TEXT], const struct trace *t, uint64_t time_us)
{
	(void)snprintf(out, TIME_TEXT, "%*.*f ", margin(t), margin(t) == MARGIN ? 6 : 3, trace_seconds(t, time_us));
	return (out);
}

/* A line that is no arrow, behind its time. */
static void put_event(struct trace *t, uint64_t time_us, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
put_event(struct trace *t, uint64_t time_us, const char *fmt, ...)
{
	char text[V1_WORDS], head[TIME_TEXT], then[TIME_TEXT];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)time_text(head, t, time_us);
	(void)snprintf(then, sizeof(then), "%*s", (int)strlen(head) + 3, "");
	put_wrapped(t, head, then, 0, false, text);
}

/* --- the ends --- */

static void
show_ends(struct trace *t)
{
	char l[ENDPOINT_TEXT], r[ENDPOINT_TEXT], line[2 * ENDPOINT_TEXT + WIDTH];
	const int indent = margin(t) / 2;
	int pad, right;

	(void)endpoint_text(l, &t->left);
	(void)endpoint_text(r, &t->right);
	pad = width(t) + 2 - (int)strlen(l);
	right = (int)strlen(r) / 2;
	/* Two long addresses on a narrow terminal: the right one below the left one. */
	if (t->columns != 0 && strlen(l) + strlen(r) + (size_t)indent >= t->columns) {
		escape_print(stdout, span_str(l));
		(void)printf("\n%*s", (int)t->columns > (int)strlen(r) ? (int)t->columns - (int)strlen(r) : 0, "");
		escape_print(stdout, span_str(r));
	} else {
		(void)snprintf(line, sizeof(line), "%*s%s%*s%s", indent, "", l, pad > right ? pad - right : 1, "", r);
		escape_print(stdout, span_str(line));
	}
	(void)putchar('\n');
	(void)printf("%*s|%*s|\n", margin(t) + 1, "", width(t), "");
	t->lines = 0;
}

/* The heading of an IKE SA, whenever the talk turns to it. */
static void
show_sa(struct trace *t, const struct capture_packet *p, const struct v1_told *m)
{
	char i[2 * COOKIE_LEN + 1], r[2 * COOKIE_LEN + 1], when[CLOCK_TEXT];
	bool first = t->shown_sa == 0;
	const bool left = m->by_initiator || m->one_way;
	const struct endpoint *from = left ? &p->src : &p->dst;
	const struct endpoint *to = left ? &p->dst : &p->src;
	bool same = t->shown_sa == m->sa;

	if (!same) {
		if (!first)
			(void)putchar('\n');
		else if (t->o->live == NULL)
			put(t, "", "time 0 is %s", clock_text(when, t->begin_us / 1000000));
		/* The responder's cookie is not there yet in message 1. */
		put(t, "", "IKE SA %u, cookies %s %s%s%s", m->sa,
		    hex_put(i, sizeof(i), SPAN_ARRAY(m->msg.hdr.cky_i)),
		    get_be64(m->msg.hdr.cky_r) != 0 ?
		    hex_put(r, sizeof(r), SPAN_ARRAY(m->msg.hdr.cky_r)) : "(none yet)",
		    m->keys != NULL ? ", keys known" : "",
		    m->sure ? "" : ", initiator unknown");
	}
	if (!same || !endpoint_eq(&t->left, from) || !endpoint_eq(&t->right, to) ||
	    t->lines > ENDS_AGAIN) {
		t->left = *from;
		t->right = *to;
		show_ends(t);
	}
	t->shown_sa = m->sa;
}

/* --- messages --- */

/* Where a label that is too long for an arrow is broken: behind a comma, or a blank. */
static size_t
break_label(const char *label, size_t room)
{
	size_t n = strlen(label), i;

	if (n <= room)
		return (n);
	if (room < LABEL_ROOM)
		return (term_cut(label, room));
	for (i = room; i > 0 && !(label[i - 1] == ' ' && (i < 2 || label[i - 2] == ',' || i < room / 2)); i--)
		;
	return (i > 0 ? i : room);
}

/* The rest of a label that is too long is below its arrow. */
static void
arrow(struct trace *t, const struct capture_packet *p, bool to_right, const char *label, char dash)
{
	size_t n = break_label(label, (size_t)width(t) - 6);
	char when[TIME_TEXT];
	int fill, i;

	while (n > 0 && label[n - 1] == ' ' && label[n] != '\0')
		n--;
	fill = width(t) - 6 - (int)n;
	(void)printf("%s|%s%c ", time_text(when, t, p->time_us), to_right ? "" : "<", dash);
	escape_print(stdout, span_of(label, n));
	(void)putchar(' ');
	for (i = 0; i < fill; i++)
		(void)putchar(dash);
	(void)printf("%c%s|  #%llu\n", dash, to_right ? "->" : "--", (unsigned long long)p->number);
	t->lines++;
	if (label[n] != '\0')
		put(t, below(t), "%s", label + n + strspn(label + n, " "));
}

/* A notify that refuses: an error type (RFC 2408, 3.14.1). */
static bool
refuses(const struct isakmp_payload *pl)
{
	struct isakmp_notify n;

	return (pl->type == PAYLOAD_N && isakmp_notify_get(&n, pl->body, NULL) == 0 && n.type < 16384);
}

static void
show_payload(struct trace *t, const struct v1_told *m, size_t i)
{
	char words[V1_WORDS], text[V1_WORDS + 32], name[NUM_TEXT], *line, *end;
	const char *type = isakmp_payload_name(v1_payload_meant(m->msg.pl[i].type,
	    m->msg.hdr.exchange), name);

	(void)v1_told_verdict(words, sizeof(words), m, i, t->o->reveal);
	for (line = words; *line != '\0'; line = end + 1) {
		end = line + strcspn(line, "\n");
		(void)snprintf(text, sizeof(text), "%-7s %.*s", line == words ? type : "", (int)(end - line), line);
		put_wrapped(t, below(t), below(t), 8, refuses(&m->msg.pl[i]) || v1_told_wrong(m, i), text);
		if (*end == '\0')
			break;
	}
}

static void
put_remark(void *arg, bool red, const char *text)
{
	(void)red;
	put(arg, below(arg), "(%s)", text);
}

static void
ladder_message(struct trace *t, const struct capture_packet *p, const struct v1_told *m)
{
	char label[V1_LABEL + 64];
	const char *story = v1_told_story(m);
	size_t i, n;

	if (m->moved && t->shown_sa == m->sa)
		put(t, below(t), "both ends change ports for NAT traversal");
	show_sa(t, p, m);
	n = strlen(v1_told_label(label, V1_LABEL, m));
	if (m->again_of != 0) {
		(void)snprintf(label + n, sizeof(label) - n, ": frame %llu",
		    (unsigned long long)m->again_of);
		arrow(t, p, m->by_initiator, label, '.');
		return;
	}
	if (p->by == CAPTURE_BY_TCP)
		(void)snprintf(label + n, sizeof(label) - n, ", over TCP");
	arrow(t, p, m->by_initiator, label, '-');
	remarks(t, p, m, put_remark, t);
	if (report_level() > 0 && story != NULL)
		put(t, below(t), "(%s)", story);
	if (report_level() < 0)
		return;
	for (i = 0; i < m->msg.n; i++)
		show_payload(t, m, i);
}

static void
ladder_refused(struct trace *t, const struct capture_packet *p, const char *why)
{
	char s[ENDPOINT_TEXT], d[ENDPOINT_TEXT];

	put_event(t, p->time_us, "!  %s -> %s: %s  #%llu", endpoint_text(s, &p->src), endpoint_text(d, &p->dst), why,
	    (unsigned long long)p->number);
}

/* --- GRE and NHRP --- */

static void
ladder_nhrp(struct trace *t, const struct capture_packet *p, const struct nhrp_packet *m, const struct trace_carrier *by)
{
	char s[ADDR_TEXT], d[ADDR_TEXT], label[NHRP_LABEL], words[NHRP_WORDS], carrier[CARRIER_TEXT], *line, *end;

	put_event(t, p->time_us, ">  %s -> %s: NHRP%s %s  #%llu", addr_text(s, &p->src.addr), addr_text(d, &p->dst.addr),
	    by->ipsec != 0 ? "*" : "", nhrp_label(label, m), (unsigned long long)p->number);
	if (report_level() < 0)
		return;
	if (report_level() > 0 || by->ipsec != 0)
		put(t, below(t), "(%s)", carrier_text(carrier, by));
	for (line = nhrp_words(words, sizeof(words), m); (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		put(t, below(t), "%s", line);
	}
}

static void
ladder_gre(struct trace *t, const struct capture_packet *p, const struct gre_flow *f)
{
	char s[ADDR_TEXT], d[ADDR_TEXT], label[GRE_LABEL];

	put_event(t, p->time_us, "=  %s -> %s: %s  #%llu", addr_text(s, &f->src), addr_text(d, &f->dst), gre_label(label, f),
	    (unsigned long long)p->number);
}

/* --- ESP and AH --- */

static void
ladder_flow(struct trace *t, const struct capture_packet *p, const struct watch_flow *f)
{
	char label[FLOW_LABEL], s[ENDPOINT_TEXT], d[ENDPOINT_TEXT];
	bool right = addr_cmp(&p->src.addr, &t->left.addr) == 0 &&
	    addr_cmp(&p->dst.addr, &t->right.addr) == 0;
	bool left = addr_cmp(&p->src.addr, &t->right.addr) == 0 &&
	    addr_cmp(&p->dst.addr, &t->left.addr) == 0;

	(void)flow_label(label, f);
	if (t->shown_sa != 0 && (left || right)) {
		/* If both ends have one address, the ports identify the sides. */
		if (left && right)
			right = p->src.port == t->left.port;
		arrow(t, p, right, label, '=');
	} else {
		put_event(t, p->time_us, "=  %s -> %s: %s  #%llu", endpoint_text(s, &p->src),
		    endpoint_text(d, &p->dst), label, (unsigned long long)p->number);
	}
}

/* The first line is a heading. */
static void
put_flow(void *arg, bool red, const char *text)
{
	struct trace *t = arg;

	(red ? put_red : put)(t, t->flow_begun ? "    " : "", "%s", text);
	t->flow_begun = true;
}

static void
ladder_end(struct trace *t)
{
	const struct capture_stats *c = capture_stats(t->capture);
	const struct watch_flow *f;
	const struct gre_flow *g;
	char sum[SUM_TEXT], gre[GRE_WORDS];
	size_t i;

	if ((watch_flow(t->esp, 0) != NULL || inside_flow(t->inside, 0) != NULL) && t->lines + t->shown_sa > 0)
		(void)putchar('\n');
	for (i = 0; (f = watch_flow(t->esp, i)) != NULL; i++) {
		t->flow_begun = false;
		flow_words(t, f, put_flow, t);
	}
	for (i = 0; (g = inside_flow(t->inside, i)) != NULL; i++) {
		char *more = strchr(gre_words(gre, g), '\n');

		*more = '\0';
		put(t, "", "%s", gre);
		put(t, "    ", "%s", more + 1);
	}
	if (c->frames > 0)
		(void)putchar('\n');
	put(t, "", "%s", sum_text(sum, t));
}

const struct trace_view ladder_view = {
	ladder_message, ladder_refused, ladder_flow, ladder_nhrp, ladder_gre, ladder_end,
};
