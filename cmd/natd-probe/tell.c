#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/js.h"
#include "cli/report.h"
#include "ike/v1/natd.h"
#include "natd_probe.h"
#include "wire/vid.h"

#define HEX_TEXT	(2 * HASH_MAX + 1)

static const char *const nat_words[] = {
	[SURVEY_NAT_UNKNOWN] = "unknown",	[SURVEY_NAT_NONE] = "none",
	[SURVEY_NAT_LOCAL] = "local",		[SURVEY_NAT_REMOTE] = "remote",
	[SURVEY_NAT_BOTH] = "both",
};
static const char *const nat_text[] = {
	[SURVEY_NAT_UNKNOWN] = "unknown",
	[SURVEY_NAT_NONE] = "none",
	[SURVEY_NAT_LOCAL] = "in front of this end",
	[SURVEY_NAT_REMOTE] = "in front of the peer, or it says so to have ESP in UDP",
	[SURVEY_NAT_BOTH] = "in front of both ends (the peer's may be feigned, to have ESP in UDP)",
};
static const char *const port_words[] = { [SURVEY_500] = "500", [SURVEY_4500] = "4500" };

/* As the options of ike-initiate have them. */
static const struct { uint16_t auth; const char *word; } auths[] = {
	{ AUTH_PSK, "psk" }, { AUTH_RSA_SIG, "rsa" }, { AUTH_ECDSA_256, "ecdsa" },
	{ AUTH_XAUTH_INIT_PSK, "xauth-psk" }, { AUTH_XAUTH_INIT_RSA, "xauth-rsa" },
	{ AUTH_HYBRID_INIT_RSA, "hybrid" },
};

static const char *
auth_word(uint16_t auth, char buf[NUM_TEXT])
{
	size_t i;

	for (i = 0; i < sizeof(auths) / sizeof(auths[0]); i++)
		if (auths[i].auth == auth)
			return (auths[i].word);
	return (ike_auth_name(auth, buf));
}

static const char *
vid_name(const struct ike_survey_result *r, size_t i)
{
	const struct vid *v = vid_find(span_of(r->vids[i].b, r->vids[i].len));

	return (v != NULL ? v->name : "unknown");
}

/* The words of the NAT-T versions announced, one by one: NULL after the last. */
static const char *
natt_word(const struct ike_survey_result *r, size_t *row)
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

/* --- text --- */

static void
port_text(const struct about *a, enum survey_port i)
{
	const struct ike_survey_result *r = a->r;
	char at[ENDPOINT_TEXT], name[NUM_TEXT];

	if (!a->asked[i])
		return;
	(void)printf("  UDP %-5u       ", a->conf->remote[i].port);
	if (r->port[i].answered) {
		(void)printf("answers from %s in %u ms", endpoint_text(at, &r->port[i].from),
		    r->port[i].rtt_ms);
		if (r->port[i].notify != 0)
			(void)printf(" (%s)", isakmp_notify_name(r->port[i].notify, name));
		if (!endpoint_eq(&r->port[i].from, &a->conf->remote[i]))
			(void)printf(": not where it was asked");
		(void)putchar('\n');
	} else if (r->port[i].sys != 0)
		(void)printf("no answer: %s\n", strerror(r->port[i].sys));
	else
		(void)printf("no answer\n");
}

static void
hash_text(const char *what, const uint8_t *b, size_t len)
{
	char hex[HEX_TEXT];

	(void)printf("    %-9s %s  ", what, hex_put(hex, sizeof(hex), span_of(b, len)));
}

static void
natd_text(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
	char at[ENDPOINT_TEXT], i_hex[2 * COOKIE_LEN + 1], r_hex[2 * COOKIE_LEN + 1];
	size_t i;

	if (!r->natd_done || r->n_natd == 0)
		return;
	(void)printf("  NAT-D           %s of the cookies %s and %s, address and port (%s)\n",
	    r->natd_hash, hex_put(i_hex, sizeof(i_hex), SPAN_ARRAY(r->cky_i)),
	    hex_put(r_hex, sizeof(r_hex), SPAN_ARRAY(r->cky_r)), r->natd_version);
	for (i = 0; i < r->n_natd; i++) {
		hash_text("received", r->natd[i].b, r->natd[i].len);
		(void)printf("%s\n", i == 0 ? "how the peer sees this end" : "what the peer says it is");
	}
	for (i = 0; i < r->n_own; i++) {
		hash_text("computed", r->own[i].b, r->natd_len);
		(void)printf("this end as %s: %s\n", endpoint_text(at, &r->own[i].of),
		    r->own[i].matches ? "the same" : "differs");
	}
	if (r->seen_known)
		(void)printf("    the peer sees this end as %s\n", endpoint_text(at, &r->seen));
	if (r->n_own > 0) {
		hash_text("computed", r->peer.b, r->natd_len);
		(void)printf("the peer as %s: %s\n", endpoint_text(at, &r->peer.of),
		    r->peer.matches ? "the same" : "differs");
	}
}

