/* natd-probe: detects NAT, filtering and accepted proposals of an IKE gateway. */
#include <stdio.h>
#include <string.h>

#include "cli/opt.h"
#include "cli/peer_addr.h"
#include "tool/probe_tool.h"
#include "cli/progress.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "many.h"
#include "natd_probe.h"
#include "net/ifaddr.h"
#include "os/pathmtu.h"
#include "tell_json.h"
#include "tell_mapping.h"
#include "tell_text.h"

#define MANY_RATE	20	/* new hosts a second: each gets three small messages */
#define QUIET_MS	25000	/* no first repetition is known to come later */

struct opts {
	const char	*local, *external, *id, *pcap, *user;
	struct opt_args	 peers;
	bool		 transforms, sizes, methods, fingerprint, mapping, json, ikev2, yes;
	uint32_t	 timeout_ms, rate, limit_ms, natt_port;
};

static const struct opt optab[] = {
	OPT_TOOL("detect NAT, filtering and accepted proposals of an IKE gateway"),
	OPT_USE("[OPTION]... PEER[:PORT]"),
	OPT_USE("[OPTION]... NET|PEER...|-"),
	OPT_FLAG(struct opts, transforms, 0, "transforms",
	    "find all phase 1 transforms that the peer accepts"),
	OPT_FLAG(struct opts, sizes, 0, "sizes", "check whether large packets and fragments pass"),
	OPT_FLAG(struct opts, methods, 0, "methods",
	    "find the authentication methods that the peer accepts, its certificate, and the CAs that it asks for"),
	OPT_FLAG(struct opts, fingerprint, 0, "fingerprint",
	    "measure how the peer retransmits"),
	OPT_FLAG(struct opts, mapping, 0, "mapping-timeout",
	    "measure how long the local NAT keeps an idle mapping"),
	OPT_FLAG(struct opts, ikev2, 0, "ikev2", "send one IKE_SA_INIT of IKEv2, and nothing of IKEv1"),
	OPT_FLAG(struct opts, yes, 'y', "yes", "do not ask before more than 256 hosts are probed"),
	OPT_MILLIS(struct opts, timeout_ms, 0, "timeout", "S", 100, 600000,
	    "seconds to wait for an answer, with retransmissions"),
	OPT_NUM(struct opts, rate, 0, "rate", "N", 1, 50, "maximum of new negotiations per second (default 4; of many hosts 20)",
	    .flags = OPT_NO_DEFAULT),
	OPT_MILLIS(struct opts, limit_ms, 0, "max-time", "S", 1000, 3600000,
	    "time limit of each of --transforms, --fingerprint, --mapping-timeout"),
	OPT_STR(struct opts, id, 0, "id", "ID",
	    "identity to send in aggressive mode (default: the local address)"),
	OPT_STR(struct opts, local, 0, "local", "ADDR", "local address to probe from"),
	OPT_NUM(struct opts, natt_port, 0, "natt-port", "PORT", 1, 65535,
	    "the peer's UDP port for NAT traversal, behind the non-ESP marker"),
	OPT_STR(struct opts, external, 0, "external", "ADDR",
	    "public address of the local NAT, as the peer sees it"),
	OPT_STR(struct opts, pcap, 0, "pcap", "FILE",
	    "record the messages in FILE (pcapng), each with a comment"),
	OPT_STR(struct opts, user, 0, "user", "NAME",
	    "drop privileges to NAME once the ports are open (root: sapipe)"),
	OPT_JSON(struct opts, json),
	OPT_ARGS(struct opts, peers, "PEER", 1, 0,
	    "address or name of the peer, and port (default 500); a network; '-' for a list on standard input"),
	OPT_END
};

struct run {
	struct probe_tool	 tool;
	struct ike_survey	*survey;
	struct ike_survey_conf	 conf;
	struct about		 about;
	struct ike_methods	*methods;
	struct ike_pattern	*pattern;
	struct ike_mapping	*mapping;
	struct endpoint		 lane[SURVEY_PORTS][MAPPING_LANES];
	bool			 told;		/* that the peer has fallen silent */
};

/* --- fourth and last: the measurement of the NAT mapping --- */

