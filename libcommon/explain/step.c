/* Steps: the list of values with formula, inputs and comparisons. */
#include "explain/step.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
steps_clear(struct steps *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		step_free(&s->v[i]);
	free(s->v);
	s->v = NULL;
	s->n = s->cap = 0;
}

struct step *
steps_add(struct steps *s, struct fault *f)
{
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
steps_find(struct steps *s, unsigned number)
{
	size_t i;

	for (i = s->n; i > 0; i--)
		if (number != 0 && s->v[i - 1].number == number)
			return (&s->v[i - 1]);
	return (NULL);
}

int
step_hold(struct step *s, const char *where, struct span value, struct fault *f)
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

void
step_note(char out[STEP_NOTE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, STEP_NOTE, fmt, ap);
	va_end(ap);
}
