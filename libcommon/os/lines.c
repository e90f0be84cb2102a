/* The values of a repeatable option, some of them in files. */
#include "os/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of ${name} and a zero byte, to be freed; NULL with a fault. */
static char *
load(const char *name, const char *option, struct fault *f)
{
	FILE *in = fopen(name, "re");
	char *text = NULL;
	size_t len = 0;

	if (in == NULL) {
		(void)fault_sys(f, fault_of_file(errno), "%s: cannot open %s", option, name);
		return (NULL);
	}
	if ((text = malloc(LINES_FILE_MAX + 1)) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for %s", name);
	else if ((len = fread(text, 1, LINES_FILE_MAX + 1, in)) > LINES_FILE_MAX)
		(void)fault(f, FAULT_TOO_LARGE, "%s: %s has more than %u bytes", option, name, LINES_FILE_MAX);
	else if (ferror(in))
		(void)fault_sys(f, fault_of_file(errno), "%s: cannot read %s", option, name);
	else if (memchr(text, '\0', len) != NULL)
		(void)fault(f, FAULT_USAGE, "%s: %s is no text: it has a zero byte", option, name);
	else {
		(void)fclose(in);
		text[len] = '\0';
		return (text);
	}
	free(text);
	(void)fclose(in);
	return (NULL);
}

static int
each_line(struct lines *l, const char *name, const char *option,
    int (*one)(void *ctx, const char *value, const char *where, struct fault *f), void *ctx, struct fault *f)
{
	static const char blank[] = " \t\r";
	char *rest, *line, *end, where[512];
	unsigned n = 0;

	if (l->n == LINES_FILES)
		return (fault(f, FAULT_TOO_LARGE, "%s: at most %d files", option, LINES_FILES));
	if ((rest = load(name, option, f)) == NULL)
		return (-1);
	l->text[l->n++] = rest;
	while ((line = strsep(&rest, "\n")) != NULL) {
		n++;
		line[strcspn(line, "#")] = '\0';
		line += strspn(line, blank);
		for (end = line + strlen(line); end > line && strchr(blank, end[-1]) != NULL;)
			*--end = '\0';
		(void)snprintf(where, sizeof(where), "%s: %s:%u", option, name, n);
		if (*line != '\0' && one(ctx, line, where, f) != 0)
			return (-1);
	}
	return (0);
}

int
lines_each(struct lines *l, const char *const *v, size_t n, const char *option,
    int (*one)(void *ctx, const char *value, const char *where, struct fault *f), void *ctx, struct fault *f)
{
	for (size_t i = 0; i < n; i++)
		if ((v[i][0] == '@' ? each_line(l, v[i] + 1, option, one, ctx, f) : one(ctx, v[i], option, f)) != 0)
			return (-1);
	return (0);
}

void
lines_free(struct lines *l)
{
	while (l->n > 0)
		free(l->text[--l->n]);
}
