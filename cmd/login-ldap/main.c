/* login-ldap: judges the users of XAuth by binding to a directory as the user. */
#include <ldap.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "cli/secret_file.h"
#include "tool/checkpw.h"

#define FILTER_MAX	2048	/* bytes of a filter with the user's name or DN in it */

struct opts {
	const char	*url, *base, *filter, *bind_dn, *bind_password;
	const char	*group_base, *group_filter, *group_attr;
	const char	*ca;
	uint32_t	 timeout_s;
	bool		 clear, need_group;
};

static const struct opt optab[] = {
	OPT_TOOL("judge users of XAuth by an LDAP directory"),
	OPT_USE("--url URL --base DN [OPTION]...  (as ike-respond --xauth-exec CMD)"),
	OPT_STR(struct opts, url, 0, "url", "URL", "ldap://HOST[:PORT] or ldaps://; several with blanks between are tried in order"),
	OPT_STR(struct opts, base, 0, "base", "DN", "where users are searched"),
	OPT_STR(struct opts, filter, 0, "filter", "FILTER", "for the user, whose name is %u"),
	OPT_STR(struct opts, bind_dn, 0, "bind-dn", "DN", "search as this one (default: anonymous)"),
	OPT_STR(struct opts, bind_password, 0, "bind-password-file", "FILE", "its password: a file, fd:N or env:NAME"),
	OPT_STR(struct opts, group_base, 0, "group-base", "DN", "where groups are searched (default: no groups)"),
	OPT_STR(struct opts, group_filter, 0, "group-filter", "FILTER", "for groups of the user, whose DN is %d"),
	OPT_STR(struct opts, group_attr, 0, "group-attribute", "NAME", "attribute with the name of the group"),
	OPT_FLAG(struct opts, need_group, 0, "require-group", "reject a user that is in no group"),
	OPT_STR(struct opts, ca, 0, "ca", "FILE", "authorities of the server's certificate, PEM (default: the system's)"),
	OPT_FLAG(struct opts, clear, 0, "clear", "send passwords without TLS to an ldap:// server"),
	OPT_NUM(struct opts, timeout_s, 0, "timeout", "S", 1, 30, "seconds for each step"),
	OPT_END
};

static int
refuse(struct fault *f, const char *what, int rc)
{
	enum fault_code code = rc == LDAP_SERVER_DOWN || rc == LDAP_TIMEOUT || rc == LDAP_CONNECT_ERROR ? FAULT_NO_REPLY :
	    FAULT_PROTOCOL;

	return (fault(f, code, "%s: %s", what, ldap_err2string(rc)));
}

/* Certificates are always checked. */
static int
set_tls(LDAP *ld, const struct opts *o)
{
	int demand = LDAP_OPT_X_TLS_DEMAND, new_ctx = 0;

	if (ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != 0 ||
	    (o->ca != NULL && ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, o->ca) != 0))
		return (-1);
	return (ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &new_ctx));
}

