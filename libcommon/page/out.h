/*
 * A text that grows up to a limit. It may hold revealed keys: what it releases, it wipes. Text from the wire goes through
 * out_text(), out_fmt() or out_lines() only, which leave no character that HTML and XML give a meaning.
 */
#ifndef SAPIPE_PAGE_OUT_H
#define SAPIPE_PAGE_OUT_H

#include "base/span.h"

struct out {		/* all zero but ${max} is empty */
	char	*p;
	size_t	 len, cap, max;
	bool	 full;	/* something did not fit, or there was no memory; later text is dropped */
};

void out_free(struct out *o);			/* wipes */
void out_cut(struct out *o, size_t len);	/* wipes what is behind the first ${len} bytes; not full any longer */

/* Markup, our own words only: as it is. */
void out_raw(struct out *o, const char *markup);
void out_out(struct out *o, const struct out *markup);
/* Text: & < > " ' become entities, and bytes other than printable ASCII become \xNN. */
void out_text(struct out *o, struct span text);
/* The same of a formatted text, cut to OUT_LINE bytes. */
#define OUT_LINE	4096
void out_fmt(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bytes in hex with a blank after every fourth, at most ${most} of them; says how many more there are. */
void out_hex(struct out *o, struct span v, size_t most);

#endif
