/* Conclusions from a survey: which implementation, which proposals. */
#include <stdio.h>
#include <stdlib.h>

#include "probe/survey.h"
#include "wire/vid.h"

#define PATTERN_MAX	8
#define NAMED_MAX	8	/* proposals in a list; more are of no use */

/*
 * Vendor IDs in their order identify products that do not name themselves. ANY: a vendor ID that
 * the table does not have. NATT: any version of NAT-T. Optional ones may be absent.
 */
enum { END = 0, ANY = 100, NATT = 101 };
#define OPTIONAL 0x1000

static const struct pattern {
	const char	*name;
	int		 kind[PATTERN_MAX];
} patterns[] = {
	{ "strongSwan 5", { VID_XAUTH, VID_DPD, VID_UNITY | OPTIONAL, VID_FRAGMENTATION | OPTIONAL,
	    NATT, END } },
	{ "Cisco IOS", { VID_UNITY, VID_DPD, ANY, VID_XAUTH, NATT | OPTIONAL, END } },
	{ "Cisco ASA or PIX", { VID_UNITY, VID_XAUTH, ANY | OPTIONAL, VID_DPD | OPTIONAL,
	    VID_FRAGMENTATION, END } },
};

static bool
is_kind(const struct vid *v, int kind)
{
	if (kind == ANY)
		return (v == NULL);
	if (v == NULL)
		return (false);
	if (kind == NATT)
		return (v->kind >= VID_NATT_RFC3947 && v->kind <= VID_NATT_DRAFT_00);
	return ((int)v->kind == kind);
}

static const struct vid *
row_of(const struct ike_survey_result *r, size_t i)
{
	return (vid_find(span_of(r->vids[i].b, r->vids[i].len)));
}

static bool
fits(const struct ike_survey_result *r, const struct pattern *p)
{
	size_t i = 0, k;

	for (k = 0; p->kind[k] != END; k++) {
		if (i < r->n_vids && is_kind(row_of(r, i), p->kind[k] & ~OPTIONAL))
			i++;
		else if ((p->kind[k] & OPTIONAL) == 0)
			return (false);
	}
	return (i == r->n_vids);
}

bool
ike_survey_guess(const struct ike_survey_result *r, char name[SURVEY_TEXT],
    char evidence[SURVEY_TEXT])
{
	const struct vid *v;
	size_t i, n = 0;

	for (i = 0; i < r->n_vids; i++) {
		v = row_of(r, i);
		if (v == NULL || v->kind != VID_IMPLEMENTATION)
			continue;
		(void)snprintf(name, SURVEY_TEXT, "%s", v->name);
		(void)snprintf(evidence, SURVEY_TEXT, "a vendor ID names it");
		return (true);
	}
	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (!fits(r, &patterns[i]))
			continue;
		(void)snprintf(name, SURVEY_TEXT, "%s", patterns[i].name);
		n = (size_t)snprintf(evidence, SURVEY_TEXT, "likely, by its vendor IDs in this order:");
		for (i = 0; i < r->n_vids && n < SURVEY_TEXT; i++) {
			v = row_of(r, i);
			n += (size_t)snprintf(evidence + n, SURVEY_TEXT - n, "%s %s",
			    i > 0 ? "," : "", v != NULL ? v->name : "unknown");
		}
		return (true);
	}
	return (false);
}

const struct probe_transform *
ike_survey_leads_on(const struct ike_survey_result *r)
{
	size_t i;

	for (i = 0; i < r->n_found; i++)
		if (!r->found[i].aggressive && !r->found[i].stuck)
			return (&r->found[i].t);
	return (NULL);
}

/* More is better; weak ones lie below zero. */
static int
strength(const struct ike_proposal *p)
{
	int v = p->enc->key_len + p->hash->len / 2 + p->group->pub_len / 64;

	if (p->group->shared_len != p->group->pub_len)	/* an elliptic curve: few bytes are much */
		v += 24;
	if (p->enc->weak || p->hash->weak || p->group->weak)
		v -= 1000;
	return (v);
}

static int
by_strength(const void *a, const void *b)
{
	int x = strength(a), y = strength(b);

	return (x < y ? 1 : x > y ? -1 : 0);
}

char *
ike_survey_proposals(char out[SURVEY_IKE], const struct ike_survey_result *r)
{
	struct ike_proposal p[SURVEY_FOUND_MAX] = {0};
	char text[PROPOSAL_TEXT];
	size_t i, j, n = 0, len = 0;

	for (i = 0; i < r->n_found; i++) {
		for (j = 0; j < n; j++)
			if (memcmp(&p[j], &r->found[i].t.p, sizeof(p[j])) == 0)
				break;
		if (j == n)
			p[n++] = r->found[i].t.p;
	}
	qsort(p, n, sizeof(p[0]), by_strength);
	out[0] = '\0';
	for (i = 0; i < n && i < NAMED_MAX; i++) {
		if (i > 0 && strength(&p[i]) < 0 && strength(&p[0]) >= 0)
			break;
		len += (size_t)snprintf(out + len, SURVEY_IKE - len, "%s%s", i > 0 ? "," : "",
		    ike_proposal_text(text, &p[i]));
	}
	return (out);
}
