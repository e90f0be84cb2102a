/* The report as text. */
#include "tell_text.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "esp/transform.h"
#include "names.h"
#include "port/port.h"
#include "tell_mapping.h"
#include "tell_methods.h"
#include "tell_pattern.h"

#define HEX_TEXT	(2 * HASH_MAX + 1)

static const char *const nat_text[] = {
	[SURVEY_NAT_UNKNOWN] = "unknown",
	[SURVEY_NAT_NONE] = "none",
	[SURVEY_NAT_LOCAL] = "in front of us",
	[SURVEY_NAT_REMOTE] = "in front of the peer, or it pretends to force ESP in UDP",
	[SURVEY_NAT_BOTH] = "in front of both ends (the peer may pretend, to force ESP in UDP)",
};

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
			(void)printf(": not the address that was probed");
		(void)putchar('\n');
	} else if (r->port[i].sys != 0)
		(void)printf("no answer: %s\n", fault_unreachable_text(r->port[i].sys));
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
		(void)printf("%s\n", i == 0 ? "as the peer sees us" : "as the peer sees itself");
	}
	for (i = 0; i < r->n_own; i++) {
		hash_text("computed", r->own[i].b, r->natd_len);
		(void)printf("us as %s: %s\n", endpoint_text(at, &r->own[i].of),
		    r->own[i].matches ? "the same" : "differs");
	}
	if (r->seen_known)
		(void)printf("the peer sees us as %s\n", endpoint_text(at, &r->seen));
	if (r->n_own > 0) {
		hash_text("computed", r->peer.b, r->natd_len);
		(void)printf("the peer as %s: %s\n", endpoint_text(at, &r->peer.of),
		    r->peer.matches ? "the same" : "differs");
	}
}

static void
vids_text(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
	char hex[2 * SURVEY_VID_LEN + 1], name[SURVEY_TEXT], evidence[SURVEY_TEXT];
	const char *word;
	size_t i, row = 0, n = 0;

	(void)printf("  NAT traversal   ");
	for (; (word = natt_name(r, &row)) != NULL; n++)
		(void)printf("%s%s", n > 0 ? ", " : "", word);
	(void)printf("%s\n", n == 0 ? "none announced" : "");
	if (name_implementation(a, name, evidence))
		(void)printf("  implementation  %s (%s)\n", name, evidence);
	else
		(void)printf("  implementation  unknown\n");
	for (i = 0; i < r->n_vids; i++)
		(void)printf("    vendor ID %s  %s\n",
		    hex_put(hex, sizeof(hex), span_of(r->vids[i].b, r->vids[i].len)),
		    vid_name(r, i));
}

/* Other unencrypted information from the peer. */
static void
words_text(const struct ike_survey_result *r)
{
	char text[ID_TEXT];

	if (r->peer_id.type != 0)
		(void)printf("  identity        %s (in clear, in aggressive mode)\n",
		    id_text(text, &r->peer_id));
	if (r->life_s != 0)
		(void)printf("  lifetime        %llu s of phase 1 in the answer\n",
		    (unsigned long long)r->life_s);
	if (r->nonce_len != 0)
		(void)printf("  nonce           %zu bytes\n", r->nonce_len);
}

static const char *const size_text[] = {
	[SURVEY_WHOLE] = "in one packet", [SURVEY_FRAGMENTS] = "in fragments",
	[SURVEY_IKE_FRAGMENTS] = "in IKE fragments of full size",
};

size_t
tell_inner_mtu(const struct about *a, size_t path)
{
	/* The most that ESP adds: IV and block of AES-CBC, ICV of HMAC-SHA-512. */
	const struct esp_xf most = { .iv_len = 16, .icv_len = 32, .align = 16 };
	size_t outer = a->conf->remote[0].addr.family == 4 ? 20 : 40;

	if (a->r->nat != SURVEY_NAT_NONE)
		outer += 8;
	return (path > outer ? esp_xf_inner_max(&most, path - outer) : 0);
}