/* By its vendor IDs or, where they say nothing, by what it repeats. */
static bool
guess(const struct about *a, char name[SURVEY_TEXT], char evidence[SURVEY_TEXT])
{
	const char *like;

	if (ike_survey_guess(a->r, name, evidence))
		return (true);
	like = a->pattern != NULL ? ike_pattern_like(a->pattern) : NULL;
	if (like == NULL)
		return (false);
	(void)snprintf(name, SURVEY_TEXT, "%s", like);
	(void)snprintf(evidence, SURVEY_TEXT, "likely, by how it repeats its answers");
	return (true);
}

static void
vids_text(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
	char hex[2 * SURVEY_VID_LEN + 1], name[SURVEY_TEXT], evidence[SURVEY_TEXT];
	const char *word;
	size_t i, row = 0, n = 0;

	(void)printf("  NAT traversal   ");
	for (; (word = natt_word(r, &row)) != NULL; n++)
		(void)printf("%s%s", n > 0 ? ", " : "", word);
	(void)printf("%s\n", n == 0 ? "none announced" : "");
	if (guess(a, name, evidence))
		(void)printf("  implementation  %s (%s)\n", name, evidence);
	else
		(void)printf("  implementation  unknown\n");
	for (i = 0; i < r->n_vids; i++)
		(void)printf("    vendor ID %s  %s\n",
		    hex_put(hex, sizeof(hex), span_of(r->vids[i].b, r->vids[i].len)),
		    vid_name(r, i));
}

/* What the peer says in clear besides. */
static void
words_text(const struct ike_survey_result *r)
{
	char text[ID_TEXT];

	if (r->peer_id.type != 0)
		(void)printf("  calls itself    %s (in clear, in aggressive mode)\n",
		    id_text(text, &r->peer_id));
	if (r->life_s != 0)
		(void)printf("  lifetime        %llu s of phase 1 in its answer\n",
		    (unsigned long long)r->life_s);
	if (r->nonce_len != 0)
		(void)printf("  nonce           %zu bytes\n", r->nonce_len);
}

static const char *const size_words[] = {
	[SURVEY_WHOLE] = "whole", [SURVEY_FRAGMENTS] = "fragments",
	[SURVEY_IKE_FRAGMENTS] = "ike-fragments",
};
static const char *const size_text[] = {
	[SURVEY_WHOLE] = "in one packet", [SURVEY_FRAGMENTS] = "in fragments",
	[SURVEY_IKE_FRAGMENTS] = "in IKE fragments of full size",
};

static void
sizes_text(const struct ike_survey_result *r)
{
	size_t i;

	for (i = 0; i < SURVEY_SIZES; i++) {
		if (!r->size[i].asked)
			continue;
		(void)printf("  %-15s ", i == 0 ? "large packets" : "");
		if (i == SURVEY_IKE_FRAGMENTS && !r->fragments_announced)
			(void)printf("IKE fragments are not announced, so not tried\n");
		else
			(void)printf("%zu bytes of IKE to port %s %s: %s\n", r->size[i].len,
			    port_words[r->size[i].port], size_text[i],
			    r->size[i].answered ? "answered" : "no answer");
	}
}

static void
found_text(const struct ike_survey_result *r)
{
	char text[PROPOSAL_TEXT], name[NUM_TEXT], list[SURVEY_IKE];
	size_t i;

	if (r->n_found == 0) {
		(void)printf("  phase 1         takes none of the %s\n", r->searched ?
		    "transforms that were tried" : "common proposals; --transforms tries all");
		return;
	}
	(void)printf("  phase 1 takes\n");
	for (i = 0; i < r->n_found; i++)
		(void)printf("    %-28s %-9s %s mode%s\n", ike_proposal_text(text, &r->found[i].t.p),
		    auth_word(r->found[i].t.auth, name),
		    r->found[i].aggressive ? "aggressive" : "main",
		    r->found[i].stuck ? ", but goes no further" : "");
	if (r->aggressive_notify != 0)
		(void)printf("    aggressive mode is refused with %s%s\n",
		    isakmp_notify_name(r->aggressive_notify, name),
		    r->aggressive_notify == NOTIFY_NO_PROPOSAL_CHOSEN ? "" : ": --id may matter");
	if (r->searched)
		(void)printf("    tried %u of %u%s\n", r->tried, r->to_try, r->complete ? "" :
		    ": the search ended early");
	(void)printf("  proposal        --ike %s\n", ike_survey_proposals(list, r));
}

