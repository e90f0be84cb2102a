/* The results of skeyid-calc dh: in a group of IKE, or with small numbers. */
#include "explain/goal_dh.h"

#include <stdio.h>
#include <string.h>

/* --- p and g of a group --- */

static const char *
section_of(const struct alg_group *g)
{
	switch (g->num) {
	case 1:
		return ("RFC 2409, 6.1");
	case 2:
		return ("RFC 2409, 6.2");
	case 19:
	case 20:
	case 21:
		return ("RFC 5903, 3");
	case 22:
	case 23:
	case 24:
		return ("RFC 5114, 2");
	case 31:
		return ("RFC 7748, 4.1");
	default:
		return ("RFC 3526");
	}
}

static int
constant(struct calc *c, enum val v, struct span value, const char *how, struct fault *f)
{
	struct step *s = calc_given(c, v, value, how, f);

	if (s == NULL)
		return (-1);
	(void)snprintf(s->of, sizeof(s->of), "%s", c->group->word);
	s->section = section_of(c->group);
	return (0);
}

static int
show_group(struct calc *c, struct fault *f)
{
	struct secret p = {0}, g = {0};
	unsigned n = c->group->num;
	const char *base = n == 31 ? "the base point of the curve, u" :
	    n >= 19 && n <= 21 ? "the base point of the curve, x | y" : "the generator of the group";
	int rc = dh_constants(c->group, &p, &g, f);

	if (rc == 0)
		rc = constant(c, V_PRIME, secret_span(&p), dh_is_modp(c->group) ? "the prime of the group" :
		    "the prime of the curve's field", f);
	if (rc == 0)
		rc = constant(c, V_GENERATOR, secret_span(&g), base, f);
	secret_free(&p);
	secret_free(&g);
	return (rc);
}

/* --- numbers --- */

/* FAULT_USAGE unless ${v}, if known, is within ${least} to p - ${below}. */
static int
within(const struct calc *c, enum val v, uint8_t least, uint8_t below, struct fault *f)
{
	uint8_t top[DH_NUMBER_MAX];
	size_t n = c->v[V_PRIME].len;

	if (!c->has[v])
		return (0);
	/* p is odd and at least 5. */
	memcpy(top, c->v[V_PRIME].p, n);
	if (top[n - 1] >= below)
		top[n - 1] = (uint8_t)(top[n - 1] - below);
	else {
		top[n - 1] = (uint8_t)(top[n - 1] - below);
		for (n--; n > 0 && top[n - 1]-- == 0; n--)
			;
	}
	if (number_cmp(secret_span(&c->v[v]), span_of(&least, 1)) < 0 ||
	    number_cmp(secret_span(&c->v[v]), span_of(top, c->v[V_PRIME].len)) > 0)
		return (fault(f, FAULT_USAGE, "%s: %s is not within %u to p-%u", calc_option(v), calc_name(c, v),
		    least, below));
	return (0);
}

static int
check_numbers(struct calc *c, struct fault *f)
{
	static const uint8_t five = 5;
	char text[NUMBER_TEXT];
	int rc;

	if (!c->has[V_PRIME] || !c->has[V_GENERATOR])
		return (fault(f, FAULT_USAGE, "dh: missing %s", calc_option(c->has[V_PRIME] ? V_GENERATOR : V_PRIME)));
	if (number_cmp(secret_span(&c->v[V_PRIME]), span_of(&five, 1)) < 0)
		return (fault(f, FAULT_USAGE, "--prime: %s is too small: the smallest prime here is 5",
		    number_text(text, secret_span(&c->v[V_PRIME]), c->base)));
	if ((rc = dh_number_prime(secret_span(&c->v[V_PRIME]), f)) != 1)
		return (rc == -1 ? -1 : fault(f, FAULT_USAGE, "--prime: %.40s%s is no prime",
		    number_text(text, secret_span(&c->v[V_PRIME]), c->base), strlen(text) > 40 ? "..." : ""));
	return (within(c, V_GENERATOR, 2, 2, f) == 0 && within(c, V_PRIVATE, 1, 2, f) == 0 &&
	    within(c, V_PEER_PRIVATE, 1, 2, f) == 0 && within(c, V_PUBLIC, 1, 1, f) == 0 ? 0 : -1);
}

