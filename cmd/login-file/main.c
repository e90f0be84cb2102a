/* login-file: judges the users of XAuth by a file of password hashes. */
#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "cli/secret_file.h"
#include "tool/checkpw.h"

#define FILE_MAX	(4 * 1024 * 1024)
#define LINE_MAX_LEN	1024

struct opts {
	const char	*file;
};

static const struct opt optab[] = {
	OPT_TOOL("judge users of XAuth by a file of password hashes"),
	OPT_USE("FILE  (as ike-respond --xauth-exec 'login-file FILE')"),
	OPT_ARG(struct opts, file, "FILE", "lines USER:HASH[:GROUP[:ADDRESS]], the hash as of crypt(5), or {clear}PASSWORD"),
	OPT_END
};

/* A line; texts point into it. */
struct entry {
	char	line[LINE_MAX_LEN];
	char	*hash, *group, *address;
};

/* Cuts the line into its fields. False: it is a comment, or no line of a user. */
static bool
parse(struct entry *e, struct span line)
{
	char *fields[4] = {0}, *p = e->line;
	size_t n = 0;

	if (line.len == 0 || line.len >= sizeof(e->line) || line.p[0] == '#')
		return (false);
	memcpy(e->line, line.p, line.len);
	e->line[line.len] = '\0';
	/* An address of IPv6 has colons, too. */
	for (; n < 3 && p != NULL; n++) {
		fields[n] = p;
		if ((p = strchr(p, ':')) != NULL)
			*p++ = '\0';
	}
	fields[3] = p;
	e->hash = fields[1];
	e->group = fields[2];
	e->address = fields[3];
	return (e->hash != NULL);
}

/* The line of ${user}; the first counts. */
static bool
find(struct entry *e, struct span text, const char *user)
{
	const uint8_t *nl;
	struct span line;

	while (text.len > 0) {
		nl = memchr(text.p, '\n', text.len);
		line = span_of(text.p, nl != NULL ? (size_t)(nl - text.p) : text.len);
		text = span_of(text.p + line.len, text.len - line.len);
		if (text.len > 0)
			text = span_of(text.p + 1, text.len - 1);
		if (parse(e, line) && strcmp(e->line, user) == 0)
			return (true);
	}
	return (false);
}

/* --- passwords --- */

#define CLEAR	"{clear}"	/* the password itself follows */

static bool
is_clear(const struct entry *e)
{
	return (e != NULL && strncmp(e->hash, CLEAR, sizeof(CLEAR) - 1) == 0);
}

static struct span
clear_of(const struct entry *e)
{
	return (is_clear(e) ? span_str(e->hash + sizeof(CLEAR) - 1) : SPAN_NONE);
}

/*
 * Whether the password is that of ${e}. For a user that is not there, or has it in clear, the same time is spent. 1; 0; -1:
 * it could not be found out.
 */
static int
matches(const struct checkpw *c, const struct entry *e, struct fault *f)
{
	static const char nobody[] = "$6$nobody$";
	bool hashed = e != NULL && e->hash[0] == '$', given = c->password.len > 0;
	struct crypt_data *data = calloc(1, sizeof(*data));
	char password[SA_TEXT] = "", *got;
	int rc;

	if (data == NULL)
		return (fault(f, FAULT_MEMORY, "no memory to judge a password"));
	if (c->password.len < sizeof(password) && given)
		memcpy(password, c->password.p, c->password.len);
	got = crypt_r(password, hashed ? e->hash : nobody, data);
	if (got == NULL || got[0] == '*')	/* libxcrypt says EINVAL also when memory is short */
		rc = fault(f, FAULT_MEMORY, "the hash of %s cannot be computed: it is malformed, or needs more memory than there is",
		    c->user);
	else if (is_clear(e))
		rc = given && ct_eq(secret_span(&c->password), clear_of(e));
	else
		rc = hashed && given && got != NULL && got[0] == '$' && ct_eq(span_str(got), span_str(e->hash));
	wipe(password, sizeof(password));
	wipe(data, sizeof(*data));
	free(data);
	return (rc);
}

/* The answer to a challenge can only be judged with the password. 1; 0; -1: it could not be found out. */
static int
matches_chap(const struct checkpw *c, const struct entry *e, const char *file, struct fault *f)
{
	uint8_t want[IKE_CHAP_LEN];
	bool locked = e == NULL || (!is_clear(e) && e->hash[0] != '$');
	int rc;

	if (locked)
		return (0);
	if (!is_clear(e))
		return (fault(f, FAULT_CONFIG, "%s has no password in clear for %s, which --xauth-type chap needs", file, c->user));
	if (checkpw_chap(want, c->chap[0], clear_of(e), SPAN_ARRAY(c->challenge), f) != 0)
		return (-1);
	rc = clear_of(e).len > 0 && ct_eq(SPAN_ARRAY(want), span_of(c->chap + 1, IKE_CHAP_LEN));
	wipe(want, sizeof(want));
	return (rc);
}

static enum checkpw_status
judge(const struct checkpw *c, const struct entry *e, const char *file, struct fault *f)
{
	struct stat st;
	struct addr a;
	int rc;

	if (is_clear(e) && stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		report_wide_mode(file, st.st_mode & 07777U);
	if ((rc = c->has_chap ? matches_chap(c, e, file, f) : matches(c, e, f)) < 0)
		return (checkpw_fault(f));
	if (rc == 0 || e == NULL)
		return (CHECKPW_NO);
	if (e->group != NULL && e->group[0] != '\0' && !checkpw_is_group(e->group)) {
		(void)fault(f, FAULT_CONFIG, "%s: the group of %s is none", file, c->user);
		return (checkpw_fault(f));
	}
	if (e->address != NULL && e->address[0] != '\0' && addr_parse(&a, e->address) != 0) {
		(void)fault(f, FAULT_CONFIG, "%s: the address of %s is none", file, c->user);
		return (checkpw_fault(f));
	}
	if (e->group != NULL && e->group[0] != '\0')
		checkpw_print("group", e->group, strlen(e->group));
	if (e->address != NULL && e->address[0] != '\0')
		checkpw_print("address", e->address, strlen(e->address));
	return (CHECKPW_YES);
}

int
main(int argc, char *argv[])
{
	struct opts o = {0};
	struct bytes text = {0};
	struct fault f = {0};
	struct checkpw c;
	struct entry e = {0};
	enum checkpw_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	if (o.file == NULL) {
		(void)fault(&f, FAULT_USAGE, "no FILE given");
		return ((int)checkpw_fault(&f));
	}
	if (checkpw_read(&c, CHECKPW_FD, &f) != 0)
		return ((int)checkpw_fault(&f));
	if (file_bytes_read(&text, o.file, FILE_MAX, NULL, &f) != 0)
		status = checkpw_fault(&f);
	else
		status = judge(&c, find(&e, bytes_span(&text), c.user) ? &e : NULL, o.file, &f);
	file_bytes_free(&text);
	wipe(&e, sizeof(e));
	checkpw_wipe(&c);
	return ((int)status);
}
