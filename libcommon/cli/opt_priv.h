/* Inside opt: opt.c parses, with the values of opt_value.c, and calls opt_help.c, which prints. */
#ifndef SAPIPE_CLI_OPT_PRIV_H
#define SAPIPE_CLI_OPT_PRIV_H

#include <string.h>

#include "base/uint.h"
#include "cli/opt.h"

/* Tables with their includes expanded: each row with the struct that it fills. */
struct opt_flat {
	size_t	n;
	int	sub;			/* value of the subcommand given, or -1 */
	struct opt_slot {
		const struct opt *row;
		unsigned char	*base;
		unsigned	 given;
	} s[OPT_ROWS_MAX];
};

static inline bool
opt_is_option(const struct opt *r)
{
	return (r->type >= OPT_T_FLAG && r->type <= OPT_T_CALL);
}

static inline bool
opt_takes_value(const struct opt *r)
{
	return (r->type >= OPT_T_STR && r->type <= OPT_T_CALL && r->arg != NULL);
}

static inline bool
opt_is_repeatable(const struct opt *r)
{
	return (r->type == OPT_T_COUNT || r->type == OPT_T_LIST || r->type == OPT_T_CALL);
}

static inline bool
opt_fits_sub(const struct opt *r, int sub)
{
	return (r->subs == 0 || sub < 0 || (r->subs >> sub & 1) != 0);
}

/* The number of bytes of the word at ${list} up to '|' or the end. */
static inline size_t
opt_word_len(const char *list)
{
	return (strcspn(list, "|"));
}
/* The number in the member that the row fills. */
static inline uint64_t
opt_load(const struct opt_slot *s)
{
	return (uint_get(s->base + s->row->off, s->row->width));
}

/* Stores a number, or a flag, in the field of ${s}. */
void opt_store(const struct opt_slot *s, uint64_t v);
void opt_store_bool(const struct opt_slot *s, bool v);
/* Takes ${value} as ${s}'s; ${who} is how the user spelled the option. 0, or -1 with FAULT_USAGE or that of the row's call. */
int opt_take(const struct opt_slot *s, const char *who, const char *value, struct fault *f);

void opt_print_help(const struct opt_flat *t);
void opt_print_list(const struct opt_flat *t);
/* The name closest to a mistyped one, or NULL. */
const char *opt_closest(const struct opt_flat *t, const char *name, bool sub);

#endif
