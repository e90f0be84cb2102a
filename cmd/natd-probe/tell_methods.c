/* The result of --methods as text and JSON. */
#include "tell_methods.h"

#include <stdio.h>
#include <string.h>

#include "cli/js.h"
#include "cli/report.h"
#include "names.h"
#include "wire/dn.h"

#define NAME_TEXT	2048	/* of a distinguished name, cut */
#define NAMES_TEXT	512

static const char *const modes[] = { "main", "aggressive" };
static const char *const ends[] = {
	[METHOD_UNKNOWN] = "unknown", [METHOD_ACCEPTED] = "accepted", [METHOD_REJECTED] = "rejected",
	[METHOD_SILENT] = "silent",
};

static char *
name_text(char out[NAME_TEXT], struct span der)
{
	if (2 * der.len + 2 > NAME_TEXT)
		(void)snprintf(out, NAME_TEXT, "a name of %zu bytes", der.len);
	else
		dn_text(out, NAME_TEXT, der);
	return (out);
}

/* Text that the peer chose. */
static void
put(const char *text)
{
	escape_print(stdout, span_str(text));
}

static void
cert_text(const struct cert *c)
{
	char name[NAME_TEXT], from[CERT_TIME_TEXT], to[CERT_TIME_TEXT], names[NAMES_TEXT];

	(void)printf("  certificate     \"");
	put(name_text(name, cert_subject(c)));
	(void)printf("\"\n    issued by     \"");
	put(name_text(name, cert_issuer(c)));
	(void)printf("\"%s\n    valid         from %s to %s\n", cert_is_root(c) ? " (itself)" : "",
	    cert_time_text(from, cert_begins(c)), cert_time_text(to, cert_ends(c)));
	cert_names_text(names, sizeof(names), c);
	if (names[0] == '\0')
		return;
	(void)printf("    names         ");
	put(names);
	(void)putchar('\n');
}

void
tell_methods_text(const struct about *a)
{
	const struct ike_methods_result *r = a->methods;
	char name[NUM_TEXT], dn[NAME_TEXT];
	size_t i, k;

	if (!a->ask_methods)
		return;
	if (r == NULL) {
		(void)printf("  methods         unknown: the peer accepted no proposal\n");
		return;
	}
	(void)printf("  methods\n");
	for (i = 0; i < r->n; i++) {
		(void)printf("    %-13s", auth_name(r->of[i].auth, name));
		for (k = 0; k < 2; k++) {
			(void)printf("%s%s mode %s", k > 0 ? ", " : " ", modes[k], ends[r->of[i].mode[k].end]);
			if (r->of[i].mode[k].notify != 0)
				(void)printf(" (%s)", isakmp_notify_name(r->of[i].mode[k].notify, name));
			if (k == 0 && r->of[i].mode[k].end == METHOD_ACCEPTED)
				(void)printf(r->of[i].message_4 ? " up to message 4" : ", then no message 4");
		}
		(void)putchar('\n');
	}
	for (i = 0; i < r->certs.n; i++)
		cert_text(r->certs.c[i]);
	if (r->certs.n == 0)
		(void)printf("  certificate     none shown: without credentials only aggressive mode shows it\n");
	for (i = 0; i < r->n_cas; i++) {
		(void)printf("  asks for CA     \"");
		put(name_text(dn, bytes_span(&r->cas[i])));
		(void)printf("\"\n");
	}
	if (r->any_ca)
		(void)printf("  asks for CA     any\n");
}

json_t *
tell_methods_json(const struct about *a)
{
	const struct ike_methods_result *r = a->methods;
	json_t *j = json_object(), *all = json_array(), *certs = json_array(), *cas = json_array(), *one, *mode;
	char name[NUM_TEXT], dn[NAME_TEXT], time[CERT_TIME_TEXT], names[NAMES_TEXT];
	size_t i, k;

	for (i = 0; r != NULL && i < r->n; i++) {
		one = json_object();
		(void)json_object_set_new(one, "auth", json_string(auth_name(r->of[i].auth, name)));
		for (k = 0; k < 2; k++) {
			mode = json_object();
			(void)json_object_set_new(mode, "result", json_string(ends[r->of[i].mode[k].end]));
			if (r->of[i].mode[k].notify != 0)
				(void)json_object_set_new(mode, "notify",
				    json_string(isakmp_notify_name(r->of[i].mode[k].notify, name)));
			if (k == 0 && r->of[i].mode[k].end == METHOD_ACCEPTED)
				(void)json_object_set_new(mode, "message-4", json_boolean(r->of[i].message_4));
			(void)json_object_set_new(one, modes[k], mode);
		}
		(void)json_array_append_new(all, one);
	}
	for (i = 0; r != NULL && i < r->certs.n; i++) {
		const struct cert *c = r->certs.c[i];

		one = json_object();
		(void)json_object_set_new(one, "subject", js_text(name_text(dn, cert_subject(c))));
		(void)json_object_set_new(one, "issuer", js_text(name_text(dn, cert_issuer(c))));
		(void)json_object_set_new(one, "not-before", json_string(cert_time_text(time, cert_begins(c))));
		(void)json_object_set_new(one, "not-after", json_string(cert_time_text(time, cert_ends(c))));
		cert_names_text(names, sizeof(names), c);
		(void)json_object_set_new(one, "names", js_text(names));
		(void)json_array_append_new(certs, one);
	}
	for (i = 0; r != NULL && i < r->n_cas; i++)
		(void)json_array_append_new(cas, js_text(name_text(dn, bytes_span(&r->cas[i]))));
	(void)json_object_set_new(j, "methods", all);
	(void)json_object_set_new(j, "certificates", certs);
	(void)json_object_set_new(j, "requested-cas", cas);
	(void)json_object_set_new(j, "requests-any-ca", json_boolean(r != NULL && r->any_ca));
	return (j);
}
