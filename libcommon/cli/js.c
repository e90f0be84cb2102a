/* JSON output on top of jansson. */
#include "cli/js.h"

#include <stdlib.h>

#include "base/hex.h"
#include "cli/report.h"

json_t *
js_hex(struct span v)
{
	size_t cap = 2 * v.len + 1;
	char *text = malloc(cap);
	json_t *j;

	if (text == NULL)
		return (NULL);
	j = json_string(hex_put(text, cap, v));
	free(text);
	return (j);
}

json_t *
js_text(const char *text)
{
	size_t cap = 4 * strlen(text) + 1;
	char *safe;
	json_t *j;

	/* jansson refuses strings that are not UTF-8, and escapes controls itself */
	if ((j = json_string(text)) != NULL || (safe = malloc(cap)) == NULL)
		return (j);
	j = json_string(escape_put(safe, cap, span_str(text)));
	free(safe);
	return (j);
}

void
js_print(json_t *v, bool indented, FILE *to)
{
	(void)json_dumpf(v, to, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(10) |
	    (indented ? JSON_INDENT(2) : JSON_COMPACT));
	(void)putc('\n', to);
	json_decref(v);
}
