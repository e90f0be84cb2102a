/* Reads certificates, keys and CRLs that options name. */
#include "tool/creds_opt.h"

#include <errno.h>

#include "base/hex.h"
#include "cli/secret_file.h"
#include "tool/token.h"

#define CERT_FILE_MAX	((size_t)4 * 1024 * 1024)	/* bytes of a file of certificates */

const struct opt creds_optab[] = {
	OPT_LIST(struct creds_opts, cert, 0, "cert", "FILE",
	    "our certificate and the chain above it: PEM, DER, PKCS#7 or PKCS#12"),
	OPT_STR(struct creds_opts, key, 0, "key", "FILE",
	    "our private key, PEM or DER: a file, '-', fd:N or env:NAME, or pkcs11:URI (default: that of a PKCS#12)"),
	OPT_STR(struct creds_opts, passphrase, 0, "key-passphrase", "FILE",
	    "passphrase of the key or the PKCS#12, or PIN of the token: a file, '-', fd:N, env:NAME, or tty for a prompt"),
	OPT_LIST(struct creds_opts, ca, 0, "ca", "FILE",
	    "certificates of the authorities that may issue the peer's"),
	OPT_LIST(struct creds_opts, crl, 0, "crl", "FILE",
	    "revocation lists of these authorities; then each peer's issuer must have one"),
	OPT_LIST(struct creds_opts, peer_cert, 0, "peer-cert", "FILE",
	    "the peer's certificate, trusted without an authority"),
	OPT_LIST(struct creds_opts, peer_hash, 0, "peer-cert-hash", "HEX",
	    "SHA-256 of the peer's certificate, trusted without an authority"),
	OPT_CHOICE(struct creds_opts, policy, 0, "cert-policy", "always|asked|never",
	    "when we send our certificates"),
	OPT_END
};

#define PASSPHRASE	"passphrase of the private key"
#define PIN		"PIN of the token"

/* Where the files are, and the passphrase once it is known. */
struct reading {
	struct creds		*c;
	const struct creds_opts	*o;
	const char		*beside;
	struct secret		 pass;
	bool			 has_pass;
};

/* What the file of an option is for, if it does not exist. */
static enum fault_cause
absent(const char *option)
{
	if (strcmp(option, "cert") == 0)
		return (CAUSE_CERT_FILE);
	if (strcmp(option, "key") == 0)
		return (CAUSE_KEY_FILE);
	return (strcmp(option, "key-passphrase") == 0 ? CAUSE_PASSPHRASE_FILE : CAUSE_TRUST_FILE);
}

static int
bad(struct fault *f, const char *option, const char *from)
{
	fault_option(f, option);
	if (f->code == FAULT_SECRET_FILE && f->sys == ENOENT)
		(void)fault_because(f, absent(option), -1);
	if (from != NULL)
		fault_where(f, "%s", from);
	/* To the user a file with a mistake is a bad configuration. */
	if (f->code == FAULT_MALFORMED || f->code == FAULT_TOO_LARGE)
		f->code = FAULT_CONFIG;
	return (-1);
}

/* Asks for the passphrase once; it serves all that needs one. */
static int
need_pass(struct reading *r, const char *what, struct fault *f)
{
	const char *option = "key-passphrase";

	if (r->has_pass)
		return (0);
	if (secret_file_read(&r->pass, r->o->passphrase, SECRET_RAW, what, r->beside, f) != 0) {
		if (f->cause == CAUSE_NO_TERMINAL)
			(void)fault_because(f, CAUSE_PASSPHRASE, fault(f, FAULT_SECRET_FILE, "the private key is encrypted, "
			    "and there is no terminal to ask for its %s on", strcmp(what, PIN) == 0 ? "PIN" : "passphrase"));
		return (bad(f, option, NULL));
	}
	r->has_pass = true;
	return (0);
}

/* A PKCS#12: its key, unless there is one, and its certificates. FAULT_MALFORMED: it is none. */
static int
read_p12(struct reading *r, struct span data, struct fault *f)
{
	struct sign_key *key = NULL;
	bool locked;
	int rc = sign_p12_read(&key, &r->c->own, data, SPAN_NONE, &locked, f);

	if (rc != 0 && locked) {
		if (need_pass(r, PASSPHRASE, f) != 0)
			return (-1);
		rc = sign_p12_read(&key, &r->c->own, data, secret_span(&r->pass), &locked, f);
	}
	if (r->c->key == NULL && r->o->key == NULL)
		r->c->key = key;
	else
		sign_key_free(key);
	return (rc);
}

