/* The metrics of all tunnels, in the text format of Prometheus: all samples of a name follow one another. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/prom.h"
#include "metrics.h"
#include "say.h"

#define LABELS		320

struct text { size_t len; char b[TEXTFILE_MAX]; };

static void put(struct text *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct text *x, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(x->b + x->len, sizeof(x->b) - x->len, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(x->b) - x->len)
		x->len += (size_t)n;
}

static void
head(struct text *x, const char *name, const char *type, const char *help)
{
	put(x, "# HELP vpnmon_%s %s\n# TYPE vpnmon_%s %s\n", name, help, name, type);
}

static const char *
labels(const struct tunnel *t)
{
	static char out[LABELS];
	char dest[ADDR_TEXT];

	prom_label(out, sizeof(out), "tun", t->tun, true);
	prom_label(out, sizeof(out), "destination",
	    addr_text(dest, &t->dest), false);
	if (t->group != NULL)
		prom_label(out, sizeof(out), "group", t->group->name, false);
	return (out);
}

/* ---- metrics of each tunnel */

static double get_up(const struct tunnel *t) { return (t->mon.state == MONITOR_UP); }
static double get_since(const struct tunnel *t) { return ((double)t->since_ms / 1000); }
static double get_changes(const struct tunnel *t) { return ((double)t->mon.changes); }
static double get_probes(const struct tunnel *t) { return ((double)t->mon.sent); }
static double get_answers(const struct tunnel *t) { return ((double)t->mon.answered); }
static double get_rekeys(const struct tunnel *t) { return ((double)t->rekeys); }
static double get_loss(const struct tunnel *t) { return (monitor_loss(&t->mon) / 100); }
static double get_rtt(const struct tunnel *t) { return ((double)t->mon.rtt_us / 1e6); }

static double
get_carries(const struct tunnel *t)
{
	const struct group *g = t->group;

	return (g->carrier != GROUP_NONE && g->m[g->carrier] == t);
}

static bool has_answer(const struct tunnel *t) { return (t->mon.answered > 0); }
static bool has_group(const struct tunnel *t) { return (t->group != NULL); }

static const struct metric {
	const char	*name, *type, *help;
	double		(*get)(const struct tunnel *t);
	bool		(*has)(const struct tunnel *t);	/* NULL: always */
} table[] = {
	{ "up", "gauge", "Whether the tunnel carries traffic.", get_up, NULL },
	{ "state_since_seconds", "gauge", "When the state changed, since 1970.", get_since, NULL },
	{ "state_changes_total", "counter", "Changes of the state.", get_changes, NULL },
	{ "probes_total", "counter", "Probes sent.", get_probes, NULL },
	{ "answers_total", "counter", "Probes answered.", get_answers, NULL },
	{ "rekeys_total", "counter", "Runs of the --rekey command.", get_rekeys, NULL },
	{ "loss_ratio", "gauge", "Share of the last probes without an answer.", get_loss, NULL },
	{ "rtt_seconds", "gauge", "Time to the last answer.", get_rtt, has_answer },
	{ "carrier", "gauge", "Whether it carries the routes of its group.", get_carries, has_group },
};

static void
put_metric(struct text *x, const struct metric *m, const struct tool *w)
{
	bool headed = false;
	size_t i;

	for (i = 0; i < w->n; i++) {
		if (m->has != NULL && !m->has(&w->t[i]))
			continue;
		if (!headed)
			head(x, m->name, m->type, m->help);
		headed = true;
		put(x, "vpnmon_%s{%s} %.15g\n", m->name, labels(&w->t[i]), m->get(&w->t[i]));
	}
}

static void
put_states(struct text *x, const struct tool *w)
{
	size_t i, s;

	head(x, "state", "gauge", "The state: 1 for the one that it is.");
	for (i = 0; i < w->n; i++)
		for (s = MONITOR_READY; s <= MONITOR_DOWN; s++)
			put(x, "vpnmon_state{%s,state=\"%s\"} %d\n", labels(&w->t[i]),
			    monitor_state_name((enum monitor_state)s), w->t[i].mon.state == s);
}

static void
put_switches(struct text *x, const struct tool *w)
{
	char label[LABELS];
	size_t i;

	if (w->n_groups == 0)
		return;
	head(x, "switches_total", "counter", "Times that a group's routes went to another member.");
	for (i = 0; i < w->n_groups; i++) {
		prom_label(label, sizeof(label), "group", w->groups[i].name, true);
		put(x, "vpnmon_switches_total{%s} %llu\n", label,
		    (unsigned long long)w->groups[i].switches);
	}
}

static void
put_gateway(struct text *x, const struct tool *w)
{
	if (w->gateway.fd == -1)
		return;
	head(x, "gateway_state", "gauge", "The state of this gateway, of two: 1 for the one that it is.");
	for (int s = GATEWAY_INACTIVE; s <= GATEWAY_ACTIVE; s++)
		put(x, "vpnmon_gateway_state{state=\"%s\"} %d\n", say_gateway_word((enum gateway_state)s), (int)w->gateway.state == s);
}

void
metrics_put(struct tool *w)
{
	static struct text x;
	size_t i;

	if (w->metrics.helper.fd == -1)
		return;
	x.len = 0;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		put_metric(&x, &table[i], w);
	put_states(&x, w);
	put_switches(&x, w);
	put_gateway(&x, w);
	w->dirty = textfile_put(&w->metrics, span_of(x.b, x.len)) != 0;
}