void
tell_text(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
	char at[ADDR_TEXT];
	int i;

	(void)printf("%s\n", addr_text(at, &a->conf->remote[0].addr));
	for (i = 0; i < SURVEY_PORTS; i++)
		port_text(a, (enum survey_port)i);
	for (i = 0; i < SURVEY_PORTS; i++)
		if (a->odd_port[i])
			(void)printf("  own port        %u in place of %s, which could not be had; "
			    "NAT-D counts with it\n", a->conf->local[i].port, port_words[i]);
	if (!r->port[0].answered && !r->port[1].answered)
		return;
	if (r->other_version != 0) {
		(void)printf("  version         answers in IKE version %d, not 1\n",
		    r->other_version >> 4);
		return;
	}
	(void)printf("  NAT             %s%s\n", nat_text[r->nat], r->nat != SURVEY_NAT_UNKNOWN ? "" :
	    !r->natd_done ? ": the peer went no further than its first answer" :
	    ": the peer sent no NAT-D");
	natd_text(a);
	tell_mapping_text(a);
	sizes_text(r);
	vids_text(a);
	tell_pattern_text(a);
	words_text(r);
	found_text(r);
}

/* --- JSON --- */

json_t *
endpoint_json(const struct endpoint *e)
{
	char at[ADDR_TEXT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "address", json_string(addr_text(at, &e->addr)));
	(void)json_object_set_new(j, "port", json_integer(e->port));
	return (j);
}

static json_t *
computed_json(const struct survey_hash *h, size_t len)
{
	json_t *j = endpoint_json(&h->of);

	(void)json_object_set_new(j, "hash", js_hex(span_of(h->b, len)));
	(void)json_object_set_new(j, "match", json_boolean(h->matches));
	return (j);
}

static json_t *
natd_json(const struct ike_survey_result *r)
{
	json_t *j = json_object(), *received = json_array(), *own = json_array();
	size_t i;

	for (i = 0; i < r->n_natd; i++)
		(void)json_array_append_new(received,
		    js_hex(span_of(r->natd[i].b, r->natd[i].len)));
	for (i = 0; i < r->n_own; i++)
		(void)json_array_append_new(own, computed_json(&r->own[i], r->natd_len));
	(void)json_object_set_new(j, "version", r->natd_version != NULL ?
	    json_string(r->natd_version) : json_null());
	(void)json_object_set_new(j, "hash", json_string(r->natd_hash));
	(void)json_object_set_new(j, "cky-i", js_hex(SPAN_ARRAY(r->cky_i)));
	(void)json_object_set_new(j, "cky-r", js_hex(SPAN_ARRAY(r->cky_r)));
	(void)json_object_set_new(j, "received", received);
	(void)json_object_set_new(j, "own", own);
	if (r->n_own > 0)
		(void)json_object_set_new(j, "peer", computed_json(&r->peer, r->natd_len));
	if (r->seen_known)
		(void)json_object_set_new(j, "seen", endpoint_json(&r->seen));
	return (j);
}

static void
put_found(json_t *j, const struct ike_survey_result *r)
{
	json_t *words = json_array(), *all = json_array(), *one;
	char text[PROPOSAL_TEXT], name[NUM_TEXT], list[SURVEY_IKE];
	size_t i, k;

	for (i = 0; i < r->n_found; i++) {
		ike_proposal_text(text, &r->found[i].t.p);
		for (k = 0; k < i; k++)
			if (memcmp(&r->found[i].t.p, &r->found[k].t.p, sizeof(r->found[i].t.p)) == 0)
				break;
		if (k == i)
			(void)json_array_append_new(words, json_string(text));
		one = json_object();
		(void)json_object_set_new(one, "proposal", json_string(text));
		(void)json_object_set_new(one, "auth",
		    json_string(auth_word(r->found[i].t.auth, name)));
		(void)json_object_set_new(one, "exchange",
		    json_string(r->found[i].aggressive ? "aggressive" : "main"));
		if (r->found[i].stuck)
			(void)json_object_set_new(one, "stuck", json_true());
		(void)json_array_append_new(all, one);
	}
	(void)json_object_set_new(j, "proposal", r->n_found > 0 ?
	    json_string(ike_survey_proposals(list, r)) : json_null());
	(void)json_object_set_new(j, "transforms", words);
	(void)json_object_set_new(j, "accepted", all);
	if (r->searched)
		(void)json_object_set_new(j, "complete", json_boolean(r->complete));
}