static int
take_own(struct reading *r, struct span data, struct fault *f)
{
	struct fault why;

	if (certs_add_file(&r->c->own, data, CERTS_FILE_MAX, f) == 0)
		return (0);
	why = *f;
	if (read_p12(r, data, f) == 0)
		return (0);
	if (f->code == FAULT_MALFORMED)
		*f = why;
	return (-1);
}

static int
take_ca(struct reading *r, struct span data, struct fault *f)
{
	size_t i = r->c->ca.n;

	if (certs_add_file(&r->c->ca, data, CERTS_FILE_MAX, f) != 0)
		return (-1);
	for (; i < r->c->ca.n; i++)
		if (!cert_is_ca(r->c->ca.c[i]))
			return (fault_because(f, CAUSE_NO_CA, fault(f, FAULT_CONFIG,
			    "a certificate in it is not an authority's: it has no basicConstraints with CA")));
	return (0);
}

static int
take_crl(struct reading *r, struct span data, struct fault *f)
{
	return (crls_add_file(&r->c->crls, data, f));
}

static int
take_peer(struct reading *r, struct span data, struct fault *f)
{
	return (certs_add_file(&r->c->pinned, data, CERTS_FILE_MAX, f));
}

/* Hands each file of a list option to ${take}. */
static int
read_list(struct reading *r, const struct opt_list *files, const char *option, size_t max,
    int (*take)(struct reading *, struct span, struct fault *), struct fault *f)
{
	struct bytes data = {0};
	size_t i;

	for (i = 0; i < files->n; i++) {
		if (file_bytes_read(&data, files->v[i], max, r->beside, f) != 0)
			return (bad(f, option, NULL));
		if (take(r, bytes_span(&data), f) != 0) {
			file_bytes_free(&data);
			return (bad(f, option, files->v[i]));
		}
		file_bytes_free(&data);
	}
	return (0);
}

static int
read_key(struct reading *r, struct fault *f)
{
	struct secret data = {0};
	bool locked = false;
	int rc;

	if (r->o->key == NULL)
		return (0);
	if (strncmp(r->o->key, TOKEN_SCHEME, strlen(TOKEN_SCHEME)) == 0) {
		if (need_pass(r, PIN, f) != 0)
			return (-1);
		return (token_open(&r->c->key, r->o->key, secret_span(&r->pass), f) == 0 ? 0 : bad(f, "key", NULL));
	}
	rc = secret_file_bytes(&data, r->o->key, r->beside, f);
	if (rc == 0)
		rc = sign_key_read(&r->c->key, secret_span(&data), SPAN_NONE, &locked, f);
	if (rc != 0 && locked) {
		rc = need_pass(r, PASSPHRASE, f);
		if (rc == 0)
			rc = sign_key_read(&r->c->key, secret_span(&data), secret_span(&r->pass), &locked, f);
	}
	secret_free(&data);
	return (rc == 0 ? 0 : bad(f, "key", r->o->key));
}

/* "AB:CD:..." or "abcd...", as openssl x509 -fingerprint -sha256 and sha256sum print it. */
static int
take_hash(struct creds *c, const char *text, struct fault *f)
{
	char hex[2 * TRUST_HASH_LEN + 1];
	size_t n = 0;

	for (; *text != '\0' && n < sizeof(hex); text++)
		if (*text != ':')
			hex[n++] = *text;
	if (n != 2 * TRUST_HASH_LEN)
		return (fault(f, FAULT_CONFIG, "the SHA-256 of a certificate has %d hexadecimal digits", 2 * TRUST_HASH_LEN));
	hex[n] = '\0';
	if (c->n_hashes == TRUST_HASHES_MAX)
		return (fault(f, FAULT_CONFIG, "more than %d hashes", TRUST_HASHES_MAX));
	if (hex_get(c->hash[c->n_hashes], TRUST_HASH_LEN, hex) != TRUST_HASH_LEN)
		return (fault(f, FAULT_CONFIG, "'%.80s' is not hexadecimal", hex));
	c->n_hashes++;
	return (0);
}

