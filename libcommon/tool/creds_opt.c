/* Reads certificates, keys and CRLs that options name. */
#include "tool/creds_opt.h"

#include "cli/secret_file.h"

static int
bad(struct fault *f, const char *option, const char *from)
{
	fault_option(f, option);
	if (from != NULL)
		fault_where(f, "%s", from);
	return (-1);
}

/* Files of a list option, each handed to ${add}. */
static int
read_certs(struct certs *l, const struct opt_list *files, const char *option, const char *beside, struct fault *f)
{
	struct secret data = {0};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < files->n; i++) {
		rc = secret_file_bytes(&data, files->v[i], false, beside, f);
		if (rc == 0)
			rc = certs_add_file(l, secret_span(&data), CERTS_FILE_MAX, f);
		if (rc != 0 && f->code == FAULT_MALFORMED)
			f->code = FAULT_CONFIG;
		if (rc != 0)
			(void)bad(f, option, files->v[i]);
	}
	secret_free(&data);
	return (rc);
}

/* The private key; the passphrase is read, or asked for, only if it needs one. */
static int
read_key(struct ike_policy *p, const struct policy_opts *o, const char *beside, struct fault *f)
{
	struct secret data = {0}, pass = {0};
	bool locked = false;
	int rc;

	if (o->key == NULL) {
		(void)fault(f, FAULT_CONFIG, "this --auth needs our private key");
		return (bad(f, "key", NULL));
	}
	rc = secret_file_bytes(&data, o->key, true, beside, f);
	if (rc == 0)
		rc = sign_key_read(&p->creds.key, secret_span(&data), SPAN_NONE, &locked, f);
	secret_free(&pass);
	secret_free(&data);
	return (rc == 0 ? 0 : bad(f, "key", o->key));
}

/* The method of --auth with this key: RFC 4754 has one for each curve. */
static int
choose_method(struct ike_policy *p, struct fault *f)
{
	enum sign_kind kind = sign_key_kind(p->creds.key);
	bool ecdsa = p->auths[0] != AUTH_RSA_SIG;

	if (ecdsa == (kind == SIGN_RSA)) {
		(void)fault(f, FAULT_CONFIG, "--auth is %s, and the private key is %s", ecdsa ? "ecdsa" : "rsa",
		    sign_kind_name(kind));
		return (bad(f, "auth", NULL));
	}
	if (ecdsa)
		p->auths[0] = kind == SIGN_EC256 ? AUTH_ECDSA_256 : kind == SIGN_EC384 ? AUTH_ECDSA_384 : AUTH_ECDSA_521;
	return (0);
}

int
creds_opts_build(struct ike_policy *p, const struct policy_opts *o, const char *beside, struct fault *f)
{
	if (read_certs(&p->creds.own, &o->cert, "cert", beside, f) != 0 || read_key(p, o, beside, f) != 0 ||
	    read_certs(&p->creds.ca, &o->ca, "ca", beside, f) != 0)
		return (-1);
	if (p->creds.own.n == 0) {
		(void)fault(f, FAULT_CONFIG, "this --auth needs our certificate");
		return (bad(f, "cert", NULL));
	}
	if (p->creds.ca.n == 0) {
		(void)fault(f, FAULT_CONFIG, "this --auth needs the CA of the peer's certificate");
		return (bad(f, "ca", NULL));
	}
	if (creds_order(&p->creds, f) != 0)
		return (bad(f, "key", o->key));
	return (choose_method(p, f));
}
