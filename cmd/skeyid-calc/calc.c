#include "calc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "rules.h"

/* Names as RFC 2408, 2409 and 3947 spell them; lengths in bytes, max 0: any. */
static const struct {
	const char	*name, *option;
	size_t		 min, max;
} infos[V_COUNT] = {
	[V_NI] = { "Ni_b", "--ni", 1, 0 },
	[V_NR] = { "Nr_b", "--nr", 1, 0 },
	[V_GXI] = { "g^xi", "--gxi", 1, 0 },
	[V_GXR] = { "g^xr", "--gxr", 1, 0 },
	[V_GXY] = { "g^xy", "--gxy", 1, 0 },
	[V_CKY_I] = { "CKY-I", "--cky-i", 8, 8 },
	[V_CKY_R] = { "CKY-R", "--cky-r", 8, 8 },
	[V_PSK] = { "pre-shared-key", "--psk", 1, 0 },
	[V_SAI] = { "SAi_b", "--sai", 1, 0 },
	[V_IDI] = { "IDii_b", "--idi", 4, 0 },
	[V_IDR] = { "IDir_b", "--idr", 4, 0 },
	[V_SPI] = { "SPI", "--spi", 4, 4 },
	[V_MID] = { "M-ID", "--mid", 4, 4 },
	[V_MESSAGE] = { "message", "--message", 1, 0 },
	[V_LAST] = { "last block of phase 1", "--last", 8, 16 },
	[V_PREVIOUS] = { "previous message", "--previous", 8, 0 },
	[V_PUBLIC] = { "g^y", "--public", 1, 0 },
	[V_SECRET] = { "secret", "--secret", 1, 0 },
	[V_TEXT] = { "text", "--text", 1, 0 },
	[V_VID] = { "VID", "--vid", 1, 0 },
	[V_CERT] = { "certificate", "--cert", 1, 0 },
	[V_BODY] = { "body", "--body", 1, 0 },
	[V_CIPHERTEXT] = { "ciphertext", "--ciphertext", 8, 0 },
	[V_SKEYID] = { "SKEYID", "--skeyid", 1, 0 },
	[V_SKEYID_D] = { "SKEYID_d", "--skeyid-d", 1, 0 },
	[V_SKEYID_A] = { "SKEYID_a", "--skeyid-a", 1, 0 },
	[V_SKEYID_E] = { "SKEYID_e", "--skeyid-e", 1, 0 },
	[V_PROTOCOL] = { "protocol", "--protocol", 1, 1 },
	[V_IP] = { "IP", "--ip", 4, 16 },
	[V_PORT] = { "Port", "--port", 2, 2 },
	[V_PEER_IP] = { "peer IP", "--peer-ip", 4, 16 },
	[V_PEER_PORT] = { "peer Port", "--peer-port", 2, 2 },
	[V_TIME] = { "time", "--time", 8, 8 },
	[V_PRIVATE] = { "x", "--private", 1, 0 },
	[V_GX] = { "g^x", "", 0, 0 },
	[V_KA] = { "Ka", "", 0, 0 },
	[V_HASH_I] = { "HASH_I", "", 0, 0 },
	[V_HASH_R] = { "HASH_R", "", 0, 0 },
	[V_HASH1] = { "HASH(1)", "", 0, 0 },
	[V_HASH2] = { "HASH(2)", "", 0, 0 },
	[V_HASH3] = { "HASH(3)", "", 0, 0 },
	[V_IV] = { "IV", "", 0, 0 },
	[V_KEYMAT] = { "KEYMAT", "", 0, 0 },
	[V_ENC_KEY] = { "encryption key", "", 0, 0 },
	[V_AUTH_KEY] = { "authentication key", "", 0, 0 },
	[V_NAT_D] = { "NAT-D", "", 0, 0 },
	[V_COOKIE] = { "CKY-I", "", 0, 0 },
	[V_NE_I] = { "Ne_i", "", 0, 0 },
	[V_NE_R] = { "Ne_r", "", 0, 0 },
	[V_KE_I] = { "Ke_i", "", 0, 0 },
	[V_KE_R] = { "Ke_r", "", 0, 0 },
	[V_HASH_CERT] = { "HASH(1)", "", 0, 0 },
	[V_BODY_I] = { "body", "", 0, 0 },
	[V_BODY_R] = { "body", "", 0, 0 },
	[V_CIPHERTEXT_I] = { "<body>Ke_i", "", 0, 0 },
	[V_CIPHERTEXT_R] = { "<body>Ke_r", "", 0, 0 },
	[V_PLAINTEXT] = { "plaintext", "", 0, 0 },
	[V_LAST_BLOCK] = { "last block", "", 0, 0 },
};

