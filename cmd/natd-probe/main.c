/* natd-probe: what stands between this end and an IKE gateway, and what the gateway takes. */
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/opt.h"
#include "cli/peer.h"
#include "cli/progress.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "natd_probe.h"
#include "net/clock.h"
#include "net/ifaddr.h"
#include "net/port.h"
#include "net/priv.h"
#include "net/sandbox.h"

struct opts {
	const char	*peer, *local, *id, *user;
	bool		 transforms, sizes, json;
	uint32_t	 timeout_ms, rate, limit_ms;
};

static const struct opt optab[] = {
	OPT_TOOL("find out what stands before an IKE gateway, and what it takes"),
	OPT_USE("[OPTION]... PEER[:PORT]"),
	OPT_FLAG(struct opts, transforms, 0, "transforms",
	    "find all transforms of phase 1 that the peer takes"),
	OPT_FLAG(struct opts, sizes, 0, "sizes", "see whether large packets and fragments pass"),
	OPT_MILLIS(struct opts, timeout_ms, 0, "timeout", "S", 100, 600000,
	    "seconds to wait for an answer, messages being sent again meanwhile"),
	OPT_NUM(struct opts, rate, 0, "rate", "N", 1, 50, "new negotiations in a second, at most"),
	OPT_MILLIS(struct opts, limit_ms, 0, "max-time", "S", 1000, 3600000,
	    "seconds for --transforms"),
	OPT_STR(struct opts, id, 0, "id", "ID",
	    "who to be in aggressive mode; the own address by default"),
	OPT_STR(struct opts, local, 0, "local", "ADDR", "own address to ask from"),
	OPT_STR(struct opts, user, 0, "user", "NAME",
	    "become NAME when the ports are open (root: nobody)"),
	OPT_JSON(struct opts, json),
	OPT_ARG(struct opts, peer, "PEER", "the peer: address or name, and port (500)",
	    .flags = OPT_REQUIRED),
	OPT_END
};

struct run {
	struct ev_loop		*loop;
	struct ports		*ports;
	struct ike_survey	*survey;
	struct ike_survey_conf	 conf;
	struct about		 about;
	struct ev_timer		 timer;
	struct ev_signal	 on_int, on_term;
	uint8_t			 served[SURVEY_PORTS][COOKIE_LEN];
	uint32_t		 unsent;
	struct fault		 why_unsent;
	bool			 told;		/* that the peer has fallen silent */
};

static const uint8_t any[COOKIE_LEN];

static uint64_t
now(void)
{
	return (clock_now(NULL).ms);
}

/* --- what the machine wants --- */

static void
serve(struct run *r)
{
	uint8_t id[COOKIE_LEN];
	struct fault f;
	size_t i;

	for (i = 0; i < SURVEY_PORTS && ike_survey_cookie(r->survey, i, id); i++) {
		if (memcmp(id, r->served[i], COOKIE_LEN) == 0)
			continue;
		if (memcmp(r->served[i], any, COOKIE_LEN) != 0)
			ports_unserve_cookies(r->ports, r->served[i], any);
		memcpy(r->served[i], id, COOKIE_LEN);
		if (memcmp(id, any, COOKIE_LEN) != 0)
			(void)ports_serve_cookies(r->ports, id, any, &f);
	}
}

static void
send_all(struct run *r, struct ike_outbox *out)
{
	struct ike_out *item;

	serve(r);
	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM && item->dgram.len > 0 &&
		    ports_send_ike(r->ports, &item->dgram.local, &item->dgram.remote,
		    span_of(item->dgram.data, item->dgram.len), &r->why_unsent) != 0 &&
		    r->unsent++ == 0)
			report_note(&r->why_unsent);
		ike_out_free(item);
	}
}

static void
show(struct run *r)
{
	const struct ike_survey_result *res = ike_survey_result(r->survey);
	char text[128];

	if (res->waiting_ms != 0 && !r->told) {
		progress_clear();
		report_say(1, "the peer has fallen silent: waiting for it to recover");
	}
	r->told = res->waiting_ms != 0;
	if (!res->searched)
		return;
	(void)snprintf(text, sizeof(text), "%u of %u transforms, %zu taken%s", res->tried,
	    res->to_try, res->n_found, res->waiting_ms != 0 ? ", waiting" : "");
	progress_show(res->tried, res->to_try, text);
}

/* After each step: when to come back, or the end. */
static void
settle(struct run *r, struct ike_outbox *out)
{
	uint64_t deadline, t = now();

	send_all(r, out);
	show(r);
	ev_timer_stop(r->loop, &r->timer);
	if (ike_survey_over(r->survey)) {
		ev_break(r->loop, EVBREAK_ALL);
		return;
	}
	deadline = ike_survey_deadline(r->survey);
	ev_now_update(r->loop);
	ev_timer_set(&r->timer, deadline > t ? (double)(deadline - t) / 1000 : 0., 0.);
	ev_timer_start(r->loop, &r->timer);
}

/* --- what happens --- */

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int events)
{
	struct run *r = w->data;
	struct ike_outbox out = {0};

	(void)loop;
	(void)events;
	ike_survey_timeout(r->survey, now(), &out);
	settle(r, &out);
}

static void
on_ike(void *ctx, const struct port_dgram *d)
{
	struct run *r = ctx;
	struct ike_outbox out = {0};

	ike_survey_datagram(r->survey, now(), &d->remote, span_of(d->p, d->len), &out);
	settle(r, &out);
}

static void
on_unreachable(void *ctx, const struct endpoint *local, const struct endpoint *remote, int err,
    uint32_t mtu)
{
	struct run *r = ctx;
	struct ike_outbox out = {0};

	(void)local;
	if (mtu == 0)
		ike_survey_unreachable(r->survey, now(), remote, err);
	settle(r, &out);
}

