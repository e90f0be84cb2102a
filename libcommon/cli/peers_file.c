#include "cli/peers_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/opt.h"
#include "cli/policy_opt.h"
#include "cli/report.h"

#define KEYS_MAX	48	/* keys set in one section */
#define KEY_NAME	40

/* What one section says: policy options and where the peer may come from. */
struct section_opts {
	struct policy_opts	policy;
	const char		*address;
};

static const struct opt section_optab[] = {
	OPT_STR(struct section_opts, address, 0, "address", "NET", "where the peer may come from"),
	OPT_INCLUDE(struct section_opts, policy, policy_optab),
	OPT_END
};

struct key {
	char	name[KEY_NAME];
	unsigned line;
	bool	here;			/* set in this section, not in [defaults] */
};

struct reading {
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
	char		 name[SA_NAME];
	bool		 is_defaults;
	struct section_opts defaults, opts;
	struct key	 keys[KEYS_MAX];
	size_t		 n_keys;
	char		**pool;		/* values, to be freed at the end */
	size_t		 n_pool;
	struct peers	*out;
	bool		 bad;
	struct fault	*f;
};

/* Keeps the first fault and where it is: "peers.ini:7". */
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
	return (-1);
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

/* The line of the option that a fault of policy_opts_build() names, or of the section. */
static int
fail_at_option(struct reading *r)
{
	struct key *k = NULL;
	char name[KEY_NAME];

	if (r->f == NULL)
		return (fail(r, r->in_line, NULL));
	(void)snprintf(name, sizeof(name), "%.30s", r->f->where);
	if (strncmp(name, "--", 2) == 0) {
		k = key_find(r, name + 2);
		return (fail(r, k != NULL ? k->line : r->in_line, k != NULL ? k->name : name + 2));
	}
	/* otherwise it is the secret file's name */
	k = key_find(r, "psk-file");
	return (fail(r, k != NULL ? k->line : r->in_line, NULL));
}

static bool
same_address(const struct ike_policy *a, const struct ike_policy *b)
{
	bool any_a = a->remote_addr.first.family == 0, any_b = b->remote_addr.first.family == 0;

	return (any_a == any_b && (any_a || selector_eq(&a->remote_addr, &b->remote_addr)));
}

static bool
same_id(const struct ike_policy *a, const struct ike_policy *b)
{
	if (a->remote_id.type == 0 || b->remote_id.type == 0)
		return (a->remote_id.type == b->remote_id.type);
	return (id_eq(&a->remote_id, &b->remote_id));
}

/* Two sections that a peer could not tell apart: which one is used would be chance. */
static int
check_apart(struct reading *r, const struct ike_policy *a, const struct ike_policy *b)
{
	if (a->exchange != b->exchange || !same_address(a, b))
		return (0);
	if (same_id(a, b)) {
		(void)fault(r->f, FAULT_CONFIG, "[%s] has the same address, remote-id and exchange as [%s]",
		    b->name, a->name);
		return (fail(r, r->in_line, NULL));
	}
	/* RFC 2409 section 5.4: the key is in use before the identity is known */
	if (a->exchange == SA_MAIN && !ct_eq(secret_span(&a->psk), secret_span(&b->psk))) {
		(void)fault(r->f, FAULT_CONFIG, "main mode picks the secret by address, and [%s] and [%s] "
		    "have one address and two secrets", a->name, b->name);
		return (fail(r, r->in_line, NULL));
	}
	return (0);
}

