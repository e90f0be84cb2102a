/* Mode config: the exchange, of both ends. */
#include "ike/v1/mode_config.h"

#include <stdio.h>

#include "ike/conn.h"
#include "ike/v1run/mode_config_give.h"
#include "ike/v1run/mode_config_take.h"
#include "ike/v1/xauth.h"

/* A gateway that is a client of its peer as well does not push. */
static bool
pushes(const struct v1_sa *sa)
{
	const struct ike_policy *p = sa->ike.policy;

	return (p->mode_config_push && !p->mode_config && v1_gives_addresses(sa));
}

bool
v1_mode_config_due(const struct v1_sa *sa)
{
	return ((sa->ike.policy->mode_config || pushes(sa)) && !sa->login.configured);
}

/* --- the client --- */

static void
ask_for(struct wr *w, uint16_t type, const struct addr *had)
{
	isakmp_attr_put_bytes(w, type, addr_span(had));
}

static int
pull(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f)
{
	static const uint16_t wanted[] = {
		CONFIG_IP4_NETMASK, CONFIG_IP4_DNS, CONFIG_IP4_NBNS, CONFIG_APPLICATION_VERSION, CONFIG_UNITY_BANNER,
		CONFIG_UNITY_DEF_DOMAIN, CONFIG_UNITY_SPLITDNS, CONFIG_UNITY_SPLIT_INCLUDE, CONFIG_UNITY_LOCAL_LAN,
		CONFIG_IP6_DNS, CONFIG_IP6_SUBNET,
	};
	const struct ike_conn *conn = ike_conn_find(sa->ike.engine, sa->ike.policy);
	static const struct addr none;
	uint8_t buf[256];
	struct wr w = wr_of(buf, sizeof(buf));
	size_t i;

	/* The addresses of before, so that the successor of an IKE SA keeps them. */
	ask_for(&w, CONFIG_IP4_ADDRESS, conn != NULL ? &conn->had : &none);
	ask_for(&w, CONFIG_IP6_ADDRESS, conn != NULL ? &conn->had6 : &none);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		isakmp_attr_put_bytes(&w, wanted[i], SPAN_NONE);
	return (v1_transaction_begin(sa, &v1_mode_config, CONFIG_REQUEST, wr_span(&w), now, out, f));
}

/* There is an address: remembers it. */
static void
configured(struct v1_sa *sa, struct ike_outbox *out)
{
	struct ike_conn *conn = ike_conn_find(sa->ike.engine, sa->ike.policy);
	const struct ike_config *c = sa->ike.config;
	char a[ADDR_TEXT], b[ADDR_TEXT];

	sa->login.configured = true;
	if (conn != NULL) {
		conn->had = c->address;
		conn->had6 = c->address6;
	}
	ike_sa_note(&sa->ike, out, NOTE_INFO, "the gateway assigns %s%s%s",
	    addr_text(a, c->address.family != 0 ? &c->address : &c->address6),
	    c->address.family != 0 && c->address6.family != 0 ? " and " : "",
	    c->address.family != 0 && c->address6.family != 0 ? addr_text(b, &c->address6) : "");
}

/* The gateway's REPLY. */
static int
judge_reply(struct v1_sa *sa, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	struct isakmp_attr a;
	char text[SA_TEXT] = "";

	if (v1_config_take(sa, in, NULL, out, f) != 0)
		return (-1);
	if (sa->ike.config->address.family == 0 && sa->ike.config->address6.family == 0) {
		if (config_find(in, CONFIG_XAUTH_MESSAGE, &a))
			ike_config_text(text, a.bytes);
		return (fault_because(f, CAUSE_NO_ADDRESS, fault(f, FAULT_PROTOCOL, "the gateway assigns no address%s%s",
		    text[0] != '\0' ? ": " : "", text)));
	}
	configured(sa, out);
	return (0);
}