/* The method of --auth with this key: RFC 4754 has one for each curve. */
static int
choose_method(struct ike_policy *p, struct fault *f)
{
	enum sign_kind kind = sign_key_kind(p->creds.key);
	const char *method = p->auths[0] == AUTH_ECDSA_256 ? "ecdsa" : p->auths[0] == AUTH_DSS_SIG ? "dss" : "for RSA";
	const char *of_key = kind == SIGN_RSA ? "for RSA" : kind == SIGN_DSS ? "dss" : "ecdsa";

	if (strcmp(method, of_key) != 0) {
		(void)fault(f, FAULT_CONFIG, "it is %s, and our private key is %s", method, sign_kind_name(kind));
		return (bad(f, "auth", NULL));
	}
	if (p->auths[0] == AUTH_ECDSA_256)
		p->auths[0] = kind == SIGN_EC256 ? AUTH_ECDSA_256 : kind == SIGN_EC384 ? AUTH_ECDSA_384 : AUTH_ECDSA_521;
	return (0);
}

static int
check_complete(const struct ike_policy *p, struct fault *f)
{
	const struct creds *c = &p->creds;
	bool trusts = c->ca.n > 0 || c->pinned.n > 0 || c->n_hashes > 0;

	/* The gateway has a key, its user a CA. */
	if (p->auths[0] == AUTH_HYBRID_INIT_RSA && (c->key != NULL ? c->own.n > 0 : trusts))
		return (0);
	if (c->key == NULL && p->auths[0] != AUTH_HYBRID_INIT_RSA) {
		(void)fault(f, FAULT_CONFIG, "there is none, and signatures need our private key");
		return (bad(f, "key", NULL));
	}
	if (c->own.n == 0 && c->key != NULL && p->cert_policy != CERT_NEVER) {
		(void)fault(f, FAULT_CONFIG, "there is none, and signatures need our certificate");
		return (bad(f, "cert", NULL));
	}
	if (!trusts) {
		(void)fault_because(f, CAUSE_NO_CA, fault(f, FAULT_CONFIG,
		    "there is none, and neither --peer-cert nor --peer-cert-hash: no certificate of the peer can be trusted"));
		return (bad(f, "ca", NULL));
	}
	return (0);
}

static int
read_trust(struct reading *r, struct fault *f)
{
	const struct creds_opts *o = r->o;

	if (read_list(r, &o->ca, "ca", CERT_FILE_MAX, take_ca, f) != 0 ||
	    read_list(r, &o->crl, "crl", TRUST_CRL_MAX, take_crl, f) != 0)
		return (-1);
	return (read_list(r, &o->peer_cert, "peer-cert", CERT_FILE_MAX, take_peer, f));
}

int
creds_trust_read(struct creds *c, const struct creds_opts *o, struct fault *f)
{
	struct reading r = { .c = c, .o = o };

	return (read_trust(&r, f));
}

static int
read_own(struct reading *r, struct fault *f)
{
	return (read_list(r, &r->o->cert, "cert", CERT_FILE_MAX, take_own, f) != 0 ? -1 : read_key(r, f));
}

int
creds_own_read(struct creds *c, const struct creds_opts *o, struct fault *f)
{
	struct reading r = { .c = c, .o = o };
	int rc = read_own(&r, f);

	secret_free(&r.pass);
	return (rc);
}

static int
build(struct reading *r, struct ike_policy *p, struct fault *f)
{
	const struct creds_opts *o = r->o;
	size_t i;

	if (read_own(r, f) != 0 || read_trust(r, f) != 0)
		return (-1);
	for (i = 0; i < o->peer_hash.n; i++)
		if (take_hash(&p->creds, o->peer_hash.v[i], f) != 0)
			return (bad(f, "peer-cert-hash", NULL));
	if (check_complete(p, f) != 0)
		return (-1);
	if (p->creds.own.n > 0 && p->creds.key != NULL && creds_order(&p->creds, f) != 0)
		return (bad(f, "key", o->key));
	return (p->creds.key != NULL ? choose_method(p, f) : 0);
}

int
creds_opts_build(struct ike_policy *p, const struct creds_opts *o, const char *beside, struct fault *f)
{
	struct reading r = { .c = &p->creds, .o = o, .beside = beside };
	int rc;

	p->cert_policy = (enum cert_policy)o->policy;
	rc = build(&r, p, f);
	secret_free(&r.pass);
	return (rc);
}
