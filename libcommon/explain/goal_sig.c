/* Signatures by hand (RFC 2409 section 5.1, RFC 4754): the padded block of RSA, r and s of ECDSA. */
#include "explain/goal_sig.h"

#define BLOCK_OVERHEAD	11	/* 00 01, eight FF at least, 00 (RFC 8017 section 9.2) */
#define RSA_LEN_MAX	(SIGN_RSA_BITS_MAX / 8)

static struct step *
add(struct calc *c, const char *name, const char *formula, const char *section, struct span value, struct fault *f)
{
	struct step *s = steps_add(c->steps, f);

	if (s == NULL)
		return (NULL);
	s->name = name;
	s->formula = formula;
	s->section = section;
	if (secret_set(&s->out, value) == 0)
		return (s);
	(void)fault(f, FAULT_MEMORY, "no memory for a step");
	return (NULL);
}

/* Names ${value}, which step ${from} has, as an input of ${s}. 0, or -1. */
static int
input(struct step *s, const char *name, struct span value, unsigned from, struct fault *f)
{
	s->in[s->n].name = name;
	s->in[s->n].from = from;
	if (secret_set(&s->in[s->n++].value, value) == 0)
		return (0);
	return (fault(f, FAULT_MEMORY, "no memory for a step"));
}

static unsigned
number(const struct step *s)
{
	return (s != NULL ? s->number : 0);
}

/* PKCS#1 version 1.5, block type 1, around the bare hash: ${len} bytes of the modulus. 0, or -1: it does not fit. */
static int
block_make(uint8_t *out, size_t len, struct span hash, struct fault *f)
{
	if (len < hash.len + BLOCK_OVERHEAD)
		return (fault(f, FAULT_CONFIG, "a key of %zu bytes cannot sign %zu bytes", len, hash.len));
	memset(out, 0xff, len);
	out[0] = 0;
	out[1] = 1;
	out[len - hash.len - 1] = 0;
	memcpy(out + len - hash.len, hash.p, hash.len);
	return (0);
}

/* Makes the signature, with its steps. */
static int
make(struct calc *c, const struct goal_sig *in, unsigned hash, struct bytes *sig, struct fault *f)
{
	const bool rsa = sign_key_kind(in->key) == SIGN_RSA, dss = sign_key_kind(in->key) == SIGN_DSS;
	uint8_t block[RSA_LEN_MAX];
	struct step *s;
	unsigned from = hash;

	if (sign_make(in->key, in->hash, sig, f) != 0)
		return (-1);
	if (rsa) {
		if (sig->len > sizeof(block) || block_make(block, sig->len, in->hash, f) != 0)
			return (-1);
		if ((s = add(c, "block", "00 | 01 | FF ... FF | 00 | HASH, as long as the modulus n", "RFC 8017, 9.2",
		    span_of(block, sig->len), f)) == NULL || input(s, "HASH", in->hash, hash, f) != 0)
			return (-1);
		step_note(s->note, "block type 1 of PKCS#1; the hash is bare, without DigestInfo (RFC 2409, 5.1)");
		from = number(s);
	}
	if ((s = add(c, "SIG", rsa ? "block ^ d mod n" : dss ? "r | s, the signature of DSS over HASH" :
	    "r | s, the signature of ECDSA over HASH", rsa ? "RFC 8017, 5.2.1" : dss ? "RFC 2409, 5.1" : "RFC 4754, 3",
	    bytes_span(sig), f)) == NULL)
		return (-1);
	if (dss)
		step_note(s->note, "r and s have %zu bytes each: those of q; the hash, of SHA-1, is not hashed again",
		    sig->len / 2);
	else if (!rsa)
		step_note(s->note, "r and s have %zu bytes each: those of the curve's order; the hash is not hashed again",
		    sig->len / 2);
	return (input(s, rsa ? "block" : "HASH", rsa ? span_of(block, sig->len) : in->hash, from, f));
}

