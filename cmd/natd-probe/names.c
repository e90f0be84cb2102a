/* Names of reported objects, for text and JSON. */
#include "names.h"

#include <stdio.h>
#include <string.h>

#include "ike/v1base/natd.h"
#include "wire/vid.h"

const char *
port_label(size_t port)
{
	return (port == SURVEY_4500 ? "4500" : "500");
}

/* As the options of ike-initiate have them. */
static const struct { uint16_t auth; const char *word; } auths[] = {
	{ AUTH_PSK, "psk" }, { AUTH_RSA_SIG, "rsa" }, { AUTH_ECDSA_256, "ecdsa" },
	{ AUTH_ECDSA_384, "ecdsa-384" }, { AUTH_ECDSA_521, "ecdsa-521" }, { AUTH_DSS_SIG, "dss" },
	{ AUTH_XAUTH_INIT_PSK, "xauth-psk" }, { AUTH_XAUTH_INIT_RSA, "xauth-rsa" },
	{ AUTH_HYBRID_INIT_RSA, "hybrid" },
};

const char *
auth_name(uint16_t auth, char buf[NUM_TEXT])
{
	size_t i;

	for (i = 0; i < sizeof(auths) / sizeof(auths[0]); i++)
		if (auths[i].auth == auth)
			return (auths[i].word);
	return (ike_auth_name(auth, buf));
}

const char *
vid_name(const struct ike_survey_result *r, size_t i)
{
	const struct vid *v = vid_find(span_of(r->vids[i].b, r->vids[i].len));

	return (v != NULL ? v->name : "unknown");
}

const char *
natt_name(const struct ike_survey_result *r, size_t *row)
{
	const struct natt_version *v;
	const char *last = NULL;

	while ((v = natt_version_row((*row)++)) != NULL) {
		if ((r->natt & 1U << v->kind) == 0)
			continue;
		/* two spellings of draft 02 are one version */
		last = v->word;
		if ((v = natt_version_row(*row)) != NULL && strcmp(v->word, last) == 0)
			(*row)++;
		return (last);
	}
	return (NULL);
}

bool
name_implementation(const struct about *a, char name[SURVEY_TEXT], char evidence[SURVEY_TEXT])
{
	const char *like;

	if (ike_survey_guess(a->r, name, evidence))
		return (true);
	like = a->pattern != NULL ? ike_pattern_like(a->pattern) : NULL;
	if (like == NULL)
		return (false);
	(void)snprintf(name, SURVEY_TEXT, "%s", like);
	(void)snprintf(evidence, SURVEY_TEXT, "likely, from its retransmissions");
	return (true);
}

json_t *
endpoint_json(const struct endpoint *e)
{
	char at[ADDR_TEXT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "address", json_string(addr_text(at, &e->addr)));
	(void)json_object_set_new(j, "port", json_integer(e->port));
	return (j);
}

bool
found_mode(const struct ike_survey_result *r, bool aggressive)
{
	size_t i;

	for (i = 0; i < r->n_found && r->found[i].aggressive != aggressive; i++)
		;
	return (i < r->n_found);
}
