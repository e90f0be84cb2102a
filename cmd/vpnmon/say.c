/* What is said: events, metrics, the environment of commands. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#include "cli/js.h"
#include "net/clock.h"
#include "vpnmon.h"

#define TIME_TEXT	(CLOCK_TEXT + 8)
#define REASON_TEXT	160

/* RFC 3339 with milliseconds: flaps may be short. */
static char *
time_text(char out[TIME_TEXT], uint64_t epoch_ms)
{
	char text[CLOCK_TEXT];
	size_t n = strlen(clock_text(text, epoch_ms / 1000));

	if (n > 0 && text[n - 1] == 'Z')
		text[n - 1] = '\0';
	(void)snprintf(out, TIME_TEXT, "%s.%03uZ", text, (unsigned)(epoch_ms % 1000));
	return (out);
}

static double
rtt_ms(const struct tool *t)
{
	return ((double)t->mon.rtt_us / 1000);
}

/* One place after the point is what 64 probes can tell. */
static double
loss(const struct tool *t)
{
	return ((double)(int)(monitor_loss(&t->mon) * 10 + .5) / 10);
}

static char *
upper(char out[16], const char *word)
{
	size_t i;

	for (i = 0; i < 15 && word[i] != '\0'; i++)
		out[i] = (char)toupper((unsigned char)word[i]);
	out[i] = '\0';
	return (out);
}

static char *
reason_text(char out[REASON_TEXT], const struct tool *t)
{
	char dest[ADDR_TEXT];

	addr_text(dest, &t->dest);
	switch (t->mon.why) {
	case MONITOR_STARTED:
		(void)snprintf(out, REASON_TEXT, "asking %s every %g s", dest,
		    (double)t->o->interval_ms / 1000);
		break;
	case MONITOR_ANSWERED:
		(void)snprintf(out, REASON_TEXT, "%s answers, rtt %.3f ms, loss %g%%", dest, rtt_ms(t),
		    loss(t));
		break;
	case MONITOR_TRAFFIC:
		(void)snprintf(out, REASON_TEXT, "packets come in");
		break;
	case MONITOR_SILENCE:
		(void)snprintf(out, REASON_TEXT, "%s does not answer, loss %g%%", dest, loss(t));
		break;
	case MONITOR_UNSENT:
		(void)snprintf(out, REASON_TEXT, "%s cannot be asked: %s", dest, strerror(t->mon.sys));
		break;
	}
	return (out);
}

/* What was said goes out at once; a reader that went away is the end. */
void
say_flush(struct tool *t)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	(void)fault_sys(&t->why_gone, errno == EPIPE ? FAULT_READER_GONE : FAULT_SYSTEM,
	    "cannot write to standard output");
	t->gone = true;
	clearerr(stdout);	/* it is said here, and need not be at exit */
	__fpurge(stdout);
	ev_break(t->loop, EVBREAK_ALL);
}

void
say_event(struct tool *t)
{
	char when[TIME_TEXT], state[16], why[REASON_TEXT];
	uint64_t us;
	json_t *j;

	clock_fine(NULL, &us, &t->since_ms);
	if (t->gone)
		return;
	watch_clear(t);
	if (t->o->json) {
		j = json_object();
		(void)json_object_set_new(j, "time", json_string(time_text(when, t->since_ms)));
		(void)json_object_set_new(j, "tun", js_text(t->o->tun));
		(void)json_object_set_new(j, "state", json_string(monitor_state_name(t->mon.state)));
		(void)json_object_set_new(j, "reason", json_string(monitor_why_name(t->mon.why)));
		(void)json_object_set_new(j, "loss", json_real(loss(t)));
		(void)json_object_set_new(j, "rtt-ms", t->mon.answered > 0 ? json_real(rtt_ms(t)) :
		    json_null());
		js_print(j, false, stdout);
	} else
		(void)printf("%s %s %s: %s\n", time_text(when, t->since_ms), t->o->tun,
		    upper(state, monitor_state_name(t->mon.state)), reason_text(why, t));
	say_flush(t);
}

