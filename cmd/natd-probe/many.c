/* natd-probe of many hosts: a line for each, and how many answered. */
#include "many.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/js.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "names.h"
#include "tool/probe_tool.h"
#include "wire/vid.h"

#define LOCALS		8	/* local addresses that probes are sent from */
#define LINE_TEXT	512

struct many {
	struct probe_tool	 tool;
	const struct many_opts	*o;
	struct ike_sweep	*sweep;
	size_t			 n, answered;
};

/* --- one host in words --- */

static void __attribute__((format(printf, 2, 3)))
say(char line[LINE_TEXT], const char *fmt, ...)
{
	size_t n = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line + n, LINE_TEXT - n, fmt, ap);
	va_end(ap);
}

static void
say_v1(char line[LINE_TEXT], const struct probe_answer *a)
{
	char text[PROPOSAL_TEXT], buf[NUM_TEXT];

	if (a->kind == PROBE_CHOICE && a->chosen) {
		ike_proposal_text(text, &a->choice.p);
		say(line, "%s %s", text, auth_name(a->choice.auth, buf));
	} else if (a->kind == PROBE_CHOICE)
		say(line, "a proposal of algorithms that are not known here");
	else if (a->kind == PROBE_NOTIFY)
		say(line, "%s", isakmp_notify_name(a->notify, buf));
	else
		say(line, "an answer that is not one to message 1");
}

static void
say_v2(char line[LINE_TEXT], const struct v2_answer *a)
{
	static const char *const nat[] = { [V2_NAT_NO] = "no NAT", [V2_NAT_YES] = "a NAT" };
	char buf[V2_TRANSFORM_TEXT];
	const char *name;
	size_t i;

	if (a == NULL) {
		say(line, "an answer that is not one to IKE_SA_INIT");
		return;
	}
	for (i = 0; i < a->n_transforms; i++)
		say(line, "%s%s", i > 0 ? " " : "", v2_transform_text(&a->transforms[i], buf));
	if (a->notify != 0 && (name = v2_notify_text(a->notify)) != NULL)
		say(line, "%s%s", a->n_transforms > 0 ? ", " : "", name);
	else if (a->notify != 0)
		say(line, "%snotify %u", a->n_transforms > 0 ? ", " : "", a->notify);
	if (a->wanted_group != 0)
		say(line, ", wants %s", v2_transform_text(&(struct v2_transform){ 4, a->wanted_group, 0 }, buf));
	if (a->here != V2_NAT_UNKNOWN)
		say(line, ", %s before this end", nat[a->here]);
	if (a->there != V2_NAT_UNKNOWN)
		say(line, ", %s before the peer%s", nat[a->there], a->there == V2_NAT_YES ? " (or it feigns one)" : "");
}

/* The implementation, by its vendor IDs. False: not known. */
static bool
maker(const struct sweep_found *what, char name[SURVEY_TEXT], char evidence[SURVEY_TEXT])
{
	static struct ike_survey_result r;	/* large */
	const struct span *vids = what->v1 != NULL ? what->v1->vids : what->v2 != NULL ? what->v2->vids : NULL;
	size_t i, n = what->v1 != NULL ? what->v1->n_vids : what->v2 != NULL ? what->v2->n_vids : 0;

	r.n_vids = 0;
	for (i = 0; i < n && r.n_vids < PROBE_VIDS_MAX; i++) {
		r.vids[r.n_vids].len = (uint8_t)(vids[i].len < SURVEY_VID_LEN ? vids[i].len : SURVEY_VID_LEN);
		memcpy(r.vids[r.n_vids].b, vids[i].p, r.vids[r.n_vids].len);
		r.n_vids++;
	}
	return (n > 0 && ike_survey_guess(&r, name, evidence));
}

static void
tell_line(const struct sweep_found *what, const char *why)
{
	char line[LINE_TEXT] = "", at[ENDPOINT_TEXT], name[SURVEY_TEXT], evidence[SURVEY_TEXT];
	const struct endpoint *to = &what->host->remote;

	if (to->port == PORT_IKE_DEFAULT)
		(void)addr_text(at, &to->addr);
	else
		(void)endpoint_text(at, to);
	if (what->what == SWEEP_IKEV1 || what->what == SWEEP_IKEV2) {
		say(line, "%s  ", what->what == SWEEP_IKEV1 ? "IKEv1" : "IKEv2");
		if (what->v1 != NULL)
			say_v1(line, what->v1);
		else
			say_v2(line, what->v2);
		if (maker(what, name, evidence))
			say(line, "; %s (%s)", name, evidence);
		say(line, "; %.1f ms", what->rtt_us / 1000.0);
	} else
		say(line, "%s", why);
	(void)printf("%-15s  %s\n", at, line);
}

