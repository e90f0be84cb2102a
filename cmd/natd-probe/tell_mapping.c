/* The result of --mapping-timeout as text and JSON. */
#include "tell_mapping.h"

#include <stdio.h>

#include "names.h"

static const char *const ports_words[] = {
	[MAPPING_PORTS_UNKNOWN] = "unknown",	[MAPPING_PORTS_KEPT] = "kept",
	[MAPPING_PORTS_SHIFTED] = "shifted",	[MAPPING_PORTS_CHOSEN] = "chosen",
};

#define TIME_TEXT	16

/* Whole seconds where there are many, and never more than is known: down, or up. */
static const char *
seconds(char out[TIME_TEXT], uint32_t ms, bool up)
{
	uint32_t unit = ms < 10000 ? 100 : 1000;

	ms = (ms + (up ? unit - 1 : 0)) / unit * unit;
	if (ms % 1000 == 0)
		(void)snprintf(out, TIME_TEXT, "%u s", ms / 1000);
	else
		(void)snprintf(out, TIME_TEXT, "%u.%u s", ms / 1000, ms % 1000 / 100);
	return (out);
}

/* Why there is no result. */
static const char *
why_not(const struct about *a)
{
	const struct ike_mapping_result *m = a->mapping;

	if (m == NULL)
		return (a->r->nat == SURVEY_NAT_UNKNOWN ? "there may be no NAT in front of us" :
		    a->r->nat == SURVEY_NAT_NONE || a->r->nat == SURVEY_NAT_REMOTE ?
		    "there is no NAT in front of us" :
		    "this requires message 4 of main mode, which the peer did not send");
	switch (m->why) {
	case MAPPING_ADDRESS:
		return ("the public address is unknown: try --external");
	case MAPPING_SAME_PORT:
		return ("the NAT always assigns the same port to a flow, so a new mapping looks like "
		    "the old one");
	case MAPPING_SHORT:
		return ("time limit reached: try a longer --max-time");
	default:
		return ("the peer stopped answering");
	}
}

char *
tell_mapping(char out[TELL_TEXT], const struct ike_mapping_result *m)
{
	char least[TIME_TEXT], most[TIME_TEXT];

	seconds(least, m->at_least_ms, false);
	seconds(most, m->at_most_ms, true);
	if (m->at_least_ms != 0 && m->at_most_ms != 0)
		(void)snprintf(out, TELL_TEXT, "times out between %s and %s", least, most);
	else if (m->at_least_ms != 0)
		(void)snprintf(out, TELL_TEXT, "times out after at least %s", least);
	else if (m->at_most_ms != 0)
		(void)snprintf(out, TELL_TEXT, "times out in less than %s", most);
	else
		(void)snprintf(out, TELL_TEXT, "unknown");
	return (out);
}

/* The evidence for the bounds. */
static const char *
evidence(const struct ike_mapping_result *m)
{
	if (m->at_most_ms != 0)
		return ("the peer saw another port after a longer silence");
	if (m->arrived_ms == m->at_least_ms)
		return ("packets that the peer sent unasked still arrived");
	return ("the peer saw the same port again, and this NAT chooses ports itself");
}

void
tell_mapping_text(const struct about *a)
{
	const struct ike_mapping_result *m = a->mapping;
	char text[TELL_TEXT], in[ENDPOINT_TEXT], out[ENDPOINT_TEXT], time[TIME_TEXT];
	size_t i;

	if (!a->measure)
		return;
	if (m == NULL || m->why != MAPPING_FINE)
		(void)printf("  NAT mapping     unknown: %s\n", why_not(a));
	else
		(void)printf("  NAT mapping     %s: %s\n", tell_mapping(text, m), evidence(m));
	for (i = 0; m != NULL && i < m->n; i++)
		if (m->seen[i].known)
			(void)printf("    %s is seen as %s\n", endpoint_text(in, &m->seen[i].inside),
			    endpoint_text(out, &m->seen[i].outside));
	if (m != NULL && m->unsteady_ms != 0)
		(void)printf("    but one survived %s: the NAT treats flows differently\n",
		    seconds(time, m->unsteady_ms, false));
}

static void
put_ms(json_t *j, const char *key, uint32_t ms)
{
	(void)json_object_set_new(j, key, ms != 0 ? json_integer(ms) : json_null());
}

json_t *
tell_mapping_json(const struct about *a)
{
	const struct ike_mapping_result *m = a->mapping;
	json_t *j = json_object(), *seen = json_array(), *one;
	size_t i;

	put_ms(j, "at-least-ms", m != NULL ? m->at_least_ms : 0);
	put_ms(j, "at-most-ms", m != NULL ? m->at_most_ms : 0);
	if (m == NULL || m->why != MAPPING_FINE)
		(void)json_object_set_new(j, "unknown", json_string(why_not(a)));
	else
		(void)json_object_set_new(j, "evidence", json_string(evidence(m)));
	if (m == NULL) {
		json_decref(seen);
		return (j);
	}
	if (m->unsteady_ms != 0)
		put_ms(j, "unsteady-ms", m->unsteady_ms);
	for (i = 0; i < m->n; i++) {
		if (!m->seen[i].known)
			continue;
		one = json_object();
		(void)json_object_set_new(one, "inside", endpoint_json(&m->seen[i].inside));
		(void)json_object_set_new(one, "outside", endpoint_json(&m->seen[i].outside));
		(void)json_array_append_new(seen, one);
	}
	(void)json_object_set_new(j, "ports", json_string(ports_words[m->ports]));
	(void)json_object_set_new(j, "seen", seen);
	(void)json_object_set_new(j, "silences", json_integer(m->samples));
	(void)json_object_set_new(j, "elapsed-ms", json_integer((json_int_t)m->elapsed_ms));
	return (j);
}