/* The gateway's SET. The ACK names each accepted attribute, without its value. */
static int
answer_set(struct v1_sa *sa, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	if (!sa->ike.policy->mode_config) {
		ike_sa_note(&sa->ike, out, NOTE_WARN, "the peer sends values of mode config, which are refused without --mode-config");
		return (0);
	}
	if (v1_config_take(sa, in, w, out, f) != 0)
		return (-1);
	if (!sa->login.configured && (sa->ike.config->address.family != 0 || sa->ike.config->address6.family != 0))
		configured(sa, out);
	return (0);
}

/* --- the gateway --- */

static void
note_lease(const struct v1_sa *sa, struct ike_outbox *out)
{
	const struct ike_config *c = sa->ike.config;
	char owner[SA_TEXT], a[ADDR_TEXT], b[ADDR_TEXT];

	if (c->address.family == 0 && c->address6.family == 0)
		return;
	ike_sa_note(&sa->ike, out, NOTE_INFO, "%s gets %s%s%s", v1_config_owner(sa, owner),
	    addr_text(a, c->address.family != 0 ? &c->address : &c->address6),
	    c->address.family != 0 && c->address6.family != 0 ? " and " : "",
	    c->address.family != 0 && c->address6.family != 0 ? addr_text(b, &c->address6) : "");
}

/* The client asks for an address, and there is none: both ends say why. */
static void
no_address(struct v1_exchange *x, const struct fault *why, struct wr *w, struct ike_outbox *out)
{
	struct fault said = *why;
	char owner[SA_TEXT];
	uint8_t id[16];

	isakmp_attr_put_bytes(w, CONFIG_XAUTH_MESSAGE, span_str(why->what));
	(void)snprintf(said.what, sizeof(said.what), "%.100s gets no address: %.200s", v1_config_owner(x->sa, owner), why->what);
	said.evidence = EVIDENCE_PROVEN;
	v1_exchange_where(x, 1, &said);
	v1_sa_id(x->sa, id);
	outbox_verdict(out, IKE_REFUSED, id, x->mid, &said);
}

static int
answer_request(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	struct v1_sa *sa = x->sa;
	struct fault why;

	/* As client this end has nothing to give, except its version. */
	v1_xauth_goes_on(sa);
	if (v1_xauth_due(sa))
		return (fault(f, FAULT_PROTOCOL, "the peer asks for values of mode config before the end of XAuth"));
	if (v1_config_give(sa, x->now, in, w, &why, f) != 0)
		return (-1);
	if (why.code != FAULT_NONE)
		no_address(x, &why, w, out);
	else
		note_lease(sa, out);
	return (0);
}

static int
push(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f)
{
	uint8_t buf[CONFIG_BODY_MAX - 4];
	struct wr w = wr_of(buf, sizeof(buf));
	struct fault why;

	if (v1_config_give(sa, now, NULL, &w, &why, f) != 0)
		return (-1);
	if (why.code != FAULT_NONE) {
		*f = why;
		return (-1);
	}
	note_lease(sa, out);
	return (v1_transaction_begin(sa, &v1_mode_config, CONFIG_SET, wr_span(&w), now, out, f));
}

/* --- the exchange --- */

int
v1_mode_config_begin(struct v1_sa *sa, struct now now, struct ike_outbox *out, struct fault *f)
{
	if (!pushes(sa) && sa->ike.policy->mode_config_push)
		return (0);	/* the gateway begins */
	sa->login.asked = true;
	return (pushes(sa) ? push(sa, now, out, f) : pull(sa, now, out, f));
}

static int
answer(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out, struct fault *f)
{
	return (in->type == CONFIG_REQUEST ? answer_request(x, in, w, out, f) : answer_set(x->sa, in, w, out, f));
}

static int
judge(struct v1_exchange *x, const struct config *in, struct ike_outbox *out, struct fault *f)
{
	if (in->type != CONFIG_ACK)
		return (judge_reply(x->sa, in, out, f));
	x->sa->login.configured = true;
	v1_config_given(x->sa, x->now, in, out);
	return (0);
}

const struct v1_transactor v1_mode_config = { "mode config", PHASE_CONFIG, answer, judge };