/* Notes at ${v}, a public value, that an exchange would reject it. */
static void
note_weak(struct calc *c, enum val v)
{
	struct step *s = calc_step_of(c, v);
	struct fault f;

	if (c->has[v] && within(c, v, 2, 2, &f) != 0 && s != NULL)
		step_note(s->note, "1 and p-1 are no secure public values: an exchange rejects them");
}

static int
show_numbers(struct calc *c, struct fault *f)
{
	static const enum val all[] = { V_PRIME, V_GENERATOR };
	struct secret copy = {0};
	size_t i;
	int rc = 0;

	for (i = 0; i < 2 && rc == 0; i++) {
		rc = secret_set(&copy, secret_span(&c->v[all[i]])) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for a number");
		if (rc == 0 && calc_given(c, all[i], secret_span(&copy), calc_option(all[i]), f) == NULL)
			rc = -1;
	}
	secret_free(&copy);
	return (rc);
}

/* --- both --- */

/* The peer calculates g^xy from its own private value: compares both. */
static int
compare_ends(struct calc *c, struct fault *f)
{
	struct secret theirs = {0};
	struct dh *d = NULL;
	struct step *s;
	int rc;

	if (c->base != NUMBER_NONE)
		rc = dh_number_power(secret_span(&c->v[V_GX]), secret_span(&c->v[V_PEER_PRIVATE]),
		    secret_span(&c->v[V_PRIME]), &theirs, f);
	else if ((d = dh_from_private(c->group, secret_span(&c->v[V_PEER_PRIVATE]), f)) == NULL)
		rc = -1;
	else
		rc = dh_shared(d, secret_span(&c->v[V_GX]), &theirs, f);
	if (rc == 0 && (s = calc_step_of(c, V_GXY)) != NULL)
		rc = step_hold(s, "at the peer: (g^x) ^ y", secret_span(&theirs), f);
	dh_free(d);
	secret_free(&theirs);
	return (rc);
}

static int
results(struct calc *c, const char *own, struct fault *f)
{
	int rc = 0;

	/* A random private value is a result too: without it the public one is useless. */
	if (!c->has[V_PRIVATE])
		rc = calc_result(c, V_PRIVATE, NULL, f);
	if (rc != -1)
		rc = calc_result(c, V_GX, own, f);
	if (rc != -1 && c->has[V_PEER_PRIVATE])
		rc = calc_result(c, V_PUBLIC, NULL, f);
	if (rc != -1 && c->has[V_PUBLIC])
		rc = calc_result(c, V_GXY, NULL, f);
	return (rc);
}

int
goal_dh(struct calc *c, struct fault *f)
{
	const char *own = c->has[V_GXR] ? "g^xi" : c->has[V_GXI] ? "g^xr" : NULL;
	enum val peer = c->has[V_GXR] ? V_GXR : V_GXI;
	int rc;

	/* --gxi and --gxr name the peer's end, and so our own. */
	if (c->has[V_GXI] + c->has[V_GXR] + c->has[V_PUBLIC] + c->has[V_PEER_PRIVATE] > 1)
		return (fault(f, FAULT_USAGE, "dh: one public value is expected, the peer's: give one of --public, --gxi, --gxr and --peer-private"));
	if (own != NULL && calc_set(c, V_PUBLIC, secret_span(&c->v[peer]), f) == -1)
		return (-1);
	if (c->base != NUMBER_NONE)
		rc = check_numbers(c, f) == 0 ? show_numbers(c, f) : -1;
	/* The exchange rejects a public value that is not whole, and so does this. */
	else if (c->group != NULL && c->has[V_PUBLIC] && c->v[V_PUBLIC].len < c->group->pub_len)
		return (fault(f, FAULT_MALFORMED, "public value of %zu bytes, %s has %u: a number that lost its "
		    "leading zeros needs them (00)", c->v[V_PUBLIC].len, c->group->word, c->group->pub_len));
	else
		rc = c->group != NULL ? show_group(c, f) : 0;
	if (rc == 0)
		rc = results(c, own, f);
	if (rc != -1 && c->has[V_GXY] && c->has[V_PEER_PRIVATE])
		rc = compare_ends(c, f);
	if (rc != -1 && c->base != NUMBER_NONE) {
		note_weak(c, V_GX);
		note_weak(c, V_PUBLIC);
	}
	return (rc == -1 ? -1 : 0);
}
