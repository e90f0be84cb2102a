/* Options: their values, from text to the field that they fill. */
#include "base/uint.h"

#include <string.h>

#include "cli/opt_priv.h"

void
opt_store(const struct opt_slot *s, uint64_t v)
{
	uint_put(s->base + s->row->off, s->row->width, v);
}

void
opt_store_bool(const struct opt_slot *s, bool v)
{
	memcpy(s->base + s->row->off, &v, sizeof(v));
}

static bool
find_word(const struct opt_word *w, const char *text, uint64_t *v)
{
	for (; w != NULL && w->word != NULL; w++)
		if (strcmp(w->word, text) == 0) {
			*v = w->value;
			return (true);
		}
	return (false);
}

/* The index of ${text} among the words of "main|aggressive". */
static bool
find_choice(const char *list, const char *text, uint64_t *v)
{
	size_t n;
	uint64_t i;

	for (i = 0;; i++, list += n + 1) {
		n = opt_word_len(list);
		if (strlen(text) == n && memcmp(list, text, n) == 0) {
			*v = i;
			return (true);
		}
		if (list[n] == '\0')
			return (false);
	}
}

int
opt_take(const struct opt_slot *s, const char *who, const char *value, struct fault *f)
{
	const struct opt *r = s->row;
	void *m = s->base + r->off;
	struct opt_list list;
	unsigned count;
	uint64_t v;
	bool quiet = (r->flags & OPT_SECRET) != 0;
	bool isset;

	switch (r->type) {
	case OPT_T_COUNT:
		memcpy(&count, m, sizeof(count));
		count++;
		memcpy(m, &count, sizeof(count));
		return (0);
	case OPT_T_STR:
		if (value[0] == '\0')
			return (fault(f, FAULT_USAGE, "%s: %s is empty", who, r->arg));
		memcpy(m, &value, sizeof(value));
		return (0);
	case OPT_T_LIST:
		if (value[0] == '\0')
			return (fault(f, FAULT_USAGE, "%s: %s is empty", who, r->arg));
		memcpy(&list, m, sizeof(list));
		if (list.n == OPT_LIST_MAX)
			return (fault(f, FAULT_USAGE, "%s: given more than %d times", who,
			    OPT_LIST_MAX));
		list.v[list.n++] = value;
		memcpy(m, &list, sizeof(list));
		return (0);
	case OPT_T_NUM:
		if (!find_word(r->words, value, &v) &&
		    opt_number(&v, value, r->unit, r->min, r->max, who, f) != 0)
			return (-1);
		opt_store(s, v);
		return (0);
	case OPT_T_CHOICE:
		if (value == NULL) {
			opt_store(s, r->min);
			return (0);
		}
		isset = r->words != NULL ? find_word(r->words, value, &v) :
		    find_choice(r->arg, value, &v);
		if (!isset)
			return (fault(f, FAULT_USAGE, strchr(r->arg, '|') != NULL ?
			    "%s: '%s' is none of %s" : "%s: '%s' is not possible, only %s", who,
			    quiet ? "..." : value, r->arg));
		opt_store(s, v);
		return (0);
	case OPT_T_CALL:
		if (r->call(m, value, f) == 0)
			return (0);
		fault_where(f, "%s", who);
		return (-1);
	default:
		return (fault(f, FAULT_USAGE, "%s: takes no value", who));
	}
}
