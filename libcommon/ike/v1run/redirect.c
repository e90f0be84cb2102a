/* Unity's load balancing, of both ends. */
#include "ike/v1run/redirect.h"

#include "ike/child.h"
#include "ike/conn.h"
#include "ike/v1run/info_send.h"
#include "wire/vid.h"

/* Why this end does not follow a redirect of ${sa}; NULL: it does. */
static const char *
not_allowed(const struct v1_sa *sa)
{
	const struct ike_sa *ike = &sa->ike;

	if (ike->role != SA_INITIATOR || sa->auth == NULL || (sa->auth->next != V1_AUTH_THEN_XAUTH && !ike->policy->mode_config))
		return ("this end is no client of XAuth or mode config");
	if (ike_children_of(ike->engine, ike->policy, ike->remote.id) != NULL)
		return ("there is a child SA already");
	return (NULL);
}

/* Why a gateway cannot be at ${a}; NULL: it can. */
static const char *
no_gateway(const struct v1_sa *sa, const struct addr *a)
{
	if (a->b[0] == 0 || a->b[0] == 127 || a->b[0] >= 224)
		return ("which is no unicast address");
	if (addr_cmp(a, &sa->ike.local.at.addr) == 0)
		return ("which is this end itself");
	if (addr_cmp(a, &sa->ike.remote.at.addr) == 0)
		return ("where it is already");
	return (NULL);
}

bool
v1_redirect_take(struct v1_sa *sa, const struct isakmp_notify *n, struct fault *why, struct ike_outbox *out)
{
	struct ike_conn *conn = ike_conn_find(sa->ike.engine, sa->ike.policy);
	const char *not = conn == NULL ? "nothing can begin again here" : not_allowed(sa);
	char text[ADDR_TEXT];
	struct addr to;

	if (not == NULL && n->data.len != 4)
		not = "it has no IPv4 address";
	if (not != NULL) {
		ike_sa_note(&sa->ike, out, NOTE_WARN, "the gateway redirects this end, which is ignored: %s", not);
		return (false);
	}
	to = addr_make(4, n->data.p);
	(void)addr_text(text, &to);
	conn->elsewhere = (struct endpoint){0};
	if ((not = no_gateway(sa, &to)) != NULL)
		(void)fault(why, FAULT_PROTOCOL, "the gateway redirects this client to %s, %s", text, not);
	else if (conn->redirects >= V1_REDIRECTS_MAX)
		(void)fault(why, FAULT_PROTOCOL, "the gateways redirect this client in circles: %s would be number %d", text,
		    V1_REDIRECTS_MAX + 1);
	else {
		conn->redirects++;
		conn->elsewhere = (struct endpoint){ .addr = to, .port = conn->remote.port };
		(void)fault_because(why, CAUSE_REDIRECT, fault(why, FAULT_PEER_NOTIFY, "the gateway redirects this client to %s", text));
	}
	why->evidence = EVIDENCE_PROVEN;
	return (true);
}

bool
v1_redirect_due(const struct v1_sa *sa, struct ike_outbox *out)
{
	const struct vid *v;
	struct span body;
	size_t at = 0;

	if (sa->ike.role != SA_RESPONDER || sa->ike.policy->redirect.family == 0)
		return (false);
	while (v1_vids_next(&sa->vids, &at, &body))
		if ((v = vid_find(body)) != NULL && v->kind == VID_UNITY)
			return (true);
	ike_sa_note(&sa->ike, out, NOTE_INFO, "the client did not announce Unity, by which it could be redirected: it is served here");
	return (false);
}

bool
v1_redirect_send(struct v1_sa *sa, struct now now, struct ike_outbox *out)
{
	const struct addr *to = &sa->ike.policy->redirect;
	char text[ADDR_TEXT];
	uint8_t id[16];

	if (sa->login.redirects == V1_REDIRECT_SENDS)
		return (false);
	v1_sa_id(sa, id);
	if (sa->login.redirects == 0)
		ike_sa_note(&sa->ike, out, NOTE_INFO, "the client is redirected to %s", addr_text(text, to));
	v1_info_notify(sa, PROTO_ISAKMP, NOTIFY_UNITY_LOAD_BALANCE, SPAN_ARRAY(id), addr_span(to), out);
	sa->ike.hard_ms = now.ms + ((uint64_t)V1_REDIRECT_MS << sa->login.redirects);
	sa->login.redirects++;
	return (true);
}