/* RSA: the block that the signature contains, compared with the one that the hash gives. */
static int
show_block(struct calc *c, const struct goal_sig *in, struct span sig, unsigned from, bool good, struct fault *f)
{
	uint8_t block[RSA_LEN_MAX];
	struct bytes got = {0};
	struct step *s;
	int rc = -1;

	if (sign_recover(in->cert, sig, &got, f) != 0)
		return (f->code == FAULT_MEMORY ? -1 : 0);	/* as long as another modulus, or larger: not by this key */
	s = add(c, "block", "SIG ^ e mod n", "RFC 8017, 5.2.2", bytes_span(&got), f);
	if (s != NULL && input(s, "SIG", sig, from, f) == 0 && (got.len > sizeof(block) ||
	    block_make(block, got.len, in->hash, f) == -1 ||
	    step_hold(s, "as the hash gives it", span_of(block, got.len), f) == 0)) {
		if (s->n_held > 0 && !s->held[0].same && good) {
			s->held[0].other = true;
			step_note(s->note, "a DigestInfo is around the hash, which some peers send; RFC 2409 has the bare hash");
		} else
			step_note(s->note, "the hash gives 00 | 01 | FF ... FF | 00 | HASH (RFC 8017, 9.2)");
		rc = 0;
	}
	bytes_free(&got);
	return (rc);
}

/* Checks the signature; the verdict is a result. */
static int
check(struct calc *c, const struct goal_sig *in, struct span sig, unsigned hash, unsigned from, struct fault *f)
{
	enum sign_kind kind = cert_kind(in->cert);
	bool good = sign_check(in->cert, kind, in->hash, sig);
	struct step *s;

	if (kind == SIGN_RSA && show_block(c, in, sig, from, good, f) != 0)
		return (-1);
	if (kind != SIGN_RSA) {
		if ((s = add(c, "check", kind == SIGN_DSS ? "DSS by the certificate's key, of HASH and r | s" :
		    "ECDSA by the certificate's key, of HASH and r | s", kind == SIGN_DSS ? "RFC 2409, 5.1" : "RFC 4754, 3",
		    span_of(&(uint8_t){ good }, 1), f)) == NULL ||
		    input(s, "HASH", in->hash, hash, f) != 0 || input(s, "SIG", sig, from, f) != 0)
			return (-1);
		s->wrong = !good;
		step_note(s->note, good ? "1: it fits" : "0: it does not fit");
	}
	if (calc_result_text(c, "check", good ? "yes" : "no", f) != 0)
		return (-1);
	if (good)
		return (0);
	(void)fault(f, FAULT_AUTH_FAILED, "it is no signature by the %s key of this certificate over this hash",
	    sign_kind_name(kind));
	return (fault_because(f, CAUSE_SIGNATURE, -1));
}

int
goal_sig(struct calc *c, const struct goal_sig *in, struct fault *f)
{
	struct bytes made = {0};
	struct step *s;
	unsigned hash = 0, from = 0;
	int rc = -1;

	if (in->hash.len == 0)
		return (fault(f, FAULT_USAGE, "sig: missing --digest, HASH_I or HASH_R"));
	if ((in->key == NULL) == (in->sig.len == 0))
		return (fault(f, FAULT_USAGE, "sig: --key makes a signature, --sig is one: give one of them"));
	if (in->key == NULL && in->cert == NULL)
		return (fault(f, FAULT_USAGE, "sig: missing --cert, which checks the signature"));
	if ((s = add(c, "HASH", "HASH_I or HASH_R, from --digest", NULL, in->hash, f)) == NULL)
		return (-1);
	s->given = true;
	hash = s->number;
	if (in->key != NULL) {
		if (make(c, in, hash, &made, f) == 0 && (from = c->steps->v[c->steps->n - 1].number) > 0 &&
		    calc_result_bytes(c, "SIG", bytes_span(&made), f) == 0)
			rc = 0;
	} else if ((s = add(c, "SIG", "from --sig", NULL, in->sig, f)) != NULL) {
		s->given = true;
		from = s->number;
		rc = 0;
	}
	if (rc == 0 && in->cert != NULL)
		rc = check(c, in, in->key != NULL ? bytes_span(&made) : in->sig, hash, from, f);
	bytes_free(&made);
	return (rc);
}