/* Starts the measurement if the survey has found its inputs. */
static void
begin_mapping(struct run *r)
{
	const struct ike_survey_result *res = ike_survey_result(r->survey);
	const struct probe_transform *t = ike_survey_leads_on(res);
	/* ESP in UDP goes to 4500, so that is the flow to ask about, where it answers. */
	enum survey_port port = res->port[SURVEY_4500].answered ? SURVEY_4500 : SURVEY_500;
	struct ike_mapping_conf c = {
		.rand = r->conf.rand, .n = MAPPING_LANES, .remote = r->conf.remote[port],
		.natt = res->natt, .n_outside = 1, .outside = { r->conf.local[port].addr },
		.timeout_ms = r->conf.timeout_ms, .gap_ms = r->conf.gap_ms,
		.limit_ms = r->about.limit_ms,
	};
	struct fault f;

	if (!r->about.measure || t == NULL ||
	    (res->nat != SURVEY_NAT_LOCAL && res->nat != SURVEY_NAT_BOTH))
		return;
	c.offer = *t;
	memcpy(c.local, r->lane[port], sizeof(c.local));
	if (r->conf.outside.family != 0)
		c.outside[c.n_outside++] = r->conf.outside;
	progress_clear();
	report_say(0, "measuring the NAT mapping timeout: %u s at most", c.limit_ms / 1000);
	if ((r->mapping = ike_mapping_new(&c, &f)) == NULL)
		report_note(&f);
	else
		probe_tool_start(&r->tool, ike_mapping_machine(r->mapping));
}

/* --- third: how the peer retransmits --- */

static void
begin_pattern(struct run *r)
{
	const struct ike_survey_result *res = ike_survey_result(r->survey);
	enum survey_port port = res->port[SURVEY_500].answered ? SURVEY_500 : SURVEY_4500;
	const struct probe_transform *t = ike_survey_leads_on(res);
	struct ike_pattern_conf c = {
		.rand = r->conf.rand, .local = r->conf.local[port], .remote = r->conf.remote[port],
		.no_main = t == NULL, .id = r->conf.id, .natt = res->natt,
		.timeout_ms = r->conf.timeout_ms, .quiet_ms = QUIET_MS, .limit_ms = r->about.limit_ms,
	};
	struct fault f;

	if (!r->about.fingerprint || res->n_found == 0) {
		begin_mapping(r);
		return;
	}
	c.offer = t != NULL ? *t : res->found[0].t;
	progress_clear();
	report_say(0, "waiting for retransmissions: %u s if there are none, %u s at most",
	    QUIET_MS / 1000, c.limit_ms / 1000);
	if ((r->pattern = ike_pattern_new(&c, &f)) == NULL)
		report_note(&f);
	else
		probe_tool_start(&r->tool, ike_pattern_machine(r->pattern));
}

/* --- second: methods and certificates --- */

static void
begin_methods(struct run *r)
{
	const struct ike_survey_result *res = ike_survey_result(r->survey);
	enum survey_port port = res->port[SURVEY_500].answered ? SURVEY_500 : SURVEY_4500;
	const struct probe_transform *t = ike_survey_leads_on(res);
	struct ike_methods_conf c = {
		.rand = r->conf.rand, .local = r->conf.local[port], .remote = r->conf.remote[port], .id = r->conf.id,
		.natt = res->natt, .timeout_ms = r->conf.timeout_ms, .gap_ms = r->conf.gap_ms,
	};
	struct fault f;

	if (!r->about.ask_methods || res->n_found == 0) {
		begin_pattern(r);
		return;
	}
	c.proposal = t != NULL ? t->p : res->found[0].t.p;
	progress_clear();
	if ((r->methods = ike_methods_new(&c, &f)) == NULL)
		report_note(&f);
	else
		probe_tool_start(&r->tool, ike_methods_machine(r->methods));
}

/* --- progress of each --- */

static void
show_survey(struct run *r)
{
	const struct ike_survey_result *res = ike_survey_result(r->survey);
	char text[TELL_TEXT];

	if (res->waiting_ms != 0 && !r->told) {
		progress_clear();
		report_say(1, "the peer stopped answering: waiting for it to recover");
	}
	r->told = res->waiting_ms != 0;
	if (!res->searched)
		return;
	(void)snprintf(text, sizeof(text), "%u of %u transforms, %zu accepted%s", res->tried,
	    res->to_try, res->n_found, res->waiting_ms != 0 ? ", waiting" : "");
	progress_show(res->tried, res->to_try, text);
}

static void
on_stepped(void *ctx)
{
	struct run *r = ctx;
	const struct ike_mapping_result *res;
	const struct ike_methods_result *m;
	char text[TELL_TEXT];

	if (r->mapping != NULL) {
		res = ike_mapping_result(r->mapping);
		progress_show(res->elapsed_ms, r->about.limit_ms, tell_mapping(text, res));
	} else if (r->pattern != NULL)
		progress_show(ike_pattern_result(r->pattern)->elapsed_ms, r->about.limit_ms,
		    "waiting for retransmissions");
	else if (r->methods != NULL) {
		m = ike_methods_result(r->methods);
		progress_show(m->asked, m->to_ask, "authentication methods");
	} else
		show_survey(r);
}

