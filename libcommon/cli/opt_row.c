/* What parsing and help read of a row. */
#include <string.h>

#include "base/uint.h"
#include "cli/opt_priv.h"

size_t
opt_word_len(const char *list)
{
	return (strcspn(list, "|"));
}

uint64_t
opt_load(const struct opt_slot *s)
{
	return (uint_get(s->base + s->row->off, s->row->width));
}
