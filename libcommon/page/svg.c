/* The ladder as one SVG drawing, for slides and documents: it needs no script, no font file and no network. */
#include <stdio.h>

#include "page/page_priv.h"

#define WIDTH		900
#define LEFT		150	/* x of the initiator's line */
#define RIGHT		780
#define TOP		96	/* below title and numbers */
#define ROW_HEIGHT	34
#define LINE_HEIGHT	17
#define HEADING		58
#define MOVED		26
#define LABEL_COLUMNS	78	/* characters between the lines */

static const char style[] =
    "text{font-family:'DejaVu Sans',Verdana,sans-serif;font-size:13px;fill:#1c2126}.m{fill:#59636e;font-size:12px}"
    ".h{font-size:18px;font-weight:bold}.b{font-weight:bold}.ln{stroke:#c9d1d9;stroke-width:2}.i{stroke:#0a58ca;fill:#0a58ca}"
    ".r{stroke:#a34700;fill:#a34700}.a{stroke-dasharray:2 5}.bad{fill:#b3131d}text.i,text.r{stroke:none}.bg{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#e3e7eb}.m{fill:#9aa5b1}.ln{stroke:#3b444e}.i{stroke:#7db3ff;fill:#7db3ff}"
    ".r{stroke:#f2a45c;fill:#f2a45c}.bad{fill:#ff8a8a}.bg{fill:#15181c}}";

/* How many bytes of ${s} go on a line: up to a blank behind a comma, or any blank. */
static size_t
break_at(const char *s)
{
	size_t n = LABEL_COLUMNS;

	if (strlen(s) <= n)
		return (strlen(s));
	while (n > LABEL_COLUMNS / 3 && s[n] != ' ')
		n--;
	return (n > LABEL_COLUMNS / 3 ? n : LABEL_COLUMNS);
}

static unsigned
label_lines(const char *s)
{
	unsigned n = 0;

	do {
		s += break_at(s);
		s += strspn(s, " ");
		n++;
	} while (*s != '\0');
	return (n);
}

static unsigned
height(const struct row *r)
{
	return ((r->heading ? HEADING : 0U) + (r->moved ? MOVED : 0U) + ROW_HEIGHT + (label_lines(r->label) - 1) * LINE_HEIGHT);
}

static void
text(struct out *o, unsigned x, unsigned y, const char *class, const char *anchor, struct span s)
{
	out_raw(o, "<text x=\"");
	out_fmt(o, "%u", x);
	out_raw(o, "\" y=\"");
	out_fmt(o, "%u", y);
	out_raw(o, "\" class=\"");
	out_raw(o, class);
	out_raw(o, "\" text-anchor=\"");
	out_raw(o, anchor);
	out_raw(o, "\">");
	out_text(o, s);
	out_raw(o, "</text>\n");
}

static void
line(struct out *o, unsigned x1, unsigned y1, unsigned x2, unsigned y2, const char *class)
{
	out_raw(o, "<line x1=\"");
	out_fmt(o, "%u", x1);
	out_raw(o, "\" y1=\"");
	out_fmt(o, "%u", y1);
	out_raw(o, "\" x2=\"");
	out_fmt(o, "%u", x2);
	out_raw(o, "\" y2=\"");
	out_fmt(o, "%u", y2);
	out_raw(o, "\" stroke-width=\"2\" class=\"");
	out_raw(o, class);
	out_raw(o, "\"/>\n");
}

static void
arrow_head(struct out *o, unsigned y, bool right, const char *class)
{
	out_raw(o, "<path stroke=\"none\" class=\"");
	out_raw(o, class);
	out_raw(o, "\" d=\"M");
	out_fmt(o, "%u %u", right ? RIGHT : LEFT, y);
	out_raw(o, right ? "l-12 -6v12z" : "l12 -6v12z");
	out_raw(o, "\"/>\n");
}

static unsigned
heading(struct out *o, const struct row *r, unsigned y)
{
	char s[ENDPOINT_TEXT], label[32];

	if (r->moved) {
		text(o, (LEFT + RIGHT) / 2, y + 17, "m", "middle", span_str("both ends change ports for NAT traversal"));
		y += MOVED;
	}
	(void)snprintf(label, sizeof(label), "IKE SA %u", r->sa);
	if (r->begins)
		text(o, (LEFT + RIGHT) / 2, y + 20, "b", "middle", span_str(label));
	text(o, LEFT, y + 30, "i b", "middle", span_str("Initiator"));
	text(o, RIGHT, y + 30, "r b", "middle", span_str("Responder"));
	text(o, LEFT, y + 48, "m", "middle", span_str(endpoint_text(s, &r->left_end)));
	text(o, RIGHT, y + 48, "m", "middle", span_str(endpoint_text(s, &r->right_end)));
	return (y + HEADING);
}