static void
on_over(void *ctx)
{
	struct run *r = ctx;

	if (r->mapping != NULL)
		return;
	if (r->pattern != NULL)
		begin_mapping(r);
	else if (r->methods != NULL)
		begin_pattern(r);
	else
		begin_methods(r);
}

static const struct probe_tool_calls calls = { .stepped = on_stepped, .over = on_over };

/* --- beginning and end --- */

/* The address of --local; family 0: not given. */
static int
find_own(struct endpoint *local, const struct opts *o, struct fault *f)
{
	*local = (struct endpoint){0};
	if (o->local != NULL && local_parse(local, o->local, 0, f) != 0)
		return (-1);
	return (local->port == 0 ? 0 : fault(f, FAULT_USAGE, "--local requires an address without port"));
}

static int
find_ends(struct run *r, const struct opts *o, struct fault *f)
{
	struct ike_survey_conf *c = &r->conf;
	struct endpoint local;
	long n;

	if (find_own(&local, o, f) != 0)
		return (-1);
	if (probe_tool_peer(&c->remote[0], o->peers.v[0], local.addr.family, f) != 0 ||
	    (local.addr.family == 0 ? ports_source(&local.addr, &c->remote[0], 0, f) :
	    ports_can_reach(&local.addr, &c->remote[0], 0, f)) != 0 ||
	    (n = ifaddr_list(c->own, SURVEY_OWN_MAX, local.addr.family, f)) < 0)
		return (-1);
	c->n_own = (size_t)n;
	if (o->external != NULL && (addr_parse(&c->outside, o->external) != 0 ||
	    c->outside.family != local.addr.family))
		return (fault(f, FAULT_USAGE, "--external requires an address of the peer's family"));
	c->local[0] = c->local[1] = local;
	c->remote[1] = c->remote[0];
	c->remote[1].port = (uint16_t)o->natt_port;
	return (0);
}

static int
open_port(struct run *r, enum survey_port i, enum port_role role, struct fault *f)
{
	r->about.asked[i] = true;
	return (probe_tool_port(&r->tool, &r->conf.local[i], role, &r->about.odd_port[i], f));
}

/* A NAT may treat 500 and 4500 like no others, and resident tools talk from there. */
static int
open_lanes(struct run *r, enum survey_port i, enum port_role role, struct fault *f)
{
	struct endpoint *e;

	for (e = r->lane[i]; e < r->lane[i] + MAPPING_LANES && r->about.asked[i]; e++) {
		*e = (struct endpoint){ r->conf.local[i].addr, 0 };
		if (ports_open(r->tool.ports, e, role, 0, f) != 0)
			return (-1);
	}
	return (0);
}

/* For --sizes: ports of our own whose packets are not fragmented. */
static int
open_whole(struct run *r, enum survey_port i, enum port_role role, struct fault *f)
{
	struct ike_survey_conf *c = &r->conf;

	c->path_max = path_mtu_once(&c->remote[i].addr, 0);
	if (c->path_max == 0 || c->path_max > SURVEY_LINK_MTU)
		c->path_max = SURVEY_LINK_MTU;
	c->whole[i] = (struct endpoint){ c->local[i].addr, 0 };
	return (ports_open(r->tool.ports, &c->whole[i], role, 0, f) != 0 ||
	    ports_keep_whole(r->tool.ports, &c->whole[i], f) != 0 ? -1 : 0);
}

static int
open_all(struct run *r, const struct opts *o, struct fault *f)
{
	struct ike_survey_conf *c = &r->conf;

	c->rand = rand_system;
	c->transforms = o->transforms;
	c->sizes = o->sizes;
	c->timeout_ms = o->timeout_ms;
	c->gap_ms = 1000 / o->rate;
	c->limit_ms = r->about.limit_ms = o->limit_ms;
	r->about.measure = o->mapping;
	r->about.fingerprint = o->fingerprint;
	r->about.ask_methods = o->methods;
	if (find_ends(r, o, f) != 0)
		return (-1);
	if (o->id == NULL)
		c->id = id_from_addr(&c->local[0].addr);
	else if (id_parse(&c->id, o->id, f) != 0)
		return (-1);
	r->tool.calls = &calls;
	r->tool.ctx = r;
	r->tool.note_once = true;
	if (probe_tool_open(&r->tool, f) != 0)
		return (-1);
	/* Behind that port every message has a marker, so it is one question, not two. */
	if ((c->remote[0].port != c->remote[1].port &&
	    open_port(r, SURVEY_500, PORT_IKE, f) != 0) ||
	    open_port(r, SURVEY_4500, PORT_NATT, f) != 0 ||
	    (o->sizes && (open_whole(r, SURVEY_500, PORT_IKE, f) != 0 ||
	    open_whole(r, SURVEY_4500, PORT_NATT, f) != 0)) ||
	    (o->mapping && (open_lanes(r, SURVEY_500, PORT_IKE, f) != 0 ||
	    open_lanes(r, SURVEY_4500, PORT_NATT, f) != 0)))
		return (-1);
	r->survey = ike_survey_new(c, f);
	return (r->survey != NULL ? 0 : -1);
}