static int
open_ldap(LDAP **ld, const struct opts *o, struct fault *f)
{
	const struct timeval limit = { .tv_sec = o->timeout_s };
	int version = LDAP_VERSION3, rc;

	if ((rc = ldap_initialize(ld, o->url)) != LDAP_SUCCESS)
		return (fault(f, FAULT_USAGE, "--url %.100s: %s", o->url, ldap_err2string(rc)));
	(void)ldap_set_option(*ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	(void)ldap_set_option(*ld, LDAP_OPT_NETWORK_TIMEOUT, &limit);
	(void)ldap_set_option(*ld, LDAP_OPT_TIMEOUT, &limit);
	(void)ldap_set_option(*ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	if (set_tls(*ld, o) != 0)
		return (fault(f, FAULT_CONFIG, "TLS cannot be set up: is --ca right?"));
	if (o->clear || strncmp(o->url, "ldap://", 7) != 0)
		return (0);
	if ((rc = ldap_start_tls_s(*ld, NULL, NULL)) != LDAP_SUCCESS)
		return (refuse(f, "StartTLS", rc));
	return (0);
}

static int
bind_as(LDAP *ld, const char *dn, const struct secret *password)
{
	struct berval cred = { .bv_len = password->len, .bv_val = (char *)password->p };

	return (ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL));
}

/* Copies ${filter} with ${value}, escaped (RFC 4515), in place of each %${letter}. 0 or -1. */
static int
expand(char out[FILTER_MAX], const char *filter, char letter, const char *value, struct fault *f)
{
	struct berval in = { .bv_len = strlen(value), .bv_val = (char *)(uintptr_t)value }, escaped = {0};
	size_t n = 0;
	int rc = ldap_bv2escaped_filter_value(&in, &escaped);

	for (; rc == 0 && *filter != '\0'; filter++)
		if (filter[0] == '%' && filter[1] == letter) {
			if (n + escaped.bv_len >= FILTER_MAX)
				rc = -1;
			else
				memcpy(out + n, escaped.bv_val, escaped.bv_len);
			n += escaped.bv_len;
			filter++;
		} else if (n + 1 >= FILTER_MAX)
			rc = -1;
		else
			out[n++] = *filter;
	ldap_memfree(escaped.bv_val);
	if (rc != 0)
		return (fault(f, FAULT_TOO_LARGE, "a filter is too long"));
	out[n] = '\0';
	return (0);
}

/* At most two entries: one too many is as bad as more. */
static int
search(LDAP *ld, const struct opts *o, const char *base, const char *filter, char *attr, LDAPMessage **got,
    struct fault *f)
{
	struct timeval limit = { .tv_sec = o->timeout_s };
	char *attrs[] = { attr, NULL };
	int rc = ldap_search_ext_s(ld, base, LDAP_SCOPE_SUBTREE, filter, attrs, 0, NULL, NULL, &limit, 2, got);

	if (rc != LDAP_SUCCESS && rc != LDAP_SIZELIMIT_EXCEEDED)
		return (refuse(f, "the search", rc));
	return (0);
}

/* The DN of the user, to be freed by ldap_memfree(). NULL with a fault: FAULT_AUTH_FAILED, there is none. */
static char *
find_user(LDAP *ld, const struct opts *o, const char *user, struct fault *f)
{
	static char none[] = LDAP_NO_ATTRS;
	LDAPMessage *got = NULL;
	char filter[FILTER_MAX], *dn = NULL;
	int n;

	if (expand(filter, o->filter, 'u', user, f) != 0)
		return (NULL);
	if (search(ld, o, o->base, filter, none, &got, f) == 0) {
		n = ldap_count_entries(ld, got);
		if (n == 1)
			dn = ldap_get_dn(ld, ldap_first_entry(ld, got));
		else
			(void)fault(f, FAULT_AUTH_FAILED, n > 1 ? "several entries are of this user" : "there is no such user");
	}
	ldap_msgfree(got);
	return (dn);
}

/* Prints the first group of the user. 0, or -1: there is none, and one is needed. */
static int
tell_group(LDAP *ld, const struct opts *o, const char *dn, struct fault *f)
{
	LDAPMessage *got = NULL, *e;
	struct berval **v = NULL;
	char filter[FILTER_MAX];
	int rc = 0;

	if (o->group_base == NULL)
		return (0);
	if (expand(filter, o->group_filter, 'd', dn, f) != 0 ||
	    search(ld, o, o->group_base, filter, (char *)(uintptr_t)o->group_attr, &got, f) != 0)
		return (-1);
	if ((e = ldap_first_entry(ld, got)) != NULL)
		v = ldap_get_values_len(ld, e, o->group_attr);
	if (v != NULL && v[0] != NULL && memchr(v[0]->bv_val, '\0', v[0]->bv_len) == NULL && checkpw_is_group(v[0]->bv_val))
		checkpw_print("group", v[0]->bv_val, v[0]->bv_len);
	else if (o->need_group)
		rc = fault(f, FAULT_AUTH_FAILED, "the user is in no group");
	ldap_value_free_len(v);
	ldap_msgfree(got);
	return (rc);
}

/* Directories answer an empty password with yes: it means an anonymous bind (RFC 4513 section 5.1.2). */
static int
judge_user(LDAP *ld, const struct opts *o, const struct checkpw *c, const struct secret *service, struct fault *f)
{
	char *dn;
	int rc;

	if (c->password.len == 0)
		return (fault(f, FAULT_AUTH_FAILED, "the password is empty"));
	if ((rc = bind_as(ld, o->bind_dn, service)) != LDAP_SUCCESS)
		return (rc == LDAP_INVALID_CREDENTIALS ? fault(f, FAULT_CONFIG, "the server rejects --bind-dn or its password") :
		    refuse(f, "the server", rc));
	if ((dn = find_user(ld, o, c->user, f)) == NULL)
		return (-1);
	if ((rc = bind_as(ld, dn, &c->password)) != LDAP_SUCCESS) {
		ldap_memfree(dn);
		return (rc == LDAP_INVALID_CREDENTIALS || rc == LDAP_UNWILLING_TO_PERFORM || rc == LDAP_CONSTRAINT_VIOLATION ||
		    rc == LDAP_INSUFFICIENT_ACCESS ? fault(f, FAULT_AUTH_FAILED, "the directory rejects the user: %s",
		    ldap_err2string(rc)) : refuse(f, "the server", rc));
	}
	rc = bind_as(ld, o->bind_dn, service) == LDAP_SUCCESS ? tell_group(ld, o, dn, f) :
	    fault(f, FAULT_PROTOCOL, "the server takes back --bind-dn");
	ldap_memfree(dn);
	return (rc);
}

static enum checkpw_status
run(const struct opts *o, const struct checkpw *c)
{
	struct secret service = {0};
	struct fault f = {0};
	LDAP *ld = NULL;
	int rc = 0;

	if (c->has_chap)
		rc = fault(&f, FAULT_CONFIG, "a directory gives no password away, which --xauth-type chap needs");
	if (rc == 0 && o->bind_dn != NULL)
		rc = secret_file_read(&service, o->bind_password, SECRET_RAW, "password of --bind-dn", NULL, &f);
	if (rc == 0)
		rc = open_ldap(&ld, o, &f);
	if (rc == 0)
		rc = judge_user(ld, o, c, &service, &f);
	if (ld != NULL)
		(void)ldap_unbind_ext_s(ld, NULL, NULL);
	secret_free(&service);
	return (rc == 0 ? CHECKPW_YES : checkpw_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct opts o = {
		.filter = "(uid=%u)", .timeout_s = 5, .group_attr = "cn",
		.group_filter = "(|(member=%d)(uniqueMember=%d))",
	};
	struct fault f = {0};
	struct checkpw c;
	enum checkpw_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	if (o.url == NULL || o.base == NULL || (o.bind_dn != NULL && o.bind_password == NULL)) {
		(void)fault(&f, FAULT_USAGE, o.url == NULL || o.base == NULL ? "--url URL and --base DN are required" :
		    "--bind-dn needs --bind-password-file");
		return ((int)checkpw_fault(&f));
	}
	if (checkpw_read(&c, CHECKPW_FD, &f) != 0)
		return ((int)checkpw_fault(&f));
	status = run(&o, &c);
	checkpw_wipe(&c);
	return ((int)status);
}
