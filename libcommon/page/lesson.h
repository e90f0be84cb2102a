/* What a reader who learns IKE wants to know of a message, a payload or a field: tables of our own words. */
#ifndef SAPIPE_PAGE_LESSON_H
#define SAPIPE_PAGE_LESSON_H

#include "trace/dissect.h"

struct lesson {
	const char	*name;		/* of a payload: in full; of a message: NULL */
	const char	*text;		/* sentences */
	const char	*section;	/* "RFC 2409, 5" */
};

/* The purpose of ${m}, beside v1_told_story(); NULL: none is known. */
const struct lesson *lesson_message(const struct v1_told *m);
/* A payload by its type, see v1_payload_meant(). Never NULL. */
const struct lesson *lesson_payload(uint8_t type);

/* How the number in a field is put into words. */
enum lesson_kind {
	LESSON_PLAIN, LESSON_PAYLOAD, LESSON_EXCHANGE, LESSON_FLAGS, LESSON_VERSION, LESSON_DOI, LESSON_SITUATION, LESSON_ID,
	LESSON_NOTIFY, LESSON_CONFIG, LESSON_PROTO,
};

/* A field of a payload's body or of the header: ${len} bytes from ${off}; ${len} 0: the rest. */
struct lesson_field {
	uint8_t		 payload;
	const char	*name;
	size_t		 off, len;
	enum lesson_kind kind;
	const char	*text;
};
/* Field number ${i}, from 0, of a payload of that type; NULL: it has no more. */
const struct lesson_field *lesson_field(uint8_t type, size_t i);

#define LESSON_VALUE	64
/* The number in a field in words, or "": "IPsec", "main mode". */
char *lesson_value(char out[LESSON_VALUE], enum lesson_kind kind, uint64_t value);

#endif
