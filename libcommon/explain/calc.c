/* The calculator: values computed by rules, each computation a step. */
#include "explain/calc.h"

#include <stdio.h>

#include "explain/rules.h"

/* The source of ${v}: an option, or in a walk its own name, as the capture should contain it. */
static const char *
giver(const struct calc *c, enum val v)
{
	if (c->sub != SUB_WALK)
		return (calc_option(v));
	if (v == V_PSK)
		return ("--psk or --psk-file");
	if (v == V_GXY)
		return (c->phase2 ? "--private" : "--private or --gxy");
	return (calc_name(c, v));
}

/* Adds an option to the missing ones, once. */
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

struct step *
calc_step_of(struct calc *c, enum val v)
{
	return (steps_find(c->steps, c->from[v]));
}

struct step *
calc_given(struct calc *c, enum val v, struct span value, const char *how, struct fault *f)
{
	struct step *s;

	if (calc_set(c, v, value, f) == -1 || (s = steps_add(c->steps, f)) == NULL)
		return (NULL);
	s->name = calc_name(c, v);
	s->formula = how;
	s->given = true;
	s->open = calc_open(c, v);
	s->base = c->base;
	c->from[v] = s->number;
	rule_next(s->next, sizeof(s->next), c, v);
	if (secret_set(&s->out, value) == 0)
		return (s);
	(void)fault(f, FAULT_MEMORY, "no memory for a step");
	return (NULL);
}

static int
step_add(struct calc *c, const struct rule *r, struct fault *f)
{
	struct step *s = steps_add(c->steps, f);
	size_t i;

	if (s == NULL)
		return (-1);
	s->name = calc_name(c, r->out);
	s->formula = r->formula;
	s->section = r->section;
	s->octet = r->octet;
	s->open = calc_open(c, r->out);
	s->hash = (r->out == V_HASH_I || r->out == V_HASH_R) && c->auth_hash != NULL ? c->auth_hash : c->hash;
	s->enc = c->enc;
	s->base = c->base;
	if (strncmp(r->formula, "K1 | K2", 7) == 0 && c->hash != NULL)
		(void)snprintf(s->note, sizeof(s->note), "K1 is its first %u bytes, K2 the next %u, and so on; the "
		    "last one is cut", c->hash->len, c->hash->len);
	for (i = 0; i < r->n; i++) {
		if (!c->has[r->in[i]])
			continue;
		s->in[s->n].name = calc_name(c, r->in[i]);
		s->in[s->n].from = c->from[r->in[i]];
		s->in[s->n].open = calc_open(c, r->in[i]);
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
	/* Tries all inputs, even after one is missing, so that the error names all that are. */
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
calc_result_bytes(struct calc *c, const char *name, struct span value, struct fault *f)
{
	return (result_add(c, name, value, NULL, f));
}

int
calc_result_text(struct calc *c, const char *name, const char *text, struct fault *f)
{
	return (result_add(c, name, SPAN_NONE, text, f));
}

