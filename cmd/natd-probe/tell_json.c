/* The report as JSON. */
#include "tell_json.h"

#include <stdio.h>
#include <string.h>

#include "cli/js.h"
#include "names.h"
#include "tell_mapping.h"
#include "tell_methods.h"
#include "tell_pattern.h"

static const char *const nat_words[] = {
	[SURVEY_NAT_UNKNOWN] = "unknown",	[SURVEY_NAT_NONE] = "none",
	[SURVEY_NAT_LOCAL] = "local",		[SURVEY_NAT_REMOTE] = "remote",
	[SURVEY_NAT_BOTH] = "both",
};
static const char *const size_words[] = {
	[SURVEY_WHOLE] = "whole", [SURVEY_FRAGMENTS] = "fragments",
	[SURVEY_IKE_FRAGMENTS] = "ike-fragments",
};

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
		    json_string(auth_name(r->found[i].t.auth, name)));
		(void)json_object_set_new(one, "exchange",
		    json_string(r->found[i].aggressive ? "aggressive" : "main"));
		if (r->found[i].stuck)
			(void)json_object_set_new(one, "stuck", json_true());
		(void)json_array_append_new(all, one);
	}
	(void)json_object_set_new(j, "proposal", r->n_found > 0 ?
	    json_string(ike_survey_proposals(list, r)) : json_null());
	(void)json_object_set_new(j, "exchange", r->n_found == 0 ? json_null() :
	    json_string(found_mode(r, false) ? "main" : "aggressive"));
	(void)json_object_set_new(j, "transforms", words);
	(void)json_object_set_new(j, "accepted", all);
	if (r->searched)
		(void)json_object_set_new(j, "complete", json_boolean(r->complete));
}

static json_t *
sizes_json(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
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
	if (r->path.passes != 0 || r->path.fails != 0) {
		one = json_object();
		(void)json_object_set_new(one, "port", json_integer(r->path.port == SURVEY_4500 ? 4500 : 500));
		(void)json_object_set_new(one, "passes", json_integer((json_int_t)r->path.passes));
		(void)json_object_set_new(one, "fails", json_integer((json_int_t)r->path.fails));
		(void)json_object_set_new(one, "inner-mtu",
		    json_integer((json_int_t)tell_inner_mtu(a, r->path.passes)));
		(void)json_object_set_new(j, "path", one);
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
		(void)json_object_set_new(j, "error", json_string(fault_unreachable_text(r->port[i].sys)));
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
		(void)json_object_set_new(reach, port_label(i), json_boolean(r->port[i].answered));
		if (a->asked[i])
			(void)json_object_set_new(ports, port_label(i), port_json(a, (int)i));
	}
	while ((word = natt_name(r, &row)) != NULL)
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
		(void)json_object_set_new(j, "sizes", sizes_json(a));
	if (name_implementation(a, name, evidence)) {
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
	if (a->ask_methods)
		(void)json_object_set_new(j, "authentication", tell_methods_json(a));
	if (r->other_version != 0)
		(void)json_object_set_new(j, "version", json_integer(r->other_version >> 4));
	put_found(j, r);
	js_print(j, false, stdout);
}