static void
on_note(void *ctx, const char *text)
{
	(void)ctx;
	report_say(2, "%s", text);
}

static const struct ports_calls calls = {
	.ike = on_ike, .unreachable = on_unreachable, .note = on_note,
};

static void
on_signal(struct ev_loop *loop, struct ev_signal *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);	/* and what was found so far is told */
}

static void
add_signal(struct run *r, struct ev_signal *w, int number)
{
	ev_signal_init(w, on_signal, number);
	ev_signal_start(r->loop, w);
}

/* --- beginning --- */

/* The port of the standard where it can be had; NAT-D depends on it by the number alone. */
static int
open_port(struct run *r, enum survey_port i, struct fault *f)
{
	static const uint16_t usual[] = {
		[SURVEY_500] = PORT_IKE_DEFAULT, [SURVEY_4500] = PORT_NATT_DEFAULT,
	};
	static const enum port_role roles[] = {
		[SURVEY_500] = PORT_IKE, [SURVEY_4500] = PORT_NATT,
	};
	struct endpoint *local = &r->conf.local[i];

	r->about.asked[i] = true;
	local->port = usual[i];
	if (ports_open(r->ports, local, roles[i], PORTS_BIND_ANY, f) == 0)
		return (0);
	if (f->code != FAULT_PERMISSION && f->code != FAULT_PORT_TAKEN)
		return (-1);
	report_say(1, "not from port %u: %s", usual[i], f->what);
	r->about.odd_port[i] = true;
	local->port = 0;
	return (ports_open(r->ports, local, roles[i], 0, f));
}

static int
find_ends(struct run *r, const struct opts *o, struct fault *f)
{
	struct ike_survey_conf *c = &r->conf;
	struct endpoint local = {0};
	long n;

	if (o->local != NULL && local_parse(&local, o->local, 0, f) != 0)
		return (-1);
	if (local.port != 0)
		return (fault(f, FAULT_USAGE, "--local takes an address and no port"));
	if (peer_resolve(&c->remote[0], o->peer, local.addr.family, PORT_IKE_DEFAULT, f) != 0 ||
	    (local.addr.family == 0 && ports_source(&local.addr, &c->remote[0], 0, f) != 0) ||
	    (n = ifaddr_list(c->own, SURVEY_OWN_MAX, local.addr.family, f)) < 0)
		return (-1);
	c->n_own = (size_t)n;
	c->local[0] = c->local[1] = local;
	c->remote[1] = c->remote[0];
	c->remote[1].port = PORT_NATT_DEFAULT;
	return (0);
}

static int
open_all(struct run *r, const struct opts *o, struct fault *f)
{
	struct ike_survey_conf *c = &r->conf;
	struct ports_opt po = {0};

	c->rand = rand_system;
	c->transforms = o->transforms;
	c->sizes = o->sizes;
	c->timeout_ms = o->timeout_ms;
	c->gap_ms = 1000 / o->rate;
	c->limit_ms = o->limit_ms;
	if (find_ends(r, o, f) != 0)
		return (-1);
	if (o->id == NULL)
		c->id = id_from_addr(&c->local[0].addr);
	else if (id_parse(&c->id, o->id, f) != 0)
		return (-1);
	if ((r->loop = ev_loop_new(0)) == NULL)
		return (fault(f, FAULT_SYSTEM, "no event loop"));
	if ((r->ports = ports_new(r->loop, &po, &calls, r, f)) == NULL)
		return (-1);
	/* Behind that port every message has a marker, so it is one question, not two. */
	if ((c->remote[0].port != PORT_NATT_DEFAULT && open_port(r, SURVEY_500, f) != 0) ||
	    open_port(r, SURVEY_4500, f) != 0)
		return (-1);
	r->survey = ike_survey_new(c, f);
	if (r->survey == NULL)
		return (-1);
	add_signal(r, &r->on_int, SIGINT);
	add_signal(r, &r->on_term, SIGTERM);
	ev_timer_init(&r->timer, on_timer, 0., 0.);
	r->timer.data = r;
	ev_timer_start(r->loop, &r->timer);
	return (0);
}

static enum exit_status
end(struct run *r, const struct opts *o)
{
	const struct ike_survey_result *res = ike_survey_result(r->survey);
	struct fault f = {0};
	char to[ADDR_TEXT];

	r->about.conf = &r->conf;
	r->about.r = res;
	progress_clear();
	if (r->unsent > 0 && r->unsent >= res->sent)
		return (report_fault(&r->why_unsent));
	(o->json ? tell_json : tell_text)(&r->about);
	(void)fflush(stdout);
	if (res->port[0].answered || res->port[1].answered)
		return (EXIT_DONE);
	(void)fault(&f, res->port[0].sys != 0 ? FAULT_UNREACHABLE : FAULT_NO_REPLY,
	    "no answer from %s", addr_text(to, &r->conf.remote[0].addr));
	return (report_fault(&f));
}

int
main(int argc, char *argv[])
{
	struct opts o = { .timeout_ms = 4000, .rate = 4, .limit_ms = 300000 };
	struct run r = {0};
	struct fault f = {0};
	enum exit_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	if (open_all(&r, &o, &f) == 0 && priv_drop(o.user, 0, &f) >= 0 &&
	    sandbox_enter(SANDBOX_NEGOTIATOR, &f) >= 0) {
		ev_run(r.loop, 0);
		status = end(&r, &o);
	} else
		status = report_fault(&f);
	ports_free(r.ports);
	ike_survey_free(r.survey);
	if (r.loop != NULL)
		ev_loop_destroy(r.loop);
	return (status);
}