void
say_status(const struct tool *t)
{
	char when[TIME_TEXT], state[16], rtt[40] = "";

	if (t->mon.answered > 0)
		(void)snprintf(rtt, sizeof(rtt), ", rtt %.3f ms", rtt_ms(t));
	report_say(-1, "%s is %s since %s, %llu/%llu answered, loss %g%%%s", t->o->tun,
	    upper(state, monitor_state_name(t->mon.state)), time_text(when, t->since_ms),
	    (unsigned long long)t->mon.answered, (unsigned long long)t->mon.sent, loss(t), rtt);
}

/* ---- metrics */

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
put_metric(struct text *x, const char *labels, const char *name, const char *type, const char *help,
    double value)
{
	put(x, "# HELP vpnmon_%s %s\n# TYPE vpnmon_%s %s\n", name, help, name, type);
	put(x, "vpnmon_%s{%s} %.15g\n", name, labels, value);
}

void
say_metrics(struct tool *t)
{
	static struct text x;
	char dest[ADDR_TEXT], labels[2 * IF_NAMESIZE + ADDR_TEXT + 32], dev[2 * IF_NAMESIZE];
	const struct monitor *m = &t->mon;
	size_t i, n = 0;

	if (t->metrics.helper.fd == -1)
		return;
	for (i = 0; t->o->tun[i] != '\0' && n + 2 < sizeof(dev); i++) {
		if (t->o->tun[i] == '"' || t->o->tun[i] == '\\')
			dev[n++] = '\\';
		dev[n++] = t->o->tun[i];
	}
	dev[n] = '\0';
	(void)snprintf(labels, sizeof(labels), "tun=\"%s\",destination=\"%s\"", dev,
	    addr_text(dest, &t->dest));
	x.len = 0;
	put_metric(&x, labels, "up", "gauge", "Whether the tunnel carries traffic.",
	    m->state == MONITOR_UP);
	put(&x, "# HELP vpnmon_state The state: 1 for the one that it is.\n# TYPE vpnmon_state gauge\n");
	for (i = MONITOR_READY; i <= MONITOR_DOWN; i++)
		put(&x, "vpnmon_state{%s,state=\"%s\"} %d\n", labels,
		    monitor_state_name((enum monitor_state)i), m->state == i);
	put_metric(&x, labels, "state_since_seconds", "gauge", "When the state changed, since 1970.",
	    (double)t->since_ms / 1000);
	put_metric(&x, labels, "state_changes_total", "counter", "Changes of the state.",
	    (double)m->changes);
	put_metric(&x, labels, "probes_total", "counter", "Questions.", (double)m->sent);
	put_metric(&x, labels, "answers_total", "counter", "Answers.", (double)m->answered);
	put_metric(&x, labels, "rekeys_total", "counter", "Runs of the --rekey command.",
	    (double)t->rekeys);
	put_metric(&x, labels, "loss_ratio", "gauge", "Share of the last questions without an answer.",
	    monitor_loss(m) / 100);
	if (m->answered > 0)
		put_metric(&x, labels, "rtt_seconds", "gauge", "Time to the last answer.",
		    (double)m->rtt_us / 1e6);
	(void)textfile_put(&t->metrics, span_of(x.b, x.len));
}

/* ---- commands */

void
say_script(struct tool *t, struct script *s, const char *option, const char *reason)
{
	static struct script_env e;
	char a[ADDR_TEXT], when[TIME_TEXT];

	if (s->helper.fd == -1)
		return;
	e.len = 0;
	script_set(&e, "reason", "%s", reason);
	script_set(&e, "TUNDEV", "%s", t->o->tun);
	script_set(&e, "VPNPID", "%ld", (long)getpid());
	if (t->source.family != 0)
		script_set(&e, t->source.family == 4 ? "INTERNAL_IP4_ADDRESS" : "INTERNAL_IP6_ADDRESS",
		    "%s", addr_text(a, &t->source));
	script_set(&e, "SAPIPE_DEST", "%s", addr_text(a, &t->dest));
	script_set(&e, "SAPIPE_STATE", "%s", monitor_state_name(t->mon.state));
	script_set(&e, "SAPIPE_REASON", "%s", monitor_why_name(t->mon.why));
	script_set(&e, "SAPIPE_SINCE", "%s", time_text(when, t->since_ms));
	script_set(&e, "SAPIPE_LOSS", "%g", loss(t));
	if (t->mon.answered > 0)
		script_set(&e, "SAPIPE_RTT_MS", "%.3f", rtt_ms(t));
	if (script_run(s, &e) != 0)
		report_warn("the %s command could not be run", option);
}