static enum exit_status
end(struct run *r, const struct opts *o)
{
	const struct ike_survey_result *res = ike_survey_result(r->survey);
	struct fault f = {0};
	char to[ADDR_TEXT];

	r->about.conf = &r->conf;
	r->about.r = res;
	r->about.pattern = r->pattern != NULL ? ike_pattern_result(r->pattern) : NULL;
	r->about.methods = r->methods != NULL ? ike_methods_result(r->methods) : NULL;
	r->about.mapping = r->mapping != NULL ? ike_mapping_result(r->mapping) : NULL;
	progress_clear();
	if (r->tool.unsent > 0 && r->tool.unsent >= res->sent)
		return (report_fault(&r->tool.why_unsent));
	(o->json ? tell_json : tell_text)(&r->about);
	(void)fflush(stdout);
	if (res->port[0].answered || res->port[1].answered)
		return (EXIT_DONE);
	(void)fault(&f, res->port[0].sys != 0 ? FAULT_UNREACHABLE : FAULT_NO_REPLY,
	    res->port[0].sys != 0 ? "no answer from %s" :
	    "no answer from %s to main mode, aggressive mode with and without XAuth, and IKEv2",
	    addr_text(to, &r->conf.remote[0].addr));
	if (res->port[0].sys != 0 || r->conf.remote[0].port == PORT_IKE_DEFAULT ||
	    r->conf.remote[0].port == r->conf.remote[1].port)
		return (report_fault(&f));
	report_note(&f);
	report_hint("if UDP %u is the gateway's port for NAT traversal, its messages have a marker: natd-probe and ike-initiate "
	    "with --natt-port %u", r->conf.remote[0].port, r->conf.remote[0].port);
	return (fault_exit(f.code));
}

/* Many hosts, or only IKEv2: other probes, with a line for each answer. */
static enum exit_status
ask_many(const struct opts *o)
{
	static const char *const one[] = {	/* options for a single peer and IKEv1 */
		"transforms", "sizes", "methods", "fingerprint", "mapping-timeout", "id", "external", "natt-port", "max-time",
	};
	struct many_opts m = {
		.pcap = o->pcap, .user = o->user, .ikev2 = o->ikev2, .json = o->json, .yes = o->yes,
		.timeout_ms = o->timeout_ms, .rate = opt_given("rate") ? o->rate : MANY_RATE,
	};
	struct hosts hosts = {0};
	struct endpoint local;
	struct fault f = {0};
	enum exit_status status;
	size_t i;

	for (i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		if (opt_given(one[i])) {
			(void)fault(&f, FAULT_USAGE, "--%s is for a single peer%s", one[i], o->ikev2 ? ", without --ikev2" : "");
			return (report_fault(&f));
		}
	if (find_own(&local, o, &f) != 0 || hosts_read(&hosts, &o->peers, local.addr.family, &f) != 0)
		status = report_fault(&f);
	else {
		m.local = local.addr;
		status = many_run(&hosts, &m);
	}
	hosts_free(&hosts);
	return (status);
}

int
main(int argc, char *argv[])
{
	struct opts o = { .timeout_ms = 4000, .rate = 4, .limit_ms = 300000,
	    .natt_port = PORT_NATT_DEFAULT };
	struct run r = {0};
	struct fault f = {0};
	enum exit_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	if (o.ikev2 || hosts_many(&o.peers))
		return (ask_many(&o));
	if (open_all(&r, &o, &f) == 0 && probe_tool_record(&r.tool, o.pcap, &f) == 0 &&
	    probe_tool_confine(o.user, &f) == 0) {
		probe_tool_start(&r.tool, ike_survey_machine(r.survey));
		probe_tool_run(&r.tool);
		status = end(&r, &o);
	} else
		status = report_fault(&f);
	probe_tool_close(&r.tool);
	ike_survey_free(r.survey);
	ike_methods_free(r.methods);
	ike_pattern_free(r.pattern);
	ike_mapping_free(r.mapping);
	return (status);
}