static unsigned
draw_row(struct out *o, const struct row *r, unsigned y)
{
	const bool arrow = r->kind == 'm' || r->kind == 'a' || r->kind == 'f';
	const char *class = r->right ? "i" : "r", *dash = r->right ? "i a" : "r a", *s = r->label;
	char number[48];
	size_t n;

	out_raw(o, "<g><title>");
	out_fmt(o, "frame %llu, %.6f s", (unsigned long long)r->at.number, r->at.seconds);
	out_raw(o, "</title>\n");
	if (r->heading)
		y = heading(o, r, y);
	line(o, LEFT, y, LEFT, y + ROW_HEIGHT + (label_lines(s) - 1) * LINE_HEIGHT, "ln");
	line(o, RIGHT, y, RIGHT, y + ROW_HEIGHT + (label_lines(s) - 1) * LINE_HEIGHT, "ln");
	(void)snprintf(number, sizeof(number), "%.6f", r->at.seconds);
	text(o, LEFT - 14, y + 24, "m", "end", span_str(number));
	(void)snprintf(number, sizeof(number), "#%llu", (unsigned long long)r->at.number);
	text(o, RIGHT + 14, y + 24, "m", "start", span_str(number));
	do {
		n = break_at(s);
		text(o, (LEFT + RIGHT) / 2, y + 18, r->wrong ? "bad" : "l", "middle", span_of(s, n));
		y += LINE_HEIGHT;
		s += n + strspn(s + n, " ");
	} while (*s != '\0');
	if (arrow && r->kind == 'f') {
		line(o, LEFT + 1, y + 6, RIGHT - 1, y + 6, class);
		line(o, LEFT + 1, y + 10, RIGHT - 1, y + 10, class);
	} else if (arrow)
		line(o, LEFT + 1, y + 7, RIGHT - 1, y + 7, r->kind == 'a' ? dash : class);
	if (arrow)
		arrow_head(o, r->kind == 'f' ? y + 8 : y + 7, r->right, class);
	out_raw(o, "</g>\n");
	return (y + ROW_HEIGHT - LINE_HEIGHT);
}

int
page_svg(struct page *p, const struct page_ends *e, struct out *svg, struct fault *f)
{
	unsigned y = TOP;
	char more[96];
	size_t i;

	*svg = (struct out){ .max = 4 * p->o.bytes };
	for (i = 0; i < p->n; i++)
		y += height(&p->rows[i]);
	out_raw(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"t d\" viewBox=\"0 0 ");
	out_fmt(svg, "%u %u", WIDTH, y + 40);
	out_raw(svg, "\" width=\"");
	out_fmt(svg, "%u", WIDTH);
	out_raw(svg, "\" height=\"");
	out_fmt(svg, "%u", y + 40);
	out_raw(svg, "\">\n<title id=\"t\">");
	out_fmt(svg, "IKE exchanges of %s", e->title);
	out_raw(svg, "</title>\n<desc id=\"d\">");
	out_fmt(svg, "A ladder of %zu arrows: the initiator is on the left, the responder on the right, time runs down. %s.",
	    p->n, e->sum);
	out_raw(svg, "</desc>\n<style>");
	out_raw(svg, style);
	out_raw(svg, "</style>\n<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
	(void)snprintf(more, sizeof(more), "IKE exchanges of %.70s", e->title);
	text(svg, WIDTH / 2, 34, "h", "middle", span_str(more));
	text(svg, WIDTH / 2, 58, "m", "middle", span_str(e->sum));
	(void)snprintf(more, sizeof(more), "time 0 is %.70s", e->begun);
	text(svg, WIDTH / 2, 78, "m", "middle", span_str(more));
	for (i = 0, y = TOP; i < p->n; i++)
		y = draw_row(svg, &p->rows[i], y);
	if (p->left_out > 0) {
		(void)snprintf(more, sizeof(more), "%llu more packets are left out", (unsigned long long)p->left_out);
		text(svg, WIDTH / 2, y + 24, "bad", "middle", span_str(more));
	}
	out_raw(svg, "</svg>\n");
	return (page_whole(p, svg, f));
}
