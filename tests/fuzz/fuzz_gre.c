/* The header of GRE from the wire, and the one that we write. */

#include "gre/gre.h"
#include "must.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[GRE_HEAD_MAX + 2048], *p;
	struct gre_head h, again;
	size_t len, len2, n;

	if (gre_parse(&h, &len, span_of(data, size)) != GRE_OK)
		return (0);
	must(len >= GRE_HEAD_MIN && len <= GRE_HEAD_MAX && len <= size && len == gre_head_len(&h));
	/* What we write of it is read as the same. */
	n = size - len < 2048 ? size - len : 2048;
	if (n > 0)
		memcpy(buf + GRE_HEAD_MAX, data + len, n);
	p = gre_put(&h, buf + GRE_HEAD_MAX, n);
	must(p >= buf && gre_parse(&again, &len2, span_of(p, len + n)) == GRE_OK && len2 == len);
	must(again.proto == h.proto && again.csum == h.csum && again.has_key == h.has_key && again.has_seq == h.has_seq &&
	    again.key == h.key && again.seq == h.seq);
	return (0);
}
