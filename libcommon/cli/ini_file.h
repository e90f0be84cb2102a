/*
 * Configuration files with a section for each peer or tunnel, by inih. The keys are the long
 * names of an option table:
 *
 *	[defaults]			; optional, first: for all sections below
 *	key = value
 *
 *	[name]
 *	other-key = value,
 *	    that goes on		; indented
 *
 * ';' and '#' start comments.
 */
#ifndef SAPIPE_CLI_INI_FILE_H
#define SAPIPE_CLI_INI_FILE_H

#include "cli/opt.h"

#define INI_FILE_MAX	(1024 * 1024)	/* bytes */
#define INI_NAME	64		/* of a section, with NUL */

struct ini_conf {
	const struct opt *table;	/* the keys */
	size_t		 size;		/* of the struct that they fill */
	const char	*of;		/* what a section describes: "a peer" */
	const char	*risk;		/* what other users can change if they can write to the file */
	size_t		 max;		/* sections */
	const char	*no_key;	/* a row of ${table} that is not a key, since the section's name sets it */
	const char	*pair[2];	/* two keys that replace the defaults of each other, or NULL */
	/*
	 * Called before ${key} is set for the first time in a section, to clear lists. ${both}: it is one of ${pair}, and
	 * the section has set the other. May be NULL.
	 */
	void		(*first)(void *opts, const char *key, bool both);
	/* Called when the section has set ${key} to ${value}, which lives as long as the values. May be NULL. */
	void		(*set)(void *opts, const char *key, const char *value);
	/*
	 * Not NULL: it gets each fault, with its line, and the section ${opts} that is being read; the reading goes on.
	 * What ends the reading in any case, such as a file that cannot be opened, is still the result. A section with a
	 * fault that names a key is handed over again with the default of that key.
	 */
	void		(*wrong)(void *ctx, void *opts, const struct fault *f);
	/*
	 * A section is complete. 0, or -1 with a fault, whose ${option} may name a key; the line is added.
	 */
	int		(*section)(void *ctx, const char *name, void *opts, struct fault *f);
	void		*ctx;
};

/* Storage of the texts that options of a file point to. */
struct ini_values { size_t n; char **v; };

/*
 * Reads ${path} ('-': standard input). Unknown or repeated keys, repeated sections,
 * a section without ']' and bad values are errors that name file and line; an unknown key with the one it resembles. ${given}, a struct of ${conf->size} bytes, has the values
 * of keys that no section sets. 0; or -1 at the first fault, with ${values} empty.
 */
int ini_file_read(const struct ini_conf *conf, const void *given, const char *path,
    struct ini_values *values, struct fault *f);
void ini_values_free(struct ini_values *values);

#endif