static int
end_section(struct reading *r)
{
	struct ike_policy *p, *grown;
	size_t i;

	if (r->in == 0)
		return (0);
	if (r->is_defaults) {
		r->defaults = r->opts;
		return (0);
	}
	if (r->out->n == PEERS_MAX) {
		(void)fault(r->f, FAULT_CONFIG, "more than %d sections", PEERS_MAX);
		return (fail(r, r->in_line, NULL));
	}
	if ((r->out->n & (r->out->n - 1)) == 0) {	/* room doubles */
		grown = realloc(r->out->p, (r->out->n == 0 ? 1 : 2 * r->out->n) * sizeof(*grown));
		if (grown == NULL) {
			(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a section");
			return (fail(r, r->in_line, NULL));
		}
		r->out->p = grown;
	}
	p = &r->out->p[r->out->n];
	r->opts.policy.name = r->name;
	if (r->opts.policy.psk_file == NULL) {
		(void)fault(r->f, FAULT_CONFIG, "section [%s] has no psk-file", r->name);
		return (fail(r, r->in_line, NULL));
	}
	if (policy_opts_build(p, &r->opts.policy, strcmp(r->path, "-") == 0 ? NULL : r->path, true,
	    r->f) != 0)
		return (fail_at_option(r));
	r->out->n++;
	if (r->opts.address != NULL && strcmp(r->opts.address, "any") != 0 &&
	    selector_parse(&p->remote_addr, r->opts.address) != 0) {
		(void)fault(r->f, FAULT_BAD_ADDRESS, "'%s' is no address, network or FIRST-LAST",
		    r->opts.address);
		fault_where(r->f, "--address");
		return (fail_at_option(r));
	}
	for (i = 0; i + 1 < r->out->n; i++)
		if (check_apart(r, &r->out->p[i], p) != 0)
			return (-1);
	return (0);
}

static int
begin_section(struct reading *r, const char *name)
{
	size_t i;

	r->in = r->serial;
	r->in_line = r->serial_line;
	r->n_keys = 0;
	r->opts = r->defaults;
	if (name[0] == '\0' || strlen(name) >= sizeof(r->name)) {
		(void)fault(r->f, FAULT_CONFIG, name[0] == '\0' ? "keys before the first [section]" :
		    "the name of a section has more than %zu bytes", sizeof(r->name) - 1);
		return (fail(r, name[0] == '\0' ? r->open.line : r->in_line, NULL));
	}
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->is_defaults = strcmp(name, "defaults") == 0;
	if (r->is_defaults && r->serial != 1) {
		(void)fault(r->f, FAULT_CONFIG, "[defaults] must be the first section");
		return (fail(r, r->in_line, NULL));
	}
	for (i = 0; i < r->out->n; i++)
		if (strcmp(r->out->p[i].name, name) == 0) {
			(void)fault(r->f, FAULT_CONFIG, "section [%s] is there twice", name);
			return (fail(r, r->in_line, NULL));
		}
	return (0);
}

/* Hands the key whose value is now complete to its option. */
static int
close_key(struct reading *r)
{
	struct opt_list *list;
	char **grown;
	char *value = r->open.value;
	struct key *k;
	bool known, again;

	r->open.value = NULL;
	if (value == NULL)
		return (0);
	if ((grown = realloc(r->pool, (r->n_pool + 1) * sizeof(*grown))) == NULL) {
		free(value);
		(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a value");
		return (fail(r, r->open.line, NULL));
	}
	r->pool = grown;
	r->pool[r->n_pool++] = value;
	k = key_find(r, r->open.name);
	/* networks of the section replace those of [defaults] */
	if (k == NULL) {
		list = strcmp(r->open.name, "local-ts") == 0 ? &r->opts.policy.local_ts :
		    strcmp(r->open.name, "remote-ts") == 0 ? &r->opts.policy.remote_ts :
		    strcmp(r->open.name, "natt-versions") == 0 ? &r->opts.policy.natt_versions : NULL;
		if (list != NULL)
			list->n = 0;
		if (strcmp(r->open.name, "esp") == 0)
			r->opts.policy.ah = NULL;
		if (strcmp(r->open.name, "ah") == 0)
			r->opts.policy.esp = NULL;
	}
	if (opt_set(section_optab, &r->opts, r->open.name, value, &known, &again, r->f) != 0 || !known)
		return (fail(r, r->open.line, NULL));
	if (strcmp(r->open.name, "name") == 0) {
		(void)fault(r->f, FAULT_CONFIG, "unknown key 'name': the section's name is the name");
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
	if (key_find(r, "esp") != NULL && key_find(r, "ah") != NULL) {
		(void)fault(r->f, FAULT_CONFIG, "esp and ah exclude each other");
		return (fail(r, r->open.line, NULL));
	}
	return (0);
}

/* inih calls this for each line with a value. It wants 0 for an error. */
static int
on_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	size_t len;
	char *more;

	if (r->bad)
		return (0);
	if (r->indented && r->open.value != NULL) {
		len = strlen(r->open.value);
		if ((more = realloc(r->open.value, len + strlen(value) + 2)) == NULL) {
			(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a value");
			(void)fail(r, r->line, NULL);
			return (0);
		}
		r->open.value = more;
		more[len] = ' ';
		(void)strcpy(more + len + 1, value);
		return (1);
	}
	if (close_key(r) != 0)
		return (0);
	r->open.line = r->line;
	if ((r->in != r->serial || r->in == 0) &&
	    (end_section(r) != 0 || begin_section(r, section) != 0))
		return (0);
	if (strlen(name) >= sizeof(r->open.name) || value[0] == '\0') {
		(void)fault(r->f, FAULT_CONFIG, value[0] == '\0' ? "%.60s: has no value" :
		    "unknown key '%.60s'", name);
		(void)fail(r, r->line, NULL);
		return (0);
	}
	(void)snprintf(r->open.name, sizeof(r->open.name), "%s", name);
	if ((r->open.value = strdup(value)) == NULL) {
		(void)fault_sys(r->f, FAULT_MEMORY, "no memory for a value");
		(void)fail(r, r->line, NULL);
		return (0);
	}
	return (1);
}

/* `   key = value`: an indented key, which inih would take for more of the value before. */
static bool
looks_like_key(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-");

	return (n > 0 && text[n + strspn(text + n, " \t")] == '=');
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
	r->line++;
	r->bytes += len;
	if (len == 0 || (line[len - 1] != '\n' && !feof(r->from))) {
		(void)fault(r->f, FAULT_CONFIG, len + 1 < (size_t)room ? "a NUL byte" :
		    "the line is too long; let it go on in the next one, indented");
		(void)fail(r, r->line, NULL);
		return (NULL);
	}
	if (r->bytes > PEERS_FILE_MAX) {
		(void)fault(r->f, FAULT_CONFIG, "the file is larger than %d bytes", PEERS_FILE_MAX);
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
	if (line[0] == '[') {
		if (r->serial != 0 && r->in != r->serial) {
			(void)fault(r->f, FAULT_CONFIG, "the section has no keys");
			(void)fail(r, r->serial_line, NULL);
			return (NULL);
		}
		r->serial++;
		r->serial_line = r->line;
	}
	return (line);
}

static FILE *
open_file(const char *path, struct fault *f)
{
	struct stat st;
	FILE *from;
	int fd;

	if (strcmp(path, "-") == 0)
		return (stdin);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0) {
		(void)fault_sys(f, FAULT_CONFIG, "cannot open");
		return (NULL);
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 022) != 0)
		report_warn("%s: mode %04o lets others change who may connect: chmod 600 %s", path,
		    st.st_mode & 07777U, path);
	if ((from = fdopen(fd, "r")) == NULL) {
		(void)fault_sys(f, FAULT_MEMORY, "cannot open");
		(void)close(fd);
	}
	return (from);
}

int
peers_file_read(struct peers *out, const char *path, const struct policy_opts *given,
    struct fault *f)
{
	struct reading *r = calloc(1, sizeof(*r));
	int rc = -1, line;

	*out = (struct peers){0};
	if (r == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the peers file"));
	r->path = path;
	r->out = out;
	r->f = f;
	r->defaults.policy = *given;
	if ((r->from = open_file(path, f)) == NULL) {
		fault_where(f, "%s", path);
		free(r);
		return (-1);
	}
	errno = 0;
	line = ini_parse_stream(next_line, r, on_value, r);
	if (!r->bad && ferror(r->from)) {
		(void)fault_sys(f, FAULT_CONFIG, "cannot read");
		(void)fail(r, r->line, NULL);
	}
	if (!r->bad && line > 0) {
		(void)fault(f, FAULT_CONFIG, "neither [section] nor key = value");
		(void)fail(r, (unsigned)line, NULL);
	} else if (!r->bad && line < 0) {
		(void)fault(f, FAULT_MEMORY, "no memory for the peers file");
		(void)fail(r, r->line, NULL);
	}
	if (!r->bad && close_key(r) == 0 && end_section(r) == 0) {
		rc = 0;
		if (r->serial != 0 && r->in != r->serial) {
			(void)fault(f, FAULT_CONFIG, "the section has no keys");
			rc = fail(r, r->serial_line, NULL);
		} else if (out->n == 0) {
			(void)fault(f, FAULT_CONFIG, "no section describes a peer");
			rc = fail(r, r->line, NULL);
		}
	}
	while (r->n_pool > 0)
		free(r->pool[--r->n_pool]);
	free(r->pool);
	free(r->open.value);
	if (r->from != stdin)
		(void)fclose(r->from);
	free(r);
	if (rc != 0)
		peers_wipe(out);
	return (rc);
}

void
peers_wipe(struct peers *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		ike_policy_wipe(&p->p[i]);
	free(p->p);
	*p = (struct peers){0};
}
