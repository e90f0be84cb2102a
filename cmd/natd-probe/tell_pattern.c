/* The result of --fingerprint as text and JSON. */
#include "tell_pattern.h"

#include <stdio.h>

static const struct { const char *key, *text; } answers[] = {
	[PATTERN_MAIN_2] = { "main-2", "message 2 of main mode" },
	[PATTERN_MAIN_4] = { "main-4", "message 4 of main mode" },
	[PATTERN_AGGRESSIVE_2] = { "aggressive-2", "message 2 of aggressive mode" },
};

void
tell_pattern_text(const struct about *a)
{
	const struct ike_pattern_result *p = a->pattern;
	const char *like;
	size_t i, k;

	if (!a->fingerprint)
		return;
	like = p != NULL ? ike_pattern_like(p) : NULL;
	(void)printf("  repeats         %s%s\n", p == NULL ? "unknown: the peer accepted no proposal" :
	    like != NULL ? "typical of " : "typical of no known implementation",
	    like != NULL ? like : "");
	for (i = 0; p != NULL && i < PATTERN_ANSWERS; i++) {
		if (!p->of[i].asked)
			continue;
		(void)printf("    %-29s ", answers[i].text);
		if (!p->of[i].answered)
			(void)printf("not answered");
		else if (p->of[i].n == 0)
			(void)printf("not again");
		for (k = 0; k < p->of[i].n; k++)
			(void)printf("%s%.1f", k == 0 ? "retransmitted after " : ", ",
			    p->of[i].after_ms[k] / 1000.);
		(void)printf("%s%s\n", p->of[i].n > 0 ? " s" : "",
		    p->of[i].answered && !p->of[i].ended ? ", until the time limit" : "");
	}
}

json_t *
tell_pattern_json(const struct about *a)
{
	const struct ike_pattern_result *p = a->pattern;
	const char *like = p != NULL ? ike_pattern_like(p) : NULL;
	json_t *j = json_object(), *list;
	size_t i, k;

	(void)json_object_set_new(j, "like", like != NULL ? json_string(like) : json_null());
	for (i = 0; p != NULL && i < PATTERN_ANSWERS; i++) {
		if (!p->of[i].answered)
			continue;
		list = json_array();
		for (k = 0; k < p->of[i].n; k++)
			(void)json_array_append_new(list, json_integer(p->of[i].after_ms[k]));
		(void)json_object_set_new(j, answers[i].key, list);
	}
	return (j);
}
