/* Configuration files in INI form, by the rows of an option table. */
#include "cli/ini_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "cli/file_source.h"
#include "cli/report.h"

#define KEYS_MAX	48	/* keys set in one section */
#define KEY_NAME	40

struct key {
	char	name[KEY_NAME];
	unsigned line;
};

struct reading {
	const struct ini_conf *conf;
	const char	*path;
	FILE		*from;
	size_t		 bytes;
	unsigned	 line;		/* of the last physical line read */
	bool		 indented;	/* it continues the one before */
	unsigned	 serial;	/* of the last [section] line */
	unsigned	 serial_line;
	struct {			/* the key that may still be continued */
		char		name[KEY_NAME];
		char		*value;
		unsigned	line;
	} open;
	unsigned	 in;		/* serial of the section being read; 0: none yet */
	unsigned	 in_line;
	char		 name[INI_NAME];
	bool		 is_defaults;
	const void	*given;
	void		*defaults, *opts;	/* ${conf->size} bytes each */
	struct key	 keys[KEYS_MAX];
	size_t		 n_keys;
	struct ini_values *values;
	struct section {
		char		name[INI_NAME];
		unsigned	line;
	}		*sections;	/* so far, without [defaults] */
	size_t		 n;
	unsigned	 defaults_line;	/* of [defaults]; 0: none yet */
	bool		 bad;
	bool		 skip;		/* the section being read has no name of its own: its keys count for nothing */
	bool		 any_wrong;	/* conf->wrong got a fault */
	struct fault	*f;
};

/*
 * Adds to the fault where it is: "peers.ini:7". -1: the reading ends with it; 0: conf->wrong got it, and the reading
 * goes on.
 */
static int
fail(struct reading *r, unsigned line, const char *key)
{
	const char *base = strrchr(r->path, '/');
	char inner[sizeof(r->f->where)];

	r->bad = true;
	if (r->f == NULL)
		return (-1);
	(void)snprintf(inner, sizeof(inner), "%s", key != NULL ? key : r->f->where);
	(void)snprintf(r->f->where, sizeof(r->f->where), "%.40s:%u%s%.40s",
	    base != NULL ? base + 1 : r->path, line, inner[0] != '\0' ? ": " : "", inner);
	if (r->conf->wrong == NULL || r->f->code == FAULT_MEMORY)
		return (-1);
	r->conf->wrong(r->conf->ctx, r->opts, r->f);
	*r->f = (struct fault){0};
	r->bad = false;
	r->any_wrong = true;
	return (0);
}

static struct key *
key_find(struct reading *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->n_keys; i++)
		if (strcmp(r->keys[i].name, name) == 0)
			return (&r->keys[i]);
	return (NULL);
}

/* The line of the key that the fault of a section names, or the section's. */
static int
fail_at_option(struct reading *r)
{
	struct key *k;

	if (r->f == NULL || r->f->option[0] == '\0')
		return (fail(r, r->in_line, NULL));
	k = key_find(r, r->f->option);
	/* Where there is more to say than the key, it says whose file is bad. */
	return (fail(r, k != NULL ? k->line : r->in_line, r->f->where[0] == '\0' ? r->f->option : NULL));
}

/* Hands the section over; where faults do not end the reading, again without the key that was wrong. */
static int
hand_over(struct reading *r)
{
	char option[FAULT_OPTION];
	unsigned i;

	for (i = 0; i < KEYS_MAX && r->conf->section(r->conf->ctx, r->name, r->opts, r->f) != 0; i++) {
		(void)snprintf(option, sizeof(option), "%s", r->f != NULL ? r->f->option : "");
		if (fail_at_option(r) != 0)
			return (-1);
		if (!opt_reset(r->conf->table, r->opts, r->given, option))
			break;
	}
	return (0);
}

