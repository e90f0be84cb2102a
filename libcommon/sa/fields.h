/*
 * The schema (sa-state.cddl) as tables: one row per key, read by encode.c and
 * decode.c alike. Rows are in the order of deterministic encoding (RFC 8949
 * section 4.2.1): for text keys below 24 bytes, shorter first, then by bytes.
 */
#ifndef SAPIPE_SA_FIELDS_H
#define SAPIPE_SA_FIELDS_H

#include "sa/record.h"

enum field_kind {
	FIELD_WORD,		/* the constant words[0]; not in the struct */
	FIELD_CONST,		/* the constant unsigned ${max} */
	FIELD_UINT,		/* uint8_t to uint64_t by ${size} */
	FIELD_SPI,		/* unsigned of 32 bits, as 4 bytes in network order */
	FIELD_BOOL,
	FIELD_ENUM,		/* index into words */
	FIELD_TEXT,		/* char[size]; with words: one of them */
	FIELD_KIND,		/* index into words; 0: any other text, in a char[size] at ${also} */
	FIELD_BYTES,		/* exactly ${size} bytes */
	FIELD_VARBYTES,		/* up to ${size} bytes, a uint8_t length at ${also} */
	FIELD_SPAN,		/* bytes, borrowed */
	FIELD_SECRET,
	FIELD_ADDR,		/* struct addr, as text */
	FIELD_NET,		/* first and last of a struct selector, as text */
	FIELD_MAP,		/* ${rows}, offsets from ${off} */
	FIELD_LIST,		/* of rows[0]; its size is the stride; a size_t count at ${also} */
	FIELD_SELECTOR,		/* struct selector, through struct selector_map */
	FIELD_ID,		/* struct id, through struct id_map */
	FIELD_VID,		/* one of sa_ike.vids */
};

enum field_need {
	NEED_NO,		/* may be missing; written where it has a value */
	NEED_YES,		/* must be there */
	NEED_WRITE,		/* may be missing; always written */
};

#define FIELD_NONE	((size_t)-1)
#define FIELD_KEY_MAX	1024	/* bytes of one key in "keys" */

struct field {
	const char		*key;		/* NULL ends a table */
	enum field_kind		 kind;
	enum field_need		 need;
	size_t			 off, size;	/* in the struct of this level */
	size_t			 also;		/* of a bool "is there", the length, another text; or FIELD_NONE */
	uint64_t		 max;		/* of a number (0: what ${size} holds), a list's least
						   number of entries */
	bool			 cut;		/* too long: keep the front, it only informs */
	const char *const	*words;		/* NULL at the end */
	const struct field	*rows;
};

/* Converts between a map of the schema and a struct with another layout. */
struct selector_map {
	struct selector	net;
	uint8_t		proto;
	uint16_t	port, port_end;
	bool		has_port, has_end;
};

struct id_map {
	struct span	der;
	char		type[SA_WORD], value[ID_TEXT];
};

/* Whether ${row}->also is that of a bool "is there". */
bool sa_field_has_flag(const struct field *row);

extern const struct field sa_selector_fields[], sa_id_fields[];

/* The rows of ${type}; NULL for SA_NONE. */
const struct field *sa_fields(enum sa_type type);
/* "ike-sa", ...; NULL for SA_NONE. */
const char *sa_type_word(enum sa_type type);
/* The struct of ${r} that the rows' offsets count from. */
void *sa_rec_body(struct sa_rec *r);

#endif