/* --- and as JSON --- */

static json_t *
vids_json(const struct span *vids, size_t n)
{
	json_t *j = json_array();
	const struct vid *v;
	size_t i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(j, (v = vid_find(vids[i])) != NULL ? json_string(v->name) : js_hex(vids[i]));
	return (j);
}

static void
put_v1(json_t *j, const struct probe_answer *a)
{
	char text[PROPOSAL_TEXT], buf[NUM_TEXT];

	if (a->kind == PROBE_CHOICE && a->chosen) {
		ike_proposal_text(text, &a->choice.p);
		(void)json_object_set_new(j, "proposal", json_string(text));
		(void)json_object_set_new(j, "auth", json_string(auth_name(a->choice.auth, buf)));
	}
	if (a->kind == PROBE_NOTIFY)
		(void)json_object_set_new(j, "notify", json_string(isakmp_notify_name(a->notify, buf)));
	(void)json_object_set_new(j, "vendor-ids", vids_json(a->vids, a->n_vids));
}

static void
put_v2(json_t *j, const struct v2_answer *a)
{
	json_t *all;
	char buf[V2_TRANSFORM_TEXT];
	const char *name;
	size_t i;

	if (a == NULL)
		return;
	if (a->chosen) {
		all = json_array();
		for (i = 0; i < a->n_transforms; i++)
			(void)json_array_append_new(all, json_string(v2_transform_text(&a->transforms[i], buf)));
		(void)json_object_set_new(j, "transforms", all);
	}
	if (a->notify != 0)
		(void)json_object_set_new(j, "notify", (name = v2_notify_text(a->notify)) != NULL ? json_string(name) :
		    json_integer(a->notify));
	if (a->wanted_group != 0)
		(void)json_object_set_new(j, "wanted-group",
		    json_string(v2_transform_text(&(struct v2_transform){ 4, a->wanted_group, 0 }, buf)));
	if (a->here != V2_NAT_UNKNOWN)
		(void)json_object_set_new(j, "nat-local", json_boolean(a->here == V2_NAT_YES));
	if (a->there != V2_NAT_UNKNOWN)
		(void)json_object_set_new(j, "nat-remote", json_boolean(a->there == V2_NAT_YES));
	(void)json_object_set_new(j, "vendor-ids", vids_json(a->vids, a->n_vids));
}

static void
tell_object(const struct sweep_found *what, const char *why)
{
	json_t *j = json_object();
	char name[SURVEY_TEXT], evidence[SURVEY_TEXT], at[ADDR_TEXT];
	bool answered = what->what == SWEEP_IKEV1 || what->what == SWEEP_IKEV2;

	(void)json_object_set_new(j, "peer", json_string(addr_text(at, &what->host->remote.addr)));
	(void)json_object_set_new(j, "port", json_integer(what->host->remote.port));
	(void)json_object_set_new(j, "answered", json_boolean(answered));
	if (answered) {
		(void)json_object_set_new(j, "ike", json_integer(what->what == SWEEP_IKEV1 ? 1 : 2));
		if (what->v1 != NULL)
			put_v1(j, what->v1);
		else
			put_v2(j, what->v2);
		if (maker(what, name, evidence))
			(void)json_object_set_new(j, "implementation", json_string(name));
		(void)json_object_set_new(j, "rtt-ms", json_real(what->rtt_us / 1000.0));
	} else
		(void)json_object_set_new(j, "reason", js_text(why));
	(void)json_object_set_new(j, "sent", json_integer(what->sent));
	js_print(j, false, stdout);
}

static void
tell(const struct many *m, const struct sweep_found *what, const char *why)
{
	progress_clear();
	(m->o->json ? tell_object : tell_line)(what, why);
	(void)fflush(stdout);
}

static void
on_found(void *ctx, const struct sweep_found *what)
{
	struct many *m = ctx;

	m->answered += what->what == SWEEP_IKEV1 || what->what == SWEEP_IKEV2;
	tell(m, what, what->what == SWEEP_UNREACHABLE ? fault_unreachable_text(what->sys) : "no answer");
}

/* --- the run --- */