static void
path_text(const struct about *a)
{
	const struct survey_path *p = &a->r->path;
	size_t mtu = tell_inner_mtu(a, p->passes);

	if (p->passes == 0 && p->fails == 0)
		return;
	if (p->passes == 0) {
		(void)printf("  path MTU        unknown: no answer to %zu bytes from another port than ours of IKE\n", p->fails);
		return;
	}
	(void)printf("  path MTU        %zu bytes pass in one packet (DF)", p->passes);
	if (p->fails != 0)
		(void)printf(", %zu bytes do not", p->fails);
	(void)printf("\n  MTU to set      esp-tun --mtu %zu: room for ESP%s with any --esp\n", mtu,
	    a->r->nat != SURVEY_NAT_NONE ? " in UDP" : "");
}

static void
sizes_text(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
	size_t i;

	for (i = 0; i < SURVEY_SIZES; i++) {
		if (!r->size[i].asked)
			continue;
		(void)printf("  %-15s ", i == 0 ? "large packets" : "");
		if (i == SURVEY_IKE_FRAGMENTS && !r->fragments_announced)
			(void)printf("not tried: the peer does not announce IKE fragmentation\n");
		else
			(void)printf("%zu bytes of IKE to port %s %s: %s\n", r->size[i].len,
			    port_label(r->size[i].port), size_text[i],
			    r->size[i].answered ? "answered" : "no answer");
	}
	path_text(a);
}

static void
found_text(const struct ike_survey_result *r)
{
	char text[PROPOSAL_TEXT], name[NUM_TEXT], list[SURVEY_IKE];
	size_t i;

	if (r->n_found == 0) {
		(void)printf("  phase 1         accepts none of the %s\n", r->searched ?
		    "transforms that were tried" : "common proposals; --transforms tries all");
		return;
	}
	(void)printf("  phase 1 accepts\n");
	for (i = 0; i < r->n_found; i++)
		(void)printf("    %-28s %-9s %s mode%s\n", ike_proposal_text(text, &r->found[i].t.p),
		    auth_name(r->found[i].t.auth, name),
		    r->found[i].aggressive ? "aggressive" : "main",
		    r->found[i].stuck ? ", no answer to message 3" : "");
	if (r->aggressive_notify != 0 && !found_mode(r, true))
		(void)printf("    aggressive mode is rejected with %s%s\n",
		    isakmp_notify_name(r->aggressive_notify, name),
		    r->aggressive_notify == NOTIFY_NO_PROPOSAL_CHOSEN ? "" : ": try --id");
	if (r->searched)
		(void)printf("    tried %u of %u%s\n", r->tried, r->to_try, r->complete ? "" :
		    ": the search ended early");
	(void)printf("  proposal        %s--ike %s\n", found_mode(r, false) ? "" : "--exchange aggressive ",
	    ike_survey_proposals(list, r));
}

void
tell_text(const struct about *a)
{
	const struct ike_survey_result *r = a->r;
	char at[ADDR_TEXT];
	size_t i;

	(void)printf("%s\n", addr_text(at, &a->conf->remote[0].addr));
	for (i = 0; i < SURVEY_PORTS; i++)
		port_text(a, (enum survey_port)i);
	for (i = 0; i < SURVEY_PORTS; i++)
		if (a->odd_port[i])
			(void)printf("  local port      %u instead of %s, which is not available; "
			    "the NAT result is for this port\n", a->conf->local[i].port, port_label(i));
	if (!r->port[0].answered && !r->port[1].answered)
		return;
	if (a->asked[0] && r->port[0].answered && !r->port[1].answered && a->conf->remote[0].port != PORT_IKE_DEFAULT)
		(void)printf("  NAT traversal   not on UDP %u: if a NAT is found, ike-initiate needs --natt-port PORT\n",
		    a->conf->remote[1].port);
	if (r->port[1].answered && a->conf->remote[1].port != PORT_NATT_DEFAULT)
		(void)printf("  port            ike-initiate --natt-port %u\n", a->conf->remote[1].port);
	if (r->other_version != 0) {
		(void)printf("  version         answers in IKE version %d, not 1\n",
		    r->other_version >> 4);
		return;
	}
	(void)printf("  NAT             %s%s\n", nat_text[r->nat], r->nat != SURVEY_NAT_UNKNOWN ? "" :
	    !r->natd_done ? ": the peer stopped after its first answer" :
	    ": the peer sent no NAT-D");
	natd_text(a);
	tell_mapping_text(a);
	sizes_text(a);
	vids_text(a);
	tell_methods_text(a);
	tell_pattern_text(a);
	words_text(r);
	found_text(r);
}
