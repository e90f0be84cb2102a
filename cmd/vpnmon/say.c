/* Events of the report as text, JSON or CBOR, and the status line of SIGUSR1. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/js.h"
#include "os/clock.h"
#include "output.h"
#include "routes.h"
#include "say.h"
#include "watch.h"

#define REASON_TEXT	(64 + WITNESS_TEXT)

char *
say_time(char out[CLOCK_TEXT], uint64_t epoch_ms)
{
	return (clock_text_part(out, epoch_ms * 1000, 3));
}

static double
rtt_ms(const struct tunnel *t)
{
	return ((double)t->mon.rtt_us / 1000);
}

double
say_loss(const struct tunnel *t)
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

static bool
has_packet(const struct tunnel *t)
{
	return (t->how.optimized == OPTIMIZED_PCAP && t->witness.text[0] != '\0');
}

static char *
reason_text(char out[REASON_TEXT], const struct tunnel *t)
{
	char dest[ADDR_TEXT];

	addr_text(dest, &t->dest);
	switch (t->mon.why) {
	case MONITOR_STARTED:
		(void)snprintf(out, REASON_TEXT, "probing %s every %g s", dest,
		    (double)t->how.interval_ms / 1000);
		break;
	case MONITOR_ANSWERED:
		(void)snprintf(out, REASON_TEXT, "%s answers, rtt %.3f ms, loss %g%%", dest, rtt_ms(t),
		    say_loss(t));
		break;
	case MONITOR_TRAFFIC:
		(void)snprintf(out, REASON_TEXT, "inbound packets%s%s", has_packet(t) ? ": " : "",
		    has_packet(t) ? t->witness.text : "");
		break;
	case MONITOR_SILENCE:
		(void)snprintf(out, REASON_TEXT, "%s does not answer, loss %g%%", dest, say_loss(t));
		break;
	case MONITOR_UNSENT:
		(void)snprintf(out, REASON_TEXT, "cannot probe %s: %s", dest, strerror(t->mon.sys));
		break;
	}
	return (out);
}

/* ---- events */

static json_t *
tunnel_object(const struct tunnel *t)
{
	char when[CLOCK_TEXT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "time", json_string(say_time(when, t->since_ms)));
	(void)json_object_set_new(j, "tun", js_text(t->tun));
	(void)json_object_set_new(j, "state", json_string(monitor_state_name(t->mon.state)));
	(void)json_object_set_new(j, "reason", json_string(monitor_why_name(t->mon.why)));
	(void)json_object_set_new(j, "loss", json_real(say_loss(t)));
	(void)json_object_set_new(j, "rtt-ms", t->mon.answered > 0 ? json_real(rtt_ms(t)) : json_null());
	if (t->mon.why == MONITOR_TRAFFIC && has_packet(t))
		(void)json_object_set_new(j, "packet", json_string(t->witness.text));
	if (t->group != NULL)
		(void)json_object_set_new(j, "group", js_text(t->group->name));
	return (j);
}

/* "WHO WHAT: TEXT" with the time, or the object ${j}, which is released. */
static void
put_event(struct tool *w, uint64_t epoch_ms, const char *who, const char *what, const char *text, json_t *j)
{
	char when[CLOCK_TEXT], *line = NULL;
	size_t len = 0;
	struct fault f;
	FILE *to;

	watch_clear(w);
	if ((to = open_memstream(&line, &len)) == NULL) {
		(void)fault_sys(&f, FAULT_MEMORY, "no memory for a line of the report");
		output_lost(w, &f);
		json_decref(j);
		return;
	}
	if (j != NULL)
		js_print(j, false, to);
	else
		(void)fprintf(to, "%s %s %s: %s\n", say_time(when, epoch_ms), who, what, text);
	if (fclose(to) == 0)
		output_line(w, line, len);
	free(line);
}