static void
on_stepped(void *ctx)
{
	struct many *m = ctx;

	progress_show(ike_sweep_done(m->sweep), m->n, "hosts");
}

static const struct probe_tool_calls calls = { .stepped = on_stepped };

/* True: the user confirms that so many hosts are probed. */
static bool
agreed(size_t n)
{
	FILE *tty = fopen("/dev/tty", "r+");
	int c, first;

	if (tty == NULL)
		return (false);
	(void)fprintf(tty, "natd-probe: send to %zu hosts? [y/N] ", n);
	(void)fflush(tty);
	for (c = first = fgetc(tty); c != '\n' && c != EOF; )
		c = fgetc(tty);
	(void)fclose(tty);
	return (first == 'y' || first == 'Y');
}

/* Sets the local address for ${h} and opens its port. A host that cannot be probed is reported and gets port 0. 0, or -1 with a fault. */
static int
find_local(struct many *m, struct sweep_host *h, struct endpoint locals[LOCALS], size_t *n, struct fault *f)
{
	struct sweep_found what = { .host = h, .what = SWEEP_UNREACHABLE };
	struct fault why;
	struct addr local = m->o->local;
	size_t i;

	if ((local.family == 0 ? ports_source(&local, &h->remote, 0, &why) :
	    ports_can_reach(&local, &h->remote, 0, &why)) != 0) {
		tell(m, &what, why.what);
		h->remote.port = 0;
		return (0);
	}
	for (i = 0; i < *n && addr_cmp(&locals[i].addr, &local) != 0; i++)
		;
	if (i == *n) {
		if (i == LOCALS)
			return (fault(f, FAULT_USAGE, "the routes to the hosts have more than %d local addresses: give --local", LOCALS));
		locals[i] = (struct endpoint){ local, 0 };
		if (probe_tool_port(&m->tool, &locals[i], PORT_IKE, NULL, f) != 0)
			return (-1);
		(*n)++;
	}
	h->local = locals[i];
	return (0);
}

static int
open_all(struct many *m, struct hosts *h, struct fault *f)
{
	struct endpoint locals[LOCALS];
	size_t i, n = 0, kept = 0;

	m->tool.calls = &calls;
	m->tool.ctx = m;
	m->tool.note_once = true;
	if (probe_tool_open(&m->tool, f) != 0)
		return (-1);
	for (i = 0; i < h->n; i++) {
		if (find_local(m, &h->host[i], locals, &n, f) != 0)
			return (-1);
		if (h->host[i].remote.port != 0)
			h->host[kept++] = h->host[i];
	}
	m->n = h->n = kept;
	return (probe_tool_record(&m->tool, m->o->pcap, f) == 0 && probe_tool_confine(m->o->user, f) == 0 ? 0 : -1);
}

enum exit_status
many_run(struct hosts *h, const struct many_opts *o)
{
	struct many m = { .o = o };
	struct ike_sweep_conf c = {
		.rand = rand_system, .gap_ms = 1000 / o->rate, .timeout_ms = o->timeout_ms, .v2_only = o->ikev2,
		.found = on_found, .ctx = &m,
	};
	size_t asked = h->n;
	struct fault f = {0};

	if (h->n > MANY_UNASKED && !o->yes && !agreed(h->n)) {
		(void)fault(&f, FAULT_USAGE, "%zu hosts: more than %d are asked only with --yes", h->n, MANY_UNASKED);
		return (report_fault(&f));
	}
	if (open_all(&m, h, &f) == 0 && m.n > 0) {
		c.n = h->n;
		c.hosts = h->host;
		if ((m.sweep = ike_sweep_new(&c, &f)) != NULL) {
			probe_tool_start(&m.tool, ike_sweep_machine(m.sweep));
			probe_tool_run(&m.tool);
			progress_clear();
		}
	}
	if (f.code == FAULT_NONE && asked > 1)
		report_say(0, "%zu of %zu hosts answered%s", m.answered, asked,
		    m.sweep != NULL && ike_sweep_done(m.sweep) < m.n ? "; not all were asked" : "");
	probe_tool_close(&m.tool);
	ike_sweep_free(m.sweep);
	if (f.code == FAULT_NONE && m.answered == 0 && m.tool.unsent > 0)
		f = m.tool.why_unsent;
	return (f.code != FAULT_NONE ? report_fault(&f) : m.answered > 0 ? EXIT_DONE : EXIT_NO);
}