static int
end_section(struct reading *r)
{
	if (r->in == 0 || r->skip)
		return (0);
	if (r->is_defaults) {
		memcpy(r->defaults, r->opts, r->conf->size);
		return (0);
	}
	if (r->n == r->conf->max) {
		(void)fault(r->f, FAULT_CONFIG, "more than %zu sections", r->conf->max);
		return (fail(r, r->in_line, NULL));
	}
	if (array_room((void **)&r->sections, r->n, sizeof(*r->sections)) != 0) {
		(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a section");
		return (fail(r, r->in_line, NULL));
	}
	(void)strcpy(r->sections[r->n].name, r->name);
	r->sections[r->n++].line = r->in_line;
	return (hand_over(r));
}

/* The line of the section of that name that is already read; 0: none is. */
static unsigned
section_line(const struct reading *r, const char *name)
{
	size_t i;

	if (strcmp(name, "defaults") == 0)
		return (r->defaults_line);
	for (i = 0; i < r->n; i++)
		if (strcmp(r->sections[i].name, name) == 0)
			return (r->sections[i].line);
	return (0);
}

static int
begin_section(struct reading *r, const char *name)
{
	unsigned first;

	if (r->skip && r->serial == 0)	/* that was said */
		return (0);
	r->skip = false;
	r->in = r->serial;
	r->in_line = r->serial_line;
	r->n_keys = 0;
	memcpy(r->opts, r->defaults, r->conf->size);
	if (name[0] == '\0' || strlen(name) >= sizeof(r->name)) {
		(void)fault(r->f, FAULT_CONFIG, name[0] == '\0' && r->serial > 0 ? "a section without a name" :
		    name[0] == '\0' ? "keys before the first [section]" :
		    "the name of a section has more than %zu bytes", sizeof(r->name) - 1);
		r->skip = true;
		r->is_defaults = false;
		return (fail(r, name[0] == '\0' && r->serial == 0 ? r->open.line : r->in_line, NULL));
	}
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	if ((first = section_line(r, name)) != 0) {
		(void)fault(r->f, FAULT_CONFIG, "section [%s] is there twice, first in line %u", name, first);
		r->skip = true;
		return (fail(r, r->in_line, NULL));
	}
	r->is_defaults = strcmp(name, "defaults") == 0;
	if (r->is_defaults && r->serial != 1) {
		(void)fault(r->f, FAULT_CONFIG, "[defaults] must be the first section");
		r->skip = true;
		return (fail(r, r->in_line, NULL));
	}
	if (r->is_defaults)
		r->defaults_line = r->in_line;
	return (0);
}

static int
unknown_key(struct reading *r, const char *name)
{
	const char *near = opt_near(r->conf->table, r->opts, name);

	if (near != NULL && (r->conf->no_key == NULL || strcmp(near, r->conf->no_key) != 0))
		(void)fault(r->f, FAULT_CONFIG, "unknown key '%.60s': did you mean '%s'?", name, near);
	else
		(void)fault(r->f, FAULT_CONFIG, "unknown key '%.60s'", name);
	return (fail(r, r->open.line, NULL));
}

/* Hands the key whose value is now complete to its option. */
static int
close_key(struct reading *r)
{
	const struct ini_conf *c = r->conf;
	char *value = r->open.value;
	struct key *k;
	bool known, again;

	r->open.value = NULL;
	if (value == NULL)
		return (0);
	if (array_room((void **)&r->values->v, r->values->n, sizeof(*r->values->v)) != 0) {
		free(value);
		(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a value");
		return (fail(r, r->open.line, NULL));
	}
	r->values->v[r->values->n++] = value;
	k = key_find(r, r->open.name);
	if (k == NULL && c->first != NULL)
		c->first(r->opts, r->open.name, c->pair[0] != NULL &&
		    (key_find(r, c->pair[0]) != NULL || key_find(r, c->pair[1]) != NULL));
	if (r->skip)
		return (0);
	if (opt_set(c->table, r->opts, r->open.name, value, &known, &again, r->f) != 0)
		return (known ? fail(r, r->open.line, NULL) : unknown_key(r, r->open.name));
	if (c->no_key != NULL && strcmp(r->open.name, c->no_key) == 0) {
		(void)fault(r->f, FAULT_CONFIG, "unknown key '%s': the section's name is the %s",
		    c->no_key, c->no_key);
		return (fail(r, r->open.line, NULL));
	}
	if (k != NULL && !again) {
		(void)fault(r->f, FAULT_CONFIG, "%s: given twice, first in line %u", k->name, k->line);
		return (fail(r, r->open.line, NULL));
	}
	if (k == NULL && r->n_keys < KEYS_MAX) {
		k = &r->keys[r->n_keys++];
		(void)snprintf(k->name, sizeof(k->name), "%s", r->open.name);
		k->line = r->open.line;
	}
	if (c->set != NULL)
		c->set(r->opts, r->open.name, value);
	return (0);
}

/* A line with a value. 0, or -1 with a fault. */
static int
read_value(struct reading *r, const char *section, const char *name, const char *value)
{
	size_t len;
	char *more;

	if (r->indented && r->open.value != NULL) {
		len = strlen(r->open.value);
		if ((more = realloc(r->open.value, len + strlen(value) + 2)) == NULL) {
			(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a value");
			return (fail(r, r->line, NULL));
		}
		r->open.value = more;
		more[len] = ' ';
		(void)strcpy(more + len + 1, value);
		return (0);
	}
	if (close_key(r) != 0)
		return (-1);
	r->open.line = r->line;
	if ((r->in != r->serial || r->in == 0) &&
	    (end_section(r) != 0 || begin_section(r, section) != 0))
		return (-1);
	if (value[0] == '\0') {
		(void)fault(r->f, FAULT_CONFIG, "%.60s: has no value", name);
		return (fail(r, r->line, NULL));
	}
	if (strlen(name) >= sizeof(r->open.name)) {
		return (unknown_key(r, name));
	}
	(void)snprintf(r->open.name, sizeof(r->open.name), "%s", name);
	if ((r->open.value = strdup(value)) == NULL) {
		(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a value");
		return (fail(r, r->line, NULL));
	}
	return (0);
}

/* inih calls this for each line with a value. It wants 0 for an error. */
static int
on_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;

	return (!r->bad && read_value(r, section, name, value) == 0);
}

/* `   key = value`: an indented key, which inih would take for more of the value before. */
static bool
looks_like_key(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-");

	return (n > 0 && text[n + strspn(text + n, " \t")] == '=');
}

/* What follows the ']' of a heading, which inih ignores, unless it is a comment; NULL: nothing. */
static const char *
text_behind(const char *close)
{
	const char *p = close + 1 + strspn(close + 1, " \t\r\n");

	return (*p == '\0' || *p == ';' || *p == '#' ? NULL : p);
}

/* A line that begins with '['. inih wants a ']' before any comment. */
static int
check_heading(struct reading *r, const char *line)
{
	const char *comment = strstr(line, " ;"), *close, *rest;
	size_t len = comment != NULL ? (size_t)(comment - line) : strlen(line);

	if ((close = memchr(line, ']', len)) == NULL) {
		while (len > 1 && strchr(" \t\r\n", line[len - 1]) != NULL)
			len--;
		(void)fault(r->f, FAULT_CONFIG, "the section '%.*s' is not closed: ] is missing",
		    len > INI_NAME ? INI_NAME : (int)len, line);
		(void)fail(r, r->line, NULL);
		return (-1);	/* whose the keys below are is not known */
	}
	if ((rest = text_behind(close)) != NULL) {
		len = strcspn(rest, "\r\n");
		(void)fault(r->f, FAULT_CONFIG, "text after the section %.*s: '%.*s'",
		    close - line < INI_NAME ? (int)(close - line) + 1 : INI_NAME, line,
		    len > INI_NAME ? INI_NAME : (int)len, rest);
		if (fail(r, r->line, NULL) != 0)
			return (-1);
	}
	if (r->serial != 0 && r->in != r->serial) {
		(void)fault(r->f, FAULT_CONFIG, "the section has no keys");
		if (fail(r, r->serial_line, NULL) != 0)
			return (-1);
	}
	r->serial++;
	r->serial_line = r->line;
	return (0);
}

/* What inih reads lines with; as fgets, but it counts and looks. NULL ends the file. */
static char *
next_line(char *line, int room, void *user)
{
	struct reading *r = user;
	size_t len, blanks;
	char *comment;

	if (r->bad || fgets(line, room, r->from) == NULL)
		return (NULL);
	len = strlen(line);
	if (r->line++ == 0 && strncmp(line, "\xef\xbb\xbf", 3) == 0) {	/* a byte order mark */
		len -= 3;
		memmove(line, line + 3, len + 1);
		if (len == 0)
			return (line);
	}
	r->bytes += len;
	if (len == 0 || (line[len - 1] != '\n' && !feof(r->from))) {
		(void)fault(r->f, FAULT_CONFIG, len + 1 < (size_t)room ? "a NUL byte" :
		    "the line is too long; let it go on in the next one, indented");
		(void)fail(r, r->line, NULL);
		return (NULL);
	}
	if (r->bytes > INI_FILE_MAX) {
		(void)fault(r->f, FAULT_CONFIG, "the file is larger than %d bytes", INI_FILE_MAX);
		(void)fail(r, r->line, NULL);
		return (NULL);
	}
	blanks = strspn(line, " \t");
	if (looks_like_key(line + blanks) || line[blanks] == '[')
		memmove(line, line + blanks, len - blanks + 1);
	r->indented = line[0] == ' ' || line[0] == '\t';
	/* inih knows comments behind a value, but not behind its continuation */
	if (r->indented && (comment = strstr(line, " ;")) != NULL)
		(void)strcpy(comment, "\n");
	return (line[0] == '[' && check_heading(r, line) != 0 ? NULL : line);
}

static FILE *
open_file(const char *path, const char *risk, struct fault *f)
{
	struct stat st;
	FILE *from;
	int fd;

	if (strcmp(path, "-") == 0)
		return (stdin);
	if ((fd = file_source_open(path)) < 0) {
		(void)fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_CONFIG, "cannot open");
		return (NULL);
	}
	if (fstat(fd, &st) != 0)
		st.st_mode = 0;
	if (S_ISDIR(st.st_mode)) {
		(void)close(fd);
		(void)fault(f, FAULT_CONFIG, "is a directory");
		return (NULL);
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & 022) != 0)
		report_warn("%s: mode %04o lets others change %s: chmod 600 %s", path,
		    st.st_mode & 07777U, risk, path);
	if ((from = fdopen(fd, "r")) == NULL) {
		(void)fault_sys(f, FAULT_MEMORY, "cannot open");
		(void)close(fd);
	}
	return (from);
}

/* What remains to be said when all lines are read, or none could be any more. */
static int
finish(struct reading *r, int line)
{
	if (!r->bad && ferror(r->from)) {
		(void)fault_sys(r->f, FAULT_CONFIG, "cannot read");
		return (fail(r, r->line, NULL));
	}
	if (!r->bad && line != 0) {
		(void)fault_because(r->f, line > 0 ? CAUSE_INI_LINE : CAUSE_NONE,
		    fault(r->f, line > 0 ? FAULT_CONFIG : FAULT_MEMORY, line > 0 ?
		    "neither [section] nor key = value" : "no memory for the file"));
		if (fail(r, line > 0 ? (unsigned)line : r->line, NULL) != 0)
			return (-1);
	}
	if (r->bad || close_key(r) != 0 || end_section(r) != 0)
		return (-1);
	if (r->serial != 0 && r->in != r->serial) {
		(void)fault(r->f, FAULT_CONFIG, "the section has no keys");
		return (fail(r, r->serial_line, NULL));
	}
	if (r->n == 0 && !r->any_wrong) {
		(void)fault(r->f, FAULT_CONFIG, r->bytes == 0 ? "the file is empty" : "no section describes %s",
		    r->conf->of);
		return (fail(r, r->line > 0 ? r->line : 1, NULL));
	}
	return (0);
}

int
ini_file_read(const struct ini_conf *conf, const void *given, const char *path,
    struct ini_values *values, struct fault *f)
{
	struct reading *r = calloc(1, sizeof(*r));
	void *two = calloc(2, conf->size);
	int rc = -1;

	*values = (struct ini_values){0};
	if (r == NULL || two == NULL) {
		free(r);
		free(two);
		return (fault(f, FAULT_MEMORY, "no memory for the file"));
	}
	*r = (struct reading){ .conf = conf, .path = path, .f = f, .values = values, .given = given, .defaults = two,
	    .opts = (char *)two + conf->size };
	memcpy(r->defaults, given, conf->size);
	if ((r->from = open_file(path, conf->risk, f)) == NULL)
		fault_where(f, "%s", path);
	else {
		errno = 0;
		rc = finish(r, ini_parse_stream(next_line, r, on_value, r));
		if (r->from != stdin)
			(void)fclose(r->from);
	}
	free(r->open.value);
	free(r->sections);
	free(r);
	free(two);
	if (rc != 0)
		ini_values_free(values);
	return (rc);
}

void
ini_values_free(struct ini_values *values)
{
	while (values->n > 0)
		free(values->v[--values->n]);
	free(values->v);
	*values = (struct ini_values){0};
}