void
say_event(struct tunnel *t)
{
	static const enum sa_event_kind kinds[] = { [MONITOR_READY] = SA_EVENT_READY,
	    [MONITOR_UP] = SA_EVENT_UP, [MONITOR_DOWN] = SA_EVENT_DOWN };
	const char *name = monitor_state_name(t->mon.state);
	char state[16], why[REASON_TEXT];
	struct tool *w = t->tool;

	t->since_ms = now_epoch_ms(clock_now(NULL));
	if (w->gone)
		return;
	(void)reason_text(why, t);
	if (w->format == FORMAT_CBOR)
		output_record(w, kinds[t->mon.state], t->tun, t->since_ms, why);
	else
		put_event(w, t->since_ms, t->tun, upper(state, name), why,
		    w->format == FORMAT_JSON ? tunnel_object(t) : NULL);
}

static json_t *
group_object(const struct group *g, uint64_t epoch_ms, const char *now, const char *was, const char *why)
{
	char when[CLOCK_TEXT];
	json_t *j = json_object();

	(void)json_object_set_new(j, "time", json_string(say_time(when, epoch_ms)));
	(void)json_object_set_new(j, "group", js_text(g->name));
	(void)json_object_set_new(j, "carrier", now != NULL ? js_text(now) : json_null());
	(void)json_object_set_new(j, "before", was != NULL ? js_text(was) : json_null());
	(void)json_object_set_new(j, "reason", json_string(why));
	return (j);
}

void
say_group(struct tool *w, const struct group *g, size_t before)
{
	const char *now = g->carrier == GROUP_NONE ? NULL : g->m[g->carrier]->tun;
	const char *was = before == GROUP_NONE ? NULL : g->m[before]->tun;
	const char *why = group_why(g, before);
	uint64_t at = now_epoch_ms(clock_now(NULL));
	char text[REASON_TEXT];
	bool cbor = w->format == FORMAT_CBOR;

	if (w->gone)
		return;
	/* A record has no key for the group. */
	(void)snprintf(text, sizeof(text), "%s%s%s%s%s (%s)", cbor ? g->name : "", cbor ? ": " : "", now != NULL ? now : "none",
	    was != NULL ? ", in place of " : "", was != NULL ? was : "", why);
	if (cbor)
		output_record(w, SA_EVENT_CARRIER, now != NULL ? now : "", at, text);
	else
		put_event(w, at, g->name, "CARRIER", text,
		    w->format == FORMAT_JSON ? group_object(g, at, now, was, why) : NULL);
}

const char *
say_gateway_word(enum gateway_state state)
{
	static const char *const words[] = { [GATEWAY_INACTIVE] = "inactive", [GATEWAY_READY] = "ready",
	    [GATEWAY_ACTIVE] = "active" };

	return (words[state]);
}

void
say_gateway(struct tool *w)
{
	static const char *const texts[] = { [GATEWAY_INACTIVE] = "the SAs of the other gateway have not come",
	    [GATEWAY_READY] = "standing by", [GATEWAY_ACTIVE] = "has the tunnels" };
	const char *name = say_gateway_word(w->gateway.state);
	uint64_t at = now_epoch_ms(clock_now(NULL));
	char state[16], when[CLOCK_TEXT];
	json_t *j = NULL;

	if (w->gone)
		return;
	if (w->format == FORMAT_JSON) {
		j = json_object();
		(void)json_object_set_new(j, "time", json_string(say_time(when, at)));
		(void)json_object_set_new(j, "gateway", json_string(name));
	}
	put_event(w, at, "gateway", upper(state, name), texts[w->gateway.state], j);
}

void
say_status(const struct tunnel *t)
{
	char when[CLOCK_TEXT], state[16], rtt[40] = "";
	bool carries = t->group != NULL && t->group->carrier != GROUP_NONE &&
	    t->group->m[t->group->carrier] == t;

	if (t->mon.answered > 0)
		(void)snprintf(rtt, sizeof(rtt), ", rtt %.3f ms", rtt_ms(t));
	report_say(-1, "%s is %s since %s, %llu/%llu answered, loss %g%%%s%s%s", t->tun,
	    upper(state, monitor_state_name(t->mon.state)), say_time(when, t->since_ms),
	    (unsigned long long)t->mon.answered, (unsigned long long)t->mon.sent, say_loss(t), rtt,
	    carries ? ", carries the routes of " : "", carries ? t->group->name : "");
	if (has_packet(t))
		report_say(-1, "%s: %llu packets were seen, the last: %s", t->tun,
		    (unsigned long long)t->witness.packets, t->witness.text);
}
