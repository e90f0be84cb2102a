/*
 * Reading CBOR (RFC 8949) item by item with libcbor's streaming decoder: nothing
 * is allocated and strings are spans into the input, so a key in it is copied only
 * where the caller copies it.
 */
#ifndef SAPIPE_SA_ITEM_H
#define SAPIPE_SA_ITEM_H

#include "base/fault.h"
#include "base/span.h"

#define ITEM_KEYS_MAX	256	/* in one map; keeps the search for duplicates short */

enum item_kind {
	ITEM_UINT, ITEM_NEGINT, ITEM_BYTES, ITEM_TEXT, ITEM_ARRAY, ITEM_MAP, ITEM_TAG,
	ITEM_BOOL, ITEM_NULL, ITEM_UNDEFINED, ITEM_SIMPLE, ITEM_FLOAT, ITEM_BREAK,
};

struct item {
	enum item_kind	kind;
	bool		indefinite;	/* string, array or map that runs to a break */
	uint64_t	n;		/* value (a negint is -1 - n), count, tag, bool */
	double		real;
	struct span	bytes;		/* of a definite string */
	size_t		at;		/* offset of its first byte */
	size_t		next;		/* offset behind it; of a container or tag: of
					   its content */
};

/*
 * Reads the item at ${off} of ${in}. 1; 0 if ${in} ends within it; -1 if that is no CBOR.
 */
int item_get(struct item *it, struct span in, size_t off);

/*
 * Checks the whole item at the start of ${in}, a map: well-formed, text
 * is UTF-8, no key twice in any map (keys are text, byte strings or integers), at most
 * ${depth} levels (arrays, maps and tags count) and ${max} bytes. Returns its length; 0 if
 * ${in} ends before; -1 with FAULT_BAD_RECORD or FAULT_TOO_LARGE and the offset.
 */
long item_check(struct span in, size_t max, unsigned depth, struct fault *f);

/* The offset behind the value at ${off}, containers whole; ${in} passed item_check(). */
size_t item_skip(struct span in, size_t off);

/* Whether ${v} is UTF-8 (RFC 3629): no overlong forms, no surrogates. */
bool item_utf8(struct span v);
/* Bytes of the UTF-8 character that ${v} begins with, 0 if there is none. */
size_t item_utf8_char(struct span v);

#endif
