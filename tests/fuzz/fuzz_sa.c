/*
 * Anything as an SA record: decoding neither crashes nor reads too far, and what
 * decodes encodes again to something that decodes to the same bytes.
 */
#include <stdlib.h>

#include "sa/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sa_rec r, again;
	struct secret a = {0}, b = {0};
	struct fault f;
	long n;

	(void)secret_init();
	n = sa_decode(&r, span_of(data, size), &f);
	if (n > (long)size || (n < 0 && f.at != FAULT_AT_NONE && f.at > size))
		abort();
	if (n <= 0 || r.type == SA_NONE)
		return (0);
	if (sa_encode(&a, &r, &f) != 0) {
		if (f.code != FAULT_TOO_LARGE)
			abort();
	} else if (sa_decode(&again, secret_span(&a), &f) != (long)a.len ||
	    sa_encode(&b, &again, &f) != 0 || !ct_eq(secret_span(&a), secret_span(&b)))
		abort();
	else
		sa_rec_wipe(&again);
	sa_rec_wipe(&r);
	secret_free(&a);
	secret_free(&b);
	return (0);
}