const char *
calc_name(const struct calc *c, enum val v)
{
	/* Quick mode's own key exchange has names of its own. */
	if (c->phase2 && v == V_GXI)
		return ("g(qm)^xi");
	if (c->phase2 && v == V_GXR)
		return ("g(qm)^xr");
	if (c->phase2 && v == V_GXY)
		return ("g(qm)^xy");
	return (infos[v].name);
}

const char *
calc_option(enum val v)
{
	return (infos[v].option);
}

int
calc_set(struct calc *c, enum val v, struct span value, struct fault *f)
{
	if (value.len < infos[v].min || (infos[v].max > 0 && value.len > infos[v].max)) {
		if (infos[v].min == infos[v].max)
			return (fault(f, FAULT_USAGE, "%s: %s has %zu bytes, not %zu",
			    infos[v].option, infos[v].name, infos[v].min, value.len));
		return (fault(f, FAULT_USAGE, "%s: %s cannot have %zu bytes", infos[v].option,
		    infos[v].name, value.len));
	}
	if (secret_set(&c->v[v], value) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for %s", infos[v].name));
	c->has[v] = true;
	return (0);
}

int
calc_set_hex(struct calc *c, enum val v, const char *hex, struct fault *f)
{
	struct secret s = {0};
	size_t cap = strlen(hex) / 2 + 1;
	long n;
	int rc;

	if (cap > SECRET_MAX)
		return (fault(f, FAULT_USAGE, "%s: too long", infos[v].option));
	if (secret_make(&s, cap) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for %s", infos[v].name));
	if ((n = hex_get(s.p, cap, hex)) == -1)
		rc = fault(f, FAULT_USAGE, "%s: %s is not in hex", infos[v].option, infos[v].name);
	else
		rc = calc_set(c, v, span_of(s.p, (size_t)n), f);
	secret_free(&s);
	return (rc);
}

void
calc_unset(struct calc *c, enum val v)
{
	secret_free(&c->v[v]);
	c->has[v] = false;
	c->from[v] = 0;
}

int
calc_set_endpoint(struct calc *c, enum val ip, enum val port, const struct endpoint *e,
    struct fault *f)
{
	uint8_t be[2];

	put_be16(be, e->port);
	if (calc_set(c, ip, addr_span(&e->addr), f) == -1 ||
	    calc_set(c, port, SPAN_ARRAY(be), f) == -1)
		return (-1);
	return (0);
}

/* What would give ${v}: an option, but where a capture is to give it. */
static const char *
giver(const struct calc *c, enum val v)
{
	if (c->sub != SUB_WALK)
		return (infos[v].option);
	if (v == V_PSK)
		return ("--psk or --psk-file");
	if (v == V_GXY)
		return (c->phase2 ? "--private" : "--private or --gxy");
	return (infos[v].name);
}

/* Notes an option among the missing ones, once. */
static void
miss(struct calc *c, const char *option)
{
	size_t len = strlen(c->missing), n = strlen(option);
	const char *p;

	for (p = c->missing; (p = strstr(p, option)) != NULL; p += n)
		if (p[n] == '\0' || p[n] == ',')
			return;
	(void)snprintf(c->missing + len, sizeof(c->missing) - len, "%s%s", len > 0 ? ", " : "",
	    option);
}

/* --- steps --- */

static void
step_free(struct step *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		secret_free(&s->in[i].value);
	for (i = 0; i < s->n_held; i++)
		secret_free(&s->held[i].value);
	secret_free(&s->out);
}

void
calc_steps_clear(struct steps *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		step_free(&s->v[i]);
	free(s->v);
	s->v = NULL;
	s->n = s->cap = 0;
}

struct step *
calc_step(struct calc *c, struct fault *f)
{
	struct steps *s = c->steps;
	struct step *more;
	size_t cap;

	if (s->n == s->cap) {
		cap = s->cap > 0 ? 2 * s->cap : 16;
		if ((more = realloc(s->v, cap * sizeof(*more))) == NULL) {
			(void)fault(f, FAULT_MEMORY, "no memory for a step");
			return (NULL);
		}
		s->v = more;
		s->cap = cap;
	}
	s->v[s->n] = (struct step){ .number = ++s->numbered };
	return (&s->v[s->n++]);
}

struct step *
calc_step_of(struct calc *c, enum val v)
{
	size_t i;

	for (i = c->steps->n; i > 0; i--)
		if (c->from[v] != 0 && c->steps->v[i - 1].number == c->from[v])
			return (&c->steps->v[i - 1]);
	return (NULL);
}

struct step *
calc_given(struct calc *c, enum val v, struct span value, const char *how, struct fault *f)
{
	struct step *s;

	if (calc_set(c, v, value, f) == -1 || (s = calc_step(c, f)) == NULL)
		return (NULL);
	s->name = calc_name(c, v);
	s->formula = how;
	s->given = true;
	c->from[v] = s->number;
	rule_next(s->next, sizeof(s->next), c, v);
	if (secret_set(&s->out, value) == 0)
		return (s);
	(void)fault(f, FAULT_MEMORY, "no memory for a step");
	return (NULL);
}

int
calc_hold(struct step *s, const char *where, struct span value, struct fault *f)
{
	if (s->n_held == STEP_HELD)
		return (0);
	s->held[s->n_held].where = where;
	s->held[s->n_held].same = ct_eq(secret_span(&s->out), value);
	if (secret_set(&s->held[s->n_held].value, value) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for a step"));
	s->n_held++;
	return (0);
}

static int
step_add(struct calc *c, const struct rule *r, struct fault *f)
{
	struct step *s = calc_step(c, f);
	size_t i;

	if (s == NULL)
		return (-1);
	s->name = calc_name(c, r->out);
	s->formula = r->formula;
	s->section = r->section;
	s->octet = r->octet;
	s->hash = c->hash;
	s->enc = c->enc;
	if (strncmp(r->formula, "K1 | K2", 7) == 0 && c->hash != NULL)
		(void)snprintf(s->note, sizeof(s->note), "K1 is its first %u bytes, K2 the next %u, and so on; the "
		    "last one is cut", c->hash->len, c->hash->len);
	for (i = 0; i < r->n; i++) {
		if (!c->has[r->in[i]])
			continue;
		s->in[s->n].name = calc_name(c, r->in[i]);
		s->in[s->n].from = c->from[r->in[i]];
		if (secret_set(&s->in[s->n].value, secret_span(&c->v[r->in[i]])) == -1)
			return (fault(f, FAULT_MEMORY, "no memory for a step"));
		s->n++;
	}
	c->from[r->out] = s->number;
	rule_next(s->next, sizeof(s->next), c, r->out);
	if (secret_set(&s->out, secret_span(&c->v[r->out])) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for a step"));
	return (0);
}

int
calc_want(struct calc *c, enum val v, struct fault *f)
{
	const struct rule *r;
	size_t i;
	int got, all = 1;

	if (c->has[v])
		return (1);
	if ((r = rule_for(c, v)) == NULL) {
		miss(c, giver(c, v));
		return (0);
	}
	/* All of them, also after one is missing: the user hears of all at once. */
	for (i = 0; i < r->n; i++) {
		if ((r->optional & 1U << i) != 0 && !c->has[r->in[i]])
			continue;
		if ((got = calc_want(c, r->in[i], f)) == -1)
			return (-1);
		all &= got;
	}
	if ((r->needs & NEED_HASH) != 0 && c->hash == NULL)
		miss(c, "--hash"), all = 0;
	if ((r->needs & NEED_CIPHER) != 0 && c->enc == NULL)
		miss(c, "--cipher"), all = 0;
	if ((r->needs & NEED_GROUP) != 0 && c->group == NULL)
		miss(c, "--group"), all = 0;
	if (all == 0)
		return (0);
	if (r->compute(c, &c->v[v], f) == -1)
		return (-1);
	c->has[v] = true;
	return (step_add(c, r, f) == -1 ? -1 : 1);
}

static int
result_add(struct calc *c, const char *name, struct span value, const char *text, struct fault *f)
{
	struct result *r;

	if (c->n_results == RESULTS_MAX)
		return (fault(f, FAULT_MEMORY, "too many results"));
	r = &c->results[c->n_results++];
	r->name = name;
	r->text = text;
	if (secret_set(&r->value, value) == -1)
		return (fault(f, FAULT_MEMORY, "no memory for %s", name));
	return (0);
}

int
calc_result(struct calc *c, enum val v, const char *name, struct fault *f)
{
	int got = calc_want(c, v, f);

	if (got != 1)
		return (got);
	return (result_add(c, name != NULL ? name : calc_name(c, v), secret_span(&c->v[v]), NULL, f));
}

int
calc_result_text(struct calc *c, const char *name, const char *text, struct fault *f)
{
	return (result_add(c, name, SPAN_NONE, text, f));
}

void
calc_wipe(struct calc *c)
{
	size_t i;

	for (i = 0; i < V_COUNT; i++)
		secret_free(&c->v[i]);
	for (i = 0; i < c->n_results; i++)
		secret_free(&c->results[i].value);
	secret_free(&c->child_in);
	secret_free(&c->child_out);
	*c = (struct calc){0};
}