static json_t *
sizes_json(const struct ike_survey_result *r)
{
	json_t *j = json_object(), *one;
	size_t i;

	for (i = 0; i < SURVEY_SIZES; i++) {
		if (!r->size[i].asked)
			continue;
		one = json_object();
		if (i == SURVEY_IKE_FRAGMENTS)
			(void)json_object_set_new(one, "announced",
			    json_boolean(r->fragments_announced));
		(void)json_object_set_new(one, "port",
		    json_integer(r->size[i].port == SURVEY_4500 ? 4500 : 500));
		(void)json_object_set_new(one, "bytes", json_integer((json_int_t)r->size[i].len));
		(void)json_object_set_new(one, "answered", json_boolean(r->size[i].answered));
		(void)json_object_set_new(j, size_words[i], one);
	}
	return (j);
}

static json_t *
port_json(const struct about *a, int i)
{
	const struct ike_survey_result *r = a->r;
	char name[NUM_TEXT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "local", endpoint_json(&a->conf->local[i]));
	(void)json_object_set_new(j, "remote", endpoint_json(&a->conf->remote[i]));
	if (r->port[i].answered) {
		(void)json_object_set_new(j, "from", endpoint_json(&r->port[i].from));
		(void)json_object_set_new(j, "rtt-ms", json_integer(r->port[i].rtt_ms));
		if (r->port[i].notify != 0)
			(void)json_object_set_new(j, "notify",
			    json_string(isakmp_notify_name(r->port[i].notify, name)));
	} else if (r->port[i].sys != 0)
		(void)json_object_set_new(j, "error", json_string(strerror(r->port[i].sys)));
	return (j);
}

void
tell_json(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
	json_t *j = json_object(), *reach = json_object(), *ports = json_object();
	json_t *versions = json_array(), *vids = json_array(), *one;
	char at[ADDR_TEXT], name[SURVEY_TEXT], evidence[SURVEY_TEXT], id[ID_TEXT];
	const char *word;
	size_t i, row = 0;

	for (i = 0; i < SURVEY_PORTS; i++) {
		(void)json_object_set_new(reach, port_words[i], json_boolean(r->port[i].answered));
		if (a->asked[i])
			(void)json_object_set_new(ports, port_words[i], port_json(a, (int)i));
	}
	while ((word = natt_word(r, &row)) != NULL)
		(void)json_array_append_new(versions, json_string(word));
	for (i = 0; i < r->n_vids; i++) {
		one = json_object();
		(void)json_object_set_new(one, "bytes",
		    js_hex(span_of(r->vids[i].b, r->vids[i].len)));
		(void)json_object_set_new(one, "name", json_string(vid_name(r, i)));
		(void)json_array_append_new(vids, one);
	}
	(void)json_object_set_new(j, "peer",
	    json_string(addr_text(at, &a->conf->remote[0].addr)));
	(void)json_object_set_new(j, "reachable", reach);
	(void)json_object_set_new(j, "ports", ports);
	(void)json_object_set_new(j, "nat", json_string(nat_words[r->nat]));
	(void)json_object_set_new(j, "natt-versions", versions);
	if (r->natd_done)
		(void)json_object_set_new(j, "nat-d", natd_json(r));
	if (a->measure)
		(void)json_object_set_new(j, "mapping-timeout", tell_mapping_json(a));
	if (r->size[0].asked)
		(void)json_object_set_new(j, "sizes", sizes_json(r));
	if (guess(a, name, evidence)) {
		(void)json_object_set_new(j, "implementation", json_string(name));
		(void)json_object_set_new(j, "evidence", json_string(evidence));
	} else
		(void)json_object_set_new(j, "implementation", json_null());
	(void)json_object_set_new(j, "vendor-ids", vids);
	if (r->peer_id.type != 0)
		(void)json_object_set_new(j, "id", json_string(id_text(id, &r->peer_id)));
	if (r->life_s != 0)
		(void)json_object_set_new(j, "lifetime", json_integer((json_int_t)r->life_s));
	if (r->nonce_len != 0)
		(void)json_object_set_new(j, "nonce-bytes", json_integer((json_int_t)r->nonce_len));
	if (a->fingerprint)
		(void)json_object_set_new(j, "repetitions", tell_pattern_json(a));
	if (r->other_version != 0)
		(void)json_object_set_new(j, "version", json_integer(r->other_version >> 4));
	put_found(j, r);
	js_print(j, false, stdout);
}
