/* The report of dpd-ping: events and summary, as text and JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/js.h"
#include "cli/report.h"
#include "dpd_ping.h"
#include "os/clock.h"
#include "wire/isakmp.h"

static const char *const words[] = {
	[IKE_PING_ANSWERED] = "answered",	[IKE_PING_LATE] = "late",
	[IKE_PING_SILENCE] = "silence",		[IKE_PING_UNREACHABLE] = "unreachable",
	[IKE_PING_UNKNOWN_SA] = "unknown-sa",	[IKE_PING_NOTIFY] = "notify",
	[IKE_PING_ODD] = "odd",
	[IKE_PING_DELETED] = "deleted",		[IKE_PING_EXPIRED] = "expired",
	[IKE_PING_HELLO] = "hello",		[IKE_PING_LOST] = "lost",
	[IKE_PING_DEAD] = "dead",		[IKE_PING_REPLAY] = "replay",
};

static double
ms(uint64_t us)
{
	return ((double)us / 1000);
}

void
say_start(const struct say *s)
{
	char from[ENDPOINT_TEXT], to[ENDPOINT_TEXT], id[2][2 * 8 + 1];

	if (s->json)
		return;
	endpoint_text(from, &s->local);
	endpoint_text(to, &s->remote);
	hex_put(id[0], sizeof(id[0]), span_of(s->id, 8));
	hex_put(id[1], sizeof(id[1]), span_of(s->id + 8, 8));
	if (s->hellos && s->hello_ms != 0)
		(void)printf("hellos from %s to %s every %g s, ours every %g s, IKE SA %s:%s\n", to,
		    from, s->peer_ms / 1e3, s->hello_ms / 1e3, id[0], id[1]);
	else if (s->hellos)
		(void)printf("hellos from %s to %s every %g s, IKE SA %s:%s\n", to, from,
		    s->peer_ms / 1e3, id[0], id[1]);
	else if (s->with_sa)
		(void)printf("R-U-THERE from %s to %s, IKE SA %s:%s\n", from, to, id[0], id[1]);
	else
		(void)printf("IKE from %s to %s, message 1 of main mode\n", from, to);
}

/* How far from when it was due, in ms. */
static double
jitter_ms(const struct ike_ping_event *ev)
{
	return (ms(ev->rtt_us) - ev->interval_ms);
}

static void
hello_text(const char *from, const struct ike_ping_event *ev)
{
	switch (ev->what) {
	case IKE_PING_HELLO:
		(void)printf("hello from %s: seq=%u", from, ev->seq);
		if (ev->rtt_us != 0)
			(void)printf(" interval=%.3f ms jitter=%+.3f ms", ms(ev->rtt_us), jitter_ms(ev));
		if (ev->heard != 0)
			(void)printf(" heard=%u", ev->heard);
		else
			(void)printf(" (received none of ours)");
		if (ev->lost > 0)
			(void)printf(" (%u lost before it)", ev->lost);
		(void)putchar('\n');
		break;
	case IKE_PING_LOST:
		if (ev->seq != 0)
			(void)printf("no hello from %s: seq=%u, %u lost\n", from, ev->seq, ev->lost);
		else
			(void)printf("no hello from %s: %u lost\n", from, ev->lost);
		break;
	case IKE_PING_DEAD:
		(void)printf("threshold reached, %u hellos lost: %s is dead\n", ev->lost, from);
		break;
	default:
		(void)printf("replay from %s: seq=%u\n", from, ev->seq);
	}
}

static void
event_text(const struct say *s, const struct ike_ping_event *ev)
{
	char name[NUM_TEXT], to[ENDPOINT_TEXT], which[32] = "";
	const char *label = s->with_sa ? "seq" : "probe";

	if (!s->hellos)
		(void)snprintf(which, sizeof(which), "%s=%u: ", label, ev->seq);

	endpoint_text(to, &s->remote);
	switch (ev->what) {
	case IKE_PING_ANSWERED:
	case IKE_PING_LATE:
		(void)printf("%s from %s: %s=%u time=%.3f ms", ev->what == IKE_PING_LATE ?
		    "late answer" : "answer", to, label, ev->seq, ms(ev->rtt_us));
		if (ev->notify != 0)
			(void)printf(" (%s)", isakmp_notify_name(ev->notify, name));
		else if (ev->version >> 4 != ISAKMP_VERSION_1 >> 4)
			(void)printf(" (IKE version %d)", ev->version >> 4);
		else if (!s->with_sa)
			(void)printf(" (accepts a proposal)");
		(void)putchar('\n');
		break;
	case IKE_PING_SILENCE:
		(void)printf("no answer from %s: %s=%u\n", to, label, ev->seq);
		break;
	case IKE_PING_ODD:
		(void)printf("wrong answer from %s: seq=%u: R-U-THERE-ACK %s\n", to, ev->seq, ev->odd);
		break;
	case IKE_PING_UNREACHABLE:
		(void)printf("unreachable: %s: %s%s\n", to, which, fault_unreachable_text(ev->sys));
		break;
	case IKE_PING_UNKNOWN_SA:
		(void)printf("%s from %s: %sthe peer does not know this IKE SA\n",
		    isakmp_notify_name(ev->notify, name), to, which);
		break;
	case IKE_PING_NOTIFY:
		(void)printf("%s from %s\n", isakmp_notify_name(ev->notify, name), to);
		break;
	case IKE_PING_DELETED:
		(void)printf("delete from %s: the peer deleted this IKE SA\n", to);
		break;
	case IKE_PING_EXPIRED:
		(void)printf("the IKE SA has expired\n");
		break;
	case IKE_PING_HELLO: case IKE_PING_LOST: case IKE_PING_DEAD: case IKE_PING_REPLAY:
		hello_text(to, ev);
		break;
	}
}

