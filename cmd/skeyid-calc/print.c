#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/js.h"
#include "opts.h"

/* Values are printed on purpose, so this is where secrets become text. */
static void
put_hex(struct span v)
{
	char pair[3];
	size_t i;

	for (i = 0; i < v.len; i++)
		(void)fputs(hex_put(pair, sizeof(pair), span_of(v.p + i, 1)), stdout);
}

static void
print_steps(const struct calc *c)
{
	const struct step *s;
	size_t i, j;

	for (i = 0; i < c->n_steps; i++) {
		s = &c->steps[i];
		(void)printf("# %zu. %s = %s    (%s)\n", i + 1, s->name, s->formula, s->section);
		if (c->hash != NULL && strstr(s->formula, "prf(") != NULL)
			(void)printf("#    prf = HMAC-%s\n", c->hash->ossl);
		if (c->hash != NULL && strstr(s->formula, "hash(") != NULL)
			(void)printf("#    hash = %s\n", c->hash->ossl);
		for (j = 0; j < s->n; j++) {
			(void)printf("#    %s (%zu byte%s) = ", s->in[j].name, s->in[j].value.len,
			    s->in[j].value.len == 1 ? "" : "s");
			put_hex(secret_span(&s->in[j].value));
			(void)putchar('\n');
		}
		(void)printf("#    -> %s (%zu bytes) = ", s->name, s->out.len);
		put_hex(secret_span(&s->out));
		(void)printf("\n#\n");
	}
}

static json_t *
json_steps(const struct calc *c)
{
	json_t *all = json_array(), *step, *in;
	const struct step *s;
	size_t i, j;

	for (i = 0; i < c->n_steps; i++) {
		s = &c->steps[i];
		step = json_object();
		in = json_object();
		for (j = 0; j < s->n; j++)
			json_object_set_new(in, s->in[j].name, js_hex(secret_span(&s->in[j].value)));
		json_object_set_new(step, "name", json_string(s->name));
		json_object_set_new(step, "formula", json_string(s->formula));
		json_object_set_new(step, "section", json_string(s->section));
		json_object_set_new(step, "inputs", in);
		json_object_set_new(step, "value", js_hex(secret_span(&s->out)));
		json_array_append_new(all, step);
	}
	return (all);
}

static void
print_json(const struct calc *c, bool explain)
{
	json_t *o = json_object();
	const struct result *r;
	size_t i;

	for (i = 0; i < c->n_results; i++) {
		r = &c->results[i];
		json_object_set_new(o, r->name, r->text != NULL ? js_text(r->text) :
		    js_hex(secret_span(&r->value)));
	}
	if (explain)
		json_object_set_new(o, "steps", json_steps(c));
	js_print(o, false, stdout);
}

void
calc_print(const struct calc *c, bool json, bool explain)
{
	const struct result *r;
	size_t i;

	if (json) {
		print_json(c, explain);
		return;
	}
	if (explain)
		print_steps(c);
	for (i = 0; i < c->n_results; i++) {
		r = &c->results[i];
		(void)printf("%s = ", r->name);
		if (r->text != NULL)
			(void)fputs(r->text, stdout);
		else
			put_hex(secret_span(&r->value));
		(void)putchar('\n');
	}
}
