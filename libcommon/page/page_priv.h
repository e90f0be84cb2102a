/* Internals of page/, shared by its files. */
#ifndef SAPIPE_PAGE_PAGE_PRIV_H
#define SAPIPE_PAGE_PAGE_PRIV_H

#include "page/page.h"

#define ROW_LABEL	200	/* bytes; a longer label is cut in the drawing */

/* An arrow of the drawing. */
struct row {
	struct page_at	 at;
	unsigned	 sa;		/* of IKE; 0: none */
	char		 kind;		/* 'm'essage, 'a'gain, 'r'efused, 'f'low, 'n'hrp */
	bool		 right;		/* from the left line to the right one */
	bool		 wrong;		/* a wrong hash or signature, or a refusal */
	bool		 locked;	/* encrypted, and not decrypted */
	bool		 moved;		/* the ports changed with it */
	bool		 begins;	/* the IKE SA is another one than above */
	bool		 heading;	/* the ends are written above it */
	struct endpoint	 left_end, right_end;
	char		 label[ROW_LABEL];
};

struct page {
	struct page_opts o;
	struct row	*rows;		/* NULL: no drawing is wanted */
	size_t		 n, cap;
	uint64_t	 shown;		/* rows of either */
	uint64_t	 left_out;
	struct out	 body, part, notes;	/* of the page: sections, the open one, the end */
	unsigned	 sa;		/* of the open section; 0: of no IKE SA */
	uint8_t		 cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	bool		 keys;		/* of the IKE SA are known */
	bool		 open;		/* a section is open */
	bool		 failed;	/* no memory for a row */
	struct endpoint	 left, right;	/* as in the heading above */
};

/* --- payloads.c: below an arrow --- */
void page_payloads(struct out *o, const struct v1_told *m, bool reveal);

/* --- values.c --- */
void page_values(struct out *o, const struct v1_told *m, const struct steps *values, bool reveal);
/* Whether the content of ${m} is for --reveal-keys only. */
bool page_delicate(const struct v1_told *m);

/* --- page.c: 0; -1 with FAULT_MEMORY, and ${o} is freed, if there was no memory for all of it --- */
int page_whole(const struct page *p, struct out *o, struct fault *f);

/* --- style.c --- */
extern const char page_style[];

#endif