static void
event_json(const struct say *s, const struct ike_ping_event *ev)
{
	json_t *j = json_object();
	char name[NUM_TEXT], when[CLOCK_TEXT];

	(void)json_object_set_new(j, "time", json_string(clock_text_part(when, now_epoch_us(clock_now(NULL)), 3)));
	(void)json_object_set_new(j, "result", json_string(words[ev->what]));
	if (ev->count != 0)
		(void)json_object_set_new(j, "probe", json_integer(ev->count));
	if (s->with_sa && ev->seq != 0)
		(void)json_object_set_new(j, "seq", json_integer(ev->seq));
	if (ev->what == IKE_PING_HELLO && ev->rtt_us != 0) {
		(void)json_object_set_new(j, "interval-ms", json_real(ms(ev->rtt_us)));
		(void)json_object_set_new(j, "jitter-ms", json_real(jitter_ms(ev)));
	}
	if (ev->what == IKE_PING_HELLO)
		(void)json_object_set_new(j, "heard", json_integer(ev->heard));
	if (ev->what == IKE_PING_HELLO || ev->what == IKE_PING_LOST || ev->what == IKE_PING_DEAD)
		(void)json_object_set_new(j, "lost", json_integer(ev->lost));
	if (ev->what == IKE_PING_ANSWERED || ev->what == IKE_PING_LATE)
		(void)json_object_set_new(j, "rtt-ms", json_real(ms(ev->rtt_us)));
	if (ev->version >> 4 > ISAKMP_VERSION_1 >> 4)
		(void)json_object_set_new(j, "version", json_integer(ev->version >> 4));
	if (ev->what == IKE_PING_ODD)
		(void)json_object_set_new(j, "odd", json_string(ev->odd));
	if (ev->notify != 0)
		(void)json_object_set_new(j, "notify",
		    json_string(isakmp_notify_name(ev->notify, name)));
	js_print(j, false, stdout);
}

void
say_event(const struct say *s, const struct ike_ping_event *ev)
{
	if (s->quiet && ev->what != IKE_PING_DELETED && ev->what != IKE_PING_EXPIRED &&
	    ev->what != IKE_PING_DEAD)
		return;
	if (s->json)
		event_json(s, ev);
	else
		event_text(s, ev);
}

/* In percent, to a tenth. */
static double
loss(const struct ike_ping_stats *st)
{
	double lost = st->sent - st->answered;

	return (st->sent == 0 ? 0 : round(lost * 1000 / st->sent) / 10);
}

static double
mdev_us(const struct ike_ping_stats *st)
{
	double avg = (double)st->sum_us / st->measured;
	double var = st->sum_us2 / st->measured - avg * avg;

	return (var > 0 ? sqrt(var) : 0);
}

void
say_end(const struct say *s, const struct ike_ping_stats *st)
{
	const char *sent = s->hellos ? "due" : "sent", *got = s->hellos ? "heard" : "answered";
	char to[ENDPOINT_TEXT];
	json_t *j, *of;

	endpoint_text(to, &s->remote);
	if (!s->json) {
		(void)printf("\n--- %s dpd-ping statistics ---\n", to);
		(void)printf("%u %s, %u %s, %g%% loss\n", st->sent, sent, st->answered, got, loss(st));
		if (st->measured > 0)
			(void)printf("%s min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n",
			    s->hellos ? "interval" : "rtt", ms(st->min_us), ms(st->sum_us) / st->measured,
			    ms(st->max_us), mdev_us(st) / 1000);
		return;
	}
	j = json_object();
	(void)json_object_set_new(j, "peer", json_string(to));
	(void)json_object_set_new(j, sent, json_integer(st->sent));
	(void)json_object_set_new(j, got, json_integer(st->answered));
	(void)json_object_set_new(j, "loss", json_real(loss(st)));
	if (st->measured > 0) {
		of = json_object();
		(void)json_object_set_new(of, "min", json_real(ms(st->min_us)));
		(void)json_object_set_new(of, "avg", json_real(ms(st->sum_us) / st->measured));
		(void)json_object_set_new(of, "max", json_real(ms(st->max_us)));
		(void)json_object_set_new(of, "mdev", json_real(mdev_us(st) / 1000));
		(void)json_object_set_new(j, s->hellos ? "interval-ms" : "rtt-ms", of);
	}
	js_print(j, false, stdout);
}

void
say_status(const struct say *s, const struct ike_ping_stats *st)
{
	const char *got = s->hellos ? "heard" : "answered";

	if (st->measured > 0)
		report_say(-1, "%u/%u %s, %g%% loss, min/avg/max = %.3f/%.3f/%.3f ms",
		    st->answered, st->sent, got, loss(st), ms(st->min_us),
		    ms(st->sum_us) / st->measured, ms(st->max_us));
	else
		report_say(-1, "%u/%u %s, %g%% loss", st->answered, st->sent, got, loss(st));
}
