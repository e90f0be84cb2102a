/*
 * Captured exchanges as one HTML page that needs nothing else, and as one SVG drawing: the ladder, and in the page behind
 * each arrow its payloads and values. Messages in, markup out: no I/O. Everything from the capture is escaped; the number
 * of rows and the size have a bound.
 */
#ifndef SAPIPE_PAGE_PAGE_H
#define SAPIPE_PAGE_PAGE_H

#include "explain/walk.h"
#include "page/out.h"
#include "trace/dissect.h"

#define PAGE_ROWS	2000			/* arrows */
#define PAGE_BYTES	((size_t)16 << 20)	/* of markup */

struct page;

struct page_opts {
	bool	html, svg;	/* which of them will be asked for */
	bool	reveal;		/* keys and passwords too */
	size_t	rows, bytes;	/* limits; 0: PAGE_ROWS, PAGE_BYTES */
};

/* NULL: no memory. */
struct page *page_new(const struct page_opts *o);
void page_free(struct page *p);		/* wipes; NULL is fine */

/* A packet of the capture. */
struct page_at {
	uint64_t	number;		/* of its frame */
	double		seconds;	/* since the first frame */
	struct endpoint	src, dst;
};

/* How a row that is no IKEv1 message looks. */
enum page_kind { PAGE_REFUSED, PAGE_FLOW, PAGE_NHRP };

/*
 * The next message with its values; ${values} may be NULL, ${remarks} too: lines that end with '\n'. It and all that
 * follows is left out, and counted, where a limit is reached.
 */
void page_message(struct page *p, const struct page_at *at, const struct v1_told *m, const struct steps *values,
    const char *remarks);
/* Another packet: its label, and lines below it that end with '\n' ("": none). */
void page_event(struct page *p, const struct page_at *at, enum page_kind kind, const char *label, const char *lines);
/* A paragraph at the end of the page: its first line is a heading. */
void page_note(struct page *p, const char *lines);

/*
 * Ends the page: ${title} is the name of the capture, ${begun} when it began, ${sum} its numbers. Call once. The markup
 * belongs to the caller, who frees it by out_free(). 0, or -1 with FAULT_MEMORY.
 */
struct page_ends { const char *title, *begun, *sum; };
int page_html(struct page *p, const struct page_ends *e, struct out *html, struct fault *f);
int page_svg(struct page *p, const struct page_ends *e, struct out *svg, struct fault *f);

#endif
